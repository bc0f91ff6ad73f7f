//! What must hold before the first statement of a model: neither server says so by itself.
//!
//! Without a unique index behind the target, `ON DUPLICATE KEY UPDATE` simply inserts the row again; without strict mode the
//! server stores something else than what it was given.

use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{Executor, Row};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::driver;
use crate::error::{Error, ErrorKind};
use crate::model::Model;

/// Looks at the table once for each model and process.
pub(super) async fn check_once(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<(), Error> {
    let found = (model.index_found)();
    if !found.load(Ordering::Relaxed) {
        check(conn, model).await?;
        found.store(true, Ordering::Relaxed);
    }
    Ok(())
}

async fn check(conn: &mut MySqlConnection, model: &'static Model) -> Result<(), Error> {
    let mode = "SELECT @@SESSION.sql_mode";
    let mode = rows(conn, model, mode, MySqlArguments::default()).await?;
    let mode: String = mode
        .first()
        .map_or(Ok(String::new()), |row| row.try_get(0))
        .map_err(driver(model))?;
    if !mode.contains("STRICT_") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            model,
            "the session is not in strict mode, so the server would store values other than those given; run `SET SESSION \
             sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')` on each connection, or set it in the server",
        ));
    }
    let indexes = unique_indexes(conn, model).await?;
    if indexes.iter().any(|columns| is_target(columns, model.key)) {
        return Ok(());
    }
    if indexes.is_empty() && is_view(conn, model).await? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::MissingUniqueIndex,
        model,
        format!(
            "no unique index stands behind the conflict target, and every call would insert the row again; run `{}`",
            model.texts.mysql.create_index
        ),
    ))
}

/// The columns of each unique index over whole columns. `SHOW INDEX` knows temporary tables too, and the information schema
/// does not.
async fn unique_indexes(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Vec<Vec<String>>, Error> {
    let parts = rows(
        conn,
        model,
        model.texts.mysql.show_index,
        MySqlArguments::default(),
    )
    .await?;
    let mut indexes = BTreeMap::<String, Option<Vec<String>>>::new();
    for part in &parts {
        let (name, column) = index_part(part).map_err(driver(model))?;
        let columns = indexes.entry(name).or_insert_with(|| Some(Vec::new()));
        match column {
            Some(column) => columns
                .as_mut()
                .map(|columns| columns.push(column))
                .unwrap_or_default(),
            None => *columns = None,
        }
    }
    Ok(indexes.into_values().flatten().collect())
}

/// The index's name and the part's column: none where the part cannot stand behind a column of the target (not unique, a
/// prefix, an expression).
fn index_part(row: &MySqlRow) -> Result<(String, Option<String>), sqlx::Error> {
    let not_unique: i64 = row.try_get_unchecked("Non_unique")?;
    let prefix: Option<i64> = row.try_get_unchecked("Sub_part")?;
    let column: Option<String> = row.try_get_unchecked("Column_name")?;
    let usable = not_unique == 0 && prefix.is_none();
    Ok((
        row.try_get_unchecked("Key_name")?,
        column.filter(|_| usable),
    ))
}

/// Both servers compare column names without regard to case.
fn is_target(index: &[String], key: &[&str]) -> bool {
    index.len() == key.len()
        && key.iter().all(|key| {
            index
                .iter()
                .any(|column| column.to_lowercase() == key.to_lowercase())
        })
}

/// A view has no indexes of its own; those of its table decide.
async fn is_view(conn: &mut MySqlConnection, model: &'static Model) -> Result<bool, Error> {
    let mut arguments = MySqlArguments::default();
    let (schema, table) = match model.table.split_once('.') {
        Some((schema, table)) => (Some(schema), table),
        None => (None, model.table),
    };
    for value in [schema, Some(table)] {
        sqlx::Arguments::add(&mut arguments, value)
            .map_err(|source| Error::encode(model, None, source))?;
    }
    let sql = "SELECT 1 FROM information_schema.VIEWS \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    Ok(!rows(conn, model, sql, arguments).await?.is_empty())
}

async fn rows(
    conn: &mut MySqlConnection,
    model: &'static Model,
    sql: &'static str,
    arguments: MySqlArguments,
) -> Result<Vec<MySqlRow>, Error> {
    let query = sqlx::query_with(sql, arguments).persistent(false);
    conn.fetch_all(query).await.map_err(driver(model))
}

#[cfg(test)]
mod tests {
    use super::is_target;

    #[test]
    fn an_index_stands_behind_a_target_with_the_same_columns_in_any_order() {
        let index = ["Sku".to_owned(), "tenant_id".to_owned()];
        assert!(is_target(&index, &["tenant_id", "sku"]));
        assert!(!is_target(&index, &["sku"]));
        assert!(!is_target(&index[..1], &["tenant_id", "sku"]));
    }
}
