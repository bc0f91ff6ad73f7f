use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[sqlx(try_from = "i64")]
    age: u64,
}

fn main() {}
