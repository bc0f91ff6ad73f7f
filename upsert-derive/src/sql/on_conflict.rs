//! `ON CONFLICT`, which PostgreSQL and SQLite have in common.

use super::spelling::Spelling;
use super::writer::Writer;
use super::{inserted_columns, is_compared, join, quote, table, target};
use crate::model::{Assignment, Model};

/// What the stored row is called where its table's name would be taken for the proposed row.
const ALIAS: &str = "upsert_row";

/// A dialect with a conflict target.
pub(super) trait OnConflict: Spelling + Sized {
    /// Whether any of these assignments would change its column, compared exactly.
    fn would_change(&self, model: &Model, compared: &[&Assignment]) -> String;

    /// A condition that is true if the column is NULL, and an error otherwise.
    fn raise_unless_null(&self, model: &Model, column: &str) -> String;

    /// The target, where the dialect has more than columns and predicates.
    fn conflict_target(&self, model: &Model) -> String {
        let predicate = model.target.predicate.as_ref();
        let predicate =
            predicate.map_or_else(String::new, |predicate| format!(" WHERE ({predicate})"));
        format!("({}){predicate}", target::<Self>(model))
    }
}

/// What the stored row is called in SET and WHERE.
pub(super) fn stored_name<'a>(model: &'a Model) -> &'a str {
    if is_called_excluded(model) {
        ALIAS
    } else {
        &model.table.name
    }
}

fn is_called_excluded(model: &Model) -> bool {
    model.table.name.eq_ignore_ascii_case("excluded")
}

/// `INSERT INTO "users" ("email", "name") `, to be followed by the rows.
pub(super) fn insert_into<D: OnConflict>(model: &Model) -> String {
    let alias = if is_called_excluded(model) {
        format!(" AS {}", quote::<D>(ALIAS))
    } else {
        String::new()
    };
    format!(
        "INSERT INTO {}{alias} ({}) ",
        table::<D>(&model.table),
        inserted_columns::<D>(model)
    )
}

/// ` ON CONFLICT ("email")`
pub(super) fn on_conflict<D: OnConflict>(dialect: &D, model: &Model) -> String {
    format!(" ON CONFLICT {}", dialect.conflict_target(model))
}

/// `INSERT INTO "users" ("email") VALUES (NULL) ON CONFLICT ("email") DO NOTHING`: the target and nothing else, for the check of
/// the schema. It is prepared and explained, and never run.
pub(super) fn target_alone<D: OnConflict>(dialect: &D, model: &Model) -> String {
    let mut columns = model.target.occurrences();
    columns.sort_unstable();
    columns.dedup();
    let names = columns
        .iter()
        .map(|&column| quote::<D>(&model.columns[column].name));
    let nulls = columns.iter().map(|_| "NULL".to_owned());
    format!(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT {} DO NOTHING",
        table::<D>(&model.table),
        join(names),
        join(nulls),
        dialect.conflict_target(model)
    )
}

/// `DO UPDATE SET "name" = EXCLUDED."name" WHERE EXCLUDED."version" > "users"."version"`
pub(super) fn do_update<D: OnConflict>(dialect: &D, model: &Model) -> String {
    let guards = guards(dialect, model);
    let filter = if guards.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", guards.join(" AND "))
    };
    format!("DO UPDATE SET {}{filter}", assignments(dialect, model))
}

/// `"name" = EXCLUDED."name"`; a statement that has nothing to assign assigns a key column to itself, for the row to come back.
fn assignments<D: OnConflict>(dialect: &D, model: &Model) -> String {
    if model.assignments.is_empty() {
        let key = &model.columns[model.target.first_column()].name;
        return format!("{} = {}", quote::<D>(key), dialect.stored(key));
    }
    join(model.assignments.iter().map(|assignment| {
        let column = quote::<D>(&model.columns[assignment.column].name);
        format!(
            "{column} = {}",
            Writer::assigned(dialect, model, assignment)
        )
    }))
}

fn guards<D: OnConflict>(dialect: &D, model: &Model) -> Vec<String> {
    let mut guards = Vec::new();
    // First: whatever else is asked, a deleted row is one.
    if let Some(column) = model.guard.must_be_null {
        guards.push(dialect.raise_unless_null(model, &model.columns[column].name));
    }
    if let Some(condition) = &model.guard.condition {
        guards.push(format!(
            "({})",
            Writer::new(dialect, model).write(condition)
        ));
    }
    if model.guard.skip_unchanged {
        let insert = |assignment: &Assignment| &model.columns[assignment.column].insert;
        let compared = model.assignments.iter();
        let compared: Vec<_> = compared
            .filter(|assignment| is_compared(assignment, insert(assignment)))
            .collect();
        guards.push(format!("({})", dialect.would_change(model, &compared)));
    }
    guards
}
