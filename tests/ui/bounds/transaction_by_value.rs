use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(
    user: &User,
    tx: sqlx::Transaction<'_, sqlx::Postgres>,
) -> Result<User, upsert::Error> {
    user.upsert(tx).await
}

fn main() {}
