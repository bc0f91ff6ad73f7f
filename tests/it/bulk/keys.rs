//! Keys of all types: sorted or not, each row that comes back finds its place.

use anyhow::Result;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use sqlx::types::Json;
use std::fmt::Debug;
use upsert::{Action, InBulk, Upsert, UpsertModel, UpsertSpec};
use uuid::Uuid;

use crate::harness::{Db, Key, Room, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "keyed", conflict = "k", accumulate = "n")]
struct Keyed<T> {
    k: T,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "keyed", conflict = "a, b", accumulate = "n")]
struct Composite<A, B> {
    a: A,
    b: B,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "keyed", conflict = "k")]
struct Document {
    k: i64,
    #[upsert(json)]
    v: Option<Vec<String>>,
    w: Json<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(type_name = "mood", rename_all = "lowercase")]
enum Mood {
    Sad,
    Fine,
    Glad,
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[repr(i32)]
enum Level {
    Low = -1,
    High = 7,
}

/// A value of a type that PostgreSQL knows by name, beside the key.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "moods", conflict = "k")]
struct WithMood {
    k: i64,
    mood: Option<Mood>,
}

/// Sends each key three times, mixed, and expects to find all by the rules of one row.
async fn check<DB, T>(db: &Db<DB>, keys: &[T]) -> Result<()>
where
    DB: Room,
    T: Clone + PartialEq + Debug,
    Keyed<T>: UpsertModel<DB> + UpsertSpec<Output = Keyed<T>> + InBulk,
{
    let row = |k: &T, n| Keyed { k: k.clone(), n };
    let there = row(&keys[0], 100);
    Keyed::upsert_all(&[&there], &db.pool).await?;
    // Forwards, backwards, forwards.
    let rows: Vec<_> = keys
        .iter()
        .chain(keys.iter().rev())
        .chain(keys)
        .map(|k| row(k, 1))
        .collect();
    let count = u64::try_from(rows.len())?;
    let expected = |start: i64| {
        let mut seen: Vec<(T, i64)> = Vec::new();
        let expected = rows.iter().map(|given| {
            match seen.iter_mut().find(|(k, _)| *k == given.k) {
                Some((_, n)) => *n += 1,
                None => seen.push((
                    given.k.clone(),
                    start + 1 + if given.k == keys[0] { 100 } else { 0 },
                )),
            }
            let n = seen
                .iter()
                .find(|(k, _)| *k == given.k)
                .map_or(0, |(_, n)| *n);
            row(&given.k, n)
        });
        expected.collect::<Vec<_>>()
    };
    assert_eq!(Keyed::upsert_all(&rows, &db.pool).await?, count);
    assert_eq!(
        Keyed::upsert_all(&rows, &db.pool).returning().await?,
        expected(3)
    );
    let upserted = Keyed::upsert_all(&rows, &db.pool).with_actions().await?;
    assert!(
        upserted
            .iter()
            .all(|upserted| upserted.action == Action::Updated)
    );
    let upserted: Vec<_> = upserted.into_iter().map(|upserted| upserted.row).collect();
    assert_eq!(upserted, expected(6));
    assert_eq!(Keyed::insert_all_if_absent(&rows, &db.pool).await?, 0);
    let inserted = Keyed::insert_all_if_absent(&rows, &db.pool)
        .returning()
        .await?;
    assert!(inserted.iter().all(Option::is_none));
    let found = Keyed::get_or_insert_all(&rows, &db.pool).await?;
    for (given, found) in rows.iter().zip(found) {
        let n = 9 + if given.k == keys[0] { 100 } else { 0 };
        assert_eq!(
            (found.row, found.action),
            (row(&given.k, n), Action::Unchanged)
        );
    }
    Ok(())
}

/// The spelling of a type on this database.
fn ty<DB: Room>(
    db: &Db<DB>,
    postgres: &'static str,
    sqlite: &'static str,
    mysql: &'static str,
) -> &'static str {
    match db.server.key {
        Key::Postgres => postgres,
        Key::Sqlite => sqlite,
        Key::MariaDb | Key::MySql => mysql,
    }
}

fn keyed(ty: &str) -> String {
    format!(r#"CREATE TABLE "keyed" ("k" {ty} PRIMARY KEY, "n" BIGINT NOT NULL)"#)
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

dialect_tests! {
    async fn i32(db: Db) -> Result<()> {
        db.run(&keyed("INTEGER")).await?;
        check(&db, &[3_i32, -1, 0, i32::MIN, i32::MAX, 256, -256]).await
    }

    async fn i64(db: Db) -> Result<()> {
        db.run(&keyed("BIGINT")).await?;
        check(&db, &[3_i64, -1, 0, i64::MIN, i64::MAX, 256, -256]).await
    }

    async fn i16(db: Db) -> Result<()> {
        db.run(&keyed("SMALLINT")).await?;
        check(&db, &[3_i16, -1, 0, i16::MIN, i16::MAX]).await
    }

    /// The column is narrower than the field. (On PostgreSQL such a column cannot be read.)
    #[on(sqlite, mysql)]
    async fn i64_in_an_integer(db: Db) -> Result<()> {
        db.run(&keyed("INTEGER")).await?;
        check(&db, &[3_i64, -1, 0, i64::from(i32::MIN), 256, -256]).await
    }

    #[on(mysql)]
    async fn u64(db: Db) -> Result<()> {
        db.run(&keyed("BIGINT UNSIGNED")).await?;
        check(&db, &[3_u64, 0, u64::MAX, 1 << 63, 256]).await
    }

    async fn bool(db: Db) -> Result<()> {
        db.run(&keyed("BOOLEAN")).await?;
        check(&db, &[true, false]).await
    }

    async fn string(db: Db) -> Result<()> {
        db.run(&keyed("{text}")).await?;
        let keys = ["b", "a", "", "ab", "a b", "it's", "a\\b", "\"q\""];
        check(&db, &keys.map(str::to_owned)).await
    }

    async fn string_beyond_ascii(db: Db) -> Result<()> {
        db.run(&keyed("{text}")).await?;
        check(&db, &["b", "ä", "🦀", "日本", "naïve"].map(str::to_owned)).await
    }

    async fn boxed_str(db: Db) -> Result<()> {
        db.run(&keyed("{text}")).await?;
        check(&db, &["b", "a", "c"].map(Box::<str>::from)).await
    }

    async fn bytes(db: Db) -> Result<()> {
        db.run(&keyed("{bytes}")).await?;
        check(&db, &[vec![3_u8], vec![], vec![0], vec![0, 0], vec![255; 100]]).await
    }

    /// MySQL's lengths take more bytes for long values.
    async fn long_bytes(db: Db) -> Result<()> {
        db.run(&keyed(ty(&db, "BYTEA", "BLOB", "VARBINARY(700)"))).await?;
        check(&db, &[vec![3_u8; 700], vec![3; 250], vec![3; 251], vec![3; 255], vec![3; 256]]).await
    }

    async fn uuid(db: Db) -> Result<()> {
        db.run(&keyed("{uuid}")).await?;
        check(&db, &[Uuid::new_v4(), Uuid::nil(), Uuid::max(), Uuid::new_v4()]).await
    }

    async fn instants(db: Db) -> Result<()> {
        db.run(&keyed("{instant}")).await?;
        let keys = ["2024-02-29T12:00:00Z", "1999-12-31T23:59:59.999999Z", "2024-02-29T12:00:00.5Z", "2000-01-01T00:00:00Z"];
        check(&db, &keys.map(instant)).await
    }

    async fn instants_without_a_zone(db: Db) -> Result<()> {
        db.run(&keyed("{datetime}")).await?;
        let keys = ["2024-02-29T12:00:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00Z"];
        check(&db, &keys.map(|text| instant(text).naive_utc())).await?;
        Ok(())
    }

    /// Keys that are the same there, and different here: MySQL rounds, MariaDB cuts.
    #[on(mysql)]
    async fn instants_that_the_column_rounds(db: Db) -> Result<()> {
        db.run("CREATE TABLE keyed (k DATETIME PRIMARY KEY, n BIGINT NOT NULL)").await?;
        let key = |text: &str| -> NaiveDateTime { instant(text).naive_utc() };
        let second = if db.server.key == Key::MySql { "2024-02-29T12:00:00.9Z" } else { "2024-02-29T12:00:01.9Z" };
        let rows = ["2024-02-29T12:00:01Z", second, "2024-02-29T12:00:01.2Z"];
        let rows = rows.map(|text| Keyed { k: key(text), n: 1 });
        assert_eq!(Keyed::upsert_all(&rows, &db.pool).await?, 3);
        assert_eq!(db.all::<(i64,)>("SELECT n FROM keyed").await?, [(3,)]);
        assert_eq!(Keyed::insert_all_if_absent(&rows, &db.pool).await?, 0);
        Ok(())
    }

    async fn days(db: Db) -> Result<()> {
        db.run(&keyed("{date}")).await?;
        let day = |year| NaiveDate::from_ymd_opt(year, 2, 28).expect("a day");
        check(&db, &[day(2024), day(1969), day(2000), day(1999)]).await
    }

    /// Not sorted, since equal numbers may be different bytes.
    #[on(postgres, mysql)]
    async fn decimals(db: Db) -> Result<()> {
        db.run(&keyed("DECIMAL(20, 4)")).await?;
        let keys = ["3.5000", "-1.0000", "0.0000", "12345.6789"];
        check(&db, &keys.map(|text| text.parse::<Decimal>().expect("a number"))).await
    }

    async fn enums_as_numbers(db: Db) -> Result<()> {
        db.run(&keyed("INTEGER")).await?;
        check(&db, &[Level::High, Level::Low]).await
    }

    /// (On MySQL and MariaDB sqlx cannot read such a column when it is a key.)
    #[on(postgres, sqlite)]
    async fn enums_as_texts(db: Db) -> Result<()> {
        if db.server.key == Key::Postgres {
            db.run("CREATE TYPE mood AS ENUM ('sad', 'fine', 'glad')").await?;
        }
        db.run(&keyed(ty(&db, "mood", "TEXT", ""))).await?;
        check(&db, &[Mood::Sad, Mood::Glad, Mood::Fine]).await
    }

    async fn enums_beside_the_key(db: Db) -> Result<()> {
        if db.server.key == Key::Postgres {
            db.run("CREATE TYPE mood AS ENUM ('sad', 'fine', 'glad')").await?;
        }
        let mood = ty(&db, "mood", "TEXT", "ENUM('sad', 'fine', 'glad')");
        db.run(&format!(r#"CREATE TABLE "moods" ("k" BIGINT PRIMARY KEY, "mood" {mood})"#)).await?;
        let rows = [(2, None), (1, Some(Mood::Glad)), (2, Some(Mood::Sad)), (3, None)];
        let rows = rows.map(|(k, mood)| WithMood { k, mood });
        assert_eq!(WithMood::upsert_all(&rows, &db.pool).await?, 4);
        assert_eq!(WithMood::upsert_all(&rows, &db.pool).returning().await?, rows);
        let nulls = [2, 1].map(|k| WithMood { k, mood: None });
        assert_eq!(WithMood::upsert_all(&nulls, &db.pool).returning().await?, nulls);
        Ok(())
    }

    async fn composite(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "keyed" ("a" {text}, "b" BIGINT, "n" BIGINT NOT NULL, UNIQUE ("a", "b"))"#).await?;
        let row = |(a, b): (&str, i64)| Composite { a: a.to_owned(), b, n: 1 };
        let rows = [("b", 1), ("a", 2), ("a", 1), ("b", 1), ("", 1), ("a", 2), ("a", 2)].map(row);
        let stored = Composite::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [1, 1, 1, 2, 1, 2, 3]);
        assert!(stored.iter().zip(&rows).all(|(stored, row)| (&stored.a, stored.b) == (&row.a, row.b)));
        assert_eq!(Composite::upsert_all(&rows, &db.pool).await?, 7);
        let found = Composite::get_or_insert_all(&rows, &db.pool).await?;
        assert_eq!(found.iter().map(|found| found.row.n).collect::<Vec<_>>(), [4, 6, 2, 4, 2, 6, 6]);
        Ok(())
    }

    /// A NULL equals nothing, so such rows are always new, also those that look alike.
    async fn null_in_a_key(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "keyed" ("a" {text}, "b" BIGINT, "n" BIGINT NOT NULL, UNIQUE ("a", "b"))"#).await?;
        let row = |(a, b): (Option<&str>, i64)| Composite { a: a.map(str::to_owned), b, n: 1 };
        let rows = [(None, 1), (Some("a"), 1), (None, 1), (None, 2), (Some("a"), 1)].map(row);
        assert_eq!(Composite::upsert_all(&rows, &db.pool).await?, 5);
        assert_eq!(db.count("keyed").await?, 4);
        assert_eq!(Composite::insert_all_if_absent(&rows, &db.pool).await?, 3);
        assert_eq!(db.count("keyed").await?, 7);
        Ok(())
    }

    /// PostgreSQL and SQLite give back what a statement inserted; elsewhere a row without a key cannot be read again.
    #[on(postgres, sqlite)]
    async fn null_in_a_key_and_back(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "keyed" ("a" {text}, "b" BIGINT, "n" BIGINT NOT NULL, UNIQUE ("a", "b"))"#).await?;
        let row = |(a, b): (Option<&str>, i64)| Composite { a: a.map(str::to_owned), b, n: 1 };
        let rows = [(None, 1), (Some("a"), 1), (None, 1), (None, 2), (Some("a"), 1)].map(row);
        let upserted = Composite::upsert_all(&rows, &db.pool).with_actions().await?;
        let expected = [Action::Inserted, Action::Inserted, Action::Inserted, Action::Inserted, Action::Updated];
        assert_eq!(upserted.iter().map(|upserted| upserted.action).collect::<Vec<_>>(), expected);
        assert_eq!(upserted.iter().map(|upserted| upserted.row.n).collect::<Vec<_>>(), [1, 1, 1, 1, 2]);
        let stored = Composite::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.n).collect::<Vec<_>>(), [1, 3, 1, 1, 4]);
        assert_eq!(db.count("keyed").await?, 7);
        Ok(())
    }

    async fn documents(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "keyed" ("k" BIGINT PRIMARY KEY, "v" {json}, "w" {json} NOT NULL)"#).await?;
        let row = |k, v: Option<&[&str]>| Document {
            k,
            v: v.map(|v| v.iter().map(|v| (*v).to_owned()).collect()),
            w: Json(k * 2),
        };
        let rows = [row(3, None), row(1, Some(&["a", "it's"])), row(2, Some(&[])), row(1, Some(&["b"]))];
        assert_eq!(Document::upsert_all(&rows, &db.pool).await?, 4);
        assert_eq!(Document::upsert_all(&rows, &db.pool).returning().await?, rows);
        Ok(())
    }
}
