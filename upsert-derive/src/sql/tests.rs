//! Is the text right? One snapshot a struct, with the dialects under each other, so that differences face each other.

use crate::diagnostics::Faults;
use crate::model::{self, Model};
use crate::parse;

use super::{Statement, write};

/// Compares a struct and its statements with the snapshot of this name.
#[track_caller]
pub(super) fn check(name: &str, source: &str) {
    let snapshot = format!(
        "{}\n\n{}\n{}",
        source.trim(),
        "-".repeat(80),
        statements(source)
    );
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, snapshot);
    });
}

/// All statements of a struct's upserts, a paragraph for each, with a line or two for each dialect that has it.
fn statements(source: &str) -> String {
    let input = syn::parse_str(source).expect("a struct");
    let mut faults = Faults::default();
    let parsed = parse::read(&input, &mut faults).expect("a struct with fields");
    let models = model::resolve(&parsed, &mut faults);
    assert!(faults.is_empty(), "{}", faults.into_compile_errors());
    let upserts = models.iter().map(|model| match model.name {
        Some(name) => format!("== {}\n\n{}", name.value(), statements_of(model)),
        None => statements_of(model),
    });
    upserts.collect::<Vec<_>>().join("\n")
}

fn statements_of(model: &Model) -> String {
    let texts = write(model);
    let binding = texts
        .mysql
        .binding
        .into_iter()
        .map(|(name, text, _)| (name, text));
    let mysql: Vec<Statement> = binding.chain(texts.mysql.plain).collect();
    let dialects = [
        ("PostgreSQL", &texts.postgres),
        ("SQLite", &texts.sqlite),
        ("MySQL", &mysql),
    ];
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in dialects.iter().flat_map(|(_, statements)| *statements) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let paragraphs = names.iter().filter_map(|name| {
        let lines = dialects.iter().filter_map(|(dialect, statements)| {
            let text = find(statements, name).filter(|text| !text.is_empty())?;
            Some(format!("{dialect:>12}  {}\n", broken(text)))
        });
        let lines: String = lines.collect();
        (!lines.is_empty()).then(|| format!("{name}\n{lines}"))
    });
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn find<'a>(statements: &'a [Statement], name: &str) -> Option<&'a str> {
    let found = statements.iter().find(|(other, _)| *other == name);
    found.map(|(_, text)| text.as_str())
}

/// The text with a line for each clause, for reading only.
fn broken(text: &str) -> String {
    let clauses = [
        " VALUES (",
        " ON CONFLICT ",
        " ON DUPLICATE KEY ",
        " RETURNING ",
    ];
    clauses.iter().fold(text.to_owned(), |text, clause| {
        text.replace(clause, &format!("\n{:14}{}", "", clause.trim_start()))
    })
}

#[test]
fn every_simple_rule() {
    check(
        "user",
        r#"
#[upsert(conflict = "email", accumulate = "stock", coalesce = "age")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    age: Option<i32>,
    stock: i64,
    #[upsert(insert_only)]
    created_at: DateTime<Utc>,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}
"#,
    );
}

#[test]
fn a_key_of_two_columns_in_a_schema() {
    check(
        "composite_key",
        r#"
#[upsert(table = "shop.prices", conflict = "tenant_id, sku")]
struct Price {
    sku: String,
    tenant_id: i64,
    cents: i64,
}
"#,
    );
}

#[test]
fn nothing_but_the_key() {
    check(
        "key_only",
        r#"
#[upsert(conflict = "user_id, role_id")]
struct UserRole {
    user_id: i64,
    role_id: i64,
}
"#,
    );
}

#[test]
fn every_form_of_the_clock() {
    check(
        "clocks",
        r#"
#[upsert(conflict = "id", now = "instant, offset, local, date, time, seconds, alias, created")]
struct Event {
    id: i64,
    instant: DateTime<Utc>,
    offset: Option<OffsetDateTime>,
    local: NaiveDateTime,
    date: NaiveDate,
    time: NaiveTime,
    seconds: i64,
    alias: Timestamp,
    #[upsert(insert_only)]
    created: DateTime<Utc>,
    #[upsert(update = now())]
    touched: Option<NaiveDateTime>,
}
"#,
    );
}

#[test]
fn arithmetic() {
    check(
        "arithmetic",
        r#"
#[upsert(conflict = "id")]
struct Sums {
    id: i64,
    #[upsert(update = old.long + new.long)]
    long: i64,
    #[upsert(update = old.int - new.int * 2)]
    int: i32,
    #[upsert(update = (old.byte + 1) / new.byte)]
    byte: u8,
    #[upsert(update = old.half / 2)]
    half: i64,
    #[upsert(update = -old.float * 1.5)]
    float: Option<f64>,
    #[upsert(update = coalesce(old.decimal, 0) + new.decimal / 3)]
    decimal: Option<Decimal>,
    #[upsert(update = old.cents + new.cents)]
    cents: Cents,
    #[upsert(accumulate)]
    small: Option<i16>,
    #[upsert(accumulate)]
    real: f32,
}
"#,
    );
}

/// MySQL assigns from left to right: `a` is read by `b`, and `b` by `c`.
#[test]
fn columns_that_read_each_other() {
    check(
        "order_of_assignments",
        r#"
#[upsert(conflict = "id")]
struct Chain {
    id: i64,
    a: i64,
    #[upsert(update = old.a)]
    b: i64,
    #[upsert(update = old.b + new.a)]
    c: i64,
}
"#,
    );
}

#[test]
fn a_table_called_excluded() {
    check(
        "table_called_excluded",
        r#"
#[upsert(table = "excluded", conflict = "id", accumulate = "count")]
struct Row {
    id: i64,
    count: i64,
}
"#,
    );
}

#[test]
fn names_with_quotes_and_keywords() {
    check(
        "quoted_names",
        r#"
#[upsert(table = "or\"der`s", conflict = "select")]
struct Row {
    select: i64,
    #[upsert(rename = "quo\"te", accumulate)]
    quote: i64,
    #[upsert(rename = "back`tick")]
    backtick: i64,
    #[upsert(rename = "apo'strophe")]
    apostrophe: i64,
    r#type: String,
    #[upsert(rename = "Größe -- ; /*")]
    comment: i64,
}
"#,
    );
}

#[test]
fn texts_with_quotes_and_backslashes() {
    check(
        "texts",
        r#"
#[upsert(conflict = "id")]
struct Row {
    id: i64,
    #[upsert(update = "it's")]
    quote: String,
    #[upsert(update = "C:\\temp\\'; DROP TABLE users; --")]
    backslash: String,
    #[upsert(update = coalesce(new.plain, "— \"none\" —"))]
    plain: Option<String>,
    #[upsert(update = true)]
    flag: bool,
}
"#,
    );
}

#[test]
fn some_columns_come_back() {
    check(
        "returning",
        r#"
#[upsert(conflict = "email", returning(Account: "id, e_mail"), rename_all = "snake_case", coalesce = "tags")]
struct NewAccount<'a> {
    #[upsert(generated)]
    id: i64,
    #[upsert(rename = "email")]
    address: &'a str,
    e_mail: &'a str,
    #[upsert(json)]
    tags: Option<Vec<String>>,
    #[upsert(skip)]
    cache: u8,
}
"#,
    );
}
