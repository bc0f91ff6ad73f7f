//! What only PostgreSQL has: arrays, types of one's own, and ideas of equal that bytes do not have.

use anyhow::Result;
use rust_decimal::Decimal;
use sqlx::postgres::types::PgCiText;
use upsert::{Action, Upsert, Upserted};

use crate::harness::dialect_tests;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "posts", conflict = "slug")]
struct Post {
    slug: String,
    tags: Vec<String>,
    scores: Option<Vec<Option<i32>>>,
}

fn post(slug: &str, tags: &[&str], scores: Option<Vec<Option<i32>>>) -> Post {
    Post {
        slug: slug.to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        scores,
    }
}

#[derive(Debug, Clone, PartialEq, sqlx::Type)]
#[sqlx(type_name = "point2")]
struct Point {
    x: i32,
    y: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "places", conflict = "k")]
struct Place {
    k: i64,
    at: Option<Point>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "word", accumulate = "n", bulk = "values")]
struct InValues {
    word: String,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "word", accumulate = "n", bulk = "unnest")]
struct Unnested {
    word: String,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    insert_only = "v"
)]
struct Text {
    word: String,
    n: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    insert_only = "v"
)]
struct Caseless {
    word: PgCiText,
    n: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    insert_only = "v"
)]
struct Number {
    word: Decimal,
    n: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    insert_only = "v"
)]
struct Float {
    word: f64,
    n: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "lower(word)",
    accumulate = "n",
    insert_only = "v"
)]
struct Lowered {
    word: String,
    n: i64,
    v: i64,
}

/// The batch does what the loop does, with a pool and in a transaction, whatever is asked for; and says so the same way.
macro_rules! as_the_loop {
    ($db:ident, $model:ident, $rows:expr) => {{
        let rows: Vec<$model> = $rows;
        $db.run("DELETE FROM words").await?;
        let stored = r#"SELECT "word"::text, "n", "v" FROM "words" ORDER BY "v", "n""#;
        let mut tx = $db.pool.begin().await?;
        let mut told = Vec::new();
        let mut one_by_one = Vec::new();
        for row in &rows {
            let Upserted { row, action, .. } = row.upsert(&mut tx).with_action().await?;
            told.push(row.clone());
            one_by_one.push((row, action));
        }
        tx.commit().await?;
        let expected: Vec<(String, i64, i64)> = $db.all(stored).await?;
        for in_a_transaction in [false, true] {
            for call in 0..3 {
                $db.run("DELETE FROM words").await?;
                let mut tx = $db.pool.begin().await?;
                let place = format!("in a transaction: {in_a_transaction}, call {call}");
                match (call, in_a_transaction) {
                    (0, false) => assert_eq!(
                        $model::upsert_all(&rows, &$db.pool).await?,
                        rows.len() as u64
                    ),
                    (0, true) => {
                        assert_eq!($model::upsert_all(&rows, &mut tx).await?, rows.len() as u64)
                    }
                    (1, false) => assert_eq!(
                        $model::upsert_all(&rows, &$db.pool).returning().await?,
                        told,
                        "{place}"
                    ),
                    (1, true) => assert_eq!(
                        $model::upsert_all(&rows, &mut tx).returning().await?,
                        told,
                        "{place}"
                    ),
                    (_, ours) => {
                        let upserted = if ours {
                            $model::upsert_all(&rows, &mut tx).with_actions().await?
                        } else {
                            $model::upsert_all(&rows, &$db.pool).with_actions().await?
                        };
                        let upserted: Vec<_> = upserted
                            .into_iter()
                            .map(|upserted| (upserted.row, upserted.action))
                            .collect();
                        assert_eq!(upserted, one_by_one, "{place}");
                    }
                }
                tx.commit().await?;
                assert_eq!(
                    $db.all::<(String, i64, i64)>(stored).await?,
                    expected,
                    "{place}"
                );
            }
        }
        // And by chunks so small that equal keys fall into different ones.
        $db.run("DELETE FROM words").await?;
        assert_eq!(
            $model::upsert_all(&rows, &$db.pool)
                .chunk_rows(2)
                .returning()
                .await?,
            told
        );
        assert_eq!($model::insert_all_if_absent(&rows, &$db.pool).await?, 0);
        $db.run("DELETE FROM words").await?;
        let inserted = $model::insert_all_if_absent(&rows, &$db.pool).await?;
        assert_eq!($db.count("words").await?, i64::try_from(inserted)?);
        $db.run("DELETE FROM words").await?;
        let inserted = $model::insert_all_if_absent(&rows, &$db.pool)
            .returning()
            .await?;
        assert_eq!(
            $db.count("words").await?,
            i64::try_from(inserted.iter().flatten().count())?
        );
    }};
}

fn texts(words: &[&str]) -> Vec<Text> {
    let words = words.iter().zip(1..);
    words
        .map(|(word, v)| Text {
            word: (*word).to_owned(),
            n: 1 << v,
            v,
        })
        .collect()
}

fn numbers() -> Vec<Number> {
    let words = ["1.50", "2", "1.5", "1.500", "2.00", "3"].iter().zip(1..);
    words
        .map(|(word, v)| Number {
            word: word.parse().expect("a number"),
            n: 1 << v,
            v,
        })
        .collect()
}

/// Shared by all schemas, and not made twice at once.
const CITEXT: &str = "
    SET client_min_messages = warning;
    BEGIN; SELECT pg_advisory_xact_lock(7254); CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; COMMIT
";

dialect_tests! {
    #[on(postgres)]
    async fn arrays(db: Db) -> Result<()> {
        db.run("CREATE TABLE posts (slug TEXT PRIMARY KEY, tags TEXT[] NOT NULL, scores INTEGER[])").await?;
        let rows = [
            post("b", &["a", "it's \"quoted\", {braced}"], Some(vec![Some(1), None])),
            post("a", &[], None),
            post("c", &["NULL", ""], Some(vec![])),
            post("b", &["again"], None),
        ];
        assert_eq!(Post::upsert_all(&rows, &db.pool).await?, 4);
        assert_eq!(Post::upsert_all(&rows, &db.pool).returning().await?, rows);
        let upserted = Post::upsert_all(&rows, &db.pool).chunk_rows(2).with_actions().await?;
        assert!(upserted.iter().zip(&rows).all(|(upserted, row)| upserted.row == *row));
        let found = Post::get_or_insert_all(&rows[..3], &db.pool).await?;
        assert_eq!(found[0].row, rows[3]);
        Ok(())
    }

    /// UNNEST would make a column of each of its fields.
    #[on(postgres)]
    async fn composite_types(db: Db) -> Result<()> {
        db.run("CREATE TYPE point2 AS (x INTEGER, y INTEGER)").await?;
        db.run("CREATE TABLE places (k BIGINT PRIMARY KEY, at point2)").await?;
        let place = |k, at: Option<(i32, Option<i32>)>| Place { k, at: at.map(|(x, y)| Point { x, y }) };
        let rows = [place(2, Some((1, Some(2)))), place(1, None), place(3, Some((5, None))), place(1, Some((7, Some(8))))];
        assert_eq!(Place::upsert_all(&rows, &db.pool).await?, 4);
        assert_eq!(Place::upsert_all(&rows, &db.pool).returning().await?, rows);
        let found = Place::get_or_insert_all(&rows, &db.pool).await?;
        assert_eq!(found[1].row, rows[3]);
        Ok(())
    }

    #[on(postgres)]
    async fn the_way_that_the_attribute_says(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL)").await?;
        let mut conn = db.connect().await?;
        let rows = ["b", "a", "b"].map(|word| InValues { word: word.to_owned(), n: 1 });
        let stored = InValues::upsert_all(&rows, &mut conn).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [1, 1, 2]);
        let rows = ["b", "a", "b"].map(|word| Unnested { word: word.to_owned(), n: 1 });
        let stored = Unnested::upsert_all(&rows, &mut conn).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [3, 2, 4]);
        let sent: Vec<(String,)> = sqlx::query_as("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%words%'")
            .fetch_all(&mut conn)
            .await?;
        let has = |part: &str| sent.iter().any(|(sql,)| sql.starts_with("INSERT") && sql.contains(part));
        assert!(has("UNNEST("), "{sent:?}");
        Ok(())
    }

    #[on(postgres)]
    async fn citext(db: Db) -> Result<()> {
        db.run(CITEXT).await?;
        db.run("CREATE TABLE words (word CITEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        let row = |(word, v): (&str, i64)| Caseless { word: PgCiText(word.to_owned()), n: 1 << v, v };
        for words in [["Ada", "bob", "ADA", "ada", "Bob", "ada"], ["É", "bob", "é", "É", "Bob", "x"]] {
            as_the_loop!(db, Caseless, words.into_iter().zip(1..).map(row).collect());
        }
        Ok(())
    }

    /// The column folds; the field is a text like any other. (Reading by such a key does not fold, so nothing is read here.)
    #[on(postgres)]
    async fn citext_behind_a_text(db: Db) -> Result<()> {
        db.run(CITEXT).await?;
        db.run("CREATE TABLE words (word CITEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, Text, texts(&["Ada", "bob", "ADA", "ada", "Bob", "ada"]));
        as_the_loop!(db, Text, texts(&["É", "bob", "é", "É", "Bob", "x"]));
        Ok(())
    }

    #[on(postgres)]
    async fn a_collation_without_case(db: Db) -> Result<()> {
        db.run("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)").await?;
        db.run("CREATE TABLE words (word TEXT COLLATE caseless PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, Text, texts(&["Ada", "bob", "ADA", "ada", "Bob", "é", "É"]));
        Ok(())
    }

    #[on(postgres)]
    async fn a_collation_with_an_order_of_its_own(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE words (word TEXT COLLATE "C" PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)"#).await?;
        as_the_loop!(db, Text, texts(&["Ada", "bob", "ADA", "ada", "Bob", "ada", "ada "]));
        Ok(())
    }

    #[on(postgres)]
    async fn numeric(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word NUMERIC PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, Number, numbers());
        Ok(())
    }

    #[on(postgres)]
    async fn numeric_with_a_scale(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word NUMERIC(10, 2) PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, Number, numbers());
        Ok(())
    }

    #[on(postgres)]
    async fn floats(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word DOUBLE PRECISION PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        let row = |(word, v): (f64, i64)| Float { word, n: 1 << v, v };
        as_the_loop!(db, Float, [0.0, 1.0, -0.0, 1.0, 0.0, -1.0].into_iter().zip(1..).map(row).collect());
        Ok(())
    }

    #[on(postgres)]
    async fn padded_texts(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word CHAR(8) PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        let rows = texts(&["a", "b", "a ", "a", "b   ", " a"]);
        assert_eq!(Text::upsert_all(&rows, &db.pool).await?, 6);
        let stored: Vec<(String, i64)> = db.all("SELECT rtrim(word::text), n FROM words ORDER BY word").await?;
        let expected = [(" a", 64), ("a", 2 + 8 + 16), ("b", 4 + 32)];
        assert_eq!(stored, expected.map(|(word, n)| (word.to_owned(), n)));
        let stored = Text::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.v).collect::<Vec<_>>(), [1, 2, 1, 1, 2, 6]);
        Ok(())
    }

    /// A domain over a type that folds.
    #[on(postgres)]
    async fn a_domain(db: Db) -> Result<()> {
        db.run("CREATE DOMAIN name AS TEXT CHECK (VALUE <> '')").await?;
        db.run("CREATE TABLE words (word name PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, Text, texts(&["Ada", "bob", "ADA", "ada", "Bob", "ada"]));
        Ok(())
    }

    #[on(postgres)]
    async fn an_expression(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word TEXT NOT NULL, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        db.run("CREATE UNIQUE INDEX ON words (lower(word))").await?;
        let words = ["Ada", "bob", "ADA", "ada", "Bob", "ada"];
        let row = |(word, v): (&str, i64)| Lowered { word: word.to_owned(), n: 1 << v, v };
        as_the_loop!(db, Lowered, words.into_iter().zip(1..).map(row).collect());
        Ok(())
    }

    /// The trigger changes the key, so a row that comes back is found by none of those given.
    #[on(postgres)]
    async fn a_trigger_that_rewrites_the_key(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        db.run(
            "CREATE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.word := lower(NEW.word); RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE INSERT ON words FOR EACH ROW EXECUTE FUNCTION lowered()",
        )
        .await?;
        as_the_loop!(db, Text, texts(&["Ada", "bob", "ADA", "ada", "Bob", "ada"]));
        Ok(())
    }

    /// A trigger that suppresses rows.
    #[on(postgres)]
    async fn a_trigger_that_suppresses_updates(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        db.run(
            "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW EXECUTE FUNCTION never()",
        )
        .await?;
        let rows = texts(&["a", "b", "a", "c"]);
        assert_eq!(Text::upsert_all(&rows, &db.pool).await?, 3);
        let upserted = Text::upsert_all(&rows, &db.pool).with_actions().await?;
        assert!(upserted.iter().all(|upserted| upserted.action == Action::Unchanged));
        let stored = Text::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.v).collect::<Vec<_>>(), [1, 2, 1, 4]);
        Ok(())
    }

    #[on(postgres)]
    async fn partitioned_tables(db: Db) -> Result<()> {
        db.run(
            "CREATE TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL) PARTITION BY HASH (word);
             CREATE TABLE words1 PARTITION OF words FOR VALUES WITH (MODULUS 2, REMAINDER 0);
             CREATE TABLE words2 PARTITION OF words FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        )
        .await?;
        let rows = texts(&["a", "b", "a", "c"]);
        let stored = Text::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [2, 4, 10, 16]);
        let upserted = Text::upsert_all(&rows, &db.pool).with_actions().await;
        if db.server.major() >= 18 {
            assert!(upserted?.iter().all(|upserted| upserted.action == Action::Updated));
        } else {
            assert_eq!(upserted.expect_err("no action").kind(), upsert::ErrorKind::Unsupported);
        }
        Ok(())
    }

    /// Not in the system's tables under the name that the model says, but in those of the session.
    #[on(postgres)]
    async fn temporary_tables(db: Db) -> Result<()> {
        let mut conn = db.connect().await?;
        sqlx::raw_sql("CREATE TEMPORARY TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)")
            .execute(&mut conn)
            .await?;
        let stored = Text::upsert_all(&texts(&["b", "a", "b"]), &mut conn).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [2, 4, 10]);
        Ok(())
    }

    #[on(postgres)]
    async fn views(db: Db) -> Result<()> {
        db.run("CREATE TABLE base (word TEXT PRIMARY KEY, n BIGINT NOT NULL, v BIGINT NOT NULL)").await?;
        db.run("CREATE VIEW words AS SELECT * FROM base").await?;
        let stored = Text::upsert_all(&texts(&["b", "a", "b"]), &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [2, 4, 10]);
        Ok(())
    }
}
