use upsert::Upsert;

#[derive(serde::Serialize)]
struct Address {
    city: String,
}

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(json)]
    address: Option<Address>,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
