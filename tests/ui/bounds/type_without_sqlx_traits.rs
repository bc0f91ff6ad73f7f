use upsert::Upsert;

struct Color;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    color: Color,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
