use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[sqlx(renam = "years")]
    age: i64,
}

fn main() {}
