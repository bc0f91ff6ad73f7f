use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", nulls_not_distinct)]
struct User {
    email: Option<String>,
    name: String,
}

async fn save(user: &User, pool: &sqlx::MySqlPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
