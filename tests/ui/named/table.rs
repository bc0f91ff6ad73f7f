use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login", table = "people")]
struct User {
    email: String,
    name: String,
}

fn main() {}
