//! What an upsert does, on SQLite in memory: `cargo run --example quickstart`.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{Sqlite, SqlitePoolOptions};
use upsert::{Upsert, Upserted};

#[derive(Debug, Clone, Upsert)]
#[upsert(conflict = "email", accumulate = "stock", coalesce = "age")]
struct User {
    /// Made by the database.
    #[upsert(generated)]
    id: i64,
    email: String,
    /// Replaced by the new value, as a column without a rule is.
    name: String,
    age: Option<i32>,
    stock: i64,
    /// Written once.
    #[upsert(insert_only)]
    created_at: DateTime<Utc>,
    /// The database's clock, at insert and at update.
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

const USERS: &str = "CREATE TABLE users (
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
    // A database in memory belongs to its connection, so the pool has just one.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query(USERS).execute(&pool).await?;

    let ada = User {
        id: 0,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        age: Some(36),
        stock: 100,
        created_at: Utc::now(),
        updated_at: Utc::now(),
    };
    tell("upsert, a new row", &ada.upsert(&pool).await?);

    // The same email: the name is replaced, the age is kept for want of a new one, the stock is added up.
    let countess = User {
        name: "Ada Lovelace".to_owned(),
        age: None,
        stock: 50,
        ..ada.clone()
    };
    let Upserted { row, action } = countess.upsert(&pool).with_action().await?;
    tell(&format!("upsert again: {action:?}"), &row);

    let Upserted { row, action } = ada.get_or_insert(&pool).await?;
    tell(&format!("get_or_insert: {action:?}"), &row);

    let rows = countess.upsert(&pool).execute().await?;
    println!("{:<26} {rows} row", "upsert, only counted");

    let inserted = ada.insert_if_absent(&pool).await?;
    println!("{:<26} {inserted}", "insert_if_absent");

    println!("\nThe statement behind it, written while compiling:");
    let statements = User::sql::<Sqlite>();
    let sql = statements.get("upsert_returning").unwrap_or_default();
    println!(
        "{}",
        sql.replace(" ON CONFLICT", "\nON CONFLICT")
            .replace(" RETURNING", "\nRETURNING")
    );
    Ok(())
}

fn tell(what: &str, user: &User) {
    let at = user.updated_at.format("%H:%M:%S%.3f");
    println!(
        "{what:<26} id {}, {}, age {:?}, stock {}, updated at {at}",
        user.id, user.name, user.age, user.stock
    );
}
