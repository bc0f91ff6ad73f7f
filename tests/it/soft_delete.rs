//! Soft delete: what happens when the row that absorbs is a deleted one.

use anyhow::Result;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::dialect_tests;

const NOTES: &str = r#"CREATE TABLE "notes" (
    "k" {text} PRIMARY KEY, "text" {text}, "n" BIGINT NOT NULL, "code" BIGINT UNIQUE, "deleted_at" BIGINT
)"#;

macro_rules! note {
    ($name:ident, $on_deleted:literal) => {
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = "notes", conflict = "k", accumulate = "n", soft_delete = "deleted_at", on_deleted = $on_deleted)]
        struct $name {
            k: String,
            text: String,
            n: i64,
            code: Option<i64>,
            deleted_at: Option<i64>,
        }

        impl $name {
            fn new(text: &str, n: i64, code: Option<i64>) -> Self {
                // What the field holds is not asked: the row that is written lives.
                Self { k: "a".to_owned(), text: text.to_owned(), n, code, deleted_at: Some(7) }
            }
        }
    };
}
note!(Revived, "revive");
note!(Kept, "keep");
note!(Refused, "error");

/// With guards beside it.
#[derive(Debug, Upsert)]
#[upsert(
    table = "notes",
    conflict = "k",
    soft_delete = "deleted_at",
    on_deleted = "error",
    skip_unchanged,
    update_where(new.n > old.n),
    returning = "n"
)]
struct GuardedRefused {
    k: String,
    n: i64,
    deleted_at: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "notes",
    conflict = "k",
    soft_delete = "deleted_at",
    on_deleted = "keep",
    newer = "n",
    returning = "n"
)]
struct NewerKept {
    k: String,
    n: i64,
    deleted_at: Option<i64>,
}

const DELETE: &str = r#"UPDATE "notes" SET "deleted_at" = 5"#;

dialect_tests! {
    async fn a_living_row_is_updated(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        for (action, n) in [(Action::Inserted, 1), (Action::Updated, 2)] {
            let upserted = Revived::new("one", 1, None).upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row.n, upserted.row.deleted_at, upserted.action), (n, None, action));
        }
        for n in [3, 4] {
            let upserted = Kept::new("one", 1, None).upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row.n, upserted.row.deleted_at, upserted.action), (n, None, Action::Updated));
        }
        for n in [5, 6] {
            let upserted = Refused::new("one", 1, None).upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row.n, upserted.row.deleted_at, upserted.action), (n, None, Action::Updated));
        }
        Ok(())
    }

    async fn a_deleted_row_is_revived(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        Revived::new("one", 1, None).upsert(&db.pool).await?;
        db.run(DELETE).await?;
        let upserted = Revived::new("two", 1, None).upsert(&db.pool).with_action().await?;
        assert_eq!((upserted.row.text.as_str(), upserted.row.n, upserted.row.deleted_at, upserted.action), ("two", 2, None, Action::Updated));
        db.run(DELETE).await?;
        assert_eq!(Revived::new("two", 1, None).upsert(&db.pool).execute().await?, 1);
        assert_eq!(db.one::<i64>(r#"SELECT COUNT(*) FROM "notes" WHERE "deleted_at" IS NULL"#).await?, 1);
        Ok(())
    }

    async fn a_deleted_row_is_kept(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        Kept::new("one", 1, None).upsert(&db.pool).await?;
        db.run(DELETE).await?;
        let upserted = Kept::new("two", 1, None).upsert(&db.pool).with_action().await?;
        assert_eq!((upserted.row.text.as_str(), upserted.row.n, upserted.row.deleted_at, upserted.action), ("one", 1, Some(5), Action::Unchanged));
        assert_eq!(Kept::new("two", 1, None).upsert(&db.pool).execute().await?, 0);
        assert_eq!(Kept::new("two", 1, None).upsert(&db.pool).await?.text, "one");
        // A guard that would hold does not wake it.
        let newer = NewerKept { k: "a".to_owned(), n: 100, deleted_at: None };
        assert_eq!(newer.upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        Ok(())
    }

    async fn a_deleted_row_is_refused(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        let note = Refused::new("one", 1, None);
        note.upsert(&db.pool).await?;
        db.run(DELETE).await?;
        for error in [
            note.upsert(&db.pool).await.map(drop),
            note.upsert(&db.pool).with_action().await.map(drop),
            note.upsert(&db.pool).execute().await.map(drop),
        ] {
            let error = error.expect_err("the row is deleted");
            assert_eq!(error.kind(), ErrorKind::Deleted, "{error}");
            assert!(error.to_string().contains("deleted"), "{error}");
            assert!(!error.is_retryable());
        }
        assert_eq!(db.one::<i64>(r#"SELECT "n" FROM "notes""#).await?, 1);
        // These touch no row that is there, deleted or not.
        assert!(!note.insert_if_absent(&db.pool).await?);
        let found = note.get_or_insert(&db.pool).await?;
        assert_eq!((found.row.deleted_at, found.action), (Some(5), Action::Unchanged));
        Ok(())
    }

    /// A deleted row is refused also where a guard would have left it alone.
    async fn a_deleted_row_is_refused_before_guards_are_asked(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        let row = |n| GuardedRefused { k: "a".to_owned(), n, deleted_at: None };
        assert_eq!(row(1).upsert(&db.pool).await?, 1);
        assert_eq!(row(1).upsert(&db.pool).execute().await?, 0);
        assert_eq!(row(3).upsert(&db.pool).execute().await?, 1);
        db.run(DELETE).await?;
        for n in [1, 3, 5] {
            let error = row(n).upsert(&db.pool).await.expect_err("the row is deleted");
            assert_eq!(error.kind(), ErrorKind::Deleted, "{n}: {error}");
            let error = row(n).upsert(&db.pool).execute().await.expect_err("the row is deleted");
            assert_eq!(error.kind(), ErrorKind::Deleted, "{n}: {error}");
        }
        Ok(())
    }

    /// The databases refuse a deleted row by errors that others have too.
    async fn other_errors_stay_what_they_are(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        db.run(&format!(r#"INSERT INTO "notes" VALUES ('a', 'one', {}, NULL, NULL), ('b', 'two', 1, 5, 9)"#, i64::MAX)).await?;
        let error = Refused::new("sum", 1, None).upsert(&db.pool).await.expect_err("the sum overflows");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        let error = Refused::new("sum", 1, None).upsert(&db.pool).execute().await.expect_err("the sum overflows");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        let taken = Refused { k: "c".to_owned(), ..Refused::new("code", 1, Some(5)) };
        let error = taken.upsert(&db.pool).await.expect_err("the code is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
        let taken = Refused { n: 0, ..Refused::new("code", 0, Some(5)) };
        let error = taken.upsert(&db.pool).await.expect_err("the code is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
        Ok(())
    }

    /// The transaction that the refused call was part of.
    async fn inside_a_transaction(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        Refused::new("one", 1, None).upsert(&db.pool).await?;
        db.run(DELETE).await?;
        let mut tx = db.pool.begin().await?;
        let error = Refused::new("two", 1, None).upsert(&mut tx).await.expect_err("the row is deleted");
        assert_eq!(error.kind(), ErrorKind::Deleted, "{error}");
        tx.rollback().await?;
        assert_eq!(Refused { k: "b".to_owned(), ..Refused::new("two", 1, None) }.upsert(&db.pool).await?.text, "two");
        Ok(())
    }
}
