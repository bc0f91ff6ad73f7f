use upsert::Upsert;

#[derive(Upsert)]
#[upsert(name = "record_login", conflict = "email")]
#[upsert(insert_only = "name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
