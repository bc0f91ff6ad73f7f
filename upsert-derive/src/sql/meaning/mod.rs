//! What expressions mean: random ones are evaluated here in Rust, and by every database through the very statements that the
//! derive writes; all must agree, errors included.
//!
//! The databases are those of the integration tests, by the same variables. `UPSERT_CASES=10000` looks longer.

mod databases;
mod evaluate;
mod generate;
mod tree;

use std::cell::RefCell;
use std::env;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use syn::DeriveInput;

use super::{Texts, write};
use crate::diagnostics::Faults;
use crate::model::Bind;
use crate::{model, parse};
use databases::{Database, Outcome};
use evaluate::{Row, Stop, evaluate, may_outgrow_early, may_raise_early};
use generate::Case;
use tree::{Place, Tree, Value};

/// The fields of the struct that the expressions are about, without the one that takes the result.
pub(super) const FIELDS: [(&str, &str); 15] = [
    ("k", "i64"),
    ("a", "Option<i64>"),
    ("b", "Option<i64>"),
    ("c", "Option<i32>"),
    ("d", "Option<i16>"),
    ("f", "Option<f64>"),
    ("g", "Option<f64>"),
    ("s", "Option<String>"),
    ("t", "Option<String>"),
    ("p", "Option<bool>"),
    ("q", "Option<bool>"),
    // No columns: these are only bound.
    ("n", "Option<i64>"),
    ("h", "Option<f64>"),
    ("u", "Option<String>"),
    ("v", "Option<bool>"),
];

/// Those that are bound alone.
pub(super) const PARAMS: [&str; 4] = ["n", "h", "u", "v"];

#[test]
fn expressions_mean_the_same_everywhere() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let databases = runtime
        .block_on(databases::find())
        .expect("the databases that are required");
    let databases = RefCell::new(databases);
    let cases = env::var("UPSERT_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    // The same cases each time, so that a change is judged by what it changes; who asks for a number of cases gets new ones.
    let rng_seed = match cases {
        Some(_) => RngSeed::Random,
        None => RngSeed::Fixed(2026),
    };
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(300),
        failure_persistence: None,
        rng_seed,
        max_shrink_iters: 2000,
        ..Config::default()
    });
    let outcome = runner.run(&generate::case(), |case| {
        let expected = match expected(&case) {
            Ok(value) => Outcome::Value(value),
            Err(Stop::Raise) => Outcome::Raised,
            Err(Stop::Unspecified) => return Ok(()),
        };
        runtime.block_on(compare(&case, &expected, &mut databases.borrow_mut()))
    });
    runtime.block_on(databases::close(databases.into_inner()));
    match outcome {
        Ok(()) => {}
        // The reason says all about the case.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("stopped: {reason}"),
    }
}

/// What the result column holds after the statement.
fn expected(case: &Case) -> Result<Value, Stop> {
    let old = match case.place {
        Place::Insert => &case.new,
        Place::Update | Place::Where => &case.old,
    };
    let row = Row {
        old,
        new: &case.new,
        place: case.place,
    };
    let value = match evaluate(&case.tree, &row) {
        Err(Stop::Raise) if may_outgrow_early(&case.tree, &row) => Err(Stop::Unspecified),
        evaluated => evaluated,
    }?;
    if may_raise_early(&case.tree, &row) {
        return Err(Stop::Unspecified);
    }
    if case.place == Place::Where {
        let written = matches!(value, Value::Bool(true));
        return Ok(Value::Int(i64::from(written)));
    }
    match value {
        Value::Int(value) if case.result == "Option<i32>" && i32::try_from(value).is_err() => {
            Err(Stop::Raise)
        }
        Value::Int(value) if case.result == "Option<i16>" && i16::try_from(value).is_err() => {
            Err(Stop::Raise)
        }
        Value::Int(value) if case.result == "Option<f64>" => {
            evaluate::as_float(value).map(Value::Float)
        }
        value => Ok(value),
    }
}

async fn compare(
    case: &Case,
    expected: &Outcome,
    databases: &mut [Database],
) -> Result<(), TestCaseError> {
    let source = source(case);
    let input: DeriveInput =
        syn::parse_str(&source).map_err(|error| fail(format!("{error}\n{source}")))?;
    let mut faults = Faults::default();
    let parsed = parse::read(&input, &mut faults).ok_or_else(|| fail(&source))?;
    let models = model::resolve(&parsed, &mut faults);
    if !faults.is_empty() {
        return Err(fail(format!("{}\n{source}", faults.into_compile_errors())));
    }
    let [model] = &models[..] else {
        return Err(fail(&source));
    };
    let names: Vec<&str> = model
        .binds
        .iter()
        .map(|bind| match bind {
            Bind::Value(field) | Bind::IsSet(field) => {
                FIELDS.get(*field).map_or("r", |(name, _)| *name)
            }
        })
        .collect();
    let texts: Texts = write(model);
    for database in databases {
        let (sql, outcome) = database.run(case, &texts, &names).await;
        if !outcome.agrees_with(expected) {
            return Err(fail(format!(
                "{}: {outcome:?} instead of {expected:?}\nexpression: {}\n{sql}\nold: {:?}\nnew: {:?}",
                database.name(),
                case.tree,
                case.old,
                case.new
            )));
        }
    }
    Ok(())
}

/// The struct as a user would write it.
fn source(case: &Case) -> String {
    let fields = FIELDS.map(|(name, ty)| {
        let param = if PARAMS.contains(&name) {
            "#[upsert(param)] "
        } else {
            ""
        };
        format!("{param}{name}: {ty}")
    });
    // A text that looks like an expression would be taken for one in quotes.
    let expression = match &case.tree {
        Tree::Literal(Value::Text(_)) => format!("({})", case.tree),
        tree => tree.to_string(),
    };
    let (on_struct, on_result) = match case.place {
        Place::Update => (String::new(), format!("#[upsert(update = {expression})]")),
        Place::Insert => (String::new(), format!("#[upsert(insert = {expression})]")),
        // It reads columns that are assigned: it must see their old values.
        Place::Where => (format!(", update_where({expression})"), String::new()),
    };
    format!(
        "#[upsert(table = \"{}\", conflict = \"k\"{on_struct})] struct Row {{ {}, {on_result} r: {} }}",
        databases::table(case.result),
        fields.join(", "),
        case.result
    )
}

fn fail(message: impl Into<String>) -> TestCaseError {
    TestCaseError::fail(message.into())
}
