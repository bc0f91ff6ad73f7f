use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(
    user: &User,
    tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
) -> Result<User, upsert::Error> {
    user.upsert(tx).await?;
    user.upsert(tx).await
}

fn main() {}
