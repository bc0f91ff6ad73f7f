//! What differs between the databases, seen from outside.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use super::host::Host;
use super::server::Server;
use super::{mariadb, mysql, postgres, sid, tools};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    Postgres,
    MariaDb,
    MySql,
    Postgres18,
}

impl Database {
    pub const ALL: [Database; 4] = [
        Database::Postgres,
        Database::MariaDb,
        Database::MySql,
        Database::Postgres18,
    ];

    pub fn url_variable(self) -> &'static str {
        match self {
            Database::Postgres => "UPSERT_POSTGRES_URL",
            Database::MariaDb => "UPSERT_MARIADB_URL",
            Database::MySql => "UPSERT_MYSQL_URL",
            Database::Postgres18 => "UPSERT_POSTGRES18_URL",
        }
    }

    /// Where the user's own server is, if there is one.
    pub fn url_from_env(self) -> Option<String> {
        std::env::var(self.url_variable())
            .ok()
            .filter(|url| !url.is_empty())
    }

    /// The URL of a server that we have started.
    pub fn url(self, port: u16) -> String {
        match self {
            Database::Postgres | Database::Postgres18 => {
                format!("postgres://postgres@127.0.0.1:{port}/postgres")
            }
            Database::MariaDb | Database::MySql => format!("mysql://root@127.0.0.1:{port}/mysql"),
        }
    }

    /// The stable suite has no MySQL and one PostgreSQL; these come from the unstable one.
    pub fn lives_in_sid(self) -> bool {
        matches!(self, Database::MySql | Database::Postgres18)
    }

    pub fn is_installed(self) -> bool {
        match self {
            Database::Postgres => tools::postgres().is_some(),
            Database::MariaDb => tools::mariadb().is_some(),
            Database::MySql | Database::Postgres18 => {
                sid::is_allowed() && (sid::Root::Servers.is_made() || sid::can_be_made())
            }
        }
    }

    /// Whether `packages` are all it takes.
    pub fn may_be_installed(self) -> bool {
        !self.lives_in_sid() || sid::is_allowed()
    }

    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Database::Postgres => &["postgresql"],
            Database::MariaDb => &["mariadb-server"],
            Database::MySql | Database::Postgres18 => sid::PACKAGES,
        }
    }

    pub fn start(self, sid: Option<&Path>) -> Result<Server> {
        let server = match (self, sid) {
            (Database::Postgres, _) => {
                let tools = tools::postgres().context("`initdb` is not found")?;
                postgres::start(Host::here("postgres")?, &tools)
            }
            (Database::MariaDb, _) => {
                let tools = tools::mariadb().context("`mariadbd` is not found")?;
                mariadb::start(Host::here("mysql")?, &tools)
            }
            (Database::MySql, Some(root)) => mysql::start(Host::sid(root, "mysql")?),
            (Database::Postgres18, Some(root)) => {
                let tools = Path::new("/usr/lib/postgresql/18/bin");
                postgres::start(Host::sid(root, "postgres")?, tools)
            }
            (Database::MySql | Database::Postgres18, None) => unreachable!("made by the caller"),
        };
        server.with_context(|| format!("{self} does not start"))
    }

    /// What somebody can do who has neither the server nor `docker`.
    pub fn advice(self) -> &'static str {
        match self {
            Database::Postgres => "install it (Debian: `apt install postgresql`)",
            Database::MariaDb => "install it (Debian: `apt install mariadb-server`)",
            Database::MySql | Database::Postgres18 => "run as root on Debian",
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Database::Postgres => "PostgreSQL",
            Database::MariaDb => "MariaDB",
            Database::MySql => "MySQL",
            Database::Postgres18 => "PostgreSQL 18",
        })
    }
}
