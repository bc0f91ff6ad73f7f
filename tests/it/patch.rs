//! `Patch`: fields that are given or not, where NULL is a value.

use anyhow::Result;
use upsert::{Action, ErrorKind, Patch, Upsert};

use crate::harness::{Key, dialect_tests};

const PROFILES: &str = r#"CREATE TABLE "profiles" (
    "email" {text} PRIMARY KEY, "nick" {text} DEFAULT 'anonymous', "age" BIGINT, "level" BIGINT DEFAULT 3, "note" {text}
)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "email")]
struct Profile {
    email: String,
    nick: Patch<Option<String>>,
    age: Patch<Option<i64>>,
    level: Patch<i64>,
    #[upsert(update = if is_null(old.age) { "no age" } else { new.note })]
    note: String,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "profiles",
    conflict = "email",
    skip_unchanged,
    returning = "nick, level"
)]
struct Skipping {
    email: String,
    nick: Patch<Option<String>>,
    level: Patch<Option<i64>>,
}

fn keep(note: &str) -> Profile {
    Profile {
        email: "a@x".to_owned(),
        nick: Patch::Keep,
        age: Patch::Keep,
        level: Patch::Set(1),
        note: note.to_owned(),
    }
}

fn set(text: &str) -> Patch<Option<String>> {
    Patch::Set(Some(text.to_owned()))
}

dialect_tests! {
    async fn an_update_sets_what_is_given(db: Db) -> Result<()> {
        db.run(PROFILES).await?;
        let first = Profile { nick: set("ada"), age: Patch::Set(Some(36)), ..keep("n") };
        assert_eq!(first.upsert(&db.pool).await?, first);
        let kept = Profile { level: Patch::Keep, ..keep("m") }.upsert(&db.pool).await?;
        assert_eq!((kept.nick, kept.age, kept.level, kept.note.as_str()), (set("ada"), Patch::Set(Some(36)), Patch::Set(1), "m"));
        let cleared = Profile { nick: Patch::Set(None), age: Patch::Set(None), level: Patch::Set(9), ..keep("o") };
        let cleared = cleared.upsert(&db.pool).with_action().await?;
        assert_eq!((cleared.row.nick, cleared.row.age, cleared.row.level), (Patch::Set(None), Patch::Set(None), Patch::Set(9)));
        assert_eq!((cleared.row.note.as_str(), cleared.action), ("o", Action::Updated));
        // An expression that reads the column reads what was stored.
        let again = Profile { nick: set("eve"), age: Patch::Set(Some(1)), ..keep("p") }.upsert(&db.pool).await?;
        assert_eq!((again.nick, again.age, again.note.as_str()), (set("eve"), Patch::Set(Some(1)), "no age"));
        Ok(())
    }

    async fn an_insert_takes_the_default_where_it_can(db: Db) -> Result<()> {
        db.run(PROFILES).await?;
        let has_defaults = matches!(db.server.key, Key::MariaDb | Key::MySql);
        let row = keep("n").upsert(&db.pool).await?;
        let nick = if has_defaults { set("anonymous") } else { Patch::Set(None) };
        assert_eq!((row.nick, row.age, row.level), (nick.clone(), Patch::Set(None), Patch::Set(1)));
        let other = Profile { email: "b@x".to_owned(), nick: Patch::Set(None), ..keep("n") };
        assert_eq!(other.get_or_insert(&db.pool).await?.row.nick, Patch::Set(None));
        let other = Profile { email: "c@x".to_owned(), ..keep("n") };
        assert_eq!(other.insert_if_absent(&db.pool).returning().await?.map(|row| row.nick), Some(nick));
        let other = Profile { email: "d@x".to_owned(), nick: set("given"), ..keep("n") };
        assert_eq!(other.get_or_insert(&db.pool).await?.row.nick, set("given"));
        Ok(())
    }

    /// A column that may not be NULL: the default where the statement can ask for it, a refusal elsewhere.
    async fn an_insert_into_a_column_that_is_not_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "profiles" ("email" {text} PRIMARY KEY, "nick" {text} NOT NULL DEFAULT 'anonymous', "level" BIGINT NOT NULL)"#).await?;
        let row = |nick, level| Skipping { email: "a@x".to_owned(), nick, level };
        let has_defaults = matches!(db.server.key, Key::MariaDb | Key::MySql);
        let error = row(set("b"), Patch::Keep).upsert(&db.pool).await;
        assert_eq!(error.expect_err("there is no default").kind(), ErrorKind::NotNullViolation);
        // MySQL and MariaDB want a default even where it is not taken.
        let given = row(set("b"), Patch::Set(Some(1))).upsert(&db.pool).await;
        let kind = given.as_ref().err().map(upsert::Error::kind);
        assert_eq!(kind, has_defaults.then_some(ErrorKind::NotNullViolation));
        if has_defaults {
            db.run("ALTER TABLE profiles ALTER COLUMN level SET DEFAULT 3").await?;
        }
        let kept = Skipping { email: "c@x".to_owned(), ..row(Patch::Keep, Patch::Set(Some(1))) }.upsert(&db.pool).await;
        if has_defaults {
            assert_eq!(kept?, (set("anonymous"), Patch::Set(Some(1))));
        } else {
            assert_eq!(kept.expect_err("NULL is refused").kind(), ErrorKind::NotNullViolation);
        }
        Ok(())
    }

    async fn nothing_is_written_when_nothing_is_given(db: Db) -> Result<()> {
        db.run(PROFILES).await?;
        let row = |nick, level| Skipping { email: "a@x".to_owned(), nick, level };
        row(set("ada"), Patch::Set(Some(1))).upsert(&db.pool).await?;
        for (nick, level, rows) in [
            (Patch::Keep, Patch::Keep, 0),
            (set("ada"), Patch::Keep, 0),
            (set("Ada"), Patch::Keep, 1),
            (Patch::Keep, Patch::Set(None), 1),
            (Patch::Keep, Patch::Set(None), 0),
            (Patch::Set(None), Patch::Keep, 1),
            (Patch::Keep, Patch::Keep, 0),
        ] {
            assert_eq!(row(nick.clone(), level).upsert(&db.pool).execute().await?, rows, "{nick:?} {level:?}");
        }
        Ok(())
    }
}
