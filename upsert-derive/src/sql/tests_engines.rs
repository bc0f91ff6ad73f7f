//! Do the texts suit engines beyond one machine? They take PostgreSQL's or MySQL's language, but not all of it: the guide's page
//! on engines says what each refuses. Read here are the statements of every struct that has a snapshot of its SQL, or stands in
//! an example of the guide or the README.

use std::fs;
use std::path::Path;

use syn::DeriveInput;

use super::{Statement, Texts, tests_guide, write};
use crate::diagnostics::Faults;
use crate::expr::{Expr, Function};
use crate::model::{self, Model};
use crate::parse;
use crate::target::TargetPart;

/// What looks like a call and is none: no catalogue says how stable it is.
const NO_FUNCTIONS: [&str; 6] = ["COALESCE", "GREATEST", "LEAST", "NULLIF", "CAST", "IN"];

/// What is one without looking so.
const BARE_FUNCTIONS: [&str; 4] = [
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
];

/// The guard of MySQL and MariaDB, and their name for the proposed row.
const MYSQLS_OWN: [&str; 2] = ["IF", "VALUES"];

/// PostgreSQL's, which few others have.
const SYSTEM_COLUMNS: [&str; 7] = ["xmax", "xmin", "cmax", "cmin", "ctid", "tableoid", "oid"];

/// What reads or writes the session, of which a pooler or a router may give another one to each statement.
const SESSION: [&str; 10] = [
    "set_config",
    "current_setting",
    "nextval",
    "currval",
    "lastval",
    "last_insert_rowid",
    "changes",
    "total_changes",
    "LAST_INSERT_ID",
    "ROW_COUNT",
];

/// The calls of MySQL that tell what happened by a number, and the read that follows them.
const TELLING: [&str; 3] = ["upsert_with_action", "insert_if_absent", "select_locking"];

#[test]
fn an_update_calls_no_function_unless_the_users_rule_asks_for_it() {
    for_each_model(|model| {
        let texts = write(model);
        let mysql = mysql(&texts);
        for (database, statements) in [
            ("PostgreSQL", &texts.postgres),
            ("SQLite", &texts.sqlite),
            ("MySQL", &mysql),
        ] {
            for (name, text) in statements {
                for (column, value) in assignments(text) {
                    for function in functions(&value) {
                        let expected = match database {
                            "SQLite" => sqlite_may_call(model, &column, function),
                            "MySQL" => mysql_may_call(model, name, text, function),
                            _ => false,
                        };
                        assert!(
                            expected || calls_a_function(model, &column),
                            "{name} calls {function} for `{column}`: {text}"
                        );
                    }
                }
            }
        }
    });
}

/// What other databases do by themselves: an error where a result does not fit, and the extreme of two values.
fn sqlite_may_call(model: &Model, column: &str, function: &str) -> bool {
    let extreme = |wanted| {
        has(
            model,
            column,
            &|expr| matches!(expr, Expr::Call(found, _) if *found == wanted),
        )
    };
    match function {
        "max" => extreme(Function::Greatest),
        "min" => extreme(Function::Least),
        // A column that takes its own proposed value, or a `Patch`, always fits.
        "typeof" | "abs" => has(model, column, &|expr| {
            !matches!(
                expr,
                Expr::Column(..) | Expr::IsSet(_) | Expr::If(_) | Expr::Null
            )
        }),
        _ => false,
    }
}

/// There is no WHERE and no target, so that the user's condition and his expressions of the target stand in SET.
fn mysql_may_call(model: &Model, name: &str, text: &str, function: &str) -> bool {
    let tells = TELLING.contains(&name) || asks_once(text);
    let in_condition = model.guard.condition.as_ref().is_some_and(calls);
    let in_target =
        (model.target.parts.iter()).any(|part| matches!(part, TargetPart::Expression(_)));
    MYSQLS_OWN.contains(&function)
        || function == "LAST_INSERT_ID" && tells
        || in_condition
        || in_target
}

/// A condition on several columns that are assigned keeps its answer there while the statement runs.
fn asks_once(text: &str) -> bool {
    text.contains("LAST_INSERT_ID() & 1")
}

/// All of MySQL's statements.
fn mysql(texts: &Texts) -> Vec<Statement> {
    let binding = texts.mysql.binding.iter();
    binding
        .map(|(name, text, _)| (*name, text.clone()))
        .chain(texts.mysql.plain.clone())
        .collect()
}

#[test]
fn system_columns_are_read_for_the_action_alone() {
    for_each_model(|model| {
        let texts = write(model);
        let is_own = |word: &str| model.columns.iter().any(|column| column.name == word);
        for (name, text) in &texts.postgres {
            let asked = name.contains("_with_action");
            for token in tokens(text) {
                let word = token.trim_matches('"');
                let system = SYSTEM_COLUMNS.contains(&word) && !is_own(word);
                assert!(asked || !system, "{name} reads {word}: {text}");
            }
        }
    });
}

/// Sharded databases keep a row where its key says, so no assignment may change it. A statement that has nothing else to assign
/// assigns a column of the key to itself.
#[test]
fn an_update_leaves_the_key_alone() {
    for_each_model(|model| {
        let texts = write(model);
        let keys: Vec<_> = (model.target.parts.iter())
            .filter_map(|part| match part {
                TargetPart::Column(column) => Some(&model.columns[*column].name),
                TargetPart::Expression(_) => None,
            })
            .collect();
        let mysql = mysql(&texts);
        for (quote, statements) in [('"', &texts.postgres), ('"', &texts.sqlite), ('`', &mysql)] {
            for (name, text) in statements {
                let assigned = assignments(text);
                for (column, value) in &assigned {
                    if !keys.contains(&column) {
                        continue;
                    }
                    let quoted = format!("{quote}{column}{quote}");
                    let to_itself = match quote {
                        '`' => value
                            .windows(2)
                            .any(|two| *two == [".".to_owned(), quoted.clone()]),
                        _ => value.len() == 3 && value[1..] == [".".to_owned(), quoted],
                    };
                    assert!(
                        to_itself && assigned.len() == 1,
                        "{name} assigns the key `{column}`: {text}"
                    );
                }
            }
        }
    });
}

const COUNTING: [&str; 2] = ["upsert_all_counting", "insert_all_if_absent"];

#[test]
fn a_statement_leaves_nothing_in_the_session() {
    for_each_model(|model| {
        let texts = write(model);
        let mysql = mysql(&texts);
        for (is_mysql, statements) in [
            (false, &texts.postgres),
            (false, &texts.sqlite),
            (true, &mysql),
        ] {
            for (name, text) in statements {
                let tokens = tokens(text);
                assert!(
                    !tokens.iter().any(|token| token == ";"),
                    "two statements: {text}"
                );
                let telling = is_mysql && TELLING.contains(name);
                for called in SESSION {
                    let found = tokens
                        .iter()
                        .any(|token| token.eq_ignore_ascii_case(called));
                    let expected =
                        (telling || is_mysql && asks_once(text)) && called == "LAST_INSERT_ID";
                    assert!(!found || expected, "{name} calls {called}: {text}");
                }
                // How many of many rows were left alone, the reply does not say.
                let counting = is_mysql && COUNTING.contains(name);
                assert!(
                    counting || !tokens.iter().any(|token| token == "@"),
                    "a session's variable: {text}"
                );
            }
        }
    });
}

#[test]
fn what_is_looked_for_is_found() {
    let text = r#"INSERT INTO "t" ("k") VALUES (now()) ON CONFLICT ("k") DO UPDATE SET "a" = lower("it's") || 'lower(', "b" = COALESCE(1, CURRENT_DATE) WHERE now() RETURNING "t"."k""#;
    let found = assignments(text);
    let found: Vec<_> = found
        .iter()
        .map(|(column, value)| (column.as_str(), functions(value).collect::<Vec<_>>()))
        .collect();
    assert_eq!(found, [("a", vec!["lower"]), ("b", vec!["CURRENT_DATE"])]);
    assert_eq!(
        tokens("a = 'it''s; @' /* ; */ -- ;\n"),
        ["a", "=", "'it''s; @'"]
    );
}

/// Whether an expression of the user's for this column calls something, or is SQL of his own.
fn calls_a_function(model: &Model, column: &str) -> bool {
    has(model, column, &calls_here)
}

fn calls(expr: &Expr) -> bool {
    holds_within(expr, &calls_here)
}

fn calls_here(expr: &Expr) -> bool {
    match expr {
        Expr::Now(_) | Expr::Raw(_) | Expr::Cast(..) => true,
        Expr::Call(function, _) => matches!(
            function,
            Function::Lower
                | Function::Upper
                | Function::Length
                | Function::Abs
                | Function::Round
                | Function::Concat
        ),
        _ => false,
    }
}

/// Whether the value that is assigned to a column has such a part.
fn has(model: &Model, column: &str, is: &dyn Fn(&Expr) -> bool) -> bool {
    let mut assigned = model.assignments.iter();
    assigned.any(|assignment| {
        model.columns[assignment.column].name == column && holds_within(&assignment.value, is)
    })
}

fn holds_within(expr: &Expr, is: &dyn Fn(&Expr) -> bool) -> bool {
    is(expr) || expr.parts().into_iter().any(|part| holds_within(part, is))
}

/// The functions that these tokens call.
fn functions(tokens: &[String]) -> impl Iterator<Item = &str> {
    let next = tokens.iter().skip(1).map(String::as_str).chain([""]);
    tokens.iter().zip(next).filter_map(|(token, next)| {
        let is_word = token.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_keyword = ["AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "IS", "SELECT"];
        let called = next == "("
            && !NO_FUNCTIONS.contains(&token.as_str())
            && !is_keyword.contains(&token.as_str());
        (is_word && (called || BARE_FUNCTIONS.contains(&token.as_str()))).then_some(token.as_str())
    })
}

/// The columns that the statement's update assigns, each with the tokens of its value.
fn assignments(text: &str) -> Vec<(String, Vec<String>)> {
    let tokens = tokens(text);
    let Some(start) = tokens.iter().position(|token| token == "UPDATE") else {
        return Vec::new();
    };
    let mut rest = tokens[start + 1..].iter().peekable();
    rest.next_if(|token| *token == "SET");
    let mut found: Vec<Vec<String>> = vec![Vec::new()];
    let mut depth = 0;
    for token in rest {
        match token.as_str() {
            "(" | "CASE" => depth += 1,
            ")" | "END" => depth -= 1,
            "WHERE" | "RETURNING" if depth == 0 => break,
            "," if depth == 0 => {
                found.push(Vec::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("there is one").push(token.clone());
    }
    let found = found.into_iter().map(|tokens| {
        assert_eq!(tokens[1], "=", "no assignment in {text}");
        let column = &tokens[0];
        let quote = &column[..1];
        let name = column[1..column.len() - 1].replace(&quote.repeat(2), quote);
        (name, tokens[2..].to_vec())
    });
    found.collect()
}

/// Words, names and texts with their quotes, and signs; comments are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' | '`' | '\'' => quoted_length(rest, first),
            c if c.is_alphanumeric() || c == '_' => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_comment = token.starts_with("--") || token.starts_with("/*");
        if !first.is_whitespace() && !is_comment {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    tokens
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// Runs `check` on each upsert of each struct that has a snapshot, or stands in an example of the guide or the README.
fn for_each_model(check: impl Fn(&Model)) {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut structs: Vec<DeriveInput> = Vec::new();
    let snapshots = fs::read_dir(crate_folder.join("src/sql/snapshots")).expect("snapshots");
    for snapshot in snapshots {
        let snapshot = fs::read_to_string(snapshot.expect("a file").path()).expect("a text");
        let source = snapshot.splitn(3, "---\n").nth(2).expect("a header");
        let (source, _) = source.split_once("\n\n-----").expect("a source");
        structs.push(syn::parse_str(source).expect("a struct"));
    }
    let guide = fs::read_dir(crate_folder.join("../src/guide")).expect("the guide");
    let pages = guide.map(|file| file.expect("a file").path());
    let pages = pages.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    for page in pages.chain([crate_folder.join("../README.md")]) {
        let page = fs::read_to_string(page).expect("the guide stands beside this crate");
        structs.extend(tests_guide::examples(&page));
    }
    assert!(structs.len() > 120, "only {} structs", structs.len());
    for input in &structs {
        let mut faults = Faults::default();
        let parsed = parse::read(input, &mut faults).expect("a struct with fields");
        let models = model::resolve(&parsed, &mut faults);
        assert!(faults.is_empty(), "{}", faults.into_compile_errors());
        models.iter().for_each(&check);
    }
}
