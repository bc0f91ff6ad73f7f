//! Debian's unstable suite in a folder, for servers that the stable one does not have.
//!
//! The machine's own packages stay as they are. The folders are kept for the next time; to renew one,
//! remove it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use nix::unistd::geteuid;

use super::tools;
use crate::process;

/// What it takes to make the root.
pub const PACKAGES: &[&str] = &["debootstrap", "debian-archive-keyring"];

const SUITE: &str = "sid";
const MIRROR: &str = "http://deb.debian.org/debian";

/// A root of its own for what is not always wanted together, as each takes its time to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// MySQL 9 and PostgreSQL 18.
    Servers,
    /// PgBouncer.
    Pooler,
}

impl Root {
    fn folder(self) -> Result<PathBuf> {
        let name = match self {
            Root::Servers => SUITE,
            Root::Pooler => "sid-pgbouncer",
        };
        Ok(cache()?.join("upsert-xtask").join(name))
    }

    fn packages(self) -> &'static str {
        match self {
            Root::Servers => "mysql-server-core,mysql-client-core,postgresql-18",
            Root::Pooler => "pgbouncer",
        }
    }

    /// What is left to do in the root. MySQL's core package makes no user.
    fn finish(self) -> &'static str {
        match self {
            Root::Servers => "useradd --system mysql && apt-get clean",
            Root::Pooler => "apt-get clean",
        }
    }

    pub fn is_made(self) -> bool {
        self.folder().is_ok_and(|folder| folder.exists())
    }

    /// The root's folder; the root is made first where it is missing.
    pub fn make(self) -> Result<PathBuf> {
        let folder = self.folder()?;
        if !folder.exists() {
            make(self, &folder).context("Debian's unstable suite could not be set up")?;
        }
        Ok(folder)
    }
}

/// Making and entering another root takes the right to mount.
pub fn is_allowed() -> bool {
    geteuid().is_root() && process::succeeds("unshare", &["--mount", "true"])
}

pub fn can_be_made() -> bool {
    tools::find("debootstrap").is_some()
}

fn cache() -> Result<PathBuf> {
    match std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Ok(std::env::home_dir()
            .context("no home folder")?
            .join(".cache")),
    }
}

/// Works under another name until all is there, so that what an interrupt leaves half done is
/// never taken for the whole.
fn make(root: Root, folder: &PathBuf) -> Result<()> {
    let mirror = mirror();
    eprintln!(
        "xtask: sets up {SUITE} from {mirror} in {}, once",
        folder.display()
    );
    let cache = folder.parent().context("the folder is in the cache")?;
    fs::create_dir_all(cache)?;
    let unfinished = tempfile::Builder::new()
        .prefix("unfinished-")
        .tempdir_in(cache)?;
    let made = unfinished.path().join(SUITE);
    let log = fs::File::create(unfinished.path().join("log"))?;

    // debootstrap mounts things in the root; in a mount namespace these cannot stay behind.
    let mut debootstrap = Command::new("unshare");
    debootstrap.args([
        "--mount",
        "debootstrap",
        "--variant=minbase",
        &format!("--include={}", root.packages()),
        SUITE,
    ]);
    debootstrap.arg(&made).arg(mirror).stdout(log);
    process::run(&mut debootstrap)?;

    let mut finish = Command::new("chroot");
    finish.arg(&made).args(["sh", "-c", root.finish()]);
    process::run(&mut finish)?;
    Ok(fs::rename(made, folder)?)
}

/// The mirror that apt uses already, which may be one nearby or the only one in reach.
fn mirror() -> String {
    let targets = Command::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(SITE)"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    choose_mirror(&targets).unwrap_or(MIRROR).to_owned()
}

/// Takes the site that has Debian itself, rather than its security updates or something else.
fn choose_mirror(targets: &str) -> Option<&str> {
    targets
        .lines()
        .find_map(|line| line.strip_prefix("Debian|Debian|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_with_debian_itself() {
        let targets = "\
            nodistro|nodistro|https://deb.example.com/node\n\
            Debian|Debian-Security|http://mirror.example.com/debian-security\n\
            Debian|Debian|http://mirror.example.com/debian\n\
            Debian|Debian|http://other.example.com/debian\n";
        assert_eq!(
            choose_mirror(targets),
            Some("http://mirror.example.com/debian")
        );
        assert_eq!(
            choose_mirror("Ubuntu|Ubuntu|http://archive.ubuntu.com/ubuntu"),
            None
        );
    }
}
