//! What the guide says in tables is true: the spellings of expressions, and the tests that prove a fact.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sqlx::{MySql, Postgres, Sqlite};
use upsert::{Dialect, Upsert};

const EXPRESSIONS: &str = include_str!("../src/guide/expressions.md");
const DIALECTS: &str = include_str!("../src/guide/dialects.md");

// The derive goes by the names of types; these are those of the `time` crate.
type OffsetDateTime = DateTime<Utc>;
type PrimitiveDateTime = NaiveDateTime;
type Date = NaiveDate;
type Time = NaiveTime;

/// Declares a struct with a field for each expression and one for each form of the clock, and lists them.
macro_rules! expressions {
    ($($field:ident: $ty:ty = $expr:expr;)+ @clocks $($clock:ident: $time:ty;)+) => {
        /// The guide's columns, which the expressions read, and a column for each expression.
        #[derive(Upsert)]
        #[upsert(table = "t", conflict = "key", insert_only = "n, x, s, flag")]
        struct Row {
            key: i64,
            n: i64,
            x: f64,
            s: String,
            flag: bool,
            // On MySQL and MariaDB the guard stands around the first assignment.
            first: i64,
            $(#[upsert(update = $expr)] $field: $ty,)+
            $(#[upsert(update = now())] $clock: $time,)+
            last: i64,
        }

        /// The columns of the expressions, with their Rust.
        const COLUMNS: &[(&str, &str)] = &[$((stringify!($field), stringify!($expr))),+];

        /// The columns of the clock, with their types.
        const CLOCKS: &[(&str, &str)] = &[$((stringify!($clock), stringify!($time))),+];
    };
}

expressions! {
    add: i64 = old.n + new.n;
    subtract: i64 = old.n - new.n;
    multiply: i64 = old.n * new.n;
    divide: i64 = old.n / new.n;
    remainder: i64 = old.n % new.n;
    negate: i64 = -new.n;
    add_float: f64 = old.x + new.x;
    divide_float: f64 = old.x / new.x;
    equal: bool = old.s == new.s;
    not_equal: bool = old.s != new.s;
    less: bool = old.n < new.n;
    less_or_equal: bool = old.n <= new.n;
    greater: bool = old.n > new.n;
    greater_or_equal: bool = old.n >= new.n;
    logic: bool = old.flag && !new.flag;
    either: bool = old.flag || new.flag;
    choice: i64 = if new.flag { old.n } else { 7 };
    clock: DateTime<Utc> = now();
    nothing: Option<i64> = null;
    text: String = "it's";
    is_null: bool = is_null(old.s);
    distinct: bool = distinct(old.s, new.s);
    coalesce: i64 = coalesce(new.n, old.n);
    nullif: Option<String> = nullif(new.s, "");
    greatest: i64 = greatest(old.n, new.n);
    least: i64 = least(old.n, new.n);
    concat: String = concat(old.s, new.s);
    lower: String = lower(new.s);
    upper: String = upper(new.s);
    length: i64 = length(new.s);
    abs: i64 = abs(new.n);
    round: f64 = round(new.x);
    cast_text: String = cast(new.n, "text");
    cast_integer: i64 = cast(new.x, "integer");
    cast_float: f64 = cast(new.n, "float");
    raw: String = sql("trim({new.s})");

    @clocks
    instant: DateTime<Utc>;
    offset_date_time: OffsetDateTime;
    naive_date_time: NaiveDateTime;
    primitive_date_time: PrimitiveDateTime;
    naive_date: NaiveDate;
    date: Date;
    naive_time: NaiveTime;
    time: Time;
    seconds: i64;
}

/// The values of a dialect's columns as the guide writes them: columns as `old.n`, and short names for what recurs.
fn written<DB: Dialect>() -> BTreeMap<&'static str, String>
where
    Row: upsert::UpsertModel<DB>,
{
    let sql = Row::sql::<DB>().get("upsert").expect("a text").to_owned();
    let mut rest = sql.replace('`', "\"");
    for column in ["n", "x", "s", "flag"] {
        rest = rest
            .replace(&format!(r#""t"."{column}""#), &format!("old.{column}"))
            .replace(&format!(r#"EXCLUDED."{column}""#), &format!("new.{column}"))
            .replace(&format!(r#"excluded."{column}""#), &format!("new.{column}"))
            .replace(&format!(r#"VALUES("{column}")"#), &format!("new.{column}"));
    }
    rest = rest.replace("abs(-9223372036854775807 - 1)", "raise");
    for value in ["new.n", "new.x"] {
        let guarded = format!("CASE WHEN {value} = 0 THEN raise ELSE {value} END");
        rest = rest.replace(&guarded, &format!("nonzero({value})"));
    }
    let mut texts = BTreeMap::new();
    for (column, _) in COLUMNS.iter().chain(CLOCKS) {
        let (_, from) = rest
            .split_once(&format!(r#", "{column}" = "#))
            .expect("the column is assigned");
        let end = from.find(r#", ""#).expect("another column follows");
        texts.insert(*column, fitting(&from[..end]));
    }
    texts
}

/// `CASE WHEN typeof(a + b) = 'real' THEN raise ELSE a + b END` is `fitting(a + b)`.
fn fitting(text: &str) -> String {
    let inner = text
        .strip_prefix("CASE WHEN typeof(")
        .and_then(|text| text.strip_suffix(" END"))
        .and_then(|text| text.split_once(") = 'real' THEN raise ELSE "));
    match inner {
        Some((asked, given)) if asked == given => format!("fitting({given})"),
        _ => text.to_owned(),
    }
}

/// The cells of a table's rows that begin with code.
fn rows(page: &str) -> impl Iterator<Item = Vec<String>> {
    let lines = page.lines().filter(|line| line.starts_with("| `"));
    lines.map(|line| {
        // A bar in a cell is escaped.
        let line = line.replace(r"\|", "\u{1}");
        let cells = line.trim_matches('|').split('|');
        let plain = |cell: &str| cell.trim().trim_matches('`').replace('\u{1}', "|");
        cells.map(plain).collect()
    })
}

/// That each operator and each function has its row, `each_part_of_the_language_has_its_row` asks, in the derive's own tests.
#[test]
fn an_expression_becomes_what_the_guide_says() {
    says_the_page("# What it becomes", COLUMNS);
}

#[test]
fn the_clock_becomes_what_the_guide_says() {
    says_the_page("# The clock", CLOCKS);
}

/// Compares the table in a section of the page with what is written of these columns.
fn says_the_page(section: &str, columns: &[(&'static str, &'static str)]) {
    let dialects = [
        written::<Postgres>(),
        written::<Sqlite>(),
        written::<MySql>(),
    ];
    let expected: Vec<Vec<String>> = columns
        .iter()
        .map(|(column, rust)| {
            let texts = dialects.iter().map(|dialect| dialect[column].clone());
            std::iter::once((*rust).to_owned()).chain(texts).collect()
        })
        .collect();
    let table: String = expected
        .iter()
        .map(|cells| {
            let cells = cells
                .iter()
                .map(|cell| format!("`{}`", cell.replace('|', r"\|")));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        })
        .collect();
    let (_, text) = EXPRESSIONS.split_once(section).expect("the section");
    let text = text.split_once("\n# ").map_or(text, |(text, _)| text);
    let found: Vec<Vec<String>> = rows(text).collect();
    assert!(
        found == expected,
        "the table of `{section}` should be:\n{table}"
    );
}

/// `laws::atomic::what_fails_leaves_nothing_behind` is a function of that name in the file of that module, and
/// `ui::capability::constraint_on_mysql` a program that must not compile.
#[test]
fn a_test_that_the_guide_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut count = 0;
    for name in tests_named_in(DIALECTS) {
        let (module, test) = name.rsplit_once("::").expect("a module and a test");
        let path = module.replace("::", "/");
        let exists = if module.starts_with("ui::") {
            root.join(path).join(test).with_extension("rs").exists()
        } else {
            let file = root.join("it").join(path).with_extension("rs");
            let code = fs::read_to_string(file).unwrap_or_default();
            code.contains(&format!("async fn {test}("))
        };
        assert!(exists, "no such test: {name}");
        count += 1;
    }
    assert!(count > 20, "only {count} tests are named");
}

#[test]
fn each_fact_names_its_test() {
    let facts = |section: &str| {
        let (_, section) = DIALECTS.split_once(section).expect("the section");
        let table = section.lines().skip_while(|line| !line.starts_with("|---"));
        let rows = table.skip(1).take_while(|line| line.starts_with('|'));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    for section in ["# The laws", "# The facts"] {
        let facts = facts(section);
        assert!(facts.len() > 5, "{section} has {} rows", facts.len());
        for fact in facts {
            assert!(tests_named_in(&fact).next().is_some(), "no test: {fact}");
        }
    }
}

/// The words in backticks that are paths of tests.
fn tests_named_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        name.contains("::") && name.chars().all(is_path) && !name.starts_with("crate::")
    })
}
