//! MySQL's and MariaDB's side of the check: statements are prepared, and the catalogue says what neither server minds.

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Executor, Row, TypeInfo};

use super::{
    Part, UniqueIndex, is_view, lacking_mode, lacking_transactions, rows, table_name,
    unique_indexes,
};
use crate::dialect::Dialect;
use crate::model::{IndexPart, Model};
#[cfg(feature = "json")]
use crate::schema::FieldType;
use crate::schema::rules::{self, Column, Repair, Table, Value, quote, quote_table};
use crate::schema::{CheckedUpsert, Finding, SchemaReport, SchemaRoom, Severity};

const MARK: char = '`';

impl SchemaRoom for MySql {
    #[cfg(feature = "json")]
    fn json_type() -> FieldType<Self> {
        FieldType::of::<sqlx::types::Json<()>>()
    }

    fn create_index(model: &'static Model) -> &'static str {
        model.texts.mysql.create_index
    }

    async fn check(
        conn: &mut MySqlConnection,
        upsert: &CheckedUpsert<Self>,
        report: &mut SchemaReport,
    ) -> Result<(), sqlx::Error> {
        let model = upsert.model;
        let found = match rows(conn, model.texts.mysql.show_columns, &[]).await {
            Ok(found) => found,
            Err(sqlx::Error::Database(error)) => {
                report.add(missing_table(conn, model, &*error).await?);
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        let found = found
            .iter()
            .map(Found::read)
            .collect::<Result<Vec<_>, _>>()?;
        let lacks = [
            lacking_mode(conn, model).await?,
            lacking_transactions(conn, model).await?,
        ];
        for lack in lacks.into_iter().flatten() {
            report.add(Finding::new(
                Severity::Error,
                model.table,
                lack.what,
                Some(lack.fix),
            ));
        }
        let is_view = is_view(conn, model).await?;
        let triggers = triggers(conn, model).await?;
        let table = table(&found, &triggers, is_view);
        let repair = MySqlRepair {
            model,
            found: &found,
        };
        let type_name = |name: &str| column_type(upsert.type_of(name)?.info.name());
        rules::check_columns(model, &table, &repair, &type_name, report);
        check_types(conn, upsert, &table, &repair, report).await?;
        if !is_view {
            check_indexes(conn, model, &table, report).await?;
        }
        if triggers.iter().any(|(_, event)| event == "UPDATE") {
            let what = "it has an UPDATE trigger, which takes the answer of `with_action` and `insert_if_absent` out of the \
                        server's reply: where the row comes back unchanged or inserted, the session is asked";
            report.add(Finding::new(Severity::Note, model.table, what, None));
        }
        check_statements(conn, model, report).await
    }
}

/// A column as `SHOW FULL COLUMNS` has it, also of a temporary table.
struct Found {
    name: String,
    ty: String,
    collation: Option<String>,
    nullable: bool,
    has_default: bool,
    extra: String,
    comment: String,
}

impl Found {
    fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let nullable: String = row.try_get_unchecked("Null")?;
        let default: Option<Vec<u8>> = row.try_get_unchecked("Default")?;
        Ok(Self {
            name: row.try_get_unchecked("Field")?,
            ty: row.try_get_unchecked("Type")?,
            collation: row.try_get_unchecked("Collation")?,
            nullable: nullable == "YES",
            has_default: default.is_some(),
            extra: row.try_get_unchecked::<String, _>("Extra")?.to_uppercase(),
            comment: row.try_get_unchecked("Comment")?,
        })
    }

    /// An expression over other columns; `DEFAULT_GENERATED` is only a default.
    fn is_generated(&self) -> bool {
        ["VIRTUAL", "STORED", "PERSISTENT"]
            .iter()
            .any(|word| self.extra.contains(word))
    }

    fn is_enum(&self) -> bool {
        self.ty.to_lowercase().starts_with("enum")
    }

    fn value(&self) -> Value {
        if self.is_generated() {
            Value::Always
        // An enum's default is its first name.
        } else if self.is_enum()
            || self.has_default
            || !self.extra.is_empty() && self.extra != "INVISIBLE"
        {
            Value::Default
        } else {
            Value::Nowhere
        }
    }
}

fn table(found: &[Found], triggers: &[(String, String)], is_view: bool) -> Table {
    let columns = found.iter().map(|column| Column {
        name: column.name.clone(),
        nullable: column.nullable,
        value: column.value(),
    });
    let before_insert =
        |(timing, event): &(String, String)| timing == "BEFORE" && event == "INSERT";
    Table {
        columns: columns.collect(),
        completes_rows: triggers.iter().any(before_insert),
        ignores_case: true,
        keeps_by_default: true,
        tells_constraints: !is_view,
    }
}

/// When each trigger fires, and on what.
async fn triggers(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let sql = "SELECT ACTION_TIMING, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
               WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ?";
    let rows = rows(conn, sql, &table_name(model)).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?)))
        .collect()
}

struct MySqlRepair<'a> {
    model: &'static Model,
    found: &'a [Found],
}

impl MySqlRepair<'_> {
    /// The column with another type or none of its NULLs. `MODIFY` takes away whatever it does not repeat, so there is no advice for
    /// a column with more to it.
    fn modify(&self, name: &str, ty: Option<&str>, nullable: Option<bool>) -> Option<String> {
        let same = |column: &&Found| column.name.to_lowercase() == name.to_lowercase();
        let column = self.found.iter().find(same)?;
        let plain = !column.has_default && column.extra.is_empty() && column.comment.is_empty();
        let collation = match (&column.collation, ty) {
            (Some(collation), None) => format!(" COLLATE {collation}"),
            _ => String::new(),
        };
        let null = match nullable.unwrap_or(column.nullable) {
            true => "NULL",
            false => "NOT NULL",
        };
        let modified = format!(
            "ALTER TABLE {} MODIFY COLUMN {} {}{collation} {null}",
            quote_table(self.model.table, MARK),
            quote(&column.name, MARK),
            ty.unwrap_or(&column.ty),
        );
        plain.then_some(modified)
    }
}

impl Repair for MySqlRepair<'_> {
    fn add_column(&self, column: &str, ty: &str) -> Option<String> {
        let table = quote_table(self.model.table, MARK);
        let column = quote(column, MARK);
        Some(format!("ALTER TABLE {table} ADD COLUMN {column} {ty} NULL"))
    }

    fn set_not_null(&self, column: &str) -> Option<String> {
        let same = |found: &&Found| found.name == column;
        // sqlx would not read it any more.
        self.found
            .iter()
            .find(same)
            .filter(|found| !found.is_enum())?;
        self.modify(column, None, Some(false))
    }

    fn drop_not_null(&self, column: &str) -> Option<String> {
        self.modify(column, None, Some(true))
    }

    fn change_type(&self, column: &str, ty: &str) -> Option<String> {
        self.modify(column, Some(&column_type(ty)?), None)
    }
}

/// A type that a column can be made of; sqlx's name has no lengths.
fn column_type(name: &str) -> Option<String> {
    match name {
        "VARCHAR" | "CHAR" | "TEXT" => Some("VARCHAR(255)".to_owned()),
        "DATETIME" | "TIMESTAMP" | "TIME" => Some(format!("{name}(6)")),
        "BOOLEAN" | "DATE" | "JSON" | "FLOAT" | "DOUBLE" | "BLOB" => Some(name.to_owned()),
        integer if integer.trim_end_matches(" UNSIGNED").ends_with("INT") => {
            Some(integer.to_owned())
        }
        _ => None,
    }
}

async fn missing_table(
    conn: &mut MySqlConnection,
    model: &'static Model,
    error: &dyn DatabaseError,
) -> Result<Finding, sqlx::Error> {
    if is_denied(error) {
        return missing_privilege(conn, model, error).await;
    }
    let what = match number(error) {
        1146 => "there is no such table".to_owned(),
        _ => error.message().to_owned(),
    };
    Ok(Finding::new(Severity::Error, model.table, what, None))
}

fn number(error: &dyn DatabaseError) -> u16 {
    error
        .try_downcast_ref::<MySqlDatabaseError>()
        .map_or(0, MySqlDatabaseError::number)
}

/// Denied the database, the table or a column.
fn is_denied(error: &dyn DatabaseError) -> bool {
    matches!(number(error), 1044 | 1142 | 1143)
}

async fn missing_privilege(
    conn: &mut MySqlConnection,
    model: &'static Model,
    error: &dyn DatabaseError,
) -> Result<Finding, sqlx::Error> {
    let what = format!(
        "{}; an upsert needs SELECT, INSERT and UPDATE",
        error.message()
    );
    let user = rows(conn, "SELECT CURRENT_USER(), DATABASE()", &[]).await?;
    let user = user.first();
    let fix = match user {
        Some(row) => {
            let account: String = row.try_get_unchecked(0)?;
            let database: Option<String> = row.try_get_unchecked(1)?;
            let table = match database.filter(|_| !model.table.contains('.')) {
                Some(database) => {
                    format!("{}.{}", quote(&database, MARK), quote(model.table, MARK))
                }
                None => quote_table(model.table, MARK),
            };
            account.rsplit_once('@').map(|(name, host)| {
                format!(
                    "GRANT SELECT, INSERT, UPDATE ON {table} TO {}@{}",
                    quote(name, '\''),
                    quote(host, '\'')
                )
            })
        }
        None => None,
    };
    Ok(Finding::new(Severity::Error, model.table, what, fix))
}

/// The types of the columns as sqlx sees them when it reads a row.
async fn check_types(
    conn: &mut MySqlConnection,
    upsert: &CheckedUpsert<MySql>,
    table: &Table,
    repair: &MySqlRepair<'_>,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let model = upsert.model;
    let names = upsert.types.iter().map(|(name, _)| *name);
    let names: Vec<_> = names
        .filter(|name| model.has_column(name) && table.find(name).is_some())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = rules::one_row(model.table, &names, MARK);
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = match conn.fetch_all(query).await {
        Ok(rows) => rows,
        // Privileges are missing, which the statements themselves say below.
        Err(sqlx::Error::Database(_)) => return Ok(()),
        Err(other) => return Err(other),
    };
    let Some(row) = rows.first() else {
        return Ok(());
    };
    for (name, column) in names.iter().zip(row.columns()) {
        let Some(field) = upsert.type_of(name) else {
            continue;
        };
        let found = column.type_info();
        let are_enums = found.name() == "ENUM" && field.info.name() == "ENUM";
        let not_null = table.find(name).filter(|column| !column.nullable);
        if let Some(column) = not_null.filter(|_| are_enums && model.reads(name)) {
            report.add(enum_not_null(repair, &column.name));
        } else if !(field.compatible)(found) {
            let found = found.name();
            report.add(rules::wrong_type(model, repair, name, field, found));
        }
    }
    Ok(())
}

/// The one type that sqlx knows by more than its name.
fn enum_not_null(repair: &MySqlRepair<'_>, name: &str) -> Finding {
    let what = "sqlx takes `ENUM NOT NULL` for another type than `ENUM`, and does not read it back; let the column be NULL";
    let fix = repair.drop_not_null(name);
    Finding::new(Severity::Error, repair.model.table, what, fix).of_column(name)
}

/// The index behind the target, and the others: the servers have no conflict target, so the statement turns a row that meets
/// another key into an error.
async fn check_indexes(
    conn: &mut MySqlConnection,
    model: &'static Model,
    table: &Table,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let indexes = unique_indexes(conn, model).await?;
    if !indexes.iter().any(|index| index.is_behind(model)) {
        let found: Vec<_> = indexes.iter().map(shown).collect();
        let mut missing = rules::missing_index(model, &found, model.texts.mysql.create_index);
        if has_expression(model) && is_mariadb(conn).await? {
            missing.what.push_str(
                "; MariaDB has no indexes over expressions: add a generated column that computes it, and make the index over that",
            );
            missing.fix = None;
        }
        report.add(missing);
    }
    for index in indexes.iter().filter(|index| !index.is_behind(model)) {
        if !is_never_hit(model, table, index) {
            let what = format!(
                "a row that collides with another under the unique key {} is refused with an error, and nothing is written",
                shown(index)
            );
            report.add(Finding::new(Severity::Note, model.table, what, None));
        }
    }
    Ok(())
}

fn has_expression(model: &Model) -> bool {
    let mut parts = model.index.iter();
    parts.any(|part| matches!(part, IndexPart::Expression(_)))
}

async fn is_mariadb(conn: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let version = rows(conn, "SELECT VERSION()", &[]).await?;
    let version: String = version
        .first()
        .map_or(Ok(String::new()), |row| row.try_get(0))?;
    Ok(version.contains("MariaDB"))
}

/// A key whose values the database makes, one for each row: an auto-increment column.
fn is_never_hit(model: &Model, table: &Table, index: &UniqueIndex) -> bool {
    index.parts.iter().any(|part| match part {
        Part::Column(name) => {
            let generated = model.generated.iter();
            let column = table.find(name);
            generated
                .copied()
                .any(|generated| generated.eq_ignore_ascii_case(name))
                && column.is_some_and(|column| column.value == Value::Default)
        }
        Part::Expression(_) => false,
    })
}

fn shown(index: &UniqueIndex) -> String {
    let parts = index.parts.iter().map(|part| match part {
        Part::Column(name) => name.clone(),
        Part::Expression(text) => format!("({text})"),
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let whole = match index.whole {
        true => "",
        false => ", which is over the first characters alone",
    };
    format!("`{}` over ({parts}){whole}", index.name)
}

/// The statements themselves. Where the columns or the target are wrong, the servers only say that again, and are asked for
/// privileges alone.
async fn check_statements(
    conn: &mut MySqlConnection,
    model: &'static Model,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let texts = &model.texts.mysql;
    let is_wrong = report.has_errors();
    let statements = [
        texts.upsert.sql,
        texts.upsert_with_action.sql,
        texts.insert_if_absent.sql,
        texts.select,
        texts.select_locking,
    ];
    for sql in statements {
        match prepare(conn, sql).await {
            Ok(()) => {}
            Err(sqlx::Error::Database(error)) if is_denied(&*error) => {
                report.add(missing_privilege(conn, model, &*error).await?);
            }
            Err(sqlx::Error::Database(error)) if !is_wrong => {
                let (_, what) = MySql::explain(model, &*error);
                report.add(Finding::new(Severity::Error, model.table, what, None));
            }
            Err(sqlx::Error::Database(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Has the server prepare a statement, not sqlx, which would keep it, and give it back when the table is another.
async fn prepare(conn: &mut MySqlConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    rows(conn, "SET @upsert_statement = ?", &[Some(sql)]).await?;
    let prepared = sqlx::raw_sql("PREPARE upsert_statement FROM @upsert_statement")
        .execute(&mut *conn)
        .await;
    if prepared.is_ok() {
        sqlx::raw_sql("DEALLOCATE PREPARE upsert_statement")
            .execute(&mut *conn)
            .await?;
    }
    rows(conn, "SET @upsert_statement = NULL", &[]).await?;
    prepared.map(drop)
}
