//! The statements that sqlx's checked macros are to look at. They are those of the model, but for the lists of columns: there
//! each column gets a name that says how the macros are to take it.

use syn::Ident;

use super::mysql::{self, MySql};
use super::on_conflict::stored_name;
use super::postgres::Postgres;
use super::spelling::Spelling;
use super::sqlite::Sqlite;
use super::{Statement, Texts, join, qualified, quote, select_list};
use crate::model::Model;
use crate::parse::Database;

/// What sqlx's macros are given of a model, each text with the number of its binds.
pub(crate) struct Verified {
    /// The upsert with every clause that any statement has. What comes back is taken for texts, which asks nothing of its
    /// types.
    pub upsert: (String, usize),
    /// All columns of the struct, from the row with the key: each as the value it is, where its type is to be compared, and
    /// each as a text, which tells whether it may be NULL.
    pub select: (String, usize),
}

/// Writes what a database is to look at. `is_known` says of each column whether its type is to be compared.
pub(crate) fn verified(
    model: &Model,
    texts: &Texts,
    database: Database,
    is_known: &[bool],
) -> Verified {
    let (upsert, select) = match database {
        Database::Postgres => {
            let stored = stored_name(model);
            let list = list::<Postgres>(model, is_known);
            let upsert = upsert_returning::<Postgres>(model, &texts.postgres, stored);
            let select = select_list(&Postgres::of_table(model), model, &list);
            ((upsert, model.binds.len()), select)
        }
        Database::Sqlite => {
            let list = list::<Sqlite>(model, is_known);
            let upsert = upsert_returning::<Sqlite>(model, &texts.sqlite, &model.table.name);
            let select = select_list(&Sqlite::of_table(model), model, &list);
            ((upsert, model.binds.len()), select)
        }
        Database::MySql => {
            let mut binding = texts.mysql.binding.iter();
            // It tells what it did, beside all that the others do.
            let upsert = binding.find(|(name, _, _)| *name == "upsert_with_action");
            let upsert = upsert.map(|(_, text, slots)| (text.clone(), slots.len()));
            let list = list::<MySql>(model, is_known);
            (upsert.unwrap_or_default(), mysql::select_of(model, &list))
        }
    };
    Verified {
        upsert,
        select: (select, model.target.occurrences().len()),
    }
}

/// `INSERT … RETURNING "users"."id" AS "id_null: String"`. PostgreSQL looks for the index only where something comes back.
fn upsert_returning<S: Spelling>(model: &Model, statements: &[Statement], stored: &str) -> String {
    let upsert = statements.iter().find(|(name, _)| *name == "upsert");
    let upsert = upsert.map_or("", |(_, text)| text);
    let returned = model.output.columns().iter().map(|&column| {
        let name = &model.columns[column].name;
        format!(
            "{} AS {}",
            qualified::<S>(stored, name),
            quote::<S>(&format!("{}: String", null_name(model, column)))
        )
    });
    format!("{upsert} RETURNING {}", join(returned))
}

/// `"users"."id" AS "id!", "users"."id" AS "id_null: String"`: with `!` the value alone, whether or not it may be NULL.
fn list<S: Spelling>(model: &Model, is_known: &[bool]) -> String {
    let mut items = Vec::new();
    for (column, is_known) in is_known.iter().enumerate() {
        let source = qualified::<S>(&model.table.name, &model.columns[column].name);
        if *is_known {
            let name = quote::<S>(&format!("{}!", value_name(model, column)));
            items.push(format!("{source} AS {name}"));
        }
        let name = quote::<S>(&format!("{}: String", null_name(model, column)));
        items.push(format!("{source} AS {name}"));
    }
    join(items.into_iter())
}

/// The field of sqlx's record that has a column's value: the column's name, where that can be a field, and is not so long
/// that PostgreSQL would cut off what follows it.
pub(crate) fn value_name(model: &Model, column: usize) -> String {
    const LONGEST: usize = 40;
    let name = &model.columns[column].name;
    let is_taken = |name: &str| model.columns.iter().any(|other| other.name == name);
    let is_word = name
        .chars()
        .all(|next| next.is_alphanumeric() || next == '_');
    let is_field = is_word && syn::parse_str::<Ident>(&format!("r#{name}")).is_ok();
    if is_field && name.len() <= LONGEST {
        return name.clone();
    }
    let mut name = format!("column_{}", column + 1);
    while is_taken(&name) {
        name.push('_');
    }
    name
}

/// The field that tells whether a column may be NULL; no column has its name.
pub(crate) fn null_name(model: &Model, column: usize) -> String {
    let mut name = format!("{}_null", value_name(model, column));
    while model.columns.iter().any(|other| other.name == name) {
        name.push('_');
    }
    name
}
