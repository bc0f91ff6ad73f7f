//! SQLite's text.

use super::on_conflict::{self, OnConflict, stored_name};
use super::spelling::{Binds, Computation, Operand, Spelling, marked};
use super::writer::Writer;
use super::{
    Source, Statement, index_name, inserted_values, join, qualified, quote, returned, select,
    select_deleted, target,
};
use crate::expr::{CastTo, Operator, Piece, Raw};
use crate::model::{Assignment, Model};
use crate::types::{Clock, Kind};

pub(super) struct Sqlite<'a> {
    /// What the stored row is called in SET and WHERE.
    stored: &'a str,
    binds: Binds,
}

/// An expression that raises "integer overflow" when it is evaluated.
const RAISE: &str = "abs(-9223372036854775807 - 1)";

/// What is infinite: more than the largest float.
const INFINITE: &str = "> 1.7976931348623157e308";

/// What is infinite as a float of 32 bits: what is no longer rounded to the largest of them.
const INFINITE_F32: &str = ">= 3.4028235677973366e38";

impl Spelling for Sqlite<'_> {
    const QUOTE: char = '"';

    fn placeholder(&self, number: usize) -> String {
        match self.binds {
            Binds::Marked => marked(number),
            Binds::Numbered | Binds::Unnested => format!("?{number}"),
        }
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

    /// A division by zero would be NULL, and is so only where NULL is divided. A float without a fraction may be stored as an integer, and would be divided like one.
    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        let sign = operator.sign();
        let Operand {
            text,
            is_not_zero,
            integers,
            ..
        } = right;
        let left = if operator == Operator::Divide && !integers {
            format!("CAST({left} AS REAL)")
        } else {
            left.to_owned()
        };
        if matches!(operator, Operator::Divide | Operator::Remainder) && !is_not_zero {
            return format!(
                "{left} {sign} CASE WHEN {text} = 0 AND {left} IS NOT NULL THEN {RAISE} ELSE {text} END"
            );
        }
        format!("{left} {sign} {text}")
    }

    /// An integer that overflows would turn into a REAL, and one that outgrows the field's type would be stored and never be
    /// read again.
    fn computation(&self, text: String, computation: &Computation) -> String {
        let is_infinite = match computation.into_f32 {
            true => INFINITE_F32,
            false => INFINITE,
        };
        let mut overflow = match computation.kind {
            Kind::Integer => format!("typeof({text}) = 'real'"),
            Kind::Float if computation.single => format!("abs({text}) {is_infinite}"),
            // Infinite numbers on the way may give none at all, which is NULL.
            Kind::Float => {
                let mut overflow = format!("abs({text}) {is_infinite} OR {text} IS NULL");
                for leaf in &computation.leaves {
                    overflow.push_str(&format!(" AND {leaf} IS NOT NULL"));
                }
                overflow
            }
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

    fn in_range(&self, value: String, (low, high): (i64, i64)) -> String {
        format!("CASE WHEN {value} NOT BETWEEN {low} AND {high} THEN {RAISE} ELSE {value} END")
    }

    fn distinct(&self, one: &str, two: &str) -> String {
        format!("{one} IS NOT {two}")
    }

    /// `max` and `min` of several values give NULL as soon as one is.
    fn extreme(&self, function: &str, values: &[String]) -> String {
        let function = if function == "greatest" { "max" } else { "min" };
        ignoring_null(values, &|one, two| format!("{function}({one}, {two})"))
    }

    fn round(&self, value: &str, _: Kind) -> String {
        format!("round({value})")
    }

    /// A float beyond 64 bits would become the largest integer.
    fn cast(&self, value: &str, from: Kind, to: CastTo) -> String {
        if to == CastTo::Integer && from != Kind::Integer {
            return format!(
                "CASE WHEN {value} >= 9223372036854775808.0 OR {value} < -9223372036854775808.0 THEN {RAISE} ELSE CAST({value} AS INTEGER) END"
            );
        }
        let ty = match to {
            CastTo::Text => "TEXT",
            CastTo::Integer => "INTEGER",
            CastTo::Float => "REAL",
        };
        format!("CAST({value} AS {ty})")
    }

    fn raw<'a>(&self, raw: &'a Raw) -> Option<&'a [Piece]> {
        raw.sqlite.as_deref()
    }
}

impl<'a> Sqlite<'a> {
    /// For a SELECT, in which the table has no alias, whatever it is called.
    pub(super) fn of_table(model: &'a Model) -> Self {
        Self {
            stored: &model.table.name,
            binds: Binds::Numbered,
        }
    }
}

/// `COALESCE(max(a, b), a, b)`, one value after the other, for functions that give NULL as soon as one value is.
pub(super) fn ignoring_null(values: &[String], both: &dyn Fn(&str, &str) -> String) -> String {
    let all = values
        .iter()
        .cloned()
        .reduce(|one, two| format!("COALESCE({}, {one}, {two})", both(&one, &two)));
    all.unwrap_or_default()
}

impl OnConflict for Sqlite<'_> {
    /// A column's own collation may be wider than "the same"; `COLLATE BINARY` is not, and means nothing for numbers.
    fn would_change(&self, model: &Model, compared: &[&Assignment]) -> String {
        let differ = compared.iter().map(|assignment| {
            let stored = self.stored(&model.columns[assignment.column].name);
            format!(
                "({stored} COLLATE BINARY) IS NOT ({})",
                Writer::assigned(self, model, assignment)
            )
        });
        differ.collect::<Vec<_>>().join(" OR ")
    }

    fn raise_unless_null(&self, _: &Model, column: &str) -> String {
        format!(
            "CASE WHEN {} IS NULL THEN TRUE ELSE {RAISE} END",
            self.stored(column)
        )
    }
}

/// Writes SQLite's statements.
///
/// ```sql
/// INSERT INTO "users" ("email", "name") VALUES (?1, ?2)
/// ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name"
/// RETURNING "users"."email", "users"."name"
/// ```
pub(super) fn statements(model: &Model) -> (Vec<Statement>, Source) {
    let with = |binds| Sqlite {
        stored: stored_name(model),
        binds,
    };
    let dialect = with(Binds::Numbered);
    let head = on_conflict::insert_into::<Sqlite>(model);
    let rows = format!("VALUES ({})", inserted_values(&dialect, model));
    let row = format!("({})", inserted_values(&with(Binds::Marked), model));
    let source = Source::new(&head, &rows, &row);
    let insert = format!("{head}{rows}{}", on_conflict::on_conflict(&dialect, model));
    let upsert = format!("{insert} {}", on_conflict::do_update(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    // RETURNING takes the table's own name, also where it has an alias.
    let columns = returned::<Sqlite>(model, &model.table.name);
    let statements = vec![
        ("upsert_returning", format!("{upsert} RETURNING {columns}")),
        (
            "insert_if_absent_returning",
            format!("{nothing} RETURNING {columns}"),
        ),
        ("upsert", upsert),
        ("insert_if_absent", nothing),
        ("select", select(&dialect, model)),
        ("select_deleted", select_deleted(&dialect, model)),
        ("target", on_conflict::target_alone(&dialect, model)),
        ("create_index", create_index(model)),
    ];
    (statements, source)
}

/// The index, not the table, carries the schema.
fn create_index(model: &Model) -> String {
    let mut name = quote::<Sqlite>(&index_name(model));
    if let Some(schema) = &model.table.schema {
        name = format!("{}.{name}", quote::<Sqlite>(schema));
    }
    let predicate = model.target.predicate.as_ref();
    format!(
        "CREATE UNIQUE INDEX {name} ON {} ({}){}",
        quote::<Sqlite>(&model.table.name),
        target::<Sqlite>(model),
        predicate.map_or_else(String::new, |predicate| format!(" WHERE {predicate}"))
    )
}
