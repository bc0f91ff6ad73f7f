//! The codes of MySQL and MariaDB in our words.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::error::ErrorKind;
use crate::model::Model;

pub(super) fn explain(model: &Model, error: &dyn DatabaseError) -> (ErrorKind, String) {
    let message = error.message();
    let number = error
        .try_downcast_ref::<MySqlDatabaseError>()
        .map_or(0, MySqlDatabaseError::number);
    match number {
        // The guard's subquery: the server let another unique key absorb the row.
        1242 => (
            ErrorKind::UniqueViolation,
            format!(
                "the row collides with another row under a unique key of `{}` that is not the conflict target; nothing was \
                 written",
                model.table
            ),
        ),
        1022 | 1062 | 1169 | 1586 | 1859 => (
            ErrorKind::UniqueViolation,
            format!(
                "the row collides with another row under another unique key ({message}); nothing was written"
            ),
        ),
        1048 | 1364 => (
            ErrorKind::NotNullViolation,
            format!(
                "{message}; an upsert must bring the whole row, also where it would only update"
            ),
        ),
        1216 | 1217 | 1451 | 1452 => (
            ErrorKind::ForeignKeyViolation,
            format!("{message}; write the row that the foreign key points at first"),
        ),
        3819 => (
            ErrorKind::CheckViolation,
            format!("{message}; nothing was written"),
        ),
        4025 if error.code().as_deref() == Some("23000") => (
            ErrorKind::CheckViolation,
            format!("{message}; nothing was written"),
        ),
        1264 | 1690 | 1916 => (
            ErrorKind::OutOfRange,
            format!("{message}; nothing was written: the column's type does not hold the value"),
        ),
        1365 => (
            ErrorKind::OutOfRange,
            format!("{message}; nothing was written"),
        ),
        1146 => (
            ErrorKind::Database,
            format!(
                "{message}; create the table, or name another one with `#[upsert(table = \"…\")]`"
            ),
        ),
        1054 => (
            ErrorKind::Database,
            format!("{message}; add the column, or leave the field out with `#[upsert(skip)]`"),
        ),
        1153 => (
            ErrorKind::OutOfRange,
            format!("{message}; nothing was written: raise the server's `max_allowed_packet`"),
        ),
        1213 => (
            ErrorKind::Deadlock,
            "the database ended a deadlock at this call's expense; try the transaction again"
                .to_owned(),
        ),
        // MariaDB with innodb_snapshot_isolation: the row changed since the snapshot was taken.
        1020 => (
            ErrorKind::Serialization,
            format!("{message}; try the whole transaction again"),
        ),
        1205 | 3572 => (
            ErrorKind::LockTimeout,
            format!("{message}; try again, or allow a longer `innodb_lock_wait_timeout`"),
        ),
        _ => (ErrorKind::Database, message.to_owned()),
    }
}
