use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if let Some(count) = new.count { count } else { old.count })]
    count: Option<i64>,
}

fn main() {}
