use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(logins = old.logins + new.by))]
#[upsert(name = "count_login", conflict = "email", set(logins = old.logins + new.by))]
struct User {
    email: String,
    logins: i64,
    #[upsert(param)]
    by: i64,
}

async fn upsert(users: &[User], pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_all(users, pool).await?;
    User::count_login_all(users, pool).await
}

fn main() {}
