use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if new.count > 0 { new.count })]
    count: i64,
}

fn main() {}
