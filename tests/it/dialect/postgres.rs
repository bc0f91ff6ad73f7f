//! PostgreSQL's own.

use anyhow::Result;
use sqlx::postgres::types::PgCiText;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::dialect_tests;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "posts", conflict = "slug")]
struct Post {
    slug: String,
    tags: Vec<String>,
    scores: Option<Vec<Option<i32>>>,
}

fn post(tags: &[&str], scores: Option<Vec<Option<i32>>>) -> Post {
    Post {
        slug: "hello".to_owned(),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        scores,
    }
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email")]
struct User {
    email: String,
    name: String,
}

fn user(email: &str, name: &str) -> User {
    User {
        email: email.to_owned(),
        name: name.to_owned(),
    }
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "boxes", conflict = "name", generated = "id, volume")]
struct Box_ {
    id: i64,
    name: String,
    width: i64,
    height: i64,
    volume: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "texts", conflict = "name")]
struct Text {
    name: String,
    #[upsert(update = "back\\slash and 'quote'")]
    text: String,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email")]
struct Caseless {
    email: PgCiText,
    name: String,
}

/// A trigger of one function, before each row that the statement writes.
fn trigger(event: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
         CREATE TRIGGER suppress BEFORE {event} ON users FOR EACH ROW EXECUTE FUNCTION suppress()"
    )
}

/// Shared by all schemas, and not made twice at once.
const CITEXT: &str = "
    SET client_min_messages = warning;
    BEGIN; SELECT pg_advisory_xact_lock(7254); CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; COMMIT
";

const USERS: &str = "CREATE TABLE users (email TEXT PRIMARY KEY, name TEXT NOT NULL)";

dialect_tests! {
    #[on(postgres)]
    async fn arrays(db: Db) -> Result<()> {
        db.run(
            "CREATE TABLE posts (slug TEXT PRIMARY KEY, tags TEXT[] NOT NULL, scores INTEGER[])",
        )
        .await?;
        for row in [
            post(
                &["a", "it's \"quoted\", {braced}"],
                Some(vec![Some(1), None]),
            ),
            post(&[], None),
            post(&["NULL", ""], Some(vec![])),
        ] {
            assert_eq!(row.upsert(&db.pool).await?, row);
            assert_eq!(row.get_or_insert(&db.pool).await?.row, row);
        }
        Ok(())
    }

    #[on(postgres)]
    async fn a_domain(db: Db) -> Result<()> {
        db.run("CREATE DOMAIN address AS TEXT CHECK (VALUE LIKE '%@%')")
            .await?;
        db.run("CREATE TABLE users (email address PRIMARY KEY, name VARCHAR(5) NOT NULL)")
            .await?;
        assert_eq!(
            user("ada@example.com", "Ada").upsert(&db.pool).await?,
            user("ada@example.com", "Ada")
        );
        let upserted = user("ada@example.com", "Eva")
            .upsert(&db.pool)
            .with_action()
            .await?;
        assert_eq!(
            (upserted.row.name.as_str(), upserted.action),
            ("Eva", Action::Updated)
        );
        assert_eq!(
            user("ada@example.com", "")
                .get_or_insert(&db.pool)
                .await?
                .row
                .name,
            "Eva"
        );
        let error = user("nowhere", "Ada")
            .upsert(&db.pool)
            .await
            .expect_err("no address");
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        Ok(())
    }

    #[on(postgres)]
    async fn citext(db: Db) -> Result<()> {
        db.run(CITEXT).await?;
        db.run("CREATE TABLE users (email CITEXT PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        let user = |email: &str, name: &str| Caseless {
            email: PgCiText(email.to_owned()),
            name: name.to_owned(),
        };
        user("ada", "Ada").upsert(&db.pool).await?;
        let upserted = user("ADA", "Countess")
            .upsert(&db.pool)
            .with_action()
            .await?;
        assert_eq!(
            (upserted.row, upserted.action),
            (user("ada", "Countess"), Action::Updated)
        );
        assert!(!user("Ada", "").insert_if_absent(&db.pool).await?);
        assert_eq!(
            user("Ada", "").get_or_insert(&db.pool).await?.row,
            user("ada", "Countess")
        );
        Ok(())
    }

    /// The conflict is decided by the column's type, a comparison with a text by the text's. We should rather find the row.
    #[on(postgres)]
    async fn citext_that_is_looked_for_as_text(db: Db) -> Result<()> {
        db.run(CITEXT).await?;
        db.run("CREATE TABLE users (email CITEXT PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        user("ada", "Ada").upsert(&db.pool).await?;
        let upserted = user("ADA", "Countess")
            .upsert(&db.pool)
            .with_action()
            .await?;
        assert_eq!(
            (upserted.row, upserted.action),
            (user("ada", "Countess"), Action::Updated)
        );
        assert!(!user("Ada", "").insert_if_absent(&db.pool).await?);
        assert_eq!(
            user("ada", "").get_or_insert(&db.pool).await?.row,
            user("ada", "Countess")
        );
        let error = user("Ada", "")
            .get_or_insert(&db.pool)
            .await
            .expect_err("it is not found");
        assert_eq!(error.kind(), ErrorKind::RowVanished);
        Ok(())
    }

    /// Such a collation makes keys equal that are not the same.
    #[on(postgres)]
    async fn a_collation_without_case(db: Db) -> Result<()> {
        db.run("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)").await?;
        db.run("CREATE TABLE users (email TEXT COLLATE caseless PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        user("ada", "Ada").upsert(&db.pool).await?;
        assert_eq!(
            user("ADA", "Countess").upsert(&db.pool).await?,
            user("ada", "Countess")
        );
        assert_eq!(
            user("Ada", "").get_or_insert(&db.pool).await?.row,
            user("ada", "Countess")
        );
        Ok(())
    }

    #[on(postgres)]
    async fn a_trigger_that_suppresses_the_insert(db: Db) -> Result<()> {
        db.run(USERS).await?;
        db.run(&trigger("INSERT", "RETURN NULL")).await?;
        let ada = user("ada", "Ada");
        for kind in [
            ada.upsert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            ada.upsert(&db.pool)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            ada.get_or_insert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ] {
            assert_eq!(kind, Err(ErrorKind::RowVanished));
        }
        assert_eq!(ada.upsert(&db.pool).execute().await?, 0);
        assert!(!ada.insert_if_absent(&db.pool).await?);
        assert_eq!(ada.insert_if_absent(&db.pool).returning().await?, None);
        let error = ada.upsert(&db.pool).await.expect_err("no row");
        assert!(error.to_string().contains("look for a trigger"), "{error}");
        assert!(matches!(sqlx::Error::from(error), sqlx::Error::RowNotFound));
        Ok(())
    }

    #[on(postgres)]
    async fn a_trigger_that_suppresses_the_update(db: Db) -> Result<()> {
        db.run(USERS).await?;
        db.run(&trigger("UPDATE", "RETURN NULL")).await?;
        let (ada, eva) = (user("ada", "Ada"), user("ada", "Eva"));
        assert_eq!(
            ada.upsert(&db.pool).with_action().await?.action,
            Action::Inserted
        );
        let upserted = eva.upsert(&db.pool).with_action().await?;
        assert_eq!((&upserted.row, upserted.action), (&ada, Action::Unchanged));
        assert_eq!(eva.upsert(&db.pool).await?, ada);
        assert_eq!(eva.upsert(&db.pool).execute().await?, 0);
        Ok(())
    }

    #[on(postgres)]
    async fn a_view(db: Db) -> Result<()> {
        db.run("CREATE TABLE stored (id BIGINT GENERATED ALWAYS AS IDENTITY, address TEXT PRIMARY KEY, name TEXT NOT NULL)").await?;
        db.run("CREATE VIEW users AS SELECT address AS email, name FROM stored")
            .await?;
        assert_eq!(
            user("ada", "Ada").upsert(&db.pool).await?,
            user("ada", "Ada")
        );
        assert_eq!(
            user("ada", "Eva").upsert(&db.pool).await?,
            user("ada", "Eva")
        );
        assert!(!user("ada", "").insert_if_absent(&db.pool).await?);
        assert_eq!(
            user("ada", "").get_or_insert(&db.pool).await?.row,
            user("ada", "Eva")
        );
        assert_eq!(db.count("stored").await?, 1);
        Ok(())
    }

    /// An identity that accepts no value, and a column that is computed from others.
    #[on(postgres)]
    async fn columns_that_are_always_generated(db: Db) -> Result<()> {
        db.run("CREATE TABLE boxes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT UNIQUE, width BIGINT, height BIGINT, volume BIGINT GENERATED ALWAYS AS (width * height) STORED)").await?;
        let row = Box_ {
            id: 0,
            name: "a".to_owned(),
            width: 2,
            height: 3,
            volume: 0,
        };
        let first = row.upsert(&db.pool).await?;
        assert_eq!(first.volume, 6);
        let second = Box_ { height: 5, ..row }
            .upsert(&db.pool)
            .with_action()
            .await?;
        assert_eq!(
            (second.row.id, second.row.volume, second.action),
            (first.id, 10, Action::Updated)
        );
        Ok(())
    }

    /// A statement that was prepared long ago is planned again, and finds no index any more.
    #[on(postgres)]
    async fn an_index_that_goes_and_comes_back(db: Db) -> Result<()> {
        db.run("CREATE TABLE users (email TEXT NOT NULL, name TEXT NOT NULL); CREATE UNIQUE INDEX target ON users (email)").await?;
        let pool = db.pool_of(1);
        for _ in 0..8 {
            user("ada", "Ada").upsert(&pool).await?;
        }
        db.run("DROP INDEX target").await?;
        let error = user("ada", "Ada")
            .upsert(&pool)
            .await
            .expect_err("no index");
        assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
        db.run("CREATE UNIQUE INDEX target ON users (email)")
            .await?;
        assert_eq!(user("ada", "Eva").upsert(&pool).await?.name, "Eva");
        Ok(())
    }

    /// With the old meaning of backslashes, too.
    #[on(postgres)]
    async fn literals_in_a_session_of_the_old_kind(db: Db) -> Result<()> {
        db.run("CREATE TABLE texts (name TEXT PRIMARY KEY, text TEXT NOT NULL)")
            .await?;
        if db.server.major() >= 19 {
            // The setting is gone.
            return Ok(());
        }
        let mut conn = db.connect().await?;
        sqlx::raw_sql("SET standard_conforming_strings = off")
            .execute(&mut conn)
            .await?;
        let text = Text {
            name: "a".to_owned(),
            text: "x\\y".to_owned(),
        };
        assert_eq!(text.upsert(&mut conn).await?.text, "x\\y");
        assert_eq!(
            text.upsert(&mut conn).await?.text,
            "back\\slash and 'quote'"
        );
        Ok(())
    }

    #[on(postgres)]
    async fn a_temporary_table(db: Db) -> Result<()> {
        let mut conn = db.connect().await?;
        sqlx::raw_sql("CREATE TEMPORARY TABLE users (email TEXT PRIMARY KEY, name TEXT NOT NULL)")
            .execute(&mut conn)
            .await?;
        assert_eq!(
            user("ada", "Ada")
                .upsert(&mut conn)
                .with_action()
                .await?
                .action,
            Action::Inserted
        );
        assert_eq!(
            user("ada", "Ada")
                .upsert(&mut conn)
                .with_action()
                .await?
                .action,
            Action::Updated
        );
        Ok(())
    }

    /// One number for the conflict, none for the row that was found.
    #[on(postgres)]
    async fn a_conflict_burns_a_number_and_get_or_insert_does_not(db: Db) -> Result<()> {
        db.run("CREATE TABLE boxes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT UNIQUE, width BIGINT, height BIGINT, volume BIGINT DEFAULT 0)").await?;
        let row = |name: &str| Box_ {
            id: 0,
            name: name.to_owned(),
            width: 2,
            height: 3,
            volume: 0,
        };
        let first = row("a").upsert(&db.pool).await?.id;
        row("a").upsert(&db.pool).await?;
        row("a").get_or_insert(&db.pool).await?;
        assert_eq!(row("b").upsert(&db.pool).await?.id, first + 2);
        Ok(())
    }
}
