//! The databases, each with a table for each type of result, and how a case is put to them.

use std::env;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Connection, Row as _};

use super::generate::Case;
use super::tree::{Place, Value};
use super::{FIELDS, PARAMS};
use crate::sql::{Slot, Texts};

/// What a database made of a case.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Value(Value),
    /// A number was out of range, or divided by zero.
    Raised,
    /// It did not understand the statement.
    Failed(#[allow(dead_code, reason = "printed")] String),
}

impl Outcome {
    pub(super) fn agrees_with(&self, expected: &Self) -> bool {
        match (self, expected) {
            (Self::Value(one), Self::Value(two)) => one == two,
            (Self::Raised, Self::Raised) => true,
            _ => false,
        }
    }
}

pub(super) enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
    /// MySQL or MariaDB, with the database that was made for the test.
    MySql(&'static str, MySqlConnection, String),
}

/// The table whose result column has this type.
pub(super) fn table(result: &str) -> String {
    let word: String = result.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("r_{}", word.to_lowercase())
}

const RESULTS: [&str; 6] = [
    "Option<i64>",
    "Option<i32>",
    "Option<i16>",
    "Option<f64>",
    "Option<String>",
    "Option<bool>",
];

/// Which databases take part; who is left out is named.
pub(super) async fn find() -> Result<Vec<Database>, String> {
    let listed = |variable: &str| {
        let words = env::var(variable).ok()?;
        Some(
            words
                .split(',')
                .map(|word| word.trim().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let only = listed("UPSERT_ONLY");
    let in_ci = env::var_os("CI").map(|_| {
        ["sqlite", "postgres", "mariadb"]
            .map(str::to_owned)
            .to_vec()
    });
    let required = listed("UPSERT_REQUIRE").or(in_ci).unwrap_or_default();
    let mut databases = Vec::new();
    for (word, variable) in [
        ("sqlite", ""),
        ("postgres", "UPSERT_POSTGRES_URL"),
        ("mariadb", "UPSERT_MARIADB_URL"),
        ("mysql", "UPSERT_MYSQL_URL"),
    ] {
        let named = only
            .as_ref()
            .is_none_or(|only| only.iter().any(|found| found == word));
        let url = if variable.is_empty() {
            Some(String::new())
        } else {
            env::var(variable).ok()
        };
        let left_out = match url {
            _ if !named => "UPSERT_ONLY does not name it".to_owned(),
            None => format!("set {variable}"),
            Some(url) => match connect(word, &url).await {
                Ok(database) => {
                    databases.push(database);
                    continue;
                }
                Err(error) => format!("the server cannot be used: {error}"),
            },
        };
        if required.iter().any(|required| required == word) {
            return Err(format!("{word} is required: {left_out}"));
        }
        eprintln!("left out: {word} ({left_out})");
    }
    Ok(databases)
}

async fn connect(word: &'static str, url: &str) -> Result<Database, sqlx::Error> {
    match word {
        "sqlite" => {
            let mut conn = SqliteConnection::connect("sqlite::memory:").await?;
            for result in RESULTS {
                let sql = create_table(
                    "CREATE TABLE",
                    result,
                    ["INTEGER", "INTEGER", "INTEGER", "REAL", "TEXT", "BOOLEAN"],
                    '"',
                );
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
            }
            Ok(Database::Sqlite(conn))
        }
        "postgres" => {
            let mut conn = PgConnection::connect(url).await?;
            for result in RESULTS {
                let types = [
                    "bigint",
                    "integer",
                    "smallint",
                    "double precision",
                    "text COLLATE \"C\"",
                    "boolean",
                ];
                let sql = create_table("CREATE TEMPORARY TABLE", result, types, '"');
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
            }
            Ok(Database::Postgres(conn))
        }
        _ => {
            let mut conn = MySqlConnection::connect(url).await?;
            let name = format!("upsert_meaning_{}", std::process::id());
            let sql = format!(
                "CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE {name}"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
            for result in RESULTS {
                let types = [
                    "BIGINT",
                    "INT",
                    "SMALLINT",
                    "DOUBLE",
                    "VARCHAR(700)",
                    "BOOLEAN",
                ];
                let sql = create_table("CREATE TEMPORARY TABLE", result, types, '`');
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
            }
            Ok(Database::MySql(word, conn, name))
        }
    }
}

pub(super) async fn close(databases: Vec<Database>) {
    for database in databases {
        if let Database::MySql(_, mut conn, name) = database {
            let sql = AssertSqlSafe(format!("DROP DATABASE {name}"));
            let _ = sqlx::raw_sql(sql).execute(&mut conn).await;
        }
    }
}

fn create_table(create: &str, result: &str, types: [&str; 6], quote: char) -> String {
    let sql_type = |ty: &str| match RESULTS.iter().position(|result| *result == ty) {
        Some(place) => types[place],
        None => types[0],
    };
    let mut columns: Vec<_> = stored()
        .map(|(name, ty)| format!("{quote}{name}{quote} {}", sql_type(ty)))
        .collect();
    columns[0].push_str(" PRIMARY KEY");
    columns.push(format!("{quote}r{quote} {}", sql_type(result)));
    format!("{create} {} ({})", table(result), columns.join(", "))
}

fn stored() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS
        .into_iter()
        .filter(|(name, _)| !PARAMS.contains(name))
}

/// The value of a field; in the new row, the result's own is 1 where the condition is asked, so that it shows.
fn value(name: &str, values: &[(&'static str, Value)], result: i64) -> Value {
    match name {
        "k" => Value::Int(1),
        "r" => Value::Int(result),
        _ => values
            .iter()
            .find(|(found, _)| *found == name)
            .map_or(Value::Null, |(_, value)| value.clone()),
    }
}

fn type_of(name: &str, case: &Case) -> &'static str {
    FIELDS
        .iter()
        .find(|(found, _)| *found == name)
        .map_or(case.result, |(_, ty)| ty)
}

/// The stored row as an INSERT. It and all others come as binds.
fn insert_old(case: &Case, placeholder: impl Fn(usize) -> String) -> String {
    let with_result = case.place == Place::Where;
    let mut columns: Vec<_> = stored().map(|(name, _)| name).collect();
    columns.extend(with_result.then_some("r"));
    let values: Vec<_> = (1..=columns.len()).map(placeholder).collect();
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table(case.result),
        columns.join(", "),
        values.join(", ")
    )
}

macro_rules! add {
    ($arguments:expr, $ty:expr, $value:expr) => {{
        let value: Value = $value;
        let added = match $ty {
            "i64" | "Option<i64>" => $arguments.add(integer(&value)),
            "Option<i32>" => {
                $arguments.add(integer(&value).and_then(|value| i32::try_from(value).ok()))
            }
            "Option<i16>" => {
                $arguments.add(integer(&value).and_then(|value| i16::try_from(value).ok()))
            }
            "Option<f64>" => $arguments.add(match value {
                Value::Float(value) => Some(value),
                _ => None,
            }),
            "Option<String>" => $arguments.add(match value {
                Value::Text(text) => Some(text),
                _ => None,
            }),
            _ => $arguments.add(match value {
                Value::Bool(value) => Some(value),
                _ => None,
            }),
        };
        added.expect("a value that can be bound");
    }};
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        _ => None,
    }
}

macro_rules! put {
    ($conn:expr, $arguments:ty, $case:expr, $sql:expr, $names:expr, $placeholder:expr) => {{
        let (case, conn): (&Case, _) = ($case, $conn);
        let delete = format!("DELETE FROM {}", table(case.result));
        sqlx::query(AssertSqlSafe(delete))
            .execute(&mut *conn)
            .await?;
        if case.place != Place::Insert {
            let mut arguments = <$arguments>::default();
            for (name, ty) in stored() {
                add!(arguments, ty, value(name, &case.old, 0));
            }
            if case.place == Place::Where {
                add!(arguments, case.result, Value::Int(0));
            }
            let insert = insert_old(case, $placeholder);
            sqlx::query_with(AssertSqlSafe(insert), arguments)
                .execute(&mut *conn)
                .await?;
        }
        let mut arguments = <$arguments>::default();
        for name in $names {
            add!(arguments, type_of(name, case), value(name, &case.new, 1));
        }
        sqlx::query_with(AssertSqlSafe($sql.to_owned()), arguments)
            .persistent(false)
            .execute(&mut *conn)
            .await?;
        let select = format!("SELECT r FROM {}", table(case.result));
        let rows = sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut *conn)
            .await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok::<Value, sqlx::Error>(
            match case.result {
                "Option<i64>" => row.try_get::<Option<i64>, _>(0)?.map(Value::Int),
                "Option<i32>" => row
                    .try_get::<Option<i32>, _>(0)?
                    .map(|value| Value::Int(value.into())),
                "Option<i16>" => row
                    .try_get::<Option<i16>, _>(0)?
                    .map(|value| Value::Int(value.into())),
                "Option<f64>" => row.try_get::<Option<f64>, _>(0)?.map(Value::Float),
                "Option<String>" => row.try_get::<Option<String>, _>(0)?.map(Value::Text),
                _ => row.try_get::<Option<bool>, _>(0)?.map(Value::Bool),
            }
            .unwrap_or(Value::Null),
        )
    }};
}

impl Database {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
            Self::MySql(name, ..) => name,
        }
    }

    /// Runs the upsert, and gives its text and what became of the result column.
    pub(super) async fn run(
        &mut self,
        case: &Case,
        texts: &Texts,
        names: &[&str],
    ) -> (String, Outcome) {
        let plain = |statements: &[super::super::Statement]| {
            let found = statements.iter().find(|(name, _)| *name == "upsert");
            found.map_or_else(String::new, |(_, text)| text.clone())
        };
        match self {
            Self::Postgres(conn) => {
                let sql = plain(&texts.postgres);
                let done = postgres(conn, case, &sql, names).await;
                (sql, outcome(done, &["22003", "22012"]))
            }
            Self::Sqlite(conn) => {
                let sql = plain(&texts.sqlite);
                let done = sqlite(conn, case, &sql, names).await;
                (sql, outcome(done, &["integer overflow"]))
            }
            Self::MySql(_, conn, _) => {
                let found = texts
                    .mysql
                    .binding
                    .iter()
                    .find(|(name, ..)| *name == "upsert");
                let (sql, slots) = found.map_or_else(Default::default, |(_, sql, slots)| {
                    (sql.clone(), slots.clone())
                });
                let names: Vec<&str> = slots
                    .iter()
                    .filter_map(|slot| match slot {
                        Slot::Bind(place) => Some(names[*place]),
                        Slot::Nonce => None,
                    })
                    .collect();
                let done = mysql(conn, case, &sql, &names).await;
                let raised = [
                    "out of range",
                    "Out of range",
                    "Got overflow",
                    "Division by 0",
                ];
                (sql, outcome(done, &raised))
            }
        }
    }
}

async fn postgres(
    conn: &mut PgConnection,
    case: &Case,
    sql: &str,
    names: &[&str],
) -> Result<Value, sqlx::Error> {
    put!(conn, PgArguments, case, sql, names, |number| format!(
        "${number}"
    ))
}

async fn sqlite(
    conn: &mut SqliteConnection,
    case: &Case,
    sql: &str,
    names: &[&str],
) -> Result<Value, sqlx::Error> {
    put!(conn, SqliteArguments, case, sql, names, |number| format!(
        "?{number}"
    ))
}

async fn mysql(
    conn: &mut MySqlConnection,
    case: &Case,
    sql: &str,
    names: &[&str],
) -> Result<Value, sqlx::Error> {
    put!(conn, MySqlArguments, case, sql, names, |_| "?".to_owned())
}

/// An error is one of those that are asked for, by code or message, or a failure of the test.
fn outcome(done: Result<Value, sqlx::Error>, raised: &[&str]) -> Outcome {
    match done {
        Ok(value) => Outcome::Value(value),
        Err(sqlx::Error::Database(error)) => {
            let code = error.code().unwrap_or_default();
            if raised
                .iter()
                .any(|raised| code == *raised || error.message().contains(raised))
            {
                Outcome::Raised
            } else {
                Outcome::Failed(format!("{code}: {}", error.message()))
            }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
