//! Batches at the same time lose nothing, and no deadlock reaches their callers.

use anyhow::Result;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use upsert::{ErrorKind, Upsert};

use crate::harness::dialect_tests;

const COUNTERS: &str =
    r#"CREATE TABLE "counters" ("name" {text} PRIMARY KEY, "n" BIGINT NOT NULL, "other" BIGINT)"#;

const TASKS: u64 = 8;
const TIME: Duration = Duration::from_millis(2_500);
const KEYS: u64 = 120;
const ROWS: u64 = 60;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "counters", conflict = "name", accumulate = "n")]
struct Counter {
    name: String,
    n: i64,
    #[upsert(insert_only)]
    other: Option<i64>,
}

/// Numbers that look random, and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn batch(&mut self) -> Vec<Counter> {
        let row = |_| Counter {
            name: format!("Key {}", self.below(KEYS)),
            n: 1,
            other: None,
        };
        (0..ROWS).map(row).collect()
    }
}

/// Batches from all tasks for some time; the sums are those of what was sent.
macro_rules! together {
    ($db:ident, $options:expr, |$rows:ident, $conn:ident, $turn:ident| $call:expr) => {{
        $db.run(COUNTERS).await?;
        let mut tasks = JoinSet::new();
        for task in 1..=TASKS {
            let options = $options;
            let mut $conn = sqlx::ConnectOptions::connect(&options).await?;
            tasks.spawn(async move {
                let mut dice = Dice(task * 0x9e37_79b9);
                let mut sent = BTreeMap::<String, i64>::new();
                let start = Instant::now();
                let mut $turn = task;
                while start.elapsed() < TIME {
                    $turn += 1;
                    let $rows = dice.batch();
                    let added: bool = $call?;
                    for row in $rows.iter().filter(|_| added) {
                        *sent.entry(row.name.clone()).or_default() += 1;
                    }
                }
                anyhow::Ok(sent)
            });
        }
        let mut sent = BTreeMap::new();
        for done in tasks.join_all().await {
            for (name, n) in done? {
                *sent.entry(name).or_default() += n;
            }
        }
        let stored: Vec<(String, i64)> = $db
            .all(r#"SELECT "name", "n" FROM "counters" WHERE "n" <> 0"#)
            .await?;
        assert_eq!(stored.into_iter().collect::<BTreeMap<_, _>>(), sent);
    }};
}

dialect_tests! {
    async fn sums_are_exact(db: Db) -> Result<()> {
        together!(db, db.options(), |rows, conn, turn| {
            match turn % 4 {
                0 => Counter::upsert_all(&rows, &mut conn).returning().await.map(|rows| rows.len()),
                1 => Counter::upsert_all(&rows, &mut conn).chunk_rows(7).await.map(|_| 1),
                2 => Counter::upsert_all(&rows, &mut conn).find_culprit().await.map(|_| 1),
                _ => Counter::upsert_all(&rows, &mut conn).await.map(|_| 1),
            }
            .map(|_| true)
        });
        Ok(())
    }

    /// In their given orders batches do run into each other, and are tried again.
    #[on(sqlite, mysql)]
    async fn unsorted(db: Db) -> Result<()> {
        together!(db, db.options(), |rows, conn, turn| {
            let call = Counter::upsert_all(&rows, &mut conn).keep_order().chunk_rows(10).retries(1_000);
            if turn % 2 == 0 { call.find_culprit().await } else { call.await }.map(|_| true)
        });
        Ok(())
    }

    /// PostgreSQL would look for a deadlock only after a second.
    #[on(postgres)]
    async fn unsorted_with_a_quick_look(db: Db) -> Result<()> {
        let options = db.options().options([("deadlock_timeout", "5ms")]);
        together!(db, options.clone(), |rows, conn, turn| {
            let call = Counter::upsert_all(&rows, &mut conn).keep_order().chunk_rows(10).retries(1_000);
            if turn % 2 == 0 { call.find_culprit().await } else { call.await }.map(|_| true)
        });
        Ok(())
    }

    async fn with_actions(db: Db) -> Result<()> {
        together!(db, db.options(), |rows, conn, turn| {
            match turn % 3 {
                0 => Counter::upsert_all(&rows, &mut conn).with_actions().await.map(|_| true),
                1 => Counter::upsert_all(&rows, &mut conn).await.map(|_| true),
                _ => {
                    let nothing: Vec<_> = rows.iter().map(|row| Counter { n: 0, ..row.clone() }).collect();
                    Counter::insert_all_if_absent(&nothing, &mut conn).returning().await.map(|_| false)
                }
            }
        });
        Ok(())
    }

    #[on(postgres)]
    async fn serializable(db: Db) -> Result<()> {
        let options = db.options().options([("default_transaction_isolation", "serializable")]);
        together!(db, options.clone(), |rows, conn, turn| {
            Counter::upsert_all(&rows, &mut conn).retries(1_000).await.map(|_| turn > 0)
        });
        Ok(())
    }

    /// Whoever has a transaction open is told, knows what else there is to be done again, and can roll back. MySQL and MariaDB have
    /// ended the transaction by then.
    #[on(postgres, mysql)]
    async fn a_deadlock_in_a_transaction_of_the_callers(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let row = |name: &str| Counter { name: name.to_owned(), n: 1, other: None };
        Counter::upsert_all(&[row("a"), row("b")], &db.pool).await?;
        for find in [false, true] {
            let pool = db.pool_of(2);
            let (mut one, mut two) = (pool.begin().await?, pool.begin().await?);
            Counter::upsert_all(&[row("a"), row("0")], &mut one).await?;
            Counter::upsert_all(&[row("b"), row("c")], &mut two).await?;
            let waits = tokio::spawn(async move {
                let rows = [row("b"), row("1")];
                let call = Counter::upsert_all(&rows, &mut one);
                let outcome = if find { call.find_culprit().await } else { call.await };
                (outcome, one.rollback().await)
            });
            let rows = [row("a"), row("d")];
            let call = Counter::upsert_all(&rows, &mut two);
            let outcome = if find { call.find_culprit().await } else { call.await };
            let (one, one_rolled_back) = {
                two.rollback().await?;
                waits.await?
            };
            one_rolled_back?;
            let failed: Vec<_> = [outcome, one].into_iter().filter_map(Result::err).collect();
            let [error] = &failed[..] else { panic!("{failed:?}") };
            assert_eq!((error.kind(), error.is_retryable(), error.row()), (ErrorKind::Deadlock, true, None));
            assert_eq!(db.count("counters").await?, 2, "both took back what they had written");
            assert_eq!(Counter::upsert_all(&[row("a"), row("b")], &pool).await?, 2, "the pool is usable");
        }
        Ok(())
    }

    /// Another writer is there: the call waits for it, or gives up, as it is told.
    #[on(sqlite)]
    async fn another_writer(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let options = db.options().busy_timeout(Duration::from_millis(20));
        let pool = sqlx::SqlitePool::connect_lazy_with(options);
        let rows = ["a", "b"].map(|name| Counter { name: name.to_owned(), n: 1, other: None });
        let writer = db.pool.begin_with("BEGIN IMMEDIATE").await?;
        let error = Counter::upsert_all(&rows, &pool).retries(0).await.expect_err("somebody writes");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::LockTimeout, true));
        let waits = tokio::spawn(async move { Counter::upsert_all(&rows, &pool).retries(100).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waits.is_finished());
        writer.rollback().await?;
        assert_eq!(waits.await??, 2);
        Ok(())
    }
}
