use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update_where(new.version > old.version))]
    version: i64,
}

fn main() {}
