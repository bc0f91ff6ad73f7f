//! Accepts snapshots, compiler messages and the SQL of the guide as they are now.

use anyhow::{Context, Result};

use crate::workspace;

/// Library tests and `tests/ui.rs` are where snapshots are kept; neither needs a server.
pub fn run() -> Result<bool> {
    let status = workspace::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(["--lib", "--test", "ui"])
        .env("INSTA_UPDATE", "always")
        .env("TRYBUILD", "overwrite")
        .env("UPSERT_BLESS", "1")
        .status()
        .context("cargo does not start")?;
    println!("Read `git diff` before you commit.");
    Ok(status.success())
}
