//! Servers in containers, where the machine has none of its own.

use std::fs;
use std::io::stderr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::database::Database;
use super::ready;
use super::server::free_port;
use crate::interrupt;
use crate::process;

const FILE: &str = include_str!("compose.yaml");

/// How long the containers may take, once their images are there.
const PATIENCE: Duration = Duration::from_secs(180);

/// Containers that answer; dropping this removes them.
pub struct Compose {
    folder: TempDir,
    ports: Vec<(Database, u16)>,
}

pub fn is_there() -> bool {
    process::succeeds("docker", &["info"]) && process::succeeds("docker", &["compose", "version"])
}

impl Compose {
    pub fn up(databases: &[Database]) -> Result<Compose> {
        let folder = tempfile::Builder::new().prefix("upsert-").tempdir()?;
        let mut file = FILE.to_owned();
        let mut ports = Vec::new();
        for database in Database::ALL {
            let port = free_port()?;
            file = file.replace(&format!("{}:", placeholder(database)), &format!("{port}:"));
            ports.push((database, port));
        }
        ports.retain(|(database, _)| databases.contains(database));
        fs::write(folder.path().join("compose.yaml"), file)?;

        // From here on, there is something to remove when we fail.
        let compose = Compose { folder, ports };
        let services = databases.iter().map(|&database| service(database));
        process::run(compose.docker().args(["up", "--detach"]).args(services))?;
        compose.wait()?;
        Ok(compose)
    }

    pub fn urls(&self) -> impl Iterator<Item = (Database, String)> {
        self.ports
            .iter()
            .map(|&(database, port)| (database, database.url(port)))
    }

    fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for &(database, port) in &self.ports {
            while !answers(database, port) {
                interrupt::check()?;
                if Instant::now() > deadline {
                    bail!("{database} does not answer from its container");
                }
                sleep(process::TICK);
            }
        }
        Ok(())
    }

    /// `docker compose` for our file; the folder's name, which is random, names the project.
    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker
            .arg("compose")
            .current_dir(self.folder.path())
            .stdout(stderr());
        docker
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let mut down = self.docker();
        down.args(["down", "--volumes", "--timeout", "5"])
            .process_group(0);
        if !down.status().is_ok_and(|status| status.success()) {
            eprintln!("xtask: `docker compose down` failed; look at `docker ps`");
        }
    }
}

fn service(database: Database) -> &'static str {
    match database {
        Database::Postgres => "postgres",
        Database::MariaDb => "mariadb",
        Database::MySql => "mysql",
        Database::Postgres18 => "postgres18",
    }
}

fn placeholder(database: Database) -> String {
    format!("PORT-{}", service(database).to_uppercase())
}

fn answers(database: Database, port: u16) -> bool {
    match database {
        Database::Postgres | Database::Postgres18 => ready::postgres(port),
        Database::MariaDb | Database::MySql => ready::mysql(port),
    }
}
