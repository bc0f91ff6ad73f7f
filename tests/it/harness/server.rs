//! Which databases take part, and what is said about those that do not.

use anyhow::{Context, Result, bail, ensure};
use sqlx::{Connection, Database, Executor};
use std::env;

/// A database that the tests can run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    Sqlite,
    Postgres,
    MariaDb,
    MySql,
}

/// A database that the tests do run on.
#[derive(Debug)]
pub struct Server {
    pub key: Key,
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

impl Key {
    const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::MariaDb, Self::MySql];

    /// How the environment and the names of tests call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
        }
    }

    /// The words in a test's list that mean this database.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let dialect = (self == Self::MariaDb).then_some("mysql");
        std::iter::once(self.word()).chain(dialect)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        }
    }

    fn url_variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("UPSERT_POSTGRES_URL"),
            Self::MariaDb => Some("UPSERT_MARIADB_URL"),
            Self::MySql => Some("UPSERT_MYSQL_URL"),
        }
    }
}

/// The databases that `variable` lists, or `None` when it is not set.
fn listed(variable: &str) -> Result<Option<Vec<Key>>> {
    let Ok(words) = env::var(variable) else {
        return Ok(None);
    };
    let words = words
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let keys = words.map(|word| {
        let key = Key::ALL.into_iter().find(|key| key.word() == word);
        key.with_context(|| {
            format!("{variable} names `{word}`, which is none of sqlite, postgres, mariadb, mysql")
        })
    });
    keys.collect::<Result<_>>().map(Some)
}

/// The databases whose absence is a failure.
fn required() -> Result<Vec<Key>> {
    let in_ci = env::var_os("CI").map(|_| vec![Key::Sqlite, Key::Postgres, Key::MariaDb]);
    Ok(listed("UPSERT_REQUIRE")?.or(in_ci).unwrap_or_default())
}

/// Finds the databases to run on. Each that is left out is named on stderr, and is an error if it is required.
pub async fn find() -> Result<Vec<Server>> {
    let only = listed("UPSERT_ONLY")?;
    let required = required()?;
    let mut servers = Vec::new();
    for key in Key::ALL {
        let left_out = if only.as_ref().is_some_and(|only| !only.contains(&key)) {
            "UPSERT_ONLY does not name it".to_owned()
        } else {
            match key
                .url_variable()
                .map(|variable| (variable, env::var(variable)))
            {
                Some((variable, Err(_))) => format!("set {variable}, or run cargo xtask test"),
                Some((variable, Ok(url))) => match reach(key, url).await {
                    Ok(server) => {
                        servers.push(server);
                        continue;
                    }
                    Err(error) => format!("the server of {variable} cannot be used: {error:#}"),
                },
                None => {
                    servers.push(reach(key, String::new()).await?);
                    continue;
                }
            }
        };
        ensure!(
            !required.contains(&key),
            "{} is required: {left_out}",
            key.name()
        );
        eprintln!("left out: {} ({left_out})", key.name());
    }
    Ok(servers)
}

/// Connects, asks for the version, and makes sure that it is the database it should be.
async fn reach(key: Key, url: String) -> Result<Server> {
    let version = match key {
        Key::Sqlite => ask::<sqlx::Sqlite>("sqlite::memory:", "SELECT sqlite_version()").await?,
        Key::Postgres => ask::<sqlx::Postgres>(&url, "SHOW server_version").await?,
        Key::MariaDb | Key::MySql => ask::<sqlx::MySql>(&url, "SELECT VERSION()").await?,
    };
    let is_mariadb = version.contains("MariaDB");
    if key == Key::MariaDb && !is_mariadb || key == Key::MySql && is_mariadb {
        bail!("it is version {version}, which is not {}", key.name());
    }
    let number = version.split([' ', '-']).next().unwrap_or_default();
    Ok(Server {
        key,
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
