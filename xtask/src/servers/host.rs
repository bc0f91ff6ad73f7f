//! Where a server lives: on this machine as it is, or inside a root of its own.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

/// Sees to the mounts that programs in a root expect, then becomes the program.
///
/// It runs in a mount namespace of its own, so the mounts vanish together with the program. `/srv`
/// is the server's folder, so nothing is ever written to the root itself.
const ENTER_ROOT: &str = r#"set -e
root=$1 folder=$2 user=$3
shift 3
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$folder" "$root/srv"
exec chroot --userspec="$user:$user" "$root" "$@""#;

pub struct Host {
    root: Option<PathBuf>,
    account: Option<Account>,
}

/// The system user that a server runs as. Root needs one, since no server runs as root.
struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Host {
    /// This machine: as the system user when we are root, else as whoever we are.
    pub fn here(user: &str) -> Result<Host> {
        let account = if geteuid().is_root() {
            let user = User::from_name(user)?.with_context(|| format!("no user `{user}`"))?;
            Some(Account {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
                name: user.name,
            })
        } else {
            None
        };
        Ok(Host {
            root: None,
            account,
        })
    }

    /// The system in the folder `root`.
    pub fn sid(root: &Path, user: &str) -> Result<Host> {
        let accounts = fs::read_to_string(root.join("etc/passwd"))?;
        let account = Account::parse(&accounts, user)
            .with_context(|| format!("no user `{user}` in {}", root.display()))?;
        Ok(Host {
            root: Some(root.to_owned()),
            account: Some(account),
        })
    }

    /// A temporary folder that belongs to the server.
    pub fn folder(&self) -> Result<Folder> {
        let outside = tempfile::Builder::new().prefix("upsert-").tempdir()?;
        if let Some(account) = &self.account {
            chown(outside.path(), Some(account.uid), Some(account.gid))?;
        }
        let inside = match self.root {
            Some(_) => "/srv".into(),
            None => outside.path().to_owned(),
        };
        Ok(Folder { outside, inside })
    }

    pub fn command(&self, program: impl AsRef<Path>, folder: &Folder) -> Command {
        let program = program.as_ref();
        match (&self.root, &self.account) {
            (Some(root), Some(account)) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", ENTER_ROOT, "sh"]);
                command.args([root, folder.outside.path()]);
                command.arg(&account.name).arg(program);
                command
            }
            (_, account) => {
                let mut command = Command::new(program);
                // The server may not be allowed to see the folder that we are in.
                command.current_dir(folder.outside.path());
                if let Some(account) = account {
                    command.uid(account.uid).gid(account.gid);
                }
                command
            }
        }
    }
}

impl Account {
    /// Reads a user's line of a `passwd` file.
    fn parse(passwd: &str, name: &str) -> Option<Account> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            fields.next().filter(|field| *field == name)?;
            Some(Account {
                name: name.to_owned(),
                uid: fields.nth(1)?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
            })
        })
    }
}

/// A server's folder, removed when dropped.
pub struct Folder {
    outside: TempDir,
    inside: PathBuf,
}

impl Folder {
    /// The folder as the server sees it.
    pub fn inside(&self) -> &Path {
        &self.inside
    }

    /// What the server has said.
    pub fn log(&self) -> PathBuf {
        self.outside.path().join("log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_by_their_whole_name() {
        let passwd = "mysqlx:x:1:2::/:/bin/sh\nmysql:x:999:995::/:/bin/sh\n";
        let account = Account::parse(passwd, "mysql").unwrap();
        assert_eq!((account.uid, account.gid), (999, 995));
        assert!(Account::parse(passwd, "postgres").is_none());
    }
}
