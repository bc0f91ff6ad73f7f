use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(new.version > old.version))]
struct User {
    email: String,
    #[upsert(update = old.before + 1)]
    version: i64,
    before: i64,
}

fn main() {}
