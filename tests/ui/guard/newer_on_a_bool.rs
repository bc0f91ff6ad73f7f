use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "active")]
struct User {
    email: String,
    active: bool,
}

fn main() {}
