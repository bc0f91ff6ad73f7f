use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn upsert(users: &[Option<User>], pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_all(users, pool).await
}

fn main() {}
