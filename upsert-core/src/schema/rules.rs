//! What holds for the columns of every database: facts in, findings out.

use super::report::{Finding, SchemaReport, Severity};
use super::types::FieldType;
use crate::model::{IndexPart, Model};

/// A table as the database has it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub columns: Vec<Column>,
    /// Whether a trigger sees each new row before it is stored, and may complete it.
    pub completes_rows: bool,
    /// Whether names that differ in case alone are the same.
    pub ignores_case: bool,
    /// Whether a `Patch` that is `Keep` inserts the column's default, and not NULL.
    pub keeps_by_default: bool,
    /// Whether its columns say what they demand; those of a view do not.
    pub tells_constraints: bool,
}

/// A column as the database has it.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    pub nullable: bool,
    pub value: Value,
}

/// Where a column's value comes from if a statement gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nowhere: it is NULL.
    Nowhere,
    Default,
    /// The database makes it, and accepts no other.
    Always,
}

/// The SQL that puts a table right, where the database has such SQL.
pub(crate) trait Repair {
    fn add_column(&self, column: &str, ty: &str) -> Option<String>;

    fn set_not_null(&self, column: &str) -> Option<String>;

    fn drop_not_null(&self, column: &str) -> Option<String>;

    fn change_type(&self, column: &str, ty: &str) -> Option<String>;
}

impl Table {
    /// The columns whose values the database makes.
    #[cfg(feature = "postgres")]
    pub(crate) fn made_by_the_database(&self) -> Vec<String> {
        let made = self.columns.iter();
        let made = made.filter(|column| column.value == Value::Always);
        made.map(|column| column.name.clone()).collect()
    }

    /// The column of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter();
        columns.find(|column| {
            column.name == name
                || self.ignores_case && column.name.to_lowercase() == name.to_lowercase()
        })
    }
}

impl Model {
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.fields.contains(&name) && !self.params.contains(&name)
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields.iter().copied();
        fields.filter(|name| !self.params.contains(name))
    }

    /// Whether a column of the target.
    fn is_key(&self, name: &str) -> bool {
        let mut parts = self.index.iter();
        parts.any(|part| matches!(part, IndexPart::Column(column) if *column == name))
    }

    /// Whether the value of a column is read into the field of this name.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.reads && self.returning.contains(&name)
    }
}

/// Looks at each column of the struct and of the table.
pub(crate) fn check_columns(
    model: &'static Model,
    table: &Table,
    repair: &dyn Repair,
    type_name: &dyn Fn(&str) -> Option<String>,
    report: &mut SchemaReport,
) {
    for name in model.columns() {
        match table.find(name) {
            None => report.add(missing_column(model, table, repair, type_name, name)),
            Some(column) if table.tells_constraints => {
                let findings = check_column(model, table, repair, name, column);
                findings.into_iter().for_each(|finding| report.add(finding));
            }
            Some(_) => {}
        }
    }
    if !table.tells_constraints {
        return;
    }
    let is_ours = |column: &&Column| {
        let mut ours = model.columns();
        ours.any(|name| {
            table
                .find(name)
                .is_some_and(|found| found.name == column.name)
        })
    };
    let left_out = table.columns.iter().filter(|column| !is_ours(column));
    for column in left_out.filter(|column| !column.nullable && column.value == Value::Nowhere) {
        report.add(left_out_column(model, table, repair, &column.name));
    }
}

fn missing_column(
    model: &'static Model,
    table: &Table,
    repair: &dyn Repair,
    type_name: &dyn Fn(&str) -> Option<String>,
    name: &str,
) -> Finding {
    let lower = name.to_lowercase();
    let alike = table
        .columns
        .iter()
        .find(|column| column.name.to_lowercase() == lower);
    let what = match alike {
        Some(alike) => format!(
            "the table has no such column; it has `{}`, which is another: names in quotes keep their case",
            alike.name
        ),
        None => "the table has no such column".to_owned(),
    };
    let fix = match alike {
        Some(_) => None,
        None => type_name(name).and_then(|ty| repair.add_column(name, &ty)),
    };
    Finding::new(Severity::Error, model.table, what, fix).of_column(name)
}

fn check_column(
    model: &'static Model,
    table: &Table,
    repair: &dyn Repair,
    name: &str,
    column: &Column,
) -> Vec<Finding> {
    let finding = |severity, what: &str, fix| {
        Finding::new(severity, model.table, what, fix).of_column(&column.name)
    };
    let optional = model.optional.contains(&name);
    let mut findings = Vec::new();
    if model.generated.contains(&name) {
        if column.value == Value::Nowhere {
            let severity = match (table.completes_rows, column.nullable && optional) {
                (true, _) => Severity::Note,
                (false, true) => Severity::Warning,
                (false, false) => Severity::Error,
            };
            findings.push(finding(
                severity,
                "the struct leaves it to the database (`generated`), which has no value for it: give the column a default, an \
                 identity or an expression",
                None,
            ));
            return findings;
        }
    } else if column.value == Value::Always {
        findings.push(finding(
            Severity::Error,
            "the database makes it and refuses a value: mark the field `#[upsert(generated)]`",
            None,
        ));
    } else if !column.nullable && model.patched.contains(&name) {
        findings.extend(patch_of_not_null(model, table, repair, column));
    } else if !column.nullable && optional {
        findings.push(finding(
            Severity::Warning,
            "it is NOT NULL, so a row in which the field is `None` is refused, also where it would only update",
            repair.drop_not_null(&column.name),
        ));
    }
    if !column.nullable || optional {
        return findings;
    }
    if model.is_key(name) {
        findings.push(finding(
            Severity::Warning,
            "it is part of the conflict target and may be NULL; rows that others store with NULL there never conflict",
            repair.set_not_null(&column.name),
        ));
    } else if model.reads(name) {
        findings.push(finding(
            Severity::Warning,
            "it may be NULL, which the field cannot hold; make it NOT NULL, or the field an `Option`",
            repair.set_not_null(&column.name),
        ));
    }
    findings
}

fn patch_of_not_null(
    model: &'static Model,
    table: &Table,
    repair: &dyn Repair,
    column: &Column,
) -> Option<Finding> {
    let (severity, what) = match (table.keeps_by_default, column.value) {
        (false, _) => (
            Severity::Warning,
            "it is NOT NULL, so a row in which the `Patch` is `Keep` is refused, also where it would only update",
        ),
        (true, Value::Nowhere) => (
            Severity::Error,
            "it is NOT NULL without a default, so every row is refused, also where the `Patch` is `Set`; give it a default",
        ),
        (true, _) => return None,
    };
    let fix = repair.drop_not_null(&column.name);
    Some(Finding::new(severity, model.table, what, fix).of_column(&column.name))
}

fn left_out_column(
    model: &'static Model,
    table: &Table,
    repair: &dyn Repair,
    name: &str,
) -> Finding {
    let (severity, what) = if table.completes_rows {
        (
            Severity::Note,
            "it is NOT NULL without a default, and no column of the struct; inserts depend on the table's trigger",
        )
    } else {
        (
            Severity::Error,
            "it is NOT NULL without a default, and no column of the struct, so every insert fails; add a field, or give the \
             column a default",
        )
    };
    Finding::new(severity, model.table, what, repair.drop_not_null(name)).of_column(name)
}

/// What is said of a column whose type sqlx does not take for the field's.
pub(crate) fn wrong_type<DB: sqlx::Database>(
    model: &'static Model,
    repair: &dyn Repair,
    name: &str,
    field: &FieldType<DB>,
    found: &str,
) -> Finding {
    let ty = sqlx::TypeInfo::name(&field.info);
    let (severity, what) = if model.reads(name) {
        (
            Severity::Error,
            format!(
                "it is of type {found}, which cannot be read into the field, of type {ty}; change either"
            ),
        )
    } else {
        (
            Severity::Warning,
            format!("it is of type {found}, and the field of type {ty}; some values may not fit"),
        )
    };
    let fix = match may_lose(found, ty) {
        true => None,
        false => repair.change_type(name, ty),
    };
    Finding::new(severity, model.table, what, fix).of_column(name)
}

/// Whether a column's values may lose something in silence when its type changes: digits, or the zone of a time.
fn may_lose(from: &str, to: &str) -> bool {
    const FRACTIONS: [&str; 7] = [
        "NUMERIC", "DECIMAL", "FLOAT4", "FLOAT8", "FLOAT", "DOUBLE", "REAL",
    ];
    let is_time = |name: &str| name.starts_with("TIME") || name.starts_with("DATE");
    let is_wider = matches!((from, to), ("FLOAT4", "FLOAT8") | ("FLOAT", "DOUBLE"));
    FRACTIONS.contains(&from) && !is_wider
        || is_time(from)
        || matches!(from, "INT8" | "BIGINT") && FRACTIONS.contains(&to)
}

/// What is said where no unique index stands behind the target; `found` tells of those there are.
pub(crate) fn missing_index(
    model: &'static Model,
    found: &[String],
    create_index: &'static str,
) -> Finding {
    let mut what = format!(
        "no unique index stands behind the conflict target (`{}`)",
        model.target
    );
    if !found.is_empty() {
        what.push_str("; the table has ");
        what.push_str(&found.join(", "));
    }
    Finding::new(
        Severity::Error,
        model.table,
        what,
        Some(create_index.to_owned()),
    )
}

/// An index over all rows stands behind a target with a predicate, too.
pub(crate) fn no_predicate(model: &'static Model, index: &str) -> Finding {
    let what = format!(
        "the struct says `conflict_where`, and the index {index} has no predicate: rows outside of the struct's conflict too"
    );
    Finding::new(Severity::Warning, model.table, what, None)
}

/// A name in the quotes of a database. It is the model's or the catalogue's, and never data.
pub(crate) fn quote(name: &str, quote: char) -> String {
    format!(
        "{quote}{}{quote}",
        name.replace(quote, &format!("{quote}{quote}"))
    )
}

/// `"auth"."users"`
pub(crate) fn quote_table(table: &str, mark: char) -> String {
    let parts = table.split('.').map(|part| quote(part, mark));
    parts.collect::<Vec<_>>().join(".")
}

/// The columns in one row of NULLs, which has their types also where the table is empty.
pub(crate) fn one_row(table: &str, columns: &[&str], mark: char) -> String {
    let [one, alias] = ["upsert_one", "upsert_table"].map(|name| quote(name, mark));
    let columns = columns
        .iter()
        .map(|column| format!("{alias}.{}", quote(column, mark)));
    format!(
        "SELECT {} FROM (SELECT 1 AS {one}) AS {one} LEFT JOIN {} AS {alias} ON 1 = 0",
        columns.collect::<Vec<_>>().join(", "),
        quote_table(table, mark)
    )
}
