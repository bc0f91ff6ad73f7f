//! The methods that a derived struct has, and the builders they return.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::bulk::{GetOrInsertAll, InsertAllIfAbsent, RowStream, UpsertMany, UpsertStream};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::executor::ExecutorFor;
use crate::model::{Main, RowOf, UpsertSpec};
use crate::returning::Upserted;
use crate::schema::{self, SchemaCheck, SchemaExecutorFor};
use crate::sql::Sql;

/// The future of a call: boxed, `Send`, and free to be spawned.
pub type UpsertFuture<'e, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'e>>;

/// The methods of a struct that derives `Upsert`.
///
/// Each takes an executor: `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`.
pub trait Upsert: UpsertSpec<Main> + Sized {
    /// Inserts the row, or updates the one it conflicts with, and gives the row as it now stands.
    ///
    /// Awaited as it is, the call gives the row; the builder's methods ask for something else: the action
    /// ([`with_action`](UpsertOne::with_action)) or only the number of rows ([`execute`](UpsertOne::execute)).
    ///
    /// ```
    /// # use upsert::Upsert;
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "sku", accumulate = "stock")]
    /// struct Product { sku: String, stock: i64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE products (sku TEXT PRIMARY KEY, stock INTEGER NOT NULL)").execute(&pool).await?;
    /// let delivery = Product { sku: "apple".to_owned(), stock: 50 };
    /// assert_eq!(delivery.upsert(&pool).await?.stock, 50);
    /// assert_eq!(delivery.upsert(&pool).await?.stock, 100);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`MissingUniqueIndex`](crate::ErrorKind::MissingUniqueIndex): no unique index stands behind the conflict target;
    /// - [`UniqueViolation`](crate::ErrorKind::UniqueViolation): the row collides with another under another unique key;
    /// - [`NotNullViolation`](crate::ErrorKind::NotNullViolation),
    ///   [`CheckViolation`](crate::ErrorKind::CheckViolation),
    ///   [`ForeignKeyViolation`](crate::ErrorKind::ForeignKeyViolation): the table does not accept the row;
    /// - [`OutOfRange`](crate::ErrorKind::OutOfRange): a sum does not fit its column;
    /// - [`RowVanished`](crate::ErrorKind::RowVanished): a trigger suppressed the row, or others kept deleting it;
    /// - [`Decode`](crate::ErrorKind::Decode), [`Encode`](crate::ErrorKind::Encode): a value does not fit its type;
    /// - [`Deadlock`](crate::ErrorKind::Deadlock), [`Serialization`](crate::ErrorKind::Serialization),
    ///   [`LockTimeout`](crate::ErrorKind::LockTimeout): worth another try;
    /// - [`Unsupported`](crate::ErrorKind::Unsupported), [`Database`](crate::ErrorKind::Database): anything else.
    ///
    /// # Dialects
    ///
    /// - PostgreSQL, SQLite: one statement with `RETURNING`.
    /// - MySQL, MariaDB: one statement, and a `SELECT` by key in the same transaction to read the row back. Neither server
    ///   has a conflict target of its own; a guard in the statement turns a hit on another unique key into an error.
    fn upsert<'e, E>(&'e self, executor: E) -> UpsertOne<'e, Self, E, Self::Output>
    where
        E: ExecutorFor<Self> + 'e,
    {
        UpsertOne::new::<Main>(self, executor)
    }

    /// Inserts the row unless one with its key is there. Gives whether it was inserted;
    /// [`returning`](InsertIfAbsent::returning) gives the inserted row.
    ///
    /// A row that is there is left as it is.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name")]
    /// struct Tag { name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY)").execute(&pool).await?;
    /// let tag = Tag { name: "rust".to_owned() };
    /// assert!(tag.insert_if_absent(&pool).await?);
    /// assert!(!tag.insert_if_absent(&pool).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert). Only a conflict on the target is passed over in silence: a row that collides on another
    /// unique key, lacks a value or fails a check is an error.
    ///
    /// # Dialects
    ///
    /// - PostgreSQL, SQLite: `ON CONFLICT … DO NOTHING`.
    /// - MySQL, MariaDB: `ON DUPLICATE KEY UPDATE` that assigns a key column to itself, never `INSERT IGNORE`; UPDATE
    ///   triggers of the table fire for a row that was there.
    fn insert_if_absent<'e, E>(&'e self, executor: E) -> InsertIfAbsent<'e, Self, E, Self::Output>
    where
        E: ExecutorFor<Self> + 'e,
    {
        self.upsert(executor).insert_if_absent()
    }

    /// Gives the row with this key, and inserts it first if there is none. Never empty.
    ///
    /// A row that is there is not written to, and no sequence value is used up.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// use upsert::Action;
    ///
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name", generated = "id")]
    /// struct Tag { id: i64, name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)").execute(&pool).await?;
    /// let tag = Tag { id: 0, name: "rust".to_owned() };
    /// let first = tag.get_or_insert(&pool).await?;
    /// let again = tag.get_or_insert(&pool).await?;
    /// assert_eq!(first.row.id, again.row.id);
    /// assert_eq!((first.action, again.action), (Action::Inserted, Action::Unchanged));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert).
    fn get_or_insert<'e, E>(&'e self, executor: E) -> UpsertFuture<'e, Upserted<Self::Output>>
    where
        E: ExecutorFor<Self> + 'e,
    {
        self.upsert(executor).get_or_insert()
    }

    /// Upserts many rows, in one transaction, and gives the number of rows inserted or updated.
    ///
    /// It does what upserting the rows one after the other in that transaction would, duplicates among them included: on every
    /// database, whatever is in the batch. The slice may hold rows, references, `Arc`s or `Box`es of them; an empty one sends
    /// nothing. The builder's methods ask for the rows ([`returning`](UpsertMany::returning)), for what happened to them
    /// ([`with_actions`](UpsertMany::with_actions)), or say how to go about it.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name", accumulate = "count")]
    /// struct Tag { name: String, count: i64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
    /// let tags = ["rust", "sql", "rust"].map(|name| Tag { name: name.to_owned(), count: 1 });
    /// assert_eq!(Tag::upsert_all(&tags, &pool).await?, 3);
    ///
    /// let counts = Tag::upsert_all(&tags, &pool).returning().await?;
    /// assert_eq!(counts.iter().map(|tag| tag.count).collect::<Vec<_>>(), [3, 2, 4]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With a pool or a connection, the batch is one transaction, which is tried again when the database ends a deadlock or a
    /// serialization failure at its expense ([`retries`](UpsertMany::retries)). Inside a transaction of the caller's it is a part
    /// of that, and such errors are given to the caller, who knows what else there is to be done again. After any error, roll that
    /// transaction back: on SQLite, MySQL and MariaDB the statements before the one that failed are still in it, unless
    /// [`find_culprit`](UpsertMany::find_culprit) had them in a savepoint.
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), and with a transaction of its own all or nothing. [`Error::row`] says which row is to blame, where that can be told. Besides:
    ///
    /// - [`DuplicateKey`](crate::ErrorKind::DuplicateKey): two rows have the same key, and
    ///   [`Duplicates::Reject`](crate::Duplicates::Reject) was asked for;
    /// - [`Deadlock`](crate::ErrorKind::Deadlock), [`Serialization`](crate::ErrorKind::Serialization), and on SQLite
    ///   [`LockTimeout`](crate::ErrorKind::LockTimeout): only inside a transaction of the caller's, or after all
    ///   [`retries`](UpsertMany::retries);
    /// - [`OutOfRange`](crate::ErrorKind::OutOfRange): also a row that is larger than what MySQL or MariaDB takes in a packet;
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): [`commit_each_chunk`](UpsertMany::commit_each_chunk) inside a transaction
    ///   of the caller's; or there, and only there, a trigger or the column's own idea of equal that makes rows of the batch
    ///   indistinguishable. The message says so, and a pool does it.
    ///
    /// # Dialects
    ///
    /// - PostgreSQL: an array for each column (`UNNEST`), 10 000 rows a statement; a `VALUES` list where a field has no array
    ///   type, or with `bulk = "values"`. A key that occurs again goes to a further statement.
    /// - SQLite: a `VALUES` list of as many rows as there are binds for.
    /// - MySQL, MariaDB: a `VALUES` list of up to 10 000 rows, cut where `max_allowed_packet` asks for it.
    /// - Rows are sorted by key, so that concurrent batches do not deadlock, unless the key's columns have an idea of equal that
    ///   is not known (collations beyond the usual ones, keys with letters beyond ASCII under a case-insensitive one, decimals
    ///   and floats, expressions), or the table has a foreign key to itself: then they go in their order. On SQLite, they are
    ///   sorted from 1000 on, to be faster, and only where the table has no other unique key and no trigger either.
    fn upsert_all<'e, R, E>(rows: &'e [R], executor: E) -> UpsertMany<'e, Self, E, Self::Output>
    where
        R: RowOf<Self>,
        E: ExecutorFor<Self> + 'e,
    {
        UpsertMany::new::<R, Main>(rows, executor)
    }

    /// Inserts the rows whose keys are not there, in one transaction, and gives their number;
    /// [`returning`](InsertAllIfAbsent::returning) gives, for each row given, the row if it was inserted.
    ///
    /// Rows that are there are left as they are. Of rows with the same key, the first is inserted.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name")]
    /// struct Tag { name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY)").execute(&pool).await?;
    /// let tags = ["rust", "sql", "rust"].map(|name| Tag { name: name.to_owned() });
    /// assert_eq!(Tag::insert_all_if_absent(&tags, &pool).await?, 2);
    /// assert_eq!(Tag::insert_all_if_absent(&tags, &pool).await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upsert_all`](Self::upsert_all). Only a conflict on the target is passed over in silence.
    ///
    /// # Dialects
    ///
    /// As [`upsert_all`](Self::upsert_all) and [`insert_if_absent`](Self::insert_if_absent).
    fn insert_all_if_absent<'e, R, E>(
        rows: &'e [R],
        executor: E,
    ) -> InsertAllIfAbsent<'e, Self, E, Self::Output>
    where
        R: RowOf<Self>,
        E: ExecutorFor<Self> + 'e,
    {
        Self::upsert_all(rows, executor).insert_if_absent()
    }

    /// Gives the rows with these keys, in the order of `rows`, and inserts first those that are not there.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// use upsert::Action;
    ///
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name", generated = "id")]
    /// struct Tag { id: i64, name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)").execute(&pool).await?;
    /// let tags = ["rust", "sql", "rust"].map(|name| Tag { id: 0, name: name.to_owned() });
    /// let found = Tag::get_or_insert_all(&tags, &pool).await?;
    /// assert_eq!(found[0].row.id, found[2].row.id);
    /// assert_eq!((found[0].action, found[2].action), (Action::Inserted, Action::Unchanged));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upsert_all`](Self::upsert_all).
    ///
    /// # Dialects
    ///
    /// - PostgreSQL: a SELECT of all keys of a chunk, and an insert of those that are not there.
    /// - SQLite, MySQL, MariaDB: each row is a call of its own, in one transaction.
    fn get_or_insert_all<'e, R, E>(
        rows: &'e [R],
        executor: E,
    ) -> GetOrInsertAll<'e, Self, E, Self::Output>
    where
        R: RowOf<Self>,
        E: ExecutorFor<Self> + 'e,
    {
        Self::upsert_all(rows, executor).get_or_insert()
    }

    /// Upserts the rows of a stream, and gives the number of rows inserted or updated.
    ///
    /// The rows are upserted in chunks ([`chunk_rows`](UpsertStream::chunk_rows), or 10 000) as they come, so memory holds one
    /// chunk of them however long the stream is. The next rows are asked for when a chunk is stored. The stream gives rows, or
    /// results of them.
    ///
    /// All chunks are one transaction, which is not tried again, since rows that have gone by cannot be asked for twice.
    /// [`commit_each_chunk`](UpsertStream::commit_each_chunk) commits each by itself: then a chunk is tried again like a batch,
    /// and after an error [`Error::rows_committed`] says how many rows are stored.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "id")]
    /// struct Measurement { id: i64, celsius: f64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// # sqlx::query("CREATE TABLE measurements (id INTEGER PRIMARY KEY, celsius REAL NOT NULL)").execute(&pool).await?;
    /// let rows = futures_util::stream::iter((0..25_000).map(|id| Measurement { id, celsius: 20.5 }));
    /// assert_eq!(Measurement::upsert_stream(rows, &pool).commit_each_chunk().await?, 25_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upsert_all`](Self::upsert_all), and [`Stream`](crate::ErrorKind::Stream) when the stream gives an error:
    /// [`Error::row`] says how many rows came before it, and its own error is the [`source`](std::error::Error::source).
    /// [`Duplicates::Reject`](crate::Duplicates::Reject) looks at the rows of a chunk.
    ///
    /// # Dialects
    ///
    /// As [`upsert_all`](Self::upsert_all).
    fn upsert_stream<'e, I, E>(rows: I, executor: E) -> UpsertStream<'e, Self, E>
    where
        I: RowStream<Self> + 'e,
        Self: Send + 'e,
        E: ExecutorFor<Self> + 'e,
    {
        UpsertStream::new::<I, Main>(rows, executor)
    }

    /// The statements that this model sends to `DB`.
    fn sql<DB: Dialect>() -> Sql {
        DB::sql(Self::MODEL)
    }

    /// Looks whether the database has what the upserts of this struct need, and says everything that is not right at once.
    ///
    /// All upserts of the struct are looked at, the named ones too; nothing is written. Awaited as it is, the check fails if a
    /// finding is an error, and the error lists them all; [`report`](SchemaCheck::report) gives the findings in any case.
    /// [`check_schema!`](crate::check_schema) checks several structs at once.
    ///
    /// ```
    /// # use upsert::Upsert;
    /// use upsert::{ErrorKind, Severity};
    ///
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "name")]
    /// struct Tag { name: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// sqlx::query("CREATE TABLE tags (name TEXT NOT NULL)").execute(&pool).await?;
    /// let error = Tag::check_schema(&pool).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Schema);
    ///
    /// let report = Tag::check_schema(&pool).report().await?;
    /// let [finding] = report.findings() else { panic!("{report}") };
    /// assert_eq!(finding.severity, Severity::Error);
    /// assert_eq!(finding.fix.as_deref(), Some(Tag::create_index_sql::<sqlx::Sqlite>()));
    ///
    /// sqlx::query(Tag::create_index_sql::<sqlx::Sqlite>()).execute(&pool).await?;
    /// Tag::check_schema(&pool).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Schema`](crate::ErrorKind::Schema): a finding is an error;
    /// - [`Database`](crate::ErrorKind::Database): the database could not be asked.
    fn check_schema<'e, E>(executor: E) -> SchemaCheck<'e>
    where
        E: SchemaExecutorFor<Self> + 'e,
    {
        schema::check_schema(executor)
    }

    /// The statement that creates the unique index behind the conflict target, for a migration.
    ///
    /// A named upsert has it in [`Sql::create_index`].
    ///
    /// ```
    /// use upsert::Upsert;
    ///
    /// #[derive(Upsert)]
    /// #[upsert(conflict = "tenant, name")]
    /// struct Tag { tenant: i64, name: String }
    ///
    /// assert_eq!(
    ///     Tag::create_index_sql::<sqlx::Postgres>(),
    ///     r#"CREATE UNIQUE INDEX "tags_tenant_name_upsert" ON "tags" ("tenant", "name")"#
    /// );
    /// ```
    fn create_index_sql<DB: Dialect>() -> &'static str {
        DB::create_index(Self::MODEL)
    }
}

impl<T: UpsertSpec<Main>> Upsert for T {}

/// One upsert that is about to run: await it for the row, or ask for something else.
#[must_use = "an upsert does nothing until it is awaited"]
pub struct UpsertOne<'e, T, E, O> {
    row: &'e T,
    executor: E,
    operations: Operations<'e, T, E, O>,
}

/// The calls behind the builder, taken as plain function pointers while the bounds are at hand. The builder then needs none
/// of its own, so a mistake is reported once, at the method.
struct Operations<'e, T, E, O> {
    upsert: fn(E, &'e T) -> UpsertFuture<'e, O>,
    with_action: fn(E, &'e T) -> UpsertFuture<'e, Upserted<O>>,
    execute: fn(E, &'e T) -> UpsertFuture<'e, u64>,
    insert_if_absent: fn(E, &'e T) -> UpsertFuture<'e, bool>,
    insert_if_absent_returning: fn(E, &'e T) -> UpsertFuture<'e, Option<O>>,
    get_or_insert: fn(E, &'e T) -> UpsertFuture<'e, Upserted<O>>,
}

impl<'e, T, E, O> UpsertOne<'e, T, E, O> {
    pub(crate) fn new<S: 'static>(row: &'e T, executor: E) -> Self
    where
        T: UpsertSpec<S, Output = O>,
        E: ExecutorFor<T, S> + 'e,
    {
        let operations = Operations {
            upsert: E::run_upsert,
            with_action: E::run_with_action,
            execute: E::run_execute,
            insert_if_absent: E::run_insert_if_absent,
            insert_if_absent_returning: E::run_insert_if_absent_returning,
            get_or_insert: E::run_get_or_insert,
        };
        Self {
            row,
            executor,
            operations,
        }
    }

    /// Gives the row together with what happened to it.
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert`], and [`Unsupported`](crate::ErrorKind::Unsupported) where the database cannot tell.
    ///
    /// # Dialects
    ///
    /// - PostgreSQL: one statement; before version 18 it reads `xmax`, which partitioned tables and views do not have
    ///   (`Unsupported`).
    /// - SQLite: two statements in one write transaction.
    /// - MySQL, MariaDB: the statement itself tells.
    pub fn with_action(self) -> UpsertFuture<'e, Upserted<O>> {
        (self.operations.with_action)(self.executor, self.row)
    }

    /// Reads nothing back, and gives the number of rows inserted or updated: 1, or 0 when the row was left alone.
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert`].
    pub fn execute(self) -> UpsertFuture<'e, u64> {
        (self.operations.execute)(self.executor, self.row)
    }

    /// Inserts the row unless one with its key is there: see [`Upsert::insert_if_absent`].
    pub fn insert_if_absent(self) -> InsertIfAbsent<'e, T, E, O> {
        InsertIfAbsent { upsert: self }
    }

    /// Gives the row with this key, and inserts it first if there is none: see [`Upsert::get_or_insert`].
    ///
    /// # Errors
    ///
    /// As [`Upsert::upsert`].
    pub fn get_or_insert(self) -> UpsertFuture<'e, Upserted<O>> {
        (self.operations.get_or_insert)(self.executor, self.row)
    }
}

impl<'e, T, E, O> IntoFuture for UpsertOne<'e, T, E, O> {
    type Output = Result<O, Error>;
    type IntoFuture = UpsertFuture<'e, O>;

    fn into_future(self) -> Self::IntoFuture {
        (self.operations.upsert)(self.executor, self.row)
    }
}

/// An insert that is about to run: await it for whether the row was inserted, or ask for the row.
#[must_use = "an insert does nothing until it is awaited"]
pub struct InsertIfAbsent<'e, T, E, O> {
    upsert: UpsertOne<'e, T, E, O>,
}

impl<'e, T, E, O> InsertIfAbsent<'e, T, E, O> {
    /// Gives the row if it was inserted, and `None` if one was there.
    ///
    /// # Errors
    ///
    /// As [`Upsert::insert_if_absent`].
    pub fn returning(self) -> UpsertFuture<'e, Option<O>> {
        let UpsertOne {
            row,
            executor,
            operations,
        } = self.upsert;
        (operations.insert_if_absent_returning)(executor, row)
    }
}

impl<'e, T, E, O> IntoFuture for InsertIfAbsent<'e, T, E, O> {
    type Output = Result<bool, Error>;
    type IntoFuture = UpsertFuture<'e, bool>;

    fn into_future(self) -> Self::IntoFuture {
        let UpsertOne {
            row,
            executor,
            operations,
        } = self.upsert;
        (operations.insert_if_absent)(executor, row)
    }
}
