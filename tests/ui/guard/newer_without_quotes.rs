use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = version)]
struct User {
    email: String,
    version: i64,
}

fn main() {}
