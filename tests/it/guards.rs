//! Guards: which rows an update leaves alone, and what the caller is told then.

use anyhow::Result;
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use upsert::{Action, ErrorKind, Upsert, Upserted};

use crate::harness::{Key, dialect_tests};

const ITEMS: &str = r#"CREATE TABLE "items" (
    "k" {text} PRIMARY KEY, "n" BIGINT, "version" BIGINT, "at" {instant}, "naive" {datetime}, "open" BOOLEAN
)"#;

/// Only a larger `n` wins; the condition reads a column that is assigned.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(new.n > old.n))]
struct Larger {
    k: String,
    n: Option<i64>,
    #[upsert(update = old.version + old.n)]
    version: Option<i64>,
}

/// The condition is a column.
#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(old.open))]
struct IfOpen {
    k: String,
    n: i64,
    open: Option<bool>,
}

/// The condition reads neither row.
#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(false))]
struct Never {
    k: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(null))]
struct Unknown {
    k: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", newer = "version")]
struct ByVersion {
    k: String,
    n: i64,
    version: Option<i64>,
}

#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", newer = "at")]
struct ByInstant {
    k: String,
    n: i64,
    at: DateTime<Utc>,
}

#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", newer = "naive")]
struct ByNaive {
    k: String,
    n: i64,
    naive: NaiveDateTime,
}

/// Both guards, and a column that only says when.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "stamped",
    conflict = "k",
    skip_unchanged,
    coalesce = "nick",
    accumulate = "stock",
    now = "updated_at"
)]
struct Stamped {
    k: String,
    name: String,
    nick: Option<String>,
    stock: i64,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Upsert)]
#[upsert(
    table = "stamped",
    conflict = "k",
    skip_unchanged,
    newer = "stock",
    now = "updated_at",
    returning = "updated_at"
)]
struct NewerAndChanged {
    k: String,
    name: String,
    stock: i64,
    updated_at: DateTime<Utc>,
}

const STAMPED: &str = r#"CREATE TABLE "stamped" (
    "k" {text} PRIMARY KEY, "name" {text}, "nick" {text}, "stock" BIGINT, "updated_at" {instant}
)"#;

fn stamped(name: &str, nick: Option<&str>, stock: i64) -> Stamped {
    Stamped {
        k: "a".to_owned(),
        name: name.to_owned(),
        nick: nick.map(str::to_owned),
        stock,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

/// A price, and texts in columns whose equality is wider than that of their bytes.
#[derive(Debug, Upsert)]
#[upsert(
    table = "wide",
    conflict = "k",
    skip_unchanged,
    now = "updated_at",
    returning = "name"
)]
struct Wide {
    k: i64,
    name: String,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Upsert)]
#[upsert(table = "prices", conflict = "k", skip_unchanged, returning = "price")]
struct Price {
    k: i64,
    price: Decimal,
}

/// Columns that each compare in a way of their own.
#[derive(Debug, Clone, Upsert)]
#[upsert(
    table = "kinds",
    conflict = "k",
    skip_unchanged,
    now = "updated_at",
    returning = "updated_at"
)]
struct Kinds {
    k: i64,
    single: f32,
    double: f64,
    bytes: Vec<u8>,
    flag: Option<bool>,
    #[upsert(json)]
    tags: Vec<String>,
    document: serde_json::Value,
    at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A value of more digits than its column has.
#[derive(Debug, Upsert)]
#[upsert(table = "taxed", conflict = "k", skip_unchanged, returning = "gross")]
struct Taxed {
    k: i64,
    net: Decimal,
    #[upsert(update = new.net * 1.1)]
    gross: Decimal,
}

/// The same, rounded beforehand.
#[derive(Debug, Upsert)]
#[upsert(table = "taxed", conflict = "k", skip_unchanged, returning = "gross")]
struct TaxedAndRounded {
    k: i64,
    net: Decimal,
    #[upsert(update = sql("round({new.net} * 1.1, 2)"))]
    gross: Decimal,
}

#[derive(Debug, Upsert)]
#[upsert(table = "documents", conflict = "k", skip_unchanged, returning = "k")]
struct Document {
    k: i64,
    json: serde_json::Value,
    jsonb: serde_json::Value,
    #[upsert(update = sql(postgres = "point({new.x}, 0)"), insert = sql(postgres = "point({new.x}, 0)"))]
    point: String,
    #[upsert(param)]
    x: f64,
}

/// The condition reads two columns that are both assigned, so MySQL and MariaDB cannot leave either for the end.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "releases",
    conflict = "k",
    update_where(new.major > old.major || new.major == old.major && new.minor > old.minor)
)]
struct Release {
    k: String,
    major: i64,
    minor: Option<i64>,
    #[upsert(update = old.major * 100 + old.minor)]
    before: Option<i64>,
    name: String,
}

const RELEASES: &str = r#"CREATE TABLE "releases" (
    "id" {id}, "k" {text} NOT NULL UNIQUE, "major" BIGINT NOT NULL, "minor" BIGINT, "before" BIGINT, "name" {text} NOT NULL
)"#;

fn release(k: &str, major: i64, minor: Option<i64>) -> Release {
    Release {
        k: k.to_owned(),
        major,
        minor,
        before: None,
        name: format!("{major}.{minor:?}"),
    }
}

/// The clock has to come before what `skip_unchanged` compares, and after itself, since the condition reads it.
#[derive(Debug, Upsert)]
#[upsert(
    table = "stamped",
    conflict = "k",
    skip_unchanged,
    update_where(new.stock >= old.stock && old.updated_at <= new.updated_at),
    now = "updated_at",
    returning = "updated_at"
)]
struct StampedAfter {
    k: String,
    name: String,
    stock: i64,
    updated_at: DateTime<Utc>,
}

/// The rule of one column reads another, by which the condition goes.
#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(new.n > old.n), returning = "n, version")]
struct Waiting {
    k: String,
    #[upsert(update = old.version + new.n)]
    n: i64,
    version: i64,
}

/// What a guard has no say in: no row was there, or none is to be touched.
#[derive(Debug, Upsert)]
#[upsert(table = "items", conflict = "k", update_where(new.n > old.n), skip_unchanged, returning = "n")]
struct Guarded {
    k: String,
    n: i64,
}

/// S19.
#[derive(Debug, Upsert)]
#[upsert(table = "products", conflict = "sku", update_where(new.price < old.price), returning = "price")]
struct BestOffer {
    sku: String,
    price: f64,
}

/// S7 written with expressions.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", set(age = coalesce(new.age, old.age)))]
struct Profile {
    email: String,
    name: String,
    age: Option<i32>,
}

/// S8.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email")]
struct Touched {
    email: String,
    name: String,
    #[upsert(insert = now(), update = old.created_at)]
    created_at: DateTime<Utc>,
    #[upsert(insert = now(), update = now())]
    updated_at: DateTime<Utc>,
}

/// S9.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", set(login_count = old.login_count + 1, last_login = now()))]
struct Login {
    email: String,
    name: String,
    #[upsert(insert = 1)]
    login_count: i64,
    #[upsert(insert = now())]
    last_login: DateTime<Utc>,
}

/// S13: the stored value where none is given, and the clock always.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", set(
    name = if is_null(new.name) { old.name } else { new.name },
    age = coalesce(new.age, old.age),
    updated_at = now(),
))]
struct Smart {
    email: String,
    name: Option<String>,
    age: Option<i32>,
    #[upsert(insert = now())]
    updated_at: DateTime<Utc>,
}

const USERS: &str = r#"CREATE TABLE "users" (
    "id" {id}, "email" {text} NOT NULL UNIQUE, "name" {text}, "age" INTEGER, "login_count" BIGINT NOT NULL DEFAULT 0,
    "last_login" {instant}, "created_at" {instant}, "updated_at" {instant}
)"#;

/// Upserts in all three ways, each on the row as `$stored` makes it, and gives action, row and count.
macro_rules! all_ways {
    ($db:expr, $stored:expr, $row:expr) => {{
        $db.run($stored).await?;
        let row = $row.upsert(&$db.pool).await?;
        $db.run($stored).await?;
        let upserted = $row.upsert(&$db.pool).with_action().await?;
        $db.run($stored).await?;
        let rows = $row.upsert(&$db.pool).execute().await?;
        assert_eq!(row, upserted.row, "the two ways to ask for the row differ");
        (upserted, rows)
    }};
}

/// `now()` stands beside a column of another form than the field's it is compared for.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "leases", conflict = "name", update_where(old.until < now()))]
struct Lease {
    name: String,
    holder: String,
    until: NaiveDateTime,
}

dialect_tests! {
    async fn the_clock_compares_with_a_column_of_any_form(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "leases" ("name" {text} PRIMARY KEY, "holder" {text} NOT NULL, "until" {datetime} NOT NULL)"#).await?;
        let now = Utc::now().naive_utc();
        let lease = |holder: &str, until| Lease { name: "job".to_owned(), holder: holder.to_owned(), until };
        lease("first", now + Duration::seconds(60)).upsert(&db.pool).await?;
        assert_eq!(lease("second", now).upsert(&db.pool).await?.holder, "first");
        db.run(r#"DELETE FROM "leases""#).await?;
        lease("first", now - Duration::seconds(60)).upsert(&db.pool).await?;
        assert_eq!(lease("second", now).upsert(&db.pool).await?.holder, "second");
        Ok(())
    }

    async fn a_condition_decides(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let stored = |n: &str| format!(
            r#"DELETE FROM "items"; INSERT INTO "items" ("k", "n", "version") VALUES ('a', {n}, 100)"#
        );
        for (old, new, updated) in [
            ("1", Some(2), true),
            ("2", Some(2), false),
            ("3", Some(2), false),
            ("NULL", Some(2), false),
            ("1", None, false),
        ] {
            let row = Larger { k: "a".to_owned(), n: new, version: Some(7) };
            let (upserted, rows) = all_ways!(db, &stored(old), row);
            let old = old.parse::<i64>().ok();
            if updated {
                assert_eq!(upserted.action, Action::Updated, "{old:?} {new:?}");
                assert_eq!((upserted.row.n, upserted.row.version), (new, Some(100 + old.unwrap_or_default())));
            } else {
                assert_eq!(upserted.action, Action::Unchanged, "{old:?} {new:?}");
                assert_eq!((upserted.row.n, upserted.row.version), (old, Some(100)));
            }
            assert_eq!(rows, u64::from(updated), "{old:?} {new:?}");
        }
        // Without a row there is nothing to ask.
        let row = Larger { k: "b".to_owned(), n: None, version: None };
        assert_eq!(row.upsert(&db.pool).with_action().await?.action, Action::Inserted);
        let row = Larger { k: "c".to_owned(), n: None, version: None };
        assert_eq!(row.upsert(&db.pool).execute().await?, 1);
        Ok(())
    }

    async fn a_condition_on_two_columns_that_are_assigned(db: Db) -> Result<()> {
        db.run(RELEASES).await?;
        let stored = r#"DELETE FROM "releases"; INSERT INTO "releases" ("k", "major", "minor", "before", "name") VALUES ('a', 2, 5, 7, 'old')"#;
        for (major, minor, updated) in [
            (2, Some(6), true),
            (3, Some(0), true),
            (3, None, true),
            (2, Some(5), false),
            (2, Some(4), false),
            (1, Some(9), false),
            (2, None, false),
        ] {
            let row = release("a", major, minor);
            let (upserted, rows) = all_ways!(db, stored, row);
            let expected = if updated {
                (Action::Updated, major, minor, Some(205), row.name)
            } else {
                (Action::Unchanged, 2, Some(5), Some(7), "old".to_owned())
            };
            let Upserted { row, action } = upserted;
            assert_eq!((action, row.major, row.minor, row.before, row.name), expected, "{major} {minor:?}");
            assert_eq!(rows, u64::from(updated), "{major} {minor:?}");
        }
        db.run(r#"UPDATE "releases" SET "major" = 2, "minor" = NULL"#).await?;
        let unknown = release("a", 2, Some(9)).upsert(&db.pool).with_action().await?;
        assert_eq!((unknown.action, unknown.row.minor), (Action::Unchanged, None));
        assert_eq!(release("b", 1, None).upsert(&db.pool).with_action().await?.action, Action::Inserted);
        Ok(())
    }

    async fn a_condition_on_a_column_that_a_rule_reads(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let row = |n| Waiting { k: "a".to_owned(), n, version: n };
        row(1).upsert(&db.pool).await?;
        for (n, expected) in [(2, (3, 2)), (3, (3, 2)), (4, (6, 4))] {
            assert_eq!(row(n).upsert(&db.pool).await?, expected);
        }
        Ok(())
    }

    async fn a_condition_on_the_clock_that_is_assigned(db: Db) -> Result<()> {
        db.run(STAMPED).await?;
        let row = |name: &str, stock| StampedAfter { k: "a".to_owned(), name: name.to_owned(), stock, updated_at: DateTime::UNIX_EPOCH };
        let first = row("ada", 1).upsert(&db.pool).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        for (name, stock, updated) in [("ada", 1, false), ("eve", 0, false), ("eve", 1, true), ("eve", 1, false), ("eve", 2, true)] {
            let before = db.one::<DateTime<Utc>>(r#"SELECT "updated_at" FROM "stamped""#).await?;
            let upserted = row(name, stock).upsert(&db.pool).with_action().await?;
            assert_eq!(upserted.action == Action::Updated, updated, "{name} {stock}");
            assert_eq!(upserted.row > before, updated, "{name} {stock}");
            assert!(upserted.row >= first);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Each row of a statement is judged by its own condition, whatever triggers do with the session's numbers meanwhile.
    #[on(mysql)]
    async fn a_condition_that_is_asked_once_is_asked_for_each_row(db: Db) -> Result<()> {
        db.run(RELEASES).await?;
        db.run("CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, k TEXT)").await?;
        db.run("CREATE TRIGGER i BEFORE INSERT ON releases FOR EACH ROW INSERT INTO log (k) VALUES (NEW.k)").await?;
        db.run("CREATE TRIGGER u BEFORE UPDATE ON releases FOR EACH ROW INSERT INTO log (k) VALUES (NEW.k)").await?;
        db.run("CREATE TRIGGER v AFTER UPDATE ON releases FOR EACH ROW SET @upsert_it = LAST_INSERT_ID(5)").await?;
        let sql = Release::sql::<sqlx::MySql>();
        let one = sql.get("upsert").unwrap_or_default();
        let values = "VALUES (?, ?, ?, ?, ?)";
        assert!(one.contains(values), "{one}");
        let rows = [
            ("a", 1, Some(1)), ("b", 1, Some(1)), ("a", 1, Some(2)), ("b", 0, Some(9)), ("c", 7, None),
            ("a", 1, Some(1)), ("c", 7, Some(1)), ("b", 1, Some(3)), ("c", 8, None), ("a", 2, Some(0)),
        ];
        let many = one.replace(values, &format!("{values}{}", ", (?, ?, ?, ?, ?)".repeat(rows.len() - 1)));
        for _ in 0..3 {
            let mut query = sqlx::query(sqlx::AssertSqlSafe(many.clone()));
            for (k, major, minor) in rows {
                query = query.bind(k).bind(major).bind(minor).bind(None::<i64>).bind(format!("{major}.{minor:?}"));
            }
            query.execute(&db.pool).await?;
            for (k, major, minor, before) in [("a", 2, Some(0), Some(102)), ("b", 1, Some(3), Some(101)), ("c", 8, None, None)] {
                let row = release(k, 0, None).upsert(&db.pool).with_action().await?;
                let expected = Release { before, ..release(k, major, minor) };
                assert_eq!(row, Upserted { row: expected, action: Action::Unchanged });
            }
        }
        Ok(())
    }

    async fn a_condition_that_is_a_column(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        for (open, updated) in [("TRUE", true), ("FALSE", false), ("NULL", false)] {
            let stored = format!(r#"DELETE FROM "items"; INSERT INTO "items" ("k", "n", "open") VALUES ('a', 1, {open})"#);
            db.run(&stored).await?;
            let row = IfOpen { k: "a".to_owned(), n: 2, open: Some(false) };
            let upserted = row.upsert(&db.pool).with_action().await?;
            assert_eq!(upserted.action == Action::Updated, updated, "{open}");
            assert_eq!(upserted.row.n, if updated { 2 } else { 1 });
        }
        Ok(())
    }

    async fn a_condition_that_never_holds(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let never = |n| Never { k: "a".to_owned(), n };
        let unknown = |n| Unknown { k: "a".to_owned(), n };
        assert_eq!(never(1).upsert(&db.pool).with_action().await?.action, Action::Inserted);
        for n in [1, 2] {
            let Upserted { row, action } = never(n).upsert(&db.pool).with_action().await?;
            assert_eq!((row.n, action), (1, Action::Unchanged));
            let Upserted { row, action } = unknown(n).upsert(&db.pool).with_action().await?;
            assert_eq!((row.n, action), (1, Action::Unchanged));
            assert_eq!(never(n).upsert(&db.pool).execute().await?, 0);
            assert_eq!(unknown(n).upsert(&db.pool).execute().await?, 0);
            assert_eq!(unknown(n).upsert(&db.pool).await?.n, 1);
        }
        Ok(())
    }

    async fn newer_by_a_version(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        for (old, new, updated) in [
            ("1", Some(2), true),
            ("2", Some(2), false),
            ("3", Some(2), false),
            ("NULL", Some(2), false),
            ("1", None, false),
        ] {
            let stored = format!(r#"DELETE FROM "items"; INSERT INTO "items" ("k", "n", "version") VALUES ('a', 1, {old})"#);
            db.run(&stored).await?;
            let row = ByVersion { k: "a".to_owned(), n: 2, version: new };
            let Upserted { row, action } = row.upsert(&db.pool).with_action().await?;
            assert_eq!((row.n, action == Action::Updated), (if updated { 2 } else { 1 }, updated), "{old} {new:?}");
            assert_eq!(row.version, if updated { new } else { old.parse().ok() });
        }
        Ok(())
    }

    async fn newer_by_a_time(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let start = "2024-05-05T10:00:00Z".parse::<DateTime<Utc>>()?;
        // Texts of these have 0, 3 and 6 digits where times are texts.
        let times = [0, 1_000, 500_000, 500_001, 1_000_000, 86_400_000_000].map(|micros| start + Duration::microseconds(micros));
        for (one, old) in times.iter().enumerate() {
            for (two, new) in times.iter().enumerate() {
                db.run(r#"DELETE FROM "items""#).await?;
                let by_instant = |n, at: &DateTime<Utc>| ByInstant { k: "a".to_owned(), n, at: *at };
                by_instant(1, old).upsert(&db.pool).await?;
                let upserted = by_instant(2, new).upsert(&db.pool).with_action().await?;
                assert_eq!(upserted.action == Action::Updated, two > one, "{old} {new}");
                assert_eq!((upserted.row.n, upserted.row.at), if two > one { (2, *new) } else { (1, *old) });
                let by_naive = |n, at: &DateTime<Utc>| ByNaive { k: "b".to_owned(), n, naive: at.naive_utc() };
                by_naive(1, old).upsert(&db.pool).await?;
                let upserted = by_naive(2, new).upsert(&db.pool).with_action().await?;
                assert_eq!((upserted.row.n == 2, upserted.action == Action::Updated), (two > one, two > one), "{old} {new}");
            }
        }
        Ok(())
    }

    async fn nothing_is_written_when_nothing_changes(db: Db) -> Result<()> {
        db.run(STAMPED).await?;
        let first = stamped("ada", Some("al"), 5).upsert(&db.pool).with_action().await?;
        assert_eq!(first.action, Action::Inserted);
        let first = first.row;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        for row in [stamped("ada", Some("al"), 0), stamped("ada", None, 0)] {
            let again = row.upsert(&db.pool).with_action().await?;
            assert_eq!(again, Upserted { row: first.clone(), action: Action::Unchanged });
            assert_eq!(row.upsert(&db.pool).await?, first);
            assert_eq!(row.upsert(&db.pool).execute().await?, 0);
        }
        for row in [stamped("Ada", None, 0), stamped("Ada", None, 1), stamped("Ada", Some("x"), 0)] {
            let before = db.one::<DateTime<Utc>>(r#"SELECT "updated_at" FROM "stamped""#).await?;
            let changed = row.upsert(&db.pool).with_action().await?;
            assert_eq!(changed.action, Action::Updated, "{row:?}");
            assert!(changed.row.updated_at > before, "{row:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(stamped("eve", None, 0).upsert(&db.pool).execute().await?, 1);
        Ok(())
    }

    async fn two_guards_at_once(db: Db) -> Result<()> {
        db.run(STAMPED).await?;
        let row = |name: &str, stock| NewerAndChanged { k: "a".to_owned(), name: name.to_owned(), stock, updated_at: DateTime::UNIX_EPOCH };
        let first = row("ada", 1).upsert(&db.pool).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        for (name, stock, updated) in [("ada", 1, false), ("eve", 1, false), ("eve", 0, false), ("ada", 2, true)] {
            let upserted = row(name, stock).upsert(&db.pool).with_action().await?;
            assert_eq!(upserted.action == Action::Updated, updated, "{name} {stock}");
            assert_eq!(upserted.row > first, updated, "{name} {stock}");
        }
        assert_eq!(row("ada", 2).upsert(&db.pool).execute().await?, 0);
        assert_eq!(db.one::<i64>(r#"SELECT "stock" FROM "stamped""#).await?, 2);
        Ok(())
    }

    /// The column's own equality is wider than "would not change".
    async fn a_change_of_case_is_a_change(db: Db) -> Result<()> {
        let name = match db.server.key {
            crate::harness::Key::Sqlite => "TEXT COLLATE NOCASE",
            crate::harness::Key::Postgres => {
                db.run("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public").await.ok();
                "citext"
            }
            _ => "VARCHAR(191) COLLATE utf8mb4_general_ci",
        };
        db.run(&format!(r#"CREATE TABLE "wide" ("k" BIGINT PRIMARY KEY, "name" {name}, "updated_at" {{instant}})"#)).await?;
        let row = |name: &str| Wide { k: 1, name: name.to_owned(), updated_at: DateTime::UNIX_EPOCH };
        let stamp = r#"SELECT "updated_at" FROM "wide""#;
        row("bob").upsert(&db.pool).await?;
        let first = db.one::<DateTime<Utc>>(stamp).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(row("bob").upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        assert_eq!(db.one::<DateTime<Utc>>(stamp).await?, first);
        let changed = row("Bob").upsert(&db.pool).with_action().await?;
        assert_eq!((changed.row.as_str(), changed.action), ("Bob", Action::Updated));
        assert!(db.one::<DateTime<Utc>>(stamp).await? > first);
        assert_eq!(row("BOB").upsert(&db.pool).execute().await?, 1);
        assert_eq!(row("BOB").upsert(&db.pool).execute().await?, 0);
        Ok(())
    }

    #[on(postgres)]
    async fn a_change_of_scale_is_a_change(db: Db) -> Result<()> {
        db.run("CREATE TABLE prices (k BIGINT PRIMARY KEY, price NUMERIC)").await?;
        let row = |price: &str| Ok::<_, anyhow::Error>(Price { k: 1, price: price.parse()? });
        row("1.0")?.upsert(&db.pool).await?;
        assert_eq!(row("1.0")?.upsert(&db.pool).execute().await?, 0);
        assert_eq!(row("1.00")?.upsert(&db.pool).execute().await?, 1);
        assert_eq!(db.one::<String>("SELECT price::text FROM prices").await?, "1.00");
        Ok(())
    }

    async fn values_of_every_kind_are_compared(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "kinds" ("k" BIGINT PRIMARY KEY, "single" FLOAT(24), "double" DOUBLE PRECISION, "bytes" {bytes},
            "flag" BOOLEAN, "tags" {json}, "document" {json}, "at" {instant}, "updated_at" {instant})"#).await?;
        let one = Kinds {
            k: 1,
            single: 0.1,
            double: 0.1 + 0.2,
            bytes: vec![0, 255],
            flag: None,
            tags: vec!["ä".to_owned()],
            document: serde_json::json!({ "b": [1.5, null], "a": "x" }),
            at: "2024-05-05T10:00:00.5Z".parse()?,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let mut stamp = one.upsert(&db.pool).await?;
        let changes: [fn(&mut Kinds); 7] = [
            |row| row.single = 0.2,
            |row| row.double = 0.3,
            |row| row.bytes = vec![0],
            |row| row.flag = Some(false),
            |row| row.tags.push("b".to_owned()),
            |row| row.document = serde_json::json!({ "b": [1.5, null], "a": "X" }),
            |row| row.at += Duration::microseconds(1),
        ];
        let mut row = one;
        for (number, change) in changes.iter().enumerate() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let again = row.upsert(&db.pool).with_action().await?;
            assert_eq!(again, Upserted { row: stamp, action: Action::Unchanged }, "before change {number}");
            change(&mut row);
            let changed = row.upsert(&db.pool).with_action().await?;
            assert_eq!(changed.action, Action::Updated, "change {number}");
            assert!(changed.row > stamp, "change {number}");
            stamp = changed.row;
        }
        Ok(())
    }

    /// The value is compared before its column rounds it: it is written again, and never forgotten.
    #[on(postgres, mysql)]
    async fn a_value_that_its_column_rounds_counts_as_a_change(db: Db) -> Result<()> {
        db.run("CREATE TABLE taxed (k BIGINT PRIMARY KEY, net NUMERIC(10, 2), gross NUMERIC(10, 2))").await?;
        let decimal = |text: &str| text.parse::<Decimal>();
        for (net, gross, action) in [
            ("1.10", "1.21", Action::Inserted),
            ("1.10", "1.21", Action::Updated),
            ("1.10", "1.21", Action::Updated),
            ("1.11", "1.22", Action::Updated),
        ] {
            let row = Taxed { k: 1, net: decimal(net)?, gross: decimal(gross)? };
            assert_eq!(row.upsert(&db.pool).with_action().await?, Upserted { row: decimal(gross)?, action }, "{net}");
        }
        for (net, gross, action) in [
            ("1.11", "1.22", Action::Unchanged),
            ("1.10", "1.21", Action::Updated),
            ("1.10", "1.21", Action::Unchanged),
        ] {
            let row = TaxedAndRounded { k: 1, net: decimal(net)?, gross: decimal("0")? };
            assert_eq!(row.upsert(&db.pool).with_action().await?, Upserted { row: decimal(gross)?, action }, "{net}");
        }
        Ok(())
    }

    /// These types know no equality.
    #[on(postgres)]
    async fn documents_and_points_are_compared(db: Db) -> Result<()> {
        db.run("CREATE TABLE documents (k BIGINT PRIMARY KEY, json JSON, jsonb JSONB, point POINT)").await?;
        let row = |word: &str, x| Document {
            k: 1, json: serde_json::json!({ "a": word }), jsonb: serde_json::json!([word]), point: String::new(), x,
        };
        for (word, x, rows) in [("one", 1.0, 1), ("one", 1.0, 0), ("one", 2.0, 1), ("two", 2.0, 1), ("two", 2.0, 0)] {
            assert_eq!(row(word, x).upsert(&db.pool).execute().await?, rows, "{word} {x}");
        }
        Ok(())
    }

    /// Nothing is written: a table that is upserted over and over again with equal rows does not grow.
    #[on(postgres)]
    async fn equal_rows_leave_the_size_of_the_table(db: Db) -> Result<()> {
        db.run(STAMPED).await?;
        let size = r#"SELECT pg_relation_size('"stamped"')"#;
        let mut before = 0;
        for round in 0..=10 {
            let mut tx = db.pool.begin().await?;
            for number in 0..1000 {
                let row = Stamped { k: format!("{number}"), ..stamped("ada", Some("al"), 0) };
                let expected = u64::from(round == 0);
                assert_eq!(row.upsert(&mut tx).execute().await?, expected);
            }
            tx.commit().await?;
            if round == 0 {
                before = db.one::<i64>(size).await?;
            }
        }
        assert!(before > 0);
        assert_eq!(db.one::<i64>(size).await?, before);
        Ok(())
    }

    /// A trigger takes the number out of the reply; the session still has it.
    #[on(mysql)]
    async fn with_update_triggers(db: Db) -> Result<()> {
        db.run(STAMPED).await?;
        db.run(ITEMS).await?;
        db.run("CREATE TRIGGER t BEFORE UPDATE ON stamped FOR EACH ROW SET NEW.name = NEW.name").await?;
        db.run("CREATE TRIGGER u AFTER UPDATE ON items FOR EACH ROW SET @upsert_it = LAST_INSERT_ID(5)").await?;
        let first = stamped("ada", None, 0).upsert(&db.pool).await?;
        for (row, action) in [
            (stamped("ada", None, 0), Action::Unchanged),
            (stamped("Ada", None, 0), Action::Updated),
            (stamped("Ada", None, 0), Action::Unchanged),
        ] {
            assert_eq!(row.upsert(&db.pool).with_action().await?.action, action);
        }
        assert_eq!(stamped("Ada", None, 0).upsert(&db.pool).execute().await?, 0);
        assert!(stamped("Ada", None, 0).upsert(&db.pool).await?.updated_at > first.updated_at);
        let larger = |n| Larger { k: "a".to_owned(), n: Some(n), version: Some(0) };
        for (n, action, rows) in [(5, Action::Inserted, 0), (4, Action::Unchanged, 0), (6, Action::Updated, 0), (6, Action::Unchanged, 0)] {
            assert_eq!(larger(n).upsert(&db.pool).with_action().await?.action, action, "{n}");
            assert_eq!(larger(n).upsert(&db.pool).execute().await?, rows, "{n}");
        }
        Ok(())
    }

    /// `ON DUPLICATE KEY UPDATE` has no WHERE: the row is updated to what it was, and a trigger may change it on the way.
    async fn keep_triggers_from_firing_but_on_mysql(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        db.run(r#"ALTER TABLE "items" ADD COLUMN "fired" BIGINT NOT NULL DEFAULT 0"#).await?;
        let trigger = match db.server.key {
            Key::Postgres => {
                "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.fired := OLD.fired + 1; RETURN NEW; END $$;
                CREATE TRIGGER fired BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION fired()"
            }
            Key::Sqlite => {
                "CREATE TRIGGER fired AFTER UPDATE OF n ON items BEGIN UPDATE items SET fired = OLD.fired + 1 WHERE k = NEW.k; END"
            }
            Key::MariaDb | Key::MySql => "CREATE TRIGGER fired BEFORE UPDATE ON items FOR EACH ROW SET NEW.fired = OLD.fired + 1",
        };
        db.run_as_it_is(trigger).await?;
        let larger = |n| Larger { k: "a".to_owned(), n: Some(n), version: Some(0) };
        larger(5).upsert(&db.pool).await?;
        for _ in 0..2 {
            assert_eq!(larger(4).upsert(&db.pool).with_action().await?.action, Action::Unchanged);
            assert_eq!(larger(4).upsert(&db.pool).execute().await?, 0);
        }
        let fired: i64 = db.one(r#"SELECT "fired" FROM "items""#).await?;
        let is_mysql = matches!(db.server.key, Key::MariaDb | Key::MySql);
        assert_eq!(fired > 0, is_mysql, "{fired}");
        Ok(())
    }

    async fn have_no_say_where_nothing_is_updated(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let row = |k: &str, n| Guarded { k: k.to_owned(), n };
        assert!(row("a", 5).insert_if_absent(&db.pool).await?);
        for n in [1, 9] {
            assert!(!row("a", n).insert_if_absent(&db.pool).await?);
            assert_eq!(row("a", n).insert_if_absent(&db.pool).returning().await?, None);
            assert_eq!(row("a", n).get_or_insert(&db.pool).await?, Upserted { row: 5, action: Action::Unchanged });
        }
        assert_eq!(row("b", 1).get_or_insert(&db.pool).await?, Upserted { row: 1, action: Action::Inserted });
        assert_eq!(row("c", 1).insert_if_absent(&db.pool).returning().await?, Some(1));
        Ok(())
    }

    async fn inside_a_transaction(db: Db) -> Result<()> {
        db.run(ITEMS).await?;
        let mut tx = db.pool.begin().await?;
        let larger = |n| Larger { k: "a".to_owned(), n: Some(n), version: Some(0) };
        larger(5).upsert(&mut tx).await?;
        for (n, action) in [(4, Action::Unchanged), (6, Action::Updated), (6, Action::Unchanged)] {
            assert_eq!(larger(n).upsert(&mut tx).with_action().await?.action, action);
        }
        assert_eq!(larger(1).upsert(&mut tx).await?.n, Some(6));
        assert_eq!(larger(1).upsert(&mut tx).execute().await?, 0);
        tx.rollback().await?;
        assert_eq!(db.count("items").await?, 0);
        Ok(())
    }

    /// A guarded row is still the target's only: a collision elsewhere is an error, whatever the condition says.
    async fn a_collision_elsewhere_is_an_error(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "items" ("k" {text} PRIMARY KEY, "n" BIGINT UNIQUE, "version" BIGINT)"#).await?;
        let row = |k: &str, n| Larger { k: k.to_owned(), n: Some(n), version: None };
        row("a", 5).upsert(&db.pool).await?;
        let error = row("b", 5).upsert(&db.pool).await.expect_err("`n` is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        let error = row("b", 5).upsert(&db.pool).execute().await.expect_err("`n` is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(db.count("items").await?, 1);
        Ok(())
    }

    async fn s19_conditional_update(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "products" ("id" {id}, "sku" {text} NOT NULL UNIQUE, "price" DOUBLE PRECISION)"#).await?;
        let offer = |price| BestOffer { sku: "apple".to_owned(), price };
        for (price, expected, action) in [
            (3.0, 3.0, Action::Inserted),
            (4.0, 3.0, Action::Unchanged),
            (2.5, 2.5, Action::Updated),
            (2.5, 2.5, Action::Unchanged),
        ] {
            let upserted = offer(price).upsert(&db.pool).with_action().await?;
            assert_eq!(upserted, Upserted { row: expected, action });
        }
        Ok(())
    }

    async fn s7_s8_s9_s13_with_expressions(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let email = || "ada@example.com".to_owned();
        // S9
        let login = |name: &str| Login { email: email(), name: name.to_owned(), login_count: 0, last_login: DateTime::UNIX_EPOCH };
        let first = login("Ada").upsert(&db.pool).with_action().await?;
        assert_eq!((first.row.login_count, first.action), (1, Action::Inserted));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let second = login("Countess").upsert(&db.pool).with_action().await?;
        assert_eq!((second.row.login_count, second.row.name.as_str(), second.action), (2, "Countess", Action::Updated));
        assert!(second.row.last_login > first.row.last_login);
        // S7
        let profile = |name: &str, age| Profile { email: email(), name: name.to_owned(), age };
        profile("Ada", Some(36)).upsert(&db.pool).await?;
        let kept = profile("Augusta", None).upsert(&db.pool).await?;
        assert_eq!((kept.name.as_str(), kept.age), ("Augusta", Some(36)));
        // S8
        let touched = || Touched { email: "eve@example.com".to_owned(), name: "Eve".to_owned(), created_at: DateTime::UNIX_EPOCH, updated_at: DateTime::UNIX_EPOCH };
        let first = touched().upsert(&db.pool).await?;
        assert_eq!(first.created_at, first.updated_at);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let second = touched().upsert(&db.pool).await?;
        assert_eq!(second.created_at, first.created_at);
        assert!(second.updated_at > first.updated_at);
        // S13
        let smart = |name: Option<&str>, age| Smart { email: email(), name: name.map(str::to_owned), age, updated_at: DateTime::UNIX_EPOCH };
        let one = smart(None, Some(37)).upsert(&db.pool).await?;
        assert_eq!((one.name.as_deref(), one.age), (Some("Augusta"), Some(37)));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let two = smart(Some("Ada"), None).upsert(&db.pool).await?;
        assert_eq!((two.name.as_deref(), two.age), (Some("Ada"), Some(37)));
        assert!(two.updated_at > one.updated_at);
        Ok(())
    }
}
