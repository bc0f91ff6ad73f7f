//! Atomic upserts for [sqlx](https://docs.rs/sqlx), derived.

pub use upsert_core::{
    Accumulate, Action, Bind, Column, Dialect, DialectConnection, Error, ErrorKind, ExecutorFor,
    InsertIfAbsent, Json, Main, Patch, Read, Returned, Sql, Upsert, UpsertExecutor, UpsertFuture,
    UpsertModel, UpsertOne, UpsertSpec, Upserted,
};
#[cfg(feature = "derive")]
pub use upsert_derive::Upsert;

#[doc(hidden)]
pub use upsert_core::private as __private;
