use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "major, minor")]
struct User {
    email: String,
    major: i64,
    minor: i64,
}

fn main() {}
