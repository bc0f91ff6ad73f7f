//! SQLite's side of the check: preparing a statement finds all but the few things that SQLite does in silence.

use sqlx::error::DatabaseError;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow, SqliteTypeInfo};
use sqlx::{AssertSqlSafe, Executor, Row, Type, TypeInfo};
use std::collections::BTreeSet;

use super::catalogue::{
    Affinity, Declared, Index, declaration, declared_columns, is_view, unique_indexes,
};
use super::error;
use crate::dialect::Dialect;
use crate::model::{IndexPart, Model};
#[cfg(feature = "json")]
use crate::schema::FieldType;
use crate::schema::rules::{self, Column, Repair, Table, Value, quote};
use crate::schema::{CheckedUpsert, Finding, SchemaReport, SchemaRoom, Severity};

impl SchemaRoom for Sqlite {
    #[cfg(feature = "json")]
    fn json_type() -> FieldType<Self> {
        FieldType::of::<sqlx::types::Json<()>>()
    }

    fn create_index(model: &'static Model) -> &'static str {
        model.texts.sqlite.create_index
    }

    async fn check(
        conn: &mut SqliteConnection,
        upsert: &CheckedUpsert<Self>,
        report: &mut SchemaReport,
    ) -> Result<(), sqlx::Error> {
        let model = upsert.model;
        let declared = match declared_columns(conn, model).await {
            Err(sqlx::Error::Database(error))
                if error.message().starts_with("unknown database") =>
            {
                let what = format!("{}: no database of this name is attached", error.message());
                report.add(Finding::new(Severity::Error, model.table, what, None));
                return Ok(());
            }
            declared => declared?,
        };
        if declared.is_empty() {
            let what = "there is no such table";
            report.add(Finding::new(Severity::Error, model.table, what, None));
            return Ok(());
        }
        let indexes = unique_indexes(conn, model).await?;
        let is_view = is_view(conn, model).await?;
        let table = table(&declared, &indexes, is_view);
        let repair = SqliteRepair { model };
        let type_name = |name: &str| {
            let field = upsert.type_of(name)?;
            Some(field.info.name().to_owned())
        };
        rules::check_columns(model, &table, &repair, &type_name, report);
        check_types(upsert, &declared, report);
        check_target(conn, model, &indexes, report).await?;
        check_indexes(conn, model, &indexes, report).await?;
        check_clauses(conn, model, report).await?;
        if !report.has_errors() {
            // What is wrong would only be said again, by SQLite.
            check_statements(conn, model, report).await?;
        }
        check_names(conn, model, &table, report).await
    }
}

fn table(declared: &[Declared], indexes: &[Index], is_view: bool) -> Table {
    let primary = declared.iter().filter(|column| column.primary > 0).count();
    // A primary key that is the rowid itself has no index.
    let has_rowid = !indexes.iter().any(|index| index.is_primary);
    let columns = declared.iter().map(|column| {
        let is_rowid = has_rowid
            && primary == 1
            && column.primary == 1
            && column.ty.eq_ignore_ascii_case("integer");
        Column {
            name: column.name.clone(),
            nullable: !(column.not_null || is_rowid),
            value: match (column.generated, column.has_default || is_rowid) {
                (true, _) => Value::Always,
                (false, true) => Value::Default,
                (false, false) => Value::Nowhere,
            },
        }
    });
    Table {
        columns: columns.collect(),
        // A trigger cannot change a row that is about to be stored.
        completes_rows: false,
        ignores_case: true,
        keeps_by_default: false,
        tells_constraints: !is_view,
    }
}

struct SqliteRepair {
    model: &'static Model,
}

/// SQLite changes a column by writing the table anew, which is no business of a line of advice.
impl Repair for SqliteRepair {
    fn add_column(&self, column: &str, ty: &str) -> Option<String> {
        let table = rules::quote_table(self.model.table, '"');
        let column = quote(column, '"');
        Some(format!("ALTER TABLE {table} ADD COLUMN {column} {ty}"))
    }

    fn set_not_null(&self, _: &str) -> Option<String> {
        None
    }

    fn drop_not_null(&self, _: &str) -> Option<String> {
        None
    }

    fn change_type(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// A column has no type, but it changes values: what comes back must be something that the field can read.
fn check_types(upsert: &CheckedUpsert<Sqlite>, declared: &[Declared], report: &mut SchemaReport) {
    for (name, field) in &upsert.types {
        let column = declared
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name));
        let Some(column) = column.filter(|_| upsert.model.has_column(name)) else {
            continue;
        };
        let affinity = Affinity::of(&column.ty);
        // A STRICT table has this type for a column that keeps what it is given.
        let Some(stored) = stored(&field.info, affinity).filter(|_| column.ty != "ANY") else {
            continue;
        };
        let (sent, ty) = (field.info.name(), column.ty.as_str());
        if !(field.compatible)(&stored) {
            let what = format!(
                "it is declared `{ty}`, where a value of type {sent} turns into one of type {stored}, which the field cannot \
                 read; declare it {sent}"
            );
            let severity = match upsert.model.reads(name) {
                true => Severity::Error,
                false => Severity::Warning,
            };
            let finding = Finding::new(severity, upsert.model.table, what, None);
            report.add(finding.of_column(&column.name));
        } else if sent == "TEXT" && !matches!(affinity, Affinity::Text | Affinity::Blob) {
            let what = format!(
                "it is declared `{ty}`, where a text that looks like a number turns into one; declare it TEXT"
            );
            let severity = match field.json {
                true => Severity::Note,
                false => Severity::Warning,
            };
            let finding = Finding::new(severity, upsert.model.table, what, None);
            report.add(finding.of_column(&column.name));
        }
    }
}

/// What becomes of a value of some type in a column of some affinity: numbers, which look like numbers. A text may stay one.
fn stored(sent: &SqliteTypeInfo, affinity: Affinity) -> Option<SqliteTypeInfo> {
    let integer = <i64 as Type<Sqlite>>::type_info();
    let real = <f64 as Type<Sqlite>>::type_info();
    let text = <str as Type<Sqlite>>::type_info();
    match (sent.name(), affinity) {
        ("INTEGER" | "BOOLEAN", Affinity::Real) => Some(real),
        ("INTEGER" | "BOOLEAN" | "REAL", Affinity::Text) => Some(text),
        ("INTEGER" | "BOOLEAN", _) => Some(integer),
        ("REAL", Affinity::Integer | Affinity::Numeric) => Some(integer),
        ("REAL", _) => Some(real),
        ("TEXT" | "DATE" | "TIME" | "DATETIME", _) => Some(text),
        _ => None,
    }
}

/// SQLite finds the index when the statement is prepared, and compares all of it: columns, expressions, predicate.
async fn check_target(
    conn: &mut SqliteConnection,
    model: &'static Model,
    indexes: &[Index],
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    if let Some(failure) = prepare(conn, model.texts.sqlite.target).await?
        && error::is_missing_index(&*failure)
    {
        let found: Vec<_> = indexes.iter().map(|index| index.shown.clone()).collect();
        let create = model.texts.sqlite.create_index;
        report.add(rules::missing_index(model, &found, create));
    }
    Ok(())
}

/// What SQLite does not look at. An index may take more values for equal than its column does, and the row would then not be found
/// again by its key; one without a predicate stands behind a target with one.
async fn check_indexes(
    conn: &mut SqliteConnection,
    model: &'static Model,
    indexes: &[Index],
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let keys: Vec<_> = model
        .index
        .iter()
        .map(|part| match part {
            IndexPart::Column(name) => Some(*name),
            IndexPart::Expression(_) => None,
        })
        .collect();
    let is_behind = |index: &&Index| {
        index.columns.len() == keys.len()
            && index.columns.iter().all(|column| {
                keys.iter().any(|key| match (key, &column.name) {
                    (Some(key), Some(name)) => name.eq_ignore_ascii_case(key),
                    (None, None) => true,
                    _ => false,
                })
            })
    };
    for index in indexes.iter().filter(is_behind) {
        if model.predicate.is_some() && !index.is_partial {
            report.add(rules::no_predicate(model, &index.shown));
        }
        for column in &index.columns {
            let Some(name) = &column.name else { continue };
            if column.collation == "BINARY"
                || compares_under(conn, model, name, &column.collation).await?
            {
                continue;
            }
            let what = format!(
                "its unique index compares under {0}, and the column itself does not: a row that conflicts may not be found \
                 again by its key; declare the column COLLATE {0}",
                column.collation
            );
            let finding = Finding::new(Severity::Warning, model.table, what, None);
            report.add(finding.of_column(name));
        }
    }
    Ok(())
}

/// A constraint of the table may say what is to be done about a collision, and no statement that is not about this constraint
/// overrules it: the other row would be deleted, or this one not written, in silence.
async fn check_clauses(
    conn: &mut SqliteConnection,
    model: &'static Model,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    for clause in conflict_clauses(&declaration(conn, model).await?) {
        let what = format!(
            "a constraint of the table says `ON CONFLICT {clause}`; if it is another than the conflict target's, a collision \
             under it is no error: take the clause away"
        );
        report.add(Finding::new(Severity::Warning, model.table, what, None));
    }
    Ok(())
}

/// What follows `ON CONFLICT` in the text of a table, if it is anything but the error that it is without.
fn conflict_clauses(declaration: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let mut rest = declaration;
    while let Some(start) = rest.find(['"', '\'', '`', '[', '-', '/']) {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = match rest.as_bytes() {
            [b'-', b'-', ..] => "\n",
            [b'/', b'*', ..] => "*/",
            [b'-' | b'/', ..] => "",
            [b'[', ..] => "]",
            _ => &rest[..1],
        };
        let inside = &rest[1..];
        rest = inside.find(end).map_or("", |at| &inside[at + end.len()..]);
        plain.push(' ');
    }
    plain.push_str(rest);
    let words: Vec<_> = plain
        .split(|next: char| !next.is_alphanumeric() && next != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
        .collect();
    let clauses = words.windows(3).filter_map(|words| match words {
        [on, conflict, clause] if on == "ON" && conflict == "CONFLICT" => Some(clause),
        _ => None,
    });
    clauses
        .filter(|clause| *clause != "ABORT")
        .cloned()
        .collect()
}

/// Whether a comparison with the column is made under this collation; the program that SQLite makes of it tells.
async fn compares_under(
    conn: &mut SqliteConnection,
    model: &'static Model,
    column: &str,
    collation: &str,
) -> Result<bool, sqlx::Error> {
    let table = rules::quote_table(model.table, '"');
    let sql = format!("SELECT {} = 'x' FROM {table}", quote(column, '"'));
    let operations = operations(conn, &sql).await?;
    let under = |(opcode, text): &(String, String)| {
        opcode != "String8"
            && text
                .to_ascii_uppercase()
                .starts_with(&collation.to_ascii_uppercase())
    };
    Ok(operations.iter().any(under))
}

/// The operations of a statement with the text each takes, as `EXPLAIN` has them. Their form is not promised; what is not
/// understood is no finding.
async fn operations(
    conn: &mut SqliteConnection,
    sql: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let sql = format!("EXPLAIN {sql}");
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = conn.fetch_all(query).await?;
    let operation = |row: &SqliteRow| {
        let opcode = row.try_get_unchecked("opcode").ok()?;
        let text: Option<String> = row.try_get_unchecked("p4").ok()?;
        Some((opcode, text?))
    };
    Ok(rows.iter().filter_map(operation).collect())
}

/// All statements, which SQLite checks against the schema when it prepares them.
async fn check_statements(
    conn: &mut SqliteConnection,
    model: &'static Model,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    for sql in statements(model) {
        if let Some(failure) = prepare(conn, sql).await? {
            let (_, what) = Sqlite::explain(model, &*failure);
            report.add(Finding::new(Severity::Error, model.table, what, None));
        }
    }
    Ok(())
}

fn statements(model: &'static Model) -> [&'static str; 3] {
    let texts = &model.texts.sqlite;
    [
        texts.upsert_returning,
        texts.insert_if_absent_returning,
        texts.select,
    ]
}

/// The error of preparing a statement, if there is one. `EXPLAIN` prepares it anew, where sqlx would give back what it has kept.
async fn prepare(
    conn: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Option<Box<dyn DatabaseError>>, sqlx::Error> {
    match operations(conn, sql).await {
        Ok(_) => Ok(None),
        Err(sqlx::Error::Database(error)) => Ok(Some(error)),
        Err(other) => Err(other),
    }
}

/// A name in double quotes that is no column is a text to SQLite. The columns of the struct are qualified, so only SQL that the
/// user wrote can have such a name: a predicate, an expression of the target, `sql("…")`. A text that stands in single quotes, or
/// is the table's name and may be a default of a column, is none of them.
async fn check_names(
    conn: &mut SqliteConnection,
    model: &'static Model,
    table: &Table,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let mut found = BTreeSet::new();
    for sql in statements(model) {
        let names = quoted(sql, '"').into_iter();
        let texts = quoted(sql, '\'');
        let is_unknown = |name: &String| {
            let mut of_table = model.table.split('.');
            table.find(name).is_none() && !texts.contains(name) && of_table.all(|part| part != name)
        };
        let unknown: Vec<_> = names.filter(is_unknown).collect();
        if unknown.is_empty() {
            continue;
        }
        let operations = match operations(conn, sql).await {
            // It has been said what is wrong with the statement.
            Err(sqlx::Error::Database(_)) => continue,
            operations => operations?,
        };
        for (opcode, text) in operations {
            if opcode == "String8" && unknown.contains(&text) && found.insert(text.clone()) {
                let what = format!(
                    "`\"{text}\"` in the SQL of the struct is no column, and SQLite takes it for a text; correct the name, or \
                     write the text in single quotes"
                );
                report.add(Finding::new(Severity::Error, model.table, what, None));
            }
        }
    }
    Ok(())
}

/// What stands in these quotes in a statement, but not in the others.
fn quoted(sql: &str, wanted: char) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = sql;
    while let Some(start) = rest.find(['"', '\'']) {
        let mark = char::from(rest.as_bytes()[start]);
        let mut name = String::new();
        rest = &rest[start + 1..];
        while let Some(end) = rest.find(mark) {
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            // Twice is the mark itself.
            match rest.strip_prefix(mark) {
                Some(after) => {
                    name.push(mark);
                    rest = after;
                }
                None => break,
            }
        }
        if mark == wanted {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_told_from_what_is_no_syntax() {
        let clauses = |sql| conflict_clauses(sql).into_iter().collect::<Vec<_>>();
        let sql = "CREATE TABLE t (a INT PRIMARY KEY, b UNIQUE on  conflict\nreplace, c NOT NULL ON CONFLICT ABORT)";
        assert_eq!(clauses(sql), ["REPLACE"]);
        let sql = "CREATE TABLE t ( -- on conflict ignore\na INT /* ON CONFLICT FAIL */ DEFAULT (1-1), \
                   [ON CONFLICT ROLLBACK] TEXT DEFAULT 'ON CONFLICT IGNORE')";
        assert_eq!(clauses(sql), [""; 0]);
    }

    #[test]
    fn names_are_told_from_texts() {
        let sql = r#"SELECT "a""b", 'it''s "no" name' FROM "t" WHERE "x" = 'y'"#;
        assert_eq!(quoted(sql, '"'), ["a\"b", "t", "x"]);
        assert_eq!(quoted(sql, '\''), ["it's \"no\" name", "y"]);
    }
}
