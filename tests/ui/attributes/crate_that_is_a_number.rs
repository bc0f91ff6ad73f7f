use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", crate = 5)]
struct User {
    email: String,
}

fn main() {}
