//! Batches of sizes at which something gives way: binds, packets, memory, the statement cache.

use anyhow::Result;
use sqlx::Connection;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use upsert::{ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

/// A machine that has other things to do is given some time.
const LONG: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "narrow", conflict = "k", accumulate = "n")]
struct Narrow {
    k: i64,
    n: i64,
    text: String,
}

/// What a packet may hold is the server's to say, and one test has it say so.
static PACKETS: Mutex<()> = Mutex::const_new(());

const NARROW: &str = r#"CREATE TABLE "narrow" ("k" BIGINT PRIMARY KEY, "n" BIGINT NOT NULL, "text" {text} NOT NULL)"#;

fn narrow(rows: i64) -> Vec<Narrow> {
    (0..rows)
        .map(|number| Narrow {
            k: number * 7919 % 1_000_003,
            n: 1,
            text: "text".to_owned(),
        })
        .collect()
}

/// A struct of sixty columns beside the key.
macro_rules! wide {
    ($($column:ident)+) => {
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = "wide", conflict = "k")]
        struct Wide {
            k: String,
            $($column: i64,)+
        }

        const COLUMNS: &[&str] = &[$(stringify!($column)),+];

        fn wide(k: i64, n: i64) -> Wide {
            Wide { k: format!("k{k}"), $($column: n,)+ }
        }
    };
}
wide! {
    c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19 c20 c21 c22 c23 c24 c25 c26 c27 c28 c29 c30
    c31 c32 c33 c34 c35 c36 c37 c38 c39 c40 c41 c42 c43 c44 c45 c46 c47 c48 c49 c50 c51 c52 c53 c54 c55 c56 c57 c58 c59
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "blobs", conflict = "k")]
#[upsert(name = "one_by_one", conflict = "k", bulk = "values")]
struct Blob {
    k: i64,
    bytes: Vec<u8>,
}

fn blobs(rows: i64, size: usize) -> Vec<Blob> {
    (0..rows)
        .map(|k| Blob {
            k,
            bytes: vec![u8::try_from(k).unwrap_or(0); size],
        })
        .collect()
}

/// The insert sends the text three times.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "threefold", conflict = "k")]
struct Threefold {
    k: i64,
    #[upsert(insert = concat(new.text, new.text, new.text))]
    text: String,
}

dialect_tests! {
    async fn many_rows(db: Db) -> Result<()> {
        db.run(NARROW).await?;
        let rows = narrow(200_000);
        let start = Instant::now();
        assert_eq!(Narrow::upsert_all(&rows, &db.pool).await?, 200_000);
        let stored = Narrow::upsert_all(&rows[..50_000], &db.pool).returning().await?;
        assert!(stored.iter().zip(&rows).all(|(stored, row)| stored.k == row.k && stored.n == 2));
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
        assert_eq!(db.count("narrow").await?, 200_000);
        Ok(())
    }

    async fn many_columns(db: Db) -> Result<()> {
        let columns: Vec<_> = COLUMNS.iter().map(|column| format!("\"{column}\" BIGINT NOT NULL")).collect();
        db.run(&format!(r#"CREATE TABLE "wide" ("k" {{text}} PRIMARY KEY, {})"#, columns.join(", "))).await?;
        let rows: Vec<_> = (0..2_000).map(|k| wide(k % 1_500, k)).collect();
        let start = Instant::now();
        assert_eq!(Wide::upsert_all(&rows, &db.pool).await?, 2_000);
        assert_eq!(Wide::upsert_all(&rows, &db.pool).returning().await?, rows);
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
        Ok(())
    }

    async fn large_values(db: Db) -> Result<()> {
        let ty = if db.server.key == Key::Postgres { "BYTEA" } else { "LONGBLOB" };
        db.run(&format!(r#"CREATE TABLE "blobs" ("k" BIGINT PRIMARY KEY, "bytes" {ty} NOT NULL)"#)).await?;
        let rows = blobs(40, 1 << 20);
        let _packets = PACKETS.lock().await;
        let start = Instant::now();
        assert_eq!(Blob::upsert_all(&rows, &db.pool).await?, 40);
        assert_eq!(Blob::one_by_one_all(&rows, &db.pool).await?, 40);
        assert_eq!(Blob::upsert_all(&rows[..20], &db.pool).returning().await?, rows[..20]);
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
        assert_eq!(db.count("blobs").await?, 40);
        Ok(())
    }

    /// A row that no packet takes is named before it is sent.
    #[on(mariadb)]
    async fn a_row_that_is_too_large(db: Db) -> Result<()> {
        let _packets = PACKETS.lock().await;
        db.run("CREATE TABLE blobs (k BIGINT PRIMARY KEY, bytes LONGBLOB NOT NULL)").await?;
        let packet: i64 = db.one("SELECT CAST(@@max_allowed_packet AS SIGNED)").await?;
        let mut rows = blobs(5, 10);
        rows[3].bytes = vec![0; usize::try_from(packet)?];
        let error = Blob::upsert_all(&rows, &db.pool).await.expect_err("too large");
        assert_eq!((error.kind(), error.row()), (ErrorKind::OutOfRange, Some(3)), "{error}");
        assert!(error.to_string().contains("max_allowed_packet"), "{error}");
        assert!(error.to_string().contains("`k = 3`"), "{error}");
        assert_eq!(db.count("blobs").await?, 0);
        rows[3].bytes.truncate(usize::try_from(packet)? - 10_000);
        assert_eq!(Blob::upsert_all(&rows, &db.pool).await?, 5);
        Ok(())
    }

    /// Rows go in as many packets as the server's setting asks for, and one that fits into none is an error, in a batch and alone.
    #[on(mysql, mariadb)]
    async fn small_packets(db: Db) -> Result<()> {
        db.run("CREATE TABLE blobs (k BIGINT PRIMARY KEY, bytes LONGBLOB NOT NULL)").await?;
        let _packets = PACKETS.lock().await;
        let before: i64 = db.one("SELECT CAST(@@max_allowed_packet AS SIGNED)").await?;
        db.run("SET GLOBAL max_allowed_packet = 32768").await?;
        let connected = db.connect().await;
        db.run(&format!("SET GLOBAL max_allowed_packet = {before}")).await?;
        let mut conn = connected?;
        let rows = blobs(100, 1_000);
        assert_eq!(Blob::upsert_all(&rows, &mut conn).await?, 100);
        assert_eq!(Blob::upsert_all(&rows, &mut conn).returning().await?, rows);
        // Many short ones: the text is longer than the values.
        assert_eq!(Blob::upsert_all(&blobs(256, 0), &mut conn).await?, 256);
        let mut rows = blobs(5, 20_000);
        assert_eq!(Blob::upsert_all(&rows, &mut conn).await?, 5);
        rows[3].bytes = vec![0; 32_768];
        let error = Blob::upsert_all(&rows, &mut conn).await.expect_err("too large");
        assert_eq!((error.kind(), error.row()), (ErrorKind::OutOfRange, Some(3)), "{error}");
        let error = rows[3].upsert(&mut conn).await.expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        assert!(error.to_string().contains("max_allowed_packet"), "{error}");
        assert_eq!(db.one::<i64>("SELECT CAST(SUM(LENGTH(bytes)) AS SIGNED) FROM blobs").await?, 5 * 20_000);
        Ok(())
    }

    /// Each row has three of its value.
    #[on(mysql)]
    async fn values_that_are_sent_more_than_once(db: Db) -> Result<()> {
        db.run("CREATE TABLE threefold (k BIGINT PRIMARY KEY, text LONGTEXT NOT NULL)").await?;
        let _packets = PACKETS.lock().await;
        let packet: i64 = db.one("SELECT CAST(@@max_allowed_packet AS SIGNED)").await?;
        let size = usize::try_from(packet)? / 20;
        let rows: Vec<_> = (0..15).map(|k| Threefold { k, text: "x".repeat(size) }).collect();
        assert_eq!(Threefold::upsert_all(&rows, &db.pool).await?, 15);
        let sizes: Vec<(i64,)> = db.all("SELECT DISTINCT LENGTH(text) FROM threefold").await?;
        assert_eq!(sizes, [(3 * i64::try_from(size)?,)]);
        Ok(())
    }

    /// Statements of a size that will hardly come again are not kept.
    async fn the_statement_cache(db: Db) -> Result<()> {
        db.run(NARROW).await?;
        let mut conn = db.connect().await?;
        let rows = narrow(25_000);
        let mut after_some = 0;
        for size in (1..40).chain([100, 999, 1_000, 1_001, 12_345, 25_000, 11_000]) {
            let rows = &rows[..size];
            Narrow::upsert_all(rows, &mut conn).await?;
            if size <= 1_001 {
                Narrow::upsert_all(rows, &mut conn).returning().await?;
                Narrow::upsert_all(rows, &mut conn).chunk_rows(10).await?;
                Narrow::insert_all_if_absent(rows, &mut conn).await?;
            }
            if size <= 20 {
                Narrow::get_or_insert_all(rows, &mut conn).await?;
                Narrow::insert_all_if_absent(rows, &mut conn).returning().await?;
                Narrow::upsert_all(rows, &mut conn).with_actions().await?;
                after_some = conn.cached_statements_size();
            }
        }
        let cached = conn.cached_statements_size();
        // Each call has a statement or two for full chunks, and those of one row.
        assert!(cached <= 20, "{cached} statements are kept");
        assert!(cached <= after_some + 4, "{cached} statements are kept, {after_some} before");
        Ok(())
    }
}
