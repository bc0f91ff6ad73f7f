use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "match")]
struct User {
    email: String,
    name: String,
}

fn main() {}
