//! Targets beyond plain columns: what absorbs a row, what reads it back, and what is said when the index is missing.

use anyhow::Result;
use upsert::{Action, ErrorKind, Upsert, Upserted};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "stock", conflict = "tenant_id, sku", accumulate = "n")]
struct Composite {
    tenant_id: i64,
    sku: String,
    n: i64,
}

fn composite(tenant_id: i64, sku: &str, n: i64) -> Composite {
    Composite {
        tenant_id,
        sku: sku.to_owned(),
        n,
    }
}

/// One living row for each mail address, and any number of deleted ones.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "email",
    conflict_where = "deleted_at IS NULL AND kind <> 'x'"
)]
struct Living {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    kind: String,
    #[upsert(insert_only)]
    deleted_at: Option<i64>,
}

const ACCOUNTS: &str = r#"CREATE TABLE "accounts" (
    "id" {id}, "email" {text} NOT NULL, "name" {text} NOT NULL, "kind" {text} NOT NULL, "deleted_at" BIGINT
)"#;

fn living(name: &str, deleted_at: Option<i64>) -> Living {
    Living {
        id: 0,
        email: "a@x".to_owned(),
        name: name.to_owned(),
        kind: "k".to_owned(),
        deleted_at,
    }
}

/// An expression beside a column, and the key's own column updated like any other.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "mails", conflict = "tenant, lower(email)")]
struct ByLower {
    #[upsert(generated)]
    id: i64,
    tenant: i64,
    email: String,
    handle: Option<String>,
    n: i64,
}

/// An expression alone, in parentheses.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "mails",
    conflict = "(lower(email))",
    insert_only = "email",
    returning = "email, n"
)]
struct LowerAlone {
    email: String,
    n: i64,
}

fn by_lower(email: &str, n: i64) -> ByLower {
    ByLower {
        id: 0,
        tenant: 1,
        email: email.to_owned(),
        handle: None,
        n,
    }
}

const MAILS: &str = r#"CREATE TABLE "mails" (
    "id" {id}, "tenant" BIGINT, "email" {text} NOT NULL, "handle" {text} UNIQUE, "n" BIGINT NOT NULL
)"#;

#[derive(Debug, Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    constraint = "uq_\"users\"",
    returning = "n"
)]
struct ByConstraint {
    email: String,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "slots", conflict = "place, number", nulls_not_distinct)]
struct Slot {
    place: Option<String>,
    number: Option<i64>,
    n: i64,
}

/// One key column is never NULL.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "slots", conflict = "number, place", nulls_not_distinct)]
struct HalfSlot {
    place: Option<String>,
    number: i64,
    n: Option<i64>,
}

/// MySQL and MariaDB are asked for the index of a model once in a process, so what misses it is of a type of its own on each.
macro_rules! missing {
    ($($name:ident)+) => {$(
        #[derive(Debug, Upsert)]
        #[upsert(table = "stock", conflict = "tenant_id, sku", accumulate = "n")]
        struct $name {
            tenant_id: i64,
            sku: String,
            n: i64,
        }

        impl $name {
            fn new() -> Self {
                Self { tenant_id: 1, sku: "a".to_owned(), n: 1 }
            }
        }
    )+};
}
missing!(MissingCompositeOnMariaDb MissingComposite);

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "mails", conflict = "tenant, lower(email)")]
struct MissingLower {
    tenant: i64,
    email: String,
    n: i64,
}

/// The statement that the message tells to run.
fn advised(message: &str) -> String {
    let from = message
        .find("CREATE UNIQUE INDEX")
        .expect("a statement in the message");
    let statement = &message[from..];
    // The statement stands between backticks, which MySQL has inside it too.
    statement[..statement.rfind('`').expect("the end of the statement")].to_owned()
}

/// Calls without the index, runs what the message says, and calls again.
macro_rules! follows_the_advice {
    ($db:expr, $row:expr) => {{
        for _ in 0..2 {
            let error = $row.upsert(&$db.pool).await.expect_err("there is no index");
            assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex, "{error}");
            let error = $row
                .insert_if_absent(&$db.pool)
                .await
                .expect_err("there is no index");
            assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex, "{error}");
        }
        let error = $row
            .upsert(&$db.pool)
            .with_action()
            .await
            .expect_err("there is no index");
        let statement = advised(&error.to_string());
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone()))
            .execute(&$db.pool)
            .await
            .map_err(|error| anyhow::anyhow!("{error}: {statement}"))?;
        assert_eq!(
            $row.upsert(&$db.pool).with_action().await?.action,
            Action::Inserted,
            "{statement}"
        );
        assert_eq!(
            $row.upsert(&$db.pool).with_action().await?.action,
            Action::Updated,
            "{statement}"
        );
        statement
    }};
}

dialect_tests! {
    async fn several_columns(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "stock" ("sku" {text}, "tenant_id" BIGINT, "n" BIGINT, UNIQUE ("tenant_id", "sku"))"#).await?;
        for (tenant, sku, n, expected) in [(1, "a", 1, 1), (1, "b", 2, 2), (2, "a", 3, 3), (1, "a", 10, 11), (2, "a", 10, 13)] {
            assert_eq!(composite(tenant, sku, n).upsert(&db.pool).await?, composite(tenant, sku, expected));
        }
        assert_eq!(composite(1, "b", 9).get_or_insert(&db.pool).await?, Upserted { row: composite(1, "b", 2), action: Action::Unchanged });
        assert!(!composite(2, "a", 9).insert_if_absent(&db.pool).await?);
        assert!(composite(2, "b", 9).insert_if_absent(&db.pool).await?);
        assert_eq!(db.count("stock").await?, 4);
        Ok(())
    }

    async fn several_columns_without_their_index(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "stock" ("sku" {text}, "tenant_id" BIGINT, "n" BIGINT, "k" {id})"#).await?;
        if db.server.key == Key::MariaDb {
            follows_the_advice!(db, MissingCompositeOnMariaDb::new());
        } else {
            follows_the_advice!(db, MissingComposite::new());
        }
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn a_partial_index(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        db.run(r#"CREATE UNIQUE INDEX "i" ON "accounts" ("email") WHERE deleted_at IS NULL AND kind <> 'x'"#).await?;
        // A deleted row is outside the index: it neither absorbs nor is absorbed.
        let gone = living("gone", Some(1)).upsert(&db.pool).with_action().await?;
        assert_eq!(gone.action, Action::Inserted);
        let one = living("one", None).upsert(&db.pool).with_action().await?;
        assert_eq!((one.row.name.as_str(), one.action), ("one", Action::Inserted));
        let two = living("two", None).upsert(&db.pool).with_action().await?;
        assert_eq!((two.row.id, two.row.name.as_str(), two.action), (one.row.id, "two", Action::Updated));
        let again = living("gone again", Some(2)).upsert(&db.pool).with_action().await?;
        assert_eq!((again.row.deleted_at, again.action), (Some(2), Action::Inserted));
        assert_eq!(db.count("accounts").await?, 3);
        // Reading by key looks at living rows alone.
        assert_eq!(living("three", None).get_or_insert(&db.pool).await?, Upserted { row: two.row.clone(), action: Action::Unchanged });
        assert!(!living("three", None).insert_if_absent(&db.pool).await?);
        db.run(r#"UPDATE "accounts" SET "deleted_at" = 3"#).await?;
        let fresh = living("four", None).get_or_insert(&db.pool).await?;
        assert_eq!((fresh.row.name.as_str(), fresh.action), ("four", Action::Inserted));
        assert_eq!(db.count("accounts").await?, 4);
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn a_partial_index_that_is_missing(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        // Another predicate is another index.
        db.run(r#"CREATE UNIQUE INDEX "i" ON "accounts" ("email") WHERE deleted_at IS NOT NULL"#).await?;
        let statement = follows_the_advice!(db, living("one", None));
        assert!(statement.ends_with("WHERE deleted_at IS NULL AND kind <> 'x'"), "{statement}");
        Ok(())
    }

    async fn an_expression(db: Db) -> Result<()> {
        db.run(MAILS).await?;
        match db.server.key {
            // MariaDB has no index over an expression, but one over a column that is generated by it.
            Key::MariaDb => db.run("ALTER TABLE mails ADD COLUMN low VARCHAR(191) AS (lower(email)) STORED, ADD UNIQUE (tenant, low)").await?,
            _ => db.run(r#"CREATE UNIQUE INDEX "i" ON "mails" ("tenant", (lower("email")))"#).await?,
        }
        let first = by_lower("Ada@X", 1).upsert(&db.pool).with_action().await?;
        assert_eq!((first.row.email.as_str(), first.action), ("Ada@X", Action::Inserted));
        let second = by_lower("ADA@x", 2).upsert(&db.pool).with_action().await?;
        assert_eq!((second.row.id, second.row.n, second.action), (first.row.id, 2, Action::Updated));
        assert_eq!(second.row.email, "ADA@x", "a column inside the target has a rule of its own");
        let found = by_lower("ada@x", 3).get_or_insert(&db.pool).await?;
        assert_eq!(found, Upserted { row: second.row, action: Action::Unchanged });
        assert!(!by_lower("adA@x", 4).insert_if_absent(&db.pool).await?);
        assert_eq!(by_lower("aDa@x", 4).insert_if_absent(&db.pool).returning().await?, None);
        let other = ByLower { tenant: 2, ..by_lower("ada@x", 5) };
        assert_eq!(other.upsert(&db.pool).with_action().await?.action, Action::Inserted);
        assert_eq!(db.count("mails").await?, 2);
        // Another unique key is not the target.
        let taken = ByLower { handle: Some("h".to_owned()), ..by_lower("eve@x", 6) };
        taken.upsert(&db.pool).await?;
        let error = ByLower { handle: Some("h".to_owned()), ..by_lower("bob@x", 7) }.upsert(&db.pool).await.expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        Ok(())
    }

    async fn an_expression_alone(db: Db) -> Result<()> {
        db.run(MAILS).await?;
        match db.server.key {
            Key::MariaDb => db.run("ALTER TABLE mails ADD COLUMN low VARCHAR(191) AS (lower(email)) VIRTUAL, ADD UNIQUE (low)").await?,
            _ => db.run(r#"CREATE UNIQUE INDEX "i" ON "mails" ((lower("email")))"#).await?,
        }
        let row = |email: &str, n| LowerAlone { email: email.to_owned(), n };
        assert_eq!(row("Ada", 1).upsert(&db.pool).await?, ("Ada".to_owned(), 1));
        assert_eq!(row("ADA", 2).upsert(&db.pool).await?, ("Ada".to_owned(), 2));
        assert_eq!(row("eve", 2).upsert(&db.pool).execute().await?, 1);
        assert_eq!(db.count("mails").await?, 2);
        Ok(())
    }

    #[on(postgres, sqlite, mysql)]
    async fn an_expression_without_its_index(db: Db) -> Result<()> {
        db.run(MAILS).await?;
        let row = MissingLower { tenant: 1, email: "a".to_owned(), n: 1 };
        if db.server.key == Key::MariaDb {
            let error = row.upsert(&db.pool).await.expect_err("there is no index");
            assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex, "{error}");
            assert!(error.to_string().contains("generated column"), "{error}");
            return Ok(());
        }
        follows_the_advice!(db, row);
        Ok(())
    }

    #[on(postgres)]
    async fn a_named_constraint(db: Db) -> Result<()> {
        let row = |n| ByConstraint { email: "a".to_owned(), n };
        db.run(r#"CREATE TABLE "users" ("email" TEXT, "n" BIGINT)"#).await?;
        let error = row(1).upsert(&db.pool).await.expect_err("there is no constraint");
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex, "{error}");
        assert!(error.to_string().contains(r#"ADD CONSTRAINT "uq_""users""" UNIQUE ("email")"#), "{error}");
        db.run(r#"ALTER TABLE "users" ADD CONSTRAINT "uq_""users""" UNIQUE ("email")"#).await?;
        for (n, action) in [(1, Action::Inserted), (2, Action::Updated)] {
            assert_eq!(row(n).upsert(&db.pool).with_action().await?, Upserted { row: n, action });
        }
        assert_eq!(row(3).get_or_insert(&db.pool).await?.row, 2);
        assert!(!row(3).insert_if_absent(&db.pool).await?);
        Ok(())
    }

    #[on(postgres)]
    async fn nulls_that_are_not_distinct(db: Db) -> Result<()> {
        if db.server.major() < 15 {
            return Ok(());
        }
        db.run("CREATE TABLE slots (place TEXT, number BIGINT, n BIGINT)").await?;
        let row = |place: Option<&str>, number, n| Slot { place: place.map(str::to_owned), number, n };
        follows_the_advice!(db, row(None, None, 1));
        db.run("DELETE FROM slots").await?;
        let mut n = 0;
        for (place, number) in [(None, None), (Some("a"), None), (None, Some(1)), (Some("a"), Some(1))] {
            for action in [Action::Inserted, Action::Updated] {
                n += 1;
                let upserted = row(place, number, n).upsert(&db.pool).with_action().await?;
                assert_eq!(upserted, Upserted { row: row(place, number, n), action });
            }
            assert_eq!(row(place, number, 0).get_or_insert(&db.pool).await?, Upserted { row: row(place, number, n), action: Action::Unchanged });
            assert!(!row(place, number, 0).insert_if_absent(&db.pool).await?);
        }
        assert_eq!(db.count("slots").await?, 4);
        Ok(())
    }

    #[on(postgres)]
    async fn nulls_in_half_a_key(db: Db) -> Result<()> {
        if db.server.major() < 15 {
            return Ok(());
        }
        db.run("CREATE TABLE slots (place TEXT, number BIGINT, n BIGINT, UNIQUE NULLS NOT DISTINCT (number, place))").await?;
        for action in [Action::Inserted, Action::Updated] {
            let row = HalfSlot { place: None, number: 1, n: None };
            assert_eq!(row.upsert(&db.pool).with_action().await?, Upserted { row: row.clone(), action });
        }
        Ok(())
    }

    /// Without the clause, a NULL key never conflicts, and the database says that the index is another.
    #[on(postgres)]
    async fn an_index_in_which_nulls_are_distinct(db: Db) -> Result<()> {
        db.run("CREATE TABLE slots (place TEXT, number BIGINT, n BIGINT, UNIQUE (number, place))").await?;
        for _ in 0..2 {
            let row = HalfSlot { place: None, number: 1, n: None };
            assert_eq!(row.upsert(&db.pool).with_action().await?.action, Action::Inserted);
        }
        Ok(())
    }
}
