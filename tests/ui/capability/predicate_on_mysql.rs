use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", conflict_where = "deleted_at IS NULL")]
struct User {
    email: String,
    deleted_at: Option<i64>,
}

async fn save(user: &User, pool: &sqlx::MySqlPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
