//! What comes back: the struct, a column, a tuple, or another type.

use anyhow::Result;
use sqlx::FromRow;
use std::borrow::Cow;
use upsert::{Action, ErrorKind, Upsert, Upserted};

use crate::harness::dialect_tests;

const USERS: &str = r#"CREATE TABLE "users" ("id" {id}, "email" {text} NOT NULL UNIQUE, "name" {text} NOT NULL, "logins" BIGINT NOT NULL DEFAULT 7)"#;

#[derive(Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    generated = "id",
    returning = "id"
)]
struct ForId {
    id: i64,
    email: String,
    name: String,
}

/// The order is that of the list.
#[derive(Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    generated = "id, logins",
    returning = "logins, name, id"
)]
struct ForTuple {
    id: i64,
    email: String,
    name: String,
    logins: i64,
}

/// Read from all columns of the struct it belongs to.
#[derive(Debug, PartialEq, FromRow)]
struct Account {
    id: i64,
    #[sqlx(rename = "email")]
    address: String,
    name: String,
}

#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", generated = "id", returning = Account)]
struct ForAccount<'a> {
    id: i64,
    email: &'a str,
    name: Cow<'a, str>,
}

#[derive(Debug, PartialEq, FromRow)]
struct Handle {
    id: i64,
    name: String,
}

#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", generated = "id", returning(Handle: "name, id"))]
struct ForHandle<'a> {
    id: i64,
    email: &'a str,
    name: &'a str,
}

/// Asks for a column that is not listed.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", generated = "id", returning(Handle: "id"))]
struct ForTooLittle<'a> {
    id: i64,
    email: &'a str,
    name: &'a str,
}

#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", returning = "email, name")]
struct ForOwned<'a> {
    email: String,
    name: Option<String>,
    #[upsert(skip)]
    _borrowed: &'a str,
}

/// A field without a column.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email")]
struct WithSkipped {
    email: String,
    #[upsert(skip)]
    cached: Vec<u32>,
    name: String,
    #[sqlx(skip)]
    note: Option<String>,
}

/// Several columns that come back in another order than they are written, with a generated one in the middle.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email", generated = "id")]
struct Mixed {
    name: String,
    id: i64,
    logins: i64,
    email: String,
}

dialect_tests! {
    async fn one_column(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = ForId {
            id: 0,
            email: "ada".to_owned(),
            name: "Ada".to_owned(),
        };
        let id: i64 = row.upsert(&db.pool).await?;
        assert_eq!(id, db.one::<i64>(r#"SELECT "id" FROM "users""#).await?);
        assert_eq!(
            row.upsert(&db.pool).with_action().await?,
            Upserted {
                row: id,
                action: Action::Updated
            }
        );
        assert_eq!(
            row.get_or_insert(&db.pool).await?,
            Upserted {
                row: id,
                action: Action::Unchanged
            }
        );
        assert_eq!(row.insert_if_absent(&db.pool).returning().await?, None);
        Ok(())
    }

    async fn a_tuple_in_the_order_of_the_list(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = ForTuple {
            id: 0,
            email: "ada".to_owned(),
            name: "Ada".to_owned(),
            logins: 0,
        };
        let (logins, name, id): (i64, String, i64) = row.upsert(&db.pool).await?;
        assert_eq!((logins, name.as_str()), (7, "Ada"));
        let got = row.get_or_insert(&db.pool).await?;
        assert_eq!(got.row, (7, name, id));
        Ok(())
    }

    async fn a_type_that_reads_rows(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = ForAccount {
            id: 0,
            email: "ada",
            name: "Ada".into(),
        };
        let account: Account = row.upsert(&db.pool).await?;
        assert_eq!(
            account,
            Account {
                id: account.id,
                address: "ada".to_owned(),
                name: "Ada".to_owned()
            }
        );
        let changed = ForAccount {
            name: Cow::Owned("Countess".to_owned()),
            ..row
        };
        let Upserted { row, action } = changed.upsert(&db.pool).with_action().await?;
        assert_eq!(
            (row.id, row.name.as_str(), action),
            (account.id, "Countess", Action::Updated)
        );
        assert_eq!(changed.get_or_insert(&db.pool).await?.row, row);
        Ok(())
    }

    async fn a_type_that_reads_listed_columns(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let handle = ForHandle {
            id: 0,
            email: "ada",
            name: "Ada",
        }
        .upsert(&db.pool)
        .await?;
        assert_eq!(
            handle,
            Handle {
                id: handle.id,
                name: "Ada".to_owned()
            }
        );
        let other = ForHandle {
            id: 0,
            email: "bob",
            name: "Bob",
        }
        .insert_if_absent(&db.pool)
        .returning()
        .await?;
        assert_eq!(other.map(|handle| handle.name).as_deref(), Some("Bob"));
        Ok(())
    }

    async fn a_type_that_asks_for_more_than_is_listed(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = ForTooLittle {
            id: 0,
            email: "ada",
            name: "Ada",
        };
        let error = row
            .upsert(&db.pool)
            .await
            .expect_err("`name` does not come back");
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("`name`"), "{error}");
        Ok(())
    }

    async fn owned_columns_of_a_struct_that_borrows(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let text = "not stored".to_owned();
        let row = ForOwned {
            email: "ada".to_owned(),
            name: Some("Ada".to_owned()),
            _borrowed: &text,
        };
        let (email, name): (String, Option<String>) = row.upsert(&db.pool).await?;
        assert_eq!((email.as_str(), name.as_deref()), ("ada", Some("Ada")));
        Ok(())
    }

    async fn a_skipped_field_as_its_default(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = WithSkipped {
            email: "ada".to_owned(),
            cached: vec![1, 2],
            name: "Ada".to_owned(),
            note: Some("mine".to_owned()),
        };
        let back = row.upsert(&db.pool).await?;
        assert_eq!(
            back,
            WithSkipped {
                cached: Vec::new(),
                note: None,
                ..row
            }
        );
        Ok(())
    }

    async fn each_column_in_its_own_field(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = Mixed {
            name: "Ada".to_owned(),
            id: -1,
            logins: 3,
            email: "ada".to_owned(),
        };
        let back = row.upsert(&db.pool).await?;
        assert_eq!(back, Mixed { id: back.id, ..row });
        assert!(back.id > 0);
        Ok(())
    }
}
