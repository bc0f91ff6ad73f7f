use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning(Account, "email"))]
struct User {
    email: String,
    name: String,
}

fn main() {}
