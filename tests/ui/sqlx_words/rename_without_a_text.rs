use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[sqlx(rename)]
    age: i64,
}

fn main() {}
