//! Real connections at the same time lose nothing.

use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use upsert::{Action, Error, ErrorKind, Upsert};

use crate::harness::dialect_tests;

const COUNTERS: &str = r#"CREATE TABLE "counters" ("name" {text} PRIMARY KEY, "n" BIGINT NOT NULL, "hits" BIGINT NOT NULL)"#;

const TASKS: i64 = 4;
const CALLS: i64 = 20;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "counters", conflict = "name", accumulate = "n")]
struct Counter {
    name: String,
    n: i64,
    #[upsert(update = old.hits + 1)]
    hits: i64,
}

fn counter(name: &str, n: i64) -> Counter {
    Counter {
        name: name.to_owned(),
        n,
        hits: 1,
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "seats", conflict = "guest")]
struct Seat {
    guest: i64,
    number: i64,
}

/// Calls again as long as the error says that it may help: what users are told to do.
macro_rules! retry {
    ($call:expr) => {{
        let mut tries = 0;
        loop {
            match $call.await {
                Err(error) if Error::is_retryable(&error) && tries < 50 => tries += 1,
                outcome => break outcome,
            }
        }
    }};
}

dialect_tests! {
    async fn sums_are_exact(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let together = Arc::new(Barrier::new(TASKS as usize));
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (mut conn, together) = (db.connect().await?, together.clone());
            tasks.spawn(async move {
                together.wait().await;
                let mut seen = Vec::new();
                for n in 1..=CALLS {
                    seen.push(retry!(counter("a", n).upsert(&mut conn).with_action())?);
                }
                anyhow::Ok(seen)
            });
        }
        let mut all = Vec::new();
        for seen in tasks.join_all().await {
            let seen = seen?;
            assert!(
                seen.is_sorted_by_key(|upserted| upserted.row.hits),
                "a task saw the counter fall"
            );
            all.extend(seen);
        }
        let inserted = all
            .iter()
            .filter(|upserted| upserted.action == Action::Inserted);
        assert_eq!(inserted.count(), 1);
        // Each call saw the row as its own update left it: all hits are different.
        let mut hits: Vec<_> = all.iter().map(|upserted| upserted.row.hits).collect();
        hits.sort();
        assert_eq!(hits, Vec::from_iter(1..=TASKS * CALLS));
        let stored: Vec<(i64, i64)> = db.all(r#"SELECT "n", "hits" FROM "counters""#).await?;
        assert_eq!(stored, [(TASKS * CALLS * (CALLS + 1) / 2, TASKS * CALLS)]);
        Ok(())
    }

    async fn sums_are_exact_through_a_pool(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let pool = db.pool.clone();
            tasks.spawn(async move {
                for call in 0..CALLS {
                    let row = counter(&format!("key {}", (task + call) % 3), 1);
                    match call % 3 {
                        0 => retry!(row.upsert(&pool).execute()).map(drop)?,
                        1 => retry!(row.upsert(&pool)).map(drop)?,
                        _ => retry!(row.upsert(&pool).with_action()).map(drop)?,
                    }
                }
                anyhow::Ok(())
            });
        }
        tasks.join_all().await.into_iter().collect::<Result<()>>()?;
        let sum: i64 = db
            .one(r#"SELECT CAST(SUM("n") AS {sum}) FROM "counters""#)
            .await?;
        assert_eq!(sum, TASKS * CALLS);
        assert_eq!(db.count("counters").await?, 3);
        Ok(())
    }

    /// Two keys in each transaction, in the same order everywhere: nobody waits for ever, and nothing is lost.
    async fn sums_are_exact_in_transactions(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a", 0).upsert(&db.pool).await?;
        counter("b", 0).upsert(&db.pool).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let pool = db.pool.clone();
            tasks.spawn(async move {
                let mut done = 0;
                while done < CALLS / 2 {
                    let mut tx = pool.begin().await?;
                    let outcome = async {
                        counter("a", 1).upsert(&mut tx).await?;
                        counter("b", 10).upsert(&mut tx).with_action().await
                    };
                    match outcome.await {
                        Ok(_) => {
                            // On SQLite a commit may have to wait for readers, and may be tried again.
                            tx.commit().await?;
                            done += 1;
                        }
                        Err(error) if error.is_retryable() => tx.rollback().await?,
                        Err(error) => return Err(error.into()),
                    }
                }
                anyhow::Ok(())
            });
        }
        tasks.join_all().await.into_iter().collect::<Result<()>>()?;
        let stored: BTreeMap<String, i64> = db
            .all(r#"SELECT "name", "n" FROM "counters""#)
            .await?
            .into_iter()
            .collect();
        let times = TASKS * (CALLS / 2);
        assert_eq!(
            stored,
            BTreeMap::from([("a".to_owned(), times), ("b".to_owned(), 10 * times)])
        );
        Ok(())
    }

    /// Rows vanish and come back all the time; no call is left without an answer.
    async fn rows_that_others_delete(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let deleter = tokio::spawn({
            let (pool, stop) = (db.pool_of(1), stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    // It may lose a deadlock, or find the database busy; the next round comes.
                    let _ = sqlx::query("DELETE FROM counters").execute(&pool).await;
                }
            }
        });
        let mut tasks = JoinSet::new();
        for task in 0..2 {
            let pool = db.pool.clone();
            tasks.spawn(async move {
                for n in 1..=CALLS {
                    let row = counter("a", n);
                    match (n + task) % 3 {
                        0 => assert!(retry!(row.upsert(&pool))?.n >= n),
                        1 => {
                            let upserted = retry!(row.upsert(&pool).with_action())?;
                            let (inserted, hits) =
                                (upserted.action.is_inserted(), upserted.row.hits);
                            assert_eq!(inserted, hits == 1, "{upserted:?}");
                        }
                        _ => assert_eq!(retry!(row.get_or_insert(&pool))?.row.name, "a"),
                    }
                }
                anyhow::Ok(())
            });
        }
        let outcome: Result<()> = tasks.join_all().await.into_iter().collect();
        stop.store(true, Ordering::Relaxed);
        deleter.await?;
        outcome
    }

    /// Everybody wants the one seat: one gets it, all others are told.
    async fn another_unique_key_is_given_once(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "seats" ("guest" BIGINT PRIMARY KEY, "number" BIGINT NOT NULL UNIQUE)"#,
        )
        .await?;
        for number in 0..5 {
            let together = Arc::new(Barrier::new(TASKS as usize));
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let (pool, together) = (db.pool.clone(), together.clone());
                tasks.spawn(async move {
                    let seat = Seat {
                        guest: number * TASKS + task,
                        number,
                    };
                    together.wait().await;
                    retry!(seat.upsert(&pool))
                        .map(drop)
                        .map_err(|error| error.kind())
                });
            }
            let outcomes = tasks.join_all().await;
            let seated = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(seated, 1, "{outcomes:?}");
            let told = outcomes
                .iter()
                .filter(|outcome| **outcome == Err(ErrorKind::UniqueViolation))
                .count();
            assert_eq!(told, outcomes.len() - 1, "{outcomes:?}");
        }
        assert_eq!(db.count("seats").await?, 5);
        Ok(())
    }
}
