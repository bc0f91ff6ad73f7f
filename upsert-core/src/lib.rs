//! Traits, executors and row mapping of the [`upsert`](https://docs.rs/upsert) crate.
//!
//! Use `upsert`; this crate is its run-time half. A call travels one way through it:
//! [`Upsert`] (the methods) → [`UpsertExecutor`] (one connection) → [`Dialect`] (the driver) → the row.

// Without a database there is nothing that would use what the databases share.
#![cfg_attr(
    not(any(feature = "postgres", feature = "_sqlite", feature = "mysql")),
    allow(dead_code, unused_imports, unused_macros)
)]

mod accumulate;
mod capability;
mod columns;
mod dialect;
mod error;
mod executor;
mod model;
mod patch;
mod returning;
mod schema;
mod sql;
mod upsert;
mod value;

pub use accumulate::Accumulate;
pub use dialect::{Dialect, DialectConnection};
pub use error::{Error, ErrorKind};
pub use executor::{ExecutorFor, UpsertExecutor};
pub use model::{Main, UpsertModel, UpsertSpec};
pub use patch::Patch;
pub use returning::{Action, Upserted};
pub use schema::{Finding, SchemaCheck, SchemaExecutorFor, SchemaReport, Severity, UpsertModels};
pub use sql::Sql;
pub use upsert::{InsertIfAbsent, Upsert, UpsertFuture, UpsertOne};
pub use value::{Bind, Column, Json, Read, Returned};

/// What generated code may name, for the facade to re-export. No part of the public API.
#[doc(hidden)]
pub mod private;
