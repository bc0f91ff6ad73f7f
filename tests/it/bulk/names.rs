//! Names that statements of many rows use themselves, and tables in other schemas.

use anyhow::Result;
use upsert::{Action, Upsert};

use crate::harness::{Key, dialect_tests};

macro_rules! named {
    ($($model:ident $table:literal),+) => {$(
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = $table, conflict = "k", update_where(new.n >= old.n))]
        struct $model {
            k: String,
            n: i64,
            #[upsert(update = old.u + new.u)]
            u: i64,
        }
    )+};
}

named!(U "u", Excluded "excluded", Old "old", New "new", Order "order", Elsewhere "upsert_it_bulk.u");

macro_rules! check {
    ($conn:ident, $model:ident) => {{
        let row = |k: &str, n| $model {
            k: k.to_owned(),
            n,
            u: 1,
        };
        let rows = [row("b", 2), row("a", 1), row("b", 3), row("b", 1)];
        assert_eq!($model::upsert_all(&rows, &mut $conn).await?, 3);
        let upserted = $model::upsert_all(&rows, &mut $conn).with_actions().await?;
        let told: Vec<_> = upserted
            .iter()
            .map(|upserted| {
                (
                    &*upserted.row.k,
                    upserted.row.n,
                    upserted.row.u,
                    upserted.action,
                )
            })
            .collect();
        let expected = [
            ("b", 3, 2, Action::Unchanged),
            ("a", 1, 2, Action::Updated),
            ("b", 3, 3, Action::Updated),
            ("b", 3, 3, Action::Unchanged),
        ];
        assert_eq!(told, expected);
        let stored = $model::upsert_all(&rows, &mut $conn).returning().await?;
        assert_eq!(
            stored.iter().map(|row| row.u).collect::<Vec<_>>(),
            [3, 3, 4, 4]
        );
        let found = $model::get_or_insert_all(&[row("c", 1), row("a", 9)], &mut $conn).await?;
        assert_eq!(
            found.iter().map(|found| found.action).collect::<Vec<_>>(),
            [Action::Inserted, Action::Unchanged]
        );
        let inserted = $model::insert_all_if_absent(&[row("c", 1), row("d", 9)], &mut $conn)
            .returning()
            .await?;
        assert_eq!(inserted, [None, Some(row("d", 9))]);
    }};
}

/// The columns are called as the statements call things.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "things", conflict = "u, key1", accumulate = "excluded")]
struct Columns {
    u: i64,
    key1: i64,
    excluded: i64,
}

dialect_tests! {
    async fn of_tables(db: Db) -> Result<()> {
        for table in ["u", "excluded", "old", "new", "order"] {
            db.run(&format!(r#"CREATE TABLE "{table}" ("k" {{text}} PRIMARY KEY, "n" BIGINT NOT NULL, "u" BIGINT NOT NULL)"#)).await?;
        }
        let mut conn = db.connect().await?;
        check!(conn, U);
        check!(conn, Excluded);
        check!(conn, Old);
        check!(conn, New);
        check!(conn, Order);
        Ok(())
    }

    async fn of_columns(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "things" ("key1" BIGINT, "excluded" BIGINT, "u" BIGINT, PRIMARY KEY ("key1", "u"))"#).await?;
        let rows = [(1, 2), (2, 1), (1, 2)].map(|(u, key1)| Columns { u, key1, excluded: 10 });
        let stored = Columns::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| (row.u, row.key1, row.excluded)).collect::<Vec<_>>(), [(1, 2, 10), (2, 1, 10), (1, 2, 20)]);
        let found = Columns::get_or_insert_all(&rows, &db.pool).await?;
        assert_eq!(found.iter().map(|found| found.row.excluded).collect::<Vec<_>>(), [20, 10, 20]);
        Ok(())
    }

    async fn of_a_schema(db: Db) -> Result<()> {
        let mut conn = db.connect().await?;
        // The name is fixed, so one run at a time; the lock goes with the connection.
        let set_up = match db.server.key {
            Key::Sqlite => "ATTACH DATABASE ':memory:' AS upsert_it_bulk",
            Key::Postgres => {
                "SET client_min_messages = warning; SELECT pg_advisory_lock(7255); DROP SCHEMA IF EXISTS upsert_it_bulk CASCADE; CREATE SCHEMA upsert_it_bulk"
            }
            Key::MariaDb | Key::MySql => {
                "DO GET_LOCK('upsert_it_bulk', 30); DROP SCHEMA IF EXISTS upsert_it_bulk; CREATE SCHEMA upsert_it_bulk CHARACTER SET utf8mb4"
            }
        };
        sqlx::raw_sql(set_up).execute(&mut conn).await?;
        let table = db.sql(r#"CREATE TABLE upsert_it_bulk.u ("k" {text} PRIMARY KEY, "n" BIGINT NOT NULL, "u" BIGINT NOT NULL)"#);
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(&mut conn).await?;
        check!(conn, Elsewhere);
        let tear_down = match db.server.key {
            Key::Sqlite => "DETACH DATABASE upsert_it_bulk",
            Key::Postgres => "DROP SCHEMA upsert_it_bulk CASCADE; SELECT pg_advisory_unlock(7255)",
            Key::MariaDb | Key::MySql => {
                "DROP SCHEMA upsert_it_bulk; DO RELEASE_LOCK('upsert_it_bulk')"
            }
        };
        sqlx::raw_sql(tear_down).execute(&mut conn).await?;
        Ok(())
    }
}
