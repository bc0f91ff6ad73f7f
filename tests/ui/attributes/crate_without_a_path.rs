use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", crate)]
struct User {
    email: String,
}

fn main() {}
