use upsert::Upsert;

#[derive(Debug, Upsert)]
#[upsert(conflict = "emial")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<String, upsert::Error> {
    let row = user.upsert(pool).with_action().await?.row;
    Ok(row.name)
}

fn main() {}
