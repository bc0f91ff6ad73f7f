//! What an update does with a column.

use anyhow::Result;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use sqlx::FromRow;
use upsert::{ErrorKind, Patch, Upsert};

use crate::harness::{Key, dialect_tests};

const NUMBERS: &str =
    r#"CREATE TABLE "numbers" ("name" {text} PRIMARY KEY, "a" BIGINT, "b" BIGINT)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "numbers", conflict = "name", accumulate = "a")]
struct Sum {
    name: String,
    a: Option<i64>,
    #[upsert(accumulate)]
    b: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "measures",
    conflict = "name",
    accumulate = "small, medium, float",
    returning = "small, medium, float"
)]
struct Measure {
    name: String,
    small: i16,
    medium: i32,
    float: f64,
}

/// The same in floats of 32 bits, and in what may be given or not.
#[derive(Debug, Upsert)]
#[upsert(table = "rates", conflict = "name", accumulate = "rate")]
struct Rate {
    name: String,
    rate: f32,
}

#[derive(Debug, Upsert)]
#[upsert(table = "rates", conflict = "name")]
struct Tenfold {
    name: String,
    #[upsert(update = old.rate * 10)]
    rate: Option<f32>,
}

/// The product has 64 bits, as it has where the field is a plain `i32`.
#[derive(Debug, Upsert)]
#[upsert(table = "scores", conflict = "name", returning = "score")]
struct Score {
    name: String,
    level: Patch<i32>,
    #[upsert(update = new.level * 1000000)]
    score: i64,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "money",
    conflict = "name",
    accumulate = "amount",
    returning = "amount"
)]
struct Money {
    name: String,
    amount: Decimal,
}

#[derive(Debug, Upsert)]
#[upsert(table = "balances", conflict = "name", returning = "n")]
struct Unsigned {
    name: String,
    #[upsert(update = old.n - new.n)]
    n: u64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "numbers", conflict = "name", coalesce = "a")]
struct Keep {
    name: String,
    a: Option<i64>,
    b: Option<i64>,
}

/// Each kind of clock, written at the insert alone and at every write.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "clocks",
    conflict = "name",
    now = "instant, local, day, time, seconds, first"
)]
struct Clocks {
    name: String,
    instant: DateTime<Utc>,
    local: NaiveDateTime,
    day: NaiveDate,
    time: NaiveTime,
    seconds: i64,
    #[upsert(insert_only)]
    first: DateTime<Utc>,
    maybe: Option<DateTime<Utc>>,
}

const CLOCKS: &str = r#"CREATE TABLE "clocks" (
    "name" {text} PRIMARY KEY,
    "instant" {instant} NOT NULL,
    "local" {datetime} NOT NULL,
    "day" {date} NOT NULL,
    "time" {time} NOT NULL,
    "seconds" BIGINT NOT NULL,
    "first" {instant} NOT NULL,
    "maybe" {instant}
)"#;

#[derive(Debug, Upsert, FromRow)]
#[upsert(table = "stamps", conflict = "name", returning = "at, n")]
struct Stamp {
    name: String,
    #[upsert(update = coalesce(new.at, now()))]
    at: Option<DateTime<Utc>>,
    #[upsert(update = coalesce(new.n, old.n, -1))]
    n: Option<i64>,
}

/// Old values, whatever is assigned before: MySQL and MariaDB assign from left to right.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "history", conflict = "name")]
struct History {
    name: String,
    current: i64,
    #[upsert(update = old.current)]
    previous: i64,
    #[upsert(update = old.previous)]
    before_that: i64,
    #[upsert(update = old.changes + 1)]
    changes: i64,
    #[upsert(update = old.current * 100 + new.current - (old.previous + 1) * -2)]
    mixed: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "literals", conflict = "name")]
struct Literals {
    name: String,
    #[upsert(update = "it's \\ \"quoted\" `here`")]
    text: String,
    #[upsert(update = true)]
    flag: bool,
    #[upsert(update = -7)]
    whole: i64,
    #[upsert(update = 0.25)]
    part: f64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "divisions", conflict = "name", returning = "whole, part")]
struct Division {
    name: String,
    #[upsert(update = old.whole / new.whole)]
    whole: i64,
    #[upsert(update = old.part / new.part)]
    part: f64,
}

const DIVISIONS: &str = r#"CREATE TABLE "divisions" ("name" {text} PRIMARY KEY, "whole" BIGINT NOT NULL, "part" DOUBLE PRECISION NOT NULL)"#;

fn division(whole: i64, part: f64) -> Division {
    Division {
        name: "x".to_owned(),
        whole,
        part,
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "name", returning = "a")]
struct Product {
    name: String,
    #[upsert(update = old.a * new.a)]
    a: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "name", returning = "a")]
struct Difference {
    name: String,
    #[upsert(update = -old.a - new.a)]
    a: i64,
}

dialect_tests! {
    async fn accumulate_counts_null_as_nothing_on_either_side(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        let mut expected: (Option<i64>, Option<i64>) = (None, None);
        for (a, b) in [
            (None, Some(1)),
            (Some(5), None),
            (None, None),
            (Some(6), Some(-10)),
            (Some(0), None),
        ] {
            let add = |old: Option<i64>, new: Option<i64>| match (old, new) {
                (Some(old), Some(new)) => Some(old + new),
                (old, new) => old.or(new),
            };
            expected = (add(expected.0, a), add(expected.1, b));
            let row = Sum {
                name: "x".to_owned(),
                a,
                b,
            }
            .upsert(&db.pool)
            .await?;
            assert_eq!((row.a, row.b), expected);
        }
        assert_eq!(expected, (Some(11), Some(-9)));
        Ok(())
    }

    async fn accumulate_adds_numbers_of_every_size(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "measures" ("name" {text} PRIMARY KEY, "small" SMALLINT NOT NULL, "medium" INTEGER NOT NULL, "float" DOUBLE PRECISION NOT NULL)"#).await?;
        let measure = |small, medium, float| Measure {
            name: "x".to_owned(),
            small,
            medium,
            float,
        };
        assert_eq!(measure(1, 2, 0.5).upsert(&db.pool).await?, (1, 2, 0.5));
        assert_eq!(
            measure(-3, 40, 0.25).upsert(&db.pool).await?,
            (-2, 42, 0.75)
        );
        assert_eq!(
            measure(0, 0, 1e300).upsert(&db.pool).await?,
            (-2, 42, 1e300)
        );
        Ok(())
    }

    /// SQLite's integers have 64 bits, so there the statement itself has to look.
    async fn a_sum_beyond_the_fields_type_is_an_error(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "measures" ("name" {text} PRIMARY KEY, "small" SMALLINT NOT NULL, "medium" INTEGER NOT NULL, "float" DOUBLE PRECISION NOT NULL)"#).await?;
        let measure = |small, medium| Measure {
            name: "x".to_owned(),
            small,
            medium,
            float: 0.0,
        };
        measure(i16::MAX, i32::MIN).upsert(&db.pool).await?;
        for row in [
            measure(1, 0),
            measure(0, -1),
            measure(i16::MAX, 0),
            measure(0, i32::MIN),
        ] {
            let error = row.upsert(&db.pool).await.expect_err("it does not fit");
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        }
        assert_eq!(
            measure(0, 0).upsert(&db.pool).await?,
            (i16::MAX, i32::MIN, 0.0)
        );
        Ok(())
    }

    /// SQLite's floats have 64 bits.
    async fn a_sum_beyond_a_float_of_32_bits_is_an_error(db: Db) -> Result<()> {
        let float = if db.server.door.words().any(|word| word == "mysql") { "FLOAT" } else { "REAL" };
        db.run(&format!(r#"CREATE TABLE "rates" ("name" {{text}} PRIMARY KEY, "rate" {float})"#)).await?;
        let rate = |rate| Rate { name: "x".to_owned(), rate };
        let largest = 3.402_823e38;
        assert_eq!(rate(largest).upsert(&db.pool).await?.rate, largest);
        for row in [rate(largest), rate(largest / 100.0)] {
            let error = row.upsert(&db.pool).await.expect_err("it does not fit");
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        }
        let tenfold = Tenfold { name: "x".to_owned(), rate: None };
        let error = tenfold.upsert(&db.pool).await.expect_err("it does not fit");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        assert_eq!(rate(-largest).upsert(&db.pool).await?.rate, 0.0);
        Ok(())
    }

    async fn what_is_computed_from_a_patch_has_64_bits(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "scores" ("name" {text} PRIMARY KEY, "level" INTEGER, "score" BIGINT NOT NULL)"#).await?;
        let score = |level| Score { name: "x".to_owned(), level, score: 0 };
        score(Patch::Keep).upsert(&db.pool).await?;
        assert_eq!(score(Patch::Set(5_000)).upsert(&db.pool).await?, 5_000_000_000);
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn accumulate_adds_decimals_exactly(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "money" ("name" {text} PRIMARY KEY, "amount" DECIMAL(12, 4) NOT NULL)"#,
        )
        .await?;
        let money = |amount: &str| Money {
            name: "x".to_owned(),
            amount: amount.parse().expect("a number"),
        };
        money("0.1").upsert(&db.pool).await?;
        assert_eq!(money("0.2").upsert(&db.pool).await?, "0.3".parse()?);
        let error = money("99999999.9")
            .upsert(&db.pool)
            .await
            .expect_err("it does not fit");
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert_eq!(money("0").upsert(&db.pool).await?, "0.3".parse()?);
        Ok(())
    }

    #[on(mysql)]
    async fn an_unsigned_number_does_not_fall_below_zero(db: Db) -> Result<()> {
        db.run("CREATE TABLE balances (name VARCHAR(191) PRIMARY KEY, n BIGINT UNSIGNED NOT NULL)")
            .await?;
        let take = |n| Unsigned {
            name: "x".to_owned(),
            n,
        };
        assert_eq!(take(u64::MAX).upsert(&db.pool).await?, u64::MAX);
        assert_eq!(take(u64::MAX - 5).upsert(&db.pool).await?, 5);
        let error = take(6).upsert(&db.pool).await.expect_err("there are five");
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert_eq!(take(5).upsert(&db.pool).await?, 0);
        Ok(())
    }

    async fn coalesce_keeps_what_is_not_replaced(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        for (a, expected) in [
            (None, None),
            (Some(1), Some(1)),
            (None, Some(1)),
            (Some(0), Some(0)),
            (None, Some(0)),
        ] {
            let row = Keep {
                name: "x".to_owned(),
                a,
                b: a,
            }
            .upsert(&db.pool)
            .await?;
            assert_eq!(
                (row.a, row.b),
                (expected, a),
                "without the rule a column is replaced"
            );
        }
        Ok(())
    }

    async fn now_is_the_databases_clock_in_the_columns_own_form(db: Db) -> Result<()> {
        db.run(CLOCKS).await?;
        let epoch = DateTime::UNIX_EPOCH;
        let clocks = Clocks {
            name: "x".to_owned(),
            instant: epoch,
            local: epoch.naive_utc(),
            day: NaiveDate::MIN,
            time: NaiveTime::MIN,
            seconds: 0,
            first: epoch,
            maybe: None,
        };
        // PostgreSQL's clock for times without a zone is that of the session.
        let mut conn = db.pool.acquire().await?;
        if db.server.key == Key::Postgres {
            sqlx::raw_sql("SET TIME ZONE 'UTC'")
                .execute(&mut *conn)
                .await?;
        }
        let first = clocks.upsert(&mut conn).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let second = clocks.upsert(&mut conn).await?;
        assert_eq!(first.first, first.instant);
        assert_eq!(second.first, first.first);
        for row in [&first, &second] {
            let now = row.instant;
            assert!(
                (Utc::now() - now).abs() < chrono::Duration::minutes(5),
                "{now}"
            );
            assert!(
                (row.local - now.naive_utc()).abs() < chrono::Duration::seconds(1),
                "{row:?}"
            );
            assert!(
                (row.day.and_time(row.time) - now.naive_utc()).abs() < chrono::Duration::seconds(2),
                "{row:?}"
            );
            assert!((row.seconds - now.timestamp()).abs() <= 1, "{row:?}");
        }
        assert!(second.instant > first.instant && second.local > first.local);
        assert_eq!(
            db.one::<i64>(r#"SELECT COUNT(*) FROM "clocks" WHERE "first" < "instant""#)
                .await?,
            1
        );
        Ok(())
    }

    /// What the clock wrote and what sqlx writes are ordered as times are, on SQLite too, where they are texts.
    async fn now_compares_with_times_that_are_bound(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "stamps" ("name" {text} PRIMARY KEY, "at" {instant}, "n" BIGINT)"#)
            .await?;
        let stamp = |name: &str, at| Stamp {
            name: name.to_owned(),
            at,
            n: None,
        };
        stamp("clock", None).upsert(&db.pool).await?;
        let (clock, _) = stamp("clock", None).upsert(&db.pool).await?;
        let clock = clock.expect("the clock was read");
        for (name, millis) in [
            ("earlier", -1),
            ("same", 0),
            ("later", 1),
            ("much later", 60_000),
        ] {
            stamp(name, Some(clock + chrono::Duration::milliseconds(millis)))
                .upsert(&db.pool)
                .await?;
        }
        let names: Vec<(String,)> = db.all(r#"SELECT "name" FROM "stamps" WHERE "at" > (SELECT "at" FROM "stamps" WHERE "name" = 'clock') ORDER BY "at""#).await?;
        assert_eq!(names, [("later".to_owned(),), ("much later".to_owned(),)]);
        let names: Vec<(String,)> = db.all(r#"SELECT "name" FROM "stamps" WHERE "at" < (SELECT "at" FROM "stamps" WHERE "name" = 'clock')"#).await?;
        assert_eq!(names, [("earlier".to_owned(),)]);
        Ok(())
    }

    async fn an_expression_falls_back_from_value_to_value(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "stamps" ("name" {text} PRIMARY KEY, "at" {instant}, "n" BIGINT)"#)
            .await?;
        let given: DateTime<Utc> = "2024-05-01T10:00:00Z".parse()?;
        let stamp = |at, n| Stamp {
            name: "x".to_owned(),
            at,
            n,
        };
        assert_eq!(
            stamp(None, None).upsert(&db.pool).await?,
            (None, None),
            "an insert knows no rules"
        );
        assert_eq!(
            stamp(Some(given), None).upsert(&db.pool).await?,
            (Some(given), Some(-1))
        );
        let (at, n) = stamp(None, Some(3)).upsert(&db.pool).await?;
        assert!(at > Some(given));
        assert_eq!(n, Some(3));
        assert_eq!(stamp(None, None).upsert(&db.pool).await?.1, Some(3));
        Ok(())
    }

    async fn expressions_read_old_values(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "history" ("name" {text} PRIMARY KEY, "current" BIGINT NOT NULL, "previous" BIGINT NOT NULL, "before_that" BIGINT NOT NULL, "changes" BIGINT NOT NULL, "mixed" BIGINT NOT NULL)"#).await?;
        let mut expected = History {
            name: "x".to_owned(),
            current: 1,
            previous: 0,
            before_that: 0,
            changes: 0,
            mixed: 0,
        };
        assert_eq!(expected.upsert(&db.pool).await?, expected);
        for current in 2..6 {
            let row = History {
                current,
                ..expected.clone()
            }
            .upsert(&db.pool)
            .await?;
            expected = History {
                name: "x".to_owned(),
                current,
                previous: expected.current,
                before_that: expected.previous,
                changes: expected.changes + 1,
                mixed: expected.current * 100 + current - (expected.previous + 1) * -2,
            };
            assert_eq!(row, expected);
        }
        Ok(())
    }

    async fn literals_are_what_they_are_in_rust(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "literals" ("name" {text} PRIMARY KEY, "text" {text} NOT NULL, "flag" BOOLEAN NOT NULL, "whole" BIGINT NOT NULL, "part" DOUBLE PRECISION NOT NULL)"#).await?;
        let row = Literals {
            name: "x".to_owned(),
            text: String::new(),
            flag: false,
            whole: 0,
            part: 0.0,
        };
        assert_eq!(row.upsert(&db.pool).await?, row);
        let expected = Literals {
            text: "it's \\ \"quoted\" `here`".to_owned(),
            flag: true,
            whole: -7,
            part: 0.25,
            ..row.clone()
        };
        assert_eq!(row.upsert(&db.pool).await?, expected);
        Ok(())
    }

    async fn division_of_integers_truncates(db: Db) -> Result<()> {
        db.run(DIVISIONS).await?;
        for (dividend, divisor) in [
            (7, 2),
            (-7, 2),
            (7, -2),
            (-7, -2),
            (1, 3),
            (0, 5),
            (i64::MAX, 10),
        ] {
            division(dividend, dividend as f64).upsert(&db.pool).await?;
            let (whole, part) = division(divisor, divisor as f64).upsert(&db.pool).await?;
            assert_eq!(whole, dividend / divisor, "{dividend} / {divisor}");
            assert!(
                (part - dividend as f64 / divisor as f64).abs() <= part.abs() * 1e-15,
                "{part}"
            );
            db.run(r#"DELETE FROM "divisions""#).await?;
        }
        Ok(())
    }

    /// SQLite would make it NULL.
    async fn division_by_zero_is_an_error(db: Db) -> Result<()> {
        db.run(DIVISIONS).await?;
        division(7, 7.0).upsert(&db.pool).await?;
        for divisor in [division(0, 1.0), division(1, 0.0)] {
            let error = divisor
                .upsert(&db.pool)
                .await
                .expect_err("a division by zero");
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        }
        assert_eq!(division(1, 1.0).upsert(&db.pool).await?, (7, 7.0));
        Ok(())
    }

    async fn arithmetic_that_overflows_is_an_error(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        let times = |a| Product {
            name: "x".to_owned(),
            a,
        };
        times(1 << 40).upsert(&db.pool).await?;
        let error = times(1 << 40).upsert(&db.pool).await.expect_err("2^80");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        assert_eq!(times(-(1 << 22)).upsert(&db.pool).await?, -(1 << 62));
        db.run(r#"UPDATE "numbers" SET "a" = -9223372036854775808"#)
            .await?;
        let minus = |a| Difference {
            name: "x".to_owned(),
            a,
        };
        let error = minus(0).upsert(&db.pool).await.expect_err("-i64::MIN");
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        assert_eq!(times(0).upsert(&db.pool).await?, 0);
        assert_eq!(minus(i64::MAX).upsert(&db.pool).await?, -i64::MAX);
        Ok(())
    }
}
