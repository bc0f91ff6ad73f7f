//! SQLite's codes in our words.

use sqlx::error::DatabaseError;

use crate::error::ErrorKind;
use crate::model::Model;

/// The low byte of an extended result code is the primary one.
const PRIMARY: i32 = 0xff;
const SQLITE_ERROR: i32 = 1;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_CONSTRAINT_CHECK: i32 = 275;
const SQLITE_CONSTRAINT_FOREIGNKEY: i32 = 787;
const SQLITE_CONSTRAINT_NOTNULL: i32 = 1299;
const SQLITE_CONSTRAINT_PRIMARYKEY: i32 = 1555;
const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;
const SQLITE_CONSTRAINT_ROWID: i32 = 2579;

pub(super) fn is_missing_index(error: &dyn DatabaseError) -> bool {
    error
        .message()
        .contains("ON CONFLICT clause does not match")
}

pub(super) fn explain(model: &Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
    let message = error.message();
    let code = error
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or(SQLITE_ERROR);
    match code {
        SQLITE_ERROR if is_missing_index(error) => (
            ErrorKind::MissingUniqueIndex,
            format!(
                "no unique index stands behind the conflict target; run `{}`",
                model.texts.sqlite.create_index
            ),
        ),
        SQLITE_ERROR if message.starts_with("no such table") => (
            ErrorKind::Database,
            format!("{message}; create the table, or name another one with `#[upsert(table = \"…\")]`"),
        ),
        SQLITE_ERROR if message.contains("no column named") => (
            ErrorKind::Database,
            format!("{message}; add the column, or leave the field out with `#[upsert(skip)]`"),
        ),
        SQLITE_ERROR if message == "integer overflow" => (
            ErrorKind::OutOfRange,
            "the result does not fit the field's type, or a number was divided by zero; nothing was written"
                .to_owned(),
        ),
        SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID => (
            ErrorKind::UniqueViolation,
            format!(
                "the row collides with another row under a unique key that is not the conflict target ({message}); nothing \
                 was written"
            ),
        ),
        SQLITE_CONSTRAINT_NOTNULL => (
            ErrorKind::NotNullViolation,
            format!("{message}; an upsert must bring the whole row, also where it would only update"),
        ),
        SQLITE_CONSTRAINT_FOREIGNKEY => (
            ErrorKind::ForeignKeyViolation,
            format!("{message}; write the row that the foreign key points at first"),
        ),
        SQLITE_CONSTRAINT_CHECK => {
            (ErrorKind::CheckViolation, format!("{message}; nothing was written"))
        }
        code if matches!(code & PRIMARY, SQLITE_BUSY | SQLITE_LOCKED) => (
            ErrorKind::LockTimeout,
            format!("{message}; another connection is writing: try again, or allow a longer `busy_timeout`"),
        ),
        _ => (ErrorKind::Database, message.to_owned()),
    }
}
