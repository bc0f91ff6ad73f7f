//! Calls that do not come to their end: all of the batch is stored, or nothing of it.

use anyhow::Result;
use futures_util::stream;
use std::time::Duration;
use upsert::{ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests, drop_after};

const WORDS: &str = r#"CREATE TABLE "words" ("k" BIGINT PRIMARY KEY, "n" BIGINT NOT NULL, "text" {text});
    CREATE TABLE "witness" ("n" BIGINT NOT NULL)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k", accumulate = "n")]
struct Word {
    k: i64,
    n: i64,
    text: String,
}

fn words(start: i64, count: i64) -> Vec<Word> {
    (start..start + count)
        .map(|k| Word {
            k,
            n: 1,
            text: "text".to_owned(),
        })
        .collect()
}

const ROWS: i64 = 6;

/// Drops the call at its first wait, at its second, and so on until it finishes. The pool has one connection, so whoever comes
/// next gets the one that was left behind.
macro_rules! drop_everywhere {
    ($db:ident, |$rows:ident, $pool:ident| $call:expr) => {{
        $db.run(WORDS).await?;
        let $pool = $db.pool_of(1);
        let (mut n, mut dropped) = (0_i64, 0);
        for pause in [0, 3, 0, 3] {
            for polls in 1.. {
                n += 1;
                let $rows = words(n * 100, ROWS);
                // Half of them are there.
                Word::upsert_all(&$rows[..3], &$db.pool).await?;
                let outcome = drop_after(polls, async { $call }).await;
                if outcome.is_none() {
                    dropped += 1;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                let place = format!("dropped at poll {polls}, pause: {pause}");

                // Written through the same pool, it is there for everybody at once.
                let witness = format!("INSERT INTO witness VALUES ({n})");
                sqlx::query(sqlx::AssertSqlSafe(witness))
                    .execute(&$pool)
                    .await?;
                let seen: i64 = $db
                    .one(&format!("SELECT COUNT(*) FROM witness WHERE n = {n}"))
                    .await?;
                assert_eq!(seen, 1, "{place}: a transaction was left open");

                let sum = format!(
                    r#"SELECT CAST(SUM("n") AS {{sum}}) FROM "words" WHERE "k" >= {}"#,
                    n * 100
                );
                let stored: i64 = $db.one(&sum).await?;
                assert!(stored == 3 || stored == 3 + ROWS, "{place}: {stored}");
                if let Some(outcome) = &outcome {
                    assert!(outcome.is_ok(), "{place}: {outcome:?}");
                    assert_eq!(stored, 3 + ROWS, "{place}: the call has finished");
                }
                // A commit that was on its way may have come only now.
                Word::upsert_all(&$rows, &$pool).await?;
                let again: i64 = $db.one(&sum).await?;
                assert!(
                    again == stored + ROWS || again == 3 + 2 * ROWS,
                    "{place}: {again}"
                );
                if outcome.is_some() {
                    break;
                }
            }
        }
        assert!(dropped > 0, "no call was dropped");
    }};
}

dialect_tests! {
    async fn a_dropped_upsert_all(db: Db) -> Result<()> {
        drop_everywhere!(db, |rows, pool| Word::upsert_all(&rows, &pool).chunk_rows(2).await);
        Ok(())
    }

    async fn a_dropped_upsert_all_returning(db: Db) -> Result<()> {
        drop_everywhere!(db, |rows, pool| Word::upsert_all(&rows, &pool).chunk_rows(3).returning().await);
        Ok(())
    }

    async fn a_dropped_upsert_all_with_actions(db: Db) -> Result<()> {
        drop_everywhere!(db, |rows, pool| Word::upsert_all(&rows, &pool).with_actions().await);
        Ok(())
    }

    async fn a_dropped_search_for_the_culprit(db: Db) -> Result<()> {
        drop_everywhere!(db, |rows, pool| Word::upsert_all(&rows, &pool).chunk_rows(3).find_culprit().await);
        Ok(())
    }

    async fn a_dropped_stream(db: Db) -> Result<()> {
        drop_everywhere!(db, |rows, pool| Word::upsert_stream(stream::iter(rows.clone()), &pool).chunk_rows(2).await);
        Ok(())
    }

    async fn by_the_clock(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let pool = db.pool_of(1);
        let mut dropped = 0;
        for n in 0..12 {
            let rows = words(n * 10_000, 3_000);
            let wait = Duration::from_millis(1 << n);
            let outcome = tokio::time::timeout(wait, Word::upsert_all(&rows, &pool).chunk_rows(500)).await;
            dropped += i32::from(outcome.is_err());
            // Whatever is still under way comes to its end before this.
            sqlx::query("INSERT INTO witness VALUES (1)").execute(&pool).await?;
            let stored: i64 = db.one(&format!(r#"SELECT COUNT(*) FROM "words" WHERE "k" >= {}"#, n * 10_000)).await?;
            assert!(stored == 0 || stored == 3_000, "{stored} rows");
            if let Ok(outcome) = outcome {
                assert_eq!((outcome?, stored), (3_000, 3_000));
            }
        }
        assert!(dropped > 0, "no call was dropped");
        Ok(())
    }

    /// The transaction belongs to the caller, who takes it back.
    #[on(postgres, sqlite)]
    async fn in_a_transaction_of_the_callers(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let pool = db.pool_of(1);
        let mut dropped = 0;
        let polls = [1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 7, 8];
        for (polls, find) in polls.into_iter().flat_map(|polls| [(polls, false), (polls, true)]) {
            let mut tx = pool.begin().await?;
            Word::upsert_all(&words(0, 3), &mut tx).await?;
            let rows = words(0, ROWS);
            let call = Word::upsert_all(&rows, &mut tx).chunk_rows(2);
            let call = if find { call.find_culprit() } else { call };
            let outcome = drop_after(polls, async { call.await }).await;
            dropped += usize::from(outcome.is_none());
            tx.rollback().await?;
            assert_eq!(db.count("words").await?, 0, "dropped at poll {polls}");
            assert_eq!(Word::upsert_all(&rows, &pool).await?, 6);
            db.run(r#"DELETE FROM "words""#).await?;
        }
        assert!(dropped > 0, "no call was dropped");
        Ok(())
    }

    /// Another session holds a row in the middle of the batch, so that the call surely waits there when its own session is ended.
    #[on(postgres, mysql)]
    async fn the_session_is_killed(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        Word::upsert_all(&words(250, 1), &db.pool).await?;
        let (ask, waits, kill) = if db.server.key == Key::Postgres {
            (
                "SELECT CAST(pg_backend_pid() AS BIGINT)",
                "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = ",
                "SELECT pg_terminate_backend({})",
            )
        } else {
            (
                "SELECT CAST(CONNECTION_ID() AS SIGNED)",
                "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = ",
                "KILL {}",
            )
        };
        for variant in 0..4 {
            let pool = db.pool_of(1);
            let id: (i64,) = sqlx::query_as(ask).fetch_all(&pool).await?[0];
            let mut holder = db.pool.begin().await?;
            sqlx::query("UPDATE words SET n = n + 0 WHERE k = 250").execute(&mut *holder).await?;
            let victims = pool.clone();
            let call = tokio::spawn(async move {
                let rows = words(0, 500);
                let call = Word::upsert_all(&rows, &victims).chunk_rows(100);
                match variant {
                    0 => call.await.map(drop),
                    1 => call.returning().await.map(drop),
                    2 => call.find_culprit().await.map(drop),
                    _ => call.commit_each_chunk().await.map(drop),
                }
            });
            while db.one::<i64>(&format!("{waits}{}", id.0)).await? == 0 {
                assert!(!call.is_finished(), "{:?}", call.await);
                // InnoDB shows the same again to whoever asks sooner.
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            db.run(&kill.replace("{}", &id.0.to_string())).await?;
            let error = call.await?.expect_err("the session is gone");
            assert_eq!((error.kind(), error.row()), (ErrorKind::Database, None), "{error}");
            assert!(!error.is_retryable());
            holder.rollback().await?;
            let (committed, rows) = if variant == 3 { (200, 201) } else { (0, 1) };
            assert_eq!(error.rows_committed(), committed, "{error}");
            assert_eq!(db.count("words").await?, rows, "variant {variant}");
            assert_eq!(Word::upsert_all(&words(0, 500), &pool).await?, 500, "the pool is usable");
            db.run(r#"DELETE FROM "words" WHERE "k" <> 250"#).await?;
            pool.close().await;
        }
        Ok(())
    }
}
