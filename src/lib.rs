//! Insert a row, or update the one it conflicts with, in one atomic statement: a derive for sqlx structs, on PostgreSQL,
//! SQLite, MySQL and MariaDB.
//!
//! ```
//! use upsert::{Action, Upsert, Upserted};
//!
//! #[derive(Upsert)]
//! #[upsert(conflict = "sku", accumulate = "stock")]
//! struct Product {
//!     #[upsert(generated)]
//!     id: i64,
//!     sku: String,
//!     name: String,
//!     stock: i64,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
//! # sqlx::query("CREATE TABLE products (id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL, stock INTEGER NOT NULL)").execute(&pool).await?;
//! let delivery = Product { id: 0, sku: "apple".to_owned(), name: "Apple".to_owned(), stock: 50 };
//! delivery.upsert(&pool).await?;
//! let Upserted { row, action } = delivery.upsert(&pool).with_action().await?;
//! assert_eq!((row.id, row.stock, action), (1, 100, Action::Updated));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - The database decides, in one statement, whether a row is new. There is no SELECT before the write, and no race.
//! - The row comes back as it stands after the call, also where a guard left it untouched and where the database has no
//!   RETURNING.
//! - Only the named conflict target absorbs a row. A collision on another unique key is an error, on MySQL and MariaDB too.
//! - Key, generated and insert-only columns are never changed by an update.
//! - [`Action`] and row counts mean the same on every database. Where one cannot tell, the call is an error, never a guess.
//! - Nothing is swallowed: no `INSERT IGNORE`, no sum that silently turns into another type.
//! - No text comes from data: names and literals are known at compile time, every value is a bind.
//!
//! # What it costs you
//!
//! - **A unique index** behind each conflict target. The library does not create it, but says which one is missing.
//! - **The whole row.** An upsert is an insert first, so a value is needed for every column that the table wants, also where
//!   the call will only update. [`Patch`] and `coalesce` leave columns alone that a caller does not know.
//! - **A sequence value** for each call on PostgreSQL, MySQL and MariaDB, whether it inserts or updates;
//!   [`get_or_insert`](Upsert::get_or_insert) takes one only when it inserts.
//! - **A transaction** of two statements for each row read back on MySQL and MariaDB, which have no RETURNING that both
//!   understand. [`execute`](UpsertOne::execute) is one statement there.
//! - **A boxed future** for each call.
//!
//! [`guide::dialects`] counts the statements of each call on each database.
//!
//! # How it works
//!
//! The derive reads the struct and its attributes, checks them, and writes the statements of all databases into the program
//! as string literals. They can be looked at, with [`Upsert::sql`] or with `cargo expand`. What it implements is generic over
//! the database, as sqlx's own `FromRow` is over the row, so one struct works on every database whose feature is on. A call
//! takes one connection from its [executor](UpsertExecutor), binds the values, sends the statement that was written for this
//! database, and maps the row that comes back by position.
//!
//! # How to begin
//!
//! Turn on the feature of your database: `postgres`, `sqlite` (or `sqlite-unbundled`, for the system's library), `mysql`
//! (MariaDB too). Then derive [`Upsert`](derive@Upsert) and name the columns that decide whether a row is already there:
//!
//! | call | gives |
//! |---|---|
//! | [`row.upsert(&pool).await`](Upsert::upsert) | the row as it now stands |
//! | [`….with_action().await`](UpsertOne::with_action) | [`Upserted`]: the row, and whether it was inserted, updated or left alone |
//! | [`….execute().await`](UpsertOne::execute) | the number of rows written, without reading any back |
//! | [`row.insert_if_absent(&pool).await`](Upsert::insert_if_absent) | whether the row was inserted; one that is there stays as it is |
//! | [`….returning().await`](InsertIfAbsent::returning) | the row, if it was inserted |
//! | [`row.get_or_insert(&pool).await`](Upsert::get_or_insert) | [`Upserted`]: the row with this key, inserted if there was none |
//! | [`T::upsert_all(&rows, &pool).await`](Upsert::upsert_all) | the number of rows inserted or updated |
//! | [`….returning().await`](UpsertMany::returning), [`….with_actions().await`](UpsertMany::with_actions) | the rows, in the order of `rows`; with what happened to each |
//! | [`T::insert_all_if_absent(&rows, &pool).await`](Upsert::insert_all_if_absent) | the number of rows inserted; `.returning()`: for each, the row if it was |
//! | [`T::get_or_insert_all(&rows, &pool).await`](Upsert::get_or_insert_all) | [`Upserted`] for each row |
//! | [`T::upsert_stream(stream, &pool).await`](Upsert::upsert_stream) | the number of rows inserted or updated, of any number of rows |
//!
//! The guide goes on from there:
//!
//! - [`guide::attributes`]: every word that the derive understands, with an example;
//! - [`guide::expressions`]: the language of `update = …`, `set(…)` and `update_where(…)`;
//! - [`guide::dialects`]: what differs between databases, and what does not;
//! - [`guide::errors`]: what can go wrong, and what to do;
//! - [`guide::many_rows`]: batches and streams, their order, their transactions and their errors.

pub use upsert_core::{
    Accumulate, Action, Bind, Column, Dialect, DialectConnection, Duplicates, Error, ErrorKind,
    ExecutorFor, GetOrInsertAll, InBulk, InsertAllIfAbsent, InsertIfAbsent, IntoRow, Json, Main,
    Patch, Progress, Read, Returned, RowOf, RowStream, Sql, Upsert, UpsertExecutor, UpsertFuture,
    UpsertMany, UpsertModel, UpsertOne, UpsertSpec, UpsertStream, Upserted,
};
#[cfg(feature = "derive")]
pub use upsert_derive::Upsert;

#[cfg(any(doc, doctest))]
pub mod guide;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub use upsert_core::private as __private;
