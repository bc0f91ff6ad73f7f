//! What expressions mean: the same on every database. Beside these, random ones are compared in the derive's own tests.

use anyhow::Result;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use upsert::{ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

const INTEGERS: &str = r#"CREATE TABLE "integers" (
    "k" BIGINT PRIMARY KEY, "a" BIGINT, "b" BIGINT, "c" BIGINT,
    "quotient" BIGINT, "remainder" BIGINT, "sum" BIGINT, "negated" BIGINT, "absolute" BIGINT, "rounded" BIGINT,
    "greatest2" BIGINT, "least2" BIGINT, "greatest3" BIGINT, "least3" BIGINT, "null_if" BIGINT, "either" BIGINT,
    "differ" BOOLEAN, "a_is_null" BOOLEAN, "text" {text}, "half" DOUBLE PRECISION
)"#;

/// The stored `a` and `c`, the proposed `b`.
#[derive(Debug, Default, Upsert)]
#[upsert(conflict = "k", insert_only = "a, c")]
struct Integers {
    k: i64,
    a: Option<i64>,
    b: Option<i64>,
    c: Option<i64>,
    #[upsert(update = old.a / new.b)]
    quotient: Option<i64>,
    #[upsert(update = old.a % new.b)]
    remainder: Option<i64>,
    #[upsert(update = old.a + new.b * 2 - 1)]
    sum: Option<i64>,
    #[upsert(update = -old.a)]
    negated: Option<i64>,
    #[upsert(update = abs(old.a - new.b))]
    absolute: Option<i64>,
    #[upsert(update = round(old.a))]
    rounded: Option<i64>,
    #[upsert(update = greatest(old.a, new.b))]
    greatest2: Option<i64>,
    #[upsert(update = least(old.a, new.b))]
    least2: Option<i64>,
    #[upsert(update = greatest(old.a, new.b, old.c))]
    greatest3: Option<i64>,
    #[upsert(update = least(old.a, new.b, old.c))]
    least3: Option<i64>,
    #[upsert(update = nullif(old.a, new.b))]
    null_if: Option<i64>,
    #[upsert(update = coalesce(old.a, new.b, -1))]
    either: Option<i64>,
    #[upsert(update = distinct(old.a, new.b))]
    differ: Option<bool>,
    #[upsert(update = is_null(old.a))]
    a_is_null: Option<bool>,
    #[upsert(update = cast(old.a, "text"))]
    text: Option<String>,
    #[upsert(update = cast(old.a, "float") / 2)]
    half: Option<f64>,
}

const FLOATS: &str = r#"CREATE TABLE "floats" (
    "k" BIGINT PRIMARY KEY, "x" DOUBLE PRECISION, "n" BIGINT,
    "rounded" DOUBLE PRECISION, "whole" BIGINT, "third" DOUBLE PRECISION, "n_third" DOUBLE PRECISION,
    "share" DOUBLE PRECISION, "largest" DOUBLE PRECISION
)"#;

#[derive(Debug, Default, Upsert)]
#[upsert(conflict = "k")]
struct Floats {
    k: i64,
    x: Option<f64>,
    n: Option<i64>,
    #[upsert(update = round(new.x))]
    rounded: Option<f64>,
    #[upsert(update = cast(new.x, "integer"))]
    whole: Option<i64>,
    #[upsert(update = new.x / 3)]
    third: Option<f64>,
    #[upsert(update = new.n / 3.0)]
    n_third: Option<f64>,
    #[upsert(update = new.n * (1.0 / 3.0))]
    share: Option<f64>,
    #[upsert(update = greatest(new.x, 1.5, new.n))]
    largest: Option<f64>,
}

/// One of several computations, chosen at run time.
#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "k", returning = "n")]
struct Wide {
    k: i64,
    #[upsert(update = if new.which == 1 { old.n + new.n }
        else if new.which == 2 { old.n - new.n }
        else if new.which == 3 { old.n * new.n }
        else if new.which == 4 { -old.n }
        else if new.which == 5 { old.n / new.n }
        else if new.which == 6 { old.n % new.n }
        else if new.which == 7 { abs(old.n) }
        else if new.which == 8 { (old.n + new.n) / 2 }
        else if new.which == 9 { least(old.n + new.n, 5) }
        else { old.n })]
    n: i64,
    #[upsert(param)]
    which: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "k", returning = "m")]
struct Narrow {
    k: i64,
    #[upsert(update = if new.which == 1 { old.m + new.m }
        else if new.which == 2 { old.m - new.m }
        else if new.which == 3 { old.m * new.m }
        else if new.which == 4 { -old.m }
        else if new.which == 5 { old.m / new.m }
        else if new.which == 6 { old.m % new.m }
        else if new.which == 7 { abs(old.m) }
        else if new.which == 8 { (old.m + new.m) / 2 }
        else if new.which == 9 { least(old.m + new.m, 5) }
        else if new.which == 10 { 60 * 60 * 24 * 30 * 1000 / 1000 }
        else if new.which == 11 { greatest(old.m, new.which * 1000000000) }
        else if new.which == 12 { new.which * 1000000000 }
        else { old.m })]
    m: i32,
    #[upsert(param)]
    which: i64,
}

/// A computation that is only asked in the condition.
#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "k", returning = "n", update_where(new.n / old.m > 1 || old.n + new.n < 0))]
struct Asked {
    k: i64,
    n: i64,
    #[upsert(insert_only)]
    m: i32,
}

const NUMBERS: &str = r#"CREATE TABLE "numbers" ("k" BIGINT PRIMARY KEY, "n" BIGINT, "m" INTEGER)"#;

/// Texts that mean something to somebody on the way.
#[derive(Debug, Default, Upsert)]
#[upsert(table = "literals", conflict = "k")]
struct Literals {
    k: i64,
    #[upsert(update = "it's \"quoted\" `so`")]
    quotes: String,
    #[upsert(update = r"C:\new\'--\")]
    backslashes: String,
    #[upsert(update = "100% of _ ? ?1 $1 :a @b {old.k} {{}}")]
    marks: String,
    #[upsert(update = "日本 é 🦀\n\t;")]
    unicode: String,
    #[upsert(update = concat("\\", old.unicode, "?", new.marks, r"\"))]
    joined: String,
    #[upsert(update = if old.k == new.k { r"\d" } else { "d" })]
    chosen: String,
    #[upsert(insert = "in'\\sert", update = "")]
    inserted: String,
}

#[derive(Debug, Default, Upsert)]
#[upsert(table = "texts", conflict = "k")]
struct Texts {
    k: i64,
    a: Option<String>,
    #[upsert(update = concat(old.a, "-", new.a))]
    joined: Option<String>,
    #[upsert(update = length(new.a))]
    characters: Option<i64>,
    #[upsert(update = upper(new.a))]
    loud: Option<String>,
    #[upsert(update = lower(new.a))]
    quiet: Option<String>,
    #[upsert(update = nullif(new.a, "x"))]
    not_x: Option<String>,
    #[upsert(update = greatest(old.a, new.a))]
    later: Option<String>,
    #[upsert(update = new.a > old.a && length(new.a) >= 1)]
    is_later: Option<bool>,
}

const LOGIC: &str = r#"CREATE TABLE "logic" (
    "k" BIGINT PRIMARY KEY, "p" BOOLEAN, "q" BOOLEAN,
    "both" BOOLEAN, "one" BOOLEAN, "no" BOOLEAN, "same" BOOLEAN, "mixed" BOOLEAN, "chosen" BIGINT
)"#;

#[derive(Debug, Default, Upsert)]
#[upsert(table = "logic", conflict = "k")]
struct Logic {
    k: i64,
    p: Option<bool>,
    q: Option<bool>,
    #[upsert(update = new.p && new.q)]
    both: Option<bool>,
    #[upsert(update = new.p || new.q)]
    one: Option<bool>,
    #[upsert(update = !new.p)]
    no: Option<bool>,
    #[upsert(update = new.p == new.q)]
    same: Option<bool>,
    #[upsert(update = !new.p && new.q || new.p && !(new.q || is_null(new.q)))]
    mixed: Option<bool>,
    #[upsert(update = if new.p { 1 } else if new.q { 2 } else if is_null(new.p) { 3 } else { 4 })]
    chosen: Option<i64>,
}

/// Rust's precedence: `1 + 2 * 3`, `-2 + 5`, `!` before `==` before `&&` before `||`, and all to the left.
#[derive(Debug, Default, Upsert)]
#[upsert(table = "precedence", conflict = "k")]
struct Precedence {
    k: i64,
    #[upsert(update = old.k + 2 * 3 - 4 / 2 % 3)]
    a: i64,
    #[upsert(update = (old.k + 2) * (3 - 4) / 2 % 3)]
    b: i64,
    #[upsert(update = 20 - 5 - old.k)]
    c: i64,
    #[upsert(update = 20 - (5 - old.k))]
    d: i64,
    #[upsert(update = 100 / 10 / (old.k + 1))]
    e: i64,
    #[upsert(update = 100 / (10 / (old.k + 1)))]
    f: i64,
    #[upsert(update = -old.k + 5 - -3)]
    g: i64,
    #[upsert(update = -(old.k + 5) * -2)]
    h: i64,
    #[upsert(update = old.k == 1 || old.k == 1 && old.k == 2)]
    i: bool,
    #[upsert(update = (old.k == 1 || old.k == 1) && old.k == 2)]
    j: bool,
    #[upsert(update = !(old.k == 1) || !(old.k > 2) && old.k + 1 == 2)]
    l: bool,
    #[upsert(update = (if old.k == 1 { 5 } else { 6 }) * 2)]
    m: i64,
    #[upsert(update = length(concat("a", "bc")) + length("d") * 2)]
    n: i64,
    #[upsert(update = is_null(old.k) == (old.k != 1))]
    o: bool,
}

/// Each column is computed from what the others were.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "history",
    conflict = "k",
    set(previous = old.current, before = old.previous, changes = old.changes + 1)
)]
struct History {
    k: i64,
    current: i64,
    previous: Option<i64>,
    before: Option<i64>,
    changes: i64,
    #[upsert(update = if old.changes > 1 && new.current > old.current { concat(old.note, "!") } else { old.note })]
    note: String,
}

/// The insert's own values.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "inserted", conflict = "k", generated = "id")]
struct Inserted {
    id: i64,
    k: i64,
    #[upsert(insert = lower(new.name))]
    name: String,
    #[upsert(insert = new.k * 10 + new.step, update = old.sum + new.sum)]
    sum: i64,
    #[upsert(insert = coalesce(new.state, "fresh"), update = concat(old.state, "-", new.state))]
    state: Option<String>,
    #[upsert(insert = 1, update = old.visits + 1)]
    visits: i64,
    #[upsert(insert = now(), insert_only)]
    seen: DateTime<Utc>,
    #[upsert(param)]
    step: i64,
}

const TIMES: &str = r#"CREATE TABLE "times" (
    "k" BIGINT PRIMARY KEY, "instant" {instant}, "naive" {datetime}, "day" {date}, "hour" {time}, "seconds" BIGINT,
    "instant_past" BOOLEAN, "naive_past" BOOLEAN, "day_past" BOOLEAN, "hour_past" BOOLEAN, "seconds_past" BOOLEAN,
    "filled_instant" {instant}, "filled_naive" {datetime}, "filled_day" {date}, "filled_hour" {time}, "filled_seconds" BIGINT,
    "last_naive" {datetime}, "age" BIGINT, "until" BIGINT, "name" {text}
)"#;

/// `now()` beside values of each type.
#[derive(Debug, Upsert)]
#[upsert(conflict = "k")]
struct Times {
    k: i64,
    instant: DateTime<Utc>,
    naive: NaiveDateTime,
    day: NaiveDate,
    hour: NaiveTime,
    seconds: i64,
    #[upsert(update = new.instant < now())]
    instant_past: Option<bool>,
    #[upsert(update = new.naive < now())]
    naive_past: Option<bool>,
    #[upsert(update = now() > new.day)]
    day_past: Option<bool>,
    #[upsert(update = new.hour <= now())]
    hour_past: Option<bool>,
    #[upsert(update = new.seconds < now())]
    seconds_past: Option<bool>,
    #[upsert(update = coalesce(old.filled_instant, now()))]
    filled_instant: Option<DateTime<Utc>>,
    #[upsert(update = coalesce(old.filled_naive, now()))]
    filled_naive: Option<NaiveDateTime>,
    #[upsert(update = coalesce(old.filled_day, now()))]
    filled_day: Option<NaiveDate>,
    #[upsert(update = coalesce(old.filled_hour, now()))]
    filled_hour: Option<NaiveTime>,
    #[upsert(update = coalesce(old.filled_seconds, now()))]
    filled_seconds: Option<i64>,
    #[upsert(update = greatest(new.naive, now()))]
    last_naive: Option<NaiveDateTime>,
    #[upsert(update = now() - new.seconds)]
    age: Option<i64>,
    #[upsert(update = now() + 3600)]
    until: Option<i64>,
    #[upsert(update = if new.naive < now() { "past" } else { "future" })]
    name: Option<String>,
}

/// A condition on the clock in another form than an instant's.
#[derive(Debug, Upsert)]
#[upsert(table = "leases", conflict = "name", returning = "holder", update_where(old.until < now()))]
struct Lease {
    name: String,
    holder: i64,
    until: NaiveDateTime,
}

#[derive(Debug, Upsert)]
#[upsert(table = "decimals", conflict = "k")]
struct Decimals {
    k: i64,
    price: Decimal,
    #[upsert(update = round(new.price))]
    rounded: Option<Decimal>,
    #[upsert(update = new.price * 1.1)]
    gross: Option<Decimal>,
    #[upsert(update = cast(new.price, "integer"))]
    whole: Option<i64>,
    #[upsert(update = greatest(old.price, new.price, 0.5))]
    largest: Option<Decimal>,
}

/// Columns that hold more than what they are computed from.
#[derive(Debug, Upsert)]
#[upsert(table = "widths", conflict = "k")]
struct Widths {
    k: i64,
    short: i16,
    int: i32,
    #[upsert(update = new.short * new.short)]
    product: i32,
    #[upsert(update = if new.k == 1 { -new.int } else { 0 })]
    negated: i64,
    #[upsert(update = coalesce(new.int + new.int, 0))]
    float: f64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k")]
struct Literal {
    k: i64,
    #[upsert(update = sql("CASE WHEN {new.word} LIKE 'a%' THEN {old.word} ELSE {new.word} END"))]
    word: String,
    #[upsert(update = sql(
        postgres = "strpos({new.word}, 'b')::bigint",
        sqlite = "instr({new.word}, 'b')",
        mysql = "LOCATE('b', {new.word})"
    ) + 1)]
    place: i64,
    #[upsert(update = sql("REPLACE('{{{{x}}', 'x', {new.word})"))]
    braced: Option<String>,
    #[upsert(insert = sql("1 + {new.step}"), update = old.steps + sql("{new.step}") + 0)]
    steps: i64,
    #[upsert(param)]
    step: i64,
}

dialect_tests! {
    async fn of_integers(db: Db) -> Result<()> {
        db.run(INTEGERS).await?;
        let cases = [
            (7, 2, 3, 1),
            (-7, 2, -3, -1),
            (7, -2, -3, 1),
            (-7, -2, 3, -1),
            (6, 7, 0, 6),
            (9_007_199_254_740_993, 2, 4_503_599_627_370_496, 1),
        ];
        for (a, b, quotient, remainder) in cases {
            db.run(r#"DELETE FROM "integers""#).await?;
            let (k, c) = (1, Some(4));
            Integers { k, a: Some(a), c, ..Integers::default() }.upsert(&db.pool).await?;
            let row = Integers { k, b: Some(b), ..Integers::default() }.upsert(&db.pool).await?;
            assert_eq!((row.quotient, row.remainder), (Some(quotient), Some(remainder)), "{a} by {b}");
            assert_eq!(row.sum, Some(a + b * 2 - 1));
            assert_eq!((row.negated, row.absolute), (Some(-a), Some((a - b).abs())));
            assert_eq!((row.rounded, row.text), (Some(a), Some(a.to_string())));
            assert_eq!((row.greatest2, row.least2), (Some(a.max(b)), Some(a.min(b))));
            assert_eq!((row.greatest3, row.least3), (Some(a.max(b).max(4)), Some(a.min(b).min(4))));
            assert_eq!((row.null_if, row.either), (Some(a), Some(a)));
            assert_eq!((row.differ, row.a_is_null), (Some(true), Some(false)));
            assert_eq!(row.half, Some(a as f64 / 2.0));
        }
        Ok(())
    }

    async fn of_integers_that_are_null(db: Db) -> Result<()> {
        db.run(INTEGERS).await?;
        let (k, b) = (1, Some(3));
        Integers { k, c: Some(4), ..Integers::default() }.upsert(&db.pool).await?;
        let row = Integers { k, b, ..Integers::default() }.upsert(&db.pool).await?;
        assert_eq!((row.quotient, row.remainder, row.sum, row.negated, row.absolute), (None, None, None, None, None));
        assert_eq!((row.greatest2, row.least2, row.greatest3, row.least3), (b, b, Some(4), b));
        assert_eq!((row.null_if, row.either, row.differ, row.a_is_null), (None, b, Some(true), Some(true)));
        assert_eq!((row.text, row.half), (None, None));
        let row = Integers { k, ..Integers::default() }.upsert(&db.pool).await?;
        assert_eq!((row.greatest2, row.least2, row.greatest3, row.least3), (None, None, Some(4), Some(4)));
        assert_eq!((row.either, row.differ), (Some(-1), Some(false)));
        // NULL divided by zero is NULL.
        let row = Integers { k, b: Some(0), ..Integers::default() }.upsert(&db.pool).await?;
        assert_eq!((row.quotient, row.remainder), (None, None));
        Ok(())
    }

    async fn of_floats(db: Db) -> Result<()> {
        db.run(FLOATS).await?;
        let cases = [(2.5, 3.0, 2), (-2.5, -3.0, -2), (0.5, 1.0, 0), (-0.5, -1.0, 0), (2.4, 2.0, 2), (-2.6, -3.0, -2), (7.0, 7.0, 7)];
        Floats { k: 1, ..Floats::default() }.upsert(&db.pool).await?;
        for (x, rounded, whole) in cases {
            let row = Floats { k: 1, x: Some(x), n: Some(7), ..Floats::default() }.upsert(&db.pool).await?;
            assert_eq!((row.rounded, row.whole), (Some(rounded), Some(whole)), "{x}");
            assert_eq!((row.third, row.n_third), (Some(x / 3.0), Some(7.0 / 3.0)), "{x}");
            assert_eq!((row.share, row.largest), (Some(7.0 * (1.0 / 3.0)), Some(7.0)));
        }
        let row = Floats { k: 1, ..Floats::default() }.upsert(&db.pool).await?;
        assert_eq!((row.rounded, row.whole, row.third, row.largest), (None, None, None, Some(1.5)));
        // To a large odd number, a half cannot be added.
        for (x, rounded) in [(4_503_599_627_370_495.5, 4_503_599_627_370_496.0), (-4_503_599_627_370_497.0, -4_503_599_627_370_497.0)] {
            let row = Floats { k: 1, x: Some(x), ..Floats::default() }.upsert(&db.pool).await?;
            assert_eq!((row.rounded, row.whole), (Some(rounded), Some(x as i64)), "{x}");
        }
        for x in [1e19, -1e19] {
            let error = Floats { k: 1, x: Some(x), ..Floats::default() }.upsert(&db.pool).await;
            assert_eq!(error.expect_err("no integer is as large").kind(), ErrorKind::OutOfRange);
        }
        Ok(())
    }

    /// A column that holds a float without a fraction as an integer divides like a float all the same.
    #[on(sqlite)]
    async fn of_floats_in_a_column_without_a_type(db: Db) -> Result<()> {
        db.run("CREATE TABLE floats (k PRIMARY KEY, x NUMERIC, n, rounded, whole, third NUMERIC, n_third, share, largest)").await?;
        for _ in 0..2 {
            Floats { k: 1, x: Some(7.0), n: Some(7), ..Floats::default() }.upsert(&db.pool).execute().await?;
        }
        assert_eq!(db.one::<f64>("SELECT third FROM floats").await?, 7.0 / 3.0);
        Ok(())
    }

    async fn that_overflow_64_bits(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        for (which, old, new, expected) in [
            (1, i64::MAX, 1, None),
            (1, i64::MAX, 0, Some(i64::MAX)),
            (1, i64::MIN, -1, None),
            (2, i64::MIN, 1, None),
            (2, -2, i64::MAX, None),
            (2, -1, i64::MAX, Some(i64::MIN)),
            (3, i64::MAX, 2, None),
            (3, 1 << 62, -2, Some(i64::MIN)),
            (3, 1 << 62, 2, None),
            (4, i64::MIN, 0, None),
            (4, i64::MAX, 0, Some(-i64::MAX)),
            (5, i64::MIN, -1, None),
            (5, i64::MIN, 1, Some(i64::MIN)),
            (5, 1, 0, None),
            (5, 0, 0, None),
            (6, 1, 0, None),
            (6, i64::MIN, -1, Some(0)),
            (7, i64::MIN, 0, None),
            (7, -i64::MAX, 0, Some(i64::MAX)),
            (8, i64::MAX, 1, None),
            (8, i64::MAX - 1, 1, Some(i64::MAX / 2)),
            (9, i64::MAX, 1, None),
            (9, 4, 2, Some(5)),
        ] {
            db.run(&format!(r#"DELETE FROM "numbers"; INSERT INTO "numbers" ("k", "n") VALUES (1, {old})"#)).await?;
            let outcome = Wide { k: 1, n: new, which }.upsert(&db.pool).await;
            let kind = outcome.as_ref().err().map(|error| error.kind());
            // MySQL takes the least integer for an overflow when it is a product or a quotient.
            let is_refused = [3, 5].contains(&which) && expected == Some(i64::MIN) && db.server.key == Key::MySql;
            let expected = expected.filter(|_| !is_refused);
            assert_eq!(outcome.ok(), expected, "computation {which} of {old} and {new}");
            assert_eq!(kind, expected.is_none().then_some(ErrorKind::OutOfRange), "computation {which} of {old} and {new}");
            let stored = expected.unwrap_or(old);
            assert_eq!(db.one::<i64>(r#"SELECT "n" FROM "numbers""#).await?, stored, "something was written");
        }
        Ok(())
    }

    /// What is stored has to fit 32 bits; on the way there are 64.
    async fn that_overflow_32_bits(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        for (which, old, new, expected) in [
            (1, i32::MAX, 1, None),
            (1, i32::MAX, 0, Some(i32::MAX)),
            (2, i32::MIN, 1, None),
            (3, i32::MAX, 2, None),
            (4, i32::MIN, 0, None),
            (5, i32::MIN, -1, None),
            (5, 1, 0, None),
            (6, 1, 0, None),
            (6, i32::MIN, -1, Some(0)),
            (7, i32::MIN, 0, None),
            (8, i32::MAX, 1, Some(1 << 30)),
            (8, i32::MIN, i32::MIN, Some(i32::MIN)),
            (9, i32::MAX, 1, Some(5)),
            (10, 0, 0, Some(2_592_000)),
            (11, 0, 0, None),
            (12, 0, 0, None),
        ] {
            db.run(&format!(r#"DELETE FROM "numbers"; INSERT INTO "numbers" ("k", "m") VALUES (1, {old})"#)).await?;
            let outcome = Narrow { k: 1, m: new, which }.upsert(&db.pool).await;
            let kind = outcome.as_ref().err().map(|error| error.kind());
            assert_eq!(outcome.ok(), expected, "computation {which} of {old} and {new}");
            assert_eq!(kind, expected.is_none().then_some(ErrorKind::OutOfRange), "computation {which} of {old} and {new}");
            let stored = expected.unwrap_or(old);
            assert_eq!(db.one::<i32>(r#"SELECT "m" FROM "numbers""#).await?, stored, "something was written");
        }
        Ok(())
    }

    async fn that_fail_in_a_condition(db: Db) -> Result<()> {
        db.run(NUMBERS).await?;
        for (old, m, new) in [(1, 0, 1), (i64::MAX, i32::MAX, 1)] {
            db.run(&format!(r#"DELETE FROM "numbers"; INSERT INTO "numbers" ("k", "n", "m") VALUES (1, {old}, {m})"#)).await?;
            let row = Asked { k: 1, n: new, m: 1 };
            for error in [
                row.upsert(&db.pool).await.expect_err("it cannot be computed"),
                row.upsert(&db.pool).with_action().await.expect_err("it cannot be computed"),
                row.upsert(&db.pool).execute().await.expect_err("it cannot be computed"),
            ] {
                assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
            }
            assert_eq!(db.one::<i64>(r#"SELECT "n" FROM "numbers""#).await?, old);
        }
        Ok(())
    }

    async fn of_texts_with_signs(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "literals" ("k" BIGINT PRIMARY KEY, "quotes" {text}, "backslashes" {text}, "marks" {text},
            "unicode" {text}, "joined" {text}, "chosen" {text}, "inserted" {text})"#).await?;
        let row = Literals { k: 1, unicode: "é".to_owned(), marks: "m?".to_owned(), ..Literals::default() };
        assert_eq!(row.upsert(&db.pool).await?.inserted, "in'\\sert");
        let row = row.upsert(&db.pool).await?;
        assert_eq!(row.quotes, "it's \"quoted\" `so`");
        assert_eq!(row.backslashes, r"C:\new\'--\");
        assert_eq!(row.marks, "100% of _ ? ?1 $1 :a @b {old.k} {{}}");
        assert_eq!(row.unicode, "日本 é 🦀\n\t;");
        assert_eq!(row.joined, r"\é?m?\");
        assert_eq!((row.chosen.as_str(), row.inserted.as_str()), (r"\d", ""));
        Ok(())
    }

    async fn of_texts(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "texts" ("k" BIGINT PRIMARY KEY, "a" {text}, "joined" {text}, "characters" BIGINT,
            "loud" {text}, "quiet" {text}, "not_x" {text}, "later" {text}, "is_later" BOOLEAN)"#).await?;
        let text = |a: Option<&str>| Texts { k: 1, a: a.map(str::to_owned), ..Texts::default() };
        text(Some("b")).upsert(&db.pool).await?;
        let row = text(Some("日本 Ab")).upsert(&db.pool).await?;
        assert_eq!((row.joined.as_deref(), row.characters), (Some("b-日本 Ab"), Some(5)));
        assert_eq!((row.loud.as_deref(), row.quiet.as_deref()), (Some("日本 AB"), Some("日本 ab")));
        assert_eq!((row.later.as_deref(), row.is_later), (Some("日本 Ab"), Some(true)));
        let row = text(Some("x")).upsert(&db.pool).await?;
        assert_eq!((row.not_x, row.is_later), (None, Some(false)));
        let row = text(None).upsert(&db.pool).await?;
        assert_eq!((row.joined, row.characters, row.later.as_deref(), row.is_later), (None, None, Some("x"), None));
        let row = text(Some("y")).upsert(&db.pool).await?;
        assert_eq!((row.joined, row.not_x.as_deref(), row.later.as_deref()), (None, Some("y"), Some("y")));
        Ok(())
    }

    async fn of_three_truths(db: Db) -> Result<()> {
        db.run(LOGIC).await?;
        const TRUTHS: [Option<bool>; 3] = [Some(true), Some(false), None];
        for p in TRUTHS {
            for q in TRUTHS {
                let row = Logic { k: 1, p, q, ..Logic::default() };
                row.upsert(&db.pool).await?;
                let row = row.upsert(&db.pool).await?;
                let both = if p == Some(false) || q == Some(false) { Some(false) } else { p.and(q) };
                let one = if p == Some(true) || q == Some(true) { Some(true) } else { p.and(q) };
                assert_eq!((row.both, row.one, row.no), (both, one, p.map(|p| !p)), "{p:?} {q:?}");
                assert_eq!(row.same, p.zip(q).map(|(p, q)| p == q), "{p:?} {q:?}");
                let chosen = match (p, q) {
                    (Some(true), _) => 1,
                    (_, Some(true)) => 2,
                    (None, _) => 3,
                    _ => 4,
                };
                assert_eq!(row.chosen, Some(chosen), "{p:?} {q:?}");
                if let (Some(p), Some(q)) = (p, q) {
                    assert_eq!(row.mixed, Some(p != q));
                }
            }
        }
        Ok(())
    }

    async fn with_the_precedence_of_rust(db: Db) -> Result<()> {
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "m", "n"].map(|name| format!(r#", "{name}" BIGINT"#)).concat();
        let flags = ["i", "j", "l", "o"].map(|name| format!(r#", "{name}" BOOLEAN"#)).concat();
        db.run(&format!(r#"CREATE TABLE "precedence" ("k" BIGINT PRIMARY KEY{columns}{flags})"#)).await?;
        for k in [1, 2] {
            let row = Precedence { k, ..Precedence::default() };
            row.upsert(&db.pool).await?;
            let row = row.upsert(&db.pool).await?;
            assert_eq!((row.a, row.b), (k + 2 * 3 - 2, -(k + 2) / 2 % 3));
            assert_eq!((row.c, row.d), (20 - 5 - k, 20 - (5 - k)));
            assert_eq!((row.e, row.f), (100 / 10 / (k + 1), 100 / (10 / (k + 1))));
            assert_eq!((row.g, row.h), (-k + 5 - -3, -(k + 5) * -2));
            assert_eq!((row.i, row.j), (k == 1, false));
            assert_eq!(row.l, k != 1 || (k <= 2 && k + 1 == 2));
            assert_eq!((row.m, row.n), (if k == 1 { 10 } else { 12 }, 5));
            assert_eq!(row.o, k == 1);
        }
        Ok(())
    }

    /// On MySQL and MariaDB an assignment sees what those before it wrote, so the order of the struct would be wrong.
    async fn of_what_other_columns_were(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "history" ("k" BIGINT PRIMARY KEY, "current" BIGINT, "previous" BIGINT, "before" BIGINT,
            "changes" BIGINT, "note" {text})"#).await?;
        let row = |current| History { k: 1, current, previous: None, before: None, changes: 0, note: String::new() };
        let expected = |current, previous, before, changes, note: &str| History {
            k: 1, current, previous, before, changes, note: note.to_owned(),
        };
        assert_eq!(row(10).upsert(&db.pool).await?, row(10));
        assert_eq!(row(20).upsert(&db.pool).await?, expected(20, Some(10), None, 1, ""));
        assert_eq!(row(30).upsert(&db.pool).await?, expected(30, Some(20), Some(10), 2, ""));
        assert_eq!(row(40).upsert(&db.pool).await?, expected(40, Some(30), Some(20), 3, "!"));
        assert_eq!(row(40).upsert(&db.pool).await?, expected(40, Some(40), Some(30), 4, "!"));
        Ok(())
    }

    async fn for_the_insert(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "inserted" ("id" {id}, "k" BIGINT NOT NULL UNIQUE, "name" {text}, "sum" BIGINT, "state" {text},
            "visits" BIGINT, "seen" {instant})"#).await?;
        let before = Utc::now() - Duration::minutes(5);
        let row = |state: Option<&str>| Inserted {
            id: 0, k: 2, name: "ADA".to_owned(), sum: 1000, state: state.map(str::to_owned), visits: 7,
            seen: DateTime::UNIX_EPOCH, step: 5,
        };
        let first = row(None).upsert(&db.pool).await?;
        assert_eq!((first.name.as_str(), first.sum, first.visits), ("ada", 25, 1));
        assert_eq!((first.state.as_deref(), first.step), (Some("fresh"), 0));
        assert!(first.seen > before);
        // `new` is now the insert's value, not the field's.
        let second = row(Some("x")).upsert(&db.pool).await?;
        assert_eq!((second.name.as_str(), second.sum, second.visits), ("ada", 50, 2));
        assert_eq!((second.state.as_deref(), second.seen), (Some("fresh-x"), first.seen));
        assert_eq!(row(None).get_or_insert(&db.pool).await?.row, second);
        let other = Inserted { k: 3, ..row(Some("y")) };
        assert_eq!(other.get_or_insert(&db.pool).await?.row.sum, 35);
        let other = Inserted { k: 4, ..row(Some("y")) };
        assert_eq!(other.insert_if_absent(&db.pool).returning().await?.map(|row| (row.sum, row.state)), Some((45, Some("y".to_owned()))));
        Ok(())
    }

    async fn of_the_clock(db: Db) -> Result<()> {
        db.run(TIMES).await?;
        let now: DateTime<Utc> = Utc::now();
        for (shift, is_past) in [(Duration::minutes(-5), true), (Duration::minutes(5), false)] {
            let time = now + shift;
            let day = (now + shift * 1000).date_naive();
            let row = || Times {
                k: 1, instant: time, naive: time.naive_utc(), day, hour: time.time(), seconds: time.timestamp(),
                instant_past: None, naive_past: None, day_past: None, hour_past: None, seconds_past: None,
                filled_instant: None, filled_naive: None, filled_day: None, filled_hour: None, filled_seconds: None,
                last_naive: None, age: None, until: None, name: None,
            };
            row().upsert(&db.pool).await?;
            let row = row().upsert(&db.pool).await?;
            let past = Some(is_past);
            assert_eq!((row.instant_past, row.naive_past, row.day_past, row.seconds_past), (past, past, past, past), "{row:?}");
            // Not within five minutes of midnight.
            if time.date_naive() == now.date_naive() {
                assert_eq!(row.hour_past, past);
            }
            let near = |found: DateTime<Utc>| (found - now).abs() < Duration::minutes(4);
            assert!(row.filled_instant.is_some_and(near), "{row:?}");
            assert!(row.filled_naive.is_some_and(|time| near(time.and_utc())), "{row:?}");
            assert!(row.filled_day.is_some_and(|day| (day - now.date_naive()).abs() <= Duration::days(1)), "{row:?}");
            assert!(row.filled_hour.is_some());
            assert!(row.filled_seconds.is_some_and(|seconds| (seconds - now.timestamp()).abs() < 240), "{row:?}");
            assert_eq!(row.last_naive.map(|last| near(last.and_utc())), Some(is_past), "{row:?}");
            assert_eq!(row.age.map(|age| age > 0), past);
            assert!(row.until.is_some_and(|until| (until - now.timestamp() - 3600).abs() < 240));
            assert_eq!(row.name.as_deref(), Some(if is_past { "past" } else { "future" }));
        }
        // Filled once, kept then.
        let filled = db.all::<(NaiveDateTime, i64)>(r#"SELECT "filled_naive", "filled_seconds" FROM "times""#).await?;
        assert_eq!(filled.len(), 1);
        Ok(())
    }

    async fn of_the_clock_in_a_condition(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "leases" ("name" {text} PRIMARY KEY, "holder" BIGINT, "until" {datetime})"#).await?;
        let lease = |holder, minutes| Lease {
            name: "a".to_owned(), holder, until: (Utc::now() + Duration::minutes(minutes)).naive_utc(),
        };
        assert_eq!(lease(1, 5).upsert(&db.pool).await?, 1);
        assert_eq!(lease(2, -5).upsert(&db.pool).await?, 1, "the lease is not over");
        db.run(r#"DELETE FROM "leases""#).await?;
        assert_eq!(lease(3, -5).upsert(&db.pool).await?, 3);
        assert_eq!(lease(4, 5).upsert(&db.pool).await?, 4, "the lease was over");
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn of_decimals(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "decimals" ("k" BIGINT PRIMARY KEY, "price" NUMERIC(12, 3), "rounded" NUMERIC(12, 3),
            "gross" NUMERIC(12, 4), "whole" BIGINT, "largest" NUMERIC(12, 3))"#).await?;
        for (price, rounded, gross, whole) in [
            ("2.5", "3", "2.75", 2),
            ("-2.5", "-3", "-2.75", -2),
            ("0.5", "1", "0.55", 0),
            ("1234567.101", "1234567", "1358023.8111", 1_234_567),
        ] {
            let row = Decimals { k: 1, price: price.parse()?, rounded: None, gross: None, whole: None, largest: None };
            row.upsert(&db.pool).await?;
            let row = row.upsert(&db.pool).await?;
            assert_eq!((row.rounded, row.gross, row.whole), (Some(rounded.parse()?), Some(gross.parse()?), Some(whole)), "{price}");
            assert_eq!(row.largest, Some(row.price.max("0.5".parse()?)));
        }
        Ok(())
    }

    async fn of_integers_that_are_narrower_than_their_column(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "widths" ("k" BIGINT PRIMARY KEY, "short" SMALLINT, "int" INTEGER, "product" INTEGER, "negated" BIGINT, "float" DOUBLE PRECISION)"#).await?;
        let row = Widths { k: 1, short: i16::MIN, int: i32::MIN, product: 0, negated: 0, float: 0.0 };
        row.upsert(&db.pool).await?;
        let row = row.upsert(&db.pool).await?;
        assert_eq!((row.product, row.negated, row.float), (1 << 30, 1 << 31, -4_294_967_296.0));
        Ok(())
    }

    async fn of_literal_sql(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "words" ("k" BIGINT PRIMARY KEY, "word" {text}, "place" BIGINT, "braced" {text}, "steps" BIGINT)"#).await?;
        let row = |word: &str, step| Literal { k: 1, word: word.to_owned(), place: 0, braced: None, steps: 0, step };
        assert_eq!(row("first", 4).upsert(&db.pool).await?.steps, 5);
        let kept = row("abc", 2).upsert(&db.pool).await?;
        assert_eq!((kept.word.as_str(), kept.place, kept.steps), ("first", 3, 7));
        let taken = row("xyz", 1).upsert(&db.pool).await?;
        assert_eq!((taken.word.as_str(), taken.place, taken.steps), ("xyz", 1, 8));
        assert_eq!(taken.braced.as_deref(), Some("{{xyz}"));
        Ok(())
    }
}
