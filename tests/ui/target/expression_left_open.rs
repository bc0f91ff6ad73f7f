use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "lower(email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
