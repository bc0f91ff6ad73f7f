use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = cast(new.count, text))]
    log: String,
    count: i64,
}

fn main() {}
