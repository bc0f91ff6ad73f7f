//! What SQLite's catalogue says of a model's table.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::model::Model;
use crate::schema::rules::quote;

/// `hidden` of a generated column, virtual or stored.
const GENERATED: [i64; 2] = [2, 3];

/// A column as the table declares it.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
    /// The place in the primary key, counted from one.
    pub(super) primary: i64,
    pub(super) generated: bool,
}

pub(super) async fn declared_columns(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<Vec<Declared>, sqlx::Error> {
    let sql = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1, ?2)";
    let rows = ask(conn, sql, &name_and_schema(model)).await?;
    let column = |row: &SqliteRow| {
        Ok(Declared {
            name: row.try_get(0)?,
            ty: row.try_get(1)?,
            not_null: row.try_get(2)?,
            has_default: row.try_get(3)?,
            primary: row.try_get(4)?,
            generated: GENERATED.contains(&row.try_get(5)?),
        })
    };
    rows.iter().map(column).collect()
}

/// The name as it is, then the schema, if the model names one.
fn name_and_schema(model: &Model) -> [Option<&'static str>; 2] {
    match model.table.split_once('.') {
        Some((schema, table)) => [Some(table), Some(schema)],
        None => [Some(model.table), None],
    }
}

async fn ask(
    conn: &mut SqliteConnection,
    sql: &'static str,
    values: &[Option<&'static str>],
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let query = values
        .iter()
        .fold(sqlx::query(sql), |query, value| query.bind(*value));
    conn.fetch_all(query.persistent(false)).await
}

/// A view of this name, which has no constraints of its own.
pub(super) async fn is_view(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    has_object(conn, model, "type = 'view' AND lower(name) = lower(?1)").await
}

/// Whether the table is where the other questions are asked. One without a schema may as well be in a database that is attached.
pub(super) async fn is_found(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    has_object(conn, model, "type = 'table' AND lower(name) = lower(?1)").await
}

/// Whether a write to the table is the beginning of others.
pub(super) async fn has_triggers(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    has_object(
        conn,
        model,
        "type = 'trigger' AND lower(tbl_name) = lower(?1)",
    )
    .await
}

/// Whether there is something in the schema, `?1` being the table's name.
async fn has_object(
    conn: &mut SqliteConnection,
    model: &'static Model,
    condition: &'static str,
) -> Result<bool, sqlx::Error> {
    Ok(!objects(conn, model, "1", condition).await?.is_empty())
}

/// How the table was created; nothing if it is in a database that is attached and that the model does not name.
pub(super) async fn declaration(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<String, sqlx::Error> {
    let condition = "type = 'table' AND lower(name) = lower(?1)";
    let found = objects(conn, model, "sql", condition).await?;
    found
        .first()
        .map_or(Ok(String::new()), |row| row.try_get(0))
}

/// What there is in the schema, and among what is temporary: such a trigger may be on any table.
async fn objects(
    conn: &mut SqliteConnection,
    model: &'static Model,
    wanted: &'static str,
    condition: &'static str,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let [name, schema] = name_and_schema(model);
    let list = match schema {
        Some(schema) => format!("{}.sqlite_master", quote(schema, '"')),
        None => "sqlite_master".to_owned(),
    };
    let sql = format!(
        "SELECT {wanted} FROM (SELECT * FROM temp.sqlite_master UNION ALL SELECT * FROM {list}) WHERE {condition}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(name).persistent(false);
    conn.fetch_all(query).await
}

/// Whether rows of the table refer to other rows of it.
pub(super) async fn refers_to_itself(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM pragma_foreign_key_list(?1, ?2) WHERE lower(\"table\") = lower(?1)";
    let found = ask(conn, sql, &name_and_schema(model)).await?;
    Ok(!found.is_empty())
}

/// What a column makes of the values that are stored in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// The rules of <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>, in their order.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if has(&["INT"]) {
            Self::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if declared.is_empty() || has(&["BLOB"]) {
            Self::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

/// A unique index, and what may keep it from standing behind a target.
pub(super) struct Index {
    /// `("tenant", "email" COLLATE NOCASE)`, for messages.
    pub(super) shown: String,
    pub(super) columns: Vec<IndexedColumn>,
    pub(super) is_primary: bool,
    pub(super) is_partial: bool,
}

pub(super) struct IndexedColumn {
    /// None for an expression.
    pub(super) name: Option<String>,
    pub(super) collation: String,
}

pub(super) async fn unique_indexes(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<Vec<Index>, sqlx::Error> {
    let sql = "SELECT i.name, i.origin = 'pk', i.partial, x.name, x.coll \
               FROM pragma_index_list(?1, ?2) AS i, pragma_index_xinfo(i.name, ?2) AS x \
               WHERE i.\"unique\" AND x.key ORDER BY i.seq, x.seqno";
    let mut indexes: Vec<(String, Index)> = Vec::new();
    for row in ask(conn, sql, &name_and_schema(model)).await? {
        let name: String = row.try_get(0)?;
        if indexes.last().is_none_or(|(last, _)| *last != name) {
            let index = Index {
                shown: String::new(),
                columns: Vec::new(),
                is_primary: row.try_get(1)?,
                is_partial: row.try_get(2)?,
            };
            indexes.push((name, index));
        }
        if let Some((_, index)) = indexes.last_mut() {
            index.columns.push(IndexedColumn {
                name: row.try_get(3)?,
                collation: row.try_get(4)?,
            });
        }
    }
    let shown = indexes.into_iter().map(|(name, index)| {
        let columns = index.columns.iter().map(|column| {
            let name = column.name.as_deref().unwrap_or("an expression");
            match column.collation.as_str() {
                "BINARY" => name.to_owned(),
                collation => format!("{name} COLLATE {collation}"),
            }
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let partial = match index.is_partial {
            true => ", which is partial",
            false => "",
        };
        Index {
            shown: format!("`{name}` over ({columns}){partial}"),
            ..index
        }
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_are_those_of_the_documentation() {
        let types = [
            "BIGINT",
            "VARCHAR(9)",
            "",
            "DOUBLE",
            "STRING",
            "FLOATING POINT",
        ];
        let affinities = types.map(Affinity::of);
        let expected = [
            Affinity::Integer,
            Affinity::Text,
            Affinity::Blob,
            Affinity::Real,
            Affinity::Numeric,
            Affinity::Integer,
        ];
        assert_eq!(affinities, expected);
    }
}
