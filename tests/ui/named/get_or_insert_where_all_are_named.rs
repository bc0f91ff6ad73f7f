use upsert::Upsert;

#[derive(Upsert)]
#[upsert(name = "record_login", conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::PgPool) -> Result<User, upsert::Error> {
    Ok(user.get_or_insert(pool).await?.row)
}

fn main() {}
