use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: Option<String>,
    name: String,
}

fn main() {}
