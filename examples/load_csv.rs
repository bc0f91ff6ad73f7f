//! Loads a CSV file into SQLite, row by row through a stream, with a progress bar: `cargo run --release --example load_csv`.
//!
//! The file is made first, with a million rows, or as many as are asked for: `… --example load_csv -- 20000`.

use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::error::Error;
use std::path::Path;
use std::time::Instant;
use upsert::Upsert;

/// A sensor's reading. One that comes again is taken for a correction.
#[derive(Debug, Serialize, Deserialize, Upsert)]
#[upsert(table = "readings", conflict = "sensor, minute")]
struct Reading {
    sensor: String,
    minute: i64,
    celsius: f64,
}

const READINGS: &str = "CREATE TABLE readings (
    sensor TEXT NOT NULL,
    minute INTEGER NOT NULL,
    celsius REAL NOT NULL,
    PRIMARY KEY (sensor, minute)
) WITHOUT ROWID";

/// Writes a file of so many rows; every tenth corrects an earlier one.
fn generate(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut file = csv::Writer::from_path(path)?;
    for row in 0..rows {
        let number = if row % 10 == 9 { row / 2 } else { row };
        file.serialize(Reading {
            sensor: format!("sensor {:02}", number % 20),
            minute: i64::try_from(number / 20)?,
            celsius: 15.0 + f64::from(u32::try_from(row % 100)?) / 10.0,
        })?;
    }
    Ok(file.flush()?)
}

/// Upserts the rows of the file as they are read. No more than a chunk of them is in memory.
async fn load(path: &Path, rows: u64, pool: &SqlitePool) -> Result<u64, Box<dyn Error>> {
    let bar = ProgressBar::new(rows).with_style(ProgressStyle::with_template(
        "{wide_bar} {human_pos} of {human_len} rows, {per_sec}",
    )?);
    let lines = csv::Reader::from_path(path)?.into_deserialize();
    let written = Reading::upsert_stream(stream::iter(lines), pool)
        .on_progress(|progress| bar.set_position(progress.rows as u64))
        .await?;
    bar.finish();
    Ok(written)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows = match std::env::args().nth(1) {
        Some(rows) => rows.parse()?,
        None => 1_000_000,
    };
    let folder = std::env::temp_dir().join(format!("upsert-load-csv-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("readings.csv");
    generate(&file, rows)?;

    let options = SqliteConnectOptions::new()
        .filename(folder.join("readings.db"))
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    sqlx::query(READINGS).execute(&pool).await?;

    let start = Instant::now();
    let written = load(&file, rows, &pool).await?;
    let seconds = start.elapsed().as_secs_f64();
    let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM readings")
        .fetch_one(&pool)
        .await?;
    println!(
        "{written} rows of the file in {seconds:.1} s, {:.0} a second; {stored} readings are stored",
        written as f64 / seconds
    );

    pool.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
