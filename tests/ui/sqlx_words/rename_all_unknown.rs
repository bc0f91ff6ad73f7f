use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[sqlx(rename_all = "Title Case")]
struct User {
    email: String,
    age: i64,
}

fn main() {}
