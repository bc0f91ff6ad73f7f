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
//! - Many is one, repeated: a batch leaves and gives what its rows would, one after the other in one transaction, whatever is
//!   in it. It is all or nothing, unless the call is told to commit each chunk.
//! - Only the named conflict target absorbs a row. A collision on another unique key is an error, on MySQL and MariaDB too.
//! - Key, generated and insert-only columns are never changed by an update.
//! - [`Action`] and row counts mean the same on every database. Where one cannot tell, the call is an error, never a guess.
//! - Nothing is swallowed: no `INSERT IGNORE`, no sum that silently turns into another type.
//! - No text comes from data: names and literals are known at compile time, every value is a bind. Of many rows in a VALUES
//!   list, the part for a row is repeated as often as there are rows.
//!
//! # What it costs you
//!
//! - **A unique index** behind each conflict target. The library does not create it, but says which one is missing;
//!   [`check_schema`](Upsert::check_schema) does so before the first row is written.
//! - **The whole row.** An upsert is an insert first, so a value is needed for every column that the table wants, also where
//!   the call will only update. [`Patch`] and `coalesce` leave columns alone that a caller does not know.
//! - **A sequence value** for each call on PostgreSQL, MySQL and MariaDB, whether it inserts or updates;
//!   [`get_or_insert`](Upsert::get_or_insert) takes one only when it inserts.
//! - **A transaction** of two statements for each row read back on MySQL and MariaDB, which have no RETURNING that both
//!   understand. [`execute`](UpsertOne::execute) is one statement there.
//! - **A boxed future** for each call, of one row or of many.
//!
//! [`guide::dialects`] counts the statements of each call on each database.
//!
//! # Many rows
//!
//! [`T::upsert_all`](Upsert::upsert_all) takes a slice of rows, references or `Arc`s,
//! [`T::upsert_stream`](Upsert::upsert_stream) a stream of any length. Keys may be there twice; rows and actions come back in
//! the order given.
//!
//! ```
//! # use upsert::Upsert;
//! # #[derive(Upsert)]
//! # #[upsert(conflict = "sku", accumulate = "stock")]
//! # struct Product { sku: String, stock: i64 }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
//! # sqlx::query("CREATE TABLE products (sku TEXT PRIMARY KEY, stock INTEGER NOT NULL)").execute(&pool).await?;
//! let delivery = [("pear", 5), ("apple", 10), ("pear", 7)].map(|(sku, stock)| Product { sku: sku.to_owned(), stock });
//! let rows: u64 = Product::upsert_all(&delivery, &pool).await?;
//! let stored = Product::upsert_all(&delivery, &pool).returning().await?;
//! assert_eq!(rows, 3);
//! assert_eq!(stored.iter().map(|product| product.stock).collect::<Vec<_>>(), [17, 20, 24]);
//! # Ok(())
//! # }
//! ```
//!
//! The rows go in statements as large as the database takes: arrays on PostgreSQL, VALUES lists elsewhere. They are sorted by
//! key where that is safe, so that batches that run at the same time do not deadlock, and a batch that meets a deadlock all the
//! same is tried again. [`UpsertMany`] has the switches; [`guide::performance`] says what costs what.
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
//! | [`Product::check_schema(&pool).await`](Upsert::check_schema) | an error that lists all that the database lacks |
//!
//! The guide goes on from there:
//!
//! - [`guide::tour`]: the first ten minutes;
//! - [`guide::patterns`]: counters, inventories, feeds, soft deletes;
//! - [`guide::attributes`]: every word that the derive understands, with an example and its SQL;
//! - [`guide::expressions`]: the language of `update = …`, `set(…)` and `update_where(…)`;
//! - [`guide::dialects`]: what differs between databases, and what does not;
//! - [`guide::engines`]: databases beyond one machine, and poolers;
//! - [`guide::many_rows`]: batches and streams, their order, their transactions and their errors;
//! - [`guide::errors`]: what can go wrong, and what to do;
//! - [`guide::schema_checks`]: whether the database has what the structs need, as one test and at start-up;
//! - [`guide::performance`]: what costs what;
//! - coming from [SQLAlchemy](guide::coming_from_sqlalchemy), [Diesel](guide::coming_from_diesel),
//!   [SeaORM](guide::coming_from_seaorm) or [sqlx by hand](guide::coming_from_sqlx).

#![cfg_attr(docsrs, feature(doc_cfg))]

pub use upsert_core::{
    Accumulate, Action, Bind, Column, Dialect, DialectConnection, Duplicates, Error, ErrorKind,
    ExecutorFor, Finding, GetOrInsertAll, InBulk, InsertAllIfAbsent, InsertIfAbsent, IntoRow, Json,
    Main, Patch, Progress, Read, Returned, RowOf, RowStream, SchemaCheck, SchemaExecutorFor,
    SchemaReport, Severity, Sql, Upsert, UpsertExecutor, UpsertFuture, UpsertMany, UpsertModel,
    UpsertModels, UpsertOne, UpsertSpec, UpsertStream, Upserted, check_schema,
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
