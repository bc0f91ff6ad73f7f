//! The numbers mean the same everywhere, whatever the server's reply says.

use anyhow::Result;
use upsert::Upsert;

use crate::harness::{Key, dialect_tests};

const WORDS: &str = r#"CREATE TABLE "words" ("k" {text} PRIMARY KEY, "n" BIGINT NOT NULL, "v" {text});
    CREATE TABLE "log" ("k" {text})"#;

/// A MySQL table with numbers of its own, whose replies have them.
const NUMBERED: &str = r#"CREATE TABLE "words" ("id" {id}, "k" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL, "v" {text});
    CREATE TABLE "log" ("k" {text})"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k")]
#[upsert(name = "raise", conflict = "k", update_where(new.n > old.n))]
#[upsert(name = "touch", conflict = "k", skip_unchanged)]
#[upsert(name = "both", conflict = "k", skip_unchanged, update_where(new.n > 0))]
#[upsert(name = "newest", conflict = "k", newer = "n")]
struct Word {
    k: String,
    n: i64,
    v: Option<String>,
}

fn word(k: &str, n: i64, v: Option<&str>) -> Word {
    Word {
        k: k.to_owned(),
        n,
        v: v.map(str::to_owned),
    }
}

/// Half of them are there.
fn stored() -> [Word; 3] {
    [
        word("a", 1, None),
        word("b", 2, Some("x")),
        word("c", 3, None),
    ]
}

/// a: raised; b: equal; c: lowered; d: new, and again; a once more, lower than it then is.
fn given() -> [Word; 6] {
    [
        word("a", 5, None),
        word("b", 2, Some("x")),
        word("c", 1, None),
        word("d", 1, None),
        word("d", 1, None),
        word("a", 4, None),
    ]
}

macro_rules! check {
    ($db:ident) => {{
        let pool = &$db.pool;
        let rows = given();
        for (expected, number) in [
            (6, 0), // the default
            (2, 1), // raise: a, d
            (4, 2), // touch: a, c, d, a
            (4, 3), // both
            (2, 4), // newest
            (1, 5), // insert_all_if_absent: d
        ] {
            $db.run(r#"DELETE FROM "words""#).await?;
            Word::upsert_all(&stored(), pool).await?;
            let written = match number {
                0 => Word::upsert_all(&rows, pool).await?,
                1 => Word::raise_all(&rows, pool).await?,
                2 => Word::touch_all(&rows, pool).await?,
                3 => Word::both_all(&rows, pool).await?,
                4 => Word::newest_all(&rows, pool).await?,
                _ => Word::insert_all_if_absent(&rows, pool).await?,
            };
            assert_eq!(written, expected, "call {number}");
            // Nothing is left to be done.
            let again = match number {
                1 => Word::raise_all(&rows[..5], pool).await?,
                2 => Word::touch_all(&rows[1..5], pool).await?,
                4 => Word::newest_all(&rows[..5], pool).await?,
                5 => Word::insert_all_if_absent(&rows, pool).await?,
                _ => 0,
            };
            assert_eq!(again, 0, "call {number}, again");
            assert_eq!($db.count("words").await?, 4);
        }
    }};
}

/// What a trigger may do on an update on MySQL and MariaDB, all of which takes the reply from the call.
const TRIGGERS: [&str; 4] = [
    "CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW SET NEW.n = NEW.n",
    "CREATE TRIGGER t AFTER UPDATE ON words FOR EACH ROW INSERT INTO log (k) VALUES (NEW.k)",
    "CREATE TRIGGER t AFTER UPDATE ON words FOR EACH ROW SET @upsert_it = LAST_INSERT_ID(5)",
    "CREATE TRIGGER t AFTER INSERT ON words FOR EACH ROW INSERT INTO log (k) VALUES (NEW.k)",
];

dialect_tests! {
    async fn are_those_of_the_calls_one_by_one(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        check!(db);
        Ok(())
    }

    async fn with_a_generated_number(db: Db) -> Result<()> {
        db.run(NUMBERED).await?;
        check!(db);
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn with_update_triggers(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run(if db.server.key == Key::Sqlite {
            "CREATE TRIGGER t AFTER UPDATE ON words BEGIN INSERT INTO log VALUES (NEW.k); INSERT INTO log VALUES (OLD.k); END"
        } else {
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.k), (OLD.k); RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW EXECUTE FUNCTION note()"
        }).await?;
        check!(db);
        Ok(())
    }

    #[on(mysql)]
    async fn with_triggers(db: Db) -> Result<()> {
        for table in [WORDS, NUMBERED] {
            for trigger in TRIGGERS {
                db.run(table).await?;
                db.run(trigger).await?;
                check!(db);
                db.run("DROP TABLE words; DROP TABLE log").await?;
            }
        }
        Ok(())
    }

    /// A call that was begun in the same session counts for itself.
    async fn in_one_session(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut tx = db.pool.begin().await?;
        assert_eq!(Word::insert_all_if_absent(&stored(), &mut tx).await?, 3);
        assert_eq!(Word::insert_all_if_absent(&given(), &mut tx).await?, 1);
        assert_eq!(Word::raise_all(&given(), &mut tx).await?, 1);
        assert_eq!(Word::raise_all(&given(), &mut tx).await?, 0);
        tx.commit().await?;
        Ok(())
    }

    async fn over_many_chunks(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows: Vec<_> = (0..50).map(|n| word(&format!("k{}", n % 40), n, None)).collect();
        assert_eq!(Word::insert_all_if_absent(&rows[..20], &db.pool).chunk_rows(3).await?, 20);
        assert_eq!(Word::insert_all_if_absent(&rows, &db.pool).chunk_rows(7).await?, 20);
        assert_eq!(Word::upsert_all(&rows, &db.pool).chunk_rows(7).await?, 50);
        // Of k0 to k9 the second, and k21 to k39.
        db.run(r#"UPDATE "words" SET "n" = 20"#).await?;
        assert_eq!(Word::raise_all(&rows, &db.pool).chunk_rows(7).await?, 29);
        Ok(())
    }
}
