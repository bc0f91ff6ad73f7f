use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "verison")]
struct User {
    email: String,
    version: i64,
}

fn main() {}
