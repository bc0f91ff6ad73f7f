use upsert::Upsert;

#[derive(Upsert)]
#[upsert = "email"]
struct User {
    email: String,
}

fn main() {}
