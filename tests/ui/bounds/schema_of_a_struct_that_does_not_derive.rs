struct User {
    email: String,
}

async fn start(pool: &sqlx::PgPool) -> Result<(), upsert::Error> {
    upsert::check_schema!(pool; User).await?;
    Ok(())
}

fn main() {}
