//! Carries a batch out: the transaction, the chunks, and another try where the database asks for one.

use futures_timer::Delay;
use sqlx::{Connection, SqlSafeStr};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Duration;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::keys::Keys;
use super::options::OnProgress;
use super::{
    Ahead, Duplicates, Job, Look, Operation, Options, Progress, Rows, Settings, Stop, Way,
};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::model::Model;

/// How many rows are committed at a time, where they are and nobody says how many.
pub(super) const ROWS_A_COMMIT: usize = 10_000;

/// Runs a whole batch, and gives how many rows were inserted or updated.
pub(crate) async fn run<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    operation: Operation,
    options: Options<'_>,
) -> Result<u64, Error> {
    let span = tracing::info_span!(
        "upsert",
        table = rows.model().table,
        database = <DB as Dialect>::NAME,
        operation = operation.name(),
        rows = rows.len(),
        chunks = Empty,
        rounds = Empty,
        attempts = Empty,
    );
    // Not asked for as the current one: where this one is not wanted, that is the caller's.
    run_in_span::<DB>(conn, rows, operation, options, span.clone())
        .instrument(span)
        .await
}

async fn run_in_span<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    operation: Operation,
    options: Options<'_>,
    span: Span,
) -> Result<u64, Error> {
    let Options {
        settings,
        on_progress,
    } = options;
    let (model, count) = (rows.model(), rows.len());
    if settings.duplicates == Duplicates::Reject {
        reject_duplicates::<DB>(rows)?;
    }
    let ours = !conn.is_in_transaction();
    if settings.commit_each_chunk && !ours {
        return Err(Error::new(
            ErrorKind::Unsupported,
            model,
            "`commit_each_chunk` cannot commit a transaction of yours; pass the pool or a connection outside a transaction",
        ));
    }
    let sortable = if settings.keep_order { 0 } else { count };
    let look = DB::look(conn, model, count, sortable).await?;
    let mut tally = Tally {
        span,
        on_progress,
        done: Progress {
            rows: 0,
            rows_in_all: count,
            chunks: 0,
        },
        attempts: 0,
        rounds: 0,
    };
    let piece = if settings.commit_each_chunk {
        settings.chunk_rows.map_or(ROWS_A_COMMIT, usize::from)
    } else {
        count
    };
    let mut written = 0;
    for start in (0..count).step_by(piece) {
        let context = Context {
            range: start..count.min(start + piece),
            operation,
            settings,
            look: &look,
            ours,
        };
        let done = run_until_done::<DB>(conn, rows, &context, &mut tally).await;
        tally.record();
        match done {
            Ok(more) => written += more,
            Err(error) => {
                let committed = if settings.commit_each_chunk { start } else { 0 };
                let error = name_row::<DB>(conn, rows, error).await;
                return Err(error.committed(committed));
            }
        }
    }
    Ok(written)
}

/// What does not change from attempt to attempt.
struct Context<'c> {
    /// The rows that go in one transaction.
    range: Range<usize>,
    operation: Operation,
    settings: Settings,
    look: &'c Look,
    /// Whether the transaction is ours to begin, to commit and to try again.
    ours: bool,
}

/// What is told of the batch, to its caller and in its span.
struct Tally<'p> {
    span: Span,
    on_progress: Option<OnProgress<'p>>,
    done: Progress,
    attempts: u32,
    rounds: usize,
}

impl Tally<'_> {
    fn record(&self) {
        self.span.record("attempts", self.attempts);
        self.span.record("chunks", self.done.chunks);
        self.span.record("rounds", self.rounds);
    }

    fn chunk_done(&mut self, rows: usize) {
        self.done.rows += rows;
        self.done.chunks += 1;
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(self.done);
        }
    }
}

/// Tries until it is done, fails for good, or has been tried often enough.
async fn run_until_done<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    context: &Context<'_>,
    tally: &mut Tally<'_>,
) -> Result<u64, Error> {
    let mut careful = false;
    let mut retries = 0;
    let before = tally.done;
    loop {
        tally.attempts += 1;
        tally.done = before;
        for row in context.range.clone() {
            rows.forget(row);
        }
        let job = Job::new::<DB>(
            rows,
            context.range.clone(),
            context.operation,
            &context.settings,
            context.look,
            careful,
        )?;
        tally.rounds = tally.rounds.max(job.plan.rounds);
        match attempt::<DB>(conn, rows, &job, context, tally).await {
            Ok(written) => return Ok(written),
            Err(Stop::Ambiguous(_)) if context.ours && !careful => careful = true,
            Err(Stop::Failed(error))
                if context.ours
                    && retries < context.settings.retries
                    && is_worth_retrying::<DB>(&error) =>
            {
                retries += 1;
                pause(retries).await;
            }
            Err(Stop::Failed(error) | Stop::Ambiguous(error)) => return Err(error),
        }
    }
}

/// A lock that was not to be had has been waited for already, and long: except on SQLite, where it means that another writer
/// was there.
fn is_worth_retrying<DB: Dialect>(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Deadlock | ErrorKind::Serialization => true,
        ErrorKind::LockTimeout => DB::BUSY_IS_A_CONFLICT,
        _ => false,
    }
}

/// Waits longer each time, and never as long as the others, on whatever runtime there is.
async fn pause(retry: u32) {
    const SHORTEST: u64 = 2_000;
    const LONGEST: u64 = 500_000;
    let most = (SHORTEST << retry.min(10)).min(LONGEST);
    let micros = most / 2 + RandomState::new().hash_one(retry) % (most / 2);
    Delay::new(Duration::from_micros(micros)).await;
}

/// Where statements can be taken back to, without what came before them.
///
/// They are not sqlx's, which counts its own: where the database has ended the transaction by itself, sqlx's rollback fails, and it
/// goes on counting.
struct Savepoint {
    set: &'static str,
    release: &'static str,
    roll_back: &'static str,
}

/// Of the whole batch, in a transaction of the caller's.
const BATCH: Savepoint = Savepoint {
    set: "SAVEPOINT _upsert_batch",
    release: "RELEASE SAVEPOINT _upsert_batch",
    roll_back: "ROLLBACK TO SAVEPOINT _upsert_batch",
};

/// Of some of its rows.
const ROWS: Savepoint = Savepoint {
    set: "SAVEPOINT _upsert_rows",
    release: "RELEASE SAVEPOINT _upsert_rows",
    roll_back: "ROLLBACK TO SAVEPOINT _upsert_rows",
};

/// One try, in a transaction of its own unless the caller has one open. Where that is to outlive a row that fails, a savepoint
/// takes back the chunks that came before it.
async fn attempt<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    context: &Context<'_>,
    tally: &mut Tally<'_>,
) -> Result<u64, Stop> {
    let driver = driver::<DB>(job.model);
    if !context.ours && context.settings.find_culprit {
        DB::send(conn, BATCH.set).await.map_err(&driver)?;
        let done = all_chunks::<DB>(conn, rows, job, context, tally).await;
        if done.is_ok() {
            DB::send(conn, BATCH.release).await.map_err(driver)?;
        } else {
            // It fails where the database has taken the whole transaction back, and what went wrong is told.
            let _ = DB::send(conn, BATCH.roll_back).await;
        }
        return done;
    }
    // A single row is a single call, which knows what it needs.
    if !context.ours || context.range.len() == 1 {
        return all_chunks::<DB>(conn, rows, job, context, tally).await;
    }
    let begun = conn.begin_with(DB::BEGIN.into_sql_str()).await;
    let mut tx = begun.map_err(&driver)?;
    match all_chunks::<DB>(&mut tx, rows, job, context, tally).await {
        Ok(written) => {
            let committed = tx.commit().await.map_err(driver);
            committed.map_err(Error::at_commit)?;
            Ok(written)
        }
        Err(stop) => {
            DB::roll_back(tx).await;
            Err(stop)
        }
    }
}

fn driver<DB: Dialect>(model: &'static Model) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::from_driver::<DB>(model, source)
}

async fn all_chunks<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    context: &Context<'_>,
    tally: &mut Tally<'_>,
) -> Result<u64, Stop> {
    let savepoints = context.range.len() > 1
        && (context.settings.find_culprit || job.careful && DB::AMBIGUITY_IS_AN_ERROR);
    let mut ahead = Ahead::new();
    let mut written = 0;
    let mut chunks = job.plan.chunks.iter().peekable();
    while let Some(chunk) = chunks.next() {
        let chunk = &job.plan.order[chunk.clone()];
        written += if savepoints {
            in_savepoint::<DB>(conn, rows, job, chunk, context).await?
        } else {
            let next = chunks
                .peek()
                .map(|next| &job.plan.order[Range::clone(next)]);
            ahead.next = next.unwrap_or_default();
            run_rows::<DB>(conn, rows, job, chunk, &mut ahead).await?
        };
        tally.chunk_done(chunk.len());
    }
    Ok(written)
}

/// Some rows of the batch, by the way that the database has for them.
async fn run_rows<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, DB>,
) -> Result<u64, Stop> {
    match (job.way, chunk) {
        (Way::RowByRow, chunk) | (_, chunk @ [_]) => {
            Ok(row_by_row::<DB>(conn, rows, job, chunk).await?)
        }
        (Way::Chunks { .. }, chunk) => DB::run_chunk(conn, rows, job, chunk, ahead).await,
    }
}

async fn row_by_row<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    chunk: &[usize],
) -> Result<u64, Error> {
    let mut written = 0;
    for &row in chunk {
        let done = rows.run_one(conn, job.operation, row).await;
        written += done.map_err(|error| error.at_row(row))?;
    }
    Ok(written)
}

/// A chunk that can be undone by itself, to be done again row by row, or in halves until the row is found that fails.
async fn in_savepoint<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    chunk: &[usize],
    context: &Context<'_>,
) -> Result<u64, Stop> {
    let failed = match try_rows::<DB>(conn, rows, job, chunk).await? {
        Ok(written) => return Ok(written),
        Err(Stop::Ambiguous(_)) => return Ok(row_by_row::<DB>(conn, rows, job, chunk).await?),
        Err(Stop::Failed(error)) => error,
    };
    if !context.settings.find_culprit || failed.row().is_some() || !failed.blames_a_row() {
        return Err(failed.into());
    }
    let mut suspects = chunk;
    let mut some_succeed = false;
    while let [_, _, ..] = suspects {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        // What succeeds stays, for what comes after it may need it.
        match try_rows::<DB>(conn, rows, job, first).await? {
            Ok(_) => {
                some_succeed = true;
                suspects = second;
            }
            Err(Stop::Failed(error)) if !error.blames_a_row() => return Err(failed.into()),
            Err(_) => suspects = first,
        }
    }
    let done = try_rows::<DB>(conn, rows, job, suspects).await?;
    let (Err(Stop::Failed(error) | Stop::Ambiguous(error)), [culprit]) = (done, suspects) else {
        // It was not one row by itself.
        return Err(failed.into());
    };
    let mut blamed = error.blames_a_row();
    if blamed && error.kind() == ErrorKind::Database && !some_succeed {
        // Nobody knows this error. If it is the table's or the connection's fault, other rows fail too.
        let other = &chunk[chunk.len() - 1..];
        blamed = try_rows::<DB>(conn, rows, job, other).await?.is_ok();
    }
    Err(if blamed {
        error.at_row(*culprit)
    } else {
        failed
    }
    .into())
}

/// Some rows behind a savepoint. The outer error is one that took the transaction with it, as a deadlock does, or a full disk on
/// SQLite: a statement that came after it would be stored for good.
async fn try_rows<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    job: &Job<'_>,
    chunk: &[usize],
) -> Result<Result<u64, Stop>, Error> {
    let driver = driver::<DB>(job.model);
    DB::send(conn, ROWS.set).await.map_err(&driver)?;
    // What comes next depends on whether this stays.
    let ahead = &mut Ahead::new();
    let done = run_rows::<DB>(conn, rows, job, chunk, ahead).await;
    let Err(stop) = done else {
        DB::send(conn, ROWS.release).await.map_err(driver)?;
        return Ok(done);
    };
    for row in chunk {
        rows.forget(*row);
    }
    // The savepoint is gone if the transaction is, and nothing else says so on all databases.
    match (DB::send(conn, ROWS.roll_back).await, stop) {
        (Ok(()), stop) => Ok(Err(stop)),
        (Err(_), Stop::Failed(error) | Stop::Ambiguous(error)) => Err(error),
    }
}

/// The first two rows with the same key, as an error.
fn reject_duplicates<DB: Dialect>(rows: &dyn Rows<DB>) -> Result<(), Error> {
    let keys = Keys::encode::<DB>(rows, 0..rows.len(), &[])?.unwrap_or_default();
    let mut seen = HashMap::new();
    for row in (0..rows.len()).filter(|row| !keys.is_lonely(*row)) {
        if let Some(first) = seen.insert(keys.get(row), row) {
            return Err(Error::same_key(rows.model(), first, row));
        }
    }
    Ok(())
}

/// Adds the key of the row that the error is about, in the database's own spelling.
async fn name_row<DB: Dialect>(
    conn: &mut DB::Connection,
    rows: &mut dyn Rows<DB>,
    error: Error,
) -> Error {
    let Some(row) = error.row().filter(|_| error.blames_a_row()) else {
        return error;
    };
    let spelled = DB::spell_key(conn, rows, row).await;
    match spelled.or_else(|| DB::spell_key_unasked(rows, row)) {
        Some(key) => error.with_key(key),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_pause_needs_no_runtime() {
        for (retry, shortest, longest) in [(1, 2, 4), (2, 4, 8), (u32::MAX, 250, 500)] {
            let start = Instant::now();
            futures_executor::block_on(pause(retry));
            assert!(
                start.elapsed() >= Duration::from_millis(shortest),
                "{retry}"
            );
            assert!(
                start.elapsed() < Duration::from_millis(longest) + Duration::from_secs(5),
                "{retry}"
            );
        }
    }
}
