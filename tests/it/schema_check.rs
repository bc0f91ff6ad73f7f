//! What the check of the schema finds, on each database, and that the SQL it gives puts it right.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Pool};
use upsert::{Dialect, ErrorKind, Finding, Patch, SchemaReport, Severity, Upsert, UpsertModels};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email", accumulate = "stock")]
#[upsert(name = "touch", insert_only = "name, stock", returning = "id")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: Option<String>,
    stock: i64,
    #[upsert(now)]
    seen_at: DateTime<Utc>,
}

const USERS: &str = r#"CREATE TABLE "users" (
    "id" {id}, "email" {text} NOT NULL UNIQUE, "name" {text}, "stock" BIGINT NOT NULL, "seen_at" {instant} NOT NULL,
    "note" {text}, "kind" BIGINT NOT NULL DEFAULT 1
)"#;

/// The upserts have names alone.
#[derive(Debug, Upsert)]
#[upsert(table = "sessions")]
#[upsert(name = "open", conflict = "token")]
#[upsert(name = "move_to", conflict = "user_id, place")]
struct Session {
    token: String,
    user_id: i64,
    place: String,
}

const SESSIONS: &str = r#"CREATE TABLE "sessions" (
    "token" {text} NOT NULL PRIMARY KEY, "user_id" BIGINT NOT NULL, "place" {text} NOT NULL, UNIQUE ("place", "user_id")
)"#;

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct Tag {
    name: String,
    count: i64,
}

const TAGS: &str =
    r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL)"#;

/// The same, read back as something else.
#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", returning = "name")]
struct NamesOnly {
    name: String,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct Generic<T> {
    name: String,
    count: T,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", returning = "count")]
struct Borrowed<'a> {
    name: &'a str,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct WithMore {
    name: String,
    count: i64,
    weight: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", generated = "count")]
struct MadeCount {
    name: String,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct OptionalCount {
    name: String,
    count: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct PatchedCount {
    name: String,
    count: Patch<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "email",
    conflict_where = "deleted_at IS NULL"
)]
struct Living {
    email: String,
    #[upsert(insert_only)]
    deleted_at: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "email",
    conflict_where = "deleted_at IS NULL AND kind = 1"
)]
struct LivingOfAKind {
    email: String,
    #[upsert(insert_only)]
    deleted_at: Option<i64>,
    kind: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "mails", conflict = "lower(email)", insert_only = "email")]
struct ByLower {
    email: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "slots", conflict = "place", nulls_not_distinct)]
struct Slot {
    place: Option<String>,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", constraint = "uq_tags")]
struct ByConstraint {
    name: String,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "docs", conflict = "id")]
struct Doc {
    id: i64,
    #[upsert(json, update = if distinct(old.body, new.body) { new.body } else { old.body })]
    body: serde_json::Value,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    update_where(sql(r#"{new.count} > 0 AND "cuont" IS NOT NULL"#))
)]
struct Misspelt {
    name: String,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name")]
struct Measured {
    name: String,
    weight: f64,
}

#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "mood", rename_all = "lowercase")]
enum Mood {
    Fine,
}

#[derive(Debug, Upsert)]
#[upsert(table = "people", conflict = "name")]
struct Person {
    name: String,
    mood: Mood,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    update_where(old.name != "tags" && old.name != "n")
)]
struct NotItself {
    name: String,
    count: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "people", conflict = "lower(name)", returning = "username")]
struct ByLowerName {
    name: String,
    #[upsert(insert_only)]
    username: String,
}

#[derive(Debug, Upsert)]
#[upsert(table = "auth.tags", conflict = "name")]
struct InAuth {
    name: String,
    count: i64,
}

/// The one thing that was found.
fn only(report: &SchemaReport) -> Result<Finding> {
    match report.findings() {
        [finding] => Ok(finding.clone()),
        _ => anyhow::bail!("not one finding:\n{report}"),
    }
}

fn is(finding: &Finding, severity: Severity, column: Option<&str>, words: &str) -> Result<()> {
    ensure!(finding.severity == severity, "{finding}");
    ensure!(finding.column.as_deref() == column, "{finding}");
    ensure!(finding.what.contains(words), "{finding}");
    Ok(())
}

fn fix(finding: &Finding) -> Result<&str> {
    finding.fix.as_deref().with_context(|| finding.to_string())
}

/// A caller that knows no database.
async fn everything<DB: Dialect>(pool: &Pool<DB>) -> Result<SchemaReport, upsert::Error>
where
    User: UpsertModels<DB>,
    Session: UpsertModels<DB>,
    Tag: UpsertModels<DB>,
{
    upsert::check_schema!(pool; User, Session, Tag)
        .report()
        .await
}

/// Checks that nothing is found.
macro_rules! right {
    ($db:ident, $model:ty) => {{
        let report = <$model>::check_schema(&$db.pool).report().await?;
        ensure!(report.is_empty(), "{report}");
    }};
}

/// Checks that there is one finding, and that its SQL makes it go away.
macro_rules! one_with_fix {
    ($db:ident, $model:ty, $severity:ident, $column:expr, $words:expr) => {{
        let finding = only(&<$model>::check_schema(&$db.pool).report().await?)?;
        is(&finding, Severity::$severity, $column, $words)?;
        $db.run_as_it_is(fix(&finding)?).await?;
        right!($db, $model);
        finding
    }};
}

/// The same for a finding that no line of SQL puts right.
macro_rules! one_without_fix {
    ($db:ident, $model:ty, $severity:ident, $column:expr, $words:expr) => {{
        let finding = only(&<$model>::check_schema(&$db.pool).report().await?)?;
        is(&finding, Severity::$severity, $column, $words)?;
        ensure!(finding.fix.is_none(), "{finding}");
    }};
}

dialect_tests! {
    async fn a_right_schema_has_no_findings(db: Db) -> Result<()> {
        db.run(USERS).await?;
        db.run(TAGS).await?;
        right!(db, User);
        right!(db, Tag);
        right!(db, NamesOnly);
        right!(db, Generic<i64>);
        right!(db, Borrowed<'_>);
        let report = Tag::check_schema(&db.pool).await?;
        assert_eq!(report.to_string(), "the schema has everything that its structs need");
        // Nothing was written.
        assert_eq!((db.count("users").await?, db.count("tags").await?), (0, 0));
        // And what was found is what the calls find.
        assert_eq!(Tag { name: "a".to_owned(), count: 1 }.upsert(&db.pool).await?.count, 1);
        right!(db, Tag);
        Ok(())
    }

    async fn on_every_executor(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL, "count" BIGINT NOT NULL)"#).await?;
        let mut tx = db.pool.begin().await?;
        sqlx::query(AssertSqlSafe(db.sql(r#"INSERT INTO "tags" VALUES ('a', 1)"#))).execute(&mut *tx).await?;
        only(&Tag::check_schema(&mut tx).report().await?)?;
        only(&Tag::check_schema(&mut *tx).report().await?)?;
        // What failed on the way left the transaction as it was.
        tx.commit().await?;
        assert_eq!(db.count("tags").await?, 1);
        let mut conn = db.pool.acquire().await?;
        only(&Tag::check_schema(&mut conn).report().await?)?;
        drop(conn);
        let mut conn: <DB as sqlx::Database>::Connection = db.connect().await?;
        only(&Tag::check_schema(&mut conn).report().await?)?;
        only(&upsert::check_schema!(&mut conn; Tag, NamesOnly).report().await?)?;
        conn.close().await?;
        let pool = db.pool.clone();
        let task = tokio::spawn(async move { Tag::check_schema(&pool).report().await });
        only(&task.await??)?;
        Ok(())
    }

    async fn several_structs_at_once(db: Db) -> Result<()> {
        let report = everything(&db.pool).await?;
        assert_eq!(report.findings().len(), 3, "{report}");
        db.run(USERS).await?;
        db.run(SESSIONS).await?;
        db.run(TAGS).await?;
        let report = everything(&db.pool).await?;
        assert!(!report.has_errors(), "{report}");
        upsert::check_schema!(&db.pool; User, Session, Tag).await?;
        Ok(())
    }

    async fn as_a_result_it_is_an_error_that_lists_all(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        let error = Tag::check_schema(&db.pool).await.unwrap_err();
        assert_eq!((error.kind(), error.table()), (ErrorKind::Schema, "tags"));
        let report = error.schema_report().context("a report")?;
        // The column is missing, another is left out, and there is no index: all at once.
        assert_eq!(report.findings().len(), 3, "{report}");
        for finding in report.findings() {
            assert!(error.to_string().contains(&finding.to_string()), "{error}");
        }
        let error = sqlx::Error::from(error).to_string();
        assert!(error.contains("no unique index"), "{error}");
        Ok(())
    }

    async fn a_missing_table(db: Db) -> Result<()> {
        one_without_fix!(db, Tag, Error, None, "no such table");
        Ok(())
    }

    async fn a_missing_column(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        one_with_fix!(db, WithMore, Error, Some("weight"), "no such column");
        Ok(())
    }

    async fn a_missing_index(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL, "count" BIGINT NOT NULL, UNIQUE ("name", "count"))"#).await?;
        let mut findings = Tag::check_schema(&db.pool).report().await?.findings().to_vec();
        // MySQL has something to say of the other key, too.
        findings.retain(|finding| finding.severity != Severity::Note);
        let [finding] = &findings[..] else { anyhow::bail!("{findings:?}") };
        is(finding, Severity::Error, None, "no unique index stands behind the conflict target (`name`); the table has `")?;
        assert_eq!(fix(finding)?, Tag::create_index_sql::<DB>());
        db.run_as_it_is(fix(finding)?).await?;
        Tag::check_schema(&db.pool).await?;
        Ok(())
    }

    /// What a connection remembers of an earlier call or check is not asked.
    async fn what_was_right_before(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL, "count" BIGINT NOT NULL)"#).await?;
        let on = if db.server.door.words().any(|word| word == "mysql") { r#" ON "tags""# } else { "" };
        let create = r#"CREATE UNIQUE INDEX "tags_name" ON "tags" ("name")"#;
        let mut conn = db.connect().await?;
        db.run(create).await?;
        Tag { name: "a".to_owned(), count: 1 }.upsert(&mut conn).await?;
        assert!(Tag::check_schema(&mut conn).await?.is_empty());
        db.run(&format!(r#"DROP INDEX "tags_name"{on}"#)).await?;
        only(&Tag::check_schema(&mut conn).report().await?)?;
        db.run(create).await?;
        assert!(Tag::check_schema(&mut conn).await?.is_empty());
        db.run(r#"ALTER TABLE "tags" ADD COLUMN "kind" BIGINT NOT NULL DEFAULT 1"#).await?;
        assert!(Tag::check_schema(&mut conn).await?.is_empty());
        db.run(r#"ALTER TABLE "tags" RENAME COLUMN "count" TO "n""#).await?;
        assert!(Tag::check_schema(&mut conn).report().await?.has_errors());
        Ok(conn.close().await?)
    }

    async fn a_missing_index_of_a_named_upsert(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "sessions" ("token" {text} NOT NULL, "user_id" BIGINT NOT NULL, "place" {text} NOT NULL)"#).await?;
        let report = Session::check_schema(&db.pool).report().await?;
        let fixes: Vec<_> = report.findings().iter().filter_map(|finding| finding.fix.as_deref()).collect();
        assert_eq!(fixes, [Session::open_sql::<DB>().create_index(), Session::move_to_sql::<DB>().create_index()]);
        for fix in fixes {
            db.run_as_it_is(fix).await?;
        }
        Session::check_schema(&db.pool).await?;
        Ok(())
    }

    async fn a_key_that_may_be_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} UNIQUE, "count" BIGINT NOT NULL)"#).await?;
        let finding = only(&Tag::check_schema(&db.pool).await?)?;
        is(&finding, Severity::Warning, Some("name"), "may be NULL")?;
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_key_that_may_be_null_can_be_made_not_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} UNIQUE, "count" BIGINT NOT NULL)"#).await?;
        one_with_fix!(db, Tag, Warning, Some("name"), "may be NULL");
        Ok(())
    }

    async fn a_null_that_the_field_cannot_hold(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT)"#).await?;
        let finding = only(&Tag::check_schema(&db.pool).await?)?;
        is(&finding, Severity::Warning, Some("count"), "the field cannot hold")?;
        // What is not read back does not matter.
        right!(db, NamesOnly);
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_null_that_the_field_cannot_hold_can_be_ruled_out(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT)"#).await?;
        one_with_fix!(db, Tag, Warning, Some("count"), "the field cannot hold");
        Ok(())
    }

    async fn a_none_that_the_column_cannot_hold(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let finding = only(&OptionalCount::check_schema(&db.pool).await?)?;
        is(&finding, Severity::Warning, Some("count"), "`None`")?;
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_none_that_the_column_cannot_hold_can_be_let_in(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        one_with_fix!(db, OptionalCount, Warning, Some("count"), "`None`");
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn a_patch_of_a_column_that_is_not_null(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let finding = only(&PatchedCount::check_schema(&db.pool).await?)?;
        is(&finding, Severity::Warning, Some("count"), "`Keep`")?;
        Ok(())
    }

    /// No statement is accepted, whatever it is given.
    #[on(mysql)]
    async fn a_patch_of_a_column_without_a_default(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let finding = only(&PatchedCount::check_schema(&db.pool).report().await?)?;
        is(&finding, Severity::Error, Some("count"), "every row is refused")?;
        let row = PatchedCount { name: "a".to_owned(), count: Patch::Set(1) };
        assert_eq!(row.upsert(&db.pool).await.unwrap_err().kind(), ErrorKind::NotNullViolation);
        db.run("ALTER TABLE \"tags\" ALTER COLUMN \"count\" SET DEFAULT 0").await?;
        right!(db, PatchedCount);
        assert_eq!(row.upsert(&db.pool).await?.count, Patch::Set(1));
        Ok(())
    }

    async fn a_generated_column_that_nobody_makes(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        one_without_fix!(db, MadeCount, Error, Some("count"), "`generated`");
        Ok(())
    }

    async fn a_column_that_the_database_makes_itself(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" (
                "name" {text} NOT NULL PRIMARY KEY, "n" BIGINT, "count" BIGINT GENERATED ALWAYS AS ("n" + 1) STORED
            )"#,
        ).await?;
        let report = Tag::check_schema(&db.pool).report().await?;
        let finding = report.findings().iter().find(|finding| finding.severity == Severity::Error);
        is(finding.context("an error")?, Severity::Error, Some("count"), "refuses a value")?;
        let report = MadeCount::check_schema(&db.pool).await?;
        assert!(!report.has_errors(), "{report}");
        Ok(())
    }

    async fn a_column_that_the_struct_leaves_out(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL, "kind" BIGINT NOT NULL)"#,
        ).await?;
        let finding = only(&Tag::check_schema(&db.pool).report().await?)?;
        is(&finding, Severity::Error, Some("kind"), "every insert fails")?;
        let tag = Tag { name: "a".to_owned(), count: 1 };
        assert_eq!(tag.upsert(&db.pool).await.unwrap_err().kind(), ErrorKind::NotNullViolation);
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_column_that_the_struct_leaves_out_may_become_nullable(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL, "kind" BIGINT NOT NULL)"#,
        ).await?;
        one_with_fix!(db, Tag, Error, Some("kind"), "every insert fails");
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_type_that_cannot_be_read(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" VARCHAR(9) NOT NULL)"#).await?;
        one_with_fix!(db, Tag, Error, Some("count"), "cannot be read into the field");
        Ok(())
    }

    async fn an_expression_without_an_index(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "mails" ("email" {text} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        let finding = only(&ByLower::check_schema(&db.pool).report().await?)?;
        is(&finding, Severity::Error, None, "(`lower(email)`)")?;
        // It has no such index, so there is no SQL to be given.
        let is_mariadb = db.server.key == Key::MariaDb;
        assert_eq!(finding.fix.is_none(), is_mariadb, "{finding}");
        assert_eq!(finding.what.contains("generated column"), is_mariadb, "{finding}");
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn an_expression(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "mails" ("email" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL)"#).await?;
        one_with_fix!(db, ByLower, Error, None, "(`lower(email)`); the table has `");
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn a_predicate(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "accounts" ("email" {text} NOT NULL, "deleted_at" BIGINT)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "other" ON "accounts" ("email") WHERE "deleted_at" > 0"#).await?;
        one_with_fix!(db, Living, Error, None, "no unique index");
        Ok(())
    }

    #[on(postgres, sqlite)]
    async fn an_index_without_the_predicate(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "accounts" ("email" {text} NOT NULL UNIQUE, "deleted_at" BIGINT)"#).await?;
        one_without_fix!(db, Living, Warning, None, "has no predicate");
        Ok(())
    }

    #[on(postgres)]
    async fn a_deferrable_constraint(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, "count" BIGINT NOT NULL)"#,
        ).await?;
        one_with_fix!(db, Tag, Error, None, "deferrable");
        Ok(())
    }

    /// What the first call says of it helps.
    #[on(postgres)]
    async fn what_is_said_of_a_deferrable_constraint(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL);
            ALTER TABLE "tags" ADD CONSTRAINT "late" UNIQUE ("name") DEFERRABLE"#,
        ).await?;
        let tag = Tag { name: "a".to_owned(), count: 1 };
        let error = tag.upsert(&db.pool).await.unwrap_err();
        assert!(error.to_string().contains("drop it, and make it again NOT DEFERRABLE"), "{error}");
        db.run_as_it_is(Tag::create_index_sql::<DB>()).await?;
        let beside = tag.upsert(&db.pool).await.unwrap_err();
        assert_eq!(beside.to_string(), error.to_string(), "an index beside it does not help");
        db.run(r#"ALTER TABLE "tags" DROP CONSTRAINT "late", ADD CONSTRAINT "now" UNIQUE ("name") NOT DEFERRABLE"#).await?;
        tag.upsert(&db.pool).await?;
        Ok(())
    }

    #[on(postgres)]
    async fn an_index_over_more_rows_than_the_predicate(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "accounts" ("email" TEXT NOT NULL, "deleted_at" BIGINT, "kind" BIGINT NOT NULL DEFAULT 1)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "wide" ON "accounts" ("email") WHERE "deleted_at" IS NULL"#).await?;
        right!(db, Living);
        one_without_fix!(db, LivingOfAKind, Warning, None, "`wide` is over all rows WHERE (deleted_at IS NULL)");
        db.run(r#"DROP INDEX "wide""#).await?;
        // The same in other words.
        db.run(r#"CREATE UNIQUE INDEX "same" ON "accounts" ("email") WHERE ("kind" = 1 AND ("deleted_at" IS NULL))"#).await?;
        right!(db, LivingOfAKind);
        Ok(())
    }

    /// What belongs to the name, and one column more; both servers store three rows for such an index.
    #[on(mysql)]
    async fn an_index_over_an_expression_of_another_column(db: Db) -> Result<()> {
        for expression in ["lower(username)", "concat(name, username)"] {
            db.run(r#"CREATE TABLE "people" ("name" {text} NOT NULL, "username" {text} NOT NULL)"#).await?;
            let index = match db.server.key {
                Key::MariaDb => format!(
                    r#"ALTER TABLE "people" ADD COLUMN made VARCHAR(300) AS ({expression}) PERSISTENT, ADD UNIQUE INDEX (made)"#
                ),
                _ => format!(r#"CREATE UNIQUE INDEX "made" ON "people" (({expression}))"#),
            };
            db.run(&index).await?;
            let person = ByLowerName { name: "a".to_owned(), username: "u".to_owned() };
            let error = person.upsert(&db.pool).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
            assert_eq!(db.count("people").await?, 0);
            let report = ByLowerName::check_schema(&db.pool).report().await?;
            let finding = report.findings().first().context("a finding")?;
            is(finding, Severity::Error, None, "no unique index stands behind the conflict target")?;
            db.run(r#"DROP TABLE "people""#).await?;
        }
        Ok(())
    }

    /// MySQL shows the text in such an expression in a way of its own.
    #[on(mysql)]
    async fn an_index_over_an_expression_with_a_text(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("name" {text} NOT NULL, "username" {text} NOT NULL)"#).await?;
        let expression = "concat(lower(name), ' it''s `username`')";
        let index = match db.server.key {
            Key::MariaDb => format!(
                r#"ALTER TABLE "people" ADD COLUMN made VARCHAR(300) AS ({expression}) PERSISTENT, ADD UNIQUE INDEX (made)"#
            ),
            _ => format!(r#"CREATE UNIQUE INDEX "made" ON "people" (({expression}))"#),
        };
        db.run(&index).await?;
        assert!(!ByLowerName::check_schema(&db.pool).await?.has_errors());
        Ok(())
    }

    #[on(postgres)]
    async fn an_index_that_is_not_valid(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL)"#).await?;
        db.run(r#"INSERT INTO "tags" VALUES ('a', 1), ('a', 2)"#).await?;
        let index = r#"CREATE UNIQUE INDEX CONCURRENTLY "half" ON "tags" ("name")"#;
        assert!(db.run(index).await.is_err());
        let finding = only(&Tag::check_schema(&db.pool).report().await?)?;
        is(&finding, Severity::Error, None, "which is not valid: REINDEX it")?;
        db.run(r#"DELETE FROM "tags"; REINDEX INDEX "half""#).await?;
        right!(db, Tag);
        Ok(())
    }

    #[on(postgres)]
    async fn nulls_that_are_distinct(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "slots" ("place" TEXT, "n" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "slots_place" ON "slots" ("place")"#).await?;
        if db.server.major() < 15 {
            one_without_fix!(db, Slot, Error, None, "from version 15 on");
            return Ok(());
        }
        one_without_fix!(db, Slot, Error, None, "two NULLs are distinct");
        db.run(r#"DROP INDEX "slots_place""#).await?;
        one_with_fix!(db, Slot, Error, None, "no unique index");
        Ok(())
    }

    #[on(postgres)]
    async fn a_constraint(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL)"#).await?;
        one_with_fix!(db, ByConstraint, Error, None, "no unique index");
        db.run(r#"ALTER TABLE "tags" DROP CONSTRAINT "uq_tags", ADD CONSTRAINT "uq_tags" UNIQUE ("name", "count")"#).await?;
        one_without_fix!(db, ByConstraint, Error, None, "is over (name, count)");
        Ok(())
    }

    #[on(postgres)]
    async fn an_index_of_another_collation(db: Db) -> Result<()> {
        db.run(
            r#"CREATE COLLATION "anycase" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE "tags" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL);
            CREATE UNIQUE INDEX "tags_name" ON "tags" ("name" COLLATE "anycase")"#,
        ).await?;
        one_without_fix!(db, Tag, Warning, Some("name"), "another collation");
        Ok(())
    }

    #[on(sqlite)]
    async fn an_index_of_another_collation_on_sqlite(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "tags_name" ON "tags" ("name" COLLATE NOCASE)"#).await?;
        one_without_fix!(db, Tag, Warning, Some("name"), "COLLATE NOCASE");
        db.run(r#"DROP TABLE "tags""#).await?;
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL COLLATE NOCASE UNIQUE, "count" BIGINT NOT NULL)"#).await?;
        right!(db, Tag);
        Ok(())
    }

    #[on(postgres)]
    async fn names_that_differ_in_case(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY, "Count" BIGINT)"#).await?;
        one_without_fix!(db, Tag, Error, Some("count"), "it has `Count`");
        Ok(())
    }

    #[on(postgres)]
    async fn a_type_that_is_not_there(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("name" TEXT NOT NULL PRIMARY KEY, "mood" TEXT NOT NULL)"#).await?;
        let report = Person::check_schema(&db.pool).report().await?;
        assert!(report.has_errors(), "{report}");
        db.run(r#"CREATE TYPE "mood" AS ENUM ('fine')"#).await?;
        one_with_fix!(db, Person, Error, Some("mood"), "cannot be read into the field");
        Ok(())
    }

    /// `json` has no equality; the calls say the same as the check.
    #[on(postgres)]
    async fn a_json_that_is_compared(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "docs" ("id" BIGINT NOT NULL PRIMARY KEY, "body" JSON NOT NULL)"#).await?;
        let row = Doc { id: 1, body: serde_json::json!({ "a": 1 }) };
        let error = row.upsert(&db.pool).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let finding = one_with_fix!(db, Doc, Error, None, "make the column `jsonb`");
        assert!(error.to_string().contains(&finding.what), "{error}");
        row.upsert(&db.pool).await?;
        Ok(())
    }

    #[on(postgres)]
    async fn a_partitioned_table(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL) PARTITION BY HASH ("name");
            CREATE TABLE "tags_all" PARTITION OF "tags" FOR VALUES WITH (MODULUS 1, REMAINDER 0)"#,
        ).await?;
        let report = Tag::check_schema(&db.pool).await?;
        let tag = Tag { name: "a".to_owned(), count: 1 };
        match db.server.major() {
            18.. => assert!(report.is_empty(), "{report}"),
            _ => {
                is(&only(&report)?, Severity::Note, None, "before version 18")?;
                let error = tag.upsert(&db.pool).with_action().await.unwrap_err();
                assert!(error.to_string().contains(&only(&report)?.what), "{error}");
            }
        }
        tag.upsert(&db.pool).await?;
        db.run(r#"ALTER TABLE "tags" DROP CONSTRAINT "tags_pkey""#).await?;
        let both = Tag::check_schema(&db.pool).report().await?;
        assert!(both.has_errors(), "{both}");
        assert_eq!(both.to_string().contains("before version 18"), db.server.major() < 18, "{both}");
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_view(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "real" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE VIEW "tags" AS SELECT "name", "count" FROM "real""#).await?;
        let report = Tag::check_schema(&db.pool).await?;
        assert!(report.findings().iter().all(|finding| finding.severity == Severity::Note), "{report}");
        Ok(())
    }

    #[on(postgres)]
    async fn privileges(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("id" BIGSERIAL, "name" TEXT NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL)"#,
        ).await?;
        let role = format!("{}_role", db.name);
        db.run(&format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA {} TO {role}", db.name)).await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("SET ROLE {role}"))).execute(&mut conn).await?;
        let report = Tag::check_schema(&mut conn).report().await;
        let outcome = async {
            let report = report?;
            ensure!(report.findings().len() == 2, "{report}");
            for finding in report.findings() {
                db.run_as_it_is(fix(finding)?).await?;
            }
            let report = Tag::check_schema(&mut conn).report().await?;
            ensure!(report.is_empty(), "{report}");
            Tag { name: "a".to_owned(), count: 1 }.upsert(&mut conn).await?;
            Ok(())
        };
        let outcome = outcome.await;
        conn.close().await?;
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await?;
        outcome
    }

    /// The other findings are not lost.
    #[on(postgres)]
    async fn a_schema_that_may_not_be_entered(db: Db) -> Result<()> {
        let role = format!("{}_role", db.name);
        db.run(&format!("CREATE SCHEMA auth; CREATE ROLE {role}; GRANT USAGE ON SCHEMA {} TO {role}", db.name)).await?;
        db.run("CREATE TABLE auth.tags (name TEXT PRIMARY KEY, count BIGINT NOT NULL)").await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("SET ROLE {role}"))).execute(&mut conn).await?;
        let report = upsert::check_schema!(&mut conn; Tag, InAuth).report().await;
        let outcome = async {
            let report = report?;
            let [missing, closed] = report.findings() else { anyhow::bail!("{report}") };
            is(missing, Severity::Error, None, "no such table")?;
            is(closed, Severity::Error, None, "permission denied for schema auth")?;
            ensure!(fix(closed)? == format!(r#"GRANT USAGE ON SCHEMA "auth" TO {role}"#), "{closed}");
            Ok(())
        };
        let outcome = outcome.await;
        conn.close().await?;
        db.run(&format!("DROP SCHEMA auth CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")).await?;
        outcome
    }

    #[on(sqlite)]
    async fn a_database_that_is_not_attached(db: Db) -> Result<()> {
        let report = upsert::check_schema!(&db.pool; Tag, InAuth).report().await?;
        let [missing, unknown] = report.findings() else { anyhow::bail!("{report}") };
        is(missing, Severity::Error, None, "no such table")?;
        is(unknown, Severity::Error, None, "unknown database")?;
        Ok(())
    }

    /// One that is not about the target would delete other rows, or leave this one out.
    #[on(sqlite)]
    async fn a_table_that_settles_collisions_itself(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL UNIQUE ON CONFLICT REPLACE)"#,
        ).await?;
        one_without_fix!(db, Tag, Warning, None, "`ON CONFLICT REPLACE`");
        Tag { name: "a".to_owned(), count: 1 }.upsert(&db.pool).await?;
        Tag { name: "b".to_owned(), count: 1 }.upsert(&db.pool).await?;
        assert_eq!(db.all::<(String,)>(r#"SELECT "name" FROM "tags""#).await?, [("b".to_owned(),)]);
        Ok(())
    }

    /// No SQL is proposed that would round what is stored.
    #[on(postgres)]
    async fn a_type_that_holds_more_than_the_field(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY, "count" NUMERIC(10, 2) NOT NULL)"#).await?;
        one_without_fix!(db, Tag, Error, Some("count"), "it is of type NUMERIC");
        Ok(())
    }

    #[on(postgres)]
    async fn a_view_is_not_altered(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "real" ("name" TEXT NOT NULL, "count" BIGINT NOT NULL); CREATE VIEW "tags" AS SELECT * FROM "real""#).await?;
        one_without_fix!(db, Tag, Error, None, "no unique index");
        Ok(())
    }

    /// Neither a text of the struct's nor a default of the table's is a name.
    #[on(sqlite)]
    async fn texts_that_are_the_name_of_the_table(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" TEXT PRIMARY KEY NOT NULL, "count" BIGINT NOT NULL, "of" TEXT DEFAULT 'tags')"#).await?;
        right!(db, NotItself);
        Ok(())
    }

    #[on(mysql)]
    async fn privileges_on_mysql(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let user = format!("u{}", &db.name[db.name.len() - 20..]);
        db.run(&format!("CREATE USER '{user}'@'%'")).await?;
        db.run(&format!("GRANT SELECT ON \"{}\".\"tags\" TO '{user}'@'%'", db.name)).await?;
        let root = db.options();
        let options = MySqlConnectOptions::new().host(root.get_host()).port(root.get_port());
        let options = options.username(&user).database(&db.name);
        let outcome = async {
            let mut conn = <sqlx::MySqlConnection as Connection>::connect_with(&options).await?;
            let report = Tag::check_schema(&mut conn).report().await?;
            let finding = report.findings().first().context("a finding")?.clone();
            is(&finding, Severity::Error, None, "denied")?;
            db.run_as_it_is(fix(&finding)?).await?;
            let report = Tag::check_schema(&mut conn).report().await?;
            ensure!(report.is_empty(), "{report}");
            Tag { name: "a".to_owned(), count: 1 }.upsert(&mut conn).await?;
            Ok(conn.close().await?)
        };
        let outcome: Result<()> = outcome.await;
        db.run(&format!("DROP USER '{user}'@'%'")).await?;
        outcome
    }

    #[on(mysql)]
    async fn a_second_unique_key(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL UNIQUE)"#).await?;
        one_without_fix!(db, Tag, Note, None, "collides with another under the unique key `count` over (count)");
        Ok(())
    }

    /// sqlx looks at more than the name of a type.
    #[on(mysql)]
    async fn an_enum_that_is_not_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "people" ("name" {text} NOT NULL PRIMARY KEY, "mood" ENUM('fine') NOT NULL)"#).await?;
        let finding = only(&Person::check_schema(&db.pool).report().await?)?;
        is(&finding, Severity::Error, Some("mood"), "`ENUM NOT NULL`")?;
        let row = Person { name: "a".to_owned(), mood: Mood::Fine };
        assert_eq!(row.upsert(&db.pool).await.unwrap_err().kind(), ErrorKind::Decode);
        db.run_as_it_is(fix(&finding)?).await?;
        assert!(!Person::check_schema(&db.pool).await?.has_errors());
        row.upsert(&db.pool).await?;
        Ok(())
    }

    #[on(mysql)]
    async fn an_index_over_a_prefix(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" {text} NOT NULL, "count" BIGINT NOT NULL, UNIQUE KEY "short" ("name"(3)))"#).await?;
        let report = Tag::check_schema(&db.pool).report().await?;
        let finding = &report.findings()[0];
        is(finding, Severity::Error, None, "`short` over (name), which is over the first characters alone")?;
        Ok(())
    }

    #[on(mysql)]
    async fn an_engine_without_transactions(db: Db) -> Result<()> {
        db.run(&format!("{TAGS} ENGINE = MyISAM")).await?;
        one_with_fix!(db, Tag, Error, None, "the table's engine, MyISAM, has no transactions");
        Ok(())
    }

    #[on(mysql)]
    async fn a_mode_that_is_not_strict(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql("SET SESSION sql_mode = ''").execute(&mut conn).await?;
        let finding = only(&Tag::check_schema(&mut conn).report().await?)?;
        is(&finding, Severity::Error, None, "not in strict mode")?;
        sqlx::raw_sql(AssertSqlSafe(fix(&finding)?)).execute(&mut conn).await?;
        let report = Tag::check_schema(&mut conn).await?;
        assert!(report.is_empty(), "{report}");
        Ok(conn.close().await?)
    }

    #[on(mysql)]
    async fn an_update_trigger(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        db.run(r#"CREATE TRIGGER "t" AFTER UPDATE ON "tags" FOR EACH ROW SET @seen = 1"#).await?;
        one_without_fix!(db, Tag, Note, None, "UPDATE trigger");
        db.run(r#"DROP TRIGGER "t""#).await?;
        right!(db, Tag);
        Ok(())
    }

    /// What a trigger adds, nobody else can know.
    #[on(postgres)]
    async fn a_trigger_that_completes_rows(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "tags" ("name" TEXT NOT NULL PRIMARY KEY, "count" BIGINT NOT NULL);
            CREATE FUNCTION "complete"() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW."count" := 7; RETURN NEW; END $$;
            CREATE TRIGGER "t" BEFORE INSERT ON "tags" FOR EACH ROW EXECUTE FUNCTION "complete"()"#,
        ).await?;
        one_without_fix!(db, MadeCount, Note, Some("count"), "`generated`");
        assert_eq!(MadeCount { name: "a".to_owned(), count: 0 }.upsert(&db.pool).await?.count, 7);
        Ok(())
    }

    /// The rowid is the database's to make, and any other primary key is not.
    #[on(sqlite)]
    async fn a_primary_key_that_is_no_rowid(db: Db) -> Result<()> {
        let rest = r#""email" TEXT NOT NULL UNIQUE, "name" TEXT, "stock" BIGINT NOT NULL, "seen_at" TEXT NOT NULL"#;
        db.run(&format!(r#"CREATE TABLE "users" ("id" BIGINT PRIMARY KEY, {rest})"#)).await?;
        one_without_fix!(db, User, Error, Some("id"), "`generated`");
        db.run(r#"DROP TABLE "users""#).await?;
        db.run(&format!(r#"CREATE TABLE "users" ("id" INTEGER, {rest}, PRIMARY KEY ("id"))"#)).await?;
        right!(db, User);
        Ok(())
    }

    #[on(sqlite)]
    async fn columns_that_change_values(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "tags" ("name" STRING NOT NULL PRIMARY KEY, "weight" DECIMAL(10, 2) NOT NULL)"#).await?;
        let report = Measured::check_schema(&db.pool).report().await?;
        let [name, weight] = report.findings() else { anyhow::bail!("{report}") };
        is(name, Severity::Warning, Some("name"), "looks like a number")?;
        is(weight, Severity::Error, Some("weight"), "turns into one of type INTEGER")?;
        let row = Measured { name: "a".to_owned(), weight: 2.0 };
        assert_eq!(row.upsert(&db.pool).await.unwrap_err().kind(), ErrorKind::Decode);
        Ok(())
    }

    #[on(sqlite)]
    async fn a_name_that_is_silently_a_text(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        one_without_fix!(db, Misspelt, Error, None, "`\"cuont\"` in the SQL of the struct is no column");
        // Nothing else says so.
        Misspelt { name: "a".to_owned(), count: 1 }.upsert(&db.pool).await?;
        Ok(())
    }
}
