use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify)]
struct User {
    email: String,
}

fn main() {}
