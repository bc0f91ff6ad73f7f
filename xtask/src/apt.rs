//! Installing what is missing, on Debian and its relatives.

use std::io::stderr;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// A way to install packages: `apt-get`, as root or with a `sudo` that asks for no password.
pub struct Apt {
    prefix: &'static [&'static str],
}

impl Apt {
    pub fn find() -> Option<Apt> {
        if !process::succeeds("apt-get", &["--version"]) {
            None
        } else if nix::unistd::geteuid().is_root() {
            Some(Apt { prefix: &["env"] })
        } else if process::succeeds("sudo", &["-n", "true"]) {
            Some(Apt {
                prefix: &["sudo", "-n", "env"],
            })
        } else {
            None
        }
    }

    pub fn install(&self, packages: &[&str]) -> Result<()> {
        eprintln!("xtask: installs {} with apt-get", packages.join(", "));
        self.run(&["update"])?;
        let install = ["install", "--yes", "--no-install-recommends"];
        self.run(&[&install, packages].concat())
            .context("the packages could not be installed")
    }

    /// With `RUNLEVEL=1`, Debian's packages do not start their own servers, for which we have no
    /// use. Our standard output is kept clean for those who read it.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.prefix[0]);
        command
            .args(&self.prefix[1..])
            .args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"])
            .args(["--quiet"])
            .args(arguments)
            .stdout(stderr());
        process::run(&mut command)
    }
}
