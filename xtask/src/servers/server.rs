//! A throw-away server.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use super::host::Folder;
use crate::interrupt;
use crate::process::{self, Process, TICK};

/// How long a server may take until it answers; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that answers. Dropping it stops the process and then, by the order of the fields,
/// removes its folder.
pub struct Server {
    port: u16,
    _process: Process,
    _folder: Folder,
}

impl Server {
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts `command` and waits until it `answers` on its port.
    pub fn start(
        mut command: Command,
        stop_signal: Signal,
        port: u16,
        folder: Folder,
        answers: fn(u16) -> bool,
    ) -> Result<Server> {
        let mut process = Process::spawn(write_log(&mut command, &folder)?, stop_signal)?;
        let deadline = Instant::now() + PATIENCE;
        while !answers(port) {
            interrupt::check()?;
            if let Some(status) = process.exit_status()? {
                bail!(
                    "the server has stopped ({status}):\n{}",
                    log_end(&folder.log())
                );
            }
            if Instant::now() > deadline {
                bail!("the server does not answer:\n{}", log_end(&folder.log()));
            }
            sleep(TICK);
        }
        Ok(Server {
            port,
            _process: process,
            _folder: folder,
        })
    }
}

/// Runs a command that readies the folder for its server.
pub fn prepare(mut command: Command, folder: &Folder) -> Result<()> {
    if let Err(error) = process::run(write_log(&mut command, folder)?) {
        interrupt::check()?;
        bail!("{error:#}:\n{}", log_end(&folder.log()));
    }
    Ok(())
}

/// A port of the loopback interface that is free at this moment and was not handed out before, as
/// servers that start side by side take their ports a little later.
pub fn free_port() -> Result<u16> {
    static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if HANDED_OUT
            .lock()
            .expect("nobody panics with it")
            .insert(port)
        {
            return Ok(port);
        }
    }
}

fn write_log<'a>(command: &'a mut Command, folder: &Folder) -> Result<&'a mut Command> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.log())?;
    Ok(command.stdout(log.try_clone()?).stderr(log))
}

fn log_end(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
