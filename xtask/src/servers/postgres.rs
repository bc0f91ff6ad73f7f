//! A throw-away PostgreSQL.

use std::path::Path;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::host::Host;
use super::ready;
use super::server::{Server, free_port, prepare};

/// `tools` is the folder of `initdb` and `postgres`, as seen from the host.
pub fn start(host: Host, tools: &Path) -> Result<Server> {
    let folder = host.folder()?;
    let data = folder.inside().join("data");

    let mut init = host.command(tools.join("initdb"), &folder);
    init.arg("-D").arg(&data);
    init.args(["--username=postgres", "--auth=trust", "--no-sync"]);
    init.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    prepare(init, &folder)?;

    let port = free_port()?;
    let mut server = host.command(tools.join("postgres"), &folder);
    server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        // Nobody misses these data after a crash.
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
    ] {
        server.args(["-c", setting]);
    }
    // SIGTERM would wait for clients; SIGINT sends them away.
    Server::start(server, Signal::SIGINT, port, folder, ready::postgres)
}
