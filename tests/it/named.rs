//! Named upserts beside the default one: rules, returning and operations of their own.

use anyhow::Result;
use chrono::{DateTime, Utc};
use upsert::{Action, Dialect, Upsert, UpsertModel, Upserted};

use crate::harness::dialect_tests;

const USERS: &str = r#"CREATE TABLE "users" (
    "id" {id}, "email" {text} NOT NULL UNIQUE, "handle" {text} UNIQUE, "name" {text}, "logins" BIGINT NOT NULL DEFAULT 0,
    "seen" {instant}
)"#;

/// The default replaces the name; the named ones count, and do what their words say.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    insert_only = "logins, seen",
    generated = "id"
)]
#[upsert(
    name = "record_login",
    conflict = "email",
    insert_only = "handle, name",
    now = "seen",
    set(logins = old.logins + 1),
    returning = "id, logins"
)]
#[upsert(name = "rename", conflict = "handle", insert_only = "email, logins, seen", update_where(old.name != new.name))]
#[upsert(name = "login_by_type", accumulate = "logins", insert_only = "handle, name, seen", returning = Logins)]
struct User {
    id: i64,
    email: String,
    handle: String,
    name: String,
    logins: i64,
    seen: Option<DateTime<Utc>>,
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Logins {
    email: String,
    logins: i64,
}

fn ada(name: &str) -> User {
    User {
        id: 0,
        email: "ada@x".to_owned(),
        handle: "ada".to_owned(),
        name: name.to_owned(),
        logins: 1,
        seen: None,
    }
}

/// The target marked on the field is the named ones' too; the rules on the fields are the default upsert's.
#[derive(Debug, Upsert)]
#[upsert(table = "counters")]
#[upsert(name = "reset", returning = "n")]
struct Counter {
    #[upsert(conflict)]
    k: i64,
    #[upsert(accumulate)]
    n: i64,
}

/// The index of the default upsert is there, and that of the named one is not.
#[derive(Debug, Upsert)]
#[upsert(table = "halves", conflict = "k")]
#[upsert(name = "by_n", conflict = "n")]
struct Half {
    k: i64,
    n: i64,
}

mod counters {
    use upsert::Upsert;

    /// Only named ones; the methods have the struct's visibility.
    #[derive(Debug, Upsert)]
    #[upsert(table = "counters")]
    #[upsert(name = "raise", conflict = "k", accumulate = "n", returning = "n")]
    #[upsert(name = "keep_largest", conflict = "k", greatest = "n", returning = "n")]
    pub(super) struct Named {
        pub k: i64,
        pub n: i64,
    }
}

/// Generic, and generic over the database too.
#[derive(Debug, Upsert)]
#[upsert(table = "counters", conflict = "k")]
#[upsert(name = "least_of", conflict = "k", least = "n", returning = "n")]
struct Generic<T> {
    k: i64,
    n: T,
}

async fn upsert_anywhere<DB: Dialect>(
    row: &User,
    pool: &sqlx::Pool<DB>,
) -> Result<User, upsert::Error>
where
    User: UpsertModel<DB>,
{
    row.upsert(pool).await
}

const COUNTERS: &str = r#"CREATE TABLE "counters" ("k" BIGINT PRIMARY KEY, "n" BIGINT)"#;

dialect_tests! {
    async fn each_has_rules_of_its_own(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let first = ada("Ada").upsert(&db.pool).await?;
        assert_eq!((first.name.as_str(), first.logins, first.seen), ("Ada", 1, None));
        assert_eq!(ada("Eve").record_login(&db.pool).await?, (first.id, 2));
        let second = upsert_anywhere(&ada("Countess"), &db.pool).await?;
        assert_eq!((second.name.as_str(), second.logins, second.id), ("Countess", 2, first.id));
        assert!(second.seen.is_some());
        assert_eq!(ada("Eve").login_by_type(&db.pool).await?, Logins { email: "ada@x".to_owned(), logins: 3 });
        Ok(())
    }

    async fn each_has_all_operations(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let mut tx = db.pool.begin().await?;
        let user = ada("Ada");
        assert!(user.record_login(&mut tx).insert_if_absent().await?);
        assert!(!user.record_login(&mut tx).insert_if_absent().await?);
        assert_eq!(user.record_login(&mut tx).insert_if_absent().returning().await?, None);
        let got = user.record_login(&mut tx).get_or_insert().await?;
        assert_eq!((got.row.1, got.action), (1, Action::Unchanged));
        let told = user.record_login(&mut tx).with_action().await?;
        assert_eq!((told.row.1, told.action), (2, Action::Updated));
        assert_eq!(user.record_login(&mut tx).execute().await?, 1);
        assert_eq!(user.record_login(&mut tx).await?.1, 4);
        tx.commit().await?;
        assert!(User::record_login_sql::<DB>().to_string().contains("logins"));
        Ok(())
    }

    async fn each_has_a_target_of_its_own(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let row = |email: &str, name: &str| User { email: email.to_owned(), handle: "h".to_owned(), ..ada(name) };
        assert_eq!(row("a@x", "Ada").rename(&db.pool).with_action().await?.action, Action::Inserted);
        let again = row("b@x", "Ada").rename(&db.pool).with_action().await?;
        assert_eq!((again.row.email.as_str(), again.action), ("a@x", Action::Unchanged));
        let renamed = row("c@x", "Eve").rename(&db.pool).with_action().await?;
        assert_eq!((renamed.row.email.as_str(), renamed.row.name.as_str(), renamed.action), ("a@x", "Eve", Action::Updated));
        assert_eq!(row("c@x", "Eve").rename(&db.pool).execute().await?, 0);
        let error = row("c@x", "Eve").upsert(&db.pool).await.expect_err("the handle is taken");
        assert_eq!(error.kind(), upsert::ErrorKind::UniqueViolation);
        Ok(())
    }

    async fn a_target_is_inherited_and_rules_are_not(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let row = |n| Counter { k: 1, n };
        assert_eq!(row(5).reset(&db.pool).await?, 5);
        assert_eq!(row(2).upsert(&db.pool).await?.n, 7);
        assert_eq!(row(1).reset(&db.pool).await?, 1);
        Ok(())
    }

    async fn a_struct_may_have_named_ones_alone(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let row = |n| counters::Named { k: 1, n };
        assert_eq!(row(5).raise(&db.pool).await?, 5);
        assert_eq!(row(5).raise(&db.pool).await?, 10);
        assert_eq!(row(7).keep_largest(&db.pool).await?, 10);
        assert_eq!(row(70).keep_largest(&db.pool).with_action().await?, Upserted { row: 70, action: Action::Updated });
        Ok(())
    }

    async fn a_generic_struct(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        assert_eq!(Generic { k: 1, n: 5_i64 }.least_of(&db.pool).await?, 5);
        assert_eq!(Generic { k: 1, n: Some(3_i64) }.least_of(&db.pool).await?, Some(3));
        assert_eq!(Generic { k: 1, n: None::<i64> }.least_of(&db.pool).await?, Some(3));
        assert_eq!(Generic { k: 1, n: 9_i64 }.upsert(&db.pool).await?.n, 9);
        Ok(())
    }

    /// The index is looked for once for each upsert, not once for the struct.
    async fn each_has_an_index_to_look_for(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "halves" ("k" BIGINT UNIQUE, "n" BIGINT)"#).await?;
        let row = Half { k: 1, n: 2 };
        row.upsert(&db.pool).await?;
        let error = row.by_n(&db.pool).await.expect_err("there is no index on `n`");
        assert_eq!(error.kind(), upsert::ErrorKind::MissingUniqueIndex, "{error}");
        Ok(())
    }
}
