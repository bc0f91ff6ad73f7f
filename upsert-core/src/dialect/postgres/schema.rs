//! PostgreSQL's side of the check: the statements themselves are explained, and the catalogue says what no plan tells.

use sqlx::encode::IsNull;
use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, PgTypeInfo, Postgres};
use sqlx::{AssertSqlSafe, Column as _, Connection, Encode, Executor, Row, Type, TypeInfo};
use std::collections::BTreeSet;

use super::RETURNING_OLD;
use crate::dialect::Dialect;
use crate::error::ErrorKind;
use crate::model::{IndexPart, Model};
#[cfg(feature = "json")]
use crate::schema::FieldType;
use crate::schema::rules::{self, Column, Repair, Table, Value, quote, quote_table};
use crate::schema::{CheckedUpsert, Finding, SchemaReport, SchemaRoom, Severity};

/// How a transaction begins in which nothing can be written.
const BEGIN: &str = "BEGIN TRANSACTION READ ONLY";

impl SchemaRoom for Postgres {
    #[cfg(feature = "json")]
    fn json_type() -> FieldType<Self> {
        FieldType::of::<sqlx::types::Json<()>>()
    }

    fn create_index(model: &'static Model) -> &'static str {
        model.texts.postgres.create_index
    }

    /// What fails would end the caller's transaction, so all of it happens behind a savepoint.
    async fn check(
        conn: &mut PgConnection,
        upsert: &CheckedUpsert<Self>,
        report: &mut SchemaReport,
    ) -> Result<(), sqlx::Error> {
        let mut tx = if conn.is_in_transaction() {
            conn.begin().await?
        } else {
            conn.begin_with(BEGIN).await?
        };
        check(&mut tx, upsert, report).await?;
        tx.rollback().await
    }
}

async fn check(
    conn: &mut PgConnection,
    upsert: &CheckedUpsert<Postgres>,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let model = upsert.model;
    let mut savepoint = conn.begin().await?;
    let found = match relation(&mut savepoint, model).await {
        Err(sqlx::Error::Database(error)) if is_privilege(&*error) => Err(error),
        found => Ok(found?),
    };
    savepoint.rollback().await?;
    let relation = match found {
        Ok(relation) => relation,
        Err(error) => {
            report.add(missing_privilege(conn, model, &*error).await?);
            return Ok(());
        }
    };
    let Some(relation) = relation else {
        let what = format!(
            "there is no such table in `{}`",
            match model.table.split_once('.') {
                Some((schema, _)) => schema.to_owned(),
                None => search_path(conn).await?,
            }
        );
        report.add(Finding::new(Severity::Error, model.table, what, None));
        return Ok(());
    };
    let table = table(conn, &relation).await?;
    let repair = PostgresRepair {
        model,
        is_table: relation.tells_constraints(),
        generated: table.made_by_the_database(),
    };
    let type_name = |name: &str| {
        let field = upsert.type_of(name)?;
        Some(field.info.name().to_owned())
    };
    rules::check_columns(model, &table, &repair, &type_name, report);
    check_types(conn, upsert, &table, &repair, report).await?;
    check_target(conn, model, &relation, report).await?;
    check_sequences(conn, model, &relation, report).await?;
    check_statements(conn, upsert, report).await?;
    check_action(conn, upsert, &relation, report).await
}

/// What the table is.
struct Relation {
    oid: i64,
    kind: String,
}

impl Relation {
    /// Whether what a row must be stands in the catalogue beside it.
    fn tells_constraints(&self) -> bool {
        matches!(self.kind.as_str(), "r" | "p" | "f")
    }
}

async fn relation(
    conn: &mut PgConnection,
    model: &'static Model,
) -> Result<Option<Relation>, sqlx::Error> {
    let sql = "SELECT c.oid::bigint, c.relkind::text FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)";
    let query = sqlx::query(sql).bind(quote_table(model.table, '"'));
    let rows = conn.fetch_all(query.persistent(false)).await?;
    let relation = |row: &PgRow| {
        Ok(Relation {
            oid: row.try_get(0)?,
            kind: row.try_get(1)?,
        })
    };
    rows.first().map(relation).transpose()
}

async fn search_path(conn: &mut PgConnection) -> Result<String, sqlx::Error> {
    let sql = "SELECT array_to_string(current_schemas(false), '`, `')";
    texts(conn, sqlx::query(sql))
        .await
        .map(|mut texts| texts.pop().unwrap_or_default())
}

/// The first column of a query.
async fn texts(
    conn: &mut PgConnection,
    query: sqlx::query::Query<'_, Postgres, PgArguments>,
) -> Result<Vec<String>, sqlx::Error> {
    let rows = conn.fetch_all(query.persistent(false)).await?;
    rows.iter().map(|row| row.try_get_unchecked(0)).collect()
}

async fn table(conn: &mut PgConnection, relation: &Relation) -> Result<Table, sqlx::Error> {
    let sql = "SELECT a.attname::text, NOT (a.attnotnull OR t.typnotnull), \
                      a.attidentity::text = 'a' OR a.attgenerated::text <> '', \
                      a.atthasdef OR a.attidentity::text <> '' OR t.typdefault IS NOT NULL \
               FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
               WHERE a.attrelid::bigint = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let query = sqlx::query(sql).bind(relation.oid).persistent(false);
    let column = |row: &PgRow| {
        Ok(Column {
            name: row.try_get(0)?,
            nullable: row.try_get(1)?,
            value: match (row.try_get(2)?, row.try_get(3)?) {
                (true, _) => Value::Always,
                (false, true) => Value::Default,
                (false, false) => Value::Nowhere,
            },
        })
    };
    let columns = conn.fetch_all(query).await?;
    let columns = columns
        .iter()
        .map(column)
        .collect::<Result<_, sqlx::Error>>()?;
    // Bits of `tgtype`: for each row (1), before it is stored (2), INSERT (4).
    let sql = "SELECT tgname::text FROM pg_catalog.pg_trigger \
               WHERE tgrelid::bigint = $1 AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 7 = 7";
    let triggers = texts(conn, sqlx::query(sql).bind(relation.oid)).await?;
    Ok(Table {
        columns,
        completes_rows: !triggers.is_empty(),
        ignores_case: false,
        keeps_by_default: false,
        tells_constraints: relation.tells_constraints(),
    })
}

struct PostgresRepair {
    model: &'static Model,
    /// A view is not altered.
    is_table: bool,
    /// Columns whose values do not stay when their type changes.
    generated: Vec<String>,
}

impl PostgresRepair {
    fn alter(&self, change: &str) -> Option<String> {
        let table = quote_table(self.model.table, '"');
        self.is_table
            .then(|| format!("ALTER TABLE {table} {change}"))
    }

    fn alter_column(&self, column: &str, change: &str) -> Option<String> {
        self.alter(&format!("ALTER COLUMN {} {change}", quote(column, '"')))
    }
}

impl Repair for PostgresRepair {
    fn add_column(&self, column: &str, ty: &str) -> Option<String> {
        self.alter(&format!("ADD COLUMN {} {ty}", quote(column, '"')))
    }

    fn set_not_null(&self, column: &str) -> Option<String> {
        self.alter_column(column, "SET NOT NULL")
    }

    fn drop_not_null(&self, column: &str) -> Option<String> {
        self.alter_column(column, "DROP NOT NULL")
    }

    fn change_type(&self, column: &str, ty: &str) -> Option<String> {
        if self.generated.iter().any(|generated| generated == column) {
            return None;
        }
        self.alter_column(
            column,
            &format!("TYPE {ty} USING {}::{ty}", quote(column, '"')),
        )
    }
}

/// The types of the columns as sqlx sees them when it reads a row.
async fn check_types(
    conn: &mut PgConnection,
    upsert: &CheckedUpsert<Postgres>,
    table: &Table,
    repair: &PostgresRepair,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let model = upsert.model;
    let is_there = |name: &&str| model.has_column(name) && table.find(name).is_some();
    let names: Vec<&str> = upsert.types.iter().map(|(name, _)| *name).collect();
    let names: Vec<&str> = names.into_iter().filter(is_there).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = rules::one_row(model.table, &names, '"');
    let mut savepoint = conn.begin().await?;
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = match savepoint.fetch_all(query).await {
        Ok(rows) => rows,
        // Privileges are missing, which the statements themselves say below.
        Err(sqlx::Error::Database(_)) => return savepoint.rollback().await,
        Err(other) => return Err(other),
    };
    savepoint.rollback().await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    for (name, column) in names.iter().zip(row.columns()) {
        let Some(field) = upsert.type_of(name) else {
            continue;
        };
        let found: &PgTypeInfo = column.type_info();
        if !(field.compatible)(found) {
            let found = found.name();
            report.add(rules::wrong_type(model, repair, name, field, found));
        }
    }
    Ok(())
}

/// NULL in place of a value, of the type that the calls declare.
struct NullOf(PgTypeInfo);

impl Type<Postgres> for NullOf {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for NullOf {
    fn encode_by_ref(
        &self,
        _: &mut <Postgres as sqlx::Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.0.clone())
    }
}

/// NULLs for binds of these names; the second bind of a name says whether a `Patch` is set.
fn nulls(
    upsert: &CheckedUpsert<Postgres>,
    binds: &[&'static str],
    flags: bool,
) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for (place, name) in binds.iter().enumerate() {
        let is_flag = flags && binds[..place].contains(name);
        let info = match upsert.type_of(name) {
            Some(field) if !is_flag => field.info.clone(),
            _ => <bool as Type<Postgres>>::type_info(),
        };
        sqlx::Arguments::add(&mut arguments, NullOf(info)).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The plan of a statement, or why there is none.
enum Explained {
    Plan(String),
    Refused(Box<dyn DatabaseError>),
    /// A type of a field is not known to the database.
    NoSuchType(String),
}

/// Plans a statement without running it. A plan of its own text: what sqlx knows of the real one is left alone.
async fn explain(
    conn: &mut PgConnection,
    sql: &str,
    arguments: PgArguments,
) -> Result<Explained, sqlx::Error> {
    let mut savepoint = conn.begin().await?;
    let sql = AssertSqlSafe(format!("EXPLAIN (VERBOSE, FORMAT JSON) {sql}"));
    let query = sqlx::query_with(sql, arguments).persistent(false);
    let explained = match savepoint.fetch_all(query).await {
        Ok(rows) => {
            let plan = rows.first().map(|row| row.try_get_unchecked(0)).transpose();
            Explained::Plan(plan?.unwrap_or_default())
        }
        Err(sqlx::Error::Database(error)) => Explained::Refused(error),
        Err(sqlx::Error::TypeNotFound { type_name }) => Explained::NoSuchType(type_name),
        Err(other) => return Err(other),
    };
    savepoint.rollback().await?;
    Ok(explained)
}

/// The planner finds the index as it does for every call; what it does not look at stands in the catalogue.
async fn check_target(
    conn: &mut PgConnection,
    model: &'static Model,
    relation: &Relation,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let version = conn.server_version_num();
    if model.nulls_not_distinct && version.is_some_and(|version| version < NULLS_NOT_DISTINCT) {
        let what = "the struct says `nulls_not_distinct`, which PostgreSQL has from version 15 on, and this server is older";
        report.add(Finding::new(Severity::Error, model.table, what, None));
        return Ok(());
    }
    let plan = match explain(conn, model.texts.postgres.target, PgArguments::default()).await? {
        Explained::Plan(plan) => plan,
        Explained::Refused(error) => {
            let (kind, _) = Postgres::explain(model, &*error);
            if kind == ErrorKind::MissingUniqueIndex {
                let found = unique_indexes(conn, relation).await?;
                let create = model.texts.postgres.create_index;
                let mut finding = rules::missing_index(model, &found, create);
                if !relation.tells_constraints() {
                    // It has none of its own; that of its table is what is missing.
                    finding.fix = None;
                }
                report.add(finding);
            }
            return Ok(());
        }
        Explained::NoSuchType(_) => return Ok(()),
    };
    for arbiter in arbiters(conn, relation, &plan).await? {
        check_predicate(conn, model, &arbiter, report).await?;
        check_arbiter(model, &arbiter, report);
    }
    Ok(())
}

/// The unique indexes of a table, as they are created, with what keeps one from deciding a conflict.
async fn unique_indexes(
    conn: &mut PgConnection,
    relation: &Relation,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT '`' || pg_get_indexdef(i.indexrelid) || '`' \
                      || CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE ', which is not valid: REINDEX it' END \
               FROM pg_catalog.pg_index i WHERE i.indrelid::bigint = $1 AND i.indisunique ORDER BY i.indexrelid";
    texts(conn, sqlx::query(sql).bind(relation.oid)).await
}

/// The first version in which a unique index can take NULLs for equal.
const NULLS_NOT_DISTINCT: u32 = 150_000;

/// An index that the planner chose to decide conflicts.
struct Arbiter {
    name: String,
    immediate: bool,
    nulls_not_distinct: bool,
    predicate: Option<String>,
    /// The columns, if it is over columns alone.
    columns: Option<Vec<String>>,
    /// Columns that the index compares under another collation than they do, where one of the two takes different texts for
    /// equal.
    collated: Vec<String>,
    /// Of the constraint that the index is there for.
    definition: Option<String>,
}

async fn arbiters(
    conn: &mut PgConnection,
    relation: &Relation,
    plan: &str,
) -> Result<Vec<Arbiter>, sqlx::Error> {
    // Before version 15 there is no `indnullsnotdistinct`.
    let sql = "SELECT c.relname::text, i.indimmediate, \
                      COALESCE((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), \
                      pg_get_expr(i.indpred, i.indrelid), \
                      CASE WHEN i.indexprs IS NULL THEN ARRAY( \
                          SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum) \
                          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) END, \
                      ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) AS k (place) \
                          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.place] \
                          WHERE a.attcollation <> i.indcollation[k.place] AND EXISTS ( \
                              SELECT 1 FROM pg_catalog.pg_collation l \
                              WHERE l.oid IN (a.attcollation, i.indcollation[k.place]) AND NOT l.collisdeterministic)), \
                      (SELECT pg_get_constraintdef(o.oid) FROM pg_catalog.pg_constraint o \
                       WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u')) \
               FROM jsonb_array_elements_text($1::jsonb #> '{0,Plan,Conflict Arbiter Indexes}') AS n (name) \
               JOIN pg_catalog.pg_class c ON c.relname = n.name \
               JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indrelid::bigint = $2";
    let query = sqlx::query(sql).bind(plan).bind(relation.oid);
    let rows = conn.fetch_all(query.persistent(false)).await?;
    let arbiter = |row: &PgRow| {
        Ok(Arbiter {
            name: row.try_get(0)?,
            immediate: row.try_get(1)?,
            nulls_not_distinct: row.try_get(2)?,
            predicate: row.try_get(3)?,
            columns: row.try_get(4)?,
            collated: row.try_get(5)?,
            definition: row.try_get(6)?,
        })
    };
    rows.iter().map(arbiter).collect()
}

/// PostgreSQL takes an index over more rows than those of the struct's predicate, too.
async fn check_predicate(
    conn: &mut PgConnection,
    model: &'static Model,
    arbiter: &Arbiter,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let (name, asked) = match model.predicate {
        Some(asked) => (&arbiter.name, asked),
        None => return Ok(()),
    };
    let Some(found) = &arbiter.predicate else {
        report.add(rules::no_predicate(model, &format!("`{name}`")));
        return Ok(());
    };
    if !are_the_same(conn, model, [asked, found]).await? {
        let what = format!(
            "the struct says `conflict_where`, and the index `{name}` is over all rows WHERE {found}: if those are more, the \
             others conflict too"
        );
        report.add(Finding::new(Severity::Warning, model.table, what, None));
    }
    Ok(())
}

/// Whether two conditions have the same parts, in the form that the planner brings them to. What it does not plan is not told
/// apart.
async fn are_the_same(
    conn: &mut PgConnection,
    model: &'static Model,
    conditions: [&str; 2],
) -> Result<bool, sqlx::Error> {
    let [one, two] = conditions;
    let sql = format!(
        "SELECT ({one}), ({two}) FROM {}",
        quote_table(model.table, '"')
    );
    let Explained::Plan(plan) = explain(conn, &sql, PgArguments::default()).await? else {
        return Ok(true);
    };
    let sql = "SELECT jsonb_array_elements_text($1::jsonb #> '{0,Plan,Output}')";
    let shown = texts(conn, sqlx::query(sql).bind(plan)).await?;
    let parts: Vec<_> = shown.iter().map(|condition| conjuncts(condition)).collect();
    Ok(parts.windows(2).all(|pair| pair[0] == pair[1]))
}

/// What `((a = 1) AND (b = 2))` joins.
fn conjuncts(condition: &str) -> BTreeSet<&str> {
    let inner = condition
        .strip_prefix("((")
        .and_then(|rest| rest.strip_suffix("))"));
    let Some(inner) = inner else {
        return BTreeSet::from([condition]);
    };
    // Each part is in parentheses of its own, so there is one for all of them only around more than one.
    let parts: BTreeSet<_> = inner.split(") AND (").collect();
    let are_whole = parts.iter().all(|part| {
        let opened = part.matches('(').count();
        opened == part.matches(')').count() && part.matches('\'').count() % 2 == 0
    });
    if are_whole {
        parts
    } else {
        BTreeSet::from([condition])
    }
}

fn check_arbiter(model: &'static Model, arbiter: &Arbiter, report: &mut SchemaReport) {
    let name = &arbiter.name;
    let mut add = |severity, what: String, fix| {
        report.add(Finding::new(severity, model.table, what, fix));
    };
    if !arbiter.immediate {
        // An index beside it does not help: PostgreSQL would still choose both.
        let table = quote_table(model.table, '"');
        let constraint = quote(name, '"');
        let what = format!(
            "the unique constraint `{name}` behind the conflict target is deferrable, and cannot decide a conflict; make it \
             again as NOT DEFERRABLE"
        );
        let fix = arbiter.definition.as_ref().map(|definition| {
            let definition = definition
                .trim_end_matches(" INITIALLY DEFERRED")
                .trim_end_matches(" DEFERRABLE");
            format!(
                "ALTER TABLE {table} DROP CONSTRAINT {constraint}, ADD CONSTRAINT {constraint} {definition}"
            )
        });
        add(Severity::Error, what, fix);
    }
    if model.nulls_not_distinct && !arbiter.nulls_not_distinct {
        let what = format!(
            "the struct says `nulls_not_distinct`, and to the index `{name}` two NULLs are distinct, so a key with NULL is \
             inserted again and again; drop it and create it anew"
        );
        add(Severity::Error, what, None);
    }
    let mut keys = Vec::new();
    for part in model.index {
        match part {
            IndexPart::Column(name) => keys.push(*name),
            IndexPart::Expression(_) => return,
        }
    }
    if let Some(columns) = &arbiter.columns {
        let is_same = columns.len() == keys.len()
            && keys
                .iter()
                .all(|key| columns.iter().any(|column| column == key));
        if !is_same {
            let what = format!(
                "the constraint `{name}` is over ({}), and the struct's `conflict` over ({}), by which a row is read back",
                columns.join(", "),
                keys.join(", ")
            );
            add(Severity::Error, what, None);
        }
    }
    for column in &arbiter.collated {
        let what = format!(
            "the index `{name}` compares it under another collation than the column's own: a row that conflicts may not be \
             found again by its key"
        );
        let finding = Finding::new(Severity::Warning, model.table, what, None);
        report.add(finding.of_column(column));
    }
}

/// A sequence that a column's default takes its values from wants a privilege of its own, which no plan asks for.
async fn check_sequences(
    conn: &mut PgConnection,
    model: &'static Model,
    relation: &Relation,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let sql = "SELECT a.attname::text, s.oid::regclass::text, quote_ident(current_user) \
               FROM pg_catalog.pg_attribute a \
               JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
               JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid \
                    AND p.refclassid = 'pg_catalog.pg_class'::regclass \
               JOIN pg_catalog.pg_class s ON s.oid = p.refobjid \
               WHERE a.attrelid::bigint = $1 \
                     AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') ELSE false END";
    let query = sqlx::query(sql).bind(relation.oid).persistent(false);
    for row in conn.fetch_all(query).await? {
        let (column, sequence, user): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if model.has_column(&column) && !model.generated.contains(&column.as_str()) {
            continue;
        }
        let what = format!(
            "its default takes values from the sequence `{sequence}`, which the user may not use"
        );
        let fix = Some(format!("GRANT USAGE ON SEQUENCE {sequence} TO {user}"));
        let finding = Finding::new(Severity::Error, model.table, what, fix);
        report.add(finding.of_column(&column));
    }
    Ok(())
}

/// The statements themselves: types, privileges, rules, and everything else that a plan depends on. Where the columns or the
/// target are wrong, the plans only say that again, and are asked for privileges alone.
async fn check_statements(
    conn: &mut PgConnection,
    upsert: &CheckedUpsert<Postgres>,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let model = upsert.model;
    let texts = &model.texts.postgres;
    let is_wrong = report.has_errors();
    let statements = [
        (texts.upsert_returning, model.bound, true),
        (texts.insert_if_absent_returning, model.bound, true),
        (texts.select, model.key, false),
    ];
    for (sql, binds, flags) in statements {
        match explain(conn, sql, nulls(upsert, binds, flags)?).await? {
            Explained::Plan(_) => {}
            Explained::Refused(error) => {
                if is_privilege(&*error) {
                    report.add(missing_privilege(conn, model, &*error).await?);
                } else if !is_wrong {
                    let (_, what) = Postgres::explain(model, &*error);
                    let fix = fix_of_json(conn, upsert, &*error).await?;
                    report.add(Finding::new(Severity::Error, model.table, what, fix));
                }
            }
            Explained::NoSuchType(name) => {
                let what = format!(
                    "the database has no type `{name}`, which a field of the struct is sent as"
                );
                report.add(Finding::new(Severity::Error, model.table, what, None));
            }
        }
    }
    Ok(())
}

fn is_privilege(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some("42501")
}

async fn missing_privilege(
    conn: &mut PgConnection,
    model: &'static Model,
    error: &dyn DatabaseError,
) -> Result<Finding, sqlx::Error> {
    let user = texts(conn, sqlx::query("SELECT quote_ident(current_user)")).await?;
    let user = user.into_iter().next().unwrap_or_default();
    let what = format!(
        "{}; an upsert needs INSERT and UPDATE, and SELECT for the key and for what comes back",
        error.message()
    );
    let on_table = error.message().contains(" table ") || error.message().contains(" view ");
    let fix = match model.table.split_once('.') {
        _ if on_table => {
            let table = quote_table(model.table, '"');
            Some(format!("GRANT SELECT, INSERT, UPDATE ON {table} TO {user}"))
        }
        Some((schema, _)) if error.message().contains(" schema ") => {
            let schema = quote(schema, '"');
            Some(format!("GRANT USAGE ON SCHEMA {schema} TO {user}"))
        }
        _ => None,
    };
    Ok(Finding::new(Severity::Error, model.table, what, fix))
}

/// `json` cannot be compared, which the error does not say of a column.
async fn fix_of_json(
    conn: &mut PgConnection,
    upsert: &CheckedUpsert<Postgres>,
    error: &dyn DatabaseError,
) -> Result<Option<String>, sqlx::Error> {
    if !super::error::compares_json(error) {
        return Ok(None);
    }
    let sql = "SELECT attname::text FROM pg_catalog.pg_attribute \
               WHERE attrelid = to_regclass($1) AND atttypid = 'json'::regtype AND NOT attisdropped ORDER BY attnum";
    let table = quote_table(upsert.model.table, '"');
    let columns = texts(conn, sqlx::query(sql).bind(&table)).await?;
    let changes = columns.iter().map(|column| {
        let column = quote(column, '"');
        format!("ALTER COLUMN {column} TYPE jsonb USING {column}::jsonb")
    });
    let changes: Vec<_> = changes.collect();
    Ok((!changes.is_empty()).then(|| format!("ALTER TABLE {table} {}", changes.join(", "))))
}

/// What `with_action` needs on top: before version 18 a system column, which not every relation has.
async fn check_action(
    conn: &mut PgConnection,
    upsert: &CheckedUpsert<Postgres>,
    relation: &Relation,
    report: &mut SchemaReport,
) -> Result<(), sqlx::Error> {
    let model = upsert.model;
    let texts = &model.texts.postgres;
    let has_old = conn
        .server_version_num()
        .is_some_and(|version| version >= RETURNING_OLD);
    if !has_old && relation.kind == "p" {
        // Planned without complaint; it fails when it runs.
        let what = super::error::no_xmax();
        report.add(Finding::new(Severity::Note, model.table, what, None));
        return Ok(());
    }
    if report.has_errors() {
        // The plan would only say them again.
        return Ok(());
    }
    let sql = match has_old {
        true => texts.upsert_with_action_18,
        false => texts.upsert_with_action,
    };
    let plan = explain(conn, sql, nulls(upsert, model.bound, true)?).await?;
    if let Explained::Refused(error) = plan {
        let (_, what) = Postgres::explain(model, &*error);
        let what = format!("`with_action` cannot be used: {what}");
        report.add(Finding::new(Severity::Note, model.table, what, None));
    }
    Ok(())
}
