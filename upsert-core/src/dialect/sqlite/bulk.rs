//! Many rows on SQLite: a VALUES list as long as there are binds for it, in the caller's order.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteArgumentsBuffer, SqliteConnection};
use sqlx::{AssertSqlSafe, Encode, Executor, Type};

use super::Returning;
use super::returning::blame_deleted;
use crate::bulk::{
    Found, Job, KeyParts, Operation, Outcome, Placeholder, Stop, Wanted, Way, repeat_rows,
};
use crate::dialect::{bind_rows, decode};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
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
        rows: BINDS / binds(model).max(1),
        distinct: false,
    }
}

/// How many binds a row takes.
fn binds(model: &Model) -> usize {
    let slots = model.texts.sqlite.source.slots.len();
    if slots == 0 { model.bound.len() } else { slots }
}

pub(super) async fn run_chunk<T, S>(
    conn: &mut SqliteConnection,
    job: &Job<'_, T>,
    rows: &[usize],
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Stop>
where
    T: UpsertModel<Sqlite, S>,
    S: 'static,
{
    let mut done = send::<T, S>(conn, job, rows, outcome).await;
    if let Err(Sent::Failed(source)) = &done
        && Sqlite::renews(conn, source).await
    {
        done = send::<T, S>(conn, job, rows, outcome).await;
    }
    match done {
        Ok(()) => Ok(()),
        Err(Sent::Stopped(stop)) => Err(stop),
        Err(Sent::Failed(source)) => {
            let error = Error::from_driver::<Sqlite>(T::MODEL, source);
            Err(blame_deleted::<Sqlite, T, S>(conn, job, rows, error)
                .await
                .into())
        }
    }
}

/// What came of a statement.
enum Sent {
    Failed(sqlx::Error),
    Stopped(Stop),
}

async fn send<T, S>(
    conn: &mut SqliteConnection,
    job: &Job<'_, T>,
    rows: &[usize],
    outcome: &mut Outcome<T::Output>,
) -> Result<(), Sent>
where
    T: UpsertModel<Sqlite, S>,
    S: 'static,
{
    let texts = &T::MODEL.texts.sqlite;
    let text = match job.operation {
        Operation::Upsert(Wanted::Count) => texts.upsert,
        Operation::Upsert(_) => texts.upsert_returning,
        _ => texts.insert_if_absent,
    };
    let mut arguments = SqliteArguments::default();
    bind_rows::<Sqlite, T, S>(job, rows, texts.source.slots, &mut arguments)
        .map_err(|error| Sent::Stopped(error.into()))?;
    let sql = repeat_rows(
        text,
        &texts.source,
        rows.len(),
        T::MODEL.bound.len(),
        Placeholder::Mark,
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(job.is_full(rows.len()));
    if !job.operation.returns_rows() {
        let done = conn.execute(query).await.map_err(Sent::Failed)?;
        outcome.written += done.rows_affected();
        return Ok(());
    }
    let returned = conn.fetch_all(query).await.map_err(Sent::Failed)?;
    if returned.len() != rows.len() {
        // A trigger left some alone.
        return Err(Sent::Stopped(Stop::Ambiguous(suppressed(T::MODEL))));
    }
    outcome.written += returned.len() as u64;
    for (place, row) in rows.iter().zip(&returned) {
        let row = decode::<Sqlite, T, S>(row).map_err(|error| Sent::Stopped(error.into()))?;
        outcome.set(*place, Found { row, action: None });
    }
    Ok(())
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
