//! Counts logins, and tells a first visit from a return: `cargo run --example login_counter`.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use upsert::{Action, Upsert, Upserted};

/// A user logs in: the first login creates the row, each further one adds 1 to its counter.
#[derive(Debug, Upsert)]
#[upsert(table = "users", conflict = "email")]
struct Login {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    #[upsert(update = old.login_count + 1)]
    login_count: i64,
    #[upsert(now)]
    last_login: DateTime<Utc>,
}

impl Login {
    fn new(email: &str, name: &str) -> Self {
        Self {
            id: 0, // comes from the database
            email: email.to_owned(),
            name: name.to_owned(),
            login_count: 1,                  // what a new row begins with
            last_login: DateTime::default(), // comes from the database, too
        }
    }
}

const USERS: &str = "CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    login_count INTEGER NOT NULL,
    last_login TEXT NOT NULL
)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A database in memory belongs to its connection, so the pool has just one.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query(USERS).execute(&pool).await?;

    for (email, name) in [
        ("ada@example.com", "Ada"),
        ("bob@example.com", "Bob"),
        ("ada@example.com", "Ada"),
        ("ada@example.com", "Ada Lovelace"),
        ("bob@example.com", "Bob"),
    ] {
        println!("{}", greet(&pool, email, name).await?);
    }
    Ok(())
}

async fn greet(pool: &SqlitePool, email: &str, name: &str) -> Result<String, upsert::Error> {
    let Upserted { row, action } = Login::new(email, name).upsert(pool).with_action().await?;
    let Login {
        id,
        name,
        login_count,
        last_login,
        ..
    } = row;
    let greeting = match action {
        Action::Inserted => format!("Welcome, {name}! You are user {id}."),
        Action::Updated | Action::Unchanged => {
            format!("Welcome back, {name}! This is login {login_count}.")
        }
    };
    Ok(format!("{} {greeting}", last_login.format("%H:%M:%S%.3f")))
}
