//! Databases that are asked to prepare statements.

use std::env;

use quote::ToTokens;
use sqlx::postgres::{PgConnection, PgTypeInfo};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr};
use tokio::runtime::Runtime;

use crate::expand::bounds;
use crate::model::{Bind, Model};
use crate::sql::{self, Statement};
use crate::target::{TargetPart, TargetPiece};

/// SQLite, and PostgreSQL if there is a URL.
pub(crate) struct Databases {
    runtime: Runtime,
    sqlite: SqliteConnection,
    postgres: Option<(PgConnection, bool)>,
}

/// The types of columns: in Rust, on PostgreSQL, on SQLite.
const TYPES: &[(&str, &str, &str)] = &[
    ("i16", "INT2", "INTEGER"),
    ("i32", "INT4", "INTEGER"),
    ("i64", "INT8", "INTEGER"),
    ("f32", "FLOAT4", "REAL"),
    ("f64", "FLOAT8", "REAL"),
    ("bool", "BOOL", "BOOLEAN"),
    ("String", "TEXT", "TEXT"),
    ("Vec<u8>", "BYTEA", "BLOB"),
    ("DateTime<Utc>", "TIMESTAMPTZ", "TEXT"),
    ("NaiveDateTime", "TIMESTAMP", "TEXT"),
    ("NaiveDate", "DATE", "TEXT"),
    ("NaiveTime", "TIME", "TEXT"),
];

impl Databases {
    pub(crate) fn open() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let (sqlite, postgres) = runtime
            .block_on(async {
                let sqlite = SqliteConnection::connect("sqlite::memory:").await?;
                let postgres = match env::var("UPSERT_POSTGRES_URL") {
                    Ok(url) => {
                        let conn = PgConnection::connect(&url).await?;
                        let knows_old = conn
                            .server_version_num()
                            .is_some_and(|version| version >= 180_000);
                        Some((conn, knows_old))
                    }
                    Err(_) => None,
                };
                Ok::<_, sqlx::Error>((sqlite, postgres))
            })
            .map_err(|error| error.to_string())?;
        Ok(Self {
            runtime,
            sqlite,
            postgres,
        })
    }

    pub(crate) fn has_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Makes a table for the model, and prepares all its statements.
    pub(crate) fn prepare(&mut self, model: &Model) -> Result<(), String> {
        let texts = sql::write(model);
        let asked: String = bounds::capabilities(model)
            .iter()
            .map(|predicate| predicate.to_token_stream().to_string())
            .collect();
        let asks = |capability: &str| asked.contains(capability);
        if ![
            "NamedConstraint",
            "NullsNotDistinct",
            "OrdersInstants",
            "NotSqlite",
        ]
        .into_iter()
        .any(asks)
        {
            let table = create_table(model, |(_, _, sqlite)| sqlite);
            self.runtime
                .block_on(on_sqlite(&mut self.sqlite, model, &table, &texts.sqlite))?;
        }
        if let Some((conn, knows_old)) = &mut self.postgres
            && !asks("NotPostgres")
        {
            let table = create_table(model, |(_, postgres, _)| postgres);
            let statements = texts.postgres.iter();
            let statements: Vec<_> = statements
                .filter(|(name, _)| *knows_old || !name.ends_with("with_action_18"))
                .cloned()
                .collect();
            self.runtime
                .block_on(on_postgres(conn, model, &table, &statements))?;
        }
        Ok(())
    }
}

fn named(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn create_table(
    model: &Model,
    ty: impl Fn(&(&str, &'static str, &'static str)) -> &'static str,
) -> String {
    let columns = model.columns.iter().map(|column| {
        let ty = match column.json {
            // As text it is the same to both.
            true => "JSONB",
            false => ty(&row_of(column.ty)),
        };
        format!("{} {ty}", named(&column.name))
    });
    let columns: Vec<_> = columns.collect();
    format!(
        "CREATE TEMPORARY TABLE {} ({})",
        named(&model.table.name),
        columns.join(", ")
    )
}

/// The entry of a Rust type, without `Option` and `Patch` around it.
fn row_of(ty: &syn::Type) -> (&'static str, &'static str, &'static str) {
    let mut name = ty.to_token_stream().to_string().replace(' ', "");
    for outer in ["Patch<", "Option<"] {
        if let Some(inner) = name
            .strip_prefix(outer)
            .and_then(|name| name.strip_suffix('>'))
        {
            name = inner.to_owned();
        }
    }
    let found = TYPES.iter().find(|(rust, ..)| *rust == name);
    *found.unwrap_or_else(|| panic!("no such type in the table: {name}"))
}

async fn on_sqlite(
    conn: &mut SqliteConnection,
    model: &Model<'_>,
    table: &str,
    statements: &[Statement],
) -> Result<(), String> {
    run(conn, table).await?;
    let done = prepare_on_sqlite(conn, statements).await;
    run(conn, &format!("DROP TABLE {}", named(&model.table.name))).await?;
    done
}

async fn prepare_on_sqlite(
    conn: &mut SqliteConnection,
    statements: &[Statement],
) -> Result<(), String> {
    run(conn, find(statements, "create_index")).await?;
    for (name, text) in statements {
        if *name == "create_index" || text.is_empty() {
            continue;
        }
        let prepared = conn
            .prepare(AssertSqlSafe(text.clone()).into_sql_str())
            .await;
        prepared
            .map(drop)
            .map_err(|error| format!("SQLite does not prepare `{name}`: {error}\n{text}"))?;
        conn.clear_cached_statements()
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn run<'c, C>(conn: &'c mut C, sql: &str) -> Result<(), String>
where
    &'c mut C: Executor<'c>,
{
    let done = conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    done.map(drop).map_err(|error| format!("{error}\n{sql}"))
}

async fn on_postgres(
    conn: &mut PgConnection,
    model: &Model<'_>,
    table: &str,
    statements: &[Statement],
) -> Result<(), String> {
    run(conn, "BEGIN").await?;
    let done = prepare_on_postgres(conn, model, table, statements).await;
    run(conn, "ROLLBACK").await?;
    conn.clear_cached_statements()
        .await
        .map_err(|error| error.to_string())?;
    done
}

async fn prepare_on_postgres(
    conn: &mut PgConnection,
    model: &Model<'_>,
    table: &str,
    statements: &[Statement],
) -> Result<(), String> {
    run(conn, table).await?;
    run(conn, find(statements, "create_index")).await?;
    for (name, text) in statements {
        // Models whose rows go one by one have no text for many.
        if matches!(*name, "create_index" | "relation") || text.is_empty() {
            continue;
        }
        let named = match *name {
            "select" | "select_all" => key_types(model),
            _ => row_types(model),
        };
        let of = match name.contains("_all") {
            true => PgTypeInfo::array_of,
            false => PgTypeInfo::with_name,
        };
        let types: Vec<_> = named.into_iter().map(of).collect();
        let prepared = conn
            .prepare_with(AssertSqlSafe(text.clone()).into_sql_str(), &types)
            .await;
        prepared
            .map(drop)
            .map_err(|error| format!("PostgreSQL does not prepare `{name}`: {error}\n{text}"))?;
    }
    Ok(())
}

fn find<'a>(statements: &'a [Statement], name: &str) -> &'a str {
    let mut statements = statements.iter();
    let found = statements.find(|(other, _)| *other == name);
    found.map_or("", |(_, text)| text)
}

/// As the program declares them.
fn row_types(model: &Model) -> Vec<&'static str> {
    let types = model.binds.iter().map(|bind| match bind {
        Bind::Value(field) => declared(model, *field),
        Bind::IsSet(_) => "BOOL",
    });
    types.collect()
}

fn key_types(model: &Model) -> Vec<&'static str> {
    let mut types = Vec::new();
    for part in &model.target.parts {
        match part {
            TargetPart::Column(column) => {
                let ty = declared(model, model.columns[*column].field);
                types.extend(model.target.nulls_not_distinct.then_some(ty));
                types.push(ty);
            }
            TargetPart::Expression(pieces) => {
                let columns = pieces.iter().filter_map(TargetPiece::column);
                types.extend(columns.map(|column| declared(model, model.columns[column].field)));
            }
        }
    }
    types
}

fn declared(model: &Model, field: usize) -> &'static str {
    let field = &model.fields[field];
    match field.json {
        true => "JSONB",
        false => row_of(field.ty).1,
    }
}
