//! Streams of rows: chunk by chunk, with no more than a chunk of them in memory.

use anyhow::Result;
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use upsert::{Duplicates, Error, ErrorKind, Upsert};

use crate::harness::dialect_tests;

const WORDS: &str =
    r#"CREATE TABLE "words" ("k" BIGINT PRIMARY KEY, "n" BIGINT NOT NULL CHECK ("n" < 1000))"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k", accumulate = "n")]
#[upsert(name = "replace_it", conflict = "k")]
struct Word {
    k: i64,
    n: i64,
}

fn words(count: i64) -> impl Iterator<Item = Word> + Send {
    (0..count).map(|k| Word { k, n: 1 })
}

/// A row that is counted as long as it lives.
#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k")]
struct Counted {
    k: i64,
    n: i64,
    #[upsert(skip)]
    alive: Alive,
}

#[derive(Debug, Default)]
struct Alive(Arc<AtomicI64>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

dialect_tests! {
    async fn of_rows(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        for (count, size) in [(0, None), (1, None), (25, None), (25, Some(10)), (30, Some(10)), (3, Some(1))] {
            let stream = Word::upsert_stream(stream::iter(words(count)), &db.pool);
            let stream = match size {
                Some(size) => stream.chunk_rows(size),
                None => stream,
            };
            let mut seen = Vec::new();
            let written = stream.on_progress(|progress| seen.push((progress.rows, progress.chunks))).await?;
            assert_eq!(written, u64::try_from(count)?);
            let chunks = match (count, size) {
                (0, _) => 0,
                (count, Some(size)) => usize::try_from(count)?.div_ceil(size),
                _ => 1,
            };
            assert_eq!(seen.last().copied().unwrap_or_default(), (usize::try_from(count)?, chunks));
            assert_eq!(seen.len(), chunks);
        }
        assert_eq!(db.one::<i64>(r#"SELECT CAST(SUM("n") AS {sum}) FROM "words""#).await?, 1 + 25 + 25 + 30 + 3);
        Ok(())
    }

    async fn of_results(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows = words(25).map(Ok::<_, std::io::Error>);
        assert_eq!(Word::upsert_stream(stream::iter(rows), &db.pool).chunk_rows(10).await?, 25);
        let mut tx = db.pool.begin().await?;
        let rows = words(25).map(Ok::<_, Box<dyn std::error::Error + Send + Sync>>);
        assert_eq!(Word::upsert_stream(stream::iter(rows), &mut tx).chunk_rows(10).await?, 25);
        tx.commit().await?;
        assert_eq!(db.one::<i64>(r#"SELECT CAST(SUM("n") AS {sum}) FROM "words""#).await?, 50);
        Ok(())
    }

    async fn named(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        assert_eq!(Word::upsert_stream(stream::iter(words(5)), &db.pool).await?, 5);
        assert_eq!(Word::replace_it_stream(stream::iter(words(5)), &db.pool).chunk_rows(2).await?, 5);
        assert_eq!(db.one::<i64>(r#"SELECT CAST(SUM("n") AS {sum}) FROM "words""#).await?, 5);
        Ok(())
    }

    /// An error of the stream itself.
    async fn that_fail(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let failing = || {
            stream::iter((0..40).map(|k| match k {
                27 => Err("line 28 is no row"),
                k => Ok(Word { k, n: 1 }),
            }))
        };
        let error = Word::upsert_stream(failing(), &db.pool).chunk_rows(10).await.expect_err("line 28");
        assert_eq!((error.kind(), error.row(), error.rows_committed()), (ErrorKind::Stream, Some(27), 0));
        assert!(error.to_string().contains("line 28 is no row"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(db.count("words").await?, 0, "one transaction");

        let error = Word::upsert_stream(failing(), &db.pool).chunk_rows(10).commit_each_chunk().await.expect_err("line 28");
        assert_eq!((error.kind(), error.row(), error.rows_committed()), (ErrorKind::Stream, Some(27), 20));
        assert!(error.to_string().contains("the first 20 rows are committed"), "{error}");
        assert_eq!(db.count("words").await?, 20);
        let error = sqlx::Error::from(error);
        assert!(error.to_string().contains("line 28 is no row"), "{error}");
        Ok(())
    }

    /// An error of the database.
    async fn with_a_row_that_fails(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let failing = || stream::iter((0..40).map(|k| Word { k, n: if k == 27 { 1000 } else { 1 } }));
        let error = Word::upsert_stream(failing(), &db.pool).chunk_rows(10).await.expect_err("a check");
        assert_eq!((error.kind(), error.rows_committed()), (ErrorKind::CheckViolation, 0));
        assert_eq!(db.count("words").await?, 0, "one transaction");
        let error = Word::upsert_stream(failing(), &db.pool).chunk_rows(10).commit_each_chunk().await.expect_err("a check");
        assert_eq!((error.kind(), error.rows_committed()), (ErrorKind::CheckViolation, 20));
        assert_eq!(db.count("words").await?, 20);
        assert_eq!(Word::upsert_stream(stream::iter(words(3)), &db.pool).await?, 3, "the pool is usable");
        Ok(())
    }

    async fn inside_a_transaction(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut tx = db.pool.begin().await?;
        assert_eq!(Word::upsert_stream(stream::iter(words(25)), &mut tx).chunk_rows(10).await?, 25);
        let error = Word::upsert_stream(stream::iter(words(25)), &mut tx).commit_each_chunk().await.expect_err("whose commit");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        tx.rollback().await?;
        assert_eq!(db.count("words").await?, 0);
        Ok(())
    }

    /// Duplicates are looked for within a chunk; more is not in memory.
    async fn with_duplicates(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows = || stream::iter([1, 2, 3, 1].map(|k| Word { k, n: 1 }));
        assert_eq!(Word::upsert_stream(rows(), &db.pool).chunk_rows(2).await?, 4);
        assert_eq!(db.one::<i64>(r#"SELECT "n" FROM "words" WHERE "k" = 1"#).await?, 2);
        let error = Word::upsert_stream(rows(), &db.pool).on_duplicate(Duplicates::Reject).await.expect_err("1 twice");
        assert_eq!((error.kind(), error.row()), (ErrorKind::DuplicateKey, Some(3)));

        // They are counted from the beginning of the stream, and what came before their chunk was sent.
        let rows = || stream::iter((0..12).chain([10]).map(|k| Word { k, n: 1 }));
        let call = || Word::upsert_stream(rows(), &db.pool).chunk_rows(10).on_duplicate(Duplicates::Reject);
        for (error, committed) in [(call().await, 0), (call().commit_each_chunk().await, 10)] {
            let error = error.expect_err("10 twice");
            assert_eq!((error.row(), error.rows_committed()), (Some(12), committed), "{error}");
            let message = error.to_string();
            assert!(message.contains("rows 10 and 12 of the batch (counted from 0) have the same key"), "{message}");
            assert!(message.contains("nothing of their chunk was sent"), "{message}");
        }
        Ok(())
    }

    /// The next rows are asked for when a chunk is stored; then no more of them are alive than a chunk has.
    async fn hold_one_chunk(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let alive = Arc::new(AtomicI64::new(0));
        let stored = Arc::new(AtomicI64::new(0));
        let (counter, seen) = (alive.clone(), stored.clone());
        let rows = (0..1_000).map(move |k| {
            let before = counter.fetch_add(1, Ordering::Relaxed);
            assert!(before < 50, "{before} rows are alive");
            assert_eq!(seen.load(Ordering::Relaxed), k / 50 * 50, "the chunks before are stored");
            Counted { k, n: 1, alive: Alive(counter.clone()) }
        });
        let written = Counted::upsert_stream(stream::iter(rows), &db.pool)
            .chunk_rows(50)
            .on_progress(|progress| stored.store(i64::try_from(progress.rows).unwrap_or(0), Ordering::Relaxed))
            .await?;
        assert_eq!((written, alive.load(Ordering::Relaxed)), (1_000, 0));
        Ok(())
    }

    /// One that gives its rows slowly, and from another task.
    async fn that_are_slow(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows = stream::iter(words(20)).then(|row| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            row
        });
        let pool = db.pool.clone();
        let call = async move { Word::upsert_stream(rows, &pool).chunk_rows(7).await };
        let written: std::result::Result<u64, Error> = tokio::spawn(call).await?;
        assert_eq!(written?, 20);
        Ok(())
    }
}
