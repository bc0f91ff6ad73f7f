use upsert::Upsert;

use std::cell::Cell;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(skip)]
    cache: Cell<i64>,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
