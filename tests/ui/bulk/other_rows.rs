use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

struct NewUser {
    email: String,
}

async fn upsert(users: &[NewUser], pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_all(users, pool).await
}

fn main() {}
