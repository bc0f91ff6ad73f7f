//! What differs between databases at run time: a room each, and the trait they share.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::{Database, Decode, Encode, Transaction, Type};
use std::future::Future;
use std::pin::Pin;

use crate::bulk::{Ahead, Job, KeyParts, Look, Operation, Options, Rows, Stop, Way};
use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::Upserted;
use crate::schema::SchemaRoom;
use crate::sink::{Put, Sink};
use crate::sql::Sql;
use crate::value::Json;

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "_sqlite"))]
mod returning;
#[cfg(feature = "_sqlite")]
mod sqlite;

mod sealed {
    pub trait Sealed {}
}

/// A connection that knows its database: `PgConnection`, `SqliteConnection`, `MySqlConnection`.
///
/// It exists because `&mut C` cannot be an executor for "any `C` that is some database's connection" otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that an upsert can run on",
    note = "pass `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`",
    note = "the database must be PostgreSQL, SQLite or MySQL/MariaDB, with the feature of its name (`postgres`, `sqlite`, `mysql`) turned on in `upsert`"
)]
pub trait DialectConnection: sqlx::Connection + Send + sealed::Sealed {
    /// The database behind the connection.
    type Dialect: Dialect;
}

/// A database that upserts can run on: `sqlx::Postgres`, `sqlx::Sqlite`, `sqlx::MySql` (MySQL and MariaDB alike).
///
/// Each comes with the feature of its name. The trait is sealed: the derive writes SQL for just these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database that `upsert` writes SQL for",
    label = "not a dialect of `upsert`",
    note = "turn on the feature of your database in `upsert`: `postgres`, `sqlite` (or `sqlite-unbundled`), `mysql`",
    note = "sqlx's `Any` cannot be used, since its SQL is not known while compiling: use the database's own pool"
)]
pub trait Dialect:
    Database<Connection: DialectConnection<Dialect = Self>, Arguments: Put<Self>>
    + SchemaRoom
    + sealed::Sealed
{
    /// Whether sqlx keeps a connection usable when a future on it is dropped midway.
    #[doc(hidden)]
    const SURVIVES_DROP: bool;

    /// The same for a future that begins a transaction.
    #[doc(hidden)]
    const BEGIN_SURVIVES_DROP: bool;

    /// What it is called in a trace.
    #[doc(hidden)]
    const NAME: &'static str;

    /// Begins a transaction that will write.
    #[doc(hidden)]
    const BEGIN: &'static str;

    /// Whether the keys of a batch have to be known: to lock rows in their order, and to tell those that come back by them.
    #[doc(hidden)]
    const TELLS_BY_KEY: bool;

    /// Whether a statement fails that finds two of its rows equal.
    #[doc(hidden)]
    const AMBIGUITY_IS_AN_ERROR: bool;

    /// Whether a lock that is not to be had means another try, rather than a long wait that was in vain.
    #[doc(hidden)]
    const BUSY_IS_A_CONFLICT: bool;

    /// What a statement of many rows binds.
    #[doc(hidden)]
    type Binds: Send;

    /// Takes the columns of a batch, where the database takes arrays.
    #[doc(hidden)]
    type Columns: Put<Self> + Send;

    /// Takes the parts of a key.
    #[doc(hidden)]
    type Key: Put<Self> + AsMut<KeyParts> + Default + Send;

    #[doc(hidden)]
    fn sql(model: &'static Model) -> Sql;

    /// What a driver's error means for this model, and what to do about it.
    #[doc(hidden)]
    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String);

    // Generated code calls these instead of sqlx's generic methods, which are dearer to type-check.

    #[doc(hidden)]
    fn add<'q, T>(sink: &mut Sink<'_, Self>, value: &'q T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Self> + Type<Self>,
    {
        sink.put(value)
    }

    /// Adds a value that may be missing, of a type that is borrowed: sqlx asks of an `Option` that it outlive the arguments.
    #[doc(hidden)]
    fn add_optional<'q, T>(
        sink: &mut Sink<'_, Self>,
        value: Option<&'q T>,
    ) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Self> + Type<Self>;

    #[doc(hidden)]
    fn add_flag(sink: &mut Sink<'_, Self>, flag: bool) -> Result<(), BoxDynError>;

    /// Gives on a value that came back as bytes, without knowing its type: a text of a type that is borrowed.
    #[doc(hidden)]
    fn pass_bytes(
        row: &Self::Row,
        index: usize,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), sqlx::Error>;

    #[doc(hidden)]
    fn get<T>(row: &Self::Row, index: usize) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Self> + Type<Self>;

    #[doc(hidden)]
    fn add_json<T: Json<Self>>(
        sink: &mut Sink<'_, Self>,
        value: Option<&T>,
    ) -> Result<(), BoxDynError>;

    #[doc(hidden)]
    fn get_json<T: Json<Self>>(row: &Self::Row, index: usize) -> Result<Option<T>, sqlx::Error>;

    #[doc(hidden)]
    fn upsert<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<T::Output, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    #[doc(hidden)]
    fn upsert_with_action<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<Upserted<T::Output>, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    #[doc(hidden)]
    fn execute_upsert<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<u64, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    #[doc(hidden)]
    fn insert_if_absent<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<bool, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    #[doc(hidden)]
    fn insert_if_absent_returning<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<Option<T::Output>, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    #[doc(hidden)]
    fn get_or_insert<T, S>(
        conn: &mut Self::Connection,
        row: &T,
    ) -> impl Future<Output = Result<Upserted<T::Output>, Error>> + Send
    where
        T: UpsertModel<Self, S>,
        S: 'static;

    /// How a batch is carried out.
    #[doc(hidden)]
    fn way(model: &'static Model, operation: Operation, look: &Look, careful: bool) -> Way;

    /// Asks what a batch of so many rows has to know of the table; `sortable` of them may go in the order of their keys.
    #[doc(hidden)]
    fn look(
        conn: &mut Self::Connection,
        model: &'static Model,
        rows: usize,
        sortable: usize,
    ) -> impl Future<Output = Result<Look, Error>> + Send;

    /// The binds of a statement of about so many rows, with none of them yet.
    #[doc(hidden)]
    fn new_binds(job: &Job<'_>, rows: usize) -> Self::Binds;

    /// Adds the binds of a row; says whether the statement should have no more of them.
    #[doc(hidden)]
    fn bind_next(
        job: &Job<'_>,
        rows: &dyn Rows<Self>,
        row: usize,
        binds: &mut Self::Binds,
    ) -> Result<bool, Error>;

    /// Carries out some rows of a batch, by statements of many rows; gives how many were inserted or updated.
    #[doc(hidden)]
    fn run_chunk(
        conn: &mut Self::Connection,
        rows: &mut dyn Rows<Self>,
        job: &Job<'_>,
        chunk: &[usize],
        ahead: &mut Ahead<'_, Self>,
    ) -> impl Future<Output = Result<u64, Stop>> + Send;

    /// Carries out a whole batch.
    #[doc(hidden)]
    fn run_batch<'c>(
        conn: &'c mut Self::Connection,
        rows: &'c mut dyn Rows<Self>,
        operation: Operation,
        options: Options<'c>,
    ) -> BatchFuture<'c>;

    /// Sends a statement that binds nothing and gives nothing back.
    #[doc(hidden)]
    fn send(
        conn: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Takes a transaction of ours back after an error, which is what is told. If the connection is gone, so is the transaction.
    #[doc(hidden)]
    fn roll_back(tx: Transaction<'_, Self>) -> impl Future<Output = ()> + Send {
        async move {
            let _ = tx.rollback().await;
        }
    }

    /// A row's key as the database spells it, for a message.
    #[doc(hidden)]
    fn spell_key(
        conn: &mut Self::Connection,
        rows: &mut dyn Rows<Self>,
        row: usize,
    ) -> impl Future<Output = Option<String>> + Send;

    /// The same without asking the database, where an error keeps it from answering, and as far as that can be done.
    #[doc(hidden)]
    fn spell_key_unasked(_: &dyn Rows<Self>, _: usize) -> Option<String> {
        None
    }
}

/// The future of a batch, of one type for all structs.
pub type BatchFuture<'c> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'c>>;

/// What a bound value takes, by and large. A guess that is too small costs growing the buffer, as without it.
const BYTES_A_VALUE: usize = 16;

/// The arguments of a statement that writes the whole row.
fn bind_row<DB: Dialect, T: UpsertModel<DB, S>, S: 'static>(
    row: &T,
) -> Result<DB::Arguments, Error> {
    let mut arguments = DB::Arguments::default();
    let binds = T::MODEL.bound.len();
    sqlx::Arguments::reserve(&mut arguments, binds, binds * BYTES_A_VALUE);
    match row.bind(&mut Sink::Arguments(&mut arguments)) {
        Ok(()) => Ok(arguments),
        Err(source) => {
            let column = T::MODEL.bound.get(sqlx::Arguments::len(&arguments));
            Err(Error::encode(T::MODEL, column.copied(), source))
        }
    }
}

/// The arguments of a statement that finds the row by its key.
fn bind_key<DB: Dialect, T: UpsertModel<DB, S>, S: 'static>(
    row: &T,
) -> Result<DB::Arguments, Error> {
    let mut arguments = DB::Arguments::default();
    match row.bind_key(&mut Sink::Arguments(&mut arguments)) {
        Ok(()) => Ok(arguments),
        Err(source) => {
            let column = T::MODEL.key.get(sqlx::Arguments::len(&arguments));
            Err(Error::encode(T::MODEL, column.copied(), source))
        }
    }
}

/// Reads a row that came back.
fn decode<DB: Dialect, T: UpsertModel<DB, S>, S: 'static>(
    row: &DB::Row,
) -> Result<T::Output, Error> {
    T::from_returning(row).map_err(|source| Error::from_driver::<DB>(T::MODEL, source))
}

/// How many binds a row has in a VALUES list; `slots` says which bind each `?` is, where they are not those of the row in order.
#[cfg(any(feature = "_sqlite", feature = "mysql"))]
fn binds_a_row(model: &Model, slots: &[usize]) -> usize {
    if slots.is_empty() {
        model.bound.len()
    } else {
        slots.len()
    }
}

/// The arguments of a statement of so many rows, with none of them yet.
#[cfg(any(feature = "_sqlite", feature = "mysql"))]
fn new_arguments<DB: Dialect>(binds: usize) -> DB::Arguments {
    let mut arguments = DB::Arguments::default();
    sqlx::Arguments::reserve(&mut arguments, binds, binds * BYTES_A_VALUE);
    arguments
}

/// Adds the arguments of a row.
#[cfg(any(feature = "_sqlite", feature = "mysql"))]
fn add_row<DB: Dialect>(
    rows: &dyn Rows<DB>,
    row: usize,
    slots: &[usize],
    arguments: &mut DB::Arguments,
) -> Result<(), Error> {
    let before = sqlx::Arguments::len(arguments);
    let mut sink = Sink::Arguments(arguments);
    let bound = if slots.is_empty() {
        rows.bind(row, &mut sink)
    } else {
        let mut slots = slots.iter();
        slots.try_for_each(|slot| rows.bind_one(row, *slot, &mut sink))
    };
    bound.map_err(|source| {
        let model = rows.model();
        let place = sqlx::Arguments::len(arguments) - before;
        let column = model.bound.get(slots.get(place).copied().unwrap_or(place));
        Error::encode(model, column.copied(), source).at_row(row)
    })
}

/// The arguments of a statement that finds one of several rows by its key.
fn bind_key_of<DB: Dialect>(rows: &dyn Rows<DB>, row: usize) -> Result<DB::Arguments, BoxDynError> {
    let mut arguments = DB::Arguments::default();
    rows.bind_key(row, &mut Sink::Arguments(&mut arguments))?;
    Ok(arguments)
}

/// The columns of a key with their values, for a message: `email = ada@example.com`.
fn show_key(key: &[&str], values: Vec<Option<String>>) -> String {
    let values = values
        .iter()
        .map(|value| value.as_deref().unwrap_or("NULL"));
    let parts = key.iter().zip(values);
    let mut parts: Vec<_> = parts
        .map(|(column, value)| format!("{column} = {value}"))
        .collect();
    // Some keys are bound twice.
    parts.dedup();
    format!("`{}`", parts.join(", "))
}

/// The binds of a room whose batches are VALUES lists, `$room` being its texts.
#[cfg(any(feature = "_sqlite", feature = "mysql"))]
macro_rules! values_binds {
    ($room:ident) => {
        type Binds = <Self as sqlx::Database>::Arguments;

        fn new_binds(job: &Job<'_>, rows: usize) -> Self::Binds {
            let slots = job.model.texts.$room.source.slots;
            let binds = $crate::dialect::binds_a_row(job.model, slots);
            $crate::dialect::new_arguments::<Self>(rows * binds)
        }

        fn bind_next(
            job: &Job<'_>,
            rows: &dyn Rows<Self>,
            row: usize,
            binds: &mut Self::Binds,
        ) -> Result<bool, Error> {
            let slots = job.model.texts.$room.source.slots;
            $crate::dialect::add_row::<Self>(rows, row, slots, binds)?;
            Ok(false)
        }
    };
}
#[cfg(any(feature = "_sqlite", feature = "mysql"))]
use values_binds;

/// What all rooms do alike for a batch: run it, and spell the key of a row as the database does (`email = ada@example.com`).
macro_rules! batch_calls {
    ($cast:expr) => {
        async fn spell_key(
            conn: &mut Self::Connection,
            rows: &mut dyn Rows<Self>,
            row: usize,
        ) -> Option<String> {
            let cast: fn(usize) -> String = $cast;
            let key = rows.model().key;
            let arguments = $crate::dialect::bind_key_of::<Self>(rows, row).ok()?;
            let casts: Vec<_> = (1..=key.len()).map(cast).collect();
            let sql = sqlx::AssertSqlSafe(format!("SELECT {}", casts.join(", ")));
            let query = sqlx::query_with(sql, arguments).persistent(false);
            let spelled = conn.fetch_all(query).await.ok()?;
            let row = spelled.first()?;
            let values = (0..key.len()).map(|place| row.try_get_unchecked(place).ok());
            Some($crate::dialect::show_key(
                key,
                values.collect::<Option<_>>()?,
            ))
        }

        async fn send(conn: &mut Self::Connection, sql: &'static str) -> Result<(), sqlx::Error> {
            Executor::execute(conn, sql).await.map(drop)
        }

        // Not generic over structs, so that it is compiled here and not in each crate that uses it.
        fn run_batch<'c>(
            conn: &'c mut Self::Connection,
            rows: &'c mut dyn Rows<Self>,
            operation: Operation,
            options: Options<'c>,
        ) -> BatchFuture<'c> {
            Box::pin(bulk::run::<Self>(conn, rows, operation, options))
        }
    };
}
use batch_calls;

/// The value functions of [`Dialect`], the same in every room but for the types they name.
macro_rules! dialect_values {
    () => {
        fn add_optional<'q, T>(
            sink: &mut Sink<'_, Self>,
            value: Option<&'q T>,
        ) -> Result<(), BoxDynError>
        where
            T: Encode<'q, Self> + Type<Self>,
        {
            sink.put(value)
        }

        fn add_flag(sink: &mut Sink<'_, Self>, flag: bool) -> Result<(), BoxDynError> {
            sink.put(flag)
        }

        fn pass_bytes(
            row: &Self::Row,
            index: usize,
            sink: &mut Sink<'_, Self>,
        ) -> Result<(), sqlx::Error> {
            let bytes: Option<&[u8]> = row.try_get_unchecked(index)?;
            sink.put(bytes).map_err(sqlx::Error::Encode)
        }

        fn get<T>(row: &Self::Row, index: usize) -> Result<T, sqlx::Error>
        where
            T: for<'r> Decode<'r, Self> + Type<Self>,
        {
            row.try_get(index)
        }

        #[cfg(feature = "json")]
        fn add_json<T: Json<Self>>(
            sink: &mut Sink<'_, Self>,
            value: Option<&T>,
        ) -> Result<(), BoxDynError> {
            sink.put(value.map(|value| sqlx::types::Json(value.document())))
        }

        #[cfg(feature = "json")]
        fn get_json<T: Json<Self>>(
            row: &Self::Row,
            index: usize,
        ) -> Result<Option<T>, sqlx::Error> {
            let document: Option<sqlx::types::Json<T::Document>> = row.try_get(index)?;
            Ok(document.map(|json| T::from_document(json.0)))
        }

        // No type is `Json` without the feature, so these two are never reached.

        #[cfg(not(feature = "json"))]
        fn add_json<T: Json<Self>>(
            _: &mut Sink<'_, Self>,
            _: Option<&T>,
        ) -> Result<(), BoxDynError> {
            Err("`json` fields need the feature `json` of `upsert`".into())
        }

        #[cfg(not(feature = "json"))]
        fn get_json<T: Json<Self>>(_: &Self::Row, _: usize) -> Result<Option<T>, sqlx::Error> {
            Ok(None)
        }
    };
}
use dialect_values;
