//! Key, `generated` and `insert_only` columns are never set, nor is a column that the struct does not have.

use anyhow::Result;
use upsert::Upsert;

use crate::harness::{Key, dialect_tests};

const ACCOUNTS: &str = r#"CREATE TABLE "accounts" (
    "id" {id},
    "email" {text} NOT NULL UNIQUE,
    "name" {text} NOT NULL,
    "invited_by" {text} NOT NULL,
    "notes" {text}
)"#;

#[derive(Debug, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "email",
    generated = "id",
    insert_only = "invited_by"
)]
struct Account {
    id: i64,
    email: String,
    name: String,
    invited_by: String,
}

fn ada(name: &str, invited_by: &str) -> Account {
    Account {
        id: 999,
        email: "ada".to_owned(),
        name: name.to_owned(),
        invited_by: invited_by.to_owned(),
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "touched", conflict = "name")]
struct Touched {
    name: String,
}

dialect_tests! {
    async fn by_an_update(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let first = ada("Ada", "charles").upsert(&db.pool).await?;
        db.run(r#"UPDATE "accounts" SET "notes" = 'likes numbers'"#)
            .await?;
        ada("Countess", "nobody").upsert(&db.pool).execute().await?;
        let second = ada("Countess", "nobody").upsert(&db.pool).await?;
        let third = ada("Lovelace", "nobody")
            .upsert(&db.pool)
            .with_action()
            .await?
            .row;
        assert_eq!((second.id, third.id), (first.id, first.id));
        assert_eq!(
            (&*second.invited_by, &*third.invited_by),
            ("charles", "charles")
        );
        let stored: Vec<(String, String, String, Option<String>)> = db
            .all(r#"SELECT "email", "name", "invited_by", "notes" FROM "accounts""#)
            .await?;
        assert_eq!(
            stored,
            [(
                "ada".to_owned(),
                "Lovelace".to_owned(),
                "charles".to_owned(),
                Some("likes numbers".to_owned())
            )]
        );
        Ok(())
    }

    async fn by_an_insert_that_finds_the_row(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        ada("Ada", "charles").upsert(&db.pool).await?;
        let other = ada("Countess", "nobody");
        assert!(!other.insert_if_absent(&db.pool).await?);
        assert!(
            other
                .insert_if_absent(&db.pool)
                .returning()
                .await?
                .is_none()
        );
        other.get_or_insert(&db.pool).await?;
        let stored: Vec<(String, String)> = db
            .all(r#"SELECT "name", "invited_by" FROM "accounts""#)
            .await?;
        assert_eq!(stored, [("Ada".to_owned(), "charles".to_owned())]);
        Ok(())
    }

    /// The key is equal, not the same; the stored spelling stays.
    #[on(sqlite, mysql)]
    async fn not_even_the_case_of_a_key(db: Db) -> Result<()> {
        let ci = if db.server.key == Key::Sqlite {
            "TEXT COLLATE NOCASE"
        } else {
            "VARCHAR(191) COLLATE utf8mb4_general_ci"
        };
        db.run(&ACCOUNTS.replace(r#""email" {text}"#, &format!(r#""email" {ci}"#)))
            .await?;
        ada("Ada", "charles").upsert(&db.pool).await?;
        let shouted = Account {
            email: "ADA".to_owned(),
            ..ada("Countess", "nobody")
        };
        let row = shouted.upsert(&db.pool).await?;
        assert_eq!((&*row.email, &*row.name), ("ada", "Countess"));
        assert!(!shouted.insert_if_absent(&db.pool).await?);
        assert_eq!(
            db.one::<String>(r#"SELECT "email" FROM "accounts""#)
                .await?,
            "ada"
        );
        Ok(())
    }

    /// Where there is nothing to set, a key column is set to itself, and the server does not take that for a change.
    #[on(mysql)]
    async fn not_even_a_column_that_follows_every_change(db: Db) -> Result<()> {
        db.run("CREATE TABLE touched (name VARCHAR(191) PRIMARY KEY, at DATETIME(6) NULL ON UPDATE CURRENT_TIMESTAMP(6))").await?;
        let touched = Touched {
            name: "rust".to_owned(),
        };
        assert!(touched.insert_if_absent(&db.pool).await?);
        assert!(!touched.insert_if_absent(&db.pool).await?);
        touched.upsert(&db.pool).await?;
        assert_eq!(db.one::<i64>("SELECT COUNT(at) FROM touched").await?, 0);
        Ok(())
    }
}
