//! Instructions for one row, by the derive and by hand, as valgrind counts them: `cargo bench --bench instructions`.
//!
//! The program runs itself under callgrind, for N and for 2 N rows; the difference is what N rows cost, without the start. What
//! is counted is this side of the connection; SQLite runs inside the program, so there it is everything. Callgrind also tells how
//! often memory is asked for; and a run fails when the connection keeps more statements after all rows than after half of them.
//!
//! Waiting costs instructions too, and how often a program finds nothing to do is chance. So SQLite's thread is not interrupted
//! when it has an answer (`chrt`), and PostgreSQL's answers are late enough that every row waits once.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, Executor, Postgres, Sqlite};
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
    for _ in 0..rows / 2 {
        subject.run(operation).await?;
    }
    let statements = subject.conn.cached_statements_size();
    for _ in rows / 2..rows {
        subject.run(operation).await?;
    }
    match subject.conn.cached_statements_size() {
        known if known == statements => Ok(()),
        known => Err(format!("{known} statements are cached instead of {statements}").into()),
    }
}

fn compare() -> Result<()> {
    for tool in ["valgrind", "chrt"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Err(format!("{tool} does not start: `apt install valgrind util-linux`").into());
        }
    }
    println!("one row, by callgrind over {ROWS} rows, least of {REPEATS} runs");
    println!(
        "{:<12} {:<20} {:>12} {:>8} {:>12}",
        "", "", "instructions", "ratio", "allocations"
    );
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
        let row = a_row(url, operation)?;
        let ratio = row.instructions / *by_hand.get_or_insert(row.instructions);
        println!(
            "{database:<12} {:<20} {:>12.0} {ratio:>8.3} {:>12.1}",
            operation.name(),
            row.instructions,
            row.allocations
        );
    }
    Ok(())
}

/// What one row takes.
struct Row {
    instructions: f64,
    allocations: f64,
}

/// From the least of a few runs each: what a busy machine does to a run only adds to it.
fn a_row(url: &str, operation: Operation) -> Result<Row> {
    let least = |rows| -> Result<Profile> {
        let runs: Result<Vec<Profile>> =
            (0..REPEATS).map(|_| count(url, operation, rows)).collect();
        let least = runs?.into_iter().min_by_key(|run| run.instructions);
        least.ok_or_else(|| "no run".into())
    };
    let (once, twice) = (least(ROWS)?, least(2 * ROWS)?);
    let a_row = |once: u64, twice: u64| (twice as f64 - once as f64) / ROWS as f64;
    Ok(Row {
        instructions: a_row(once.instructions, twice.instructions),
        allocations: a_row(once.allocations, twice.allocations),
    })
}

/// A run under callgrind, all threads together.
struct Profile {
    instructions: u64,
    allocations: u64,
}

fn count(url: &str, operation: Operation, rows: u64) -> Result<Profile> {
    let path = profile_path(url, operation);
    let output = Command::new("chrt")
        .args([
            "--batch",
            "0",
            "valgrind",
            "--tool=callgrind",
            "--fair-sched=yes",
        ])
        .arg(format!("--callgrind-out-file={}", path.display()))
        .arg(env::current_exe()?)
        .args(["run", url, operation.name(), &rows.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    read_profile(&fs::read_to_string(&path)?)
}

/// The last profile of each operation stays there for `callgrind_annotate`.
fn profile_path(url: &str, operation: Operation) -> PathBuf {
    let scheme = url.split(':').next().unwrap_or_default();
    let name = format!("callgrind.{scheme}.{}", operation.name());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Reads the total, and the calls of the functions that hand out memory. A function has its name beside its number the first time
/// it is mentioned, `cfn=(1012) realloc`, and then goes by the number; the line after the called function says how often.
fn read_profile(profile: &str) -> Result<Profile> {
    let mut allocators = HashSet::new();
    let mut allocations = 0;
    let mut called = "";
    for line in profile.lines() {
        if let Some((word @ ("fn" | "cfn"), function)) = line.split_once('=') {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if ["malloc", "calloc", "realloc", "posix_memalign"].contains(&name) {
                allocators.insert(number);
            }
            if word == "cfn" {
                called = number;
            }
        } else if let Some(calls) = line.strip_prefix("calls=")
            && allocators.contains(called)
        {
            let calls = calls.split(' ').next().unwrap_or_default();
            allocations += calls.parse::<u64>()?;
        }
    }
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .ok_or("callgrind wrote no total")?;
    Ok(Profile {
        instructions: total.trim().parse()?,
        allocations,
    })
}
