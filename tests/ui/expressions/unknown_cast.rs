use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = cast(new.count, "varchar"))]
    log: String,
    count: i64,
}

fn main() {}
