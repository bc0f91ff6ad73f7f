//! PostgreSQL: one statement for everything, and the only database that needs its version asked.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::{Arguments, Decode, Encode, Executor, Row, Type};

use super::BatchFuture;
use super::returning::{self, ATTEMPTS, Returning, ReturningTexts, returning_calls};
use super::{Dialect, DialectConnection, batch_calls, bind_row, decode, dialect_values, sealed};
use crate::bulk::{self, Ahead, Job, Look, Operation, Options, Rows, Stop, Way};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::{Action, Upserted};
use crate::sink::{Put, Sink};
use crate::sql::Sql;
use crate::value::Json;

mod error;
mod many;
mod schema;

/// The first version with `old` and `new` in RETURNING.
const RETURNING_OLD: u32 = 180_000;

/// Runs a call as it is: PostgreSQL sees at once what other sessions did to the schema.
macro_rules! once {
    ($conn:ident, $call:expr) => {
        $call.await
    };
}

impl sealed::Sealed for Postgres {}
impl sealed::Sealed for PgConnection {}

impl DialectConnection for PgConnection {
    type Dialect = Postgres;
}

impl Put<Postgres> for PgArguments {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        Arguments::add(self, value)
    }
}

impl Dialect for Postgres {
    const SURVIVES_DROP: bool = true;
    /// sqlx counts the transaction when the reply to `BEGIN` is there, and takes back only those that it counts.
    const BEGIN_SURVIVES_DROP: bool = false;
    const NAME: &'static str = "postgres";
    const BEGIN: &'static str = "BEGIN";
    const TELLS_BY_KEY: bool = true;
    const AMBIGUITY_IS_AN_ERROR: bool = true;
    const BUSY_IS_A_CONFLICT: bool = false;

    type Binds = many::Binds;
    type Columns = many::Columns;
    type Key = many::Key;

    fn sql(model: &'static Model) -> Sql {
        let texts = &model.texts.postgres;
        Sql::new(
            vec![
                ("upsert", texts.upsert),
                ("upsert_returning", texts.upsert_returning),
                ("upsert_with_action", texts.upsert_with_action),
                ("upsert_with_action_18", texts.upsert_with_action_18),
                ("insert_if_absent", texts.insert_if_absent),
                (
                    "insert_if_absent_returning",
                    texts.insert_if_absent_returning,
                ),
                ("select", texts.select),
                ("upsert_all", texts.upsert_all),
                ("upsert_all_returning", texts.upsert_all_returning),
                ("upsert_all_with_action", texts.upsert_all_with_action),
                ("upsert_all_with_action_18", texts.upsert_all_with_action_18),
                ("insert_all_if_absent", texts.insert_all_if_absent),
                (
                    "insert_all_if_absent_returning",
                    texts.insert_all_if_absent_returning,
                ),
                ("select_all", texts.select_all),
            ],
            texts.create_index,
        )
    }

    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
        error::explain(model, error)
    }

    dialect_values!();
    returning_calls!(once);
    batch_calls!(|number| format!("CAST(${number} AS text)"));

    fn way(model: &'static Model, operation: Operation, look: &Look, careful: bool) -> Way {
        many::way(model, operation, look, careful)
    }

    async fn look(
        conn: &mut PgConnection,
        model: &'static Model,
        rows: usize,
        _: usize,
    ) -> Result<Look, Error> {
        many::look(conn, model, rows).await
    }

    /// A transaction of the caller's, in which a statement has failed, answers nothing more.
    fn spell_key_unasked(rows: &dyn Rows<Self>, row: usize) -> Option<String> {
        many::spell_key(rows, row)
    }

    fn new_binds(job: &Job<'_>, _: usize) -> Self::Binds {
        many::Binds::new(job)
    }

    fn bind_next(
        job: &Job<'_>,
        rows: &dyn Rows<Self>,
        row: usize,
        binds: &mut Self::Binds,
    ) -> Result<bool, Error> {
        binds.add(job, rows, row)
    }

    async fn run_chunk(
        conn: &mut PgConnection,
        rows: &mut dyn Rows<Self>,
        job: &Job<'_>,
        chunk: &[usize],
        ahead: &mut Ahead<'_, Self>,
    ) -> Result<u64, Stop> {
        many::run_chunk(conn, rows, job, chunk, ahead).await
    }

    async fn upsert_with_action<T, S>(
        conn: &mut PgConnection,
        row: &T,
    ) -> Result<Upserted<T::Output>, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        let texts = &T::MODEL.texts.postgres;
        let sql = match conn.server_version_num() {
            Some(version) if version >= RETURNING_OLD => texts.upsert_with_action_18,
            _ => texts.upsert_with_action,
        };
        for _ in 0..ATTEMPTS {
            let arguments = bind_row::<Self, T, S>(row)?;
            let returned = Self::fetch(conn, sql, arguments).await;
            let returned =
                returned.map_err(|source| Error::from_driver::<Self>(T::MODEL, source))?;
            if let Some(returned) = returned {
                let action = read_action(T::MODEL, &returned, T::MODEL.returning.len())?;
                return Ok(Upserted::new(decode::<Self, T, S>(&returned)?, action));
            }
            if let Some(output) = returning::select::<Self, T, S>(conn, row).await? {
                return Ok(Upserted::new(output, Action::Unchanged));
            }
        }
        Err(Error::row_vanished(T::MODEL))
    }
}

/// The last column of the `with_action` texts, behind the others, says whether the row is new.
fn read_action(model: &'static Model, row: &PgRow, columns: usize) -> Result<Action, Error> {
    match row.try_get(columns) {
        Ok(true) => Ok(Action::Inserted),
        Ok(false) => Ok(Action::Updated),
        Err(source) => Err(Error::from_driver::<Postgres>(model, source)),
    }
}

impl Returning for Postgres {
    fn texts(model: &'static Model) -> ReturningTexts {
        let texts = &model.texts.postgres;
        ReturningTexts {
            upsert: texts.upsert,
            upsert_returning: texts.upsert_returning,
            insert_if_absent: texts.insert_if_absent,
            insert_if_absent_returning: texts.insert_if_absent_returning,
            select: texts.select,
            select_deleted: "",
        }
    }

    // sqlx reads PostgreSQL's reply to its end here, and no `Vec` is needed for the one row.
    #[allow(clippy::disallowed_methods)]
    async fn fetch(
        conn: &mut PgConnection,
        sql: &'static str,
        arguments: PgArguments,
    ) -> Result<Option<PgRow>, sqlx::Error> {
        conn.fetch_optional((sql, Some(arguments))).await
    }

    fn is_true(row: &PgRow) -> bool {
        row.try_get(0).unwrap_or(false)
    }

    async fn execute(
        conn: &mut PgConnection,
        sql: &'static str,
        arguments: PgArguments,
    ) -> Result<u64, sqlx::Error> {
        let done = Executor::execute(conn, (sql, Some(arguments))).await?;
        Ok(done.rows_affected())
    }
}
