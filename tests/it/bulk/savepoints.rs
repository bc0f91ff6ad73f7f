//! A batch in a transaction of the caller's rides along without a savepoint, unless one is asked for.

use anyhow::Result;
use futures_util::stream;
use upsert::{Patch, Upsert};

use crate::harness::{Key, dialect_tests};

const WORDS: &str = r#"CREATE TABLE "words" ("k" BIGINT PRIMARY KEY, "n" BIGINT)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k", accumulate = "n")]
struct Word {
    k: i64,
    n: i64,
}

/// One that goes row by row.
#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k", returning = "k")]
struct Patched {
    k: i64,
    n: Patch<i64>,
}

const CALLS: usize = 8;

dialect_tests! {
    /// MySQL and MariaDB count them. PostgreSQL gives what is written behind one a number of its own.
    #[on(postgres, mysql)]
    async fn are_sent_only_for_the_search(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let is_postgres = db.server.key == Key::Postgres;
        let savepoints = if is_postgres {
            "SELECT CAST(COUNT(*) AS TEXT), '' FROM words WHERE CAST(xmin AS TEXT) <> CAST(CAST(pg_current_xact_id() AS xid) AS TEXT)"
        } else {
            "SHOW SESSION STATUS LIKE 'Com_savepoint'"
        };
        let rows: Vec<_> = (0..7).map(|k| Word { k: k % 5, n: 1 }).collect();
        let patched: Vec<_> = (0..5).map(|k| Patched { k, n: Patch::Set(1) }).collect();
        for call in 0..=CALLS {
            let mut conn = db.connect().await?;
            let mut tx = sqlx::Connection::begin(&mut conn).await?;
            match call {
                0 => drop(Word::upsert_all(&rows, &mut tx).await?),
                1 => drop(Word::upsert_all(&rows, &mut tx).chunk_rows(2).await?),
                2 => drop(Word::upsert_all(&rows, &mut tx).chunk_rows(2).returning().await?),
                3 => drop(Word::upsert_all(&rows, &mut tx).with_actions().await?),
                4 => drop(Word::insert_all_if_absent(&rows, &mut tx).await?),
                5 => drop(Word::get_or_insert_all(&rows, &mut tx).await?),
                6 => drop(Word::upsert_stream(stream::iter(rows.clone()), &mut tx).chunk_rows(2).await?),
                7 => drop(Patched::upsert_all(&patched, &mut tx).await?),
                _ => drop(Word::upsert_all(&rows, &mut tx).find_culprit().await?),
            }
            let found: Vec<(String, String)> = sqlx::query_as(savepoints).fetch_all(&mut *tx).await?;
            let (one, two) = &found[0];
            let number = if is_postgres { one } else { two };
            assert_eq!(number != "0", call == CALLS, "call {call}: {found:?}");
            tx.rollback().await?;
        }
        Ok(())
    }
}
