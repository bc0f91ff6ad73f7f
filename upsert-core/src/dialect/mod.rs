//! What differs between databases at run time: a room each, and the trait they share.

use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::{Database, Decode, Encode, Type};
use std::future::Future;

use crate::error::{Error, ErrorKind};
use crate::model::{Model, UpsertModel};
use crate::returning::Upserted;
use crate::schema::SchemaRoom;
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
    Database<Connection: DialectConnection<Dialect = Self>> + SchemaRoom + sealed::Sealed
{
    /// Whether sqlx keeps a connection usable when a future on it is dropped midway.
    #[doc(hidden)]
    const SURVIVES_DROP: bool;

    #[doc(hidden)]
    fn sql(model: &'static Model) -> Sql;

    /// What a driver's error means for this model, and what to do about it.
    #[doc(hidden)]
    fn explain(model: &'static Model, error: &dyn DatabaseError) -> (ErrorKind, String);

    // Generated code calls these instead of sqlx's generic methods, which are dearer to type-check.

    #[doc(hidden)]
    fn add<'q, T>(arguments: &mut Self::Arguments, value: &'q T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Self> + Type<Self>;

    /// Adds a value that may be missing, of a type that is borrowed: sqlx asks of an `Option` that it outlive the arguments.
    #[doc(hidden)]
    fn add_optional<'q, T>(
        arguments: &mut Self::Arguments,
        value: Option<&'q T>,
    ) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Self> + Type<Self>;

    #[doc(hidden)]
    fn add_flag(arguments: &mut Self::Arguments, flag: bool) -> Result<(), BoxDynError>;

    #[doc(hidden)]
    fn get<T>(row: &Self::Row, index: usize) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Self> + Type<Self>;

    #[doc(hidden)]
    fn add_json<T: Json<Self>>(
        arguments: &mut Self::Arguments,
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
}

/// What a bound value takes, by and large. A guess that is too small costs growing the buffer, as without it.
const BYTES_A_VALUE: usize = 16;

/// The arguments of a statement that writes the whole row.
fn bind_row<DB: Dialect, T: UpsertModel<DB, S>, S: 'static>(
    row: &T,
) -> Result<DB::Arguments, Error> {
    let mut arguments = DB::Arguments::default();
    let binds = T::MODEL.bound.len();
    sqlx::Arguments::reserve(&mut arguments, binds, binds * BYTES_A_VALUE);
    match row.bind(&mut arguments) {
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
    match row.bind_key(&mut arguments) {
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

/// The value functions of [`Dialect`], the same in every room but for the types they name.
macro_rules! dialect_values {
    () => {
        fn add<'q, T>(arguments: &mut Self::Arguments, value: &'q T) -> Result<(), BoxDynError>
        where
            T: Encode<'q, Self> + Type<Self>,
        {
            Arguments::add(arguments, value)
        }

        fn add_optional<'q, T>(
            arguments: &mut Self::Arguments,
            value: Option<&'q T>,
        ) -> Result<(), BoxDynError>
        where
            T: Encode<'q, Self> + Type<Self>,
        {
            Arguments::add(arguments, value)
        }

        fn add_flag(arguments: &mut Self::Arguments, flag: bool) -> Result<(), BoxDynError> {
            Arguments::add(arguments, flag)
        }

        fn get<T>(row: &Self::Row, index: usize) -> Result<T, sqlx::Error>
        where
            T: for<'r> Decode<'r, Self> + Type<Self>,
        {
            row.try_get(index)
        }

        #[cfg(feature = "json")]
        fn add_json<T: Json<Self>>(
            arguments: &mut Self::Arguments,
            value: Option<&T>,
        ) -> Result<(), BoxDynError> {
            let document = value.map(|value| sqlx::types::Json(value.document()));
            Arguments::add(arguments, document)
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
            _: &mut Self::Arguments,
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
