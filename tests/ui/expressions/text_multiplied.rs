use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.count * new.email)]
    count: i64,
}

fn main() {}
