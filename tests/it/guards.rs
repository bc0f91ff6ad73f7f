//! Updates that only happen if: `update_where`, `newer`, `skip_unchanged`.

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sqlx::postgres::types::PgCiText;
use upsert::{Action, Upsert, Upserted};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "offers",
    conflict = "sku",
    update_where(new.price < old.price && !old.locked)
)]
struct Offer {
    sku: String,
    price: i64,
    #[upsert(insert_only)]
    locked: bool,
    #[upsert(update = old.changes + 1)]
    changes: i64,
}

fn offer(price: i64, locked: bool) -> Offer {
    Offer {
        sku: "apple".to_owned(),
        price,
        locked,
        changes: 0,
    }
}

const OFFERS: &str = r#"CREATE TABLE "offers" ("sku" {text} PRIMARY KEY, "price" BIGINT NOT NULL, "locked" BOOLEAN NOT NULL,
    "changes" BIGINT NOT NULL)"#;

/// The condition is NULL where a limit is.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "quotas", conflict = "name", update_where(new.used <= old.cap))]
struct Quota {
    name: String,
    used: i64,
    #[upsert(insert_only)]
    cap: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "docs", conflict = "name", newer = "version")]
struct Versioned {
    name: String,
    body: String,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "stamped", conflict = "name", newer = "at")]
struct Stamped {
    name: String,
    body: String,
    at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "dated", conflict = "name", newer = "at")]
struct Dated {
    name: String,
    body: String,
    at: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "pages",
    conflict = "slug",
    accumulate = "hits",
    coalesce = "note",
    skip_unchanged
)]
struct Page {
    slug: String,
    title: String,
    note: Option<String>,
    hits: i64,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

fn page(title: &str, note: Option<&str>, hits: i64) -> Page {
    Page {
        slug: "home".to_owned(),
        title: title.to_owned(),
        note: note.map(str::to_owned),
        hits,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

const PAGES: &str = r#"CREATE TABLE "pages" ("slug" {text} PRIMARY KEY, "title" {text} NOT NULL, "note" {text},
    "hits" BIGINT NOT NULL, "updated_at" {instant} NOT NULL)"#;

/// Both guards: only a newer row, and only if it changes something.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "both", conflict = "name", newer = "version", skip_unchanged)]
struct Both {
    name: String,
    body: String,
    #[upsert(update = greatest(old.version, new.version))]
    version: i64,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

/// `now()` stands beside a column of another form than the field's it is compared for.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "leases", conflict = "name", update_where(old.until < now()))]
struct Lease {
    name: String,
    holder: String,
    until: NaiveDateTime,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "cased", conflict = "id", skip_unchanged)]
struct Cased {
    id: i64,
    name: String,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "blobs", conflict = "id", skip_unchanged)]
struct Documents {
    id: i64,
    #[upsert(json)]
    plain: serde_json::Value,
    amount: rust_decimal::Decimal,
}

#[derive(Debug, Upsert)]
#[upsert(table = "cased", conflict = "id", skip_unchanged, returning = "id")]
struct CasedCi {
    id: i64,
    name: PgCiText,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

dialect_tests! {
    async fn an_update_happens_only_where_its_condition_holds(db: Db) -> Result<()> {
        db.run(OFFERS).await?;
        let dear = offer(100, false).upsert(&db.pool).with_action().await?;
        assert_eq!((dear.row.price, dear.action), (100, Action::Inserted));

        // Not cheaper: the row is left alone, and comes back all the same.
        let left = offer(100, true).upsert(&db.pool).with_action().await?;
        assert_eq!((left.row, left.action), (offer(100, false), Action::Unchanged));
        assert_eq!(offer(120, true).upsert(&db.pool).await?, offer(100, false));
        assert_eq!(offer(120, true).upsert(&db.pool).execute().await?, 0);

        let cheaper = offer(80, true).upsert(&db.pool).with_action().await?;
        assert_eq!((cheaper.row.price, cheaper.row.changes, cheaper.action), (80, 1, Action::Updated));
        assert_eq!(offer(70, true).upsert(&db.pool).execute().await?, 1);
        assert_eq!(db.one::<i64>(r#"SELECT "price" FROM "offers""#).await?, 70);

        db.run(r#"UPDATE "offers" SET "locked" = TRUE"#).await?;
        assert_eq!(offer(1, false).upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        Ok(())
    }

    async fn a_condition_that_is_null_updates_nothing(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "quotas" ("name" {text} PRIMARY KEY, "used" BIGINT NOT NULL, "cap" BIGINT)"#).await?;
        let quota = |name: &str, used, cap| Quota { name: name.to_owned(), used, cap };
        quota("none", 1, None).upsert(&db.pool).await?;
        quota("ten", 1, Some(10)).upsert(&db.pool).await?;
        for (row, used, action) in [
            (quota("none", 5, None), 1, Action::Unchanged),
            (quota("ten", 11, None), 1, Action::Unchanged),
            (quota("ten", 10, None), 10, Action::Updated),
        ] {
            let upserted = row.upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row.used, upserted.action), (used, action));
        }
        Ok(())
    }

    /// DO NOTHING and get_or_insert ask no condition.
    async fn a_guard_is_about_updates_alone(db: Db) -> Result<()> {
        db.run(OFFERS).await?;
        assert!(offer(100, false).insert_if_absent(&db.pool).await?);
        assert!(!offer(50, false).insert_if_absent(&db.pool).await?);
        assert_eq!(offer(50, false).insert_if_absent(&db.pool).returning().await?, None);
        let got = offer(50, false).get_or_insert(&db.pool).await?;
        assert_eq!((got.row.price, got.action), (100, Action::Unchanged));
        Ok(())
    }

    async fn a_guard_holds_inside_a_transaction(db: Db) -> Result<()> {
        db.run(OFFERS).await?;
        offer(100, false).upsert(&db.pool).await?;
        let mut tx = db.pool.begin().await?;
        assert_eq!(offer(200, false).upsert(&mut tx).await?.price, 100);
        assert_eq!(offer(90, false).upsert(&mut tx).with_action().await?.action, Action::Updated);
        assert_eq!(offer(95, false).upsert(&mut tx).with_action().await?.row.price, 90);
        tx.rollback().await?;
        assert_eq!(db.one::<i64>(r#"SELECT "price" FROM "offers""#).await?, 100);
        Ok(())
    }

    async fn only_a_newer_version_wins(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "docs" ("name" {text} PRIMARY KEY, "body" {text} NOT NULL, "version" BIGINT NOT NULL)"#).await?;
        let doc = |body: &str, version| Versioned { name: "readme".to_owned(), body: body.to_owned(), version };
        for (given, stored, action) in [
            (doc("five", 5), doc("five", 5), Action::Inserted),
            (doc("again", 5), doc("five", 5), Action::Unchanged),
            (doc("four", 4), doc("five", 5), Action::Unchanged),
            (doc("six", 6), doc("six", 6), Action::Updated),
        ] {
            let upserted = given.upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row, upserted.action), (stored, action));
        }
        Ok(())
    }

    /// Fractions of a second are written with 0, 3, 6 or 9 digits on SQLite, and are in order all the same.
    async fn only_a_newer_instant_wins(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "stamped" ("name" {text} PRIMARY KEY, "body" {text} NOT NULL, "at" {instant} NOT NULL)"#).await?;
        let second: DateTime<Utc> = "2024-05-01T10:00:00Z".parse()?;
        let row = |body: &str, at| Stamped { name: "x".to_owned(), body: body.to_owned(), at };
        let mut newest = row("start", second);
        newest.upsert(&db.pool).await?;
        for micros in [500_000, 499_999, 510_000, 1, 1_000_000, 999_999, 1_000_001] {
            let given = row(&micros.to_string(), second + TimeDelta::microseconds(micros));
            let newer = given.at > newest.at;
            let Upserted { row, action } = given.upsert(&db.pool).with_action().await?;
            if newer {
                newest = given;
            }
            assert_eq!(action, if newer { Action::Updated } else { Action::Unchanged }, "{micros}");
            assert_eq!(row, newest, "{micros}");
        }
        Ok(())
    }

    /// NULL is neither newer nor older.
    async fn nothing_is_newer_than_null(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "dated" ("name" {text} PRIMARY KEY, "body" {text} NOT NULL, "at" {datetime})"#).await?;
        let at: NaiveDateTime = "2024-05-01T10:00:00.5".parse()?;
        let row = |name: &str, body: &str, at| Dated { name: name.to_owned(), body: body.to_owned(), at };
        row("null", "old", None).upsert(&db.pool).await?;
        row("dated", "old", Some(at)).upsert(&db.pool).await?;
        for (given, body) in [
            (row("null", "new", Some(at)), "old"),
            (row("dated", "new", None), "old"),
            (row("dated", "new", Some(at)), "old"),
            (row("dated", "new", Some(at + TimeDelta::microseconds(1))), "new"),
        ] {
            assert_eq!(given.upsert(&db.pool).await?.body, body);
        }
        Ok(())
    }

    async fn nothing_is_written_when_nothing_would_change(db: Db) -> Result<()> {
        db.run(PAGES).await?;
        let first = page("Home", Some("draft"), 1).upsert(&db.pool).with_action().await?;
        assert_eq!(first.action, Action::Inserted);
        let stamp = first.row.updated_at;

        // A NULL is coalesced and nothing is added: the row would stay as it is.
        let same = page("Home", None, 0).upsert(&db.pool).with_action().await?;
        assert_eq!((same.row.updated_at, same.action), (stamp, Action::Unchanged));
        assert_eq!(page("Home", Some("draft"), 0).upsert(&db.pool).execute().await?, 0);
        assert_eq!(page("Home", None, 0).upsert(&db.pool).await?, first.row);

        for changed in [page("Home", None, 1), page("Start", None, 0), page("Start", Some("final"), 0)] {
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            let before: Page = page("", None, 0).get_or_insert(&db.pool).await?.row;
            let Upserted { row, action } = changed.upsert(&db.pool).with_action().await?;
            assert_eq!(action, Action::Updated, "{changed:?}");
            assert!(row.updated_at > before.updated_at, "{changed:?}");
        }
        Ok(())
    }

    async fn both_guards_have_to_hold(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "both" ("name" {text} PRIMARY KEY, "body" {text} NOT NULL, "version" BIGINT NOT NULL, "updated_at" {instant} NOT NULL)"#).await?;
        let row = |body: &str, version| Both { name: "x".to_owned(), body: body.to_owned(), version, updated_at: DateTime::UNIX_EPOCH };
        let first = row("a", 5).upsert(&db.pool).await?;
        let older = row("b", 4).upsert(&db.pool).with_action().await?;
        assert_eq!((older.row, older.action), (first.clone(), Action::Unchanged));
        let newer = row("a", 6).upsert(&db.pool).with_action().await?;
        assert_eq!((newer.row.version, newer.action), (6, Action::Updated));
        let body = row("c", 7).upsert(&db.pool).with_action().await?;
        assert_eq!((body.row.body.as_str(), body.row.version, body.action), ("c", 7, Action::Updated));
        assert_eq!(row("c", 7).upsert(&db.pool).execute().await?, 0);
        Ok(())
    }

    async fn the_clock_compares_with_a_column_of_any_form(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "leases" ("name" {text} PRIMARY KEY, "holder" {text} NOT NULL, "until" {datetime} NOT NULL)"#).await?;
        let now = Utc::now().naive_utc();
        let lease = |holder: &str, until| Lease { name: "job".to_owned(), holder: holder.to_owned(), until };
        lease("first", now + TimeDelta::seconds(60)).upsert(&db.pool).await?;
        assert_eq!(lease("second", now).upsert(&db.pool).await?.holder, "first");
        db.run(r#"DELETE FROM "leases""#).await?;
        lease("first", now - TimeDelta::seconds(60)).upsert(&db.pool).await?;
        assert_eq!(lease("second", now).upsert(&db.pool).await?.holder, "second");
        Ok(())
    }

    /// What the column's collation takes for equal is a change all the same.
    async fn a_change_of_case_is_a_change(db: Db) -> Result<()> {
        let name = match db.server.key {
            Key::Sqlite => "TEXT COLLATE NOCASE",
            Key::Postgres => "TEXT",
            Key::MariaDb | Key::MySql => "VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        };
        db.run(&format!(r#"CREATE TABLE "cased" ("id" BIGINT PRIMARY KEY, "name" {name} NOT NULL, "updated_at" {{instant}} NOT NULL)"#)).await?;
        let row = |name: &str| Cased { id: 1, name: name.to_owned(), updated_at: DateTime::UNIX_EPOCH };
        let first = row("bob").upsert(&db.pool).await?;
        assert_eq!(row("bob").upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        let Upserted { row, action } = row("Bob").upsert(&db.pool).with_action().await?;
        assert_eq!((row.name.as_str(), action), ("Bob", Action::Updated));
        assert!(row.updated_at > first.updated_at);
        Ok(())
    }

    /// `json` knows no equality, and a scale is no difference to `numeric`; `skip_unchanged` compares what is stored.
    #[on(postgres)]
    async fn documents_and_scales_are_compared_as_stored(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "blobs" ("id" BIGINT PRIMARY KEY, "plain" JSON NOT NULL, "amount" NUMERIC NOT NULL)"#).await?;
        let row = |plain: &str, amount: &str| -> Result<Documents> {
            Ok(Documents { id: 1, plain: serde_json::from_str(plain)?, amount: amount.parse()? })
        };
        row(r#"{"a": 1}"#, "1.0")?.upsert(&db.pool).await?;
        for (given, action) in [
            (row(r#"{"a": 1}"#, "1.0")?, Action::Unchanged),
            (row(r#"{"a": 2}"#, "1.0")?, Action::Updated),
            (row(r#"{"a": 2}"#, "1.00")?, Action::Updated),
            (row(r#"{"a": 2}"#, "1.00")?, Action::Unchanged),
        ] {
            assert_eq!(given.upsert(&db.pool).with_action().await?.action, action, "{given:?}");
        }
        Ok(())
    }

    #[on(postgres)]
    async fn citext_changes_its_case(db: Db) -> Result<()> {
        db.run("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public").await.ok();
        db.run(r#"CREATE TABLE "cased" ("id" BIGINT PRIMARY KEY, "name" citext NOT NULL, "updated_at" TIMESTAMPTZ NOT NULL)"#).await?;
        let row = |name: &str| CasedCi { id: 1, name: PgCiText(name.to_owned()), updated_at: DateTime::UNIX_EPOCH };
        row("bob").upsert(&db.pool).await?;
        assert_eq!(row("bob").upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        assert_eq!(row("Bob").upsert(&db.pool).with_action().await?.action, Action::Updated);
        Ok(())
    }

    /// An update that changes nothing still writes a row version on PostgreSQL; one that is skipped does not.
    #[on(postgres)]
    async fn repeats_do_not_grow_the_table(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "pages" ("slug" TEXT PRIMARY KEY, "title" TEXT NOT NULL, "note" TEXT, "hits" BIGINT NOT NULL, "updated_at" TIMESTAMPTZ NOT NULL)"#).await?;
        let size = r#"SELECT pg_relation_size('pages')"#;
        let mut conn = db.connect().await?;
        let mut rows = Vec::new();
        for number in 0..1_000 {
            rows.push(Page { slug: number.to_string(), ..page("Home", Some("a note of some length"), 0) });
        }
        for row in &rows {
            row.upsert(&mut conn).execute().await?;
        }
        let once: i64 = db.one(size).await?;
        for _ in 0..10 {
            for row in &rows {
                assert_eq!(row.upsert(&mut conn).execute().await?, 0);
            }
        }
        assert_eq!(db.one::<i64>(size).await?, once);
        Ok(())
    }

    /// The trigger takes the sentinel out of the server's reply, and the session has it still.
    #[on(mysql)]
    async fn a_guard_tells_the_truth_beside_a_trigger(db: Db) -> Result<()> {
        db.run(OFFERS).await?;
        db.run(r#"CREATE TABLE "log" ("id" {id}, "what" {text})"#).await?;
        db.run(r#"CREATE TRIGGER "seen" AFTER UPDATE ON "offers" FOR EACH ROW INSERT INTO "log" ("what") VALUES ('update')"#).await?;
        assert_eq!(offer(100, false).upsert(&db.pool).with_action().await?.action, Action::Inserted);
        assert_eq!(offer(100, false).upsert(&db.pool).with_action().await?.action, Action::Unchanged);
        assert_eq!(offer(100, false).upsert(&db.pool).execute().await?, 0);
        assert_eq!(offer(90, false).upsert(&db.pool).with_action().await?.action, Action::Updated);
        assert_eq!(offer(80, false).upsert(&db.pool).execute().await?, 1);
        Ok(())
    }
}
