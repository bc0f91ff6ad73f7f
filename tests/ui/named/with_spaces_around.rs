use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = " record_login ")]
struct User {
    email: String,
    name: String,
}

fn main() {}
