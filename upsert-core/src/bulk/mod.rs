//! Many rows: what a batch does is what upserting its rows one after the other in one transaction would do.
//!
//! A batch goes from the builder to [`run`] (transaction, retries), which lays it out in a [`plan`](plan::Plan) and gives it to
//! the database's room chunk by chunk.

mod ahead;
mod builder;
mod keys;
mod options;
mod place;
mod plan;
mod rows;
mod run;
mod stream;
mod text;

pub use builder::{GetOrInsertAll, InsertAllIfAbsent, UpsertMany};
pub use options::{Duplicates, Progress};
pub use stream::{IntoRow, RowStream, UpsertStream};

pub use ahead::Ahead;
pub use keys::{KeyOrder, KeyParts};
pub use options::Options;
pub use plan::{Job, Look, Way};
pub use rows::Rows;
pub use stream::Incoming;

pub(crate) use options::Settings;
pub(crate) use place::Places;
pub(crate) use rows::RowsOf;
pub(crate) use run::run;
pub(crate) use stream::run_stream;
#[cfg(feature = "mysql")]
pub(crate) use text::repeat;
pub(crate) use text::{Placeholder, repeat_rows};

use crate::error::Error;

/// The rows of a call, and how it is to go about them.
pub struct Batch<'e, T> {
    pub(crate) rows: Vec<&'e T>,
    pub(crate) operation: Operation,
    pub(crate) options: Options<'e>,
}

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Insert or update.
    Upsert(Wanted),
    /// Insert, or leave alone what is there.
    InsertIfAbsent(Wanted),
    /// Read, or insert what is not there. Always with actions.
    GetOrInsert,
}

/// What is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// How many rows were inserted or updated.
    Count,
    /// The rows.
    Rows,
    /// The rows, and what happened to them.
    Actions,
}

impl Operation {
    /// Whether rows come back.
    pub(crate) fn returns_rows(self) -> bool {
        !matches!(
            self,
            Self::Upsert(Wanted::Count) | Self::InsertIfAbsent(Wanted::Count)
        )
    }

    /// What it is called in a trace.
    fn name(self) -> &'static str {
        match self {
            Self::Upsert(_) => "upsert",
            Self::InsertIfAbsent(_) => "insert_if_absent",
            Self::GetOrInsert => "get_or_insert",
        }
    }
}

/// Why a chunk was not carried out.
pub enum Stop {
    /// It failed.
    Failed(Error),
    /// The database takes rows for the same that are not the same by their bytes, so what they would do depends on an order
    /// that the statement does not keep: they have to go one by one.
    Ambiguous(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
