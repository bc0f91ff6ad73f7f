use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(logins = old.logins + new.by))]
struct User {
    email: String,
    logins: i64,
    #[upsert(param)]
    by: i64,
}

async fn upsert(users: Vec<User>, pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_stream(futures_util::stream::iter(users), pool).await
}

fn main() {}
