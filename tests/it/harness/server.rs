//! Which databases take part, and what is said about those that do not.

use anyhow::{Context, Result, bail, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Database, Executor, Row};
use std::env;
use std::str::FromStr;

/// A database that the tests can run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    Sqlite,
    Postgres,
    MariaDb,
    MySql,
}

/// How it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    Direct(Key),
    /// PostgreSQL behind a pooler, where no two transactions need have the same session.
    PgBouncer,
}

/// A database that the tests do run on.
#[derive(Debug)]
pub struct Server {
    pub key: Key,
    pub door: Door,
    /// Empty for SQLite, which needs none.
    pub url: String,
    pub version: String,
}

impl Server {
    /// The first number of the version.
    pub fn major(&self) -> u32 {
        let number = self.version.split('.').next().unwrap_or_default();
        number.parse().unwrap_or_default()
    }
}

impl Door {
    const ALL: [Self; 5] = [
        Self::Direct(Key::Sqlite),
        Self::Direct(Key::Postgres),
        Self::Direct(Key::MariaDb),
        Self::Direct(Key::MySql),
        Self::PgBouncer,
    ];

    /// How the environment and the names of tests call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct(Key::Sqlite) => "sqlite",
            Self::Direct(Key::Postgres) => "postgres",
            Self::Direct(Key::MariaDb) => "mariadb",
            Self::Direct(Key::MySql) => "mysql",
            Self::PgBouncer => "pgbouncer",
        }
    }

    /// The words in a test's list that mean this database.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let dialect = (self == Self::Direct(Key::MariaDb)).then_some("mysql");
        std::iter::once(self.word()).chain(dialect)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Direct(Key::Sqlite) => "SQLite",
            Self::Direct(Key::Postgres) => "PostgreSQL",
            Self::Direct(Key::MariaDb) => "MariaDB",
            Self::Direct(Key::MySql) => "MySQL",
            Self::PgBouncer => "PgBouncer",
        }
    }

    fn url_variable(self) -> Option<&'static str> {
        match self {
            Self::Direct(Key::Sqlite) => None,
            Self::Direct(Key::Postgres) => Some("UPSERT_POSTGRES_URL"),
            Self::Direct(Key::MariaDb) => Some("UPSERT_MARIADB_URL"),
            Self::Direct(Key::MySql) => Some("UPSERT_MYSQL_URL"),
            Self::PgBouncer => Some("UPSERT_PGBOUNCER_URL"),
        }
    }
}

/// The databases that `variable` lists, or `None` when it is not set.
fn listed(variable: &str) -> Result<Option<Vec<Door>>> {
    let Ok(words) = env::var(variable) else {
        return Ok(None);
    };
    let words = words
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let keys = words.map(|word| {
        let door = Door::ALL.into_iter().find(|door| door.word() == word);
        door.with_context(|| {
            format!("{variable} names `{word}`, which is none of sqlite, postgres, mariadb, mysql, pgbouncer")
        })
    });
    keys.collect::<Result<_>>().map(Some)
}

/// The databases whose absence is a failure.
fn required() -> Result<Vec<Door>> {
    let in_ci = env::var_os("CI").map(|_| {
        [Key::Sqlite, Key::Postgres, Key::MariaDb]
            .map(Door::Direct)
            .to_vec()
    });
    Ok(listed("UPSERT_REQUIRE")?.or(in_ci).unwrap_or_default())
}

/// Finds the databases to run on. Each that is left out is named on stderr, and is an error if it is required.
pub async fn find() -> Result<Vec<Server>> {
    let only = listed("UPSERT_ONLY")?;
    let required = required()?;
    let mut servers = Vec::new();
    for door in Door::ALL {
        let left_out = if only.as_ref().is_some_and(|only| !only.contains(&door)) {
            "UPSERT_ONLY does not name it".to_owned()
        } else {
            match door
                .url_variable()
                .map(|variable| (variable, env::var(variable)))
            {
                Some((variable, Err(_))) => format!("set {variable}, or run cargo xtask test"),
                Some((variable, Ok(url))) => match reach(door, url).await {
                    Ok(server) => {
                        servers.push(server);
                        continue;
                    }
                    Err(error) => format!("the server of {variable} cannot be used: {error:#}"),
                },
                None => {
                    servers.push(reach(door, String::new()).await?);
                    continue;
                }
            }
        };
        ensure!(
            !required.contains(&door),
            "{} is required: {left_out}",
            door.name()
        );
        eprintln!("left out: {} ({left_out})", door.name());
    }
    Ok(servers)
}

/// Connects, asks for the version, and makes sure that it is the database it should be.
async fn reach(door: Door, url: String) -> Result<Server> {
    let key = match door {
        Door::Direct(key) => key,
        Door::PgBouncer => Key::Postgres,
    };
    let version = match door {
        Door::Direct(Key::Sqlite) => {
            ask::<sqlx::Sqlite>("sqlite::memory:", "SELECT sqlite_version()").await?
        }
        Door::Direct(Key::Postgres) => ask::<sqlx::Postgres>(&url, "SHOW server_version").await?,
        Door::Direct(Key::MariaDb | Key::MySql) => {
            ask::<sqlx::MySql>(&url, "SELECT VERSION()").await?
        }
        Door::PgBouncer => ask_pooler(&url).await?,
    };
    let is_mariadb = version.contains("MariaDB");
    if key == Key::MariaDb && !is_mariadb || key == Key::MySql && is_mariadb {
        bail!("it is version {version}, which is not {}", door.name());
    }
    let number = version.split([' ', '-']).next().unwrap_or_default();
    Ok(Server {
        key,
        door,
        url,
        version: number.to_owned(),
    })
}

async fn ask<DB>(url: &str, sql: &'static str) -> Result<String>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: sqlx::IntoArguments<DB>,
    (String,): for<'r> sqlx::FromRow<'r, DB::Row>,
{
    let mut conn = DB::Connection::connect(url).await?;
    let mut versions: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await?;
    conn.close().await?;
    versions.pop().context("the server tells no version")
}

/// PgBouncer tells its version in a database of its own, which knows no prepared statements.
async fn ask_pooler(url: &str) -> Result<String> {
    let console = PgConnectOptions::from_str(url)?.database("pgbouncer");
    let mut conn = PgConnection::connect_with(&console).await?;
    let rows = sqlx::raw_sql("SHOW VERSION").fetch_all(&mut conn).await?;
    conn.close().await?;
    let row = rows.first().context("the pooler tells no version")?;
    let version: String = row.try_get_unchecked(0)?;
    Ok(version.trim_start_matches("PgBouncer ").to_owned())
}
