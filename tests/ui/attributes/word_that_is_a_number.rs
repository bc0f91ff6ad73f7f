use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", 5)]
struct User {
    email: String,
}

fn main() {}
