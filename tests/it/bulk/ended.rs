//! Errors with which SQLite takes the whole transaction back by itself, whatever sqlx and the caller think of it.

use anyhow::Result;
use futures_util::stream;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Executor};
use upsert::{Error, ErrorKind, Upsert};

use crate::harness::dialect_tests;

/// Each a way to end a transaction, by a row whose `n` is missing or whose text is long.
const TABLES: [&str; 3] = [
    "CREATE TABLE words (k INTEGER PRIMARY KEY, n INTEGER CHECK (n < 1000), text TEXT);
     CREATE TRIGGER words_n BEFORE INSERT ON words WHEN NEW.n IS NULL BEGIN SELECT RAISE(ROLLBACK, 'no n'); END",
    "CREATE TABLE words (k INTEGER PRIMARY KEY, n INTEGER NOT NULL ON CONFLICT ROLLBACK CHECK (n < 1000), text TEXT)",
    // The disk is full, see `small`.
    "CREATE TABLE words (k INTEGER PRIMARY KEY, n INTEGER CHECK (n < 1000), text TEXT)",
];

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k")]
struct Word {
    k: i64,
    n: Option<i64>,
    text: String,
}

fn word(k: i64) -> Word {
    Word {
        k,
        n: Some(1),
        text: String::new(),
    }
}

/// A hundred rows, one of which ends the transaction.
fn words() -> Vec<Word> {
    let end = Word {
        n: None,
        text: "long".repeat(100_000),
        ..word(70)
    };
    let mut rows: Vec<_> = (0..100).map(word).collect();
    rows[70] = end;
    rows
}

/// One connection, to a file that cannot grow much.
fn small(options: SqliteConnectOptions) -> SqlitePool {
    let options = options.pragma("max_page_count", "12");
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.connect_lazy_with(options)
}

/// Whether a batch is all or nothing on what the pool gives, and sqlx says the truth of it.
async fn is_usable(pool: &SqlitePool) -> Result<()> {
    let mut conn = pool.acquire().await?;
    assert!(!conn.is_in_transaction());
    conn.execute("BEGIN").await?;
    conn.execute("ROLLBACK").await?;
    drop(conn);
    let mut rows: Vec<_> = (200..206).map(word).collect();
    rows[3].n = Some(1000);
    let error = Word::upsert_all(&rows, pool).chunk_rows(2).await;
    let error = error.expect_err("a check");
    assert_eq!(error.kind(), ErrorKind::CheckViolation);
    assert_eq!(count(pool).await?, 0, "all or nothing");
    rows.truncate(3);
    let call = Word::upsert_all(&rows, pool).chunk_rows(2);
    assert_eq!(call.commit_each_chunk().await?, 3);
    sqlx::query("DELETE FROM words").execute(pool).await?;
    Ok(())
}

/// The same where sqlx could not take its own transaction back, and still counts it.
async fn is_usable_by_calls(pool: &SqlitePool) -> Result<()> {
    assert_eq!(Word::upsert_all(&[word(300)], pool).await?, 1);
    sqlx::query("DELETE FROM words").execute(pool).await?;
    is_usable(pool).await
}

async fn count(pool: &SqlitePool) -> Result<i64> {
    let counts = sqlx::query_scalar("SELECT COUNT(*) FROM words");
    Ok(counts.fetch_all(pool).await?[0])
}

const CALLS: usize = 8;

async fn call(call: usize, rows: &[Word], pool: &SqlitePool) -> Result<(), Error> {
    let all = || Word::upsert_all(rows, pool);
    match call {
        0 => all().await.map(drop),
        1 => all().chunk_rows(10).await.map(drop),
        2 => all().find_culprit().await.map(drop),
        3 => all().chunk_rows(10).find_culprit().await.map(drop),
        4 => all().returning().await.map(drop),
        5 => all().with_actions().await.map(drop),
        6 => all().find_culprit().with_actions().await.map(drop),
        _ => Word::upsert_stream(stream::iter(rows.to_vec()), pool)
            .chunk_rows(10)
            .await
            .map(drop),
    }
}

dialect_tests! {
    #[on(sqlite)]
    async fn a_batch(db: Db) -> Result<()> {
        let rows = words();
        for table in TABLES {
            db.run(&format!("DROP TABLE IF EXISTS words; {table}")).await?;
            for number in 0..CALLS {
                let pool = small(db.options());
                let error = call(number, &rows, &pool).await.expect_err("the transaction is ended");
                assert!(!error.is_retryable(), "{table}, call {number}: {error}");
                assert_eq!(db.count("words").await?, 0, "{table}, call {number}: {error}");
                is_usable(&pool).await?;
                pool.close().await;
            }
        }
        Ok(())
    }

    #[on(sqlite)]
    async fn a_batch_on_a_connection_of_the_callers(db: Db) -> Result<()> {
        db.run(TABLES[0]).await?;
        let rows = words();
        let mut conn = db.connect().await?;
        for find in [false, true] {
            let call = Word::upsert_all(&rows, &mut conn).chunk_rows(10);
            let call = if find { call.find_culprit() } else { call };
            call.await.expect_err("the transaction is ended");
            assert!(!conn.is_in_transaction());
            rows[70].upsert(&mut conn).with_action().await.expect_err("the transaction is ended");
            assert!(!conn.is_in_transaction());
            assert_eq!(db.count("words").await?, 0);
        }
        assert_eq!(Word::upsert_all(&rows[..2], &mut conn).commit_each_chunk().await?, 2);
        conn.close().await?;
        Ok(())
    }

    #[on(sqlite)]
    async fn one_row(db: Db) -> Result<()> {
        let rows = words();
        for table in TABLES {
            db.run(&format!("DROP TABLE IF EXISTS words; {table}")).await?;
            let pool = small(db.options());
            for _ in 0..2 {
                rows[70].upsert(&pool).await.expect_err("the transaction is ended");
                rows[70].upsert(&pool).with_action().await.expect_err("the transaction is ended");
                rows[70].get_or_insert(&pool).await.expect_err("the transaction is ended");
                is_usable(&pool).await?;
            }
            pool.close().await;
        }
        Ok(())
    }

    /// What comes after the error would be stored at once, and so would what the search sends.
    #[on(sqlite)]
    async fn a_transaction_of_the_callers(db: Db) -> Result<()> {
        let rows = words();
        for table in TABLES {
            db.run(&format!("DROP TABLE IF EXISTS words; {table}")).await?;
            for (find, commits) in [(true, false), (true, true), (false, false), (false, true)] {
                if table == TABLES[2] && !find {
                    // A statement of many rows is taken back alone.
                    continue;
                }
                let pool = small(db.options());
                let mut tx = pool.begin().await?;
                Word::upsert_all(&[word(200)], &mut tx).await?;
                let call = Word::upsert_all(&rows, &mut tx).chunk_rows(10);
                let call = if find { call.find_culprit() } else { call };
                call.await.expect_err("the transaction is ended");
                // Both are errors of SQLite's, since there is no transaction.
                let ended = if commits { tx.commit().await } else { tx.rollback().await };
                assert!(ended.is_err(), "{table}");
                assert_eq!(db.count("words").await?, 0, "{table}");
                is_usable_by_calls(&pool).await?;
                pool.close().await;
            }
        }
        Ok(())
    }

    /// A commit that fails leaves no transaction either.
    #[on(sqlite)]
    async fn a_commit(db: Db) -> Result<()> {
        db.run(TABLES[2]).await?;
        let refuse = SqlitePoolOptions::new().max_connections(1).after_connect(|conn, _| {
            Box::pin(async move {
                conn.lock_handle().await?.set_commit_hook(|| false);
                Ok(())
            })
        });
        let pool = refuse.connect_lazy_with(db.options());
        let rows: Vec<_> = (0..100).map(word).collect();
        for number in 0..CALLS {
            call(number, &rows, &pool).await.expect_err("it is not committed");
            assert!(!pool.acquire().await?.is_in_transaction());
            rows[0].upsert(&pool).with_action().await.expect_err("it is not committed");
            assert!(!pool.acquire().await?.is_in_transaction());
            assert_eq!(db.count("words").await?, 0);
        }
        pool.close().await;
        Ok(())
    }
}
