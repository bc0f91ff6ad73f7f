//! All tests, on all databases.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::args::Extras;
use crate::process::Process;
use crate::report::{Report, Told};
use crate::servers::{self, Database, Databases, Pooler};
use crate::{interrupt, workspace};

/// Starts the servers, runs everything, stops the servers, and says last what ran where.
pub fn run(extras: Extras, arguments: &[OsString]) -> Result<bool> {
    interrupt::listen()?;
    let databases = servers::provide(&servers::wanted(extras))?;
    let mut report = Report::default();
    let mut passed = run_everything(&databases, arguments, &mut report)?;
    if let Some(url) = databases.url(Database::Postgres18) {
        passed &= run_on_postgres_18(url, arguments, &mut report)?;
    }
    drop(databases);
    if !passed {
        // Once more, since a log is often read from its end.
        println!("\nSome tests failed.\n{}", report.failures());
    }
    print!("\n{}", report.table());
    Ok(passed && report.is_complete())
}

fn run_everything(
    databases: &Databases,
    arguments: &[OsString],
    report: &mut Report,
) -> Result<bool> {
    let mut cargo = cargo_test();
    let mut expected = vec!["SQLite"];
    let mut required = vec!["sqlite"];
    for (database, url) in databases.urls() {
        let (name, word) = match database {
            Database::Postgres => ("PostgreSQL", "postgres"),
            Database::MariaDb => ("MariaDB", "mariadb"),
            Database::MySql => ("MySQL", "mysql"),
            // It has a run of its own.
            Database::Postgres18 => continue,
        };
        cargo.env(database.url_variable(), url);
        expected.push(name);
        required.push(word);
    }
    if let Some(pooler) = databases.pooler() {
        cargo.env(Pooler::URL_VARIABLE, pooler.url());
        expected.push("PgBouncer");
        required.push("pgbouncer");
    }
    cargo.env("UPSERT_REQUIRE", required.join(","));
    finish(cargo, arguments, &expected, report)
}

/// What knows databases, once more with the other PostgreSQL in the first one's place.
fn run_on_postgres_18(url: &str, arguments: &[OsString], report: &mut Report) -> Result<bool> {
    let mut cargo = cargo_test();
    cargo.args(["--test", "it"]);
    for database in Database::ALL {
        cargo.env_remove(database.url_variable());
    }
    cargo.env(Database::Postgres.url_variable(), url);
    cargo.env("UPSERT_ONLY", "postgres");
    cargo.env("UPSERT_REQUIRE", "postgres");
    finish(cargo, arguments, &["PostgreSQL 18"], report)
}

fn cargo_test() -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    // Which databases run is told by our own arguments.
    cargo.env_remove("UPSERT_ONLY");
    cargo.env_remove(Pooler::URL_VARIABLE);
    cargo
}

fn finish(
    mut cargo: Command,
    arguments: &[OsString],
    expected: &[&str],
    report: &mut Report,
) -> Result<bool> {
    let (passed, told) = stream(cargo.arg("--").args(arguments))?;
    report.add(expected, &told, is_narrowed(arguments));
    Ok(passed)
}

/// Whether the first argument is a filter, rather than an option.
fn is_narrowed(arguments: &[OsString]) -> bool {
    let first = arguments.first();
    first.is_some_and(|argument| !argument.to_string_lossy().starts_with('-'))
}

/// Runs cargo while its output passes through, and is read.
fn stream(cargo: &mut Command) -> Result<(bool, Told)> {
    let mut process = Process::spawn(cargo.stdout(Stdio::piped()), Signal::SIGTERM)?;
    let output = process
        .child()
        .stdout
        .take()
        .context("cargo has no output")?;
    let reader = thread::spawn(move || -> Result<Told> {
        let mut told = Told::default();
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? > 0 {
            stdout().write_all(&line)?;
            told.read(&String::from_utf8_lossy(&line));
            line.clear();
        }
        Ok(told)
    });
    let status = process.wait()?;
    let told = reader.join().expect("the reader does not panic")?;
    Ok((status.success(), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_comes_first() {
        assert!(is_narrowed(&["bulk".into(), "--nocapture".into()]));
        assert!(!is_narrowed(&["--test-threads".into(), "1".into()]));
        assert!(!is_narrowed(&[]));
    }
}
