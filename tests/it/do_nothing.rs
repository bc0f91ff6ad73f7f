//! `insert_if_absent`: a row that is there is left as it is.

use anyhow::Result;
use upsert::Upsert;

use crate::harness::dialect_tests;

const USERS: &str = r#"CREATE TABLE "users" (
    "id" {id},
    "email" {text} NOT NULL UNIQUE,
    "name" {text} NOT NULL,
    "plan" {text} NOT NULL DEFAULT 'free'
)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "email", generated = "id, plan")]
struct User {
    id: i64,
    email: String,
    name: String,
    plan: String,
}

fn user(email: &str, name: &str) -> User {
    User {
        id: 0,
        email: email.to_owned(),
        name: name.to_owned(),
        plan: String::new(),
    }
}

dialect_tests! {
    async fn tells_whether_the_row_was_inserted(db: Db) -> Result<()> {
        db.run(USERS).await?;
        assert!(user("ada", "Ada").insert_if_absent(&db.pool).await?);
        assert!(!user("ada", "Somebody").insert_if_absent(&db.pool).await?);
        assert!(user("bob", "Bob").insert_if_absent(&db.pool).await?);
        let names: Vec<(String,)> = db
            .all(r#"SELECT "name" FROM "users" ORDER BY "email""#)
            .await?;
        assert_eq!(names, [("Ada".to_owned(),), ("Bob".to_owned(),)]);
        Ok(())
    }

    async fn hands_back_the_row_that_it_inserted(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = user("ada", "Ada")
            .insert_if_absent(&db.pool)
            .returning()
            .await?
            .expect("it was inserted");
        assert_eq!(row.id, db.one::<i64>(r#"SELECT "id" FROM "users""#).await?);
        assert_eq!((&*row.name, &*row.plan), ("Ada", "free"));
        Ok(())
    }

    async fn hands_back_no_row_that_it_skipped(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("ada", "Ada").upsert(&db.pool).await?;
        assert_eq!(
            user("ada", "Somebody")
                .insert_if_absent(&db.pool)
                .returning()
                .await?,
            None
        );
        Ok(())
    }

    /// The builder of `upsert` leads to the same call.
    async fn is_also_a_step_of_the_builder(db: Db) -> Result<()> {
        db.run(USERS).await?;
        assert!(
            user("ada", "Ada")
                .upsert(&db.pool)
                .insert_if_absent()
                .await?
        );
        assert_eq!(
            user("ada", "Ada")
                .upsert(&db.pool)
                .insert_if_absent()
                .returning()
                .await?,
            None
        );
        Ok(())
    }

    async fn sees_the_rows_of_its_own_transaction(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let mut tx = db.pool.begin().await?;
        assert!(user("ada", "Ada").insert_if_absent(&mut tx).await?);
        assert!(!user("ada", "Ada").insert_if_absent(&mut tx).await?);
        tx.rollback().await?;
        assert!(user("ada", "Ada").insert_if_absent(&db.pool).await?);
        Ok(())
    }

    /// Two at once: one inserts, the other finds the row.
    async fn inserts_once_for_two_connections(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("warm", "up").insert_if_absent(&db.pool).await?;
        for round in 0..10 {
            let email = format!("user {round}");
            let row = user(&email, "Ada");
            let (one, two) = tokio::join!(
                row.insert_if_absent(&db.pool),
                row.insert_if_absent(&db.pool)
            );
            assert!(one? ^ two?, "round {round}");
        }
        assert_eq!(db.count("users").await?, 11);
        Ok(())
    }
}
