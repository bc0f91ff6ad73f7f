use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login", generated = "id")]
struct User {
    id: i64,
    email: String,
    name: String,
}

fn main() {}
