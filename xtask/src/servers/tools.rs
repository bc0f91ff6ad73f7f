//! Finding the servers' programs.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of PostgreSQL's programs: Debian's newest, or the first in `PATH`.
pub fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok();
    let newest = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .map(|version| (version, format!("/usr/lib/postgresql/{version}/bin")))
        .filter(|(_, folder)| Path::new(folder).join("initdb").exists())
        .max();
    match newest {
        Some((_, folder)) => Some(folder.into()),
        None => Some(find("initdb")?.parent()?.to_owned()),
    }
}

/// MariaDB's programs: the one that makes a data folder, and the server.
pub struct MariaDb {
    pub install_db: PathBuf,
    pub server: PathBuf,
}

pub fn mariadb() -> Option<MariaDb> {
    Some(MariaDb {
        install_db: find("mariadb-install-db")?,
        server: find("mariadbd")?,
    })
}

/// Looks in `PATH` and where Debian keeps servers, which is not in every user's `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
