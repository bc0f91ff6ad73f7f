//! Carries a batch out: the transaction, the chunks, and another try where the database asks for one.

use futures_timer::Delay;
use sqlx::Connection;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::keys::Keys;
use super::options::OnProgress;
use super::{
    Batch, Duplicates, Job, Look, Operation, Options, Outcome, Progress, Settings, Stop, Way,
    run_one,
};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::model::UpsertModel;

/// How many rows are committed at a time, where they are and nobody says how many.
pub(super) const ROWS_A_COMMIT: usize = 10_000;

/// Runs a whole batch.
pub(crate) async fn run<DB, T, S>(
    conn: &mut DB::Connection,
    batch: Batch<'_, T>,
) -> Result<Outcome<T::Output>, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let span = tracing::info_span!(
        "upsert",
        table = T::MODEL.table,
        database = <DB as Dialect>::NAME,
        operation = batch.operation.name(),
        rows = batch.rows.len(),
        chunks = Empty,
        rounds = Empty,
        attempts = Empty,
    );
    run_in_span::<DB, T, S>(conn, batch).instrument(span).await
}

async fn run_in_span<DB, T, S>(
    conn: &mut DB::Connection,
    batch: Batch<'_, T>,
) -> Result<Outcome<T::Output>, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let Batch {
        rows,
        operation,
        options,
    } = batch;
    let Options {
        settings,
        on_progress,
    } = options;
    if settings.duplicates == Duplicates::Reject {
        reject_duplicates::<DB, T, S>(&rows)?;
    }
    let ours = !conn.is_in_transaction();
    if settings.commit_each_chunk && !ours {
        return Err(Error::new(
            ErrorKind::Unsupported,
            T::MODEL,
            "`commit_each_chunk` cannot commit a transaction of yours; pass the pool or a connection outside a transaction",
        ));
    }
    let look = DB::look(conn, T::MODEL).await?;
    let mut tally = Tally {
        on_progress,
        done: Progress {
            rows: 0,
            rows_in_all: rows.len(),
            chunks: 0,
        },
        attempts: 0,
        chunks: 0,
        rounds: 0,
    };
    let piece = if settings.commit_each_chunk {
        settings.chunk_rows.map_or(ROWS_A_COMMIT, usize::from)
    } else {
        rows.len()
    };
    let mut outcome = Outcome::nothing();
    for (number, rows) in rows.chunks(piece.max(1)).enumerate() {
        let before = number * piece;
        let committed = if settings.commit_each_chunk {
            before
        } else {
            0
        };
        let context = Context {
            rows,
            operation,
            settings,
            look: &look,
            ours,
        };
        let done = run_until_done::<DB, T, S>(conn, &context, &mut tally).await;
        tally.record();
        match done {
            Ok(done) => {
                outcome.written += done.written;
                outcome.rows.extend(done.rows);
            }
            Err(error) => {
                let error = name_row::<DB, T, S>(conn, rows, error).await;
                return Err(error.after_rows(before).committed(committed));
            }
        }
    }
    Ok(outcome)
}

/// What does not change from attempt to attempt.
struct Context<'c, T> {
    rows: &'c [&'c T],
    operation: Operation,
    settings: Settings,
    look: &'c Look,
    /// Whether the transaction is ours to begin, to commit and to try again.
    ours: bool,
}

/// What is told of the batch, to its caller and in its span.
struct Tally<'p> {
    on_progress: Option<OnProgress<'p>>,
    done: Progress,
    attempts: u32,
    chunks: usize,
    rounds: usize,
}

impl Tally<'_> {
    fn record(&self) {
        let span = Span::current();
        span.record("attempts", self.attempts);
        span.record("chunks", self.chunks);
        span.record("rounds", self.rounds);
    }

    fn chunk_done(&mut self, rows: usize) {
        self.chunks += 1;
        self.done.rows += rows;
        self.done.chunks += 1;
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(self.done);
        }
    }
}

/// Tries until it is done, fails for good, or has been tried often enough.
async fn run_until_done<DB, T, S>(
    conn: &mut DB::Connection,
    context: &Context<'_, T>,
    tally: &mut Tally<'_>,
) -> Result<Outcome<T::Output>, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let mut careful = false;
    let mut retries = 0;
    let before = tally.done;
    loop {
        tally.attempts += 1;
        tally.done = before;
        let job = Job::new::<DB, S>(
            context.rows,
            context.operation,
            &context.settings,
            context.look,
            careful,
        )?;
        tally.rounds = tally.rounds.max(job.plan.rounds);
        match attempt::<DB, T, S>(conn, &job, context, tally).await {
            Ok(outcome) => return Ok(outcome),
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

/// One try, in a transaction of its own unless the caller has one open.
async fn attempt<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    context: &Context<'_, T>,
    tally: &mut Tally<'_>,
) -> Result<Outcome<T::Output>, Stop>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    // A single row is a single call, which knows what it needs.
    if !context.ours || job.rows.len() == 1 {
        return all_chunks::<DB, T, S>(conn, job, context, tally).await;
    }
    let driver = |source| Error::from_driver::<DB>(T::MODEL, source);
    let mut tx = conn.begin_with(DB::BEGIN).await.map_err(driver)?;
    match all_chunks::<DB, T, S>(&mut tx, job, context, tally).await {
        Ok(outcome) => {
            tx.commit()
                .await
                .map_err(|source| driver(source).at_commit())?;
            Ok(outcome)
        }
        Err(stop) => {
            // What went wrong is told; if the connection is gone, so is the transaction.
            let _ = tx.rollback().await;
            Err(stop)
        }
    }
}

async fn all_chunks<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    context: &Context<'_, T>,
    tally: &mut Tally<'_>,
) -> Result<Outcome<T::Output>, Stop>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let mut outcome = Outcome::empty(job.operation, job.rows.len());
    let savepoints = job.rows.len() > 1
        && (context.settings.find_culprit || job.careful && DB::AMBIGUITY_IS_AN_ERROR);
    for chunk in &job.plan.chunks {
        let rows = &job.plan.order[chunk.clone()];
        if savepoints {
            in_savepoint::<DB, T, S>(conn, job, rows, context, &mut outcome).await?;
        } else {
            run_rows::<DB, T, S>(conn, job, rows, &mut outcome).await?;
        }
        tally.chunk_done(rows.len());
    }
    Ok(outcome)
}

/// Some rows of the batch, by the way that the database has for them.
async fn run_rows<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    rows: &[usize],
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Stop>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    match (job.way, rows) {
        (Way::RowByRow, rows) | (_, rows @ [_]) => {
            row_by_row::<DB, T, S>(conn, job, rows, outcome).await?;
            Ok(())
        }
        (Way::Chunks { .. }, rows) => DB::run_chunk::<T, S>(conn, job, rows, outcome).await,
    }
}

async fn row_by_row<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    rows: &[usize],
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    for &row in rows {
        let (written, found) = run_one::<DB, T, S>(conn, job.operation, job.rows[row])
            .await
            .map_err(|error| error.at_row(row))?;
        outcome.written += written;
        if let Some(found) = found {
            outcome.set(row, found);
        }
    }
    Ok(())
}

/// A chunk that can be undone by itself, to be done again row by row, or in halves until the row is found that fails.
async fn in_savepoint<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    rows: &[usize],
    context: &Context<'_, T>,
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Stop>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let failed = match try_rows::<DB, T, S>(conn, job, rows, outcome).await {
        Ok(()) => return Ok(()),
        Err(Stop::Ambiguous(_)) => {
            row_by_row::<DB, T, S>(conn, job, rows, outcome).await?;
            return Ok(());
        }
        Err(Stop::Failed(error)) => error,
    };
    if !context.settings.find_culprit || failed.row().is_some() || !failed.blames_a_row() {
        return Err(failed.into());
    }
    let mut suspects = rows;
    while let [_, _, ..] = suspects {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        // What succeeds stays, for what comes after it may need it.
        match try_rows::<DB, T, S>(conn, job, first, outcome).await {
            Ok(()) => suspects = second,
            Err(_) => suspects = first,
        }
    }
    match try_rows::<DB, T, S>(conn, job, suspects, outcome).await {
        Err(Stop::Failed(error) | Stop::Ambiguous(error)) => {
            let culprit = suspects.first().copied().unwrap_or_default();
            Err(error.at_row(culprit).into())
        }
        // It was not one row by itself.
        Ok(()) => Err(failed.into()),
    }
}

async fn try_rows<DB, T, S>(
    conn: &mut DB::Connection,
    job: &Job<'_, T>,
    rows: &[usize],
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Stop>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let driver = |source| Error::from_driver::<DB>(T::MODEL, source);
    let written = outcome.written;
    let mut savepoint = conn.begin().await.map_err(driver)?;
    match run_rows::<DB, T, S>(&mut savepoint, job, rows, outcome).await {
        Ok(()) => {
            savepoint.commit().await.map_err(driver)?;
            Ok(())
        }
        Err(stop) => {
            outcome.written = written;
            // A deadlock takes the savepoint with the transaction; it is the deadlock that matters then.
            let _ = savepoint.rollback().await;
            Err(stop)
        }
    }
}

/// The first two rows with the same key, as an error.
fn reject_duplicates<DB, T, S>(rows: &[&T]) -> Result<(), Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let keys = Keys::encode::<DB, T, S>(rows, &[])?.unwrap_or_default();
    let mut seen = HashMap::new();
    for row in (0..rows.len()).filter(|row| !keys.is_lonely(*row)) {
        if let Some(first) = seen.insert(keys.get(row), row) {
            let detail = format!(
                "rows {first} and {row} of the batch (counted from 0) have the same key, and `Duplicates::Reject` was asked \
                 for; nothing was sent"
            );
            return Err(Error::new(ErrorKind::DuplicateKey, T::MODEL, detail).at_row(row));
        }
    }
    Ok(())
}

/// Adds the key of the row that the error is about, in the database's own spelling.
async fn name_row<DB, T, S>(conn: &mut DB::Connection, rows: &[&T], error: Error) -> Error
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let Some(row) = error.row().and_then(|row| rows.get(row)) else {
        return error;
    };
    if !error.blames_a_row() {
        return error;
    }
    match DB::spell_key::<T, S>(conn, row).await {
        Some(key) => error.with_key(key),
        None => error,
    }
}
