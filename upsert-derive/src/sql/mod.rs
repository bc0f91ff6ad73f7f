//! The statements that every dialect owes, and the pieces they share. Pure: model in, text out.

#[cfg(test)]
mod meaning;
mod mysql;
mod on_conflict;
mod order;
mod postgres;
mod source;
mod spelling;
mod sqlite;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_engines;
#[cfg(test)]
mod tests_expressions;
#[cfg(test)]
mod tests_guards;
#[cfg(test)]
mod tests_guide;
#[cfg(test)]
mod tests_targets;
mod verified;
mod writer;

pub(crate) use mysql::{Slot, Texts as MySqlTexts};
pub(crate) use order::{Ordered, assignment_order, is_compared};
pub(crate) use source::Source;
pub(crate) use verified::{Verified, null_name, value_name, verified};

use crate::model::{Bind, Insert, Model, Table};
use crate::target::{TargetPart, TargetPiece};
use spelling::Spelling;
use writer::Writer;

/// A statement's name, which is also that of its field in the core's texts, and the statement.
pub(crate) type Statement = (&'static str, String);

/// The statements of a model in the three dialects.
pub(crate) struct Texts {
    pub postgres: Vec<Statement>,
    /// Where the rows stand in PostgreSQL's statements for many.
    pub postgres_source: Source,
    pub sqlite: Vec<Statement>,
    pub sqlite_source: Source,
    pub mysql: mysql::Texts,
}

/// Writes all statements of a model.
pub(crate) fn write(model: &Model) -> Texts {
    let (postgres, postgres_source) = postgres::statements(model);
    let (sqlite, sqlite_source) = sqlite::statements(model);
    Texts {
        postgres,
        postgres_source,
        sqlite,
        sqlite_source,
        mysql: mysql::statements(model),
    }
}

impl Texts {
    /// Whether some statement takes the row's binds otherwise than each once and in order.
    pub(crate) fn repeat_binds(&self, binds: usize) -> bool {
        let mut binding = self.mysql.binding.iter();
        binding.any(|(_, _, slots)| !is_in_order(slots, binds))
    }
}

/// Whether slots are the row's binds as they come, and at most the nonce after them.
pub(crate) fn is_in_order(slots: &[Slot], binds: usize) -> bool {
    let (row, rest) = slots.split_at(binds.min(slots.len()));
    row.iter().copied().eq((0..binds).map(Slot::Bind)) && matches!(rest, [] | [Slot::Nonce])
}

/// Writes a name in the dialect's quotes; every name in every statement comes through here.
fn quote<S: Spelling>(name: &str) -> String {
    let quote = S::QUOTE;
    format!(
        "{quote}{}{quote}",
        name.replace(quote, &format!("{quote}{quote}"))
    )
}

/// `"auth"."users"`
fn table<S: Spelling>(table: &Table) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote::<S>(schema), quote::<S>(&table.name)),
        None => quote::<S>(&table.name),
    }
}

/// `"users"."email"`
fn qualified<S: Spelling>(table: &str, column: &str) -> String {
    format!("{}.{}", quote::<S>(table), quote::<S>(column))
}

/// `"email", "name"`
fn inserted_columns<S: Spelling>(model: &Model) -> String {
    join(model.inserted().map(|column| quote::<S>(&column.name)))
}

/// `$1, $2`
fn inserted_values<S: Spelling>(spelling: &S, model: &Model) -> String {
    join(model.inserted().map(|column| {
        let value = || spelling.placeholder(model.bind_number(Bind::Value(column.field)));
        match &column.insert {
            Insert::Field | Insert::Generated => value(),
            Insert::Clock(clock) => spelling.clock(*clock).to_owned(),
            Insert::Computed(expr) => Writer::new(spelling, model).write_for(column, expr),
            Insert::Patch => {
                let is_set = spelling.placeholder(model.bind_number(Bind::IsSet(column.field)));
                spelling.patch(&is_set, value(), &column.name)
            }
        }
    }))
}

/// `"users"."id", "users"."email"`: what comes back, each column qualified.
fn returned<S: Spelling>(model: &Model, table: &str) -> String {
    join(
        model
            .returned()
            .map(|column| qualified::<S>(table, &column.name)),
    )
}

/// What comes back of many rows: as of one, and the columns of the key where they are not among them.
fn returned_with_key<S: Spelling>(model: &Model, table: &str) -> String {
    let columns = model.returned_with_key().into_iter();
    join(columns.map(|column| qualified::<S>(table, &model.columns[column].name)))
}

/// The stored row's side of each part of the target.
fn stored_key<S: Spelling>(spelling: &S, model: &Model) -> Vec<String> {
    let stored = |column: usize| spelling.stored(&model.columns[column].name);
    let parts = model.target.parts.iter().map(|part| match part {
        TargetPart::Column(column) => stored(*column),
        TargetPart::Expression(pieces) => format!("({})", fill(pieces, stored)),
    });
    parts.collect()
}

/// `(a, b)`, or `a` alone.
fn tuple(parts: &[String]) -> String {
    match parts {
        [part] => part.clone(),
        parts => format!("({})", parts.join(", ")),
    }
}

/// `"tenant_id", (lower(email))`: the conflict target, or the columns of an index.
fn target<S: Spelling>(model: &Model) -> String {
    join(model.target.parts.iter().map(|part| match part {
        TargetPart::Column(column) => quote::<S>(&model.columns[*column].name),
        TargetPart::Expression(pieces) => {
            format!(
                "({})",
                fill(pieces, |column| quote::<S>(&model.columns[column].name))
            )
        }
    }))
}

/// Writes an expression of the target with each column in the form that `write` gives it.
fn fill(pieces: &[TargetPiece], mut write: impl FnMut(usize) -> String) -> String {
    let pieces = pieces.iter().map(|piece| match piece {
        TargetPiece::Text(text) => text.clone(),
        TargetPiece::Column(column) => write(*column),
    });
    pieces.collect()
}

/// `"users"."tenant_id" = $1 AND lower("users"."email") = lower($2)`
fn key_equals<S: Spelling>(spelling: &S, model: &Model) -> String {
    let stored = |column: usize| qualified::<S>(&model.table.name, &model.columns[column].name);
    let mut bound = 0;
    let mut next = || {
        bound += 1;
        spelling.placeholder(bound)
    };
    let mut equals = Vec::new();
    for part in &model.target.parts {
        equals.push(match part {
            // `IS NOT DISTINCT FROM` never uses an index.
            TargetPart::Column(column) if model.target.nulls_not_distinct => {
                let column = stored(*column);
                format!(
                    "({column} = {} OR ({column} IS NULL AND {} IS NULL))",
                    next(),
                    next()
                )
            }
            TargetPart::Column(column) => format!("{} = {}", stored(*column), next()),
            TargetPart::Expression(pieces) => {
                format!(
                    "({}) = ({})",
                    fill(pieces, stored),
                    fill(pieces, |_| next())
                )
            }
        });
    }
    equals.extend(
        model
            .target
            .predicate
            .iter()
            .map(|predicate| format!("({predicate})")),
    );
    equals.join(" AND ")
}

/// `SELECT "users"."id" FROM "users" WHERE "users"."email" = $1`
fn select<S: Spelling>(spelling: &S, model: &Model) -> String {
    select_list(spelling, model, &returned::<S>(model, &model.table.name))
}

/// The same with another list.
fn select_list<S: Spelling>(spelling: &S, model: &Model, list: &str) -> String {
    format!(
        "SELECT {list} FROM {} WHERE {}",
        table::<S>(&model.table),
        key_equals(spelling, model)
    )
}

/// `SELECT "users"."deleted_at" IS NOT NULL FROM "users" WHERE "users"."email" = ?1`, where a deleted row is an error that
/// looks like another one.
fn select_deleted<S: Spelling>(spelling: &S, model: &Model) -> String {
    let Some(deleted) = model.guard.must_be_null else {
        return String::new();
    };
    format!(
        "SELECT {} IS NOT NULL FROM {} WHERE {}",
        qualified::<S>(&model.table.name, &model.columns[deleted].name),
        table::<S>(&model.table),
        key_equals(spelling, model)
    )
}

/// `users_email_upsert`: not a name that a database gives by itself, since the table may have such an index of another kind.
fn index_name(model: &Model) -> String {
    /// MySQL refuses longer names, and PostgreSQL cuts them off.
    const LONGEST: usize = 63;
    let mut columns: Vec<_> = model
        .target
        .occurrences()
        .into_iter()
        .map(|column| model.columns[column].name.as_str())
        .collect();
    columns.dedup();
    let mut stem = format!("{}_{}", model.table.name, columns.join("_"));
    while stem.len() + "_upsert".len() > LONGEST {
        stem.pop();
    }
    stem + "_upsert"
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
