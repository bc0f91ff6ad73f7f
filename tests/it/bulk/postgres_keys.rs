//! What PostgreSQL's table says of a key, whatever its field is: triggers, collations of an index, other types. And rows that
//! need those before them.

use anyhow::Result;
use chrono::{NaiveDate, NaiveDateTime};
use futures_util::stream;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use upsert::{Action, ErrorKind, Upsert, Upserted};
use uuid::Uuid;

use crate::harness::dialect_tests;

/// A key and a value, in one table for all.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pairs", conflict = "k")]
struct Number {
    k: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pairs", conflict = "k")]
struct Identity {
    k: Uuid,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pairs", conflict = "k")]
struct Word {
    k: String,
    v: i64,
}

/// What comes back is not the key.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pairs", conflict = "k", accumulate = "v", returning = "v")]
struct Unread {
    k: i64,
    v: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "pairs", conflict = "k", accumulate = "v", returning = "v")]
struct Moment {
    k: NaiveDateTime,
    v: i64,
}

fn numbers(rows: &[(i64, i64)]) -> Vec<Number> {
    rows.iter().map(|&(k, v)| Number { k, v }).collect()
}

fn words(words: &[&str]) -> Vec<Word> {
    let words = words.iter().zip(1..);
    words
        .map(|(k, v)| Word {
            k: (*k).to_owned(),
            v,
        })
        .collect()
}

/// A table that refers to itself.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "nodes", conflict = "id")]
struct Node {
    id: i64,
    k: Option<i64>,
    parent: Option<i64>,
    load: String,
}

/// The same by a key that not every row has.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "nodes",
    conflict = "k",
    conflict_where = "k IS NOT NULL",
    insert_only = "id"
)]
struct Named {
    id: i64,
    k: Option<i64>,
    parent: Option<i64>,
    load: String,
}

const NODES: &str = "
    CREATE TABLE nodes (
        id BIGINT PRIMARY KEY, k BIGINT, parent BIGINT REFERENCES nodes (id), load TEXT NOT NULL CHECK (load <> 'heavy')
    );
    CREATE UNIQUE INDEX ON nodes (k) WHERE k IS NOT NULL";

fn named(id: i64, k: Option<i64>, parent: Option<i64>) -> Named {
    Named {
        id,
        k,
        parent,
        load: String::new(),
    }
}

/// Everything in a table, as texts.
async fn stored(conn: &mut PgConnection, table: &str) -> Result<Vec<String>> {
    let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(conn)
        .await?)
}

/// What a loop gives and leaves in a transaction; each of the batches gives and leaves that too, in a transaction and with a pool.
macro_rules! same {
    ($db:ident, $table:literal, |$conn:ident| $one_by_one:expr, $(|$executor:ident| $batch:expr),+ $(,)?) => {{
        let mut connection = $db.connect().await?;
        connection.execute("BEGIN").await?;
        let given = {
            let $conn = &mut connection;
            $one_by_one
        };
        let left = stored(&mut connection, $table).await?;
        connection.execute("ROLLBACK").await?;
        $({
            let what = stringify!($batch);
            let mut tx = connection.begin().await?;
            {
                let $executor = &mut tx;
                assert_eq!($batch, given, "in a transaction: {what}");
            }
            assert_eq!(stored(&mut tx, $table).await?, left, "in a transaction: {what}");
            tx.rollback().await?;
            {
                let $executor = &$db.pool;
                assert_eq!($batch, given, "with a pool: {what}");
            }
            assert_eq!(stored(&mut connection, $table).await?, left, "with a pool: {what}");
            connection.execute(concat!("TRUNCATE ", $table)).await?;
        })+
    }};
}

/// All calls on these rows.
macro_rules! as_the_loop {
    ($db:ident, $table:literal, $model:ident, $rows:expr) => {{
        let rows: Vec<$model> = $rows;
        let pair = |upserted: Upserted<$model>| (upserted.row, upserted.action);
        same!(
            $db,
            $table,
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(pair(row.upsert(&mut *conn).with_action().await?));
                }
                given
            },
            |executor| {
                let given = $model::upsert_all(&rows, executor).with_actions().await?;
                given.into_iter().map(pair).collect::<Vec<_>>()
            },
            |executor| {
                let given = $model::upsert_all(&rows, executor)
                    .keep_order()
                    .with_actions()
                    .await?;
                given.into_iter().map(pair).collect::<Vec<_>>()
            },
        );
        same!(
            $db,
            $table,
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(row.upsert(&mut *conn).await?);
                }
                given
            },
            |executor| $model::upsert_all(&rows, executor).returning().await?,
            |executor| $model::upsert_all(&rows, executor)
                .keep_order()
                .returning()
                .await?,
            |executor| $model::upsert_all(&rows, executor)
                .chunk_rows(2)
                .returning()
                .await?,
        );
        same!(
            $db,
            $table,
            |conn| {
                let mut written = 0;
                for row in &rows {
                    written += row.upsert(&mut *conn).execute().await?;
                }
                written
            },
            |executor| $model::upsert_all(&rows, executor).await?,
            |executor| $model::upsert_all(&rows, executor).chunk_rows(1).await?,
            |executor| $model::upsert_all(&rows, executor).find_culprit().await?,
            |executor| $model::upsert_stream(stream::iter(rows.clone()), executor).await?,
        );
        same!(
            $db,
            $table,
            |conn| {
                let mut written = 0;
                for row in &rows {
                    written += u64::from(row.insert_if_absent(&mut *conn).await?);
                }
                written
            },
            |executor| $model::insert_all_if_absent(&rows, executor).await?,
            |executor| $model::insert_all_if_absent(&rows, executor)
                .chunk_rows(2)
                .await?,
        );
        same!(
            $db,
            $table,
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(row.insert_if_absent(&mut *conn).returning().await?);
                }
                given
            },
            |executor| $model::insert_all_if_absent(&rows, executor)
                .returning()
                .await?,
        );
    }};
}

/// `get_or_insert_all`, which finds a row by its key as it was given.
macro_rules! found_as_by_the_loop {
    ($db:ident, $table:literal, $model:ident, $rows:expr) => {{
        let rows: Vec<$model> = $rows;
        let pair = |upserted: Upserted<$model>| (upserted.row, upserted.action);
        same!(
            $db,
            $table,
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(pair(row.get_or_insert(&mut *conn).await?));
                }
                given
            },
            |executor| {
                let given = $model::get_or_insert_all(&rows, executor).await?;
                given.into_iter().map(pair).collect::<Vec<_>>()
            },
        );
    }};
}

dialect_tests! {
    #[on(postgres)]
    async fn integers_that_a_trigger_rewrites(db: Db) -> Result<()> {
        db.run("CREATE TABLE pairs (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)").await?;
        db.run(
            "CREATE FUNCTION last_digit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.k := NEW.k % 10; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE INSERT ON pairs FOR EACH ROW EXECUTE FUNCTION last_digit()",
        )
        .await?;
        as_the_loop!(db, "pairs", Number, numbers(&[(11, 1), (1, 2)]));
        as_the_loop!(db, "pairs", Number, numbers(&[(11, 1), (2, 2), (1, 3), (32, 4), (3, 5), (21, 6)]));
        Ok(())
    }

    /// The table itself has no trigger.
    #[on(postgres)]
    async fn integers_that_a_trigger_of_a_partition_rewrites(db: Db) -> Result<()> {
        db.run(
            "CREATE TABLE pairs (k BIGINT PRIMARY KEY, v BIGINT NOT NULL) PARTITION BY RANGE (k);
             CREATE TABLE digits PARTITION OF pairs FOR VALUES FROM (0) TO (100);
             CREATE FUNCTION last_digit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.k := NEW.k % 10; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE INSERT ON digits FOR EACH ROW EXECUTE FUNCTION last_digit()",
        )
        .await?;
        let rows = numbers(&[(11, 1), (1, 2)]);
        assert_eq!(Number::upsert_all(&rows, &db.pool).chunk_rows(1).await?, 2);
        let left: Vec<(i64, i64)> = db.all("SELECT k, v FROM pairs").await?;
        assert_eq!(left, [(1, 2)]);
        Ok(())
    }

    #[on(postgres)]
    async fn uuids_that_a_trigger_rewrites(db: Db) -> Result<()> {
        db.run("CREATE TABLE pairs (k UUID PRIMARY KEY, v BIGINT NOT NULL)").await?;
        db.run(
            "CREATE FUNCTION nil() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.k := '00000000-0000-0000-0000-000000000000'; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE INSERT ON pairs FOR EACH ROW EXECUTE FUNCTION nil()",
        )
        .await?;
        let row = |(k, v)| Identity { k: Uuid::from_u128(k), v };
        as_the_loop!(db, "pairs", Identity, [(2, 1), (1, 2), (3, 3)].map(row).to_vec());
        Ok(())
    }

    /// To the index, texts are equal that the column tells apart.
    #[on(postgres)]
    async fn a_collation_of_the_index(db: Db) -> Result<()> {
        db.run("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)").await?;
        db.run("CREATE TABLE pairs (k TEXT NOT NULL, v BIGINT NOT NULL)").await?;
        db.run("CREATE UNIQUE INDEX ON pairs (k COLLATE caseless)").await?;
        as_the_loop!(db, "pairs", Word, words(&["b", "B"]));
        as_the_loop!(db, "pairs", Word, words(&["b", "a", "B", "A", "c"]));
        // More than a statement takes.
        let mut many = words(&["zz"]);
        many.extend((0..10_000).map(|number| Word { k: format!("w{number}"), v: 0 }));
        many.push(Word { k: "ZZ".to_owned(), v: 2 });
        assert_eq!(Word::upsert_all(&many, &db.pool).await?, 10_002);
        let left: Vec<(String, i64)> = db.all("SELECT k, v FROM pairs WHERE lower(k) = 'zz'").await?;
        assert_eq!(left, [("zz".to_owned(), 2)]);
        Ok(())
    }

    /// A row without a key comes back by itself, and still after the row that it needs.
    #[on(postgres)]
    async fn rows_without_a_key_stay_in_their_places(db: Db) -> Result<()> {
        db.run(NODES).await?;
        let rows = || vec![
            named(1, Some(1), None),
            named(2, None, Some(1)),
            named(4, Some(4), Some(2)),
            named(3, Some(3), Some(4)),
            named(5, None, Some(3)),
        ];
        as_the_loop!(db, "nodes", Named, rows());
        found_as_by_the_loop!(db, "nodes", Named, rows());
        Ok(())
    }

    /// Of any table, where the order is to be kept: the row without a key refers to one that a trigger looks for.
    #[on(postgres)]
    async fn rows_without_a_key_stay_in_the_order_asked_for(db: Db) -> Result<()> {
        db.run("CREATE TABLE nodes (id BIGINT PRIMARY KEY, k BIGINT UNIQUE, parent BIGINT, load TEXT NOT NULL)").await?;
        db.run(
            "CREATE FUNCTION has_parent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.parent IS NOT NULL AND NOT EXISTS (SELECT FROM nodes WHERE id = NEW.parent) THEN
                     RAISE foreign_key_violation;
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER t AFTER INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION has_parent()",
        )
        .await?;
        let rows = [named(2, Some(2), None), named(1, None, Some(2)), named(3, Some(1), Some(1))];
        let given = Named::upsert_all(&rows, &db.pool).keep_order().returning().await?;
        assert_eq!(given, rows);
        Ok(())
    }

    /// So many bytes that they go in several statements.
    #[on(postgres)]
    async fn large_rows_that_need_those_before_them(db: Db) -> Result<()> {
        db.run(NODES).await?;
        let rows: Vec<_> = (0..40).map(|place| Node {
            id: 40 - place,
            k: None,
            parent: (place > 0).then(|| 41 - place),
            load: "x".repeat(1 << 20),
        }).collect();
        assert_eq!(Node::upsert_all(&rows, &db.pool).await?, 40);
        Ok(())
    }

    /// Half of the rows do not have their parents in the other half.
    #[on(postgres)]
    async fn the_culprit_among_rows_that_need_those_before_them(db: Db) -> Result<()> {
        db.run(NODES).await?;
        let rows: Vec<_> = (0..40).map(|place| Node {
            id: 40 - place,
            k: None,
            parent: (place > 0).then(|| 41 - place),
            load: if place == 9 { "heavy" } else { "light" }.to_owned(),
        }).collect();
        let error = Node::upsert_all(&rows, &db.pool).find_culprit().await.expect_err("it is heavy");
        assert_eq!((error.kind(), error.row()), (ErrorKind::CheckViolation, Some(9)));
        Ok(())
    }

    /// Nobody asks for the key, which could not be read.
    #[on(postgres)]
    async fn a_key_that_its_field_cannot_read(db: Db) -> Result<()> {
        db.run("CREATE TABLE pairs (k INTEGER PRIMARY KEY, v BIGINT NOT NULL)").await?;
        let rows: Vec<_> = [(2, 1), (1, 2), (2, 4)].map(|(k, v)| Unread { k, v }).to_vec();
        same!(
            db,
            "pairs",
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(row.upsert(&mut *conn).await?);
                }
                given
            },
            |executor| Unread::upsert_all(&rows, executor).returning().await?,
            |executor| Unread::upsert_all(&rows, executor).chunk_rows(2).returning().await?,
        );
        let inserted = Unread::insert_all_if_absent(&rows, &db.pool).returning().await?;
        assert_eq!(inserted, [Some(1), Some(2), None]);
        let found = Unread::get_or_insert_all(&rows, &db.pool).await?;
        assert!(found.iter().all(|found| found.action == Action::Unchanged));
        assert_eq!(Unread::upsert_all(&rows, &db.pool).await?, 3);
        Ok(())
    }

    /// What differs where it is sent may be the same where it is stored.
    #[on(postgres)]
    async fn keys_that_the_column_makes_equal(db: Db) -> Result<()> {
        db.run("CREATE TABLE pairs (k DATE PRIMARY KEY, v BIGINT NOT NULL)").await?;
        let at = |day, hour, v| {
            let day = NaiveDate::from_ymd_opt(2024, 5, day).and_then(|day| day.and_hms_opt(hour, 0, 0));
            Moment { k: day.unwrap_or_default(), v }
        };
        let rows = vec![at(2, 5, 1), at(1, 9, 2), at(2, 1, 3), at(1, 9, 4)];
        same!(
            db,
            "pairs",
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(row.insert_if_absent(&mut *conn).returning().await?);
                }
                given
            },
            |executor| Moment::insert_all_if_absent(&rows, executor).returning().await?,
        );
        same!(
            db,
            "pairs",
            |conn| {
                let mut given = Vec::new();
                for row in &rows {
                    given.push(row.upsert(&mut *conn).await?);
                }
                given
            },
            |executor| Moment::upsert_all(&rows, executor).returning().await?,
        );
        assert_eq!(Moment::insert_all_if_absent(&rows, &db.pool).await?, 2);
        let left: Vec<(i64,)> = db.all("SELECT v FROM pairs ORDER BY k").await?;
        assert_eq!(left, [(2,), (1,)]);
        Ok(())
    }

    /// A domain is what it is made of.
    #[on(postgres)]
    async fn domains(db: Db) -> Result<()> {
        db.run("CREATE DOMAIN number AS BIGINT CHECK (VALUE > 0); CREATE TABLE pairs (k number PRIMARY KEY, v BIGINT NOT NULL)").await?;
        as_the_loop!(db, "pairs", Number, numbers(&[(2, 1), (1, 2), (2, 3)]));
        found_as_by_the_loop!(db, "pairs", Number, numbers(&[(2, 1), (1, 2), (2, 3)]));
        Ok(())
    }

    /// What is asked before each batch costs little, since the server keeps its plan.
    #[on(postgres)]
    async fn what_is_asked_of_the_table_is_planned_once(db: Db) -> Result<()> {
        if db.server.major() < 14 {
            return Ok(());
        }
        db.run("CREATE TABLE pairs (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)").await?;
        let mut conn = db.connect().await?;
        for _ in 0..10 {
            Number::upsert_all(&numbers(&[(2, 1), (1, 2)]), &mut conn).await?;
        }
        let plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE $1";
        let plans: Vec<(i64, i64)> = sqlx::query_as(plans).bind("%pg_trigger%").fetch_all(&mut conn).await?;
        assert_eq!(plans, [(5, 5)]);
        Ok(())
    }
}
