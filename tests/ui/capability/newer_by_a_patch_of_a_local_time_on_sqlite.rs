use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", newer = "seen_at")]
struct User {
    email: String,
    seen_at: upsert::Patch<chrono::DateTime<chrono::Local>>,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
