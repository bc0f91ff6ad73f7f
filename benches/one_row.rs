//! The time that one row takes, by the derive and by hand: `cargo bench --bench one_row`.
//!
//! Each operation takes turns with the same row written by hand, so that whatever slows the machine down slows both. Criterion
//! shows the operation's own time, and the table at the end the ratios: of the median row, which does not see that the machine
//! was busy elsewhere for some of them.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use sqlx::{MySql, Postgres, Sqlite};
use tokio::runtime::Runtime;
use upsert::UpsertModel;

mod support;

use support::{Bench, Operation, Result, Subject, User};

fn main() -> Result<()> {
    if !support::is_asked_for() {
        return Ok(());
    }
    let mut report = Report {
        criterion: Criterion::default()
            .sample_size(50)
            .measurement_time(Duration::from_secs(5))
            .configure_from_args(),
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        lines: Vec::new(),
    };
    report.database::<Sqlite>("SQLite", Some("sqlite::memory:".to_owned()))?;
    report.database::<Postgres>("PostgreSQL", support::url("UPSERT_POSTGRES_URL"))?;
    report.database::<MySql>("MariaDB", support::url("UPSERT_MARIADB_URL"))?;
    report.database::<MySql>("MySQL", support::url("UPSERT_MYSQL_URL"))?;
    report.criterion.final_summary();
    report.print();
    Ok(())
}

struct Report {
    criterion: Criterion,
    runtime: Runtime,
    lines: Vec<Line>,
}

/// An operation's median time, over that of the row written by hand: one ratio a sample.
struct Line {
    database: &'static str,
    operation: Operation,
    ratios: Vec<f64>,
}

impl Report {
    fn database<DB: Bench>(&mut self, name: &'static str, url: Option<String>) -> Result<()>
    where
        User: UpsertModel<DB>,
    {
        let Some(url) = url else {
            return Ok(());
        };
        let mut subject = self.runtime.block_on(Subject::<DB>::connect(&url))?;
        let mut group = self.criterion.benchmark_group(name);
        for &operation in DB::OPERATIONS {
            let mut ratios = Vec::new();
            group.bench_function(BenchmarkId::from_parameter(operation.name()), |bencher| {
                bencher.iter_custom(|rows| {
                    let turns = self
                        .runtime
                        .block_on(take_turns(&mut subject, operation, rows));
                    let (times, by_hand) = turns.expect("the database answers");
                    let time = times.iter().sum();
                    ratios.push(median(times).div_duration_f64(median(by_hand)));
                    time
                });
            });
            self.lines.push(Line {
                database: name,
                operation,
                ratios,
            });
        }
        group.finish();
        Ok(())
    }

    fn print(&mut self) {
        println!(
            "time over that of the row written by hand: the median of the samples, and the middle half of them"
        );
        for Line {
            database,
            operation,
            ratios,
        } in &mut self.lines
        {
            ratios.sort_by(f64::total_cmp);
            let quarter = |number: usize| ratios.get(ratios.len() * number / 4).copied();
            // A filter on the command line leaves operations out.
            if let (Some(low), Some(median), Some(high)) = (quarter(1), quarter(2), quarter(3)) {
                let operation = operation.name();
                println!("{database:<12} {operation:<20} {median:>6.3}   {low:.3} to {high:.3}");
            }
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Writes as many rows each way, one by one in turn, and who comes first takes turns too.
async fn take_turns<DB: Bench>(
    subject: &mut Subject<DB>,
    operation: Operation,
    rows: u64,
) -> Result<(Vec<Duration>, Vec<Duration>)>
where
    User: UpsertModel<DB>,
{
    let mut times = Vec::new();
    let mut by_hand = Vec::new();
    for row in 0..rows {
        if row % 2 == 0 {
            times.push(clock(subject, operation).await?);
            by_hand.push(clock(subject, Operation::ByHand).await?);
        } else {
            by_hand.push(clock(subject, Operation::ByHand).await?);
            times.push(clock(subject, operation).await?);
        }
    }
    Ok((times, by_hand))
}

async fn clock<DB: Bench>(subject: &mut Subject<DB>, operation: Operation) -> Result<Duration>
where
    User: UpsertModel<DB>,
{
    let start = Instant::now();
    subject.run(operation).await?;
    Ok(start.elapsed())
}
