use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", constraint = "uq_users_email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
