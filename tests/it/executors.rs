//! Where a call may run: a pool, a connection, a transaction, a task of its own.

use anyhow::Result;
use sqlx::{Connection, Pool};
use upsert::{Action, Dialect, ExecutorFor, Upsert, UpsertModel};

use crate::harness::dialect_tests;

const TAGS: &str = r#"CREATE TABLE "tags" ("name" {text} PRIMARY KEY, "count" BIGINT NOT NULL)"#;

const COUNT: &str = r#"SELECT "count" FROM "tags""#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "name", accumulate = "count")]
struct Tag {
    name: String,
    count: i64,
}

fn tag(name: &str) -> Tag {
    Tag {
        name: name.to_owned(),
        count: 1,
    }
}

/// A caller that knows no database.
async fn count<DB: Dialect>(name: &str, pool: &Pool<DB>) -> Result<i64, upsert::Error>
where
    Tag: UpsertModel<DB>,
{
    Ok(tag(name).upsert(pool).await?.count)
}

/// A caller that knows neither database nor executor.
async fn twice<'e, A, B>(row: &'e Tag, first: A, second: B) -> Result<Action, upsert::Error>
where
    A: ExecutorFor<Tag> + 'e,
    B: ExecutorFor<Tag> + 'e,
{
    row.upsert(first).execute().await?;
    Ok(row.upsert(second).with_action().await?.action)
}

dialect_tests! {
    async fn of_every_kind(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let row = tag("rust");
        assert_eq!(row.upsert(&db.pool).await?.count, 1);
        let mut pooled = db.pool.acquire().await?;
        assert_eq!(row.upsert(&mut pooled).await?.count, 2);
        assert_eq!(row.upsert(&mut *pooled).await?.count, 3);
        assert_eq!(row.upsert(pooled.as_mut()).await?.count, 4);
        drop(pooled);
        let mut conn: <DB as sqlx::Database>::Connection = db.connect().await?;
        assert_eq!(row.upsert(&mut conn).await?.count, 5);
        conn.close().await?;
        let mut tx = db.pool.begin().await?;
        assert_eq!(row.upsert(&mut tx).await?.count, 6);
        assert_eq!(row.upsert(&mut *tx).await?.count, 7);
        let mut savepoint = tx.begin().await?;
        assert_eq!(row.upsert(&mut savepoint).await?.count, 8);
        savepoint.commit().await?;
        tx.commit().await?;
        assert_eq!(db.one::<i64>(COUNT).await?, 8);
        Ok(())
    }

    async fn every_call_on_a_connection(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let mut conn = db.connect().await?;
        assert!(tag("a").insert_if_absent(&mut conn).await?);
        assert!(
            tag("b")
                .insert_if_absent(&mut conn)
                .returning()
                .await?
                .is_some()
        );
        assert_eq!(tag("a").upsert(&mut conn).await?.count, 2);
        assert_eq!(tag("a").upsert(&mut conn).with_action().await?.row.count, 3);
        assert_eq!(tag("a").upsert(&mut conn).execute().await?, 1);
        assert_eq!(tag("a").get_or_insert(&mut conn).await?.row.count, 4);
        assert_eq!(tag("c").get_or_insert(&mut conn).await?.row.count, 1);
        // All of it is committed.
        assert_eq!(
            db.one::<i64>(r#"SELECT CAST(SUM("count") AS {sum}) FROM "tags""#)
                .await?,
            6
        );
        Ok(())
    }

    async fn a_task_of_its_own(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let tasks = [
            tokio::spawn({
                let pool = db.pool.clone();
                async move { tag("a").upsert(&pool).await.map(|row| row.count) }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move {
                    tag("b")
                        .upsert(&pool)
                        .with_action()
                        .await
                        .map(|upserted| upserted.row.count)
                }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move {
                    tag("c")
                        .upsert(&pool)
                        .execute()
                        .await
                        .map(|rows| rows as i64)
                }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move { tag("d").insert_if_absent(&pool).await.map(i64::from) }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move {
                    tag("e")
                        .insert_if_absent(&pool)
                        .returning()
                        .await
                        .map(|row| row.map_or(0, |row| row.count))
                }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move {
                    tag("f")
                        .get_or_insert(&pool)
                        .await
                        .map(|upserted| upserted.row.count)
                }
            }),
            tokio::spawn({
                let pool = db.pool.clone();
                async move {
                    let mut tx = pool.begin().await.expect("a connection");
                    let count = tag("g").upsert(&mut tx).await.map(|row| row.count);
                    tx.commit().await.expect("a commit");
                    count
                }
            }),
        ];
        for task in tasks {
            assert_eq!(task.await??, 1);
        }
        assert_eq!(db.count("tags").await?, 7);
        Ok(())
    }

    async fn a_caller_that_is_generic(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        assert_eq!(count("rust", &db.pool).await?, 1);
        let mut conn = db.connect().await?;
        assert_eq!(
            twice(&tag("rust"), &db.pool, &mut conn).await?,
            Action::Updated
        );
        let mut tx = db.pool.begin().await?;
        assert_eq!(
            twice(&tag("sql"), &mut conn, &mut *tx).await?,
            Action::Updated
        );
        tx.commit().await?;
        assert_eq!(
            db.all::<(i64,)>(r#"SELECT "count" FROM "tags" ORDER BY "name""#)
                .await?,
            [(3,), (2,)]
        );
        Ok(())
    }

    /// Not by the calls that have a transaction of their own elsewhere, either.
    async fn a_callers_transaction_is_not_committed(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("there").upsert(&db.pool).await?;
        let mut tx = db.pool.begin().await?;
        tag("a").upsert(&mut tx).await?;
        tag("b").upsert(&mut tx).with_action().await?;
        tag("c").upsert(&mut tx).execute().await?;
        tag("d").insert_if_absent(&mut tx).await?;
        tag("e").insert_if_absent(&mut tx).returning().await?;
        tag("f").get_or_insert(&mut tx).await?;
        tag("there").get_or_insert(&mut *tx).await?;
        tag("there").upsert(&mut *tx).with_action().await?;
        assert_eq!(
            db.all::<(i64,)>(COUNT).await?,
            [(1,)],
            "another connection sees it"
        );
        tx.rollback().await?;
        assert_eq!(
            db.all::<(i64,)>(COUNT).await?,
            [(1,)],
            "the rollback did not take it back"
        );
        Ok(())
    }

    /// The same with a transaction that is dropped.
    async fn a_callers_transaction_that_is_dropped_takes_all_back(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let pool = db.pool_of(1);
        let mut tx = pool.begin().await?;
        tag("a").upsert(&mut tx).await?;
        tag("b").upsert(&mut tx).with_action().await?;
        drop(tx);
        assert_eq!(
            tag("a").upsert(&pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(db.count("tags").await?, 1);
        Ok(())
    }

    /// After an error of ours, the connection is as good as before.
    async fn a_connection_survives_an_error(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let pool = db.pool_of(1);
        tag("a").upsert(&pool).await?;
        let too_much = Tag {
            count: i64::MAX,
            ..tag("a")
        };
        assert!(too_much.upsert(&pool).await.is_err());
        assert!(too_much.upsert(&pool).with_action().await.is_err());
        assert!(too_much.upsert(&pool).execute().await.is_err());
        assert_eq!(tag("a").upsert(&pool).await?.count, 2);
        assert_eq!(db.one::<i64>(COUNT).await?, 2, "it is committed");
        Ok(())
    }
}
