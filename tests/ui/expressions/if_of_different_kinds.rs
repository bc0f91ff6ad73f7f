use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if old.count > 0 { old.count } else { "none" })]
    count: i64,
}

fn main() {}
