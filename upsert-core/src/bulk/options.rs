//! What can be asked of a batch.

use std::num::NonZeroUsize;

/// What is to happen with rows of one batch that have the same key, as [`on_duplicate`](crate::UpsertMany::on_duplicate) is told.
///
/// ```
/// # use upsert::Upsert;
/// use upsert::Duplicates;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
/// assert_eq!(Tag::upsert_all(&tags, &pool).await?, 3); // `sql` is inserted, and then updated
///
/// let error = Tag::upsert_all(&tags, &pool).on_duplicate(Duplicates::Reject).await.expect_err("`sql` is there twice");
/// assert!(error.to_string().contains("rows 0 and 2 of the batch"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Duplicates {
    /// They are upserted in their order, as single calls would.
    #[default]
    InOrder,
    /// The call fails before anything is sent, and names two of them. Keys are the same here if they are sent as the same
    /// bytes; what a collation takes for equal besides is upserted in order.
    Reject,
}

/// How far a batch has come, as [`on_progress`](crate::UpsertMany::on_progress) reports it.
///
/// ```
/// # use upsert::Upsert;
/// use upsert::Progress;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["sql", "rust", "sql"].map(|name| Tag { name: name.to_owned(), count: 1 });
/// let bar = |progress: Progress| print!("\r{} of {} rows", progress.rows, progress.rows_in_all);
/// Tag::upsert_all(&tags, &pool).on_progress(bar).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many rows have been sent.
    pub rows: usize,
    /// How many rows there are; of a stream, how many it has given so far.
    pub rows_in_all: usize,
    /// How many chunks have been sent.
    pub chunks: usize,
}

/// As the builder was told.
#[derive(Default)]
pub struct Options<'e> {
    pub(crate) settings: Settings,
    pub(crate) on_progress: Option<OnProgress<'e>>,
}

pub(crate) type OnProgress<'e> = Box<dyn FnMut(Progress) + Send + 'e>;

/// How to go about a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub chunk_rows: Option<NonZeroUsize>,
    pub keep_order: bool,
    pub duplicates: Duplicates,
    pub retries: u32,
    pub commit_each_chunk: bool,
    pub find_culprit: bool,
}

/// How often a batch is tried again by itself.
const RETRIES: u32 = 10;

impl Default for Settings {
    fn default() -> Self {
        Self {
            chunk_rows: None,
            keep_order: false,
            duplicates: Duplicates::default(),
            retries: RETRIES,
            commit_each_chunk: false,
            find_culprit: false,
        }
    }
}
