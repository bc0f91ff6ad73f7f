use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql(postgres = "{old.tags} || {new.tags}"))]
    tags: String,
}

async fn save(user: &User, pool: &sqlx::MySqlPool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
