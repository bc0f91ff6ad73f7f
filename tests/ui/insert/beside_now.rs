use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(now, insert = 0)]
    updated_at: i64,
}

fn main() {}
