use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login", returning = "name", set(nmae = new.name))]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::PgPool) -> Result<String, upsert::Error> {
    user.record_login(pool).await
}

fn main() {}
