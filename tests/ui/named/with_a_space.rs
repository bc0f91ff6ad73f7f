use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record login")]
struct User {
    email: String,
    name: String,
}

fn main() {}
