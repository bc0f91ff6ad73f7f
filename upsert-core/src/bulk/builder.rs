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
        /// Sends at most so many rows in a statement; 0 counts as 1.
        ///
        /// Without it, as many as go well: see the dialects below, beyond which a statement never goes. It is also how many rows
        /// [`commit_each_chunk`](Self::commit_each_chunk) commits together, and how many rows of a stream are held.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
        /// assert_eq!(Tag::upsert_all(&tags, &pool).chunk_rows(500).await?, 3);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Dialects
        ///
        /// - PostgreSQL: 10 000 rows, and less if they are more than 32 MiB; in a `VALUES` list, at most 65 535 binds.
        /// - SQLite: 32 766 binds, which is that number of rows over the number of columns.
        /// - MySQL, MariaDB: 10 000 rows, at most 65 535 binds, and no more than `max_allowed_packet` takes.
        pub fn chunk_rows(mut self, rows: usize) -> Self {
            self.options.settings.chunk_rows = std::num::NonZeroUsize::new(rows.max(1));
            self
        }

        /// Sends the rows in their order, where they would otherwise be sorted by key.
        ///
        /// Batches that run at the same time take their locks in the same order when they are sorted, and so do not deadlock.
        /// The order of the rows matters where one row gives a value of *another* unique key to the next, or where triggers or
        /// SQL of yours look at other rows; rows with the same key stay in their order either way, and so do all rows of a table
        /// with a foreign key to itself. What comes back is in the order of the rows given, sorted or not.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
        /// assert_eq!(Tag::upsert_all(&tags, &pool).keep_order().await?, 3);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Dialects
        ///
        /// SQLite sorts 1000 rows or more, to find their pages side by side, and only where the table has no other unique key,
        /// trigger or foreign key to itself.
        pub fn keep_order(mut self) -> Self {
            self.options.settings.keep_order = true;
            self
        }

        /// Says what is to happen with rows of the same key: they are upserted in their order, unless this says
        /// [`Reject`](crate::Duplicates::Reject).
        ///
        /// ```
        /// # use upsert::Upsert;
        /// use upsert::{Duplicates, ErrorKind};
        ///
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
        /// let error = Tag::upsert_all(&tags, &pool).on_duplicate(Duplicates::Reject).await.expect_err("`sql` is there twice");
        /// assert_eq!((error.kind(), error.row()), (ErrorKind::DuplicateKey, Some(2)));
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// Of a stream, the rows of one chunk are compared, since no others are in memory.
        pub fn on_duplicate(mut self, duplicates: $crate::bulk::Duplicates) -> Self {
            self.options.settings.duplicates = duplicates;
            self
        }

        /// Calls `report` after each chunk, on the task that awaits the call: it should be quick.
        ///
        /// When a batch is tried again, the numbers begin anew. What is reported is sent; it is stored when the transaction is
        /// committed.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
        /// let mut seen = Vec::new();
        /// Tag::upsert_all(&tags, &pool)
        ///     .chunk_rows(2)
        ///     .on_progress(|progress| seen.push((progress.rows, progress.rows_in_all, progress.chunks)))
        ///     .await?;
        /// assert_eq!(seen, [(2, 3, 1), (3, 3, 2)]);
        /// # Ok(())
        /// # }
        /// ```
        pub fn on_progress(
            mut self,
            report: impl FnMut($crate::bulk::Progress) + Send + 'e,
        ) -> Self {
            self.options.on_progress = Some(Box::new(report));
            self
        }

        /// Commits every so many rows ([`chunk_rows`](Self::chunk_rows), or 10 000), in their order, instead of all or nothing.
        ///
        /// It keeps transactions short, and a long load from beginning at the start after an error:
        /// [`Error::rows_committed`](crate::Error::rows_committed) says how many of the first rows are stored.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = [("rust", 1), ("sql", 1), ("json", 1000)].map(|(name, count)| Tag { name: name.to_owned(), count });
        /// let error = Tag::upsert_all(&tags, &pool).chunk_rows(2).commit_each_chunk().await.expect_err("1000 is too many");
        /// assert_eq!(error.rows_committed(), 2);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Errors
        ///
        /// [`Unsupported`](crate::ErrorKind::Unsupported) inside a transaction of the caller's, which is the caller's to commit.
        pub fn commit_each_chunk(mut self) -> Self {
            self.options.settings.commit_each_chunk = true;
            self
        }

        /// Tries again up to so many times when the database ends a deadlock or a serialization failure at this call's expense,
        /// or SQLite is busy: 10 times without it, and never with 0.
        ///
        /// Only where the transaction is the call's own: not inside one of the caller's, and of a stream only with
        /// [`commit_each_chunk`](Self::commit_each_chunk), since rows that have gone by cannot be sent again. The pauses grow
        /// from a few milliseconds to half a second at most, with some chance in them, so that two calls do not meet again.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
        /// assert_eq!(Tag::upsert_all(&tags, &pool).retries(3).await?, 3);
        /// # Ok(())
        /// # }
        /// ```
        pub fn retries(mut self, retries: u32) -> Self {
            self.options.settings.retries = retries;
            self
        }

        /// When a statement fails, looks for the row that is to blame, by halves in savepoints.
        ///
        /// [`Error::row`](crate::Error::row) then says which it is, and the message has its key. It costs a savepoint for each
        /// chunk where nothing fails, and where something does a statement for each half, 14 times for 10 000 rows. Of several rows to
        /// blame, one is named.
        ///
        /// ```
        /// # use upsert::Upsert;
        /// # #[derive(Upsert)]
        /// # #[upsert(conflict = "name", accumulate = "count")]
        /// # struct Tag { name: String, count: i64 }
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count < 100))").execute(&pool).await?;
        /// let tags = [("rust", 1), ("sql", 1000), ("json", 1)].map(|(name, count)| Tag { name: name.to_owned(), count });
        /// let error = Tag::upsert_all(&tags, &pool).find_culprit().await.expect_err("1000 is too many");
        /// assert_eq!(error.row(), Some(1));
        /// # Ok(())
        /// # }
        /// ```
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
///
/// [`Upsert::upsert_all`](crate::Upsert::upsert_all) gives it, and so does the method `…_all` of a named upsert.
///
/// ```
/// # use upsert::Upsert;
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
/// let rows: u64 = Tag::upsert_all(&tags, &pool).await?; // a key that is there twice counts twice
/// let stored: Vec<Tag> = Tag::upsert_all(&tags, &pool).chunk_rows(1_000).returning().await?;
/// assert_eq!((rows, stored[0].count, stored[2].count), (3, 3, 4));
/// # Ok(())
/// # }
/// ```
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
    /// stood after its own turn. A row that a guard left alone comes back as it is.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// # #[derive(Upsert)]
    /// # #[upsert(conflict = "name", accumulate = "count")]
    /// # struct Tag { name: String, count: i64 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
    /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
    /// let stored = Tag::upsert_all(&tags, &pool).returning().await?;
    /// assert_eq!(stored.iter().map(|tag| tag.count).collect::<Vec<_>>(), [1, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert_all`](crate::Upsert::upsert_all).
    ///
    /// # Dialects
    ///
    /// - PostgreSQL: RETURNING; the rows that come back are found again by their keys, since their order is not promised.
    /// - SQLite: RETURNING, whose order is that of the statement; with a guard, which may leave rows out, each row is a call of
    ///   its own.
    /// - MySQL, MariaDB: a SELECT by the keys in the same transaction, 1000 at a time.
    pub fn returning(self) -> UpsertFuture<'e, Vec<O>> {
        let run = self.runs.rows;
        run(self.executor, batch!(self, Operation::Upsert(Wanted::Rows)))
    }

    /// Gives the rows as [`returning`](Self::returning) does, with what happened to each.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// use upsert::Action;
    ///
    /// # #[derive(Upsert)]
    /// # #[upsert(conflict = "name", accumulate = "count")]
    /// # struct Tag { name: String, count: i64 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
    /// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
    /// let upserted = Tag::upsert_all(&tags, &pool).with_actions().await?;
    /// assert_eq!(
    ///     upserted.iter().map(|upserted| upserted.action).collect::<Vec<_>>(),
    ///     [Action::Inserted, Action::Inserted, Action::Updated]
    /// );
    /// # Ok(())
    /// # }
    /// ```
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
///
/// [`Upsert::insert_all_if_absent`](crate::Upsert::insert_all_if_absent) gives it.
///
/// ```
/// # use upsert::Upsert;
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
/// let fresh: Vec<Option<Tag>> = Tag::insert_all_if_absent(&tags, &pool).returning().await?;
/// assert_eq!(fresh.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
/// assert_eq!(Tag::insert_all_if_absent(&tags, &pool).await?, 0);
/// # Ok(())
/// # }
/// ```
#[must_use = "an insert does nothing until it is awaited"]
pub struct InsertAllIfAbsent<'e, T, E, O> {
    rows: Vec<&'e T>,
    executor: E,
    options: Options<'e>,
    runs: Runs<'e, T, E, O>,
}

impl<'e, T, E, O> InsertAllIfAbsent<'e, T, E, O> {
    batch_options!();

    /// Gives, for each row given and in their order, the row if it was inserted and `None` if one was there.
    ///
    /// # Errors
    ///
    /// As [`Upsert::insert_all_if_absent`](crate::Upsert::insert_all_if_absent).
    ///
    /// # Dialects
    ///
    /// SQLite, MySQL and MariaDB cannot tell which rows of a statement were inserted: there, each row is a call of its own.
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
///
/// [`Upsert::get_or_insert_all`](crate::Upsert::get_or_insert_all) gives it.
///
/// ```
/// # use upsert::Upsert;
/// use upsert::Action;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
/// let found = Tag::get_or_insert_all(&tags, &pool).await?;
/// assert_eq!(
///     found.iter().map(|found| found.action).collect::<Vec<_>>(),
///     [Action::Inserted, Action::Inserted, Action::Unchanged]
/// );
/// # Ok(())
/// # }
/// ```
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
