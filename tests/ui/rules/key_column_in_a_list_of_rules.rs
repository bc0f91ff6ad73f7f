use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", coalesce = "email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
