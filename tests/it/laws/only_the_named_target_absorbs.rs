//! A row that collides on another unique key is an error, and nothing is written.

use anyhow::Result;
use sqlx::FromRow;
use upsert::{ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

const MEMBERS: &str = r#"CREATE TABLE "members" (
    "id" {id},
    "email" {text} NOT NULL UNIQUE,
    "handle" {text} UNIQUE,
    "name" {text} NOT NULL
)"#;

const STORED: &str = r#"SELECT "email", "handle", "name" FROM "members" ORDER BY "email""#;

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "members", conflict = "email")]
struct Member {
    email: String,
    handle: Option<String>,
    name: String,
}

/// Its handle is written once, so an update has no business with the other key.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "members", conflict = "email", insert_only = "handle")]
struct Settled {
    email: String,
    handle: Option<String>,
    name: String,
}

/// As `Settled`; where the order of the indexes matters, a model of its own.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "handles_first", conflict = "email", insert_only = "handle")]
struct HandlesFirst {
    email: String,
    handle: Option<String>,
    name: String,
}

#[derive(Debug, Upsert)]
#[upsert(table = "nullable", conflict = "code")]
struct Nullable {
    code: String,
    handle: String,
    n: i64,
}

/// An `Option` that the derive cannot see.
#[derive(Debug, Clone, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
struct Code(Option<String>);

#[derive(Debug, Upsert)]
#[upsert(table = "nullable", conflict = "tenant, code")]
struct Hidden {
    tenant: i64,
    code: Code,
    handle: String,
    n: i64,
}

fn member(email: &str, handle: &str) -> Member {
    Member {
        email: email.to_owned(),
        handle: Some(handle.to_owned()),
        name: "new".to_owned(),
    }
}

dialect_tests! {
    async fn whatever_the_call(db: Db) -> Result<()> {
        db.run(MEMBERS).await?;
        db.run(r#"INSERT INTO "members" ("email", "handle", "name") VALUES ('ada', 'countess', 'Ada')"#).await?;
        let before: Vec<Member> = db.all(STORED).await?;
        let stranger = member("stranger", "countess");
        let kinds = [
            stranger
                .upsert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            stranger
                .upsert(&db.pool)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            stranger
                .upsert(&db.pool)
                .execute()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            stranger
                .insert_if_absent(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            stranger
                .insert_if_absent(&db.pool)
                .returning()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            stranger
                .get_or_insert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ];
        assert_eq!(kinds, [Err(ErrorKind::UniqueViolation); 6]);
        assert_eq!(db.all::<Member>(STORED).await?, before);
        Ok(())
    }

    async fn and_the_transaction_goes_on_where_it_can(db: Db) -> Result<()> {
        db.run(MEMBERS).await?;
        db.run(r#"INSERT INTO "members" ("email", "handle", "name") VALUES ('ada', 'countess', 'Ada')"#).await?;
        let mut tx = db.pool.begin().await?;
        member("bob", "builder").upsert(&mut tx).await?;
        let error = member("stranger", "countess")
            .upsert(&mut tx)
            .await
            .expect_err("it collides");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        // PostgreSQL ends a transaction with its first error, the others go on.
        let after = member("carl", "sagan").upsert(&mut tx).await;
        assert_eq!(after.is_ok(), db.server.key != Key::Postgres);
        tx.commit().await?;
        let expected = if db.server.key == Key::Postgres { 1 } else { 3 };
        assert_eq!(db.count("members").await?, expected);
        Ok(())
    }

    /// Neither the target's row nor the other one takes a value that another row owns.
    async fn a_row_that_hits_two_rows_and_writes_the_other_key_is_an_error(db: Db) -> Result<()> {
        db.run(MEMBERS).await?;
        db.run(r#"INSERT INTO "members" ("email", "handle", "name") VALUES ('a', 'handle-a', 'A'), ('b', 'handle-b', 'B')"#).await?;
        let before: Vec<Member> = db.all(STORED).await?;
        let error = member("b", "handle-a")
            .upsert(&db.pool)
            .await
            .expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(db.all::<Member>(STORED).await?, before);
        Ok(())
    }

    /// The target's index is the older one, so every database finds the target's row.
    async fn a_row_that_hits_two_rows_updates_the_targets(db: Db) -> Result<()> {
        db.run(MEMBERS).await?;
        db.run(r#"INSERT INTO "members" ("email", "handle", "name") VALUES ('a', 'handle-a', 'A'), ('b', 'handle-b', 'B')"#).await?;
        let both = Settled {
            email: "b".to_owned(),
            handle: Some("handle-a".to_owned()),
            name: "new".to_owned(),
        };
        let row = both.upsert(&db.pool).await?;
        assert_eq!(
            row,
            Settled {
                handle: Some("handle-b".to_owned()),
                ..both
            }
        );
        let names: Vec<(String,)> = db
            .all(r#"SELECT "name" FROM "members" ORDER BY "email""#)
            .await?;
        assert_eq!(names, [("A".to_owned(),), ("new".to_owned(),)]);
        Ok(())
    }

    /// MySQL and MariaDB look at the older index first, and then cannot tell whose row it is: an error, never the wrong row.
    async fn a_row_that_hits_two_rows_never_updates_the_other(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "handles_first" ("handle" {text} NOT NULL UNIQUE, "email" {text} NOT NULL UNIQUE, "name" {text} NOT NULL)"#).await?;
        db.run(
            r#"INSERT INTO "handles_first" VALUES ('handle-a', 'a', 'A'), ('handle-b', 'b', 'B')"#,
        )
        .await?;
        let both = HandlesFirst {
            email: "b".to_owned(),
            handle: Some("handle-a".to_owned()),
            name: "new".to_owned(),
        };
        let outcome = both.upsert(&db.pool).await.map_err(|error| error.kind());
        let names: Vec<(String,)> = db
            .all(r#"SELECT "name" FROM "handles_first" ORDER BY "email""#)
            .await?;
        let b = match db.server.key {
            Key::MariaDb | Key::MySql => {
                assert_eq!(outcome, Err(ErrorKind::UniqueViolation));
                "B"
            }
            Key::Postgres | Key::Sqlite => {
                assert_eq!(
                    outcome,
                    Ok(HandlesFirst {
                        handle: Some("handle-b".to_owned()),
                        ..both
                    })
                );
                "new"
            }
        };
        assert_eq!(names, [("A".to_owned(),), (b.to_owned(),)]);
        Ok(())
    }

    /// NULL is no key: a row without one must not take what another key let through.
    async fn a_stored_row_without_a_key_absorbs_nothing(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "nullable" ("code" {text} UNIQUE, "handle" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL)"#).await?;
        db.run(r#"INSERT INTO "nullable" VALUES (NULL, 'taken', 1)"#)
            .await?;
        let row = Nullable {
            code: "x".to_owned(),
            handle: "taken".to_owned(),
            n: 2,
        };
        let error = row.upsert(&db.pool).await.expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        let stored: Vec<(Option<String>, i64)> =
            db.all(r#"SELECT "code", "n" FROM "nullable""#).await?;
        assert_eq!(stored, [(None, 1)]);
        Ok(())
    }

    /// Nor are two NULLs the same key, which MySQL's and MariaDB's `<=>` would say.
    async fn a_row_without_a_key_is_absorbed_by_nothing(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "nullable" ("tenant" BIGINT NOT NULL, "code" {text}, "handle" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL, UNIQUE ("tenant", "code"))"#).await?;
        db.run(r#"INSERT INTO "nullable" VALUES (1, NULL, 'taken', 1)"#)
            .await?;
        let row = |handle: &str| Hidden {
            tenant: 1,
            code: Code(None),
            handle: handle.to_owned(),
            n: 2,
        };
        let error = row("taken")
            .upsert(&db.pool)
            .await
            .expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(row("free").upsert(&db.pool).execute().await?, 1);
        let stored: Vec<(String, i64)> = db
            .all(r#"SELECT "handle", "n" FROM "nullable" ORDER BY "handle""#)
            .await?;
        assert_eq!(stored, [("free".to_owned(), 2), ("taken".to_owned(), 1)]);
        Ok(())
    }

    /// NULL collides with nothing, so the second key is no obstacle.
    async fn a_second_key_that_is_null_collides_with_nothing(db: Db) -> Result<()> {
        db.run(MEMBERS).await?;
        for email in ["a", "b", "c"] {
            let row = Member {
                handle: None,
                ..member(email, "")
            };
            assert_eq!(row.upsert(&db.pool).await?, row);
        }
        assert_eq!(db.count("members").await?, 3);
        Ok(())
    }
}
