//! A row that fails is named, where the database says which it is, or it is looked for.

use anyhow::Result;
use futures_util::stream;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use upsert::{ErrorKind, Patch, Upsert};

use crate::harness::{Key, dialect_tests};

const WORDS: &str = r#"CREATE TABLE "words" (
    "k" {text} PRIMARY KEY, "n" BIGINT NOT NULL CHECK ("n" < 1000), "place" BIGINT UNIQUE, "deleted_at" BIGINT
)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "k")]
struct Word {
    k: String,
    n: Option<i64>,
    place: Option<i64>,
}

fn words(count: i64) -> Vec<Word> {
    // Not in the order of their keys.
    (0..count)
        .map(|number| Word {
            k: format!("k{:04}", number * 7919 % 9973),
            n: Some(1),
            place: None,
        })
        .collect()
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "k",
    soft_delete = "deleted_at",
    on_deleted = "error"
)]
struct Living {
    k: String,
    n: i64,
    deleted_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "sums", conflict = "k", accumulate = "n")]
struct Sum {
    k: i64,
    n: i64,
}

/// With a second unique key.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "words",
    conflict = "k",
    soft_delete = "deleted_at",
    on_deleted = "error"
)]
struct Placed {
    k: String,
    place: i64,
    deleted_at: Option<i64>,
}

fn living(k: &str) -> Living {
    Living {
        k: k.to_owned(),
        n: 2,
        deleted_at: None,
    }
}

/// An i64 that cannot be sent if it is 13.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shy(i64);

impl<DB: Database> Type<DB> for Shy
where
    i64: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        i64::type_info()
    }
}

impl<'q, DB: Database> Encode<'q, DB> for Shy
where
    i64: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.0 == 13 {
            return Err("thirteen is not sent".into());
        }
        self.0.encode_by_ref(buffer)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Shy
where
    i64: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        i64::decode(value).map(Self)
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k", returning = "k")]
struct WithShy {
    k: String,
    n: Shy,
}

/// The key that cannot be sent.
#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "n", returning = "k")]
struct ShyKey {
    n: Shy,
    k: String,
}

/// One that goes row by row.
#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k", returning = "k")]
struct Patched {
    k: String,
    n: Patch<i64>,
}

/// A key of all types that are spelled without PostgreSQL.
#[derive(Debug, Upsert)]
#[upsert(
    table = "keyed",
    conflict = "small, middle, large, flag, id, name, nothing",
    nulls_not_distinct,
    returning = "n"
)]
struct Keyed {
    small: i16,
    middle: i32,
    large: i64,
    flag: bool,
    id: uuid::Uuid,
    name: String,
    nothing: Option<i64>,
    n: Patch<i64>,
}

/// Looks for the row with everything that can be asked of a batch.
macro_rules! find_it {
    ($db:ident, $rows:expr, $kind:ident, $row:expr) => {{
        let rows = $rows;
        for size in [usize::MAX, 7, 1] {
            let calls = [
                Word::upsert_all(&rows, &$db.pool)
                    .chunk_rows(size)
                    .find_culprit()
                    .await
                    .map(drop),
                Word::upsert_all(&rows, &$db.pool)
                    .chunk_rows(size)
                    .find_culprit()
                    .returning()
                    .await
                    .map(drop),
                Word::upsert_all(&rows, &$db.pool)
                    .chunk_rows(size)
                    .find_culprit()
                    .with_actions()
                    .await
                    .map(drop),
                Word::insert_all_if_absent(&rows, &$db.pool)
                    .chunk_rows(size)
                    .find_culprit()
                    .await
                    .map(drop),
                Word::get_or_insert_all(&rows, &$db.pool)
                    .chunk_rows(size)
                    .find_culprit()
                    .await
                    .map(drop),
            ];
            for (call, outcome) in calls.into_iter().enumerate() {
                let error = outcome.expect_err("there is a culprit");
                let place = format!("call {call}, {size} rows a chunk: {error}");
                assert_eq!(
                    (error.kind(), error.row()),
                    (ErrorKind::$kind, Some($row)),
                    "{place}"
                );
                let message = error.to_string();
                assert!(
                    message.contains(&format!("it is row {} of the batch", $row)),
                    "{place}"
                );
                assert!(
                    message.contains(&format!("with the key `k = {}`", rows[$row].k)),
                    "{place}"
                );
            }
            assert_eq!($db.count("words").await?, 0, "all or nothing");
        }
    }};
}

dialect_tests! {
    async fn a_check(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        find_it!(db, rows, CheckViolation, 23);
        Ok(())
    }

    async fn the_first_row_and_the_last(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        for culprit in [0, 39] {
            let mut rows = words(40);
            rows[culprit].n = None;
            find_it!(db, rows, NotNullViolation, culprit);
        }
        Ok(())
    }

    /// Of two, one is named.
    async fn two_culprits(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[11].n = Some(1000);
        rows[23].n = Some(1000);
        let error = Word::upsert_all(&rows, &db.pool).find_culprit().await.expect_err("a check");
        assert!(matches!(error.row(), Some(11 | 23)), "{error}");
        Ok(())
    }

    /// Each row by itself would do; it is the second that fails.
    async fn rows_that_collide_with_each_other(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[11].place = Some(5);
        rows[23].place = Some(5);
        let error = Word::upsert_all(&rows, &db.pool).keep_order().find_culprit().await.expect_err("the place is taken");
        assert_eq!((error.kind(), error.row()), (ErrorKind::UniqueViolation, Some(23)));
        let error = Word::upsert_all(&rows, &db.pool).find_culprit().await.expect_err("the place is taken");
        assert!(matches!(error.row(), Some(11 | 23)), "{error}");
        assert_eq!(db.count("words").await?, 0);
        Ok(())
    }

    async fn it_is_not_looked_for_unasked(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        let error = Word::upsert_all(&rows, &db.pool).await.expect_err("a check");
        assert_eq!((error.kind(), error.row()), (ErrorKind::CheckViolation, None));
        // Alone it is known anyway.
        let error = Word::upsert_all(&rows[23..24], &db.pool).await.expect_err("a check");
        assert_eq!(error.row(), Some(0));
        Ok(())
    }

    /// Not the fault of a row.
    async fn a_table_that_is_missing(db: Db) -> Result<()> {
        let error = Word::upsert_all(&words(40), &db.pool).find_culprit().await.expect_err("no table");
        assert_eq!(error.row(), None);
        Ok(())
    }

    /// The servers say it themselves of values that do not fit.
    #[on(mysql)]
    async fn where_the_server_says_it(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (k VARCHAR(191) PRIMARY KEY, n INTEGER, place BIGINT)").await?;
        let mut rows = words(40);
        rows[23].n = Some(1 << 40);
        for size in [usize::MAX, 7] {
            let error = Word::upsert_all(&rows, &db.pool).chunk_rows(size).await.expect_err("out of range");
            assert_eq!((error.kind(), error.row()), (ErrorKind::OutOfRange, Some(23)), "{error}");
            assert!(error.to_string().contains(&rows[23].k), "{error}");
        }
        Ok(())
    }

    /// The rows that a trigger's own statement counts are not those of the batch.
    #[on(mysql)]
    async fn where_a_trigger_counts_rows_of_its_own(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (k VARCHAR(191) PRIMARY KEY, n BIGINT, place BIGINT)").await?;
        db.run("CREATE TABLE log (n TINYINT)").await?;
        db.run("CREATE TRIGGER t AFTER INSERT ON words FOR EACH ROW INSERT INTO log VALUES (NEW.n)").await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        let error = Word::upsert_all(&rows, &db.pool).await.expect_err("out of range");
        assert_eq!((error.kind(), error.row()), (ErrorKind::OutOfRange, None), "{error}");
        find_it!(db, rows.clone(), OutOfRange, 23);
        // The row that is counted first does fail, and fails by itself.
        let error = Word::upsert_all(&rows[23..], &db.pool).keep_order().await.expect_err("out of range");
        assert_eq!(error.row(), Some(0), "{error}");
        assert_eq!(db.count("log").await?, 0);
        Ok(())
    }

    /// One row fails because of the sum that those before it make.
    #[on(mysql)]
    async fn where_the_server_says_it_of_a_sum(db: Db) -> Result<()> {
        db.run("CREATE TABLE sums (k BIGINT PRIMARY KEY, n TINYINT NOT NULL)").await?;
        let rows = [(1, 100), (2, 1), (1, 20), (1, 20), (3, 1)].map(|(k, n)| Sum { k, n });
        let error = Sum::upsert_all(&rows, &db.pool).keep_order().await.expect_err("out of range");
        assert_eq!((error.kind(), error.row()), (ErrorKind::OutOfRange, Some(3)), "{error}");
        Ok(())
    }

    async fn a_value_that_cannot_be_sent(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let row = |n| WithShy { k: format!("k{}", (n * 7) % 40), n: Shy(n) };
        let rows: Vec<_> = (0..40).map(row).collect();
        for size in [usize::MAX, 7, 1] {
            let calls = [
                WithShy::upsert_all(&rows, &db.pool).chunk_rows(size).await.map(drop),
                WithShy::upsert_all(&rows, &db.pool).chunk_rows(size).returning().await.map(drop),
                WithShy::upsert_all(&rows, &db.pool).chunk_rows(size).with_actions().await.map(drop),
                WithShy::upsert_all(&rows, &db.pool).chunk_rows(size).find_culprit().await.map(drop),
                WithShy::insert_all_if_absent(&rows, &db.pool).chunk_rows(size).await.map(drop),
                WithShy::get_or_insert_all(&rows, &db.pool).chunk_rows(size).await.map(drop),
            ];
            for (call, outcome) in calls.into_iter().enumerate() {
                let error = outcome.expect_err("it cannot be sent");
                let message = format!("call {call}, {size} rows a chunk: {error}");
                assert_eq!((error.kind(), error.row()), (ErrorKind::Encode, Some(13)), "{message}");
                assert!(message.contains("column `n`"), "{message}");
                assert!(message.contains("thirteen is not sent"), "{message}");
                assert!(message.contains("`k = k11`"), "{message}");
            }
            assert_eq!(db.count("words").await?, 0, "all or nothing");
        }
        Ok(())
    }

    async fn a_key_that_cannot_be_sent(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "words" ("k" {text} NOT NULL, "n" BIGINT PRIMARY KEY)"#).await?;
        let rows: Vec<_> = (0..40).map(|n| ShyKey { k: String::new(), n: Shy(n) }).collect();
        let error = ShyKey::upsert_all(&rows, &db.pool).await.expect_err("it cannot be sent");
        assert_eq!((error.kind(), error.row()), (ErrorKind::Encode, Some(13)), "{error}");
        let error = ShyKey::upsert_all(&rows, &db.pool).returning().await.expect_err("it cannot be sent");
        assert_eq!((error.kind(), error.row()), (ErrorKind::Encode, Some(13)), "{error}");
        Ok(())
    }

    async fn a_deleted_row(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run(r#"INSERT INTO "words" ("k", "n", "deleted_at") VALUES ('k1', 1, NULL), ('k2', 1, 5), ('k3', 1, NULL)"#).await?;
        let rows = ["k4", "k3", "k2", "k1"].map(living);
        for find in [false, true] {
            let call = || {
                let call = Living::upsert_all(&rows, &db.pool);
                if find { call.find_culprit() } else { call }
            };
            for outcome in [call().await.map(drop), call().returning().await.map(drop), call().with_actions().await.map(drop)] {
                let error = outcome.expect_err("it is deleted");
                assert_eq!(error.kind(), ErrorKind::Deleted, "{error}");
                // PostgreSQL says what it is, and only the search says which.
                if find || db.server.key != Key::Postgres {
                    assert_eq!(error.row(), Some(2), "{error}");
                    assert!(error.to_string().contains("`k = k2`"), "{error}");
                }
            }
        }
        assert_eq!(Living::insert_all_if_absent(&rows, &db.pool).await?, 1);
        Ok(())
    }

    /// An insert leaves a deleted row alone, and it is another that fails; an upsert fails at the first of both.
    async fn a_deleted_row_beside_one_that_collides(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "words" ("k" {text} PRIMARY KEY, "place" BIGINT UNIQUE, "deleted_at" BIGINT)"#).await?;
        db.run(r#"INSERT INTO "words" VALUES ('k3', 3, 5), ('other', 7, NULL)"#).await?;
        let row = |k: &str, place| Placed { k: k.to_owned(), place, deleted_at: None };
        let (deleted, collides, fine) = (row("k3", 3), row("k1", 7), row("k2", 2));
        let rows = [deleted.clone(), collides.clone(), fine.clone()];
        let error = Placed::insert_all_if_absent(&rows, &db.pool).await.expect_err("it collides");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
        let error = Placed::insert_all_if_absent(&rows, &db.pool).find_culprit().await.expect_err("it collides");
        assert_eq!((error.kind(), error.row()), (ErrorKind::UniqueViolation, Some(1)), "{error}");
        let rows = [fine.clone(), collides.clone(), deleted.clone()];
        let error = Placed::upsert_all(&rows, &db.pool).keep_order().await.expect_err("it collides");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
        let error = Placed::upsert_all(&rows, &db.pool).keep_order().find_culprit().await.expect_err("it collides");
        assert_eq!((error.kind(), error.row()), (ErrorKind::UniqueViolation, Some(1)), "{error}");
        let rows = [fine, deleted, collides];
        let error = Placed::upsert_all(&rows, &db.pool).keep_order().find_culprit().await.expect_err("it is deleted");
        assert_eq!((error.kind(), error.row()), (ErrorKind::Deleted, Some(1)), "{error}");
        assert_eq!(db.count("words").await?, 2);
        // The deleted row is not what refuses an insert that collides elsewhere.
        let error = row("k3", 7).insert_if_absent(&db.pool).await.map(drop).map_err(|error| error.kind());
        assert!(matches!(error, Ok(()) | Err(ErrorKind::UniqueViolation)), "{error:?}");
        Ok(())
    }

    /// Nothing of the batch is left, and the transaction goes on.
    async fn in_a_transaction(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        let mut tx = db.pool.begin().await?;
        Word::upsert_all(&rows[..1], &mut tx).await?;
        for size in [usize::MAX, 7, 1] {
            let error = Word::upsert_all(&rows, &mut tx).chunk_rows(size).find_culprit().await.expect_err("a check");
            assert_eq!(error.row(), Some(23), "{error}");
            assert!(error.to_string().contains(&rows[23].k), "{error}");
            let stored: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM words").fetch_all(&mut *tx).await?[0];
            assert_eq!(stored, (1,), "{size} rows a chunk: what was there before");
        }
        assert_eq!(Word::upsert_all(&rows[..10], &mut tx).find_culprit().await?, 10);
        tx.commit().await?;
        assert_eq!(db.count("words").await?, 10);
        Ok(())
    }

    /// PostgreSQL answers nothing more in the transaction.
    async fn in_a_transaction_row_by_row(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "words" ("k" {text} PRIMARY KEY, "n" BIGINT CHECK ("n" < 1000))"#).await?;
        let rows = [("a", 1), ("b", 1000), ("c", 1)].map(|(k, n)| Patched { k: k.to_owned(), n: Patch::Set(n) });
        let mut tx = db.pool.begin().await?;
        let error = Patched::upsert_all(&rows, &mut tx).await.expect_err("a check");
        assert_eq!((error.kind(), error.row()), (ErrorKind::CheckViolation, Some(1)), "{error}");
        assert!(error.to_string().contains("it is row 1 of the batch, counted from 0, with the key `k = b`"), "{error}");
        tx.rollback().await?;
        Ok(())
    }

    #[on(postgres)]
    async fn a_key_is_spelled_in_a_failed_transaction_as_elsewhere(db: Db) -> Result<()> {
        if db.server.major() < 15 {
            return Ok(());
        }
        db.run(
            "CREATE TABLE keyed (small SMALLINT, middle INTEGER, large BIGINT, flag BOOLEAN, id UUID, name TEXT, nothing BIGINT,
             n BIGINT CHECK (n < 1000), UNIQUE NULLS NOT DISTINCT (small, middle, large, flag, id, name, nothing))",
        ).await?;
        let row = |flag| Keyed {
            small: -1,
            middle: 70_000,
            large: i64::MIN,
            flag,
            id: uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            name: "ä, b".to_owned(),
            nothing: None,
            n: Patch::Set(1000),
        };
        for flag in [false, true] {
            let error = Keyed::upsert_all(&[row(flag)], &db.pool).await.expect_err("a check");
            assert!(error.to_string().contains("with the key `small = -1, "), "{error}");
            let mut tx = db.pool.begin().await?;
            let same = Keyed::upsert_all(&[row(flag)], &mut tx).await.expect_err("a check");
            assert_eq!(same.to_string(), error.to_string());
            tx.rollback().await?;
        }
        Ok(())
    }

    async fn in_a_stream(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        let stream = stream::iter(rows.clone());
        let error = Word::upsert_stream(stream, &db.pool).chunk_rows(10).find_culprit().await.expect_err("a check");
        assert_eq!((error.row(), error.rows_committed()), (Some(23), 0), "{error}");
        assert!(error.to_string().contains(&rows[23].k), "{error}");
        assert_eq!(db.count("words").await?, 0);
        let stream = stream::iter(rows.clone());
        let error = Word::upsert_stream(stream, &db.pool).chunk_rows(10).commit_each_chunk().find_culprit().await.expect_err("a check");
        assert_eq!((error.row(), error.rows_committed()), (Some(23), 20), "{error}");
        assert_eq!(db.count("words").await?, 20);
        Ok(())
    }

    /// The words that a batch's error has pass through sqlx's own.
    async fn as_an_error_of_sqlx(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut rows = words(40);
        rows[23].n = Some(1000);
        let error = Word::upsert_all(&rows, &db.pool).find_culprit().await.expect_err("a check");
        let error = sqlx::Error::from(error);
        assert!(error.to_string().contains("row 23"), "{error}");
        assert!(error.as_database_error().is_some_and(|error| error.is_check_violation()));
        Ok(())
    }
}
