//! The database decides, in one statement, whether a row is new.

use anyhow::Result;
use std::sync::Arc;
use tokio::sync::Barrier;
use upsert::Upsert;

use crate::harness::dialect_tests;

const TAGS: &str = r#"CREATE TABLE "tags" ("name" {text} PRIMARY KEY, "count" BIGINT NOT NULL CHECK ("count" < 100))"#;

#[derive(Debug, Clone, PartialEq, Upsert, sqlx::FromRow)]
#[upsert(conflict = "name", accumulate = "count")]
struct Tag {
    name: String,
    count: i64,
}

fn tag(count: i64) -> Tag {
    Tag {
        name: "rust".to_owned(),
        count,
    }
}

dialect_tests! {
    /// Whoever comes second updates, and neither is refused.
    async fn two_connections_that_insert_the_same_row_both_count(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        for round in 1..=10 {
            let together = Arc::new(Barrier::new(2));
            let writers = [(); 2].map(|()| {
                let (pool, together) = (db.pool.clone(), together.clone());
                tokio::spawn(async move {
                    let mut conn = pool.acquire().await?;
                    together.wait().await;
                    anyhow::Ok(tag(1).upsert(&mut conn).await?.count)
                })
            });
            let mut counts = Vec::new();
            for writer in writers {
                counts.push(writer.await??);
            }
            counts.sort();
            assert_eq!(counts, [1, 2], "round {round}");
            db.run(r#"DELETE FROM "tags""#).await?;
        }
        Ok(())
    }

    async fn what_fails_leaves_nothing_behind(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        assert!(tag(100).upsert(&db.pool).await.is_err());
        assert_eq!(db.count("tags").await?, 0);
        tag(60).upsert(&db.pool).await?;
        assert!(tag(60).upsert(&db.pool).await.is_err());
        assert!(tag(60).upsert(&db.pool).with_action().await.is_err());
        assert!(tag(60).upsert(&db.pool).execute().await.is_err());
        assert_eq!(db.all::<Tag>(r#"SELECT * FROM "tags""#).await?, [tag(60)]);
        Ok(())
    }

    async fn a_write_is_one_statement_of_the_upsert_kind(db: Db) -> Result<()> {
        let _ = db;
        for (name, sql) in Tag::sql::<DB>()
            .iter()
            .filter(|(name, _)| !name.starts_with("select"))
        {
            assert!(sql.starts_with("INSERT INTO "), "{name}: {sql}");
            assert!(!sql.contains(';'), "{name}: {sql}");
            for word in ["IGNORE", "REPLACE", "MERGE"] {
                assert!(!sql.contains(word), "{name}: {sql}");
            }
        }
        Ok(())
    }
}
