//! Many rows in one transaction, beside other libraries: `cargo run --release -- picture.svg` in this folder.
//!
//! Prints tables, and draws them into the file if one is given.

#[path = "../../support/bulk.rs"]
mod bulk;
mod by_diesel;
mod by_rusqlite;
mod by_sea_orm;
mod picture;

use std::env;
use std::fs;

use bulk::{PostgresTable, Result, SqliteTable, compete};

const ROUNDS: usize = 7;

/// What the connections of those who do not use sqlx say, as `bulk::sqlite_options` does.
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime = &runtime;
    let mut outcomes = Vec::new();

    if let Some(url) = bulk::postgres_url() {
        let mut table = PostgresTable::create(runtime, &url)?;
        let mut contenders = bulk::postgres(runtime, &url)?;
        contenders.push(by_sea_orm::postgres(runtime, &url)?);
        contenders.push(by_diesel::postgres(&url)?);
        outcomes.push(compete(
            "PostgreSQL",
            100_000,
            ROUNDS,
            &mut table,
            contenders,
        )?);
        let mut contenders = bulk::postgres_returning(runtime, &url)?;
        contenders.push(by_sea_orm::postgres_returning(runtime, &url)?);
        contenders.push(by_diesel::postgres_returning(&url)?);
        outcomes.push(compete(
            "PostgreSQL, rows back",
            10_000,
            ROUNDS,
            &mut table,
            contenders,
        )?);
        table.drop()?;
    }

    let mut table = SqliteTable::create(runtime)?;
    let mut contenders = vec![by_rusqlite::prepared()?];
    contenders.extend(bulk::sqlite(runtime)?);
    contenders.push(by_sea_orm::sqlite(runtime)?);
    contenders.push(by_diesel::sqlite()?);
    outcomes.push(compete("SQLite", 100_000, ROUNDS, &mut table, contenders)?);
    let mut contenders = bulk::sqlite_returning(runtime)?;
    contenders.push(by_rusqlite::prepared_returning()?);
    contenders.push(by_sea_orm::sqlite_returning(runtime)?);
    contenders.push(by_diesel::sqlite_returning()?);
    outcomes.push(compete(
        "SQLite, rows back",
        10_000,
        ROUNDS,
        &mut table,
        contenders,
    )?);
    table.drop()?;

    if let Some(file) = env::args().nth(1) {
        fs::write(file, picture::draw(&outcomes))?;
    }
    Ok(())
}
