//! Servers to work with by hand.

use std::io::{Write, stdout};
use std::thread::sleep;

use anyhow::Result;

use crate::args::Extras;
use crate::servers::{self, Pooler};
use crate::{interrupt, process};

/// Keeps servers running until interrupted. Only shell commands go to standard output, so that it
/// can be written to a file and sourced.
pub fn run(extras: Extras) -> Result<bool> {
    interrupt::listen()?;
    let databases = servers::provide(&servers::wanted(extras))?;
    let mut out = stdout().lock();
    for (database, url) in databases.urls() {
        writeln!(out, "export {}='{url}'", database.url_variable())?;
    }
    if let Some(pooler) = databases.pooler() {
        writeln!(out, "export {}='{}'", Pooler::URL_VARIABLE, pooler.url())?;
    }
    out.flush()?;
    eprintln!("xtask: the servers run until Ctrl-C");
    while !interrupt::happened() {
        sleep(process::TICK);
    }
    Ok(true)
}
