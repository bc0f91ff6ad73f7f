//! What MySQL and MariaDB take for equal is mostly more than what is the same.

use anyhow::Result;
use chrono::NaiveDateTime;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

/// The column that takes the last row's value tells the order.
macro_rules! words {
    ($($model:ident)+) => {$(
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = "words", conflict = "word", accumulate = "n")]
        #[upsert(name = "raise", conflict = "word", update_where(new.last != old.last))]
        struct $model {
            word: String,
            n: i64,
            last: i64,
        }
    )+};
}
// How a model's keys compare is looked up once for each, so each test has one of its own.
words!(Caseless Accents Binary Padded German Rewritten Moved);

/// A field whose type need not be the column's, and what tells the order.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    returning = "n, last"
)]
struct Loose<T> {
    word: T,
    n: i64,
    last: i64,
}

/// The type of this key is known without the table.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "word",
    accumulate = "n",
    returning = "n, last"
)]
struct Number {
    word: i64,
    n: i64,
    last: i64,
}

fn numbers(words: impl IntoIterator<Item = i64>) -> Vec<Number> {
    let words = words.into_iter().zip(1..);
    words
        .map(|(word, last)| Number { word, n: 1, last })
        .collect()
}

fn loose<T>(words: impl IntoIterator<Item = T>) -> Vec<Loose<T>> {
    let words = words.into_iter().zip(1..);
    words
        .map(|(word, last)| Loose { word, n: 1, last })
        .collect()
}

fn loose_table(ty: &str) -> String {
    format!("CREATE TABLE words (word {ty} PRIMARY KEY, n BIGINT NOT NULL, last BIGINT NOT NULL)")
}

/// The batch does what the loop does, whatever is asked for.
macro_rules! as_the_loop {
    ($db:ident, $model:ident, $words:expr) => {{
        let words = $words.iter().zip(1..);
        let rows: Vec<_> = words
            .map(|(word, last)| $model {
                word: (*word).to_owned(),
                n: 1 << last,
                last,
            })
            .collect();
        let stored = "SELECT word, n, last FROM words ORDER BY n";
        $db.run("DELETE FROM words").await?;
        let mut one_by_one = Vec::new();
        for row in &rows {
            let upserted = row.upsert(&$db.pool).with_action().await?;
            one_by_one.push((upserted.row, upserted.action));
        }
        let expected: Vec<(String, i64, i64)> = $db.all(stored).await?;
        for call in 0..4 {
            $db.run("DELETE FROM words").await?;
            match call {
                0 => assert_eq!(
                    $model::upsert_all(&rows, &$db.pool).await?,
                    rows.len() as u64
                ),
                1 => {
                    let returned = $model::upsert_all(&rows, &$db.pool)
                        .chunk_rows(3)
                        .returning()
                        .await?;
                    let told: Vec<_> = one_by_one.iter().map(|(row, _)| row.clone()).collect();
                    assert_eq!(returned, told);
                }
                2 => {
                    let upserted = $model::upsert_all(&rows, &$db.pool).with_actions().await?;
                    let upserted: Vec<_> = upserted
                        .into_iter()
                        .map(|upserted| (upserted.row, upserted.action))
                        .collect();
                    assert_eq!(upserted, one_by_one);
                }
                _ => {
                    let mut tx = $db.pool.begin().await?;
                    assert_eq!(
                        $model::upsert_all(&rows, &mut tx).returning().await?.len(),
                        rows.len()
                    );
                    tx.commit().await?;
                }
            }
            assert_eq!(
                $db.all::<(String, i64, i64)>(stored).await?,
                expected,
                "call {call}"
            );
        }
        assert_eq!($model::insert_all_if_absent(&rows, &$db.pool).await?, 0);
        $db.run("DELETE FROM words").await?;
        let new = one_by_one
            .iter()
            .filter(|(_, action)| *action == Action::Inserted)
            .count();
        assert_eq!(
            $model::insert_all_if_absent(&rows, &$db.pool).await?,
            new as u64
        );
        $db.run("DELETE FROM words").await?;
        let inserted = $model::insert_all_if_absent(&rows, &$db.pool)
            .returning()
            .await?;
        let told: Vec<_> = one_by_one
            .iter()
            .map(|(_, action)| *action == Action::Inserted)
            .collect();
        assert_eq!(
            inserted.iter().map(Option::is_some).collect::<Vec<_>>(),
            told
        );
    }};
}

fn table(collation: &str) -> String {
    format!(
        "CREATE TABLE words (word VARCHAR(191) COLLATE {collation} PRIMARY KEY, n BIGINT NOT NULL, last BIGINT NOT NULL)"
    )
}

dialect_tests! {
    #[on(mysql)]
    async fn without_case(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_general_ci")).await?;
        as_the_loop!(db, Caseless, ["b", "a", "A", "B", "c", "a", "ab"]);
        Ok(())
    }

    #[on(mysql)]
    async fn without_accents(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_unicode_ci")).await?;
        as_the_loop!(db, Accents, ["b", "é", "a", "E", "A", "e", "É", "ß", "ss", "SS"]);
        Ok(())
    }

    #[on(mysql)]
    async fn binary(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_bin")).await?;
        as_the_loop!(db, Binary, ["b", "é", "a", "E", "A", "e", "É", "a"]);
        Ok(())
    }

    #[on(mysql)]
    async fn with_spaces_at_the_end(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_general_ci")).await?;
        as_the_loop!(db, Padded, ["b", "a", "a ", "b   ", "a", " a"]);
        Ok(())
    }

    /// Two letters that count as one.
    #[on(mysql)]
    async fn of_a_language(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_german2_ci")).await?;
        as_the_loop!(db, German, ["ae", "a", "ä", "AE", "Ä"]);
        Ok(())
    }

    /// A trigger writes another key than the one given. What is read by key is not found then, so only the number is asked.
    #[on(mysql)]
    async fn rewritten_by_a_trigger(db: Db) -> Result<()> {
        db.run(&table("utf8mb4_bin")).await?;
        db.run("CREATE TRIGGER t BEFORE INSERT ON words FOR EACH ROW SET NEW.word = LOWER(NEW.word)").await?;
        let words = ["B", "a", "A", "b", "c"].iter().zip(1..);
        let rows: Vec<_> = words.map(|(word, last)| Rewritten { word: (*word).to_owned(), n: 1 << last, last }).collect();
        assert_eq!(Rewritten::upsert_all(&rows, &db.pool).await?, 5);
        let stored: Vec<(String, i64, i64)> = db.all("SELECT word, n, last FROM words ORDER BY word").await?;
        let expected = [("a", 12, 3), ("b", 18, 4), ("c", 32, 5)];
        assert_eq!(stored, expected.map(|(word, n, last)| (word.to_owned(), n, last)));
        assert_eq!(Rewritten::raise_all(&rows, &db.pool).await?, 4);
        assert_eq!(Rewritten::insert_all_if_absent(&rows, &db.pool).await?, 0);
        Ok(())
    }

    #[on(mysql)]
    async fn numbers_rewritten_by_a_trigger(db: Db) -> Result<()> {
        db.run(&loose_table("BIGINT")).await?;
        db.run("CREATE TRIGGER t BEFORE INSERT ON words FOR EACH ROW SET NEW.word = NEW.word % 10").await?;
        assert_eq!(Number::upsert_all(&numbers([21, 11, 1, 2]), &db.pool).await?, 4);
        let stored: Vec<(i64, i64, i64)> = db.all("SELECT word, n, last FROM words ORDER BY word").await?;
        assert_eq!(stored, [(1, 3, 3), (2, 1, 4)]);
        Ok(())
    }

    /// The row that was there becomes another one, which a later row of the batch meets.
    #[on(mysql)]
    async fn numbers_rewritten_by_an_update(db: Db) -> Result<()> {
        db.run(&loose_table("BIGINT")).await?;
        db.run("INSERT INTO words VALUES (11, 1, 0)").await?;
        db.run("CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW SET NEW.`Word` = NEW.word - 10").await?;
        assert_eq!(Number::upsert_all(&numbers([11, 1]), &db.pool).await?, 2);
        let stored: Vec<(i64, i64, i64)> = db.all("SELECT word, n, last FROM words").await?;
        assert_eq!(stored, [(-9, 3, 2)]);
        Ok(())
    }

    /// A trigger that has nothing to do with the key takes nothing from the batch: its rows are sorted, and read back at once.
    #[on(mysql)]
    async fn a_trigger_that_leaves_the_key_alone(db: Db) -> Result<()> {
        db.run(&loose_table("BIGINT")).await?;
        db.run("CREATE TRIGGER t BEFORE INSERT ON words FOR EACH ROW SET NEW.n = NEW.n * 2").await?;
        let mut conn = db.connect().await?;
        let rows = numbers(0..50);
        Number::upsert_all(&rows, &mut conn).returning().await?;
        let before = statements(&mut conn).await?;
        let stored = Number::upsert_all(&rows, &mut conn).returning().await?;
        assert_eq!(stored[0], (4, 1));
        let sent = statements(&mut conn).await? - before;
        assert!(sent < 10, "{sent} statements");
        Ok(())
    }

    /// One UUID in two spellings.
    #[on(mariadb)]
    async fn texts_in_a_column_of_uuids(db: Db) -> Result<()> {
        db.run(&loose_table("UUID")).await?;
        let rows = loose(["a0b7c2d4-0000-4000-8000-00000000000f", "A0B7C2D4-0000-4000-8000-00000000000F"].map(str::to_owned));
        assert_eq!(Loose::upsert_all(&rows, &db.pool).returning().await?, [(1, 1), (2, 2)]);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words").await?, [(2, 2)]);
        assert_eq!(Loose::upsert_all(&rows, &db.pool).await?, 2);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words").await?, [(4, 2)]);
        Ok(())
    }

    /// Two times of one day.
    #[on(mysql)]
    async fn times_in_a_column_of_days(db: Db) -> Result<()> {
        db.run(&loose_table("DATE")).await?;
        let rows = loose(["2024-02-29T12:00:00", "2024-02-29T10:00:00"].map(|text| text.parse::<NaiveDateTime>().expect("a time")));
        assert_eq!(Loose::upsert_all(&rows, &db.pool).await?, 2);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words").await?, [(2, 2)]);
        Ok(())
    }

    #[on(mysql)]
    async fn texts_in_a_column_of_numbers(db: Db) -> Result<()> {
        db.run(&loose_table("BIGINT")).await?;
        let rows = loose(["1", "01", "2", " 1"].map(str::to_owned));
        assert_eq!(Loose::upsert_all(&rows, &db.pool).returning().await?, [(1, 1), (2, 2), (1, 3), (3, 4)]);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words ORDER BY word").await?, [(3, 4), (1, 3)]);
        Ok(())
    }

    /// Numbers below 70 are years of this century.
    #[on(mysql)]
    async fn numbers_in_a_column_of_years(db: Db) -> Result<()> {
        db.run(&loose_table("YEAR")).await?;
        assert_eq!(Number::upsert_all(&numbers([2024, 24]), &db.pool).await?, 2);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words").await?, [(2, 2)]);
        Ok(())
    }

    #[on(mysql)]
    async fn numbers_in_a_column_of_floats(db: Db) -> Result<()> {
        db.run(&loose_table("FLOAT")).await?;
        assert_eq!(Number::upsert_all(&numbers([16_777_217, 16_777_216]), &db.pool).await?, 2);
        assert_eq!(db.all::<(i64, i64)>("SELECT n, last FROM words").await?, [(2, 2)]);
        Ok(())
    }

    /// What is known of a table is not known of its namesake.
    #[on(mysql)]
    async fn of_the_same_table_in_another_database(db: Db) -> Result<()> {
        async fn in_both(conn: &mut MySqlConnection, other: &str) -> Result<()> {
            for (database, collation, expected) in [
                (None, "utf8mb4_bin", [(1, 1), (2, 2)]),
                (Some(other), "utf8mb4_general_ci", [(1, 1), (3, 2)]),
            ] {
                if let Some(database) = database {
                    conn.execute(AssertSqlSafe(format!("USE {database}"))).await?;
                    conn.clear_cached_statements().await?;
                }
                conn.execute(AssertSqlSafe(table(collation))).await?;
                let rows = [("b", 1, 1), ("B", 2, 2)];
                let rows = rows.map(|(word, n, last)| Moved { word: word.to_owned(), n, last });
                let stored = Moved::upsert_all(&rows, &mut *conn).returning().await?;
                assert_eq!(stored.iter().map(|row| (row.n, row.last)).collect::<Vec<_>>(), expected, "{collation}");
            }
            Ok(())
        }

        let other = format!("{}_other", db.name);
        db.run(&format!("CREATE DATABASE {other}")).await?;
        let mut conn = db.connect().await?;
        let done = in_both(&mut conn, &other).await;
        db.run(&format!("DROP DATABASE {other}")).await?;
        done
    }
}

async fn statements(conn: &mut MySqlConnection) -> Result<u64> {
    let sql = "SHOW SESSION STATUS LIKE 'Questions'";
    let row = sqlx::raw_sql(sql).fetch_all(conn).await?.remove(0);
    Ok(sqlx::Row::try_get::<String, _>(&row, 1)?.parse()?)
}
