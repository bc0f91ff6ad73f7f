use upsert::Upsert;

struct User {
    email: String,
}

async fn save(user: User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
