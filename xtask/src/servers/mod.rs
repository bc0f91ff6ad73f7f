//! The databases that tests run against: those the user has, and throw-away servers of our own.

mod compose;
mod database;
mod host;
mod mariadb;
mod mysql;
mod plan;
mod pooler;
mod postgres;
mod ready;
mod server;
mod sid;
mod tools;

use std::thread;

use anyhow::{Result, anyhow};

use self::compose::Compose;
pub use self::database::Database;
use self::plan::Plan;
pub use self::pooler::Pooler;
use self::server::Server;
use crate::args::Extras;

/// Databases that answer, and what to drop when they are needed no more.
pub struct Databases {
    urls: Vec<(Database, String)>,
    // It goes before the server that it stands in front of.
    pooler: Option<Pooler>,
    _servers: Vec<(Database, Server)>,
    _compose: Option<Compose>,
}

impl Databases {
    pub fn urls(&self) -> &[(Database, String)] {
        &self.urls
    }

    pub fn url(&self, database: Database) -> Option<&str> {
        let mut urls = self.urls.iter();
        urls.find_map(|(other, url)| (*other == database).then_some(url.as_str()))
    }

    /// PgBouncer in front of PostgreSQL.
    pub fn pooler(&self) -> Option<&Pooler> {
        self.pooler.as_ref()
    }
}

/// PostgreSQL and MariaDB, and what is asked for by an option or by a URL.
pub fn wanted(extras: Extras) -> Vec<Database> {
    let asked_for = |database: &Database| match database {
        Database::Postgres | Database::MariaDb => true,
        Database::MySql => extras.mysql,
        Database::Postgres18 => extras.postgres_18,
    };
    let has_url = |database: &Database| database.url_from_env().is_some();
    let mut wanted = Database::ALL.to_vec();
    wanted.retain(|database| asked_for(database) || has_url(database));
    wanted
}

/// Makes all of `wanted` answer.
pub fn provide(wanted: &[Database]) -> Result<Databases> {
    let mut plan = Plan::make(wanted)?;
    plan.install()?;
    let servers = start(&plan.here)?;
    let compose = match plan.contained.as_slice() {
        [] => None,
        databases => Some(Compose::up(databases)?),
    };

    let mut urls = plan.given;
    urls.extend(
        servers
            .iter()
            .map(|(database, server)| (*database, database.url(server.port()))),
    );
    urls.extend(compose.iter().flat_map(Compose::urls));
    urls.sort_by_key(|(database, _)| *database);
    let mut postgres = urls.iter();
    let postgres = postgres.find(|(database, _)| *database == Database::Postgres);
    let pooler = match postgres {
        Some((_, url)) => Pooler::provide(url)?,
        None => None,
    };
    Ok(Databases {
        urls,
        pooler,
        _servers: servers,
        _compose: compose,
    })
}

/// Starts the servers side by side, as each spends its time waiting.
fn start(databases: &[Database]) -> Result<Vec<(Database, Server)>> {
    let in_sid = databases.iter().any(|database| database.lives_in_sid());
    let root = in_sid.then(|| sid::Root::Servers.make()).transpose()?;
    let root = root.as_deref();
    thread::scope(|scope| {
        let threads: Vec<_> = databases
            .iter()
            .map(|&database| (database, scope.spawn(move || database.start(root))))
            .collect();
        let started = threads.into_iter().map(|(database, thread)| {
            let server = thread
                .join()
                .map_err(|_| anyhow!("a thread has panicked"))??;
            Ok((database, server))
        });
        started.collect()
    })
}
