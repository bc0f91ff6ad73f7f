//! SQLite writes many rows in the order of their keys where nobody can tell, and in that of the caller elsewhere.

use anyhow::{Context, Result, ensure};
use proptest::prelude::*;
use proptest::test_runner::Config;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Sqlite};
use std::ops::Range;
use tokio::sync::Mutex;
use upsert::{InBulk, Upsert, UpsertModel};

use crate::harness::{Db, compare_random, dialect_tests};

/// From a thousand rows on, their order is thought about.
const ROWS: Range<usize> = 1_000..1_200;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pages", conflict = "k", accumulate = "n")]
struct Page {
    k: String,
    n: i64,
    last: i64,
    parent: Option<String>,
}

/// The same, with integers for keys.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pages", conflict = "k", accumulate = "n")]
struct Number {
    k: i64,
    n: i64,
    last: i64,
}

/// A row, and nothing else that it touches.
const ALONE: [&str; 4] = [
    "CREATE TABLE pages (k TEXT PRIMARY KEY, n INTEGER, last INTEGER, parent TEXT)",
    "CREATE TABLE pages (id INTEGER PRIMARY KEY, K VARCHAR(99) NOT NULL UNIQUE, n INTEGER, last INTEGER, parent TEXT)",
    "CREATE TABLE pages (k BLOB NOT NULL UNIQUE, n INTEGER, last INTEGER, parent TEXT REFERENCES folders (name));
     CREATE TABLE folders (name TEXT PRIMARY KEY)",
    "CREATE TABLE pages (k UNIQUE, n INTEGER, last INTEGER, parent TEXT)",
];

/// Tables in which one row may matter to another, or two keys be one.
const ENTANGLED: [&str; 9] = [
    "CREATE TABLE pages (k TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER, last INTEGER, parent TEXT)",
    "CREATE TABLE pages (k TEXT NOT NULL, n INTEGER, last INTEGER, parent TEXT);
     CREATE UNIQUE INDEX pages_k ON pages (k COLLATE RTRIM)",
    "CREATE TABLE pages (k INTEGER NOT NULL UNIQUE, n INTEGER, last INTEGER, parent TEXT)",
    "CREATE TABLE pages (k NUMERIC NOT NULL UNIQUE, n INTEGER, last INTEGER, parent TEXT)",
    "CREATE TABLE pages (k TEXT PRIMARY KEY, n INTEGER, last INTEGER UNIQUE, parent TEXT)",
    "CREATE TABLE pages (k TEXT UNIQUE, n INTEGER, last INTEGER PRIMARY KEY, parent TEXT)",
    "CREATE TABLE pages (k TEXT PRIMARY KEY, n INTEGER, last INTEGER, parent TEXT REFERENCES Pages (k))",
    "CREATE TABLE pages (k TEXT PRIMARY KEY, n INTEGER, last INTEGER, parent TEXT);
     CREATE TEMPORARY TRIGGER seen AFTER INSERT ON pages BEGIN UPDATE pages SET parent = NEW.k WHERE k = NEW.k; END",
    "ATTACH DATABASE ':memory:' AS other;
     CREATE TABLE other.pages (k TEXT PRIMARY KEY, n INTEGER, last INTEGER, parent TEXT);
     CREATE TRIGGER other.seen AFTER INSERT ON pages BEGIN UPDATE pages SET parent = NEW.k WHERE k = NEW.k; END",
];

const NUMBERS: [&str; 2] = [
    "CREATE TABLE pages (id INTEGER PRIMARY KEY, k BIGINT UNIQUE, n INTEGER, last INTEGER)",
    "CREATE TABLE pages (k INTEGER PRIMARY KEY, n INTEGER, last INTEGER)",
];

/// A text is no number, in a column of fractions great numbers are equal, and another key may be in the way.
const ENTANGLED_NUMBERS: [&str; 3] = [
    "CREATE TABLE pages (k TEXT UNIQUE, n INTEGER, last INTEGER)",
    "CREATE TABLE pages (k DOUBLE UNIQUE, n INTEGER, last INTEGER)",
    "CREATE TABLE pages (k INTEGER UNIQUE, n INTEGER, last INTEGER, UNIQUE (k, last))",
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    OfKeys,
    Given,
}

/// The rows of the table.
async fn stored(conn: &mut SqliteConnection, order: &'static str) -> Result<Vec<(i64, String)>> {
    let sql =
        format!("SELECT rowid, quote(k) || ' ' || n || ' ' || last FROM pages ORDER BY {order}");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).fetch_all(conn).await?)
}

/// Upserts the rows one by one and all at once, and compares what is stored.
async fn compare<T>(conn: &mut SqliteConnection, rows: &[T], order: Order) -> Result<()>
where
    T: Upsert + UpsertModel<Sqlite> + InBulk + Sync,
{
    let mut tx = conn.begin().await?;
    for row in rows {
        row.upsert(&mut *tx).execute().await?;
    }
    let of_loop = stored(&mut tx, "k, rowid").await?;
    tx.rollback().await?;
    let mut tx = conn.begin().await?;
    let written = T::upsert_all(rows, &mut *tx).await?;
    ensure!(
        written == rows.len() as u64,
        "{written} rows are said to be written"
    );
    let of_batch = stored(&mut tx, "k, rowid").await?;
    tx.rollback().await?;
    if order == Order::Given {
        ensure!(of_batch == of_loop, "{of_batch:#?}\nby a loop {of_loop:#?}");
        return Ok(());
    }
    let (ids, of_batch): (Vec<_>, Vec<_>) = of_batch.into_iter().unzip();
    let of_loop: Vec<_> = of_loop.into_iter().map(|(_, row)| row).collect();
    ensure!(of_batch == of_loop, "{of_batch:#?}\nby a loop {of_loop:#?}");
    ensure!(
        ids.is_sorted(),
        "the rows came in another order than the keys"
    );
    Ok(())
}

/// Compares batches of random rows on a table of its own.
async fn compare_many<T>(
    db: &Db<Sqlite>,
    table: &str,
    order: Order,
    row: fn(u16, u8, i64) -> T,
) -> Result<()>
where
    T: Upsert + UpsertModel<Sqlite> + InBulk + Sync,
{
    let mut conn = db.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "DROP TABLE IF EXISTS pages; DROP TABLE IF EXISTS folders; {table}"
    )))
    .execute(&mut conn)
    .await?;
    let conn = Mutex::new(conn);
    let config = Config {
        cases: 3,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    };
    let keys = prop::collection::vec((0..700_u16, any::<u8>()), ROWS);
    let outcome = compare_random(config, &keys, |keys| {
        let rows = keys.iter().zip(1..);
        let rows: Vec<_> = rows
            .map(|((key, form), last)| row(*key, *form, last))
            .collect();
        let conn = &conn;
        async move { compare(&mut *conn.lock().await, &rows, order).await }
    });
    outcome.with_context(|| table.to_owned())?;
    conn.into_inner().close().await?;
    Ok(())
}

fn page(key: u16, form: u8, last: i64) -> Page {
    let k = match form % 6 {
        0 => format!("k{key}"),
        1 => format!("K{key}"),
        2 => format!("k{key} "),
        3 => format!("{key}"),
        4 => format!("0{key}"),
        _ => format!("{key}.0"),
    };
    Page {
        k,
        n: 1,
        last,
        parent: None,
    }
}

fn number(key: u16, _: u8, last: i64) -> Number {
    let k = (1 << 53) - 350 + i64::from(key);
    Number { k, n: 1, last }
}

dialect_tests! {
    #[on(sqlite)]
    async fn rows_go_in_the_order_of_their_keys(db: Db) -> Result<()> {
        for table in ALONE {
            compare_many(&db, table, Order::OfKeys, page).await?;
        }
        for table in NUMBERS {
            compare_many(&db, table, Order::OfKeys, number).await?;
        }
        Ok(())
    }

    #[on(sqlite)]
    async fn rows_that_may_matter_to_each_other_go_in_their_own(db: Db) -> Result<()> {
        for table in ENTANGLED {
            compare_many(&db, table, Order::Given, page).await?;
        }
        for table in ENTANGLED_NUMBERS {
            compare_many(&db, table, Order::Given, number).await?;
        }
        Ok(())
    }

    /// The place goes from one row to the next, which the table tells, so that nobody has to ask for the order.
    #[on(sqlite)]
    async fn a_value_of_another_unique_key_is_handed_on(db: Db) -> Result<()> {
        db.run(ENTANGLED[4]).await?;
        let row = |k: i64, last| Page { k: format!("{k:04}"), n: 1, last, parent: None };
        let rows: Vec<_> = (0..1_500).rev().map(|k| row(k, k)).collect();
        assert_eq!(Page::upsert_all(&rows, &db.pool).await?, 1_500);
        let rows: Vec<_> = (0..1_500).rev().map(|k| row(k, k + 1)).collect();
        assert_eq!(Page::upsert_all(&rows, &db.pool).await?, 1_500);
        Ok(())
    }
}
