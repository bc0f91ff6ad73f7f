//! What must hold before the first statement of a model: neither server says so by itself.
//!
//! Without a unique index behind the target, `ON DUPLICATE KEY UPDATE` simply inserts the row again; without strict mode the
//! server stores something else than what it was given.

use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column, ColumnOrigin, Executor, Row, SqlSafeStr, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock};

use super::driver;
use super::many::class;
use crate::bulk::{KeyOrder, Look};
use crate::error::{Error, ErrorKind};
use crate::model::{IndexPart, KeyEquality, Model};
use crate::schema::rules::quote_table;

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
        remember(address);
    }
    Ok(())
}

fn remember(address: usize) {
    let mut found = FOUND.write().unwrap_or_else(PoisonError::into_inner);
    found.insert(address);
}

/// What is known of the tables of models: each by the model's address and by the table's schema and name.
static LOOKS: RwLock<BTreeMap<(usize, Arc<str>), Look>> = RwLock::new(BTreeMap::new());

/// Checks the table as a call of one row does, and asks how the columns of the key compare, once for each model and database in
/// the process.
pub(super) async fn look(conn: &mut MySqlConnection, model: &'static Model) -> Result<Look, Error> {
    let address = ptr::from_ref(model).addr();
    let place = full_name(conn, model).await.map(|name| (address, name));
    if let Some(place) = &place {
        let looks = LOOKS.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = looks.get(place) {
            return Ok(look.clone());
        }
    }
    check(conn, model).await?;
    remember(address);
    let look = look_at_table(conn, model).await.map_err(driver(model))?;
    if let Some(place) = place {
        let mut looks = LOOKS.write().unwrap_or_else(PoisonError::into_inner);
        looks.insert(place, look.clone());
    }
    Ok(look)
}

/// The schema and name of the table as the server says them of a prepared statement; the connection has this one prepared after
/// its first batch, and is not asked again.
async fn full_name(conn: &mut MySqlConnection, model: &'static Model) -> Option<Arc<str>> {
    let select = model.texts.mysql.select_locking.into_sql_str();
    let statement = conn.prepare(select).await.ok()?;
    let mut columns = statement.columns().iter();
    columns.find_map(|column| match column.origin() {
        ColumnOrigin::Table(origin) => Some(origin.table),
        _ => None,
    })
}

async fn look_at_table(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Look, sqlx::Error> {
    // Of the table behind a view nothing is known.
    let is_known = !is_view(conn, model).await?;
    let is_askable =
        is_known && model.many.key != KeyEquality::Unknown && !rewrites_keys(conn, model).await?;
    Ok(Look {
        orders: if is_askable {
            key_orders(conn, model).await?
        } else {
            vec![KeyOrder::Unknown; model.key.len()]
        },
        in_order: !is_known || refers_to_itself(conn, model).await?,
        ..Look::default()
    })
}

/// Whether rows of the table refer to other rows of it. InnoDB looks for them row by row.
async fn refers_to_itself(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS \
               WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND UNIQUE_CONSTRAINT_SCHEMA = CONSTRAINT_SCHEMA \
               AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME = TABLE_NAME";
    Ok(!rows(conn, sql, &table_name(model)).await?.is_empty())
}

/// Whether a trigger may write another key than the one given: it has to name the column for that.
async fn rewrites_keys(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS \
               WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ? \
               AND ACTION_TIMING = 'BEFORE' AND EVENT_MANIPULATION IN ('INSERT', 'UPDATE')";
    for row in &rows(conn, sql, &table_name(model)).await? {
        let statement: Option<String> = row.try_get_unchecked(0)?;
        let names_it = |column: &&str| {
            let statement = statement.as_deref();
            statement.is_none_or(|statement| names(statement, column))
        };
        if model.key.iter().any(names_it) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a statement may speak of a column. One of an unusual name is looked for nowhere.
fn names(statement: &str, column: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let column = column.to_lowercase();
    let mut words = statement.split(|letter| !is_part(letter));
    !column.chars().all(is_part) || words.any(|word| word.to_lowercase() == column)
}

/// By the columns' types and collations, which `SHOW COLUMNS` knows of temporary tables too.
async fn key_orders(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Vec<KeyOrder>, sqlx::Error> {
    let mut orders = BTreeMap::new();
    for row in &rows(conn, model.texts.mysql.show_columns, &[]).await? {
        let name: String = row.try_get_unchecked("Field")?;
        let ty: String = row.try_get_unchecked("Type")?;
        let collation: Option<String> = row.try_get_unchecked("Collation")?;
        let order = column_order(&ty.to_lowercase(), collation.as_deref());
        orders.insert(name.to_lowercase(), order);
    }
    let order = |column: &&str| orders.get(&column.to_lowercase()).copied();
    Ok(model
        .key
        .iter()
        .map(|column| order(column).unwrap_or(KeyOrder::Unknown))
        .collect())
}

/// How a column of this type (`bigint(20) unsigned`) compares values that are sent as what the column holds. Of others, and of
/// other columns, it makes something else, such as one day of two times.
fn column_order(ty: &str, collation: Option<&str>) -> KeyOrder {
    let (name, rest) = ty.split_once(['(', ' ']).unwrap_or((ty, ""));
    let length = rest.split_once(')').map(|(length, _)| length);
    match name {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => {
            KeyOrder::Classes(&[class::INTEGER])
        }
        "date" => KeyOrder::Classes(&[class::DATE]),
        "datetime" | "timestamp" if length == Some("6") => KeyOrder::Classes(&[class::INSTANT]),
        "time" if length == Some("6") => KeyOrder::Classes(&[class::TIME]),
        "varbinary" => KeyOrder::Classes(STRINGS),
        // Shorter ones are filled up with zeros.
        "binary" if length == Some("16") => KeyOrder::Classes(&[class::SIXTEEN_BYTES]),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            text_order(collation.unwrap_or_default())
        }
        _ => KeyOrder::Unknown,
    }
}

const STRINGS: &[u8] = &[class::STRING, class::SIXTEEN_BYTES];

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
        KeyOrder::TextOf {
            classes: STRINGS,
            fold: collation == "utf8mb4_0900_as_cs",
        }
    } else if FOLDING.iter().any(|known| collation.ends_with(known)) {
        KeyOrder::TextOf {
            classes: STRINGS,
            fold: true,
        }
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
    let lack = lacking_transactions(conn, model).await;
    if let Some(lack) = lack.map_err(driver(model))? {
        let what = format!("{}; run `{}`", lack.what, lack.fix);
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

/// What is missing, and the statement that mends it.
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

/// In a table whose engine has no transactions, the usual strict mode holds for a statement's first row alone, and what has been
/// written stays when a call fails. A view has no engine, and that of its table is not known.
async fn lacking_transactions(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Option<Lack>, sqlx::Error> {
    let Some(engine) = engine(conn, model).await? else {
        return Ok(None);
    };
    let sql = "SELECT 1 FROM information_schema.ENGINES WHERE ENGINE = ? AND TRANSACTIONS = 'NO'";
    let query = sqlx::query(sql).bind(&engine).persistent(false);
    if conn.fetch_all(query).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Lack {
        what: format!("the table's engine, {engine}, has no transactions"),
        fix: format!(
            "ALTER TABLE {} ENGINE = InnoDB",
            quote_table(model.table, '`')
        ),
    }))
}

async fn engine(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<Option<String>, sqlx::Error> {
    let sql = "SELECT ENGINE FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    if let Some(row) = rows(conn, sql, &table_name(model)).await?.first() {
        return row.try_get_unchecked(0);
    }
    // The engine of a temporary table stands nowhere else.
    let sql = format!("SHOW CREATE TABLE {}", quote_table(model.table, '`'));
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = match conn.fetch_all(query).await {
        Ok(rows) => rows,
        Err(sqlx::Error::Database(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let created: String = row.try_get_unchecked(1)?;
    let options = created
        .split_once("\n) ENGINE=")
        .map(|(_, options)| options);
    Ok(options.and_then(|options| Some(options.split_whitespace().next()?.to_owned())))
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

    #[test]
    fn a_trigger_names_a_column_in_any_spelling() {
        assert!(names("SET NEW.`Id` = 1", "id"));
        assert!(names("BEGIN SELECT 1 INTO :new.id; END", "ID"));
        assert!(!names("SET NEW.n = uuid(), NEW.id_of = 1", "id"));
        assert!(names("SET NEW.n = 1", "an id"));
    }

    #[test]
    fn a_column_keeps_values_apart_that_are_sent_as_what_it_holds() {
        let order = |ty| column_order(ty, None);
        let integer = KeyOrder::Classes(&[class::INTEGER]);
        assert_eq!(order("bigint(20) unsigned"), integer);
        assert_eq!(order("bigint unsigned"), integer);
        assert_eq!(order("year"), KeyOrder::Unknown);
        assert_eq!(order("float"), KeyOrder::Unknown);
        assert_eq!(order("uuid"), KeyOrder::Unknown);
        assert_eq!(order("datetime(6)"), KeyOrder::Classes(&[class::INSTANT]));
        assert_eq!(order("datetime"), KeyOrder::Unknown);
        assert_eq!(
            order("binary(16)"),
            KeyOrder::Classes(&[class::SIXTEEN_BYTES])
        );
        assert_eq!(order("binary(8)"), KeyOrder::Unknown);
        let text = |fold| KeyOrder::TextOf {
            classes: STRINGS,
            fold,
        };
        let order = |collation| column_order("varchar(9)", Some(collation));
        assert_eq!(order("utf8mb4_bin"), text(false));
        assert_eq!(order("utf8mb4_general_ci"), text(true));
        assert_eq!(order("utf8mb4_german2_ci"), KeyOrder::Unknown);
    }
}
