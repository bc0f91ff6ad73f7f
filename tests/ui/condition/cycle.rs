use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(new.major > old.major || new.minor > old.minor))]
struct User {
    email: String,
    major: i64,
    minor: i64,
}

fn main() {}
