//! What decides that a row is already there.

use anyhow::Result;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "prices", conflict = "tenant_id, sku")]
struct Price {
    tenant_id: i64,
    sku: String,
    amount: i64,
}

/// The same target in the other order, marked on the fields.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "prices")]
struct Marked {
    #[upsert(conflict)]
    sku: String,
    #[upsert(conflict)]
    tenant_id: i64,
    amount: i64,
}

/// Less than the index has.
#[derive(Debug, Upsert)]
#[upsert(table = "prices", conflict = "sku")]
struct BySkuAlone {
    tenant_id: i64,
    sku: String,
    amount: i64,
}

fn price(tenant_id: i64, sku: &str, amount: i64) -> Price {
    Price {
        tenant_id,
        sku: sku.to_owned(),
        amount,
    }
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "upsert_it_auth.users",
    conflict = "email",
    generated = "id",
    accumulate = "logins"
)]
struct AuthUser {
    id: i64,
    email: String,
    logins: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct Tag {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "memberships", conflict = "user_id, team_id", generated = "id")]
struct Membership {
    id: i64,
    user_id: i64,
    team_id: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "members", conflict = "email")]
struct Member {
    email: String,
    handle: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "sessions", conflict = "token")]
struct Session {
    token: uuid::Uuid,
    day: chrono::NaiveDate,
    hits: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "things", conflict = "name")]
struct Thing {
    name: String,
    n: i64,
}

dialect_tests! {
    async fn several_columns_decide_together(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "prices" ("tenant_id" BIGINT, "sku" {text}, "amount" BIGINT NOT NULL, PRIMARY KEY ("tenant_id", "sku"))"#).await?;
        for (row, expected) in [
            (price(1, "apple", 10), Action::Inserted),
            (price(2, "apple", 20), Action::Inserted),
            (price(1, "pear", 30), Action::Inserted),
            (price(1, "apple", 40), Action::Updated),
        ] {
            let upserted = row.upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row, upserted.action), (row, expected));
        }
        let other_order = Marked {
            sku: "pear".to_owned(),
            tenant_id: 1,
            amount: 50,
        };
        assert_eq!(
            other_order.upsert(&db.pool).with_action().await?.action,
            Action::Updated
        );
        assert_eq!(
            price(1, "pear", 0)
                .get_or_insert(&db.pool)
                .await?
                .row
                .amount,
            50
        );
        let amounts: Vec<(i64,)> = db
            .all(r#"SELECT "amount" FROM "prices" ORDER BY "amount""#)
            .await?;
        assert_eq!(amounts, [(20,), (40,), (50,)]);
        Ok(())
    }

    async fn a_part_of_an_index_is_no_target(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "prices" ("tenant_id" BIGINT, "sku" {text}, "amount" BIGINT NOT NULL, PRIMARY KEY ("tenant_id", "sku"))"#).await?;
        let row = BySkuAlone {
            tenant_id: 1,
            sku: "apple".to_owned(),
            amount: 10,
        };
        let error = row
            .upsert(&db.pool)
            .await
            .expect_err("there is no such index");
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
        assert_eq!(db.count("prices").await?, 0);
        Ok(())
    }

    async fn a_table_in_another_schema(db: Db) -> Result<()> {
        let mut conn = db.pool.acquire().await?;
        // The name is fixed, so one run at a time; the lock goes with the connection.
        let set_up = match db.server.key {
            Key::Sqlite => "ATTACH DATABASE ':memory:' AS upsert_it_auth",
            Key::Postgres => {
                "SET client_min_messages = warning; SELECT pg_advisory_lock(7253); DROP SCHEMA IF EXISTS upsert_it_auth CASCADE; CREATE SCHEMA upsert_it_auth"
            }
            Key::MariaDb | Key::MySql => {
                "DO GET_LOCK('upsert_it_auth', 30); DROP SCHEMA IF EXISTS upsert_it_auth; CREATE SCHEMA upsert_it_auth CHARACTER SET utf8mb4"
            }
        };
        sqlx::raw_sql(set_up).execute(&mut *conn).await?;
        let table = db.sql(r#"CREATE TABLE upsert_it_auth.users ("id" {id}, "email" {text} NOT NULL UNIQUE, "logins" BIGINT NOT NULL)"#);
        sqlx::raw_sql(sqlx::AssertSqlSafe(table))
            .execute(&mut *conn)
            .await?;
        let user = AuthUser {
            id: 0,
            email: "ada".to_owned(),
            logins: 1,
        };
        let first = user.upsert(&mut conn).await?;
        let second = user.upsert(&mut conn).with_action().await?;
        assert_eq!(
            (second.row.id, second.row.logins, second.action),
            (first.id, 2, Action::Updated)
        );
        assert!(!user.insert_if_absent(&mut conn).await?);
        assert_eq!(user.get_or_insert(&mut conn).await?.row.logins, 2);
        let tear_down = match db.server.key {
            Key::Sqlite => "DETACH DATABASE upsert_it_auth",
            Key::Postgres => "DROP SCHEMA upsert_it_auth CASCADE; SELECT pg_advisory_unlock(7253)",
            Key::MariaDb | Key::MySql => {
                "DROP SCHEMA upsert_it_auth; DO RELEASE_LOCK('upsert_it_auth')"
            }
        };
        sqlx::raw_sql(tear_down).execute(&mut *conn).await?;
        Ok(())
    }

    async fn another_key_is_an_error(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "members" ("email" {text} PRIMARY KEY, "handle" {text} UNIQUE)"#)
            .await?;
        let member = |email: &str| Member {
            email: email.to_owned(),
            handle: Some("countess".to_owned()),
        };
        member("ada").upsert(&db.pool).await?;
        let error = member("bob")
            .upsert(&db.pool)
            .await
            .expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(
            db.all::<(String,)>(r#"SELECT "email" FROM "members""#)
                .await?,
            [("ada".to_owned(),)]
        );
        Ok(())
    }

    async fn another_key_may_be_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "members" ("email" {text} PRIMARY KEY, "handle" {text} UNIQUE)"#)
            .await?;
        let member = |email: &str, handle: Option<&str>| Member {
            email: email.to_owned(),
            handle: handle.map(str::to_owned),
        };
        for row in [
            member("ada", None),
            member("bob", None),
            member("ada", Some("countess")),
            member("ada", None),
        ] {
            assert_eq!(row.upsert(&db.pool).await?, row);
        }
        assert_eq!(db.count("members").await?, 2);
        Ok(())
    }

    async fn a_struct_that_is_nothing_but_its_key(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} PRIMARY KEY)"#)
            .await?;
        let tag = Tag {
            name: "rust".to_owned(),
        };
        assert_eq!(tag.upsert(&db.pool).await?, tag);
        assert_eq!(tag.upsert(&db.pool).await?, tag);
        let upserted = tag.upsert(&db.pool).with_action().await?;
        assert_eq!(
            (upserted.row, upserted.action),
            (tag.clone(), Action::Updated)
        );
        assert_eq!(tag.upsert(&db.pool).execute().await?, 1);
        assert!(!tag.insert_if_absent(&db.pool).await?);
        assert_eq!(tag.get_or_insert(&db.pool).await?.action, Action::Unchanged);
        assert_eq!(db.count("tags").await?, 1);
        Ok(())
    }

    async fn a_key_of_several_columns_and_nothing_else(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "memberships" ("id" {id}, "user_id" BIGINT NOT NULL, "team_id" BIGINT NOT NULL, UNIQUE ("user_id", "team_id"))"#).await?;
        let membership = |team_id| Membership {
            id: 0,
            user_id: 1,
            team_id,
        };
        let first = membership(1).upsert(&db.pool).with_action().await?;
        let other = membership(2).upsert(&db.pool).with_action().await?;
        let again = membership(1).upsert(&db.pool).with_action().await?;
        assert_eq!(
            [first.action, other.action, again.action],
            [Action::Inserted, Action::Inserted, Action::Updated]
        );
        assert_eq!(again.row, first.row);
        assert!(other.row.id != first.row.id);
        Ok(())
    }

    async fn a_key_of_another_type_than_text(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "sessions" ("token" {uuid} PRIMARY KEY, "day" {date} NOT NULL, "hits" BIGINT NOT NULL)"#).await?;
        let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day");
        let session = Session {
            token: uuid::Uuid::new_v4(),
            day,
            hits: 1,
        };
        assert_eq!(
            session.upsert(&db.pool).with_action().await?.action,
            Action::Inserted
        );
        let again = Session {
            hits: 2,
            ..session.clone()
        }
        .upsert(&db.pool)
        .with_action()
        .await?;
        assert_eq!(
            (again.row.hits, again.row.token, again.action),
            (2, session.token, Action::Updated)
        );
        Session {
            token: uuid::Uuid::new_v4(),
            ..session
        }
        .upsert(&db.pool)
        .await?;
        assert_eq!(db.count("sessions").await?, 2);
        Ok(())
    }

    /// An index over some rows decides about those alone.
    #[on(postgres, sqlite)]
    async fn a_partial_index_is_no_target(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "things" ("name" {text} NOT NULL, "n" BIGINT NOT NULL)"#)
            .await?;
        db.run(r#"CREATE UNIQUE INDEX "partial" ON "things" ("name") WHERE "n" > 0"#)
            .await?;
        let error = Thing {
            name: "a".to_owned(),
            n: 1,
        }
        .upsert(&db.pool)
        .await
        .expect_err("no index for all rows");
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
        Ok(())
    }

    /// A constraint that waits for the commit cannot decide now.
    #[on(postgres)]
    async fn a_deferrable_constraint_is_no_target(db: Db) -> Result<()> {
        db.run("CREATE TABLE things (name TEXT NOT NULL UNIQUE DEFERRABLE, n BIGINT NOT NULL)")
            .await?;
        let error = Thing {
            name: "a".to_owned(),
            n: 1,
        }
        .upsert(&db.pool)
        .await
        .expect_err("it is deferrable");
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
        assert!(error.to_string().contains("deferrable"), "{error}");
        Ok(())
    }
}
