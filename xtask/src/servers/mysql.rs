//! A throw-away MySQL.

use std::path::Path;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::host::Host;
use super::ready;
use super::server::{Server, free_port, prepare};

const SERVER: &str = "/usr/sbin/mysqld";

pub fn start(host: Host) -> Result<Server> {
    let folder = host.folder()?;
    let data = format!("--datadir={}", folder.inside().join("data").display());

    let mut init = host.command(SERVER, &folder);
    init.args(["--no-defaults", &data, "--initialize-insecure"]);
    prepare(init, &folder)?;

    let port = free_port()?;
    let mut server = host.command(SERVER, &folder);
    server.args(["--no-defaults", &data]);
    server.args(settings(port, folder.inside()));
    server.args(["--mysqlx=OFF", "--skip-log-bin"]);
    // The folder it would otherwise use is not there, and then it stops.
    server.arg("--secure-file-priv=NULL");
    Server::start(server, Signal::SIGTERM, port, folder, ready::mysql)
}

/// What MySQL and MariaDB both understand.
pub fn settings(port: u16, folder: &Path) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--port={port}"),
        "--bind-address=127.0.0.1".into(),
        format!("--socket={}", path("socket")),
        format!("--pid-file={}", path("pid")),
        "--max-connections=300".into(),
        "--innodb-buffer-pool-size=256M".into(),
        // Nobody misses these data after a crash, and each test makes a database of its own: with
        // these and no binary log, MySQL makes and drops one with two tables in 4 ms, not in 15.
        // `loose` is for the version that may no longer know one of them.
        "--loose-innodb-flush-log-at-trx-commit=0".into(),
        "--loose-innodb-flush-method=nosync".into(),
        "--loose-innodb-doublewrite=0".into(),
        "--loose-innodb-file-per-table=0".into(),
    ]
}
