//! SQLite's text.

use super::postgres::{ALIAS, is_called_excluded};
use super::{
    Computation, Operand, Spelling, Statement, columns_and_values, index_name, join, qualified,
    quote, returned, select, table, target, value,
};
use crate::expr::Operator;
use crate::model::Model;
use crate::types::{Clock, Kind};

struct Sqlite<'a> {
    /// What the stored row is called in SET.
    stored: &'a str,
}

/// An expression that raises "integer overflow" when it is evaluated.
const RAISE: &str = "abs(-9223372036854775807 - 1)";

impl Spelling for Sqlite<'_> {
    const QUOTE: char = '"';

    fn placeholder(&self, number: usize) -> String {
        format!("?{number}")
    }

    fn proposed(&self, column: &str) -> String {
        format!("excluded.{}", quote::<Self>(column))
    }

    fn stored(&self, column: &str) -> String {
        qualified::<Self>(self.stored, column)
    }

    /// Times are text here, so the clock is written as sqlx writes the field's type: stored values then compare.
    fn clock(&self, clock: Clock) -> &'static str {
        match clock {
            Clock::Instant => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
            Clock::OffsetDateTime => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
            Clock::Local => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
            Clock::Date => "strftime('%Y-%m-%d', 'now')",
            Clock::Time => "strftime('%H:%M:%f', 'now')",
            Clock::Seconds => "CAST(strftime('%s', 'now') AS INTEGER)",
        }
    }

    fn text(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// A division by zero would be NULL.
    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        let sign = operator.sign();
        let Operand {
            text, is_literal, ..
        } = right;
        if operator == Operator::Divide && !is_literal {
            return format!("{left} {sign} CASE WHEN {text} = 0 THEN {RAISE} ELSE {text} END");
        }
        format!("{left} {sign} {text}")
    }

    /// An integer that overflows would turn into a REAL, and one that outgrows the field's type would be stored and never be
    /// read again.
    fn computation(&self, text: String, computation: &Computation) -> String {
        let mut overflow = match computation.kind {
            Kind::Integer => format!("typeof({text}) = 'real'"),
            Kind::Float => return text,
            _ => {
                let leaves = computation
                    .leaves
                    .iter()
                    .map(|leaf| format!("typeof({leaf})"));
                format!(
                    "typeof({text}) = 'real' AND 'real' NOT IN ({})",
                    join(leaves)
                )
            }
        };
        if let (Kind::Integer, Some((low, high))) = (computation.kind, computation.range) {
            overflow = format!("{overflow} OR {text} NOT BETWEEN {low} AND {high}");
        }
        format!("CASE WHEN {overflow} THEN {RAISE} ELSE {text} END")
    }
}

/// Writes SQLite's statements.
///
/// ```sql
/// INSERT INTO "users" ("email", "name") VALUES (?1, ?2)
/// ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name"
/// RETURNING "users"."email", "users"."name"
/// ```
pub(super) fn statements(model: &Model) -> Vec<Statement> {
    let excluded = is_called_excluded(&model.table.name);
    let dialect = Sqlite {
        stored: if excluded { ALIAS } else { &model.table.name },
    };
    let alias = if excluded {
        format!(" AS {}", quote::<Sqlite>(ALIAS))
    } else {
        String::new()
    };
    let insert = format!(
        "INSERT INTO {}{alias} {} ON CONFLICT ({})",
        table::<Sqlite>(&model.table),
        columns_and_values(&dialect, model),
        target::<Sqlite>(model)
    );
    let upsert = format!("{insert} DO UPDATE SET {}", assignments(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    // RETURNING takes the table's own name, also where it has an alias.
    let columns = returned::<Sqlite>(model, &model.table.name);
    vec![
        ("upsert_returning", format!("{upsert} RETURNING {columns}")),
        (
            "insert_if_absent_returning",
            format!("{nothing} RETURNING {columns}"),
        ),
        ("upsert", upsert),
        ("insert_if_absent", nothing),
        ("select", select(&dialect, model)),
        ("create_index", create_index(model)),
    ]
}

/// `"name" = excluded."name"`; a statement that has nothing to assign assigns a key column to itself, for the row to come back.
fn assignments(dialect: &Sqlite, model: &Model) -> String {
    if model.assignments.is_empty() {
        let key = &model.columns[model.target[0]].name;
        return format!("{} = {}", quote::<Sqlite>(key), dialect.stored(key));
    }
    join(model.assignments.iter().map(|assignment| {
        let column = quote::<Sqlite>(&model.columns[assignment.column].name);
        format!("{column} = {}", value(dialect, model, assignment))
    }))
}

/// The index, not the table, carries the schema.
fn create_index(model: &Model) -> String {
    let mut name = quote::<Sqlite>(&index_name(model));
    if let Some(schema) = &model.table.schema {
        name = format!("{}.{name}", quote::<Sqlite>(schema));
    }
    let on = quote::<Sqlite>(&model.table.name);
    format!(
        "CREATE UNIQUE INDEX {name} ON {on} ({})",
        target::<Sqlite>(model)
    )
}
