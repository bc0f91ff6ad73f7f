//! What must hold before the first statement of a model: neither server says so by itself.
//!
//! Without a unique index behind the target, `ON DUPLICATE KEY UPDATE` simply inserts the row again; without strict mode the
//! server stores something else than what it was given.

use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::{PoisonError, RwLock};

use super::driver;
use crate::bulk::{KeyOrder, Look};
use crate::error::{Error, ErrorKind};
use crate::model::{IndexPart, Model};

mod report;

/// The models that passed, each by its address. The model itself is a constant, which cannot hold what changes, and a function
/// with a static in every impl is something that every user's compiler would have to read.
static FOUND: RwLock<BTreeSet<usize>> = RwLock::new(BTreeSet::new());

/// Looks at the table once for each model and process.
pub(super) async fn check_once(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<(), Error> {
    let address = ptr::from_ref(model).addr();
    let found = || FOUND.read().unwrap_or_else(PoisonError::into_inner);
    if !found().contains(&address) {
        check(conn, model).await?;
        let mut found = FOUND.write().unwrap_or_else(PoisonError::into_inner);
        found.insert(address);
    }
    Ok(())
}

/// How the columns of a model's key compare, looked up once for each model and process, as its index is.
static LOOKS: RwLock<BTreeMap<usize, Look>> = RwLock::new(BTreeMap::new());

/// Checks the table as a call of one row does, and asks how the columns of the key compare.
pub(super) async fn look(conn: &mut MySqlConnection, model: &'static Model) -> Result<Look, Error> {
    check_once(conn, model).await?;
    let address = ptr::from_ref(model).addr();
    let known = {
        let looks = LOOKS.read().unwrap_or_else(PoisonError::into_inner);
        looks.get(&address).cloned()
    };
    if let Some(look) = known {
        return Ok(look);
    }
    let mut look = match Look::of_equality(model.many.key, model.key.len()) {
        Some(look) => look,
        None => Look {
            orders: key_orders(conn, model).await?,
            ..Look::default()
        },
    };
    look.in_order = refers_to_itself(conn, model).await?;
    let mut looks = LOOKS.write().unwrap_or_else(PoisonError::into_inner);
    Ok(looks.entry(address).or_insert(look).clone())
}

/// Whether rows of the table refer to other rows of it. InnoDB looks for them row by row.
async fn refers_to_itself(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<bool, Error> {
    let [schema, table] = table_name(model);
    let sql = "SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS \
               WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND UNIQUE_CONSTRAINT_SCHEMA = CONSTRAINT_SCHEMA \
               AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME = TABLE_NAME";
    let found = rows(conn, sql, &[schema, table]).await;
    Ok(!found.map_err(driver(model))?.is_empty())
}

/// By the columns' types and collations. A trigger may rewrite keys, and then nobody knows.
async fn key_orders(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Vec<KeyOrder>, Error> {
    let [schema, table] = table_name(model);
    let triggers = "SELECT 1 FROM information_schema.TRIGGERS \
                    WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ? \
                    AND ACTION_TIMING = 'BEFORE' AND EVENT_MANIPULATION = 'INSERT'";
    let triggers = rows(conn, triggers, &[schema, table]).await;
    if !triggers.map_err(driver(model))?.is_empty() {
        return Ok(vec![KeyOrder::Unknown; model.key.len()]);
    }
    let columns = "SELECT COLUMN_NAME, DATA_TYPE, COLLATION_NAME, DATETIME_PRECISION FROM information_schema.COLUMNS \
                   WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    let rows = rows(conn, columns, &[schema, table]).await;
    let rows = rows.map_err(driver(model))?;
    let mut orders = BTreeMap::new();
    for row in &rows {
        let (name, order) = column_order(row).map_err(driver(model))?;
        orders.insert(name, order);
    }
    // Temporary tables are not in the information schema.
    let order = |column: &&str| orders.get(&column.to_lowercase()).copied();
    Ok(model
        .key
        .iter()
        .map(|column| order(column).unwrap_or(KeyOrder::Unknown))
        .collect())
}

fn column_order(row: &MySqlRow) -> Result<(String, KeyOrder), sqlx::Error> {
    let name: String = row.try_get_unchecked(0)?;
    let data_type: String = row.try_get_unchecked(1)?;
    let collation: Option<String> = row.try_get_unchecked(2)?;
    let precision: Option<i64> = row.try_get_unchecked(3)?;
    let order = match &*data_type.to_lowercase() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "date" | "varbinary"
        | "uuid" => KeyOrder::Bytes,
        "datetime" | "timestamp" | "time" if precision == Some(6) => KeyOrder::Bytes,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            text_order(collation.as_deref().unwrap_or_default())
        }
        _ => KeyOrder::Unknown,
    };
    Ok((name.to_lowercase(), order))
}

/// Of these collations it is known what they do to printable ASCII: case may not count, nor spaces at the end. Others have
/// digraphs and the like.
fn text_order(collation: &str) -> KeyOrder {
    const FOLDING: [&str; 8] = [
        "_general_ci",
        "utf8mb4_0900_ai_ci",
        "utf8mb4_0900_as_ci",
        "_unicode_ci",
        "_unicode_520_ci",
        "_uca1400_ai_ci",
        "_uca1400_as_ci",
        "latin1_swedish_ci",
    ];
    if collation.ends_with("_bin") || collation == "utf8mb4_0900_as_cs" {
        KeyOrder::Text {
            fold: collation == "utf8mb4_0900_as_cs",
        }
    } else if FOLDING.iter().any(|known| collation.ends_with(known)) {
        KeyOrder::Text { fold: true }
    } else {
        KeyOrder::Unknown
    }
}

async fn check(conn: &mut MySqlConnection, model: &'static Model) -> Result<(), Error> {
    if let Some(lack) = lacking_mode(conn, model).await.map_err(driver(model))? {
        let what = format!(
            "{}; run `{}` on each connection, or set it in the server",
            lack.what, lack.fix
        );
        return Err(Error::new(ErrorKind::Unsupported, model, what));
    }
    let indexes = unique_indexes(conn, model).await.map_err(driver(model))?;
    if indexes.iter().any(|index| index.is_behind(model)) {
        return Ok(());
    }
    if indexes.is_empty() && is_view(conn, model).await.map_err(driver(model))? {
        return Ok(());
    }
    let computed = model
        .index
        .iter()
        .any(|part| matches!(part, IndexPart::Expression(_)));
    let on_mariadb = if computed {
        ", or, on MariaDB, make the index over a generated column"
    } else {
        ""
    };
    Err(Error::new(
        ErrorKind::MissingUniqueIndex,
        model,
        format!(
            "no unique index stands behind the conflict target, and every call would insert the row again; run \
             `{}`{on_mariadb}",
            model.texts.mysql.create_index
        ),
    ))
}

/// A mode that the session lacks.
struct Lack {
    what: String,
    fix: String,
}

/// Without these modes the server stores something else than what it was given, or NULL for a division by zero.
async fn lacking_mode(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Option<Lack>, sqlx::Error> {
    let mode = rows(conn, "SELECT @@SESSION.sql_mode", &[]).await?;
    let mode: String = mode
        .first()
        .map_or(Ok(String::new()), |row| row.try_get(0))?;
    let (lacks, would) = if !mode.contains("STRICT_") {
        ("STRICT_TRANS_TABLES", "store values other than those given")
    } else if model.divides && !mode.contains("ERROR_FOR_DIVISION_BY_ZERO") {
        (
            "ERROR_FOR_DIVISION_BY_ZERO",
            "store NULL for a division by zero",
        )
    } else {
        return Ok(None);
    };
    Ok(Some(Lack {
        what: format!("the session is not in strict mode, so the server would {would}"),
        fix: format!("SET SESSION sql_mode = CONCAT(@@sql_mode, ',{lacks}')"),
    }))
}

/// A part of a unique index as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Column(String),
    /// The text of an expression, or of the generated column.
    Expression(String),
}

/// A unique index, or one that is over the first characters of a column and so stands behind no target.
struct UniqueIndex {
    name: String,
    parts: Vec<Part>,
    /// Whether it is over whole columns and expressions.
    whole: bool,
}

/// The unique indexes of a table. `SHOW INDEX` knows temporary tables too, and the information schema does not.
async fn unique_indexes(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Vec<UniqueIndex>, sqlx::Error> {
    let generated = generated_columns(conn, model).await?;
    let rows = rows(conn, model.texts.mysql.show_index, &[]).await?;
    let mut indexes: Vec<UniqueIndex> = Vec::new();
    for row in &rows {
        let not_unique: i64 = row.try_get_unchecked("Non_unique")?;
        if not_unique != 0 {
            continue;
        }
        let name: String = row.try_get_unchecked("Key_name")?;
        let prefix: Option<i64> = row.try_get_unchecked("Sub_part")?;
        let part = index_part(row, &generated)?;
        let place = indexes.iter().position(|index| index.name == name);
        let place = place.unwrap_or_else(|| {
            indexes.push(UniqueIndex {
                name,
                parts: Vec::new(),
                whole: true,
            });
            indexes.len() - 1
        });
        indexes[place].parts.push(part);
        indexes[place].whole &= prefix.is_none();
    }
    Ok(indexes)
}

fn index_part(row: &MySqlRow, generated: &BTreeMap<String, String>) -> Result<Part, sqlx::Error> {
    let column: Option<String> = row.try_get_unchecked("Column_name")?;
    Ok(match column {
        Some(column) => match generated.get(&column) {
            Some(expression) => Part::Expression(expression.clone()),
            None => Part::Column(column),
        },
        // Only MySQL has indexes over expressions, and only there is the column present.
        None => Part::Expression(row.try_get_unchecked("Expression")?),
    })
}

/// What generated columns are computed from, for models whose target is an expression.
async fn generated_columns(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    if model
        .index
        .iter()
        .all(|part| matches!(part, IndexPart::Column(_)))
    {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT COLUMN_NAME, GENERATION_EXPRESSION FROM information_schema.COLUMNS \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND GENERATION_EXPRESSION <> ''";
    let rows = rows(conn, sql, &table_name(model)).await?;
    let column = |row: &MySqlRow| Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?));
    rows.iter().map(column).collect()
}

impl UniqueIndex {
    fn is_behind(&self, model: &Model) -> bool {
        self.whole && is_behind(&self.parts, model.index, model.fields)
    }
}

/// Whether an index is over just the parts of the target, in any order. The servers rewrite the text of an expression, so it is
/// known by its columns: all that the target has, and no others of the struct's `fields`.
fn is_behind(index: &[Part], target: &[IndexPart], fields: &[&str]) -> bool {
    let lower = |names: &[&str]| names.iter().map(|name| name.to_lowercase()).collect();
    let fields: BTreeSet<String> = lower(fields);
    let is_part = |part: &IndexPart, found: &Part| match (part, found) {
        // Both servers compare column names without regard to case.
        (IndexPart::Column(name), Part::Column(found)) => {
            found.to_lowercase() == name.to_lowercase()
        }
        (IndexPart::Expression(columns), Part::Expression(text)) => {
            let (columns, found): (BTreeSet<String>, _) = (lower(columns), columns_in(text));
            let others = found.difference(&columns);
            columns.is_subset(&found) && fields.is_disjoint(&others.cloned().collect())
        }
        _ => false,
    };
    index.len() == target.len()
        && target
            .iter()
            .all(|part| index.iter().any(|found| is_part(part, found)))
}

/// The columns that an expression speaks of, in lower case. Both servers write them in backquotes.
fn columns_in(expression: &str) -> BTreeSet<String> {
    // MySQL shows the text 'x' as `_utf8mb4\'x\'`.
    let is_escaped = expression.contains(r"_utf8mb4\'");
    let unescaped = is_escaped.then(|| expression.replace(r"\'", "'").replace(r"\\", r"\"));
    let mut rest = unescaped.as_deref().unwrap_or(expression);
    let mut columns = BTreeSet::new();
    while let Some(start) = rest.find(['`', '\'']) {
        let is_name = rest.as_bytes()[start] == b'`';
        rest = &rest[start + 1..];
        if is_name {
            let (name, after) = rest.split_once('`').unwrap_or((rest, ""));
            columns.insert(name.to_lowercase());
            rest = after;
        } else {
            rest = after_text(rest);
        }
    }
    columns
}

/// What comes after the text that has just begun.
fn after_text(mut rest: &str) -> &str {
    while let Some(at) = rest.find(['\\', '\'']) {
        let is_end = rest.as_bytes()[at] == b'\'';
        rest = &rest[at + 1..];
        if is_end {
            break;
        }
        let mut escaped = rest.chars();
        escaped.next();
        rest = escaped.as_str();
    }
    rest
}

/// A view has no indexes of its own; those of its table decide.
async fn is_view(conn: &mut MySqlConnection, model: &'static Model) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM information_schema.VIEWS \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    Ok(!rows(conn, sql, &table_name(model)).await?.is_empty())
}

/// The table's schema, if the model names one, and its name.
fn table_name(model: &'static Model) -> [Option<&'static str>; 2] {
    match model.table.split_once('.') {
        Some((schema, table)) => [Some(schema), Some(table)],
        None => [None, Some(model.table)],
    }
}

/// Runs a statement once, without a place in the connection's statement cache.
async fn rows(
    conn: &mut MySqlConnection,
    sql: &'static str,
    values: &[Option<&'static str>],
) -> Result<Vec<MySqlRow>, sqlx::Error> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        sqlx::Arguments::add(&mut arguments, *value).map_err(sqlx::Error::Encode)?;
    }
    let query = sqlx::query_with(sql, arguments).persistent(false);
    conn.fetch_all(query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_stands_behind_a_target_with_the_same_parts_in_any_order() {
        let column = |name: &str| Part::Column(name.to_owned());
        let index = [column("Sku"), column("tenant_id")];
        let target = [IndexPart::Column("tenant_id"), IndexPart::Column("sku")];
        assert!(is_behind(&index, &target, &[]));
        assert!(!is_behind(&index, &target[..1], &[]));
        assert!(!is_behind(&index[..1], &target, &[]));
    }

    #[test]
    fn an_expression_is_known_by_its_columns() {
        let is_behind = |text: &str, part| {
            let index = [Part::Expression(text.to_owned())];
            is_behind(&index, &[part], &["email", "Name"])
        };
        let email = || IndexPart::Expression(&["email"]);
        assert!(is_behind("lcase(`Email`)", email()));
        assert!(!is_behind(
            "lcase(`email`)",
            IndexPart::Expression(&["name"])
        ));
        assert!(!is_behind("lcase(`email`)", IndexPart::Column("email")));
        assert!(!is_behind("lcase(`email_of`)", email()));
        assert!(!is_behind("concat(`email`,`name`)", email()));
        // Of a column that the struct does not have, the target may speak as well.
        assert!(is_behind("if(`gone`,NULL,`email`)", email()));
    }

    #[test]
    fn columns_are_what_stands_in_backquotes() {
        let columns = |text| columns_in(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            columns("if(`Gone` is null,`email`,NULL)"),
            ["email", "gone"]
        );
        assert_eq!(columns(r"concat(`a`,'`b` it\'s `c`',`d`)"), ["a", "d"]);
        assert_eq!(columns(r"concat(`a`,'it''s `b`',`d`)"), ["a", "d"]);
        assert_eq!(columns(r"concat(`a`,_utf8mb4\'`b`\',`d`)"), ["a", "d"]);
    }
}
