//! What does the derive write? Small struct in, formatted code out, and whatever comes in, no panic.

use proptest::prelude::*;
use syn::DeriveInput;

use crate::expand;

/// Compares a struct and what the derive writes for it with the snapshot of this name.
#[track_caller]
fn check(name: &str, source: &str) {
    let input = syn::parse_str(source).expect("a struct");
    let snapshot = format!(
        "{}\n\n{}\n{}",
        source.trim(),
        "-".repeat(80),
        expansion(&input)
    );
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, snapshot);
    });
}

fn expansion(input: &DeriveInput) -> String {
    let tokens = expand::derive(input);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

#[test]
fn a_plain_struct() {
    check(
        "plain",
        r#"
#[upsert(conflict = "name")]
struct Tag {
    #[upsert(generated)]
    id: i64,
    name: String,
    #[upsert(accumulate)]
    count: i64,
    #[upsert(json)]
    notes: Option<Vec<String>>,
    #[upsert(skip)]
    cache: Cache,
}
"#,
    );
}

/// On SQLite, where times are text, a bound time may have no order just as a stored one.
#[test]
fn what_orders_times_asks_whether_they_have_an_order() {
    let asks = |ty: &str, guard: &str, insert: &str| {
        let source = format!(
            r#"
#[upsert(conflict = "name", {guard})]
struct Event {{ name: String, {insert} seen: {ty}, #[upsert(param)] since: {ty}, #[upsert(param)] until: {ty} }}
"#
        );
        let input = syn::parse_str(&source).expect("a struct");
        expansion(&input).contains("OrdersInstants")
    };
    let guard = "update_where(new.since < new.until)";
    assert!(!asks("DateTime<Utc>", guard, ""));
    assert!(asks("DateTime<FixedOffset>", guard, ""));
    assert!(asks("OffsetDateTime", guard, ""));
    assert!(asks("Option<DateTime<Local>>", guard, ""));
    let insert = "#[upsert(insert = greatest(new.seen, new.until))]";
    assert!(!asks("DateTime<Utc>", "", insert));
    assert!(asks("OffsetDateTime", "", insert));
}

#[test]
fn a_generic_struct() {
    check(
        "generic",
        r#"
#[upsert(table = "tagged", conflict = "name", accumulate = "amount", crate = framework::upsert)]
struct Tagged<T, N: Number = i64, const M: usize = 8>
where
    T: Clone,
{
    name: Short<M>,
    tag: T,
    amount: N,
}
"#,
    );
}

#[test]
fn a_borrowed_struct() {
    check(
        "borrowed",
        r#"
#[upsert(table = "users", conflict = "email", returning = "id, stock")]
struct NewUser<'a> {
    #[upsert(generated)]
    id: i64,
    email: &'a str,
    name: Option<Cow<'a, str>>,
    stock: i64,
}
"#,
    );
}

/// Names that sqlx's record cannot have, types that its macros know and others, on fields that may be NULL and that may not.
#[test]
fn a_verified_struct() {
    check(
        "verified",
        r#"
#[upsert(conflict = "email", verify = "postgres")]
#[upsert(name = "touch", conflict = "lower(email)", returning = "crate", update_where(new.name != new.other && new.count < new.limit))]
struct User {
    #[upsert(generated, rename = "crate")]
    id: i64,
    email: String,
    #[upsert(rename = "full name")]
    name: Name,
    count: Option<i32>,
    status: Option<Status>,
    seen_at: DateTime<Local>,
    #[upsert(json)]
    column_1: Option<Vec<String>>,
    #[upsert(param)]
    other: String,
    #[upsert(param)]
    limit: i32,
}
"#,
    );
}

#[test]
fn what_can_be_read_from_a_column_depends_on_the_database() {
    for database in ["sqlite", "mysql"] {
        check(
            &format!("verified_on_{database}"),
            &format!(
                r#"
#[upsert(conflict = "id", verify = "{database}", returning = "id")]
struct Row {{
    id: Uuid,
    count: u32,
    part: f32,
    flag: bool,
    photo: Vec<u8>,
    seen_at: OffsetDateTime,
    day: NaiveDate,
    #[upsert(json)]
    tags: Tags,
    other: Vec<i64>,
}}
"#
            ),
        );
    }
}

#[test]
fn a_struct_with_mistakes() {
    check(
        "mistakes",
        r#"
#[upsert(tabel = "users", conflict = "emial", returning = "email, count")]
struct User<'a, T> {
    email: &'a str,
    #[upsert(update = old.count + 1, coalesce)]
    count: T,
}
"#,
    );
}

/// Pieces of attributes: words, names, literals, expressions and punctuation.
const PIECES: &[&str] = &[
    "table",
    "conflict",
    "conflict_where",
    "constraint",
    "accumulate",
    "coalesce",
    "greatest",
    "least",
    "insert_only",
    "generated",
    "now",
    "update",
    "insert",
    "param",
    "set",
    "update_where",
    "skip_unchanged",
    "returning",
    "name",
    "rename",
    "rename_all",
    "skip",
    "json",
    "verify",
    "crate",
    "old",
    "new",
    "null",
    "sql",
    "if",
    "else",
    "self",
    "Self",
    "r#type",
    "'a",
    "_",
    "a",
    "b",
    "old.a",
    "new.b",
    "old.b + new.a",
    "coalesce(new.a, old.a)",
    "now()",
    "old.a / 0",
    "-old.b",
    "!old.a",
    "a::b",
    "crate::a",
    "u64",
    "Vec<u8>",
    "&'a str",
    "Account: \"a\"",
    "\"\"",
    "\"a\"",
    "\"a, b\"",
    "\"a, , b\"",
    "\"*\"",
    "\"a.b\"",
    "\"a.b.c\"",
    "\"camelCase\"",
    "\"\\0\"",
    "\"é\"",
    "b\"a\"",
    "'c'",
    "0",
    "-1",
    "9223372036854775808",
    "340282366920938463463374607431768211456",
    "1.5",
    "1e400",
    "true",
    "=",
    "= \"a\"",
    "= \"b\"",
    "= a",
    ",",
    ",",
    ",",
    ";",
    ":",
    "::",
    ".",
    "..",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "==",
    "&&",
    "||",
    "!",
    "?",
    "#",
    "$",
    "@",
    "=>",
    "->",
    "|x|",
    "a!()",
    "\"postgres\"",
];

/// Types of fields, for which the rules differ.
const TYPES: &[&str] = &[
    "i64",
    "u8",
    "f64",
    "String",
    "bool",
    "Option<i32>",
    "Option<String>",
    "Vec<u8>",
    "&'a str",
    "Cow<'static, str>",
    "DateTime<Utc>",
    "Decimal",
    "T",
    "Option<T>",
    "[u8; 4]",
    "(i64, i64)",
    "fn()",
    "!",
    "dyn A",
    "impl A",
    "_",
    "a!()",
];

/// Pieces in any order and any nesting.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES).prop_map(str::to_owned);
    piece.prop_recursive(3, 24, 8, |inner| {
        (prop::collection::vec(inner, 0..8), 0..4).prop_map(|(pieces, group)| {
            let pieces = pieces.join(" ");
            match group {
                0 => format!("({pieces})"),
                1 => format!("[{pieces}]"),
                2 => format!("{{{pieces}}}"),
                _ => pieces,
            }
        })
    })
}

fn attributes() -> impl Strategy<Value = String> {
    let path = prop::sample::select(&["upsert", "upsert", "upsert", "sqlx"][..]);
    let attribute = (path, prop::collection::vec(soup(), 0..6), 0..12).prop_map(
        |(path, soup, form)| match form {
            0 => format!("#[{path}]"),
            1 => format!("#[{path} = {}]", soup.first().map_or("1", String::as_str)),
            2 => format!("#[{path}{{{}}}]", soup.join(" ")),
            _ => format!("#[{path}({})]", soup.join(" ")),
        },
    );
    prop::collection::vec(attribute, 0..3).prop_map(|attributes| attributes.join(" "))
}

fn structs() -> impl Strategy<Value = String> {
    let names = ["a", "b", "r#type", "e_mail"];
    let field = (attributes(), prop::sample::select(TYPES));
    (attributes(), prop::collection::vec(field, 0..4), 0..16).prop_map(
        move |(attributes, fields, shape)| {
            let named: String = (fields.iter().zip(names))
                .map(|((attributes, ty), name)| format!("{attributes} {name}: {ty}, "))
                .collect();
            match shape {
                0 => format!("{attributes} struct S;"),
                1 => format!("{attributes} enum S {{ A {{ {named} }}, B }}"),
                2 => format!("{attributes} union S {{ {named} }}"),
                3 => format!("{attributes} struct S(i64, String);"),
                4 => format!("{attributes} struct S {{ {named} }}"),
                _ => format!(
                    "{attributes} #[upsert(conflict = \"key\")] struct S<'a, T> {{ key: i64, {named} }}"
                ),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Mistakes are errors with a place, never a panic of the macro, and what goes out are items, whatever came in.
    #[test]
    fn nothing_makes_it_panic(source in structs()) {
        // Soup that is no token stream, or no struct, never reaches a derive.
        if let Ok(input) = syn::parse_str::<DeriveInput>(&source) {
            expansion(&input);
        }
    }

    /// Attributes alone, well-formed as a list of words, so that more of them get past the parser.
    #[test]
    fn no_list_of_words_makes_it_panic(
        words in prop::collection::vec((prop::sample::select(&PIECES[..25]), soup()), 0..5),
        field in prop::collection::vec((prop::sample::select(&PIECES[..25]), soup()), 0..3),
        ty in prop::sample::select(TYPES),
    ) {
        let list = |words: &[(&str, String)]| {
            let words = words.iter().map(|(word, value)| format!("{word} = {value}"));
            words.collect::<Vec<_>>().join(", ")
        };
        let source = format!(
            "#[upsert({})] struct S<'a, T> {{ #[upsert(conflict)] key: i64, #[upsert({})] a: {ty}, b: i64 }}",
            list(&words),
            list(&field),
        );
        if let Ok(input) = syn::parse_str::<DeriveInput>(&source) {
            expansion(&input);
        }
    }
}
