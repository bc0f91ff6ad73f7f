use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    visits: u64,
}

async fn start(pool: &sqlx::PgPool) -> Result<(), upsert::Error> {
    User::check_schema(pool).await?;
    Ok(())
}

fn main() {}
