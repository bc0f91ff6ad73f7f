use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn upsert(users: Vec<User>, pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_stream(users, pool).await
}

fn main() {}
