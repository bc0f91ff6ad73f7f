use upsert::Upsert;

#[derive(Upsert)]
#[upsert(name = "record_login", conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn upsert(users: &[User], pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_all(users, pool).await
}

fn main() {}
