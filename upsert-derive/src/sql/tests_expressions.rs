//! Snapshots of expressions: every function, literal SQL, and what is only bound.

use super::tests::check;

#[test]
fn the_greater_and_the_lesser() {
    check(
        "extremes",
        r#"
#[upsert(conflict = "id", greatest = "high, last", least = "low")]
struct Range {
    id: i64,
    high: i64,
    low: Option<f64>,
    last: DateTime<Utc>,
    #[upsert(update = greatest(old.middle, new.middle, 0))]
    middle: i64,
}
"#,
    );
}

#[test]
fn every_function() {
    check(
        "functions",
        r#"
#[upsert(conflict = "id")]
struct Functions {
    id: i64,
    #[upsert(update = coalesce(new.coalesced, old.coalesced, 0))]
    coalesced: Option<i64>,
    #[upsert(update = nullif(new.nullif, ""))]
    nullif: Option<String>,
    #[upsert(update = is_null(old.nullif))]
    is_null: bool,
    #[upsert(update = distinct(old.nullif, new.nullif))]
    distinct: bool,
    #[upsert(update = concat(old.concat, ", ", new.concat))]
    concat: String,
    #[upsert(update = lower(new.lower))]
    lower: String,
    #[upsert(update = upper(new.upper))]
    upper: String,
    #[upsert(update = length(new.lower))]
    length: i64,
    #[upsert(update = abs(new.abs))]
    abs: i64,
    #[upsert(update = round(new.round * 1.5))]
    round: f64,
    #[upsert(update = round(new.round_integer))]
    round_integer: i64,
    #[upsert(update = if new.branch > 0 && !is_null(old.nullif) { old.branch } else if old.branch < 0 { 0 } else { new.branch })]
    branch: i64,
    #[upsert(update = null)]
    null: Option<i64>,
    #[upsert(update = (old.remainder - 1) % new.remainder)]
    remainder: i64,
}
"#,
    );
}

#[test]
fn every_cast() {
    check(
        "casts",
        r#"
#[upsert(conflict = "id")]
struct Casts {
    id: i64,
    #[upsert(update = cast(new.integer, "text"))]
    integer_to_text: String,
    #[upsert(update = cast(new.float, "text"))]
    float_to_text: String,
    #[upsert(update = cast(new.integer, "float") / 2)]
    integer_to_float: f64,
    #[upsert(update = cast(new.float, "integer"))]
    float_to_integer: i64,
    #[upsert(update = cast(new.alias, "integer") / 2)]
    alias_to_integer: i64,
    integer: i64,
    float: f64,
    alias: Cents,
}
"#,
    );
}

/// Rust's precedence survives, also where SQL's differs.
#[test]
fn conditions_within_conditions() {
    check(
        "precedence",
        r#"
#[upsert(conflict = "id", update_where(!(new.a > old.a) && (new.b == 1 || is_null(old.b)) == true && old.c - (new.c - 1) != -2))]
struct Row {
    id: i64,
    #[upsert(insert_only)]
    a: i64,
    #[upsert(insert_only)]
    b: i64,
    c: i64,
}
"#,
    );
}

#[test]
fn a_clock_beside_columns() {
    check(
        "clocks_beside_columns",
        r#"
#[upsert(conflict = "id", update_where(now() > old.until && old.day < now()))]
struct Lease {
    id: i64,
    until: DateTime<Utc>,
    #[upsert(insert_only)]
    day: NaiveDate,
    #[upsert(update = if now() > old.local { now() } else { new.local })]
    local: NaiveDateTime,
}
"#,
    );
}

#[test]
fn one_text_for_all_dialects() {
    check(
        "literal_sql",
        r#"
#[upsert(conflict = "id", update_where(sql("{new.score} BETWEEN 1 AND {new.by}")))]
struct Row {
    id: i64,
    score: i64,
    #[upsert(param)]
    by: i64,
}
"#,
    );
}

#[test]
fn braces_in_literal_sql() {
    check(
        "literal_sql_with_braces",
        r#"
#[upsert(conflict = "id")]
struct Row {
    id: i64,
    #[upsert(update = sql("concat('{{', {new.tags}, '}} {{new.tags}} {{}}')"))]
    tags: String,
}
"#,
    );
}

#[test]
fn a_text_for_each_dialect() {
    check(
        "literal_sql_by_dialect",
        r#"
#[upsert(conflict = "id")]
struct Row {
    id: i64,
    #[upsert(update = sql(
        postgres = "{old.tags} || {new.tags}",
        sqlite = "json_patch({old.tags}, {new.tags})",
        mysql = "JSON_MERGE_PATCH({old.tags}, {new.tags})"
    ))]
    tags: Document,
    #[upsert(update = sql(postgres = "{old.path} || '?'"))]
    path: String,
    #[upsert(insert = sql("upper({new.code})"))]
    code: String,
}
"#,
    );
}

/// MySQL's binds have no numbers, so one that is used twice is bound twice.
#[test]
fn values_that_are_only_bound() {
    check(
        "params",
        r#"
#[upsert(conflict = "sku", update_where(old.stock + new.by <= new.most))]
struct Inventory {
    sku: String,
    #[upsert(insert = new.by, update = old.stock + new.by)]
    stock: i64,
    #[upsert(param)]
    by: i64,
    #[upsert(param)]
    most: i64,
}
"#,
    );
}

#[test]
fn values_computed_for_the_insert() {
    check(
        "inserts",
        r#"
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(insert = lower(new.name))]
    name: String,
    #[upsert(insert = concat(new.title, " ", new.title), update = concat(old.greeting, new.greeting))]
    greeting: String,
    title: String,
    #[upsert(insert = 1, update = old.visits + 1)]
    visits: i32,
    #[upsert(insert = now())]
    seen_at: Option<DateTime<Utc>>,
}
"#,
    );
}

#[test]
fn fields_that_may_be_left_as_they_are() {
    check(
        "patches",
        r#"
#[upsert(conflict = "email")]
struct Profile {
    email: String,
    nick: Patch<Option<String>>,
    age: Patch<i32>,
}
"#,
    );
}
