use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.count + (new.count > 0))]
    count: i64,
}

fn main() {}
