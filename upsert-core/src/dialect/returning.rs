//! The calls of the databases that have a conflict target and RETURNING: PostgreSQL and SQLite.
//!
//! What they share is the order of the questions; how a statement is sent is the room's affair.

use std::future::Future;

use super::{Dialect, bind_key, bind_row, decode};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::{Action, Upserted};

/// How often a call looks again when the row it wants to read back is deleted under its hands.
pub(super) const ATTEMPTS: usize = 8;

/// The texts of a dialect with RETURNING, and how it runs one.
pub(super) trait Returning: Dialect {
    fn texts(model: &'static Model) -> ReturningTexts;

    /// Runs a statement to its very end, and gives the one row that came back.
    fn fetch(
        conn: &mut Self::Connection,
        sql: &'static str,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Option<Self::Row>, sqlx::Error>> + Send;

    /// Whether the first column of a row is true.
    fn is_true(row: &Self::Row) -> bool;

    /// Whether a statement that failed like this is worth another try, now that what the connection knew of the tables has been
    /// read again.
    fn renews(
        _conn: &mut Self::Connection,
        _error: &sqlx::Error,
    ) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }

    /// Runs a statement, and gives the number of rows it inserted or updated.
    fn execute(
        conn: &mut Self::Connection,
        sql: &'static str,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

/// The statements that both dialects have.
pub(super) struct ReturningTexts {
    pub upsert: &'static str,
    pub upsert_returning: &'static str,
    pub insert_if_absent: &'static str,
    pub insert_if_absent_returning: &'static str,
    pub select: &'static str,
    /// Empty where the database names a deleted row by itself, or the model has none.
    pub select_deleted: &'static str,
}

/// Sends `sql` with the whole row bound, and reads the row that comes back, if any.
pub(super) async fn fetch_row<DB, T, S>(
    conn: &mut DB::Connection,
    sql: &'static str,
    row: &T,
) -> Result<Option<T::Output>, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let mut done = DB::fetch(conn, sql, bind_row::<DB, T, S>(row)?).await;
    if let Err(error) = &done
        && DB::renews(conn, error).await
    {
        done = DB::fetch(conn, sql, bind_row::<DB, T, S>(row)?).await;
    }
    match done {
        Ok(Some(returned)) => decode::<DB, T, S>(&returned).map(Some),
        Ok(None) => Ok(None),
        Err(source) => Err(explain::<DB, T, S>(conn, row, source).await),
    }
}

/// The error of a statement that writes; where a deleted row is refused by an error that others have too, the row is asked.
async fn explain<DB, T, S>(conn: &mut DB::Connection, row: &T, source: sqlx::Error) -> Error
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let error = Error::from_driver::<DB>(T::MODEL, source);
    let sql = DB::texts(T::MODEL).select_deleted;
    if sql.is_empty() || error.kind() != ErrorKind::OutOfRange {
        return error;
    }
    let Ok(arguments) = bind_key::<DB, T, S>(row) else {
        return error;
    };
    match DB::fetch(conn, sql, arguments).await {
        Ok(Some(found)) if DB::is_true(&found) => error.into_deleted(),
        _ => error,
    }
}

/// Reads the row by its key.
pub(super) async fn select<DB, T, S>(
    conn: &mut DB::Connection,
    row: &T,
) -> Result<Option<T::Output>, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let arguments = bind_key::<DB, T, S>(row)?;
    let found = DB::fetch(conn, DB::texts(T::MODEL).select, arguments).await;
    match found.map_err(|source| Error::from_driver::<DB>(T::MODEL, source))? {
        Some(found) => decode::<DB, T, S>(&found).map(Some),
        None => Ok(None),
    }
}

pub(super) async fn upsert<DB, T, S>(conn: &mut DB::Connection, row: &T) -> Result<T::Output, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let texts = DB::texts(T::MODEL);
    for _ in 0..ATTEMPTS {
        if let Some(output) = fetch_row::<DB, T, S>(conn, texts.upsert_returning, row).await? {
            return Ok(output);
        }
        // A trigger left the row alone; it may be gone again by now, and then the upsert would insert it.
        if let Some(output) = select::<DB, T, S>(conn, row).await? {
            return Ok(output);
        }
    }
    Err(Error::row_vanished(T::MODEL))
}

pub(super) async fn execute_upsert<DB, T, S>(
    conn: &mut DB::Connection,
    row: &T,
) -> Result<u64, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    match execute::<DB, T, S>(conn, DB::texts(T::MODEL).upsert, row).await? {
        Ok(rows) => Ok(rows),
        Err(source) => Err(explain::<DB, T, S>(conn, row, source).await),
    }
}

/// Sends `sql` with the whole row bound; the outer error is one of binding.
async fn execute<DB, T, S>(
    conn: &mut DB::Connection,
    sql: &'static str,
    row: &T,
) -> Result<Result<u64, sqlx::Error>, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let mut done = DB::execute(conn, sql, bind_row::<DB, T, S>(row)?).await;
    if let Err(error) = &done
        && DB::renews(conn, error).await
    {
        done = DB::execute(conn, sql, bind_row::<DB, T, S>(row)?).await;
    }
    Ok(done)
}

pub(super) async fn insert_if_absent<DB, T, S>(
    conn: &mut DB::Connection,
    row: &T,
) -> Result<bool, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    match execute::<DB, T, S>(conn, DB::texts(T::MODEL).insert_if_absent, row).await? {
        Ok(rows) => Ok(rows > 0),
        Err(source) => Err(Error::from_driver::<DB>(T::MODEL, source)),
    }
}

pub(super) async fn insert_if_absent_returning<DB, T, S>(
    conn: &mut DB::Connection,
    row: &T,
) -> Result<Option<T::Output>, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    let sql = DB::texts(T::MODEL).insert_if_absent_returning;
    fetch_row::<DB, T, S>(conn, sql, row).await
}

/// Looks first, so that a hit writes nothing and burns no sequence value; what another session inserts in between is found
/// by looking again.
pub(super) async fn get_or_insert<DB, T, S>(
    conn: &mut DB::Connection,
    row: &T,
) -> Result<Upserted<T::Output>, Error>
where
    DB: Returning,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    for _ in 0..ATTEMPTS {
        if let Some(output) = select::<DB, T, S>(conn, row).await? {
            return Ok(Upserted::new(output, Action::Unchanged));
        }
        if let Some(output) = insert_if_absent_returning::<DB, T, S>(conn, row).await? {
            return Ok(Upserted::new(output, Action::Inserted));
        }
    }
    Err(Error::row_vanished(T::MODEL))
}

/// The methods of [`Dialect`] that are the functions above, each run by a macro of the room.
macro_rules! returning_calls {
    ($run:ident) => {
        returning_calls!($run, upsert -> T::Output);
        returning_calls!($run, execute_upsert -> u64);
        returning_calls!($run, insert_if_absent -> bool);
        returning_calls!($run, insert_if_absent_returning -> Option<T::Output>);
        returning_calls!($run, get_or_insert -> Upserted<T::Output>);
    };
    ($run:ident, $call:ident -> $output:ty) => {
        async fn $call<T, S>(conn: &mut Self::Connection, row: &T) -> Result<$output, Error>
        where
            T: UpsertModel<Self, S>,
            S: 'static,
        {
            $run!(conn, returning::$call::<Self, T, S>(conn, row))
        }
    };
}
pub(super) use returning_calls;
