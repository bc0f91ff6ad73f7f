//! Many rows: what a batch does is what upserting its rows one after the other in one transaction would do.
//!
//! A batch goes from the builder to [`run`] (transaction, retries), which lays it out in a [`plan`](plan::Plan) and gives it to
//! the database's room chunk by chunk.

mod builder;
mod keys;
mod one;
mod options;
mod place;
mod plan;
mod run;
mod stream;
mod text;

pub use builder::{GetOrInsertAll, InsertAllIfAbsent, UpsertMany};
pub use options::{Duplicates, Progress};
pub use stream::{IntoRow, RowStream, UpsertStream};

pub use keys::{KeyOrder, KeyParts};
pub use options::Options;
pub use plan::{Job, Look, Way};
pub use stream::Rows;

pub(crate) use one::run_one;
pub(crate) use options::Settings;
pub(crate) use place::Places;
pub(crate) use run::run;
pub(crate) use stream::run_stream;
#[cfg(feature = "mysql")]
pub(crate) use text::repeat;
pub(crate) use text::{Placeholder, repeat_rows};

use crate::error::Error;
use crate::returning::{Action, Upserted};

/// The rows of a call, what is to be done with them, and how.
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

/// What a batch did.
pub struct Outcome<O> {
    /// How many rows were inserted or updated.
    pub(crate) written: u64,
    /// For each row given, what came back, where rows are wanted.
    pub(crate) rows: Vec<Option<Found<O>>>,
}

/// A row that came back; the action, where it was asked for.
pub struct Found<O> {
    pub(crate) row: O,
    pub(crate) action: Option<Action>,
}

impl<O> Outcome<O> {
    /// What an empty batch does.
    pub(crate) fn nothing() -> Self {
        Self {
            written: 0,
            rows: Vec::new(),
        }
    }

    /// Nothing yet, with a place for each row that is to come back.
    fn empty(operation: Operation, rows: usize) -> Self {
        let places = if operation.returns_rows() { rows } else { 0 };
        Self {
            written: 0,
            rows: std::iter::repeat_with(|| None).take(places).collect(),
        }
    }

    pub(crate) fn written(self) -> u64 {
        self.written
    }

    /// The rows, where there is one for each row given.
    pub(crate) fn into_rows(self) -> Vec<O> {
        let rows = self.rows.into_iter().flatten();
        rows.map(|found| found.row).collect()
    }

    pub(crate) fn into_some_rows(self) -> Vec<Option<O>> {
        let rows = self.rows.into_iter();
        rows.map(|found| found.map(|found| found.row)).collect()
    }

    /// The rows with their actions, where there is one for each row given, and actions were asked for.
    pub(crate) fn into_upserted(self) -> Vec<Upserted<O>> {
        let rows = self.rows.into_iter().flatten();
        rows.filter_map(|found| Some(Upserted::new(found.row, found.action?)))
            .collect()
    }

    pub(crate) fn set(&mut self, row: usize, found: Found<O>) {
        if let Some(place) = self.rows.get_mut(row) {
            *place = Some(found);
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
