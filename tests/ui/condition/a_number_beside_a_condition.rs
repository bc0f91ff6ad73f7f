use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(new.version > old.version && new.count))]
struct User {
    email: String,
    version: i64,
    count: i64,
}

fn main() {}
