use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "name")]
struct User {
    email: String,
    name: Option<String>,
}

fn main() {}
