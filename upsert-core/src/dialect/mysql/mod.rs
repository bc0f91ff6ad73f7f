//! MySQL and MariaDB: the guard makes a conflict target, the nonce tells what happened, and a SELECT by key in the same
//! transaction reads the row back.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{Arguments, Connection, Decode, Encode, Executor, Row, Type};

use super::BatchFuture;
use super::{
    Dialect, DialectConnection, batch_calls, bind_key, bind_row, decode, dialect_values, sealed,
    values_binds,
};
use crate::bulk::{self, Ahead, Job, Look, Operation, Options, Rows, Stop, Way};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, MySqlStatement, Slot, UpsertModel};
use crate::returning::{Action, Upserted};
use crate::sink::{NoColumns, Put, Sink};
use crate::sql::Sql;
use crate::value::Json;

mod error;
mod many;
mod nonce;
mod schema;

use nonce::{Nonce, Reply, Verdict};

/// Runs a call inside the transaction that the caller has open, or in one of its own.
macro_rules! in_transaction {
    ($conn:ident, $row:ident, $call:expr) => {
        async {
            if $conn.is_in_transaction() {
                return $call($conn, $row).await;
            }
            let mut tx = $conn
                .begin_with(MySql::BEGIN)
                .await
                .map_err(driver(T::MODEL))?;
            let output = $call(&mut tx, $row).await?;
            tx.commit().await.map_err(driver(T::MODEL))?;
            Ok(output)
        }
        .await
    };
}

impl sealed::Sealed for MySql {}
impl sealed::Sealed for MySqlConnection {}

impl DialectConnection for MySqlConnection {
    type Dialect = MySql;
}

impl Put<MySql> for MySqlArguments {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, MySql> + Type<MySql>,
    {
        Arguments::add(self, value)
    }
}

impl Dialect for MySql {
    /// A `BEGIN` whose reply was not awaited leaves the connection inside a transaction that sqlx does not know of.
    const SURVIVES_DROP: bool = false;
    const BEGIN_SURVIVES_DROP: bool = false;
    const NAME: &'static str = "mysql";
    /// Not `BEGIN`, which opens a block of code in MariaDB's `sql_mode=ORACLE`.
    const BEGIN: &'static str = "START TRANSACTION";
    const TELLS_BY_KEY: bool = true;
    const AMBIGUITY_IS_AN_ERROR: bool = false;
    const BUSY_IS_A_CONFLICT: bool = false;

    values_binds!(mysql);

    type Columns = NoColumns;
    type Key = many::Key;

    fn sql(model: &'static Model) -> Sql {
        let texts = &model.texts.mysql;
        Sql::new(
            vec![
                ("upsert", texts.upsert.sql),
                ("upsert_with_action", texts.upsert_with_action.sql),
                ("insert_if_absent", texts.insert_if_absent.sql),
                ("select", texts.select),
                ("select_locking", texts.select_locking),
            ],
            texts.create_index,
        )
    }

    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
        error::explain(model, error)
    }

    dialect_values!();
    batch_calls!(|_| "CAST(? AS CHAR)".to_owned());

    fn way(model: &'static Model, operation: Operation, _: &Look, careful: bool) -> Way {
        many::way(model, operation, careful)
    }

    async fn look(
        conn: &mut MySqlConnection,
        model: &'static Model,
        _: usize,
        _: usize,
    ) -> Result<Look, Error> {
        schema::look(conn, model).await
    }

    async fn run_chunk(
        conn: &mut MySqlConnection,
        rows: &mut dyn Rows<Self>,
        job: &Job<'_>,
        chunk: &[usize],
        ahead: &mut Ahead<'_, Self>,
    ) -> Result<u64, Stop> {
        many::run_chunk(conn, rows, job, chunk, ahead).await
    }

    async fn upsert<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<T::Output, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        in_transaction!(conn, row, upsert_and_read::<T, S>)
    }

    async fn upsert_with_action<T, S>(
        conn: &mut MySqlConnection,
        row: &T,
    ) -> Result<Upserted<T::Output>, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        in_transaction!(conn, row, upsert_and_tell::<T, S>)
    }

    /// The reply's count is not asked: it is 2 for an update and 1 for an equal one, and either is one row. Only where a guard
    /// may leave the row alone, the statement has to tell.
    async fn execute_upsert<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<u64, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let texts = &T::MODEL.texts.mysql;
        if !T::MODEL.guarded {
            run::<T, S>(conn, row, &texts.upsert, None).await?;
            return Ok(1);
        }
        let nonce = Nonce::new();
        let reply = run::<T, S>(conn, row, &texts.upsert_with_action, Some(nonce)).await?;
        let action = tell(conn, T::MODEL, nonce, reply).await?;
        Ok(u64::from(action != Action::Unchanged))
    }

    async fn insert_if_absent<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<bool, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let nonce = Nonce::new();
        let insert = &T::MODEL.texts.mysql.insert_if_absent;
        let reply = run::<T, S>(conn, row, insert, Some(nonce)).await?;
        Ok(tell(conn, T::MODEL, nonce, reply).await?.is_inserted())
    }

    async fn insert_if_absent_returning<T, S>(
        conn: &mut MySqlConnection,
        row: &T,
    ) -> Result<Option<T::Output>, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let upserted = in_transaction!(conn, row, insert_and_tell::<T, S>)?;
        Ok(upserted.action.is_inserted().then_some(upserted.row))
    }

    /// Looks first, so that a hit writes nothing and burns no auto-increment value.
    async fn get_or_insert<T, S>(
        conn: &mut MySqlConnection,
        row: &T,
    ) -> Result<Upserted<T::Output>, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let key = bind_key::<Self, T, S>(row)?;
        if let Some(found) = fetch(conn, T::MODEL, T::MODEL.texts.mysql.select, key).await? {
            return Ok(Upserted::new(
                decode::<Self, T, S>(&found)?,
                Action::Unchanged,
            ));
        }
        in_transaction!(conn, row, insert_and_tell::<T, S>)
    }
}

async fn upsert_and_read<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<T::Output, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    run::<T, S>(conn, row, &T::MODEL.texts.mysql.upsert, None).await?;
    let stored = select_locking::<T, S>(conn, row).await?;
    decode::<MySql, T, S>(&stored)
}

async fn upsert_and_tell<T, S>(
    conn: &mut MySqlConnection,
    row: &T,
) -> Result<Upserted<T::Output>, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let nonce = Nonce::new();
    let upsert = &T::MODEL.texts.mysql.upsert_with_action;
    let reply = run::<T, S>(conn, row, upsert, Some(nonce)).await?;
    read_and_tell::<T, S>(conn, row, nonce, reply).await
}

async fn insert_and_tell<T, S>(
    conn: &mut MySqlConnection,
    row: &T,
) -> Result<Upserted<T::Output>, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let nonce = Nonce::new();
    let insert = &T::MODEL.texts.mysql.insert_if_absent;
    let reply = run::<T, S>(conn, row, insert, Some(nonce)).await?;
    read_and_tell::<T, S>(conn, row, nonce, reply).await
}

/// Sends a statement that writes the row. One that is to tell what happened gets its nonce.
async fn run<T, S>(
    conn: &mut MySqlConnection,
    row: &T,
    statement: &'static MySqlStatement,
    nonce: Option<Nonce>,
) -> Result<Reply, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let arguments = bind::<T, S>(row, statement, nonce)?;
    let done = Executor::execute(&mut *conn, (statement.sql, Some(arguments))).await;
    match done {
        Ok(done) => Ok(Reply {
            rows: done.rows_affected(),
            id: done.last_insert_id(),
        }),
        Err(source) => {
            let error = Error::from_driver::<MySql>(T::MODEL, source);
            // An insert leaves a deleted row alone.
            let is_insert = statement.sql == T::MODEL.texts.mysql.insert_if_absent.sql;
            Err(if is_insert {
                error
            } else {
                explain::<T, S>(conn, row, error).await
            })
        }
    }
}

/// The error of an upsert. A deleted row is refused by the same error as a foreign one, so the row is asked.
async fn explain<T, S>(conn: &mut MySqlConnection, row: &T, error: Error) -> Error
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let sql = T::MODEL.texts.mysql.select_deleted;
    if sql.is_empty() || error.kind() != ErrorKind::UniqueViolation {
        return error;
    }
    let Ok(key) = bind_key::<MySql, T, S>(row) else {
        return error;
    };
    match fetch(conn, T::MODEL, sql, key).await {
        Ok(Some(found)) if found.try_get(0).unwrap_or(false) => error.into_deleted(),
        _ => error,
    }
}

fn bind<T, S>(
    row: &T,
    statement: &MySqlStatement,
    nonce: Option<Nonce>,
) -> Result<MySqlArguments, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    if statement.slots.is_empty() {
        let mut arguments = bind_row::<MySql, T, S>(row)?;
        if let Some(nonce) = nonce {
            nonce.bind(T::MODEL, &mut arguments)?;
        }
        return Ok(arguments);
    }
    let mut arguments = MySqlArguments::default();
    for slot in statement.slots {
        match (*slot, nonce) {
            (Slot::Bind(place), _) => {
                row.bind_one(place, &mut Sink::Arguments(&mut arguments))
                    .map_err(|source| {
                        Error::encode(T::MODEL, T::MODEL.bound.get(place).copied(), source)
                    })?;
            }
            (Slot::Nonce, Some(nonce)) => nonce.bind(T::MODEL, &mut arguments)?,
            (Slot::Nonce, None) => {}
        }
    }
    Ok(arguments)
}

/// What happened, asking the session where the reply cannot tell.
async fn tell(
    conn: &mut MySqlConnection,
    model: &'static Model,
    nonce: Nonce,
    reply: Reply,
) -> Result<Action, Error> {
    match nonce.verdict(reply) {
        Verdict::Told(action) => Ok(action),
        Verdict::AskSession => Ok(nonce.resolve(last_insert_id(conn, model).await?)),
    }
}

/// Reads the row back; the session's own `LAST_INSERT_ID()` comes with it, for the case in which the reply cannot tell.
async fn read_and_tell<T, S>(
    conn: &mut MySqlConnection,
    row: &T,
    nonce: Nonce,
    reply: Reply,
) -> Result<Upserted<T::Output>, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let stored = select_locking::<T, S>(conn, row).await?;
    let action = match nonce.verdict(reply) {
        Verdict::Told(action) => action,
        Verdict::AskSession => {
            let session = stored.try_get(T::MODEL.returning.len());
            nonce.resolve(session.map_err(driver(T::MODEL))?)
        }
    };
    Ok(Upserted::new(decode::<MySql, T, S>(&stored)?, action))
}

/// Reads the newest version of the row: a plain SELECT would see an older snapshot's under REPEATABLE READ.
async fn select_locking<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<MySqlRow, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let key = bind_key::<MySql, T, S>(row)?;
    let stored = fetch(conn, T::MODEL, T::MODEL.texts.mysql.select_locking, key).await?;
    stored.ok_or_else(|| Error::row_vanished(T::MODEL))
}

async fn last_insert_id(conn: &mut MySqlConnection, model: &'static Model) -> Result<u64, Error> {
    let arguments = MySqlArguments::default();
    let row = fetch(conn, model, "SELECT LAST_INSERT_ID()", arguments).await?;
    let row = row.ok_or_else(|| Error::row_vanished(model))?;
    row.try_get(0).map_err(driver(model))
}

// sqlx reads MySQL's reply to its end here only if nobody stops at the first row, so all rows are taken.
async fn fetch(
    conn: &mut MySqlConnection,
    model: &'static Model,
    sql: &'static str,
    arguments: MySqlArguments,
) -> Result<Option<MySqlRow>, Error> {
    let rows = conn
        .fetch_all((sql, Some(arguments)))
        .await
        .map_err(driver(model))?;
    Ok(rows.into_iter().next())
}

fn driver(model: &'static Model) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::from_driver::<MySql>(model, source)
}
