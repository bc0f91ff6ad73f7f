use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflct = "email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
