//! A throw-away MariaDB.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::host::Host;
use super::server::{Server, free_port, prepare};
use super::{mysql, ready, tools};

pub fn start(host: Host, tools: &tools::MariaDb) -> Result<Server> {
    let folder = host.folder()?;
    let data = format!("--datadir={}", folder.inside().join("data").display());

    let mut init = host.command(&tools.install_db, &folder);
    // Options files of the machine are none of our business; this one must come first.
    init.args(["--no-defaults", &data]);
    // The root account takes anyone, rather than the machine's root only.
    init.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    prepare(init, &folder)?;

    let port = free_port()?;
    let mut server = host.command(&tools.server, &folder);
    server.args(["--no-defaults", &data]);
    server.args(mysql::settings(port, folder.inside()));
    Server::start(server, Signal::SIGTERM, port, folder, ready::mysql)
}
