//! PgBouncer in front of PostgreSQL, in transaction mode.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::host::Host;
use super::server::{Server, free_port};
use super::{ready, sid, tools};
use crate::apt::Apt;

/// From here on, PgBouncer keeps prepared statements in transaction mode.
const OLDEST: (u32, u32) = (1, 21);

/// A pooler that answers.
pub struct Pooler {
    url: String,
    _server: Option<Server>,
}

impl Pooler {
    pub const URL_VARIABLE: &str = "UPSERT_PGBOUNCER_URL";

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The user's own pooler, or one that is started here. Where there is no way to one, it is left
    /// out, aloud; in CI that is an error.
    pub fn provide(postgres: &str) -> Result<Option<Pooler>> {
        if let Ok(url) = env::var(Self::URL_VARIABLE)
            && !url.is_empty()
        {
            return Ok(Some(Pooler { url, _server: None }));
        }
        match start(postgres) {
            Ok(server) => Ok(Some(Pooler {
                url: format!("postgres://postgres@127.0.0.1:{}/postgres", server.port()),
                _server: Some(server),
            })),
            Err(error) if env::var_os("CI").is_none() => {
                crate::interrupt::check()?;
                eprintln!("xtask: leaves out PgBouncer ({error:#})");
                Ok(None)
            }
            Err(error) => Err(error.context("PgBouncer is required in CI")),
        }
    }
}

fn start(postgres: &str) -> Result<Server> {
    let login = Login::parse(postgres)?;
    let (host, program) = find()?;
    let folder = host.folder()?;
    let port = free_port()?;
    // The folder of a root is seen from outside under another name, and written to from here.
    let file = "pgbouncer.ini";
    let outside = folder.log().with_file_name(file);
    fs::write(&outside, settings(&login, port))?;
    let mut server = host.command(program, &folder);
    server.arg(folder.inside().join(file));
    // SIGTERM would wait for clients; SIGQUIT does not.
    Server::start(server, Signal::SIGQUIT, port, folder, ready::postgres)
}

/// A PgBouncer of this machine, if it is new enough, or one of Debian's unstable suite.
fn find() -> Result<(Host, PathBuf)> {
    if let Some(program) = tools::find("pgbouncer")
        && version(&program).is_some_and(|version| version >= OLDEST)
    {
        return Ok((Host::here("postgres")?, program));
    }
    if !sid::is_allowed() {
        let (major, minor) = OLDEST;
        bail!(
            "install version {major}.{minor} or later, or set {}",
            Pooler::URL_VARIABLE
        );
    }
    if !sid::Root::Pooler.is_made() && !sid::can_be_made() {
        let apt = Apt::find().context("there is neither debootstrap nor apt-get")?;
        apt.install(sid::PACKAGES)?;
    }
    let root = sid::Root::Pooler.make()?;
    Ok((Host::sid(&root, "postgres")?, "/usr/sbin/pgbouncer".into()))
}

fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// `PgBouncer 1.24.1`, on the first line.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text.lines().next()?.strip_prefix("PgBouncer ")?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Few server connections for many clients, so that each transaction may get another one.
fn settings(login: &Login, port: u16) -> String {
    let Login {
        user,
        password,
        host,
        port: server_port,
    } = login;
    let password = match password {
        Some(password) => format!(" password='{password}'"),
        None => String::new(),
    };
    format!(
        "[databases]\n\
         * = host={host} port={server_port} user='{user}'{password}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         max_prepared_statements = 100\n\
         max_client_conn = 500\n\
         default_pool_size = 3\n\
         server_idle_timeout = 5\n\
         ignore_startup_parameters = extra_float_digits\n"
    )
}

/// How PgBouncer logs in to PostgreSQL.
#[derive(Debug, PartialEq)]
struct Login {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
}

impl Login {
    /// Reads the common form of a URL. What is rarer is not worth a parser.
    fn parse(url: &str) -> Result<Login> {
        let rare = || format!("cannot stand in front of a server with such a URL: {url}");
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.with_context(rare)?;
        if url.contains(['%', '\'']) {
            bail!(rare());
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (login, address) = authority.rsplit_once('@').with_context(rare)?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (login, None),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().with_context(rare)?),
            None => (address, 5432),
        };
        Ok(Login {
            user: user.to_owned(),
            password,
            host: host.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let login = Login::parse("postgres://postgres@127.0.0.1:5433/postgres").unwrap();
        assert_eq!((login.host.as_str(), login.port), ("127.0.0.1", 5433));
        assert_eq!((login.user.as_str(), login.password), ("postgres", None));
        let login = Login::parse("postgresql://ada:secret@db?sslmode=disable").unwrap();
        assert_eq!((login.host.as_str(), login.port), ("db", 5432));
        assert_eq!(login.password.as_deref(), Some("secret"));
        assert!(Login::parse("postgres:///postgres?host=/run").is_err());
        assert!(Login::parse("postgres://ada:p%40ss@db/x").is_err());
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("PgBouncer 1.24.1\nlibevent"), Some((1, 24)));
        assert_eq!(parse_version("PgBouncer 1.18.0"), Some((1, 18)));
        assert_eq!(parse_version("something else"), None);
    }
}
