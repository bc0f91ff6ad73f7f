use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn upsert(names: Vec<String>, pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
    User::upsert_stream(futures_util::stream::iter(names), pool).await
}

fn main() {}
