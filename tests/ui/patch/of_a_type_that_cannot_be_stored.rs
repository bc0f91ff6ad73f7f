use upsert::{Patch, Upsert};

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    visits: Patch<u64>,
}

async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
