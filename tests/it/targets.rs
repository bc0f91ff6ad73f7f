//! Conflict targets beyond plain columns: partial indexes, expressions, constraints, NULLs that are not distinct.

use anyhow::Result;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

/// Only a live account keeps its email to itself.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "email",
    conflict_where = "closed_on IS NULL",
    generated = "id"
)]
struct Account {
    id: i64,
    email: String,
    name: String,
    closed_on: Option<i64>,
}

fn account(name: &str, closed_on: Option<i64>) -> Account {
    Account {
        id: 0,
        email: "ada@example.com".to_owned(),
        name: name.to_owned(),
        closed_on,
    }
}

const ACCOUNTS: &str = r#"CREATE TABLE "accounts" ("id" {id}, "email" {text} NOT NULL, "name" {text} NOT NULL, "closed_on" BIGINT)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "people", conflict = "tenant, lower(email)")]
struct Person {
    tenant: i64,
    email: String,
    handle: Option<String>,
    visits: i64,
}

fn person(tenant: i64, email: &str, visits: i64) -> Person {
    Person {
        tenant,
        email: email.to_owned(),
        handle: None,
        visits,
    }
}

/// The same, with no index behind it.
#[derive(Debug, Upsert)]
#[upsert(table = "people", conflict = "lower(email)")]
struct PersonByEmail {
    tenant: i64,
    email: String,
    visits: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "seats", conflict = "hall, number", constraint = "one_seat")]
struct Seat {
    hall: String,
    number: i64,
    guest: String,
}

fn seat(guest: &str) -> Seat {
    Seat {
        hall: "A".to_owned(),
        number: 7,
        guest: guest.to_owned(),
    }
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "settings",
    conflict = "user_id, key",
    nulls_not_distinct,
    update_where(new.value != "refused")
)]
struct Setting {
    user_id: Option<i64>,
    key: String,
    value: String,
}

fn setting(user_id: Option<i64>, value: &str) -> Setting {
    Setting {
        user_id,
        key: "theme".to_owned(),
        value: value.to_owned(),
    }
}

/// A predicate without its index.
#[derive(Debug, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "name",
    conflict_where = "closed_on IS NULL"
)]
struct AccountByName {
    email: String,
    name: String,
    closed_on: Option<i64>,
}

dialect_tests! {
    #[on(postgres, sqlite)]
    async fn only_rows_of_the_partial_index_absorb(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        db.run(r#"CREATE UNIQUE INDEX "live" ON "accounts" ("email") WHERE closed_on IS NULL"#).await?;
        let first = account("Ada", None).upsert(&db.pool).with_action().await?;
        let again = account("Ada L.", None).upsert(&db.pool).with_action().await?;
        assert_eq!((first.action, again.action), (Action::Inserted, Action::Updated));
        assert_eq!(first.row.id, again.row.id);

        // A closed account is outside the index: it is simply inserted, and never absorbs.
        let closed = account("Ada, closed", Some(3)).upsert(&db.pool).with_action().await?;
        assert_eq!(closed.action, Action::Inserted);
        assert_ne!(closed.row.id, first.row.id);

        db.run(r#"UPDATE "accounts" SET "closed_on" = 4 WHERE "closed_on" IS NULL"#).await?;
        let reopened = account("Ada again", None).upsert(&db.pool).with_action().await?;
        assert_eq!(reopened.action, Action::Inserted);
        assert_eq!(db.count("accounts").await?, 3);

        // A row is looked for by the same predicate.
        let got = account("nobody", None).get_or_insert(&db.pool).await?;
        assert_eq!((got.row, got.action), (reopened.row, Action::Unchanged));
        assert!(!account("nobody", None).insert_if_absent(&db.pool).await?);
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn a_partial_index_that_is_missing_is_named(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let row = AccountByName { email: "a@b.c".to_owned(), name: "Ada".to_owned(), closed_on: None };
        let error = row.upsert(&db.pool).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
        let message = error.to_string();
        let statement = statement_in(&message);
        assert!(statement.ends_with("WHERE closed_on IS NULL"), "{message}");
        db.run_as_it_is(statement).await?;
        assert_eq!(row.upsert(&db.pool).with_action().await?.action, Action::Inserted);
        assert_eq!(row.upsert(&db.pool).with_action().await?.action, Action::Updated);
        Ok(())
    }

    async fn an_expression_decides(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("tenant" BIGINT NOT NULL, "email" {text} NOT NULL, "handle" {text} UNIQUE, "visits" BIGINT NOT NULL)"#).await?;
        match db.server.key {
            Key::MariaDb => db.run(r#"ALTER TABLE "people" ADD "lowered" VARCHAR(191) AS (lower("email")) STORED, ADD UNIQUE ("tenant", "lowered")"#).await?,
            _ => db.run(r#"CREATE UNIQUE INDEX "by_email" ON "people" ("tenant", (lower("email")))"#).await?,
        }
        for (row, visits, action) in [
            (person(1, "Ada@Example.com", 1), 1, Action::Inserted),
            (person(1, "ADA@example.COM", 2), 2, Action::Updated),
            (person(2, "ada@example.com", 3), 3, Action::Inserted),
        ] {
            let upserted = row.upsert(&db.pool).with_action().await?;
            // A column inside the expression follows its own rule: here it is replaced.
            assert_eq!((upserted.row.email, upserted.row.visits, upserted.action), (row.email, visits, action));
        }
        assert_eq!(db.count("people").await?, 2);
        let got = person(1, "ADA@EXAMPLE.COM", 9).get_or_insert(&db.pool).await?;
        assert_eq!((got.row.visits, got.action), (2, Action::Unchanged));
        assert!(!person(1, "aDa@example.com", 9).insert_if_absent(&db.pool).await?);
        assert!(person(3, "ada@example.com", 9).insert_if_absent(&db.pool).await?);
        Ok(())
    }

    async fn an_expression_absorbs_no_other_key(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("tenant" BIGINT NOT NULL, "email" {text} NOT NULL, "handle" {text} UNIQUE, "visits" BIGINT NOT NULL)"#).await?;
        match db.server.key {
            Key::MariaDb => db.run(r#"ALTER TABLE "people" ADD "lowered" VARCHAR(191) AS (lower("email")) STORED, ADD UNIQUE ("tenant", "lowered")"#).await?,
            _ => db.run(r#"CREATE UNIQUE INDEX "by_email" ON "people" ("tenant", (lower("email")))"#).await?,
        }
        let ada = Person { handle: Some("ada".to_owned()), ..person(1, "ada@example.com", 1) };
        ada.upsert(&db.pool).await?;
        let eve = Person { handle: Some("ada".to_owned()), ..person(1, "eve@example.com", 9) };
        let error = eve.upsert(&db.pool).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(db.one::<i64>(r#"SELECT "visits" FROM "people""#).await?, 1);
        Ok(())
    }

    async fn an_expression_without_its_index_is_named(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("tenant" BIGINT NOT NULL, "email" {text} NOT NULL UNIQUE, "visits" BIGINT NOT NULL)"#).await?;
        let row = PersonByEmail { tenant: 1, email: "Ada".to_owned(), visits: 1 };
        let error = row.upsert(&db.pool).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex, "{error}");
        let message = error.to_string();
        match db.server.key {
            Key::MariaDb => {
                assert!(message.contains("generated column"), "{message}");
                db.run(r#"ALTER TABLE "people" ADD "lowered" VARCHAR(191) AS (lower("email")) STORED UNIQUE"#).await?;
            }
            _ => db.run_as_it_is(statement_in(&message)).await?,
        }
        assert_eq!(row.upsert(&db.pool).with_action().await?.action, Action::Inserted);
        let shouted = PersonByEmail { email: "ADA".to_owned(), ..row };
        assert_eq!(shouted.upsert(&db.pool).with_action().await?.action, Action::Updated);
        Ok(())
    }

    #[on(postgres)]
    async fn a_constraint_is_named(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "seats" ("hall" TEXT NOT NULL, "number" BIGINT NOT NULL, "guest" TEXT NOT NULL, CONSTRAINT "one_seat" UNIQUE ("hall", "number"))"#).await?;
        assert_eq!(seat("Ada").upsert(&db.pool).with_action().await?.action, Action::Inserted);
        assert_eq!(seat("Eve").upsert(&db.pool).with_action().await?.action, Action::Updated);
        assert!(!seat("Bob").insert_if_absent(&db.pool).await?);
        assert_eq!(seat("Bob").get_or_insert(&db.pool).await?.row.guest, "Eve");
        db.run(r#"ALTER TABLE "seats" RENAME CONSTRAINT "one_seat" TO "another""#).await?;
        let error = seat("Bob").upsert(&mut db.connect().await?).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("one_seat"), "{error}");
        Ok(())
    }

    /// PostgreSQL 15 and later.
    #[on(postgres)]
    async fn null_equals_null_where_the_index_says_so(db: Db) -> Result<()> {
        let version: i32 = db.one("SELECT current_setting('server_version_num')::int").await?;
        if version < 150_000 {
            return Ok(());
        }
        db.run(r#"CREATE TABLE "settings" ("user_id" BIGINT, "key" TEXT NOT NULL, "value" TEXT NOT NULL, UNIQUE NULLS NOT DISTINCT ("user_id", "key"))"#).await?;
        for (row, action) in [
            (setting(None, "dark"), Action::Inserted),
            (setting(None, "light"), Action::Updated),
            (setting(Some(1), "dark"), Action::Inserted),
            (setting(Some(1), "light"), Action::Updated),
        ] {
            let upserted = row.upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row, upserted.action), (row, action));
        }
        assert_eq!(db.count("settings").await?, 2);
        // Left alone by the guard, the row is found by its NULL.
        let refused = setting(None, "refused").upsert(&db.pool).with_action().await?;
        assert_eq!((refused.row, refused.action), (setting(None, "light"), Action::Unchanged));
        assert_eq!(setting(None, "x").get_or_insert(&db.pool).await?.row, setting(None, "light"));
        Ok(())
    }
}

/// The statement that a message tells to run, which stands in backticks and may hold some.
fn statement_in(message: &str) -> &str {
    let start = message.find("CREATE").expect("a statement");
    let statement = &message[start..];
    statement
        .trim_end_matches(", or, on MariaDB, make the index over a generated column")
        .trim_end_matches('`')
}
