//! Every type that goes in comes back as it was.

use anyhow::Result;
use chrono::{DateTime, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::types::Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use upsert::{Accumulate, Action, Upsert, UpsertModel, UpsertSpec};
use uuid::Uuid;

use crate::harness::{Db, Key, Room, dialect_tests};

/// A value of some type in a column.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "holders", conflict = "k")]
struct Holder<T> {
    k: String,
    v: T,
}

/// And in a key.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "keyed", conflict = "k", accumulate = "n")]
struct Keyed<T> {
    k: T,
    n: i64,
}

fn holders(ty: &str) -> String {
    format!(r#"CREATE TABLE "holders" ("k" {{text}} PRIMARY KEY, "v" {ty})"#)
}

fn keyed(ty: &str) -> String {
    format!(r#"CREATE TABLE "keyed" ("k" {ty} PRIMARY KEY, "n" BIGINT NOT NULL)"#)
}

/// Inserts each value, updates it to each other, and reads it again by a SELECT.
async fn round_trip<DB, T>(db: &Db<DB>, values: &[T]) -> Result<()>
where
    DB: Room,
    T: Clone + PartialEq + Debug,
    Holder<T>: UpsertModel<DB> + UpsertSpec<Output = Holder<T>>,
{
    for (index, value) in values.iter().enumerate() {
        let k = format!("row {index}");
        let inserted = Holder {
            k: k.clone(),
            v: value.clone(),
        };
        assert_eq!(inserted.upsert(&db.pool).await?, inserted);
        for other in values.iter().chain([value]) {
            let updated = Holder {
                k: k.clone(),
                v: other.clone(),
            };
            let upserted = updated.upsert(&db.pool).with_action().await?;
            assert_eq!(
                (&upserted.row, upserted.action),
                (&updated, Action::Updated)
            );
        }
        let got = Holder {
            k,
            v: values[0].clone(),
        }
        .get_or_insert(&db.pool)
        .await?;
        assert_eq!((got.row, got.action), (inserted, Action::Unchanged));
    }
    Ok(())
}

/// Uses each value as a key: it is found again, and is another than the others.
async fn as_a_key<DB, T>(db: &Db<DB>, keys: &[T]) -> Result<()>
where
    DB: Room,
    T: Clone + PartialEq + Debug,
    Keyed<T>: UpsertModel<DB> + UpsertSpec<Output = Keyed<T>>,
{
    for (n, action) in [(1, Action::Inserted), (2, Action::Updated)] {
        for key in keys {
            let upserted = Keyed {
                k: key.clone(),
                n: 1,
            }
            .upsert(&db.pool)
            .with_action()
            .await?;
            assert_eq!(
                (upserted.row, upserted.action),
                (Keyed { k: key.clone(), n }, action)
            );
        }
    }
    Ok(())
}

/// The values, and NULL.
fn or_null<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    values.iter().cloned().map(Some).chain([None]).collect()
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

/// A test body: values of one type, as they are, with NULL beside them, and as a key.
macro_rules! check {
    ($db:ident, $ty:expr, [$($value:expr),+ $(,)?]) => {{
        let (ty, values) = ($ty, [$($value),+]);
        $db.run(&holders(ty)).await?;
        $db.run(&keyed(ty)).await?;
        round_trip(&$db, &values).await?;
        $db.run(r#"DELETE FROM "holders""#).await?;
        round_trip(&$db, &or_null(&values)).await?;
        as_a_key(&$db, &values).await?;
        Ok(())
    }};
}

/// The same without a key, for what no database can index.
macro_rules! check_value {
    ($db:ident, $ty:expr, [$($value:expr),+ $(,)?]) => {{
        let values = [$($value),+];
        $db.run(&holders($ty)).await?;
        round_trip(&$db, &values).await?;
        $db.run(r#"DELETE FROM "holders""#).await?;
        round_trip(&$db, &or_null(&values)).await?;
        Ok(())
    }};
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(type_name = "mood", rename_all = "lowercase")]
enum Mood {
    Sad,
    Fine,
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[repr(i32)]
enum Level {
    Low = 1,
    High = 7,
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
struct Cents(i64);

impl Accumulate for Cents {}

#[derive(Debug, Upsert)]
#[upsert(
    table = "purses",
    conflict = "owner",
    accumulate = "cents",
    returning = "cents"
)]
struct Purse {
    owner: String,
    cents: Cents,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    sizes: BTreeMap<String, Vec<i32>>,
    note: Option<String>,
}

fn settings(theme: &str) -> Settings {
    Settings {
        theme: theme.to_owned(),
        sizes: BTreeMap::from([("quo\"te".to_owned(), vec![1, -2]), (String::new(), vec![])]),
        note: None,
    }
}

/// The field attribute: any type that serde knows; `None` is NULL.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "profiles", conflict = "email")]
struct Profile {
    email: String,
    #[upsert(json)]
    settings: Settings,
    #[sqlx(json(nullable))]
    extra: Option<Vec<u8>>,
}

/// Sent by reference; what comes back is owned.
#[derive(Debug, Upsert)]
#[upsert(table = "borrowed", conflict = "k", returning = Owned)]
struct Borrowed<'a> {
    k: &'a str,
    cow: Cow<'a, str>,
    bytes: &'a [u8],
    maybe: Option<&'a str>,
    maybe_cow: Option<Cow<'a, str>>,
    fixed: &'static str,
    maybe_fixed: Option<&'static str>,
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Owned {
    k: String,
    cow: Box<str>,
    bytes: Vec<u8>,
    maybe: Option<String>,
    maybe_cow: Option<String>,
    fixed: String,
    maybe_fixed: Option<String>,
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day")
}

fn time(text: &str) -> NaiveTime {
    text.parse().expect("a time")
}

dialect_tests! {
    async fn i8(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "\"char\"", "TINYINT", "TINYINT"),
            [0_i8, 1, -1, i8::MIN, i8::MAX]
        )
    }

    async fn i16(db: Db) -> Result<()> {
        check!(db, "SMALLINT", [0_i16, 1, -1, i16::MIN, i16::MAX])
    }

    async fn i32(db: Db) -> Result<()> {
        check!(db, "INTEGER", [0_i32, 1, -1, i32::MIN, i32::MAX])
    }

    async fn i64(db: Db) -> Result<()> {
        check!(db, "BIGINT", [0_i64, 1, -1, i64::MIN, i64::MAX])
    }

    #[on(sqlite, mysql)]
    async fn u8(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "", "TINYINT", "TINYINT UNSIGNED"),
            [0_u8, 1, u8::MAX]
        )
    }

    #[on(sqlite, mysql)]
    async fn u16(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "", "SMALLINT", "SMALLINT UNSIGNED"),
            [0_u16, 1, u16::MAX]
        )
    }

    #[on(sqlite, mysql)]
    async fn u32(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "", "BIGINT", "INT UNSIGNED"),
            [0_u32, 1, u32::MAX]
        )
    }

    #[on(mysql)]
    async fn u64(db: Db) -> Result<()> {
        check!(
            db,
            "BIGINT UNSIGNED",
            [0_u64, 1, i64::MAX as u64 + 1, u64::MAX]
        )
    }

    async fn f32(db: Db) -> Result<()> {
        check_value!(
            db,
            ty(&db, "REAL", "REAL", "FLOAT"),
            [0.0_f32, -1.5, 0.12345679, 16777215.0, 1e30]
        )
    }

    async fn f64(db: Db) -> Result<()> {
        check_value!(
            db,
            "DOUBLE PRECISION",
            [0.0_f64, -1.5, 0.1, 1e300, f64::MAX, f64::MIN_POSITIVE]
        )
    }

    async fn bool(db: Db) -> Result<()> {
        check!(db, "BOOLEAN", [false, true])
    }

    async fn string(db: Db) -> Result<()> {
        check!(
            db,
            "{text}",
            [
                String::new(),
                "text".to_owned(),
                "naïve 🦀 \\ ' \" `".to_owned()
            ]
        )
    }

    async fn boxed_str(db: Db) -> Result<()> {
        check!(db, "{text}", [Box::<str>::from("text"), Box::from("")])
    }

    async fn bytes(db: Db) -> Result<()> {
        check!(
            db,
            "{bytes}",
            [vec![0_u8, 255, 39, 92], vec![], b"text".to_vec()]
        )
    }

    async fn borrowed_text_and_bytes(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "borrowed" ("k" {text} PRIMARY KEY, "cow" {text} NOT NULL, "bytes" {bytes} NOT NULL, "maybe" {text}, "maybe_cow" {text}, "fixed" {text} NOT NULL, "maybe_fixed" {text})"#).await?;
        for (cow, maybe) in [
            (Cow::Borrowed("borrowed"), None),
            (Cow::Owned("owned".to_owned()), Some("text")),
        ] {
            let k = "key".to_owned();
            let row = Borrowed {
                k: &k,
                cow: cow.clone(),
                bytes: &[1, 2, 3],
                maybe,
                maybe_cow: maybe.map(Cow::Borrowed),
                fixed: "static",
                maybe_fixed: maybe,
            };
            let owned = Owned {
                k: k.clone(),
                cow: cow.into(),
                bytes: vec![1, 2, 3],
                maybe: maybe.map(str::to_owned),
                maybe_cow: maybe.map(str::to_owned),
                fixed: "static".to_owned(),
                maybe_fixed: maybe.map(str::to_owned),
            };
            assert_eq!(row.upsert(&db.pool).await?, owned);
            assert_eq!(row.get_or_insert(&db.pool).await?.row, owned);
        }
        Ok(())
    }

    async fn chrono_utc(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "TIMESTAMPTZ", "VARCHAR", "DATETIME(6)"),
            [
                instant("2024-02-29T23:59:59.123456Z"),
                instant("1999-12-31T00:00:00Z"),
                instant("2024-02-29T23:59:59.100Z"),
            ]
        )
    }

    async fn chrono_local(db: Db) -> Result<()> {
        check!(
            db,
            ty(&db, "TIMESTAMPTZ", "TEXT", "TIMESTAMP(6)"),
            [
                DateTime::<Local>::from(instant("2024-02-29T23:59:59.123456Z")),
                DateTime::<Local>::from(instant("1999-12-31T00:00:00Z")),
            ]
        )
    }

    #[on(postgres, sqlite)]
    async fn chrono_fixed_offset(db: Db) -> Result<()> {
        check!(
            db,
            "{instant}",
            [
                DateTime::<FixedOffset>::parse_from_rfc3339("2024-02-29T23:59:59.123456+05:30")?,
                DateTime::<FixedOffset>::parse_from_rfc3339("2024-02-29T23:59:59-08:00")?,
            ]
        )
    }

    async fn chrono_date_and_time(db: Db) -> Result<()> {
        check!(
            db,
            "{datetime}",
            [
                NaiveDateTime::new(day(2024, 2, 29), time("23:59:59.123456")),
                NaiveDateTime::new(day(1970, 1, 1), time("00:00:00")),
            ]
        )
    }

    async fn chrono_date(db: Db) -> Result<()> {
        check!(
            db,
            "{date}",
            [day(2024, 2, 29), day(1000, 1, 1), day(9999, 12, 31)]
        )
    }

    async fn chrono_time(db: Db) -> Result<()> {
        check!(
            db,
            "{time}",
            [
                time("00:00:00"),
                time("23:59:59.123456"),
                time("12:00:00.5")
            ]
        )
    }

    async fn uuid(db: Db) -> Result<()> {
        check!(db, "{uuid}", [Uuid::nil(), Uuid::max(), Uuid::new_v4()])
    }

    #[on(sqlite, mysql)]
    async fn uuid_as_text(db: Db) -> Result<()> {
        check!(
            db,
            "{text}",
            [Uuid::nil().hyphenated(), Uuid::new_v4().hyphenated()]
        )
    }

    async fn json_value(db: Db) -> Result<()> {
        check_value!(
            db,
            "{json}",
            [
                json!({"a": [1, 2.5, null, true], "quo\"te": "it's \\ 🦀"}),
                json!([]),
                json!("text"),
                Value::Null,
            ]
        )
    }

    async fn json_of_a_type(db: Db) -> Result<()> {
        check_value!(
            db,
            "{json}",
            [Json(settings("dark")), Json(settings("it's"))]
        )
    }

    async fn json_by_attribute(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "profiles" ("email" {text} PRIMARY KEY, "settings" {json} NOT NULL, "extra" {json})"#).await?;
        for extra in [None, Some(vec![1, 2]), Some(vec![]), None] {
            let row = Profile {
                email: "ada".to_owned(),
                settings: settings("dark"),
                extra,
            };
            assert_eq!(row.upsert(&db.pool).await?, row);
            assert_eq!(row.get_or_insert(&db.pool).await?.row, row);
            let nulls: i64 = db
                .one(r#"SELECT COUNT(*) FROM "profiles" WHERE "extra" IS NULL"#)
                .await?;
            assert_eq!(nulls, i64::from(row.extra.is_none()));
        }
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn decimal(db: Db) -> Result<()> {
        let number = |text: &str| text.parse::<rust_decimal::Decimal>().expect("a number");
        check!(
            db,
            "DECIMAL(24, 6)",
            [
                number("0.000000"),
                number("-1.500000"),
                number("123456789012345678.123456")
            ]
        )
    }

    #[on(postgres, mysql)]
    async fn big_decimal(db: Db) -> Result<()> {
        let number = |text: &str| text.parse::<sqlx::types::BigDecimal>().expect("a number");
        check!(
            db,
            "DECIMAL(38, 6)",
            [
                number("0.000000"),
                number("-1.500000"),
                number("12345678901234567890123456789012.123456")
            ]
        )
    }

    /// On MySQL the column must be nullable: sqlx takes `ENUM` and `ENUM NOT NULL` for different types.
    async fn enum_of_names(db: Db) -> Result<()> {
        if db.server.key == Key::Postgres {
            db.run("CREATE TYPE mood AS ENUM ('sad', 'fine')").await?;
        }
        let ty = ty(&db, "mood", "TEXT", "ENUM('sad', 'fine')");
        check_value!(db, ty, [Mood::Sad, Mood::Fine])
    }

    #[on(postgres, sqlite)]
    async fn enum_of_names_as_a_key(db: Db) -> Result<()> {
        if db.server.key == Key::Postgres {
            db.run("CREATE TYPE mood AS ENUM ('sad', 'fine')").await?;
        }
        db.run(&keyed(ty(&db, "mood", "TEXT", ""))).await?;
        as_a_key(&db, &[Mood::Sad, Mood::Fine]).await
    }

    async fn enum_of_numbers(db: Db) -> Result<()> {
        check!(db, "INTEGER", [Level::Low, Level::High])
    }

    async fn newtype(db: Db) -> Result<()> {
        check!(db, "BIGINT", [Cents(0), Cents(-5), Cents(i64::MAX)])
    }

    async fn newtype_that_adds_up(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "purses" ("owner" {text} PRIMARY KEY, "cents" BIGINT NOT NULL)"#)
            .await?;
        let purse = |cents| Purse {
            owner: "ada".to_owned(),
            cents: Cents(cents),
        };
        assert_eq!(purse(40).upsert(&db.pool).await?, Cents(40));
        assert_eq!(purse(2).upsert(&db.pool).await?, Cents(42));
        let error = purse(i64::MAX)
            .upsert(&db.pool)
            .await
            .expect_err("nobody is that rich");
        assert_eq!(error.kind(), upsert::ErrorKind::OutOfRange);
        Ok(())
    }
}
