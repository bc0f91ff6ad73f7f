use upsert::Upsert;

#[derive(Upsert)]

struct User {
    email: String,
    name: String,
}

fn main() {}
