use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", update_where(coalesce(new.seen_at, old.seen_at) > coalesce(old.seen_at, new.seen_at)))]
struct User {
    email: String,
    seen_at: chrono::DateTime<chrono::Local>,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
