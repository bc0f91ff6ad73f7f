//! What the database would refuse or silently bend is an error, and nothing is written.

use anyhow::Result;
use upsert::{ErrorKind, Upsert};

use crate::harness::dialect_tests;

const ITEMS: &str = r#"CREATE TABLE "items" (
    "sku" {text} PRIMARY KEY,
    "name" VARCHAR(5) NOT NULL CHECK ("name" <> 'bad'),
    "stock" BIGINT NOT NULL
)"#;

const STORED: &str = r#"SELECT "name", "stock" FROM "items""#;

#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "sku", accumulate = "stock")]
struct Item {
    sku: String,
    name: Option<String>,
    stock: i64,
}

/// A struct that leaves out a column which the table wants.
#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "sku")]
struct Unstocked {
    sku: String,
    name: String,
}

#[derive(Debug, Upsert)]
#[upsert(table = "children", conflict = "id")]
struct Child {
    id: i64,
    parent: i64,
}

fn item(name: &str, stock: i64) -> Item {
    Item {
        sku: "apple".to_owned(),
        name: Some(name.to_owned()),
        stock,
    }
}

/// The kinds of error of all calls that write.
macro_rules! kinds {
    ($row:expr, $db:expr) => {
        [
            $row.upsert(&$db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            $row.upsert(&$db.pool)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            $row.upsert(&$db.pool)
                .execute()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            $row.insert_if_absent(&$db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            $row.insert_if_absent(&$db.pool)
                .returning()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            $row.get_or_insert(&$db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ]
    };
}

dialect_tests! {
    async fn a_null_where_none_may_be(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let nameless = Item {
            name: None,
            ..item("", 1)
        };
        assert_eq!(kinds!(nameless, db), [Err(ErrorKind::NotNullViolation); 6]);
        let unstocked = Unstocked {
            sku: "apple".to_owned(),
            name: "Apple".to_owned(),
        };
        assert_eq!(kinds!(unstocked, db), [Err(ErrorKind::NotNullViolation); 6]);
        assert_eq!(db.count("items").await?, 0);
        Ok(())
    }

    async fn a_check_that_fails(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        assert_eq!(
            kinds!(item("bad", 1), db),
            [Err(ErrorKind::CheckViolation); 6]
        );
        assert_eq!(db.count("items").await?, 0);
        item("good", 1).upsert(&db.pool).await?;
        let kinds = kinds!(item("bad", 1), db);
        assert_eq!(kinds[..3], [Err(ErrorKind::CheckViolation); 3]);
        // A row that is there is found before any check.
        assert_eq!(kinds[5], Ok(()));
        assert_eq!(
            db.all::<(String, i64)>(STORED).await?,
            [("good".to_owned(), 1)]
        );
        Ok(())
    }

    /// SQLite would store the sum as a REAL, in a column of integers.
    async fn a_sum_that_overflows(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        item("max", i64::MAX - 1).upsert(&db.pool).await?;
        assert_eq!(item("max", 1).upsert(&db.pool).await?.stock, i64::MAX);
        let kinds = kinds!(item("more", 1), db);
        assert_eq!(kinds[..3], [Err(ErrorKind::OutOfRange); 3]);
        assert_eq!(kinds[3..], [Ok(()); 3]);
        assert_eq!(
            db.all::<(String, i64)>(STORED).await?,
            [("max".to_owned(), i64::MAX)]
        );
        db.run(r#"DELETE FROM "items""#).await?;
        item("min", i64::MIN).upsert(&db.pool).await?;
        assert_eq!(
            kinds!(item("less", -1), db)[..3],
            [Err(ErrorKind::OutOfRange); 3]
        );
        assert_eq!(
            db.all::<(String, i64)>(STORED).await?,
            [("min".to_owned(), i64::MIN)]
        );
        Ok(())
    }

    /// `INSERT IGNORE` would cut it.
    #[on(postgres, mysql)]
    async fn a_text_that_is_too_long(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        assert_eq!(
            kinds!(item("pineapple", 1), db),
            [Err(ErrorKind::Database); 6]
        );
        assert_eq!(db.count("items").await?, 0);
        item("fig", 1).upsert(&db.pool).await?;
        assert_eq!(
            kinds!(item("pineapple", 1), db)[..3],
            [Err(ErrorKind::Database); 3]
        );
        assert_eq!(
            db.all::<(String, i64)>(STORED).await?,
            [("fig".to_owned(), 1)]
        );
        Ok(())
    }

    async fn a_foreign_key_without_its_row(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "parents" ("id" BIGINT PRIMARY KEY)"#)
            .await?;
        db.run(r#"CREATE TABLE "children" ("id" BIGINT PRIMARY KEY, "parent" BIGINT NOT NULL, FOREIGN KEY ("parent") REFERENCES "parents" ("id"))"#).await?;
        let orphan = Child { id: 1, parent: 7 };
        assert_eq!(kinds!(orphan, db), [Err(ErrorKind::ForeignKeyViolation); 6]);
        assert_eq!(db.count("children").await?, 0);
        Ok(())
    }

    /// With RETURNING the row is already at hand when the commit fails.
    #[on(postgres, sqlite)]
    async fn an_error_that_comes_at_commit(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "parents" ("id" BIGINT PRIMARY KEY)"#)
            .await?;
        db.run(r#"CREATE TABLE "children" ("id" BIGINT PRIMARY KEY, "parent" BIGINT NOT NULL REFERENCES "parents" ("id") DEFERRABLE INITIALLY DEFERRED)"#).await?;
        let orphan = Child { id: 1, parent: 7 };
        assert_eq!(kinds!(orphan, db), [Err(ErrorKind::ForeignKeyViolation); 6]);
        assert_eq!(db.count("children").await?, 0);
        // In a transaction of the caller's it comes at the caller's commit.
        let mut tx = db.pool.begin().await?;
        assert_eq!(orphan.upsert(&mut tx).await?.parent, 7);
        db_error(tx.commit().await);
        assert_eq!(db.count("children").await?, 0);
        Ok(())
    }
}

fn db_error(outcome: Result<(), sqlx::Error>) {
    let error = outcome.expect_err("the commit is refused");
    let is_foreign_key = error
        .as_database_error()
        .is_some_and(|error| error.is_foreign_key_violation());
    assert!(is_foreign_key, "{error}");
}
