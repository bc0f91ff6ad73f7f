//! The story in a dozen lines, on SQLite in memory: `cargo run --example quickstart`.

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqlitePoolOptions;
use upsert::{Upsert, Upserted};

#[derive(Debug, Clone, Upsert)]
#[upsert(conflict = "email", accumulate = "stock", coalesce = "age")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    age: Option<i32>,
    stock: i64,
    #[upsert(insert_only, now)]
    created_at: DateTime<Utc>,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

const TABLE: &str = "CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    age INTEGER,
    stock INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query(TABLE).execute(&pool).await?;

    let mut user = User {
        id: 0,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        age: Some(36),
        stock: 100,
        created_at: Utc::now(),
        updated_at: Utc::now(),
    };
    let row = user.upsert(&pool).await?;
    println!(
        "inserted:      id {}, name {}, age {:?}, stock {}",
        row.id, row.name, row.age, row.stock
    );

    user.name = "Ada Lovelace".to_owned();
    user.age = None;
    user.stock = 50;
    let Upserted { row, action } = user.upsert(&pool).with_action().await?;
    println!(
        "{action:?}:       id {}, name {}, age {:?}, stock {}",
        row.id, row.name, row.age, row.stock
    );
    println!(
        "{}",
        User::sql::<sqlx::Sqlite>()
            .get("upsert_returning")
            .unwrap_or_default()
    );
    let fresh = user.insert_if_absent(&pool).await?;
    let got = user.get_or_insert(&pool).await?;
    println!("{fresh} {got:?} {}", user.upsert(&pool).execute().await?);
    Ok(())
}
