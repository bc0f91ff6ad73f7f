use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "rename", constraint = "uq_users_email", conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.rename(pool).await
}

fn main() {}
