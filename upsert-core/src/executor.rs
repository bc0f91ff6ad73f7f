//! Where a statement may run: the door that takes pools, connections and transactions.

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Pool, Transaction};
use std::future::{Future, ready};
use std::ops::{Deref, DerefMut};

use crate::bulk::{self, Batch, Incoming, Options, RowsOf};
use crate::dialect::{Dialect, DialectConnection};
use crate::error::Error;
use crate::model::{Main, Model, UpsertModel, UpsertSpec};
use crate::returning::Upserted;
use crate::upsert::UpsertFuture;

/// What an upsert can run on: `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`.
///
/// One call holds one connection for all its statements. Taking a connection from a pool costs round trips of its own, so
/// hot loops are faster on a connection or in a transaction.
#[diagnostic::on_unimplemented(
    message = "an upsert cannot run on `{Self}`",
    label = "not an executor",
    note = "pass `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`",
    note = "the database must be PostgreSQL, SQLite or MySQL/MariaDB, with the feature of its name turned on in `upsert`; sqlx's `Any` cannot be used, since its SQL is not known while compiling",
    note = "a pool of another version of sqlx is another type: `upsert` is built on sqlx 0.9, and `cargo tree -i sqlx` shows who asks for which"
)]
pub trait UpsertExecutor: Send + Sized {
    /// The database that is spoken to.
    type Database: Dialect;

    /// What the call holds while it runs.
    #[doc(hidden)]
    type Connection: Lease<Target = <Self::Database as Database>::Connection>;

    #[doc(hidden)]
    fn connection(self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send;
}

impl<DB: Dialect> UpsertExecutor for &Pool<DB> {
    type Database = DB;
    type Connection = PoolConnection<DB>;

    /// Nobody else uses what a pool gives, so it is inside no transaction. If sqlx counts one, SQLite has ended it by itself, and
    /// its rollback failed: what the call writes would be thought a part of it, and be stored bit by bit.
    async fn connection(self) -> Result<Self::Connection, sqlx::Error> {
        loop {
            let mut conn = self.acquire().await?;
            if !conn.is_in_transaction() {
                return Ok(conn);
            }
            conn.close_on_drop();
        }
    }
}

impl<'c, DB: Dialect> UpsertExecutor for &'c mut PoolConnection<DB> {
    type Database = DB;
    type Connection = PoolLease<'c, DB>;

    fn connection(self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send {
        ready(Ok(PoolLease(self)))
    }
}

impl<'c, DB: Dialect> UpsertExecutor for &'c mut Transaction<'_, DB> {
    type Database = DB;
    type Connection = &'c mut DB::Connection;

    fn connection(self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send {
        ready(Ok(&mut **self))
    }
}

#[diagnostic::do_not_recommend]
impl<'c, C> UpsertExecutor for &'c mut C
where
    C: DialectConnection<Dialect: Database<Connection = C>>,
{
    type Database = C::Dialect;
    type Connection = &'c mut C;

    fn connection(self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send {
        ready(Ok(self))
    }
}

/// A connection that is held for the length of a call.
#[doc(hidden)]
pub trait Lease: DerefMut + Send {
    /// Closes the connection instead of giving it back, where it is ours to close.
    fn abandon(&mut self) {}
}

impl<C: Connection> Lease for &mut C {}

impl<DB: Database> Lease for PoolConnection<DB> {
    fn abandon(&mut self) {
        self.close_on_drop();
    }
}

/// A borrowed pool connection: `&mut PoolConnection` that derefs to the connection itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct PoolLease<'c, DB: Database>(&'c mut PoolConnection<DB>);

impl<DB: Database> Deref for PoolLease<'_, DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<DB: Database> DerefMut for PoolLease<'_, DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0
    }
}

impl<DB: Database> Lease for PoolLease<'_, DB> {
    fn abandon(&mut self) {
        self.0.close_on_drop();
    }
}

/// The connection of one call, which knows whether the call came to its end.
///
/// sqlx loses track of a MySQL connection when a future is dropped at a bad moment (a `BEGIN` that was sent but not yet
/// counted, a half-read reply to a prepare), and of a PostgreSQL connection that was to begin a transaction; the next user of
/// the pool would work inside a transaction that nobody commits. Where that can happen, a connection whose call was dropped is
/// closed rather than given back. So is one on which sqlx goes on counting a transaction that SQLite ended at a commit that failed.
pub(crate) struct Held<E: UpsertExecutor> {
    pub(crate) lease: E::Connection,
    /// Whether it can be given back as it is.
    is_sound: bool,
    /// Whether the call is part of a transaction.
    in_transaction: bool,
}

impl<E: UpsertExecutor> Held<E> {
    /// `survives_drop` says whether the call may be dropped anywhere.
    pub(crate) async fn acquire(
        executor: E,
        model: &'static Model,
        survives_drop: bool,
    ) -> Result<Self, Error> {
        match executor.connection().await {
            Ok(lease) => Ok(Self {
                in_transaction: lease.is_in_transaction(),
                lease,
                is_sound: survives_drop,
            }),
            Err(source) => Err(Error::from_driver::<E::Database>(model, source)),
        }
    }

    /// The call has come to its end; one that failed may have left a transaction behind.
    pub(crate) async fn finish(mut self, failed: bool) {
        self.is_sound = !failed || self.in_transaction || !self.lease.is_in_transaction();
        if !self.is_sound {
            // SQLite counts when what has been sent so far is done.
            let done = self.lease.ping().await;
            self.is_sound = done.is_ok() && !self.lease.is_in_transaction();
        }
    }
}

impl<E: UpsertExecutor> Drop for Held<E> {
    fn drop(&mut self) {
        if !self.is_sound {
            self.lease.abandon();
        }
    }
}

/// An executor whose database can store `T`. Implemented for every [`UpsertExecutor`] by way of [`UpsertModel`].
// The same as on `UpsertExecutor`: the compiler speaks of either, as the impls it tried have it.
#[diagnostic::on_unimplemented(
    message = "an upsert cannot run on `{Self}`",
    label = "not an executor",
    note = "pass `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`",
    note = "the database must be PostgreSQL, SQLite or MySQL/MariaDB, with the feature of its name turned on in `upsert`; sqlx's `Any` cannot be used, since its SQL is not known while compiling",
    note = "a pool of another version of sqlx is another type: `upsert` is built on sqlx 0.9, and `cargo tree -i sqlx` shows who asks for which"
)]
pub trait ExecutorFor<T: UpsertSpec<S>, S: 'static = Main>: UpsertExecutor {
    #[doc(hidden)]
    fn run_upsert<'e>(self, row: &'e T) -> UpsertFuture<'e, T::Output>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_with_action<'e>(self, row: &'e T) -> UpsertFuture<'e, Upserted<T::Output>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_execute<'e>(self, row: &'e T) -> UpsertFuture<'e, u64>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_insert_if_absent<'e>(self, row: &'e T) -> UpsertFuture<'e, bool>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_insert_if_absent_returning<'e>(self, row: &'e T) -> UpsertFuture<'e, Option<T::Output>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_get_or_insert<'e>(self, row: &'e T) -> UpsertFuture<'e, Upserted<T::Output>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_many<'e>(self, batch: Batch<'e, T>) -> UpsertFuture<'e, u64>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_many_returning<'e>(self, batch: Batch<'e, T>) -> UpsertFuture<'e, Vec<T::Output>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_many_returning_some<'e>(
        self,
        batch: Batch<'e, T>,
    ) -> UpsertFuture<'e, Vec<Option<T::Output>>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_many_with_actions<'e>(
        self,
        batch: Batch<'e, T>,
    ) -> UpsertFuture<'e, Vec<Upserted<T::Output>>>
    where
        Self: 'e;

    #[doc(hidden)]
    fn run_stream<'e>(self, rows: Incoming<'e, T>, options: Options<'e>) -> UpsertFuture<'e, u64>
    where
        Self: 'e,
        T: Send + 'e;
}

/// Writes one method of [`ExecutorFor`]: hold a connection, let the dialect work on it, let go.
macro_rules! run {
    ($method:ident => $operation:ident -> $output:ty) => {
        fn $method<'e>(self, row: &'e T) -> UpsertFuture<'e, $output>
        where
            Self: 'e,
        {
            Box::pin(async move {
                let survives = E::Database::SURVIVES_DROP;
                let mut held = Held::acquire(self, T::MODEL, survives).await?;
                let outcome =
                    <E::Database as Dialect>::$operation::<T, S>(&mut held.lease, row).await;
                held.finish(outcome.is_err()).await;
                outcome
            })
        }
    };
}

/// Writes one method of [`ExecutorFor`] for a batch, of whose outcome a part is asked for.
macro_rules! run_batch {
    ($method:ident -> $output:ty, $part:expr) => {
        fn $method<'e>(self, batch: Batch<'e, T>) -> UpsertFuture<'e, $output>
        where
            Self: 'e,
        {
            Box::pin(async move {
                let Batch {
                    rows,
                    operation,
                    options,
                } = batch;
                let part: fn(u64, RowsOf<'e, T, S>) -> $output = $part;
                let mut rows = RowsOf::new(rows, operation);
                // Nothing is asked of a pool for nothing.
                if bulk::Rows::<E::Database>::len(&rows) == 0 {
                    return Ok(part(0, rows));
                }
                let survives = E::Database::BEGIN_SURVIVES_DROP;
                let mut held = Held::acquire(self, T::MODEL, survives).await?;
                let run = <E::Database as Dialect>::run_batch;
                let written = run(&mut held.lease, &mut rows, operation, options).await;
                held.finish(written.is_err()).await;
                Ok(part(written?, rows))
            })
        }
    };
}

// The compiler may well recommend this impl: what a mistake lacks stands in its where-clause, not in the trait.
impl<E, T, S> ExecutorFor<T, S> for E
where
    E: UpsertExecutor,
    T: UpsertModel<E::Database, S>,
    S: 'static,
{
    run!(run_upsert => upsert -> T::Output);
    run!(run_with_action => upsert_with_action -> Upserted<T::Output>);
    run!(run_execute => execute_upsert -> u64);
    run!(run_insert_if_absent => insert_if_absent -> bool);
    run!(run_insert_if_absent_returning => insert_if_absent_returning -> Option<T::Output>);
    run!(run_get_or_insert => get_or_insert -> Upserted<T::Output>);

    run_batch!(run_many -> u64, |written, _| written);
    run_batch!(run_many_returning -> Vec<T::Output>, |_, rows| rows.into_rows());
    run_batch!(run_many_returning_some -> Vec<Option<T::Output>>, |_, rows| rows.into_some_rows());
    run_batch!(run_many_with_actions -> Vec<Upserted<T::Output>>, |_, rows| rows.into_upserted());

    fn run_stream<'e>(self, rows: Incoming<'e, T>, options: Options<'e>) -> UpsertFuture<'e, u64>
    where
        Self: 'e,
        T: Send + 'e,
    {
        Box::pin(async move {
            let survives = E::Database::BEGIN_SURVIVES_DROP;
            let mut held = Held::acquire(self, T::MODEL, survives).await?;
            let written =
                bulk::run_stream::<E::Database, T, S>(&mut held.lease, rows, options).await;
            held.finish(written.is_err()).await;
            written
        })
    }
}
