use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(
    user: &User,
    conn: sqlx::pool::PoolConnection<sqlx::Sqlite>,
) -> Result<User, upsert::Error> {
    user.upsert(conn).await
}

fn main() {}
