//! Traits, executors and row mapping of the [`upsert`](https://docs.rs/upsert) crate.
//!
//! Use `upsert`; this crate is its run-time half. A call travels one way through it:
//! [`Upsert`] (the methods) → [`UpsertExecutor`] (one connection) → [`Dialect`] (the driver) → the row.

#![cfg_attr(docsrs, feature(doc_cfg))]
// What the databases share is used by some of them alone. Whether all of it is used shows where all features are on.
#![cfg_attr(
    not(all(feature = "postgres", feature = "_sqlite", feature = "mysql")),
    allow(dead_code, unused_imports, unused_macros)
)]

mod accumulate;
mod array;
mod bulk;
mod capability;
mod columns;
mod dialect;
mod error;
mod executor;
mod model;
mod patch;
mod returning;
mod schema;
mod sink;
mod sql;
mod upsert;
mod value;
mod verify;

pub use accumulate::Accumulate;
pub use bulk::{
    Duplicates, GetOrInsertAll, InsertAllIfAbsent, IntoRow, Progress, RowStream, UpsertMany,
    UpsertStream,
};
pub use dialect::{Dialect, DialectConnection};
pub use error::{Error, ErrorKind};
pub use executor::{ExecutorFor, UpsertExecutor};
pub use model::{InBulk, Main, RowOf, UpsertModel, UpsertSpec};
pub use patch::Patch;
pub use returning::{Action, Upserted};
pub use schema::{Finding, SchemaCheck, SchemaExecutorFor, SchemaReport, Severity, UpsertModels};
pub use sql::Sql;
pub use upsert::{InsertIfAbsent, Upsert, UpsertFuture, UpsertOne};
pub use value::{Bind, Column, Json, Read, Returned};

/// What generated code may name, for the facade to re-export. No part of the public API.
#[doc(hidden)]
pub mod private;
