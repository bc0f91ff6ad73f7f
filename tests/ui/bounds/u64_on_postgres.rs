use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    visits: u64,
}

async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
