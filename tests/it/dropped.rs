//! A future that is dropped midway leaves no transaction open, and the row wholly there or not at all.

use anyhow::Result;
use std::time::Duration;
use upsert::Upsert;

use crate::harness::{dialect_tests, drop_after};

const TAGS: &str = r#"
    CREATE TABLE "tags" ("name" {text} PRIMARY KEY, "count" BIGINT NOT NULL, "color" {text} NOT NULL);
    CREATE TABLE "witness" ("n" BIGINT NOT NULL)
"#;

#[derive(Debug, Clone, PartialEq, Upsert, sqlx::FromRow)]
#[upsert(conflict = "name", accumulate = "count", insert_only = "color")]
struct Tag {
    name: String,
    count: i64,
    color: String,
}

fn tag(name: &str) -> Tag {
    Tag {
        name: name.to_owned(),
        count: 1,
        color: "red".to_owned(),
    }
}

/// Where calls are dropped that are not dropped everywhere. A quick server answers some of them at the first poll already, so
/// that one is tried more often.
const POLLS: [usize; 24] = [
    1, 1, 1, 1, 1, 2, 1, 1, 3, 1, 1, 4, 1, 1, 5, 1, 1, 6, 1, 1, 7, 1, 1, 8,
];

/// Whether the row was there before the call, and for how many milliseconds its answer may arrive before it is dropped.
const VARIANTS: [(bool, u64); 4] = [(false, 0), (true, 0), (false, 3), (true, 3)];

/// Drops the call after the first poll that does not finish it, after the second, and so on until it finishes; for a row that
/// is new and for one that is there; with the request just sent, and with its answer arrived but not read. The pool has one
/// connection, so whoever comes next gets the one that was left behind.
macro_rules! drop_everywhere {
    ($db:ident, adds $added:literal, |$row:ident, $pool:ident| $call:expr) => {{
        $db.run(TAGS).await?;
        let $pool = $db.pool_of(1);
        let (mut n, mut dropped) = (0_i64, 0);
        let mut round = 0;
        while round < VARIANTS.len() || dropped == 0 && round < 40 {
            let (there, pause) = VARIANTS[round % VARIANTS.len()];
            round += 1;
            for polls in 1.. {
                n += 1;
                let $row = tag(&format!("tag {n}"));
                if there {
                    let stored = Tag {
                        count: 10,
                        color: "blue".to_owned(),
                        ..$row.clone()
                    };
                    stored.upsert(&$db.pool).execute().await?;
                }
                let outcome = drop_after(polls, async { $call }).await;
                if outcome.is_none() {
                    dropped += 1;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                let place = format!("dropped at poll {polls}, there: {there}, pause: {pause}");

                // Written through the same pool, it is there for everybody at once.
                let witness = format!("INSERT INTO witness VALUES ({n})");
                sqlx::query(sqlx::AssertSqlSafe(witness))
                    .execute(&$pool)
                    .await?;
                let seen: i64 = $db
                    .one(&format!("SELECT COUNT(*) FROM witness WHERE n = {n}"))
                    .await?;
                assert_eq!(seen, 1, "{place}: a transaction was left open");

                let stored: Vec<Tag> = $db
                    .all(&format!("SELECT * FROM tags WHERE name = '{}'", $row.name))
                    .await?;
                let (before, color) = if there { (10, "blue") } else { (0, "red") };
                let count = match &stored[..] {
                    [] => 0,
                    [tag] => {
                        assert_eq!(tag.color, color, "{place}");
                        tag.count
                    }
                    more => panic!("{place}: {more:?}"),
                };
                let added = if there { $added } else { 1 };
                assert!(
                    count == before || count == before + added,
                    "{place}: {stored:?}"
                );
                if let Some(outcome) = &outcome {
                    assert!(outcome.is_ok(), "{place}: {outcome:?}");
                    assert_eq!(count, before + added, "{place}: the call has finished");
                }

                // A commit that was on its way may have come only now.
                let again = $row.upsert(&$pool).await?.count;
                let late = before + added + 1;
                assert!(again == count + 1 || again == late, "{place}: {again}");
                if outcome.is_some() {
                    break;
                }
            }
        }
        assert!(dropped > 0, "no call was dropped");
    }};
}

dialect_tests! {
    async fn upsert(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 1, |row, pool| row.upsert(&pool).await);
        Ok(())
    }

    async fn with_action(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 1, |row, pool| row.upsert(&pool).with_action().await);
        Ok(())
    }

    async fn execute(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 1, |row, pool| row.upsert(&pool).execute().await);
        Ok(())
    }

    async fn insert_if_absent(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 0, |row, pool| row.insert_if_absent(&pool).await);
        Ok(())
    }

    async fn insert_if_absent_returning(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 0, |row, pool| row.insert_if_absent(&pool).returning().await);
        Ok(())
    }

    async fn get_or_insert(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 0, |row, pool| row.get_or_insert(&pool).await);
        Ok(())
    }

    /// The connection belongs to the caller, who gives it back to the pool.
    async fn on_a_connection_of_a_pool(db: Db) -> Result<()> {
        drop_everywhere!(db, adds 1, |row, pool| {
            let mut conn = pool.acquire().await.expect("a connection");
            row.upsert(&mut conn).with_action().await
        });
        Ok(())
    }

    /// The transaction belongs to the caller, who takes it back. (On MySQL and MariaDB sqlx itself waits for ever then: it asks
    /// again before it has read the answer to what was dropped.)
    #[on(postgres, sqlite)]
    async fn in_a_transaction_of_the_callers(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let pool = db.pool_of(1);
        let mut dropped = 0;
        for polls in POLLS {
            let row = tag("in a transaction");
            let mut tx = pool.begin().await?;
            row.upsert(&mut tx).execute().await?;
            let outcome =
                drop_after(polls, async { row.upsert(&mut tx).with_action().await }).await;
            dropped += usize::from(outcome.is_none());
            tx.rollback().await?;
            assert_eq!(db.count("tags").await?, 0, "dropped at poll {polls}");
            row.upsert(&pool).await?;
            assert_eq!(db.count("tags").await?, 1, "dropped at poll {polls}");
            db.run(r#"DELETE FROM "tags""#).await?;
        }
        assert!(dropped > 0, "no call was dropped");
        Ok(())
    }

    /// The same, when the transaction is not taken back in so many words.
    #[on(postgres, sqlite)]
    async fn together_with_a_transaction_of_the_callers(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let pool = db.pool_of(1);
        let mut dropped = 0;
        for polls in POLLS {
            let row = tag("in a transaction");
            let mut tx = pool.begin().await?;
            let outcome =
                drop_after(polls, async { row.upsert(&mut tx).with_action().await }).await;
            dropped += usize::from(outcome.is_none());
            drop(tx);
            row.upsert(&pool).await?;
            assert_eq!(db.count("tags").await?, 1, "dropped at poll {polls}");
            db.run(r#"DELETE FROM "tags""#).await?;
        }
        assert!(dropped > 0, "no call was dropped");
        Ok(())
    }

    /// A connection that stands alone, and is used again at once. (On MySQL and MariaDB it may be left inside a transaction, and
    /// has to be closed; a connection of a pool is, by us.)
    #[on(postgres, sqlite)]
    async fn on_a_connection_alone(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let mut conn = db.connect().await?;
        let mut dropped = 0;
        for (number, polls) in (1..).zip(POLLS) {
            let row = tag("alone");
            let outcome =
                drop_after(polls, async { row.upsert(&mut conn).with_action().await }).await;
            dropped += usize::from(outcome.is_none());
            let witness = format!("INSERT INTO witness VALUES ({number})");
            sqlx::query(sqlx::AssertSqlSafe(witness))
                .execute(&mut conn)
                .await?;
            assert_eq!(
                db.count("witness").await?,
                number,
                "dropped at poll {polls}: a transaction was left open"
            );
            row.upsert(&mut conn).await?;
        }
        assert!(dropped > 0, "no call was dropped");
        Ok(())
    }
}
