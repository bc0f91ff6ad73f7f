use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "")]
struct User {
    email: String,
    name: String,
}

fn main() {}
