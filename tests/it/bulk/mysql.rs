//! What MySQL and MariaDB take for equal is mostly more than what is the same.

use anyhow::Result;
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
words!(Caseless Accents Binary Padded German Rewritten);

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
}
