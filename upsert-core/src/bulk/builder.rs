//! The calls of many rows, before they run.

use std::future::IntoFuture;

use super::{Batch, Operation, Options, Wanted};
use crate::error::Error;
use crate::executor::ExecutorFor;
use crate::model::{RowOf, UpsertSpec};
use crate::returning::Upserted;
use crate::upsert::UpsertFuture;

/// The methods by which a builder is told how to go about its batch.
macro_rules! batch_options {
    () => {
        /// Sends at most so many rows in a statement; at least one. Without it, as many as go well.
        pub fn chunk_rows(mut self, rows: usize) -> Self {
            self.options.settings.chunk_rows = std::num::NonZeroUsize::new(rows.max(1));
            self
        }

        /// Sends the rows in their order, where they would otherwise be sorted by key.
        ///
        /// Batches that run at the same time take their locks in the same order when they are sorted, and so do not deadlock.
        /// The order of the rows matters where one row gives a value of *another* unique key to the next, or where triggers
        /// look at other rows; rows with the same key stay in their order either way.
        pub fn keep_order(mut self) -> Self {
            self.options.settings.keep_order = true;
            self
        }

        /// Says what is to happen with rows of the same key.
        pub fn on_duplicate(mut self, duplicates: $crate::bulk::Duplicates) -> Self {
            self.options.settings.duplicates = duplicates;
            self
        }

        /// Calls `report` after each chunk. When a batch is tried again, the numbers begin anew.
        pub fn on_progress(
            mut self,
            report: impl FnMut($crate::bulk::Progress) + Send + 'e,
        ) -> Self {
            self.options.on_progress = Some(Box::new(report));
            self
        }

        /// Commits every so many rows ([`chunk_rows`](Self::chunk_rows), or 10 000), in their order, instead of all or nothing.
        /// After an error, [`Error::rows_committed`](crate::Error::rows_committed) says how many of the first rows are stored.
        pub fn commit_each_chunk(mut self) -> Self {
            self.options.settings.commit_each_chunk = true;
            self
        }

        /// Tries again up to so many times (10 without it) when the database ends a deadlock or a serialization failure at this
        /// call's expense, or SQLite is busy. Only where the transaction is the call's own.
        pub fn retries(mut self, retries: u32) -> Self {
            self.options.settings.retries = retries;
            self
        }

        /// When a statement fails, looks for the row that is to blame, by halves in savepoints:
        /// [`Error::row`](crate::Error::row) says which it is. It costs a savepoint for each chunk.
        pub fn find_culprit(mut self) -> Self {
            self.options.settings.find_culprit = true;
            self
        }
    };
}
pub(super) use batch_options;

/// The calls behind the builders, taken as plain function pointers while the bounds are at hand, as for one row.
struct Runs<'e, T, E, O> {
    written: Run<'e, T, E, u64>,
    rows: Run<'e, T, E, Vec<O>>,
    some_rows: Run<'e, T, E, Vec<Option<O>>>,
    upserted: Run<'e, T, E, Vec<Upserted<O>>>,
}

type Run<'e, T, E, R> = fn(E, Batch<'e, T>) -> UpsertFuture<'e, R>;

/// What a builder has to run.
macro_rules! batch {
    ($builder:ident, $operation:expr) => {
        Batch {
            rows: $builder.rows,
            operation: $operation,
            options: $builder.options,
        }
    };
}

/// Many upserts that are about to run: await them for the number of rows inserted or updated, or ask for the rows.
#[must_use = "an upsert does nothing until it is awaited"]
pub struct UpsertMany<'e, T, E, O> {
    rows: Vec<&'e T>,
    executor: E,
    options: Options<'e>,
    runs: Runs<'e, T, E, O>,
}

impl<'e, T, E, O> UpsertMany<'e, T, E, O> {
    pub(crate) fn new<R, S>(rows: &'e [R], executor: E) -> Self
    where
        R: RowOf<T, S>,
        T: UpsertSpec<S, Output = O>,
        E: ExecutorFor<T, S> + 'e,
        S: 'static,
    {
        Self {
            rows: rows.iter().map(R::borrow).collect(),
            executor,
            options: Options::default(),
            runs: Runs {
                written: E::run_many,
                rows: E::run_many_returning,
                some_rows: E::run_many_returning_some,
                upserted: E::run_many_with_actions,
            },
        }
    }

    batch_options!();

    /// Gives the rows as they then stand, one for each row given, in their order. Of rows with the same key, each is given as it
    /// stood after its own turn.
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert_all`](crate::Upsert::upsert_all).
    pub fn returning(self) -> UpsertFuture<'e, Vec<O>> {
        let run = self.runs.rows;
        run(self.executor, batch!(self, Operation::Upsert(Wanted::Rows)))
    }

    /// Gives the rows as [`returning`](Self::returning) does, with what happened to each.
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert_all`](crate::Upsert::upsert_all), and [`Unsupported`](crate::ErrorKind::Unsupported) where the
    /// database cannot tell: see [`UpsertOne::with_action`](crate::UpsertOne::with_action).
    ///
    /// # Dialects
    ///
    /// SQLite, MySQL and MariaDB cannot tell by a statement of many rows: there, each row is a call of its own.
    pub fn with_actions(self) -> UpsertFuture<'e, Vec<Upserted<O>>> {
        let run = self.runs.upserted;
        run(
            self.executor,
            batch!(self, Operation::Upsert(Wanted::Actions)),
        )
    }

    /// Inserts the rows that are not there, and leaves the others alone: see
    /// [`Upsert::insert_all_if_absent`](crate::Upsert::insert_all_if_absent).
    pub fn insert_if_absent(self) -> InsertAllIfAbsent<'e, T, E, O> {
        InsertAllIfAbsent {
            rows: self.rows,
            executor: self.executor,
            options: self.options,
            runs: self.runs,
        }
    }

    /// Gives the rows with these keys, and inserts those that are not there: see
    /// [`Upsert::get_or_insert_all`](crate::Upsert::get_or_insert_all).
    pub fn get_or_insert(self) -> GetOrInsertAll<'e, T, E, O> {
        GetOrInsertAll {
            rows: self.rows,
            executor: self.executor,
            options: self.options,
            runs: self.runs,
        }
    }
}

impl<'e, T, E, O> IntoFuture for UpsertMany<'e, T, E, O> {
    type Output = Result<u64, Error>;
    type IntoFuture = UpsertFuture<'e, u64>;

    fn into_future(self) -> Self::IntoFuture {
        let run = self.runs.written;
        run(
            self.executor,
            batch!(self, Operation::Upsert(Wanted::Count)),
        )
    }
}

/// Many inserts that are about to run: await them for the number of rows inserted, or ask for the rows.
#[must_use = "an insert does nothing until it is awaited"]
pub struct InsertAllIfAbsent<'e, T, E, O> {
    rows: Vec<&'e T>,
    executor: E,
    options: Options<'e>,
    runs: Runs<'e, T, E, O>,
}

impl<'e, T, E, O> InsertAllIfAbsent<'e, T, E, O> {
    batch_options!();

    /// Gives, for each row given, the row if it was inserted and `None` if one was there.
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert_all`](crate::Upsert::upsert_all).
    pub fn returning(self) -> UpsertFuture<'e, Vec<Option<O>>> {
        let run = self.runs.some_rows;
        run(
            self.executor,
            batch!(self, Operation::InsertIfAbsent(Wanted::Rows)),
        )
    }
}

impl<'e, T, E, O> IntoFuture for InsertAllIfAbsent<'e, T, E, O> {
    type Output = Result<u64, Error>;
    type IntoFuture = UpsertFuture<'e, u64>;

    fn into_future(self) -> Self::IntoFuture {
        let run = self.runs.written;
        run(
            self.executor,
            batch!(self, Operation::InsertIfAbsent(Wanted::Count)),
        )
    }
}

/// Many reads, or inserts where there is nothing to read, that are about to run: await them for the rows and what happened.
#[must_use = "a call does nothing until it is awaited"]
pub struct GetOrInsertAll<'e, T, E, O> {
    rows: Vec<&'e T>,
    executor: E,
    options: Options<'e>,
    runs: Runs<'e, T, E, O>,
}

impl<'e, T, E, O> GetOrInsertAll<'e, T, E, O> {
    batch_options!();
}

impl<'e, T, E, O> IntoFuture for GetOrInsertAll<'e, T, E, O> {
    type Output = Result<Vec<Upserted<O>>, Error>;
    type IntoFuture = UpsertFuture<'e, Vec<Upserted<O>>>;

    fn into_future(self) -> Self::IntoFuture {
        let run = self.runs.upserted;
        run(self.executor, batch!(self, Operation::GetOrInsert))
    }
}
