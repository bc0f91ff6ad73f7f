use upsert::Upsert;

mod sqlx_0_8 {
    pub struct PgPool;
}

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx_0_8::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
