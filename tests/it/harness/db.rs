//! A database of a test's own: a file (SQLite), a schema (PostgreSQL) or a database (MySQL, MariaDB).

use anyhow::{Context, Result};
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlConnection};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database, FromRow, Pool};
use std::future::Future;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use upsert::Dialect;

use super::ddl;
use super::server::{Door, Key, Server};

type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// What a test works on.
pub struct Db<DB: Database> {
    pub pool: Pool<DB>,
    pub server: Arc<Server>,
    /// The schema or database, or the folder of the file.
    pub name: String,
    options: Options<DB>,
}

/// How a database of a test's own comes and goes.
pub trait Room: Dialect {
    const SERVERS: &'static [Key];

    fn create(server: &Server, name: &str) -> impl Future<Output = Result<Options<Self>>> + Send;

    fn remove(server: &Server, name: &str) -> impl Future<Output = Result<()>> + Send;
}

impl<DB: Room> Db<DB> {
    pub async fn create(server: Arc<Server>, name: String) -> Result<Self> {
        let options = DB::create(&server, &name).await?;
        let pool = pool(5, &options);
        Ok(Self {
            pool,
            server,
            name,
            options,
        })
    }

    /// A second pool, of `size` connections.
    pub fn pool_of(&self, size: u32) -> Pool<DB> {
        pool(size, &self.options)
    }

    /// A connection outside every pool.
    pub async fn connect(&self) -> Result<DB::Connection> {
        Ok(self.options.connect().await?)
    }

    /// How connections of this test are made.
    pub fn options(&self) -> Options<DB> {
        self.options.clone()
    }

    /// A name in the quotes of this database.
    pub fn quote(&self, name: &str) -> String {
        ddl::quote(self.server.key, name)
    }

    /// Writes SQL for this database: names stand in double quotes, types as `ddl` has them.
    pub fn sql(&self, sql: &str) -> String {
        ddl::fill(self.server.key, sql)
    }
}

fn pool<DB: Database>(size: u32, options: &Options<DB>) -> Pool<DB> {
    PoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.clone())
}

/// The helpers that send SQL; sqlx wants to know the database for that.
macro_rules! helpers {
    ($($database:ty),*) => {$(
        impl Db<$database> {
            /// Runs statements, written for this database first.
            pub async fn run(&self, sql: &str) -> Result<()> {
                self.run_as_it_is(&self.sql(sql)).await
            }

            /// Runs statements on a connection of their own: one of the pool may remember an index of SQLite that another
            /// has dropped since, and says that it cannot be created again.
            pub async fn run_as_it_is(&self, sql: &str) -> Result<()> {
                let mut conn = self.connect().await?;
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await;
                done.with_context(|| sql.to_owned())?;
                Ok(conn.close().await?)
            }

            /// All rows of a query.
            pub async fn all<T>(&self, sql: &str) -> Result<Vec<T>>
            where
                T: for<'r> FromRow<'r, <$database as Database>::Row> + Send + Unpin,
            {
                let sql = self.sql(sql);
                let rows = sqlx::query_as(AssertSqlSafe(sql.clone())).fetch_all(&self.pool).await;
                rows.with_context(|| sql)
            }

            /// The one value that a query gives.
            pub async fn one<T>(&self, sql: &str) -> Result<T>
            where
                (T,): for<'r> FromRow<'r, <$database as Database>::Row>,
                T: Send + Unpin,
            {
                let mut rows = self.all::<(T,)>(sql).await?;
                anyhow::ensure!(rows.len() == 1, "{} rows instead of one: {sql}", rows.len());
                Ok(rows.remove(0).0)
            }

            /// The number of rows of a table.
            pub async fn count(&self, table: &str) -> Result<i64> {
                self.one(&format!("SELECT COUNT(*) FROM \"{table}\"")).await
            }
        }
    )*};
}
helpers!(Postgres, Sqlite, MySql);

impl Room for Sqlite {
    const SERVERS: &'static [Key] = &[Key::Sqlite];

    /// A file, since two connections are to see the same rows. The journal is sqlx's default; only the wait for the disk is
    /// left out.
    async fn create(_: &Server, name: &str) -> Result<SqliteConnectOptions> {
        let folder = folder(name);
        std::fs::create_dir_all(&folder)?;
        Ok(SqliteConnectOptions::new()
            .filename(folder.join("test.db"))
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Off))
    }

    async fn remove(_: &Server, name: &str) -> Result<()> {
        Ok(std::fs::remove_dir_all(folder(name))?)
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(name)
}

impl Room for Postgres {
    const SERVERS: &'static [Key] = &[Key::Postgres];

    /// A schema; or a database, where a pooler would forget the schema from one transaction to the next.
    async fn create(server: &Server, name: &str) -> Result<PgConnectOptions> {
        let mut conn = PgConnection::connect(&server.url).await?;
        let options = PgConnectOptions::from_str(&server.url)?;
        let (sql, options) = match server.door {
            Door::PgBouncer => {
                let sql = format!("CREATE DATABASE {name}");
                (sql, options.database(name))
            }
            _ => {
                let search_path = format!("{name},public");
                let options = options.options([("search_path", search_path)]);
                (format!("CREATE SCHEMA {name}"), options)
            }
        };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
        conn.close().await?;
        Ok(options)
    }

    async fn remove(server: &Server, name: &str) -> Result<()> {
        let mut conn = PgConnection::connect(&server.url).await?;
        let sql = match server.door {
            // The pooler is still connected.
            Door::PgBouncer => format!("DROP DATABASE {name} WITH (FORCE)"),
            _ => format!("SET client_min_messages = warning; DROP SCHEMA {name} CASCADE"),
        };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
        Ok(conn.close().await?)
    }
}

impl Room for MySql {
    const SERVERS: &'static [Key] = &[Key::MariaDb, Key::MySql];

    async fn create(server: &Server, name: &str) -> Result<MySqlConnectOptions> {
        let mut conn = MySqlConnection::connect(&server.url).await?;
        let sql = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
        conn.close().await?;
        Ok(MySqlConnectOptions::from_str(&server.url)?.database(name))
    }

    async fn remove(server: &Server, name: &str) -> Result<()> {
        let mut conn = MySqlConnection::connect(&server.url).await?;
        let sql = format!("DROP DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
        Ok(conn.close().await?)
    }
}
