use upsert::Upsert;

use std::rc::Rc;

#[derive(Default)]
struct Cache(Rc<i64>);

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(skip)]
    cache: Cache,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
