//! PostgreSQL behind PgBouncer in transaction mode: each transaction may get another session, and so does each statement
//! outside of one.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

const COUNTERS: &str = "CREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL)";

/// As the pooler has them, at most.
const SESSIONS: usize = 3;

const CLIENTS: i64 = 8;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "counters", conflict = "name", accumulate = "n")]
#[upsert(name = "raise", greatest = "n", skip_unchanged)]
struct Counter {
    name: String,
    n: i64,
}

fn counter(n: i64) -> Counter {
    Counter {
        name: "visits".to_owned(),
        n,
    }
}

async fn session(conn: &mut PgConnection) -> Result<i32> {
    let pids: Vec<i32> = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_all(conn)
        .await?;
    Ok(pids[0])
}

dialect_tests! {
    /// Or the other tests would prove nothing.
    #[on(pgbouncer)]
    async fn clients_share_sessions_and_change_them(db: Db) -> Result<()> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(db.connect().await?);
        }
        let mut sessions = BTreeSet::new();
        for client in &mut clients {
            sessions.insert(session(client).await?);
        }
        assert!(sessions.len() <= SESSIONS, "{sessions:?}");
        // While another client is within a transaction, its session is out of reach.
        let (first, others) = clients.split_at_mut(1);
        let before = session(&mut first[0]).await?;
        let mut tx = others[0].begin().await?;
        let held = session(&mut tx).await?;
        let after = session(&mut first[0]).await?;
        tx.rollback().await?;
        assert_eq!(before, held);
        assert_ne!(after, before);
        Ok(())
    }

    /// Statements are prepared in one session and run in another.
    #[on(pgbouncer)]
    async fn sums_are_exact(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..CLIENTS {
            let mut conn = db.connect().await?;
            tasks.spawn(async move {
                for _ in 0..10 {
                    counter(1).upsert(&mut conn).await?;
                    counter(1).upsert(&mut conn).execute().await?;
                    let told = counter(1).upsert(&mut conn).with_action().await?;
                    assert_ne!(told.action, Action::Unchanged);
                    assert!(!counter(1).insert_if_absent(&mut conn).await?);
                    let found = counter(1).get_or_insert(&mut conn).await?;
                    assert_eq!(found.action, Action::Unchanged);
                    let told = counter(0).raise(&mut conn).with_action().await?;
                    assert_eq!(told.action, Action::Unchanged);
                    let mut tx = conn.begin().await?;
                    counter(1).upsert(&mut tx).await?;
                    counter(1).upsert(&mut tx).await?;
                    tx.commit().await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        assert_eq!(db.one::<i64>("SELECT n FROM counters").await?, CLIENTS * 10 * 5);
        Ok(())
    }
}
