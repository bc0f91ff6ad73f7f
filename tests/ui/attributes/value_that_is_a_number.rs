use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = 5)]
struct User {
    email: String,
}

fn main() {}
