//! PostgreSQL's text.

use super::on_conflict::{self, OnConflict, stored_name};
use super::spelling::Spelling;
use super::writer::Writer;
use super::{Statement, index_name, join, qualified, quote, returned, select, table, target};
use crate::expr::{CastTo, Piece, Raw};
use crate::model::{Assignment, Model};
use crate::types::{self, Clock, Kind};

struct Postgres<'a> {
    /// What the stored row is called in SET, WHERE and RETURNING.
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
            Clock::Instant | Clock::OffsetDateTime => "now()",
            // `now()` itself does not compare with these as they compare with each other.
            Clock::Local => "LOCALTIMESTAMP",
            Clock::Date => "CURRENT_DATE",
            Clock::Time => "LOCALTIME",
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

    /// A literal with a fraction is `numeric`.
    fn float(&self, digits: &str) -> String {
        format!("CAST({digits} AS double precision)")
    }

    /// `integer` and `smallint` are computed with their own few bits.
    fn wide(&self, value: String) -> String {
        format!("CAST({value} AS bigint)")
    }

    fn distinct(&self, one: &str, two: &str) -> String {
        format!("{one} IS DISTINCT FROM {two}")
    }

    fn extreme(&self, function: &str, values: &[String]) -> String {
        format!("{}({})", function.to_uppercase(), values.join(", "))
    }

    /// PostgreSQL's own `round` takes halves of a float to the even number.
    fn round(&self, value: &str) -> String {
        format!("sign({value}) * floor(abs({value}) + 0.5)")
    }

    fn cast(&self, value: &str, from: Kind, to: CastTo) -> String {
        match to {
            CastTo::Text => format!("CAST({value} AS text)"),
            CastTo::Float => format!("CAST({value} AS double precision)"),
            CastTo::Integer if from == Kind::Integer => format!("CAST({value} AS bigint)"),
            // A cast alone would round.
            CastTo::Integer if from == Kind::Float => format!("CAST(trunc({value}) AS bigint)"),
            // An integer would be truncated as a float, which has fewer digits.
            CastTo::Integer => format!("CAST(trunc(CAST({value} AS numeric)) AS bigint)"),
        }
    }

    fn raw<'a>(&self, raw: &'a Raw) -> Option<&'a [Piece]> {
        raw.postgres.as_deref()
    }
}

impl OnConflict for Postgres<'_> {
    fn conflict_target(&self, model: &Model) -> String {
        if let Some(constraint) = &model.target.constraint {
            return format!("ON CONSTRAINT {}", quote::<Self>(constraint));
        }
        let predicate = model.target.predicate.as_ref();
        let predicate =
            predicate.map_or_else(String::new, |predicate| format!(" WHERE ({predicate})"));
        format!("({}){predicate}", target::<Self>(model))
    }

    /// The rows as text: exact (a change of case under citext counts, and one of numeric scale), and for every type, also those
    /// that know no equality.
    fn would_change(&self, model: &Model, compared: &[&Assignment]) -> String {
        let stored = compared
            .iter()
            .map(|assignment| self.stored(&model.columns[assignment.column].name));
        let assigned = compared
            .iter()
            .map(|assignment| Writer::assigned(self, model, assignment));
        format!(
            "ROW({})::text IS DISTINCT FROM ROW({})::text",
            join(stored),
            join(assigned)
        )
    }

    /// The message says what it is about. It is made from a column, or the planner would raise it for every row.
    fn raise_unless_null(&self, _: &Model, column: &str) -> String {
        let column = self.stored(column);
        format!(
            "CASE WHEN {column} IS NULL THEN TRUE ELSE CAST('upsert: row is deleted' || left({column}::text, 0) AS boolean) END"
        )
    }
}

/// Writes PostgreSQL's statements.
///
/// ```sql
/// INSERT INTO "users" ("email", "name") VALUES ($1, $2)
/// ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
/// RETURNING "users"."email", "users"."name"
/// ```
pub(super) fn statements(model: &Model) -> Vec<Statement> {
    let dialect = Postgres {
        stored: stored_name(model),
    };
    let insert = on_conflict::insert(&dialect, model);
    let upsert = format!("{insert} {}", on_conflict::do_update(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    let columns = returned::<Postgres>(model, dialect.stored);
    // A table of that name cannot share it.
    let old = match dialect.stored {
        "upsert_old" => quote::<Postgres>("upsert_older"),
        _ => quote::<Postgres>("upsert_old"),
    };
    vec![
        ("upsert_returning", format!("{upsert} RETURNING {columns}")),
        (
            "upsert_with_action",
            format!(
                "{upsert} RETURNING {columns}, ({} = 0)",
                dialect.stored("xmax")
            ),
        ),
        (
            "upsert_with_action_18",
            format!(
                "{upsert} RETURNING WITH (OLD AS {old}) {columns}, {old}.{} IS NULL",
                never_null(model)
            ),
        ),
        (
            "insert_if_absent_returning",
            format!("{nothing} RETURNING {columns}"),
        ),
        ("upsert", upsert),
        ("insert_if_absent", nothing),
        ("select", select(&dialect, model)),
        ("target", on_conflict::target_alone(&dialect, model)),
        ("create_index", create_index(model)),
    ]
}

/// A column that no stored row has NULL in.
fn never_null(model: &Model) -> String {
    let key = model
        .target
        .columns()
        .find(|&column| types::option_inner(model.columns[column].ty).is_none());
    match key {
        Some(column) => quote::<Postgres>(&model.columns[column].name),
        None => "ctid".to_owned(),
    }
}

fn create_index(model: &Model) -> String {
    if let Some(constraint) = &model.target.constraint {
        return format!(
            "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE ({})",
            table::<Postgres>(&model.table),
            quote::<Postgres>(constraint),
            target::<Postgres>(model)
        );
    }
    let nulls = if model.target.nulls_not_distinct {
        " NULLS NOT DISTINCT"
    } else {
        ""
    };
    let predicate = model.target.predicate.as_ref();
    format!(
        "CREATE UNIQUE INDEX {} ON {} ({}){nulls}{}",
        quote::<Postgres>(&index_name(model)),
        table::<Postgres>(&model.table),
        target::<Postgres>(model),
        predicate.map_or_else(String::new, |predicate| format!(" WHERE {predicate}"))
    )
}
