use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[sqlx(default)]
    age: i64,
}

fn main() {}
