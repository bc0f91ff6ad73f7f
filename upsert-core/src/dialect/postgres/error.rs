//! PostgreSQL's codes in our words.

use sqlx::error::DatabaseError;

use crate::error::{ErrorKind, row_is_deleted};
use crate::model::Model;

pub(super) fn explain(model: &Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
    let message = error.message();
    let constraint = error.constraint().unwrap_or("unnamed");
    match error.code().as_deref().unwrap_or_default() {
        "42P10" => (
            ErrorKind::MissingUniqueIndex,
            format!(
                "no unique index stands behind the conflict target; run `{}`",
                model.texts.postgres.create_index
            ),
        ),
        "42704" if message.starts_with("constraint ") => (
            ErrorKind::MissingUniqueIndex,
            format!("{message}; run `{}`", model.texts.postgres.create_index),
        ),
        "55000" if message.contains("deferrable") => (
            ErrorKind::MissingUniqueIndex,
            "the unique constraint behind the conflict target is deferrable, and cannot decide a conflict, nor can an index \
             beside it; drop it, and make it again NOT DEFERRABLE"
                .to_owned(),
        ),
        "23505" => (
            ErrorKind::UniqueViolation,
            format!(
                "the row collides with another row under the unique key `{constraint}`, which is not the conflict target; \
                 nothing was written"
            ),
        ),
        "23502" => (
            ErrorKind::NotNullViolation,
            format!(
                "{message}; an upsert must bring the whole row, also where it would only update"
            ),
        ),
        "23503" => (
            ErrorKind::ForeignKeyViolation,
            format!("{message}; write the row that the foreign key `{constraint}` points at first"),
        ),
        "23514" if error.constraint().is_some() => (
            ErrorKind::CheckViolation,
            format!("the check constraint `{constraint}` refuses the row; nothing was written"),
        ),
        // A row that belongs into no partition.
        "23514" => (
            ErrorKind::CheckViolation,
            format!("{message}; nothing was written"),
        ),
        "22003" => (
            ErrorKind::OutOfRange,
            format!("{message}; nothing was written: make the column's type wider"),
        ),
        "22012" => (
            ErrorKind::OutOfRange,
            format!("{message}; nothing was written"),
        ),
        "22P02" if message.contains("upsert: row is deleted") => {
            (ErrorKind::Deleted, row_is_deleted(model))
        }
        "40P01" => (
            ErrorKind::Deadlock,
            "the database ended a deadlock at this call's expense; try the transaction again"
                .to_owned(),
        ),
        "40001" => (
            ErrorKind::Serialization,
            format!("{message}; try the whole transaction again"),
        ),
        "55P03" => (
            ErrorKind::LockTimeout,
            format!("{message}; try again, or allow a longer `lock_timeout`"),
        ),
        "0A000" if message.contains("system column") => (ErrorKind::Unsupported, no_xmax()),
        "42703" if message.contains("xmax") => (ErrorKind::Unsupported, no_xmax()),
        "42P01" => (
            ErrorKind::Database,
            format!("{message}; create the table, or name another one with `#[upsert(table = \"…\")]`"),
        ),
        "42703" => (
            ErrorKind::Database,
            format!("{message}; add the column, or leave the field out with `#[upsert(skip)]`"),
        ),
        _ if compares_json(error) => (
            ErrorKind::Unsupported,
            format!("{message}; `json` cannot be compared: make the column `jsonb`"),
        ),
        _ => (ErrorKind::Database, message.to_owned()),
    }
}

/// `json` is a text that has no equality.
pub(super) fn compares_json(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some("42883")
        && error.message().contains("json ")
        && !error.message().contains("jsonb ")
}

pub(super) fn no_xmax() -> String {
    "before version 18, PostgreSQL cannot tell inserted from updated on a partitioned table or a view (no `xmax` there), nor \
     can engines without that column, such as CockroachDB and YugabyteDB; call `upsert` without `with_action`, or use PostgreSQL 18"
        .to_owned()
}
