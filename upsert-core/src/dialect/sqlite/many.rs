//! Many rows on SQLite: a VALUES list as long as there are binds for it, in the caller's order.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Encode, Executor, Type};

use super::Returning;
use crate::bulk::{
    Ahead, Job, KeyParts, Operation, Placeholder, Rows, Stop, Wanted, Way, repeat_rows,
};
use crate::dialect::{bind_key_of, binds_a_row};
use crate::error::{Error, ErrorKind};
use crate::model::Model;
use crate::sink::Sink;

/// As many binds as a statement may have.
const BINDS: usize = 32_766;

/// SQLite gives the rows of a statement back in the order in which it took them, and one for each: unless a guard leaves some
/// alone, and then it cannot be told which. Nor can it be told which of them were there.
pub(super) fn way(model: &'static Model, operation: Operation, careful: bool) -> Way {
    let by_statement = match operation {
        Operation::Upsert(Wanted::Count) | Operation::InsertIfAbsent(Wanted::Count) => true,
        Operation::Upsert(Wanted::Rows) => !model.guarded && !careful,
        _ => false,
    };
    if !by_statement || model.many.row_by_row {
        return Way::RowByRow;
    }
    Way::Chunks {
        rows: BINDS / binds_a_row(model, model.texts.sqlite.source.slots).max(1),
        distinct: false,
    }
}

pub(super) async fn run_chunk(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Sqlite>,
) -> Result<u64, Stop> {
    let returned = match fetch(conn, rows, job, chunk, ahead).await {
        Err(Sent::Failed(source)) if Sqlite::renews(conn, &source).await => {
            fetch(conn, rows, job, chunk, ahead).await
        }
        sent => sent,
    };
    let (written, returned) = match returned {
        Ok(sent) => sent,
        Err(Sent::Unbound(error)) => return Err(error.into()),
        Err(Sent::Failed(source)) => {
            let error = Error::from_driver::<Sqlite>(job.model, source);
            return Err(blame_deleted(conn, rows, chunk, error).await.into());
        }
    };
    if job.operation.returns_rows() {
        if returned.len() != chunk.len() {
            // A trigger left some alone.
            return Err(Stop::Ambiguous(suppressed(job.model)));
        }
        for (row, returned) in chunk.iter().zip(&returned) {
            rows.set(*row, returned, None)?;
        }
    }
    Ok(written)
}

/// Why a statement did not run.
enum Sent {
    Unbound(Error),
    Failed(sqlx::Error),
}

/// Sends a chunk; gives how many rows were inserted or updated, and those that came back.
async fn fetch(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Sqlite>,
) -> Result<(u64, Vec<SqliteRow>), Sent> {
    let texts = &job.model.texts.sqlite;
    let text = match job.operation {
        Operation::Upsert(Wanted::Count) => texts.upsert,
        Operation::Upsert(_) => texts.upsert_returning,
        _ => texts.insert_if_absent,
    };
    let bound = ahead.bind(rows, job, chunk);
    let (arguments, _) = bound.map_err(Sent::Unbound)?;
    let binds = job.model.bound.len();
    let sql = repeat_rows(text, &texts.source, chunk.len(), binds, Placeholder::Mark);
    let query =
        sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(job.is_full(chunk.len()));
    if job.operation.returns_rows() {
        let returned = ahead.wait(conn.fetch_all(query), rows, job, &[]).await;
        let returned = returned.map_err(Sent::Failed)?;
        return Ok((returned.len() as u64, returned));
    }
    let done = ahead.wait(conn.execute(query), rows, job, &[]).await;
    let done = done.map_err(Sent::Failed)?;
    Ok((done.rows_affected(), Vec::new()))
}

/// A deleted row is refused by an error that others have too, so the rows are asked.
async fn blame_deleted(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    chunk: &[usize],
    error: Error,
) -> Error {
    let sql = error.model().texts.sqlite.select_deleted;
    if sql.is_empty() || error.kind() != ErrorKind::OutOfRange {
        return error;
    }
    for &row in chunk {
        let Ok(arguments) = bind_key_of::<Sqlite>(rows, row) else {
            return error;
        };
        match Sqlite::fetch(conn, sql, arguments).await {
            Ok(Some(found)) if Sqlite::is_true(&found) => {
                return error.into_deleted().at_row(row);
            }
            Ok(_) => {}
            Err(_) => return error,
        }
    }
    error
}

/// What cannot be put right inside a transaction of the caller's.
fn suppressed(model: &'static Model) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        model,
        "a trigger suppressed rows of the batch, so that the others cannot be told apart; upsert them one by one, or pass the \
         pool instead of a transaction",
    )
}

/// The parts of a key, to be compared. sqlx shows an encoded value only as it is debugged, which is enough for that.
#[derive(Default)]
pub struct Key {
    parts: KeyParts,
}

impl AsMut<KeyParts> for Key {
    fn as_mut(&mut self) -> &mut KeyParts {
        &mut self.parts
    }
}

impl Sink<Sqlite> for Key {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Sqlite> + Type<Sqlite>,
    {
        let mut buffer = SqliteArgumentsBuffer::default();
        match value.encode(&mut buffer)? {
            IsNull::No => self.parts.push(format!("{buffer:?}").as_bytes()),
            IsNull::Yes => self.parts.push_null(),
        }
        Ok(())
    }
}
