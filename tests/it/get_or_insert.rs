//! `get_or_insert`: the row with this key, written only if there is none.

use anyhow::Result;
use std::time::Duration;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

const USERS: &str =
    r#"CREATE TABLE "users" ("id" {id}, "email" {text} NOT NULL UNIQUE, "name" {text} NOT NULL)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "email", generated = "id")]
struct User {
    id: i64,
    email: String,
    name: String,
}

fn user(email: &str, name: &str) -> User {
    User {
        id: 0,
        email: email.to_owned(),
        name: name.to_owned(),
    }
}

dialect_tests! {
    async fn inserts_what_is_not_there(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let got = user("ada", "Ada").get_or_insert(&db.pool).await?;
        assert_eq!(
            (got.row.name.as_str(), got.action),
            ("Ada", Action::Inserted)
        );
        assert_eq!(
            got.row.id,
            db.one::<i64>(r#"SELECT "id" FROM "users""#).await?
        );
        Ok(())
    }

    async fn gives_the_stored_row_and_not_the_proposed_one(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let first = user("ada", "Ada").get_or_insert(&db.pool).await?;
        let again = user("ada", "Somebody").get_or_insert(&db.pool).await?;
        assert_eq!(
            (again.row, again.action),
            (first.row.clone(), Action::Unchanged)
        );
        let builder = user("ada", "Somebody")
            .upsert(&db.pool)
            .get_or_insert()
            .await?;
        assert_eq!(builder.row, first.row);
        Ok(())
    }

    async fn burns_no_number_on_a_hit(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let first = user("ada", "Ada").get_or_insert(&db.pool).await?.row;
        for _ in 0..5 {
            user("ada", "Ada").get_or_insert(&db.pool).await?;
        }
        let next = user("bob", "Bob").get_or_insert(&db.pool).await?.row;
        assert_eq!(next.id, first.id + 1);
        Ok(())
    }

    /// Not a row version, not a lock, not an undo record.
    #[on(postgres)]
    async fn writes_nothing_on_a_hit(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("ada", "Ada").get_or_insert(&db.pool).await?;
        let version = "SELECT ctid::text || ' ' || xmin::text || ' ' || xmax::text FROM users";
        let before: String = db.one(version).await?;
        user("ada", "Somebody").get_or_insert(&db.pool).await?;
        assert_eq!(db.one::<String>(version).await?, before);
        let mut tx = db.pool.begin().await?;
        user("ada", "Somebody").get_or_insert(&mut tx).await?;
        let xid: Option<String> =
            sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned()::text")
                .fetch_all(&mut *tx)
                .await?
                .remove(0);
        assert_eq!(xid, None, "a transaction that wrote nothing has no number");
        Ok(())
    }

    /// Nobody who writes is waited for.
    async fn waits_for_no_lock_on_a_hit(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("ada", "Ada").get_or_insert(&db.pool).await?;
        let mut writer = db.pool.begin().await?;
        sqlx::raw_sql("UPDATE users SET name = 'in between'")
            .execute(&mut *writer)
            .await?;
        let got = tokio::time::timeout(
            Duration::from_secs(20),
            user("ada", "Somebody").get_or_insert(&db.pool),
        )
        .await??;
        assert_eq!(
            (got.row.name.as_str(), got.action),
            ("Ada", Action::Unchanged)
        );
        writer.rollback().await?;
        Ok(())
    }

    #[on(sqlite, mysql)]
    async fn fires_no_trigger_on_a_hit(db: Db) -> Result<()> {
        db.run(USERS).await?;
        db.run(r#"CREATE TABLE "log" ("event" {text})"#).await?;
        for (time, event) in [
            ("BEFORE", "INSERT"),
            ("BEFORE", "UPDATE"),
            ("AFTER", "UPDATE"),
        ] {
            let statement = format!("INSERT INTO log VALUES ('{event}')");
            let body = if db.server.key == Key::Sqlite {
                format!("BEGIN {statement}; END")
            } else {
                statement
            };
            db.run(&format!(
                "CREATE TRIGGER {time}_{event} {time} {event} ON users FOR EACH ROW {body}"
            ))
            .await?;
        }
        user("ada", "Ada").get_or_insert(&db.pool).await?;
        assert_eq!(db.count("log").await?, 1);
        user("ada", "Somebody").get_or_insert(&db.pool).await?;
        assert_eq!(db.count("log").await?, 1);
        Ok(())
    }

    /// The other transaction has inserted the row, and has not committed yet.
    async fn waits_for_another_transactions_insert(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("warm", "up").get_or_insert(&db.pool).await?;
        for (commits, expected) in [
            (true, ("Theirs", Action::Unchanged)),
            (false, ("Ours", Action::Inserted)),
        ] {
            let mut other = db.pool.begin().await?;
            user("ada", "Theirs").upsert(&mut other).await?;
            let pool = db.pool.clone();
            let waiting =
                tokio::spawn(async move { user("ada", "Ours").get_or_insert(&pool).await });
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!waiting.is_finished());
            if commits {
                other.commit().await?;
            } else {
                other.rollback().await?;
            }
            let got = waiting.await??;
            assert_eq!((got.row.name.as_str(), got.action), expected);
            db.run(r#"DELETE FROM "users""#).await?;
        }
        Ok(())
    }

    async fn gives_all_callers_the_same_row(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("warm", "up").get_or_insert(&db.pool).await?;
        for round in 0..5 {
            let callers = (0..8).map(|caller| {
                let (pool, email) = (db.pool.clone(), format!("user {round}"));
                tokio::spawn(async move {
                    user(&email, &format!("caller {caller}"))
                        .get_or_insert(&pool)
                        .await
                })
            });
            let mut rows = Vec::new();
            let mut inserted = 0;
            for caller in callers.collect::<Vec<_>>() {
                let got = caller.await??;
                inserted += usize::from(got.action.is_inserted());
                rows.push(got.row);
            }
            assert_eq!(inserted, 1);
            assert!(rows.iter().all(|row| *row == rows[0]), "{rows:?}");
        }
        Ok(())
    }

    /// Under REPEATABLE READ the transaction's snapshot lacks the row that its own insert collides with.
    #[on(mysql)]
    async fn finds_a_row_that_is_younger_than_the_snapshot(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let mut tx = db.pool.begin().await?;
        sqlx::query("SELECT * FROM users")
            .fetch_all(&mut *tx)
            .await?;
        let theirs = user("ada", "Theirs").upsert(&db.pool).await?;
        let got = user("ada", "Ours").get_or_insert(&mut tx).await?;
        assert_eq!((got.row, got.action), (theirs, Action::Unchanged));
        Ok(())
    }

    /// PostgreSQL does not let such a transaction see the row, nor insert beside it.
    #[on(postgres)]
    async fn says_when_the_row_is_younger_than_the_snapshot(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let mut tx = db
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await?;
        sqlx::query("SELECT * FROM users")
            .fetch_all(&mut *tx)
            .await?;
        user("ada", "Theirs").upsert(&db.pool).await?;
        let error = user("ada", "Ours")
            .get_or_insert(&mut tx)
            .await
            .expect_err("it is not visible");
        assert_eq!(error.kind(), ErrorKind::Serialization);
        assert!(error.is_retryable());
        Ok(())
    }
}
