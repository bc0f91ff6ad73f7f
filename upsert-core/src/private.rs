//! What generated code may name, and nothing else.

pub use crate::accumulate::Accumulate;
pub use crate::dialect::Dialect;
pub use crate::model::{
    Main, Model, MySqlTexts, PostgresTexts, SqliteTexts, Texts, UpsertModel, UpsertSpec,
};
pub use crate::value::{Bind, Column, Json, Read, Returned};
pub use sqlx::error::BoxDynError;
pub use sqlx::{Database, Error as SqlxError, FromRow};
pub use std::sync::atomic::AtomicBool;

/// A value that must be there; `index` is the column's place, for the message.
pub fn not_null<T>(value: Option<T>, index: usize) -> Result<T, SqlxError> {
    value.ok_or_else(|| SqlxError::ColumnDecode {
        index: index.to_string(),
        source: Box::new(sqlx::error::UnexpectedNullError),
    })
}

/// What a struct with mistakes in its attributes gives back: nothing, since it does not compile.
#[derive(Debug)]
pub enum Invalid {}

/// The model of a struct with mistakes in its attributes.
pub const INVALID: Model = Model {
    table: "",
    target: "",
    key: &[],
    bound: &[],
    returning: &[],
    index_found: || {
        static FOUND: AtomicBool = AtomicBool::new(false);
        &FOUND
    },
    texts: Texts {
        postgres: PostgresTexts {
            upsert: "",
            upsert_returning: "",
            upsert_with_action: "",
            upsert_with_action_18: "",
            insert_if_absent: "",
            insert_if_absent_returning: "",
            select: "",
            create_index: "",
        },
        sqlite: SqliteTexts {
            upsert: "",
            upsert_returning: "",
            insert_if_absent: "",
            insert_if_absent_returning: "",
            select: "",
            create_index: "",
        },
        mysql: MySqlTexts {
            upsert: "",
            upsert_with_action: "",
            insert_if_absent: "",
            select: "",
            select_locking: "",
            show_index: "",
            create_index: "",
        },
    },
};
