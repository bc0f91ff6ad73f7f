use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.other + 1)]
    count: i64,
    #[upsert(update = old.count + 1)]
    other: i64,
}

fn main() {}
