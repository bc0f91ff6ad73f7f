//! Instructions for one row, by the derive and by hand, as valgrind counts them: `cargo bench --bench instructions`.
//!
//! The program runs itself under callgrind, for N and for 2 N rows; the difference is what N rows cost, without the start. What
//! is counted is this side of the connection; SQLite runs inside the program, so there it is everything.
//!
//! Waiting costs instructions too, and how often a program finds nothing to do is chance. So SQLite's thread is not interrupted
//! when it has an answer (`chrt`), and PostgreSQL's answers are late enough that every row waits once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Executor, Postgres, Sqlite};
use upsert::UpsertModel;

mod support;

use support::{Bench, Operation, Result, Subject, User};

const ROWS: u64 = 1_000;
const REPEATS: usize = 3;

/// Keeps PostgreSQL's answer back for a millisecond.
const LATE: &str = "
CREATE FUNCTION pg_temp.late() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.001); RETURN NULL; END $$;
CREATE TRIGGER late BEFORE INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.late()";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["run", url, operation, rows] => run(url, operation, rows.parse()?),
        _ if support::is_asked_for() => compare(),
        _ => Ok(()),
    }
}

/// What callgrind looks at.
fn run(url: &str, operation: &str, rows: u64) -> Result<()> {
    let operation = Operation::ALL
        .into_iter()
        .find(|known| known.name() == operation)
        .ok_or("no such operation")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if url.starts_with("sqlite") {
            let subject = Subject::<Sqlite>::connect(url).await?;
            write(subject, operation, rows).await
        } else {
            let mut subject = Subject::<Postgres>::connect(url).await?;
            subject.conn.execute(LATE).await?;
            write(subject, operation, rows).await
        }
    })
}

async fn write<DB: Bench>(mut subject: Subject<DB>, operation: Operation, rows: u64) -> Result<()>
where
    User: UpsertModel<DB>,
{
    for _ in 0..rows {
        subject.run(operation).await?;
    }
    Ok(())
}

fn compare() -> Result<()> {
    for tool in ["valgrind", "chrt"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Err(format!("{tool} does not start: `apt install valgrind util-linux`").into());
        }
    }
    println!("instructions for one row, by callgrind over {ROWS} rows, least of {REPEATS} runs");
    report::<Sqlite>("SQLite", "sqlite::memory:")?;
    if let Some(url) = support::url("UPSERT_POSTGRES_URL") {
        report::<Postgres>("PostgreSQL", &url)?;
    }
    Ok(())
}

/// One line an operation; the first, by hand, is what the others are compared with.
fn report<DB: Bench>(database: &str, url: &str) -> Result<()> {
    let mut by_hand = None;
    for &operation in DB::OPERATIONS {
        let instructions = a_row(url, operation)?;
        let ratio = instructions / *by_hand.get_or_insert(instructions);
        let operation = operation.name();
        println!("{database:<12} {operation:<20} {instructions:>8.0} {ratio:>8.3}");
    }
    Ok(())
}

/// From the least of a few runs each: what a busy machine does to a run only adds to it.
fn a_row(url: &str, operation: Operation) -> Result<f64> {
    let least = |rows| -> Result<u64> {
        let counts: Result<Vec<u64>> = (0..REPEATS).map(|_| count(url, operation, rows)).collect();
        Ok(counts?.into_iter().min().unwrap_or_default())
    };
    let (once, twice) = (least(ROWS)?, least(2 * ROWS)?);
    let rows = twice.checked_sub(once).ok_or("more rows took less")?;
    Ok(rows as f64 / ROWS as f64)
}

/// All instructions of a run, in all threads.
fn count(url: &str, operation: Operation, rows: u64) -> Result<u64> {
    let profile = profile_path(url, operation);
    let output = Command::new("chrt")
        .args([
            "--batch",
            "0",
            "valgrind",
            "--tool=callgrind",
            "--fair-sched=yes",
        ])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["run", url, operation.name(), &rows.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    read_total(&profile)
}

/// The last profile of each operation stays there for `callgrind_annotate`.
fn profile_path(url: &str, operation: Operation) -> PathBuf {
    let scheme = url.split(':').next().unwrap_or_default();
    let name = format!("callgrind.{scheme}.{}", operation.name());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn read_total(profile: &Path) -> Result<u64> {
    let profile = fs::read_to_string(profile)?;
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .ok_or("callgrind wrote no total")?;
    Ok(total.trim().parse()?)
}
