use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email, email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
