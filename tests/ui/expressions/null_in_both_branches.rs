use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if old.count > 0 { null } else { null })]
    count: Option<i64>,
}

fn main() {}
