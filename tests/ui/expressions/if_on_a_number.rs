use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if old.count { 0 } else { new.count })]
    count: i64,
}

fn main() {}
