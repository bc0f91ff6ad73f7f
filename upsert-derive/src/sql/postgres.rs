//! PostgreSQL's text.

use super::on_conflict::{self, OnConflict, stored_name};
use super::spelling::{ALMOST_HALF, Binds, Spelling, marked};
use super::writer::Writer;
use super::{
    Source, Statement, fill, index_name, inserted_values, join, qualified, quote, returned,
    returned_with_key, select, stored_key, table, target, tuple,
};
use crate::expr::{CastTo, Piece, Raw};
use crate::model::{Assignment, Bind, Model};
use crate::target::TargetPart;
use crate::types::{self, Clock, Kind};

pub(super) struct Postgres<'a> {
    model: &'a Model<'a>,
    /// What the stored row is called in SET, WHERE and RETURNING.
    stored: &'a str,
    binds: Binds,
}

/// What the arrays that hold a batch are called.
const UNNESTED: &str = "u";

impl Spelling for Postgres<'_> {
    const QUOTE: char = '"';

    fn placeholder(&self, number: usize) -> String {
        match self.binds {
            Binds::Numbered => format!("${number}"),
            Binds::Marked => marked(number),
            Binds::Unnested => qualified::<Self>(UNNESTED, bound_name(self.model, number)),
        }
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
    fn round(&self, value: &str, kind: Kind) -> String {
        match kind {
            Kind::Float => {
                let almost_half = self.float(ALMOST_HALF);
                format!("trunc({value} + sign({value}) * {almost_half})")
            }
            Kind::Decimal => format!("round({value})"),
            _ => format!("sign({value}) * floor(abs({value}) + 0.5)"),
        }
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

impl<'a> Postgres<'a> {
    fn new(model: &'a Model<'a>, binds: Binds) -> Self {
        Self {
            model,
            stored: stored_name(model),
            binds,
        }
    }

    /// For a SELECT, in which the table has no alias, whatever it is called.
    pub(super) fn of_table(model: &'a Model<'a>) -> Self {
        Self {
            stored: &model.table.name,
            ..Self::new(model, Binds::Numbered)
        }
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
pub(super) fn statements(model: &Model) -> (Vec<Statement>, Source) {
    let dialect = Postgres::new(model, Binds::Numbered);
    let head = on_conflict::insert_into::<Postgres>(model);
    let conflict = on_conflict::on_conflict(&dialect, model);
    let values = inserted_values(&dialect, model);
    let insert = format!("{head}VALUES ({values}){conflict}");
    let upsert = format!("{insert} {}", on_conflict::do_update(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    let columns = returned::<Postgres>(model, dialect.stored);
    // A table of that name cannot share it.
    let old = match dialect.stored {
        "upsert_old" => quote::<Postgres>("upsert_older"),
        _ => quote::<Postgres>("upsert_old"),
    };
    let (many, source) = statements_for_many(model, &head, &conflict, &old);
    let mut statements = vec![
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
        ("relation", table::<Postgres>(&model.table)),
    ];
    statements.extend(many);
    (statements, source)
}

/// The statements that take an array for each column: one text for any number of rows. Models whose rows go one by one have
/// none.
///
/// ```sql
/// INSERT INTO "users" ("email", "name")
/// SELECT "u"."email", "u"."name" FROM UNNEST($1, $2) AS "u" ("email", "name")
/// ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
/// ```
fn statements_for_many(
    model: &Model,
    head: &str,
    conflict: &str,
    old: &str,
) -> (Vec<Statement>, Source) {
    if model.goes_row_by_row() {
        let names = [
            "upsert_all",
            "upsert_all_returning",
            "upsert_all_with_action",
            "upsert_all_with_action_18",
            "insert_all_if_absent",
            "insert_all_if_absent_returning",
            "select_all",
        ];
        let none = names.map(|name| (name, String::new()));
        return (none.into(), Source::new("", "", ""));
    }
    let dialect = Postgres::new(model, Binds::Unnested);
    let rows = format!(
        "SELECT {} FROM {}",
        inserted_values(&dialect, model),
        unnest((1..=model.binds.len()).map(|number| bound_name(model, number)))
    );
    let row = format!(
        "({})",
        inserted_values(&Postgres::new(model, Binds::Marked), model)
    );
    let source = Source::new(head, &rows, &row);
    let insert = format!("{head}{rows}{conflict}");
    let upsert = format!("{insert} {}", on_conflict::do_update(&dialect, model));
    let nothing = format!("{insert} DO NOTHING");
    let columns = returned_with_key::<Postgres>(model, dialect.stored);
    let statements = vec![
        (
            "upsert_all_returning",
            format!("{upsert} RETURNING {columns}"),
        ),
        (
            "upsert_all_with_action",
            format!(
                "{upsert} RETURNING {columns}, ({} = 0)",
                dialect.stored("xmax")
            ),
        ),
        (
            "upsert_all_with_action_18",
            format!(
                "{upsert} RETURNING WITH (OLD AS {old}) {columns}, {old}.{} IS NULL",
                never_null(model)
            ),
        ),
        (
            "insert_all_if_absent_returning",
            format!("{nothing} RETURNING {columns}"),
        ),
        ("upsert_all", upsert),
        ("insert_all_if_absent", nothing),
        ("select_all", select_all(model)),
    ];
    (statements, source)
}

/// `UNNEST($1, $2) AS "u" ("email", "name")`
fn unnest<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(quote::<Postgres>).collect();
    let arrays = (1..=names.len()).map(|number| format!("${number}"));
    format!(
        "UNNEST({}) AS {} ({})",
        join(arrays),
        quote::<Postgres>(UNNESTED),
        names.join(", ")
    )
}

/// What a bind is called among the arrays: as its column, which no other bind has.
fn bound_name<'a>(model: &'a Model, number: usize) -> &'a str {
    let field = match model.binds.get(number.saturating_sub(1)) {
        Some(Bind::Value(field) | Bind::IsSet(field)) => *field,
        None => return "",
    };
    let column = model.fields[field].column;
    column.map_or("", |column| model.columns[column].name.as_str())
}

/// Reads rows by their keys, which come as arrays in the order of the target.
fn select_all(model: &Model) -> String {
    let dialect = Postgres::of_table(model);
    let occurrences = model.target.occurrences();
    let names: Vec<_> = (1..=occurrences.len())
        .map(|number| format!("key{number}"))
        .collect();
    let mut wanted = names
        .iter()
        .map(|name| qualified::<Postgres>(UNNESTED, name));
    let mut next = || wanted.next().unwrap_or_default();
    let keys = model.target.parts.iter().map(|part| match part {
        TargetPart::Column(_) => {
            let key = next();
            // Reading one row binds such a key twice.
            if model.target.nulls_not_distinct {
                next();
            }
            key
        }
        TargetPart::Expression(pieces) => format!("({})", fill(pieces, |_| next())),
    });
    let keys: Vec<_> = keys.collect();
    let predicate = model.target.predicate.as_ref();
    format!(
        "SELECT {} FROM {} WHERE {} IN (SELECT {} FROM {}){}",
        returned_with_key::<Postgres>(model, &model.table.name),
        table::<Postgres>(&model.table),
        tuple(&stored_key(&dialect, model)),
        keys.join(", "),
        unnest(names.iter().map(String::as_str)),
        predicate.map_or_else(String::new, |predicate| format!(" AND ({predicate})"))
    )
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
