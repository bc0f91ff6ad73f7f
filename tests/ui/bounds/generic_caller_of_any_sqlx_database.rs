use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save<DB: sqlx::Database>(
    user: &User,
    pool: &sqlx::Pool<DB>,
) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
