use upsert::Upsert;

struct Account {
    email: String,
}

#[derive(Upsert)]
#[upsert(conflict = "email", returning = Account)]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<Account, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
