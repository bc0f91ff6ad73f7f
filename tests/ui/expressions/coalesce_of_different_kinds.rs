use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = coalesce(new.count, "none"))]
    count: Option<i64>,
}

fn main() {}
