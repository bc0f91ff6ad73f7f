//! Many rows in one transaction beside the same by hand, with sqlx: `cargo bench --bench bulk`.
//!
//! Other libraries are compared in `peers/`, a package of its own.

#[path = "support/bulk.rs"]
mod bulk;

use std::env;

use bulk::{PostgresTable, Result, SqliteTable, compete};

const ROUNDS: usize = 11;

fn main() -> Result<()> {
    // `cargo test --all-targets` comes by too, and there is nothing to test here.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime = &runtime;

    let mut table = SqliteTable::create(runtime)?;
    let contenders = bulk::sqlite(runtime)?;
    compete("SQLite", 100_000, ROUNDS, &mut table, contenders)?;
    let contenders = bulk::sqlite_returning(runtime)?;
    compete("SQLite, rows back", 10_000, ROUNDS, &mut table, contenders)?;
    table.drop()?;

    let Some(url) = bulk::postgres_url() else {
        return Ok(());
    };
    let mut table = PostgresTable::create(runtime, &url)?;
    let contenders = bulk::postgres(runtime, &url)?;
    compete("PostgreSQL", 100_000, ROUNDS, &mut table, contenders)?;
    let contenders = bulk::postgres_returning(runtime, &url)?;
    compete(
        "PostgreSQL, rows back",
        10_000,
        ROUNDS,
        &mut table,
        contenders,
    )?;
    table.drop()
}
