//! What the builders can be told.

use anyhow::Result;
use upsert::{Duplicates, ErrorKind, Progress, Upsert};

use crate::harness::dialect_tests;

const WORDS: &str = r#"CREATE TABLE "words" (
    "k" {text} PRIMARY KEY, "n" BIGINT NOT NULL CHECK ("n" < 1000), "place" BIGINT UNIQUE
)"#;

/// Its parent is another row of the table.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "k")]
struct Node {
    k: i64,
    parent: Option<i64>,
}

/// The same with texts, of whose order the table is asked.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "k")]
struct NamedNode {
    k: String,
    parent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k", accumulate = "n")]
struct Word {
    k: String,
    n: i64,
    place: Option<i64>,
}

fn word(k: &str, n: i64) -> Word {
    Word {
        k: k.to_owned(),
        n,
        place: None,
    }
}

fn words(count: usize) -> Vec<Word> {
    // Not in the order of their keys.
    (0..count)
        .map(|number| word(&format!("k{:04}", number * 7919 % 9973), 1))
        .collect()
}

dialect_tests! {
    async fn chunk_rows(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows = words(25);
        for size in [0, 1, 2, 10, 24, 25, 26, usize::MAX] {
            let (mut chunks, mut seen) = (0, 0);
            let stored = Word::upsert_all(&rows, &db.pool)
                .chunk_rows(size)
                .on_progress(|progress: Progress| {
                    chunks += 1;
                    assert_eq!((progress.chunks, progress.rows_in_all), (chunks, 25));
                    assert!(progress.rows > seen && progress.rows - seen <= size.max(1));
                    seen = progress.rows;
                })
                .returning()
                .await?;
            assert_eq!(seen, 25);
            assert!(stored.iter().zip(&rows).all(|(stored, row)| stored.k == row.k));
        }
        assert_eq!(db.one::<i64>(r#"SELECT CAST(SUM("n") AS {sum}) FROM "words""#).await?, 8 * 25);
        Ok(())
    }

    /// The place goes from one row to the next, which only works in the given order.
    async fn keep_order(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let row = |k: &str, place| Word { k: k.to_owned(), n: 1, place };
        Word::upsert_all(&[row("z", Some(1)), row("a", Some(2))], &db.pool).await?;
        let rows = [row("z", None), row("a", Some(1)), row("m", Some(2)), row("a", Some(3)), row("z", Some(1))];
        assert_eq!(Word::upsert_all(&rows, &db.pool).keep_order().await?, 5);
        let stored: Vec<(String, Option<i64>)> = db.all(r#"SELECT "k", "place" FROM "words" ORDER BY "k""#).await?;
        let expected = [("a", Some(3)), ("m", Some(2)), ("z", Some(1))];
        assert_eq!(stored, expected.map(|(k, place)| (k.to_owned(), place)));
        let stored = Word::upsert_all(&rows[3..], &db.pool).keep_order().returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [4, 4]);
        Ok(())
    }

    /// Sorted, the first row would come before its parent; so a table that refers to itself is not.
    async fn a_parent_before_its_children(db: Db) -> Result<()> {
        for (table, ty) in [("nodes", "BIGINT"), ("named_nodes", "{text}")] {
            let columns = format!(r#""k" {ty} PRIMARY KEY, "parent" {ty}"#);
            let parent = format!(r#"FOREIGN KEY ("parent") REFERENCES "{table}" ("k")"#);
            db.run(&format!(r#"CREATE TABLE "{table}" ({columns}, {parent})"#)).await?;
        }
        let rows: Vec<_> = (0..50).rev().map(|k| Node { k, parent: (k < 49).then_some(k + 1) }).collect();
        assert_eq!(Node::upsert_all(&rows, &db.pool).chunk_rows(7).await?, 50);
        assert_eq!(Node::upsert_all(&rows, &db.pool).chunk_rows(7).returning().await?, rows);
        let name = |k: i64| format!("k{k:02}");
        let rows: Vec<_> = rows.iter().map(|row| NamedNode { k: name(row.k), parent: row.parent.map(name) }).collect();
        assert_eq!(NamedNode::upsert_all(&rows, &db.pool).chunk_rows(7).await?, 50);
        assert_eq!(NamedNode::upsert_all(&rows, &db.pool).chunk_rows(7).returning().await?, rows);
        Ok(())
    }

    async fn duplicates_in_order(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let rows = [word("a", 1), word("a", 2)];
        let stored = Word::upsert_all(&rows, &db.pool).on_duplicate(Duplicates::InOrder).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [1, 3]);
        Ok(())
    }

    async fn duplicates_rejected(db: Db) -> Result<()> {
        // There is no table: the call fails before it would notice.
        let rows = [word("b", 1), word("a", 1), word("c", 1), word("a", 2), word("b", 2)];
        let error = Word::upsert_all(&rows, &db.pool).on_duplicate(Duplicates::Reject).await.expect_err("twice a");
        assert_eq!((error.kind(), error.row()), (ErrorKind::DuplicateKey, Some(3)));
        let message = error.to_string();
        assert!(message.contains("rows 1 and 3 of the batch"), "{message}");
        let error = Word::insert_all_if_absent(&rows, &db.pool).on_duplicate(Duplicates::Reject).await.expect_err("twice a");
        assert_eq!(error.kind(), ErrorKind::DuplicateKey);
        let error = Word::get_or_insert_all(&rows, &db.pool).on_duplicate(Duplicates::Reject).await.expect_err("twice a");
        assert_eq!(error.kind(), ErrorKind::DuplicateKey);
        db.run(WORDS).await?;
        assert_eq!(Word::upsert_all(&rows[..3], &db.pool).on_duplicate(Duplicates::Reject).await?, 3);
        Ok(())
    }

    async fn commit_each_chunk(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(25);
        rows[17].n = 1000;
        let mut seen = Vec::new();
        let error = Word::upsert_all(&rows, &db.pool)
            .chunk_rows(5)
            .commit_each_chunk()
            .on_progress(|progress| seen.push((progress.rows, progress.chunks)))
            .await
            .expect_err("a check");
        assert_eq!((error.kind(), error.rows_committed()), (ErrorKind::CheckViolation, 15));
        assert!(error.to_string().contains("the first 15 rows are committed"), "{error}");
        assert_eq!(seen, [(5, 1), (10, 2), (15, 3)]);
        let stored: Vec<(String,)> = db.all(r#"SELECT "k" FROM "words" ORDER BY "k""#).await?;
        let mut expected: Vec<_> = rows[..15].iter().map(|row| (row.k.clone(),)).collect();
        expected.sort();
        assert_eq!(stored, expected);

        // Go on behind those.
        rows[17].n = 1;
        let written = Word::upsert_all(&rows[15..], &db.pool).chunk_rows(5).commit_each_chunk().await?;
        assert_eq!(written, 10);
        let stored = Word::upsert_all(&rows, &db.pool).chunk_rows(4).commit_each_chunk().returning().await?;
        assert!(stored.iter().zip(&rows).all(|(stored, row)| stored.k == row.k && stored.n == 2));
        let found = Word::get_or_insert_all(&rows, &db.pool).chunk_rows(4).commit_each_chunk().await?;
        assert!(found.iter().zip(&rows).all(|(found, row)| found.row.k == row.k && found.row.n == 2));
        Ok(())
    }

    async fn commit_each_chunk_names_the_row(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(25);
        rows[17].n = 1000;
        let error = Word::upsert_all(&rows, &db.pool)
            .chunk_rows(5)
            .commit_each_chunk()
            .find_culprit()
            .await
            .expect_err("a check");
        assert_eq!((error.row(), error.rows_committed()), (Some(17), 15));
        assert!(error.to_string().contains(&rows[17].k), "{error}");
        Ok(())
    }

    async fn commit_each_chunk_in_a_transaction(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut tx = db.pool.begin().await?;
        let error = Word::upsert_all(&words(3), &mut tx).commit_each_chunk().await.expect_err("whose commit");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(Word::upsert_all(&words(3), &mut tx).await?, 3, "the transaction is as it was");
        tx.commit().await?;
        Ok(())
    }

    async fn all_or_nothing(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(25);
        rows[17].n = 1000;
        let error = Word::upsert_all(&rows, &db.pool).chunk_rows(5).await.expect_err("a check");
        assert_eq!((error.kind(), error.rows_committed()), (ErrorKind::CheckViolation, 0));
        assert_eq!(db.count("words").await?, 0);
        let error = Word::upsert_all(&rows, &db.pool).chunk_rows(5).returning().await.expect_err("a check");
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        let error = Word::upsert_all(&rows, &db.pool).with_actions().await.expect_err("a check");
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        assert_eq!(db.count("words").await?, 0);
        Ok(())
    }

    async fn retries(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        assert_eq!(Word::upsert_all(&words(3), &db.pool).retries(0).await?, 3);
        assert_eq!(Word::upsert_all(&words(3), &db.pool).retries(u32::MAX).await?, 3);
        Ok(())
    }
}
