//! `Inserted`, `Updated` and `Unchanged` mean the same on every database, and so do row counts.

use anyhow::Result;
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

const TAGS: &str = r#"CREATE TABLE "tags" ("name" {text} PRIMARY KEY, "color" {text} NOT NULL)"#;

#[derive(Debug, Upsert)]
#[upsert(conflict = "name")]
struct Tag {
    name: String,
    color: String,
}

fn tag(name: &str, color: &str) -> Tag {
    Tag {
        name: name.to_owned(),
        color: color.to_owned(),
    }
}

dialect_tests! {
    async fn of_an_upsert(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        for (name, color, expected) in [
            ("rust", "orange", Action::Inserted),
            ("rust", "brown", Action::Updated),
            // The update was applied, and wrote equal values.
            ("rust", "brown", Action::Updated),
            ("sql", "blue", Action::Inserted),
            ("rust", "red", Action::Updated),
        ] {
            let action = tag(name, color)
                .upsert(&db.pool)
                .with_action()
                .await?
                .action;
            assert_eq!(action, expected, "{name} {color}");
        }
        Ok(())
    }

    async fn of_what_leaves_a_row_alone(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        assert_eq!(
            tag("rust", "orange").get_or_insert(&db.pool).await?.action,
            Action::Inserted
        );
        assert_eq!(
            tag("rust", "orange").get_or_insert(&db.pool).await?.action,
            Action::Unchanged
        );
        assert!(tag("sql", "blue").insert_if_absent(&db.pool).await?);
        assert!(!tag("sql", "blue").insert_if_absent(&db.pool).await?);
        assert!(
            tag("wasm", "purple")
                .insert_if_absent(&db.pool)
                .returning()
                .await?
                .is_some()
        );
        assert!(
            tag("wasm", "purple")
                .insert_if_absent(&db.pool)
                .returning()
                .await?
                .is_none()
        );
        Ok(())
    }

    /// One for an insert, an update and an equal update; MySQL itself would say 1, 2 and 1.
    async fn of_a_row_count(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        for color in ["orange", "brown", "brown"] {
            assert_eq!(tag("rust", color).upsert(&db.pool).execute().await?, 1);
        }
        Ok(())
    }

    async fn of_a_row_that_was_deleted_before(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let mut tx = db.pool.begin().await?;
        for expected in [Action::Inserted, Action::Updated] {
            assert_eq!(
                tag("rust", "orange")
                    .upsert(&mut tx)
                    .with_action()
                    .await?
                    .action,
                expected
            );
        }
        sqlx::raw_sql("DELETE FROM tags").execute(&mut *tx).await?;
        for expected in [Action::Inserted, Action::Updated] {
            assert_eq!(
                tag("rust", "orange")
                    .upsert(&mut tx)
                    .with_action()
                    .await?
                    .action,
                expected
            );
        }
        tx.rollback().await?;
        assert_eq!(
            tag("rust", "orange")
                .upsert(&db.pool)
                .with_action()
                .await?
                .action,
            Action::Inserted
        );
        Ok(())
    }
}
