//! MySQL and MariaDB: the guard makes a conflict target, the nonce tells what happened, and a SELECT by key in the same
//! transaction reads the row back.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{Arguments, Connection, Decode, Encode, Executor, Row, Type};

use super::{Dialect, DialectConnection, bind_key, bind_row, decode, dialect_values, sealed};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::{Action, Upserted};
use crate::sql::Sql;
use crate::value::Json;

mod error;
mod nonce;
mod schema;

use nonce::{Nonce, Reply, Verdict};

/// Not `BEGIN`, which opens a block of code in MariaDB's `sql_mode=ORACLE`.
const BEGIN: &str = "START TRANSACTION";

impl sealed::Sealed for MySql {}
impl sealed::Sealed for MySqlConnection {}

impl DialectConnection for MySqlConnection {
    type Dialect = MySql;
}

impl Dialect for MySql {
    /// A `BEGIN` whose reply was not awaited leaves the connection inside a transaction that sqlx does not know of.
    const SURVIVES_DROP: bool = false;

    fn sql(model: &'static Model) -> Sql {
        let texts = &model.texts.mysql;
        Sql::new(vec![
            ("upsert", texts.upsert),
            ("upsert_with_action", texts.upsert_with_action),
            ("insert_if_absent", texts.insert_if_absent),
            ("select", texts.select),
            ("select_locking", texts.select_locking),
        ])
    }

    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
        error::explain(model, error)
    }

    dialect_values!();

    async fn upsert<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<T::Output, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        if conn.is_in_transaction() {
            return upsert_and_read::<T, S>(conn, row).await;
        }
        let mut tx = conn.begin_with(BEGIN).await.map_err(driver(T::MODEL))?;
        let output = upsert_and_read::<T, S>(&mut tx, row).await?;
        tx.commit().await.map_err(driver(T::MODEL))?;
        Ok(output)
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
        if conn.is_in_transaction() {
            return upsert_and_tell::<T, S>(conn, row).await;
        }
        let mut tx = conn.begin_with(BEGIN).await.map_err(driver(T::MODEL))?;
        let upserted = upsert_and_tell::<T, S>(&mut tx, row).await?;
        tx.commit().await.map_err(driver(T::MODEL))?;
        Ok(upserted)
    }

    /// The reply's count is not asked: it is 2 for an update and 1 for an equal one, and either is one row.
    async fn execute_upsert<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<u64, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let arguments = bind_row::<Self, T, S>(row)?;
        execute(conn, T::MODEL, T::MODEL.texts.mysql.upsert, arguments).await?;
        Ok(1)
    }

    async fn insert_if_absent<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<bool, Error>
    where
        T: UpsertModel<Self, S>,
        S: 'static,
    {
        schema::check_once(conn, T::MODEL).await?;
        let nonce = Nonce::new();
        let reply = insert::<T, S>(conn, row, nonce).await?;
        let action = match nonce.verdict(reply) {
            Verdict::Told(action) => action,
            Verdict::AskSession => nonce.resolve(last_insert_id(conn, T::MODEL).await?),
        };
        Ok(action.is_inserted())
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
        let upserted = if conn.is_in_transaction() {
            insert_and_tell::<T, S>(conn, row).await?
        } else {
            let mut tx = conn.begin_with(BEGIN).await.map_err(driver(T::MODEL))?;
            let upserted = insert_and_tell::<T, S>(&mut tx, row).await?;
            tx.commit().await.map_err(driver(T::MODEL))?;
            upserted
        };
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
        if conn.is_in_transaction() {
            return insert_and_tell::<T, S>(conn, row).await;
        }
        let mut tx = conn.begin_with(BEGIN).await.map_err(driver(T::MODEL))?;
        let upserted = insert_and_tell::<T, S>(&mut tx, row).await?;
        tx.commit().await.map_err(driver(T::MODEL))?;
        Ok(upserted)
    }
}

async fn upsert_and_read<T, S>(conn: &mut MySqlConnection, row: &T) -> Result<T::Output, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let arguments = bind_row::<MySql, T, S>(row)?;
    execute(conn, T::MODEL, T::MODEL.texts.mysql.upsert, arguments).await?;
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
    let mut arguments = bind_row::<MySql, T, S>(row)?;
    nonce.bind(T::MODEL, &mut arguments)?;
    let sql = T::MODEL.texts.mysql.upsert_with_action;
    let reply = execute(conn, T::MODEL, sql, arguments).await?;
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
    let reply = insert::<T, S>(conn, row, nonce).await?;
    read_and_tell::<T, S>(conn, row, nonce, reply).await
}

async fn insert<T, S>(conn: &mut MySqlConnection, row: &T, nonce: Nonce) -> Result<Reply, Error>
where
    T: UpsertModel<MySql, S>,
    S: 'static,
{
    let mut arguments = bind_row::<MySql, T, S>(row)?;
    nonce.bind(T::MODEL, &mut arguments)?;
    execute(
        conn,
        T::MODEL,
        T::MODEL.texts.mysql.insert_if_absent,
        arguments,
    )
    .await
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

async fn execute(
    conn: &mut MySqlConnection,
    model: &'static Model,
    sql: &'static str,
    arguments: MySqlArguments,
) -> Result<Reply, Error> {
    let done = Executor::execute(conn, (sql, Some(arguments)))
        .await
        .map_err(driver(model))?;
    Ok(Reply {
        rows: done.rows_affected(),
        id: done.last_insert_id(),
    })
}

fn driver(model: &'static Model) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::from_driver::<MySql>(model, source)
}
