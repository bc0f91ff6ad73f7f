//! The functions that a service keeps around its users: `cargo run --example user_service`.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use upsert::{Upsert, Upserted};

#[derive(Debug, Upsert)]
#[upsert(conflict = "email", coalesce = "age")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    /// Kept when it is not given.
    age: Option<i32>,
    #[upsert(now, insert_only)]
    created_at: DateTime<Utc>,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

impl User {
    /// A user as the outside gives it; the rest comes from the database.
    fn new(email: &str, name: &str, age: Option<i32>) -> Self {
        Self {
            id: 0,
            email: email.to_owned(),
            name: name.to_owned(),
            age,
            created_at: DateTime::default(),
            updated_at: DateTime::default(),
        }
    }
}

/// All that this service does with users.
struct UserService {
    pool: SqlitePool,
}

impl UserService {
    /// Creates the user, or updates the one with this email.
    async fn create_or_update(&self, user: &User) -> Result<Upserted<User>, upsert::Error> {
        user.upsert(&self.pool).with_action().await
    }

    /// Creates the user unless the email is taken; says whether it did.
    async fn create_if_missing(&self, user: &User) -> Result<bool, upsert::Error> {
        user.insert_if_absent(&self.pool).await
    }

    /// The user with this email, created if need be.
    async fn find_or_create(&self, user: &User) -> Result<User, upsert::Error> {
        Ok(user.get_or_insert(&self.pool).await?.row)
    }

    /// Several users in one transaction: all of them, or none. The error is sqlx's, into which ours turns.
    async fn import(&self, users: &[User]) -> Result<(), sqlx::Error> {
        User::upsert_all(users, &self.pool).find_culprit().await?;
        Ok(())
    }
}

const USERS: &str = "CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL CHECK (name <> ''),
    age INTEGER,
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
    let service = UserService { pool };

    for user in [
        User::new("ada@example.com", "Ada", Some(36)),
        User::new("ada@example.com", "Ada Lovelace", None),
    ] {
        let Upserted { row, action } = service.create_or_update(&user).await?;
        println!(
            "create_or_update   {action:?}: {}, age {:?}, updated {} ms after the creation",
            row.name,
            row.age,
            (row.updated_at - row.created_at).num_milliseconds()
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    let bob = User::new("bob@example.com", "Bob", None);
    println!(
        "create_if_missing  {}",
        service.create_if_missing(&bob).await?
    );
    println!(
        "create_if_missing  {}",
        service.create_if_missing(&bob).await?
    );

    let robert = User::new("bob@example.com", "Robert", None);
    let found = service.find_or_create(&robert).await?;
    println!("find_or_create     user {}, {}", found.id, found.name);

    let nameless = User::new("eve@example.com", "", None);
    if let Err(error) = service.import(&[robert, nameless]).await {
        println!("import             {error}");
    }
    let found = service.find_or_create(&bob).await?;
    println!("find_or_create     user {}, {}", found.id, found.name);
    Ok(())
}
