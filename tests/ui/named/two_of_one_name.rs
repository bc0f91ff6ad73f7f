use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login")]
#[upsert(name = "record_login", returning = "name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
