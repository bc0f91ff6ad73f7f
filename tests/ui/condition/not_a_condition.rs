use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(new.version))]
struct User {
    email: String,
    version: i64,
}

fn main() {}
