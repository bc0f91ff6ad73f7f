//! Rows that come one after the other, of which there may be more than memory holds.

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Stream};
use sqlx::error::BoxDynError;
use sqlx::{Connection, SqlSafeStr};
use std::future::IntoFuture;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::builder::batch_options;
use super::run::ROWS_A_COMMIT;
use super::{Operation, Options, Progress, RowsOf, Wanted};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::executor::ExecutorFor;
use crate::model::{InBulk, Main, UpsertModel, UpsertSpec};
use crate::upsert::UpsertFuture;

/// What a stream of rows may give: rows, or results of rows whose error can be boxed.
///
/// It is implemented for `T` and for `Result<T, E>`, and is there to be named in bounds; see [`RowStream`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of `{T}`, nor a result of one",
    label = "this stream does not give rows of `{T}`",
    note = "the stream gives rows, or results of rows whose error turns into `Box<dyn Error + Send + Sync>`"
)]
pub trait IntoRow<T> {
    /// The row, or why there is none.
    fn into_row(self) -> Result<T, BoxDynError>;
}

impl<T> IntoRow<T> for T {
    fn into_row(self) -> Result<T, BoxDynError> {
        Ok(self)
    }
}

impl<T, E: Into<BoxDynError>> IntoRow<T> for Result<T, E> {
    fn into_row(self) -> Result<T, BoxDynError> {
        self.map_err(Into::into)
    }
}

/// A stream of rows of `T`, or of results of them. Every such stream that is `Send` is one.
///
/// ```
/// # use upsert::Upsert;
/// use futures_util::stream;
/// use upsert::ErrorKind;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let lines = ["rust 1", "sql 2", "json ?"];
/// let rows = lines.map(|line| {
///     let (name, count) = line.split_once(' ').ok_or("no count")?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Tag { name: name.to_owned(), count: count.parse()? })
/// });
/// let error = Tag::upsert_stream(stream::iter(rows), &pool).await.expect_err("`?` is no number");
/// assert_eq!((error.kind(), error.row()), (ErrorKind::Stream, Some(2)));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no stream of rows of `{T}`",
    label = "not a stream of rows of `{T}`, or `{T}` cannot be sent in bulk",
    note = "it takes a `futures_core::Stream` that is `Send`, of rows or of results of rows; `futures_util::stream::iter(rows)` makes one of a list, for which `{T}::upsert_all(&rows, …)` is there too"
)]
pub trait RowStream<T, S: 'static = Main>: Stream<Item: IntoRow<T>> + Send {}

impl<I, T, S: 'static> RowStream<T, S> for I
where
    I: Stream<Item: IntoRow<T>> + Send,
    T: InBulk<S> + Send,
{
}

/// The rows of a stream, whatever its type.
pub struct Incoming<'e, T>(BoxStream<'e, Result<T, BoxDynError>>);

/// A stream of rows that is about to be upserted: await it for the number of rows inserted or updated.
///
/// [`Upsert::upsert_stream`](crate::Upsert::upsert_stream) gives it, and so does the method `…_stream` of a named upsert.
///
/// ```
/// # use upsert::Upsert;
/// use futures_util::stream;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = stream::iter((0..2_500).map(|number| Tag { name: number.to_string(), count: 1 }));
/// let rows = Tag::upsert_stream(tags, &pool)
///     .chunk_rows(1_000) // as many are held at a time
///     .on_progress(|progress| println!("{} rows", progress.rows))
///     .commit_each_chunk()
///     .await?;
/// assert_eq!(rows, 2_500);
/// # Ok(())
/// # }
/// ```
#[must_use = "an upsert does nothing until it is awaited"]
pub struct UpsertStream<'e, T, E> {
    executor: E,
    rows: Incoming<'e, T>,
    options: Options<'e>,
    run: fn(E, Incoming<'e, T>, Options<'e>) -> UpsertFuture<'e, u64>,
}

impl<'e, T, E> UpsertStream<'e, T, E> {
    pub(crate) fn new<I, S>(rows: I, executor: E) -> Self
    where
        I: RowStream<T, S> + 'e,
        T: UpsertSpec<S> + Send + 'e,
        E: ExecutorFor<T, S> + 'e,
        S: 'static,
    {
        Self {
            executor,
            rows: Incoming(rows.map(IntoRow::into_row).boxed()),
            options: Options::default(),
            run: E::run_stream,
        }
    }

    batch_options!();
}

impl<'e, T, E> IntoFuture for UpsertStream<'e, T, E> {
    type Output = Result<u64, Error>;
    type IntoFuture = UpsertFuture<'e, u64>;

    fn into_future(self) -> Self::IntoFuture {
        (self.run)(self.executor, self.rows, self.options)
    }
}

/// Upserts the rows of a stream chunk by chunk. The next rows are asked for when a chunk is stored, so that no more than a chunk
/// of them is held.
pub(crate) async fn run_stream<DB, T, S>(
    conn: &mut DB::Connection,
    rows: Incoming<'_, T>,
    options: Options<'_>,
) -> Result<u64, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S> + Send,
    S: 'static,
{
    let span = tracing::info_span!(
        "upsert_stream",
        table = T::MODEL.table,
        database = <DB as Dialect>::NAME,
        rows = Empty,
        chunks = Empty,
    );
    run_in_span::<DB, T, S>(conn, rows, options, &span)
        .instrument(span.clone())
        .await
}

/// In the span of the call; each chunk is a batch, and has one of its own inside.
async fn run_in_span<DB, T, S>(
    conn: &mut DB::Connection,
    rows: Incoming<'_, T>,
    options: Options<'_>,
    span: &Span,
) -> Result<u64, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S> + Send,
    S: 'static,
{
    let driver = |source| Error::from_driver::<DB>(T::MODEL, source);
    if options.settings.commit_each_chunk || conn.is_in_transaction() {
        return run_chunks::<DB, T, S>(conn, rows, options, span).await;
    }
    let mut tx = conn
        .begin_with(DB::BEGIN.into_sql_str())
        .await
        .map_err(driver)?;
    match run_chunks::<DB, T, S>(&mut tx, rows, options, span).await {
        Ok(written) => {
            tx.commit()
                .await
                .map_err(|source| driver(source).at_commit())?;
            Ok(written)
        }
        Err(error) => {
            DB::roll_back(tx).await;
            Err(error)
        }
    }
}

async fn run_chunks<DB, T, S>(
    conn: &mut DB::Connection,
    Incoming(mut rows): Incoming<'_, T>,
    options: Options<'_>,
    span: &Span,
) -> Result<u64, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S> + Send,
    S: 'static,
{
    let Options {
        settings,
        mut on_progress,
    } = options;
    let size = settings.chunk_rows.map_or(ROWS_A_COMMIT, usize::from);
    let mut chunk = Vec::new();
    let mut progress = Progress {
        rows: 0,
        rows_in_all: 0,
        chunks: 0,
    };
    let mut written = 0;
    loop {
        let committed = if settings.commit_each_chunk {
            progress.rows
        } else {
            0
        };
        let next = rows.next().await;
        let is_last = next.is_none();
        if let Some(row) = next {
            chunk.push(row.map_err(|source| {
                Error::stream(T::MODEL, source)
                    .at_row(progress.rows_in_all)
                    .committed(committed)
            })?);
            progress.rows_in_all += 1;
        }
        if chunk.len() < size && !is_last {
            continue;
        }
        if !chunk.is_empty() {
            let operation = Operation::Upsert(Wanted::Count);
            let mut given = RowsOf::<T, S>::new(chunk.iter().collect(), operation);
            let options = Options {
                settings,
                on_progress: None,
            };
            let done = DB::run_batch(conn, &mut given, operation, options).await;
            written +=
                done.map_err(|error| error.after_rows(progress.rows).committed(committed))?;
            progress.rows += chunk.len();
            progress.chunks += 1;
            span.record("rows", progress.rows);
            span.record("chunks", progress.chunks);
            chunk.clear();
            if let Some(on_progress) = &mut on_progress {
                on_progress(progress);
            }
        }
        if is_last {
            return Ok(written);
        }
    }
}
