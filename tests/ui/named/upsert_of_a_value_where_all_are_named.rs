use upsert::Upsert;

#[derive(Upsert)]
#[upsert(name = "record_login", conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
