use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::AnyPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
