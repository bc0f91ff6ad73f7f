//! The database: how it is opened, its tables, and whether they are what the structs need.

use anyhow::Context;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Pool, Postgres, SqlSafeStr, Sqlite};
use std::str::FromStr;
use std::time::Duration;
use upsert::{Dialect, UpsertModels};

use crate::models::{Product, Tag, User};

/// How long a statement waits for a lock. Then the client is told to come again.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A database that the service can run on: what differs between them, beyond what `upsert` knows of it.
pub trait Backend: Dialect<Connection: Migrate> {
    /// How a connection is made.
    fn options(url: &str) -> Result<<Self::Connection as Connection>::Options, sqlx::Error>;

    /// The scripts that make the tables, in their order.
    const MIGRATIONS: [(&'static str, &'static str); 2];
}

impl Backend for Postgres {
    fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
        let timeout = format!("{}ms", LOCK_TIMEOUT.as_millis());
        Ok(PgConnectOptions::from_str(url)?.options([("lock_timeout", timeout)]))
    }

    const MIGRATIONS: [(&'static str, &'static str); 2] = [
        ("users", include_str!("../migrations/postgres/1_users.sql")),
        (
            "products and tags",
            include_str!("../migrations/postgres/2_products_and_tags.sql"),
        ),
    ];
}

impl Backend for Sqlite {
    fn options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
        Ok(SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            // Readers do not wait for the writer.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(LOCK_TIMEOUT))
    }

    const MIGRATIONS: [(&'static str, &'static str); 2] = [
        ("users", include_str!("../migrations/sqlite/1_users.sql")),
        (
            "products and tags",
            include_str!("../migrations/sqlite/2_products_and_tags.sql"),
        ),
    ];
}

/// Connects, brings the tables up to date, and makes sure that they are what the structs need.
pub async fn open<DB: Backend>(url: &str) -> anyhow::Result<Pool<DB>>
where
    User: UpsertModels<DB>,
    Product: UpsertModels<DB>,
    Tag: UpsertModels<DB>,
{
    let options = DB::options(url).context("DATABASE_URL cannot be read")?;
    let pool = PoolOptions::new()
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await
        .context("the database of DATABASE_URL cannot be reached")?;
    migrator::<DB>().run(&pool).await?;
    let report = upsert::check_schema!(&pool; User, Product, Tag).await?;
    for finding in report.findings() {
        tracing::warn!("{finding}");
    }
    Ok(pool)
}

/// As `sqlx::migrate!` would make it, were there one folder for all databases.
fn migrator<DB: Backend>() -> Migrator {
    let migrations = (1..).zip(DB::MIGRATIONS).map(|(version, (name, sql))| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
