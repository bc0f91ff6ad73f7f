//! SQLite: RETURNING is always read to its end, and the action takes two statements in one write transaction.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Connection, Decode, Encode, Executor, Row, Transaction, Type};

use super::BatchFuture;
use super::returning::{self, Returning, ReturningTexts, returning_calls};
use super::{Dialect, DialectConnection, batch_calls, dialect_values, sealed, values_binds};
use crate::bulk::{self, Ahead, Job, Look, Operation, Options, Rows, Stop, Way};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::{Action, Upserted};
use crate::sink::{NoColumns, Put, Sink};
use crate::sql::Sql;
use crate::value::Json;

mod catalogue;
mod error;
mod many;
mod order;
mod schema;

/// Runs a call, and once more with a schema read anew where it found no index.
///
/// Another connection may have made the index since this one read the schema. SQLite looks again when a table or a column is
/// missing, but not when ON CONFLICT matches no index; it does whenever a statement runs.
macro_rules! with_fresh_schema {
    ($conn:ident, $call:expr) => {
        match $call.await {
            Err(error) if error.kind() == ErrorKind::MissingUniqueIndex => {
                Executor::execute(&mut *$conn, "SELECT 1 FROM sqlite_schema LIMIT 0")
                    .await
                    .map_err(|source| Error::from_driver::<Self>(T::MODEL, source))?;
                $call.await
            }
            outcome => outcome,
        }
    };
}

impl sealed::Sealed for Sqlite {}
impl sealed::Sealed for SqliteConnection {}

impl DialectConnection for SqliteConnection {
    type Dialect = Sqlite;
}

impl Put<Sqlite> for SqliteArguments {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Sqlite> + Type<Sqlite>,
    {
        Arguments::add(self, value)
    }
}

impl Dialect for Sqlite {
    const SURVIVES_DROP: bool = true;
    const BEGIN_SURVIVES_DROP: bool = true;
    const NAME: &'static str = "sqlite";
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const TELLS_BY_KEY: bool = false;
    const AMBIGUITY_IS_AN_ERROR: bool = false;
    const BUSY_IS_A_CONFLICT: bool = true;

    values_binds!(sqlite);

    type Columns = NoColumns;
    type Key = many::Key;

    fn sql(model: &'static Model) -> Sql {
        let texts = &model.texts.sqlite;
        Sql::new(
            vec![
                ("upsert", texts.upsert),
                ("upsert_returning", texts.upsert_returning),
                ("insert_if_absent", texts.insert_if_absent),
                (
                    "insert_if_absent_returning",
                    texts.insert_if_absent_returning,
                ),
                ("select", texts.select),
            ],
            texts.create_index,
        )
    }

    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
        error::explain(model, error)
    }

    dialect_values!();
    returning_calls!(with_fresh_schema);
    batch_calls!(|number| format!("CAST(?{number} AS TEXT)"));

    fn way(model: &'static Model, operation: Operation, _: &Look, careful: bool) -> Way {
        many::way(model, operation, careful)
    }

    /// What is not found out because of an error is no reason to fail: the rows then go in the order given.
    async fn look(
        conn: &mut SqliteConnection,
        model: &'static Model,
        _: usize,
        sortable: usize,
    ) -> Result<Look, Error> {
        let orders = if sortable < order::ROWS {
            Vec::new()
        } else {
            order::key_orders(conn, model).await.unwrap_or_default()
        };
        Ok(Look {
            orders,
            ..Look::default()
        })
    }

    async fn run_chunk(
        conn: &mut SqliteConnection,
        rows: &mut dyn Rows<Self>,
        job: &Job<'_>,
        chunk: &[usize],
        ahead: &mut Ahead<'_, Self>,
    ) -> Result<u64, Stop> {
        many::run_chunk(conn, rows, job, chunk, ahead).await
    }

    /// A full disk, or a trigger with `RAISE(ROLLBACK)`, has ended the transaction already. sqlx's ROLLBACK then fails, and it
    /// would go on counting a transaction on this connection. So there has to be one; where there still is, this is an error.
    async fn roll_back(mut tx: Transaction<'_, Self>) {
        let _ = Self::send(&mut tx, "BEGIN").await;
        let _ = tx.rollback().await;
    }

    /// The insert alone tells whether the row is new. With a write lock held from the start, nobody comes in between it and
    /// the update.
    async fn upsert_with_action<T, S>(
        conn: &mut SqliteConnection,
        row: &T,
    ) -> Result<Upserted<T::Output>, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        if conn.is_in_transaction() {
            return with_fresh_schema!(conn, insert_or_update::<T, S>(conn, row));
        }
        let driver = |source| Error::from_driver::<Self>(T::MODEL, source);
        let mut tx = conn.begin_with(Self::BEGIN).await.map_err(driver)?;
        match with_fresh_schema!(tx, insert_or_update::<T, S>(&mut tx, row)) {
            Ok(upserted) => {
                tx.commit().await.map_err(driver)?;
                Ok(upserted)
            }
            Err(error) => {
                Self::roll_back(tx).await;
                Err(error)
            }
        }
    }
}

async fn insert_or_update<T, S>(
    conn: &mut SqliteConnection,
    row: &T,
) -> Result<Upserted<T::Output>, Error>
where
    T: UpsertModel<Sqlite, S>,
    S: 'static,
{
    if let Some(output) = returning::insert_if_absent_returning::<Sqlite, T, S>(conn, row).await? {
        return Ok(Upserted::new(output, Action::Inserted));
    }
    let sql = T::MODEL.texts.sqlite.upsert_returning;
    if let Some(output) = returning::fetch_row::<Sqlite, T, S>(conn, sql, row).await? {
        return Ok(Upserted::new(output, Action::Updated));
    }
    match returning::select::<Sqlite, T, S>(conn, row).await? {
        Some(output) => Ok(Upserted::new(output, Action::Unchanged)),
        None => Err(Error::row_vanished(T::MODEL)),
    }
}

impl Returning for Sqlite {
    fn texts(model: &'static Model) -> ReturningTexts {
        let texts = &model.texts.sqlite;
        ReturningTexts {
            upsert: texts.upsert,
            upsert_returning: texts.upsert_returning,
            insert_if_absent: texts.insert_if_absent,
            insert_if_absent_returning: texts.insert_if_absent_returning,
            select: texts.select,
            select_deleted: texts.select_deleted,
        }
    }

    /// Never `fetch_one` or `fetch_optional`: they stop reading after the first row, and sqlx then drops the error of the
    /// commit that happens when the statement is reset.
    async fn fetch(
        conn: &mut SqliteConnection,
        sql: &'static str,
        arguments: SqliteArguments,
    ) -> Result<Option<SqliteRow>, sqlx::Error> {
        let rows = conn.fetch_all((sql, Some(arguments))).await?;
        Ok(rows.into_iter().next())
    }

    fn is_true(row: &SqliteRow) -> bool {
        row.try_get(0).unwrap_or(false)
    }

    /// A missing index may have come since, by another connection: SQLite looks at the file's tables when a statement runs, and
    /// this error comes before that.
    async fn renews(conn: &mut SqliteConnection, error: &sqlx::Error) -> bool {
        let sqlx::Error::Database(error) = error else {
            return false;
        };
        error::is_missing_index(&**error)
            && conn
                .fetch_all("SELECT 1 FROM sqlite_master LIMIT 1")
                .await
                .is_ok()
    }

    async fn execute(
        conn: &mut SqliteConnection,
        sql: &'static str,
        arguments: SqliteArguments,
    ) -> Result<u64, sqlx::Error> {
        let done = Executor::execute(conn, (sql, Some(arguments))).await?;
        Ok(done.rows_affected())
    }
}
