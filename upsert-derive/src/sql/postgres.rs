//! PostgreSQL's text.

use super::{
    Spelling, Statement, columns_and_values, index_name, join, qualified, quote, returned, select,
    table, target, value,
};
use crate::model::Model;
use crate::types::Clock;

struct Postgres<'a> {
    /// What the stored row is called in SET and RETURNING.
    stored: &'a str,
}

impl Spelling for Postgres<'_> {
    const QUOTE: char = '"';

    fn placeholder(&self, number: usize) -> String {
        format!("${number}")
    }

    fn proposed(&self, column: &str) -> String {
        format!("EXCLUDED.{}", quote::<Self>(column))
    }

    fn stored(&self, column: &str) -> String {
        qualified::<Self>(self.stored, column)
    }

    fn clock(&self, clock: Clock) -> &'static str {
        match clock {
            Clock::Seconds => "CAST(floor(extract(epoch FROM now())) AS bigint)",
            _ => "now()",
        }
    }

    /// `E'…'` means the same whatever `standard_conforming_strings` says.
    fn text(&self, text: &str) -> String {
        let quoted = text.replace('\'', "''");
        if text.contains('\\') {
            format!("E'{}'", quoted.replace('\\', "\\\\"))
        } else {
            format!("'{quoted}'")
        }
    }
}

/// A table of this name is taken for the proposed row, so it gets an alias.
pub(super) fn is_called_excluded(table: &str) -> bool {
    table.eq_ignore_ascii_case("excluded")
}

pub(super) const ALIAS: &str = "upsert_row";

/// Writes PostgreSQL's statements.
///
/// ```sql
/// INSERT INTO "users" ("email", "name") VALUES ($1, $2)
/// ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
/// RETURNING "users"."email", "users"."name"
/// ```
pub(super) fn statements(model: &Model) -> Vec<Statement> {
    let excluded = is_called_excluded(&model.table.name);
    let stored = if excluded { ALIAS } else { &model.table.name };
    let dialect = Postgres { stored };
    let alias = if excluded {
        format!(" AS {}", quote::<Postgres>(ALIAS))
    } else {
        String::new()
    };
    let insert = format!(
        "INSERT INTO {}{alias} {} ON CONFLICT ({})",
        table::<Postgres>(&model.table),
        columns_and_values(&dialect, model),
        target::<Postgres>(model)
    );
    let upsert = format!("{insert} DO UPDATE SET {}", assignments(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    let columns = returned::<Postgres>(model, stored);
    let key = quote::<Postgres>(&model.columns[model.target[0]].name);
    // A table of that name cannot share it.
    let old = match model.table.name.as_str() {
        "upsert_old" => quote::<Postgres>("upsert_older"),
        _ => quote::<Postgres>("upsert_old"),
    };
    vec![
        ("upsert_returning", format!("{upsert} RETURNING {columns}")),
        (
            "upsert_with_action",
            format!(
                "{upsert} RETURNING {columns}, ({}.\"xmax\" = 0)",
                quote::<Postgres>(stored)
            ),
        ),
        (
            "upsert_with_action_18",
            format!("{upsert} RETURNING WITH (OLD AS {old}) {columns}, {old}.{key} IS NULL"),
        ),
        (
            "insert_if_absent_returning",
            format!("{nothing} RETURNING {columns}"),
        ),
        ("upsert", upsert),
        ("insert_if_absent", nothing),
        ("select", select(&dialect, model)),
        (
            "create_index",
            format!(
                "CREATE UNIQUE INDEX {} ON {} ({})",
                quote::<Postgres>(&index_name(model)),
                table::<Postgres>(&model.table),
                target::<Postgres>(model)
            ),
        ),
    ]
}

/// `"name" = EXCLUDED."name"`; a statement that has nothing to assign assigns a key column to itself, for the row to come back.
fn assignments(dialect: &Postgres, model: &Model) -> String {
    if model.assignments.is_empty() {
        let key = &model.columns[model.target[0]].name;
        return format!("{} = {}", quote::<Postgres>(key), dialect.stored(key));
    }
    join(model.assignments.iter().map(|assignment| {
        let column = quote::<Postgres>(&model.columns[assignment.column].name);
        format!("{column} = {}", value(dialect, model, assignment))
    }))
}
