//! Law 3: a batch leaves the table as upserting its rows one after the other in one transaction would, and gives the same rows
//! and actions.
//!
//! Random batches go through the calls of many rows and through a loop of the calls of one, each in a transaction that is rolled
//! back, and what they gave and left is compared. `UPSERT_CASES` says how many batches each model gets on each database.

use anyhow::{Result, ensure};
use proptest::prelude::*;
use sqlx::{Connection, Executor, FromRow, IntoArguments, Pool};
use std::fmt::Debug;
use upsert::{Action, Dialect, ErrorKind, InBulk, Patch, Upsert, UpsertModel, Upserted};

use crate::harness::{cases, compare_random, dialect_tests};

/// How a batch is asked to go about it.
#[derive(Debug, Clone, Copy)]
struct How {
    chunk_rows: Option<usize>,
    keep_order: bool,
    find_culprit: bool,
}

fn how() -> impl Strategy<Value = How> {
    (prop::option::of(1_usize..5), any::<bool>(), any::<bool>()).prop_map(
        |(chunk_rows, keep_order, find_culprit)| How {
            chunk_rows,
            keep_order,
            find_culprit,
        },
    )
}

/// What calls gave, or that one of them failed; what the table is then.
#[derive(Debug, PartialEq)]
struct Effect<G, T> {
    given: Option<G>,
    table: Vec<T>,
}

/// Rows of a model, as many as there are in its table.
trait Subject: Upsert<Output = Self> + InBulk + Clone + Debug + PartialEq + Send + Sync {
    const TABLE: &'static str;
    /// Whether a row may take a value from another under a unique key that is not the target: then the order matters.
    const ORDER_MATTERS: bool = false;
}

/// Everything in the table, in an order that does not depend on it.
async fn dump<DB, T>(conn: &mut DB::Connection) -> Result<Vec<T>>
where
    DB: Dialect,
    T: Subject + for<'r> FromRow<'r, DB::Row> + Unpin,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut rows: Vec<T> = sqlx::query_as(T::TABLE).fetch_all(conn).await?;
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    Ok(rows)
}

/// Runs calls in a transaction, looks at the table, and rolls back.
macro_rules! effect {
    ($pool:expr, $conn:ident, $tx:ident, $given:expr) => {{
        let mut $tx = $conn.begin().await?;
        let given: std::result::Result<_, upsert::Error> = async { $given }.await;
        let effect = match given {
            Ok(given) => Effect {
                given: Some(given),
                table: dump::<DB, T>(&mut $tx).await?,
            },
            // On PostgreSQL, nothing can be asked of such a transaction.
            Err(error) => {
                ensure!(
                    !matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Database),
                    "{error}"
                );
                Effect {
                    given: None,
                    table: Vec::new(),
                }
            }
        };
        let rolled_back = $tx.rollback().await;
        if $conn.is_in_transaction() {
            // SQLite has ended the transaction by itself, and sqlx does not know.
            ensure!(effect.given.is_none(), "{rolled_back:?}");
            $conn.close_on_drop();
            $conn = $pool.acquire().await?;
        } else {
            rolled_back?;
        }
        effect
    }};
}

async fn compare<DB, T>(pool: &Pool<DB>, seed: Vec<T>, rows: Vec<T>, how: How) -> Result<()>
where
    DB: Dialect,
    T: Subject + UpsertModel<DB> + for<'r> FromRow<'r, DB::Row> + Unpin,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut conn = pool.acquire().await?;
    let clear = T::TABLE.replace("SELECT *", "DELETE");
    (&mut *conn).execute(sqlx::AssertSqlSafe(clear)).await?;
    for row in &seed {
        let _ = row.upsert(&mut *conn).execute().await;
    }
    let seeded: Vec<T> = dump::<DB, T>(&mut conn).await?;
    let how = How {
        keep_order: how.keep_order || T::ORDER_MATTERS,
        ..how
    };
    macro_rules! many {
        ($call:expr) => {{
            let mut call = $call;
            if let Some(rows) = how.chunk_rows {
                call = call.chunk_rows(rows);
            }
            if how.keep_order {
                call = call.keep_order();
            }
            if how.find_culprit {
                call = call.find_culprit();
            }
            call
        }};
    }
    macro_rules! same {
        ($what:literal, $loop:expr, $batch:expr) => {{
            let (of_loop, of_batch) = ($loop, $batch);
            ensure!(
                of_loop == of_batch,
                "{}: the loop {of_loop:#?}\nthe batch {of_batch:#?}",
                $what
            );
        }};
    }

    let of_loop = effect!(pool, conn, tx, {
        let mut given = Vec::new();
        for row in &rows {
            given.push(row.upsert(&mut tx).with_action().await?);
        }
        Ok(given)
    });
    let of_batch = effect!(
        pool,
        conn,
        tx,
        many!(T::upsert_all(&rows, &mut tx)).with_actions().await
    );
    same!("with_actions", &of_loop, &of_batch);
    let returned = Effect {
        given: of_loop.given.as_ref().map(|given| {
            let rows = given.iter().map(|upserted| upserted.row.clone());
            rows.collect::<Vec<_>>()
        }),
        table: of_loop.table.clone(),
    };
    let of_batch = effect!(
        pool,
        conn,
        tx,
        many!(T::upsert_all(&rows, &mut tx)).returning().await
    );
    same!("returning", &returned, &of_batch);
    let counted = Effect {
        given: of_loop.given.as_ref().map(|given| written(given)),
        table: of_loop.table.clone(),
    };
    let of_batch = effect!(pool, conn, tx, many!(T::upsert_all(&rows, &mut tx)).await);
    same!("upsert_all", &counted, &of_batch);

    let of_loop = effect!(pool, conn, tx, {
        let mut given = Vec::new();
        for row in &rows {
            given.push(row.insert_if_absent(&mut tx).returning().await?);
        }
        Ok(given)
    });
    let of_batch = effect!(
        pool,
        conn,
        tx,
        many!(T::insert_all_if_absent(&rows, &mut tx))
            .returning()
            .await
    );
    same!("insert_all_if_absent returning", &of_loop, &of_batch);
    let counted = Effect {
        given: of_loop
            .given
            .as_ref()
            .map(|given| given.iter().flatten().count() as u64),
        table: of_loop.table.clone(),
    };
    let of_batch = effect!(
        pool,
        conn,
        tx,
        many!(T::insert_all_if_absent(&rows, &mut tx)).await
    );
    same!("insert_all_if_absent", &counted, &of_batch);

    let of_loop = effect!(pool, conn, tx, {
        let mut given = Vec::new();
        for row in &rows {
            given.push(row.get_or_insert(&mut tx).await?);
        }
        Ok(given)
    });
    let of_batch = effect!(
        pool,
        conn,
        tx,
        many!(T::get_or_insert_all(&rows, &mut tx)).await
    );
    same!("get_or_insert_all", &of_loop, &of_batch);

    // The same with a transaction of the batch's own, which may begin again.
    let before: Vec<T> = dump::<DB, T>(&mut conn).await?;
    same!("after all rollbacks", &seeded, &before);
    let done = many!(T::upsert_all(&rows, &mut *conn)).await;
    let after: Vec<T> = dump::<DB, T>(&mut conn).await?;
    let expected = match returned.given {
        Some(_) => &returned.table,
        None => &before,
    };
    same!("on a connection", expected, &after);
    same!("on a connection", returned.given.is_some(), done.is_ok());
    Ok(())
}

fn written<T>(given: &[Upserted<T>]) -> u64 {
    let written = given.iter().filter(|row| row.action != Action::Unchanged);
    written.count() as u64
}

/// Compares random batches of rows that `row` makes.
async fn compare_many<DB, T, R>(pool: &Pool<DB>, row: R) -> Result<()>
where
    DB: Dialect,
    T: Subject + UpsertModel<DB> + for<'r> FromRow<'r, DB::Row> + Unpin,
    R: Strategy<Value = T> + 'static,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let row = row.boxed();
    let batches = (
        prop::collection::vec(row.clone(), 0..5),
        prop::collection::vec(row, 0..12),
        how(),
    );
    compare_random(cases(40), &batches, |(seed, rows, how)| {
        compare::<DB, T>(pool, seed, rows, how)
    })
}

fn texts(texts: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = Option<String>> {
    prop::option::of(texts(&["", "red", "it's", "naïve"]))
}

fn small() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(-5_i64..5)
}

/// Every rule that is not a guard, on a key of two columns.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "rules",
    conflict = "tenant, sku",
    accumulate = "stock",
    coalesce = "note",
    insert_only = "maker",
    greatest = "high",
    least = "low",
    set(mix = old.writes * 10 - coalesce(new.stock, old.stock, 7))
)]
struct Rules {
    tenant: i32,
    sku: String,
    name: Option<String>,
    stock: Option<i64>,
    note: Option<String>,
    maker: String,
    high: Option<i64>,
    low: Option<i64>,
    #[upsert(update = old.writes + 1)]
    writes: i64,
    mix: i64,
    #[upsert(insert = concat(new.tag, "-", new.sku), update = concat(old.tag, new.tag))]
    tag: String,
}

impl Subject for Rules {
    const TABLE: &'static str = "SELECT * FROM rules";
}

const RULES: &str = r#"CREATE TABLE "rules" (
    "tenant" INT NOT NULL, "sku" {text} NOT NULL, "name" {text}, "stock" BIGINT, "note" {text}, "maker" {text} NOT NULL,
    "high" BIGINT, "low" BIGINT, "writes" BIGINT NOT NULL, "mix" BIGINT NOT NULL, "tag" {text} NOT NULL,
    PRIMARY KEY ("tenant", "sku"))"#;

fn rules() -> impl Strategy<Value = Rules> {
    let stock = prop_oneof![
        8 => small(),
        1 => prop::sample::select(vec![Some(i64::MAX), Some(i64::MIN)]),
    ];
    (
        -1_i32..2,
        texts(&["a", "b", "B b", "日本"]),
        word(),
        stock,
        word(),
        texts(&["x", "y"]),
        small(),
        small(),
        0_i64..3,
        texts(&["p", "q"]),
    )
        .prop_map(
            |(tenant, sku, name, stock, note, maker, high, low, writes, tag)| Rules {
                tenant,
                sku,
                name,
                stock,
                note,
                maker,
                high,
                low,
                writes,
                mix: writes,
                tag,
            },
        )
}

/// A guard with a condition.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "newer", conflict = "id", newer = "version", accumulate = "n")]
struct Newer {
    id: i64,
    version: i64,
    name: Option<String>,
    n: i64,
}

impl Subject for Newer {
    const TABLE: &'static str = "SELECT * FROM newer";
}

const NEWER: &str = r#"CREATE TABLE "newer" ("id" BIGINT PRIMARY KEY, "version" BIGINT NOT NULL, "name" {text}, "n" BIGINT NOT NULL)"#;

fn newer() -> impl Strategy<Value = Newer> {
    (-2_i64..3, 0_i64..4, word(), -3_i64..3).prop_map(|(id, version, name, n)| Newer {
        id,
        version,
        name,
        n,
    })
}

/// Nothing is written where nothing would change.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "same",
    conflict = "sku",
    skip_unchanged,
    coalesce = "note",
    accumulate = "n"
)]
struct Same {
    sku: String,
    name: Option<String>,
    note: Option<String>,
    n: i64,
}

impl Subject for Same {
    const TABLE: &'static str = "SELECT * FROM same";
}

const SAME: &str = r#"CREATE TABLE "same" ("sku" {text} PRIMARY KEY, "name" {text}, "note" {text}, "n" BIGINT NOT NULL)"#;

fn same() -> impl Strategy<Value = Same> {
    let name = || prop::option::of(texts(&["x", "X"]));
    (texts(&["a", "b", "c"]), name(), name(), 0_i64..2).prop_map(|(sku, name, note, n)| Same {
        sku,
        name,
        note,
        n,
    })
}

/// Nothing but its key.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "pairs", conflict = "one, two")]
struct Pair {
    one: i64,
    two: String,
}

impl Subject for Pair {
    const TABLE: &'static str = "SELECT * FROM pairs";
}

const PAIRS: &str = r#"CREATE TABLE "pairs" ("one" BIGINT NOT NULL, "two" {text} NOT NULL, PRIMARY KEY ("one", "two"))"#;

fn pair() -> impl Strategy<Value = Pair> {
    (0_i64..3, texts(&["a", "b", "ab"])).prop_map(|(one, two)| Pair { one, two })
}

/// A second unique key, which may collide.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "slots", conflict = "id")]
struct Slot {
    id: i64,
    slot: Option<i64>,
    name: Option<String>,
}

impl Subject for Slot {
    const TABLE: &'static str = "SELECT * FROM slots";
    const ORDER_MATTERS: bool = true;
}

const SLOTS: &str =
    r#"CREATE TABLE "slots" ("id" BIGINT PRIMARY KEY, "slot" BIGINT UNIQUE, "name" {text})"#;

fn slot() -> impl Strategy<Value = Slot> {
    let slot = prop_oneof![1 => Just(None), 2 => (0_i64..8).prop_map(Some)];
    (0_i64..4, slot, word()).prop_map(|(id, slot, name)| Slot { id, slot, name })
}

/// Soft deletion, in the way that leaves deleted rows alone, and in the one that fails.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "kept",
    conflict = "id",
    soft_delete = "gone",
    on_deleted = "keep"
)]
struct Kept {
    id: i64,
    name: Option<String>,
    gone: Option<i64>,
}

impl Subject for Kept {
    const TABLE: &'static str = "SELECT * FROM kept";
}

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "kept",
    conflict = "id",
    soft_delete = "gone",
    on_deleted = "error"
)]
struct Refused {
    id: i64,
    name: Option<String>,
    gone: Option<i64>,
}

impl Subject for Refused {
    const TABLE: &'static str = "SELECT * FROM kept";
}

const KEPT: &str = r#"CREATE TABLE "kept" ("id" BIGINT PRIMARY KEY, "name" {text}, "gone" BIGINT)"#;

/// A partial index: rows outside of it never conflict, and may have the same key.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "partial",
    conflict = "sku",
    conflict_where = "sku IS NOT NULL AND NOT hidden",
    accumulate = "n"
)]
struct Partial {
    sku: Option<String>,
    #[upsert(insert_only)]
    hidden: bool,
    n: i64,
}

impl Subject for Partial {
    const TABLE: &'static str = "SELECT * FROM partial";
}

fn partial() -> impl Strategy<Value = Partial> {
    let sku = prop::option::of(texts(&["a", "b", "c"]));
    (sku, any::<bool>(), 0_i64..3).prop_map(|(sku, hidden, n)| Partial { sku, hidden, n })
}

/// A key whose column has a wide idea of equal.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "wide", conflict = "email", accumulate = "n")]
struct Wide {
    email: String,
    name: String,
    n: i64,
}

impl Subject for Wide {
    const TABLE: &'static str = "SELECT * FROM wide";
}

fn wide() -> impl Strategy<Value = Wide> {
    let email = texts(&[
        "a", "A", "b", "B", "a ", "ab", "Ab", "é", "E", "e", "É", "ß", "ss",
    ]);
    (email, texts(&["x", "y", "z"]), 0_i64..3).prop_map(|(email, name, n)| Wide { email, name, n })
}

/// The same, with keys that are ASCII.
fn wide_ascii() -> impl Strategy<Value = Wide> {
    let email = texts(&["a", "A", "b", "B", "a ", "ab", "Ab", "a-b", "a_b", "1"]);
    (email, texts(&["x", "y", "z"]), 0_i64..3).prop_map(|(email, name, n)| Wide { email, name, n })
}

/// A number as the key.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "digits", conflict = "id", accumulate = "n")]
struct Digit {
    id: i64,
    name: String,
    n: i64,
}

impl Subject for Digit {
    const TABLE: &'static str = "SELECT * FROM digits";
}

fn digit() -> impl Strategy<Value = Digit> {
    let id = prop::sample::select(vec![1_i64, 2, 3, 11, 12, 21]);
    (id, texts(&["x", "y", "z"]), 0_i64..3).prop_map(|(id, name, n)| Digit { id, name, n })
}

/// Rows that may need those before them, and not all of which have a key.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "branches",
    conflict = "k",
    conflict_where = "k IS NOT NULL",
    accumulate = "n"
)]
struct Branch {
    k: Option<i64>,
    parent: Option<i64>,
    n: i64,
}

impl Subject for Branch {
    const TABLE: &'static str = "SELECT * FROM branches";
}

/// Rows in an order in which they can be inserted one after the other. (A statement takes others, too.)
fn branches() -> impl Strategy<Value = Vec<Branch>> {
    let parent = prop::option::of(any::<prop::sample::Index>());
    let row = (prop::option::of(0_i64..6), parent, 0_i64..3);
    prop::collection::vec(row, 0..12).prop_map(|rows| {
        let mut known = Vec::new();
        let rows = rows.into_iter().map(|(k, parent, n)| {
            let parent = parent.filter(|_| !known.is_empty());
            let parent = parent.map(|parent| *parent.get(&known));
            known.extend(k);
            Branch { k, parent, n }
        });
        rows.collect()
    })
}

/// An expression as the target.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "lowered", conflict = "lower(email)", accumulate = "n")]
struct Lowered {
    email: String,
    name: String,
    n: i64,
}

impl Subject for Lowered {
    const TABLE: &'static str = "SELECT * FROM lowered";
}

fn lowered() -> impl Strategy<Value = Lowered> {
    let email = texts(&["a", "A", "b", "B", "ab", "Ab"]);
    (email, texts(&["x", "y", "z"]), 0_i64..3).prop_map(|(email, name, n)| Lowered {
        email,
        name,
        n,
    })
}

/// What a row gets depends on the rows that are there, those of the batch too.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "queues",
    conflict = "id",
    insert_only = "place",
    update_where(sql("(SELECT SUM(q.n) FROM queues q) < 9"))
)]
struct Queued {
    id: i64,
    n: i64,
    #[upsert(insert = sql("(SELECT COALESCE(MAX(q.place), 0) + 1 FROM queues q)"))]
    place: i64,
}

impl Subject for Queued {
    const TABLE: &'static str = "SELECT * FROM queues";
}

fn queued() -> impl Strategy<Value = Queued> {
    (0_i64..6, 0_i64..5).prop_map(|(id, n)| Queued { id, n, place: 0 })
}

/// Columns that a row may leave alone.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "patches", conflict = "id")]
struct Patched {
    id: i64,
    name: Patch<Option<String>>,
    n: Patch<Option<i64>>,
}

impl Subject for Patched {
    const TABLE: &'static str = "SELECT * FROM patches";
}

const PATCHES: &str =
    r#"CREATE TABLE "patches" ("id" BIGINT PRIMARY KEY, "name" {text}, "n" BIGINT)"#;

fn patched() -> impl Strategy<Value = Patched> {
    (0_i64..3, any::<bool>(), word(), any::<bool>(), small()).prop_map(
        |(id, keep_name, name, keep_n, n)| Patched {
            id,
            name: if keep_name {
                Patch::Keep
            } else {
                Patch::Set(name)
            },
            n: if keep_n { Patch::Keep } else { Patch::Set(n) },
        },
    )
}

/// An array column, for which PostgreSQL's rows go in a VALUES list.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "arrays", conflict = "id", coalesce = "note")]
struct Arrays {
    id: i64,
    words: Vec<String>,
    note: Option<String>,
}

impl Subject for Arrays {
    const TABLE: &'static str = "SELECT * FROM arrays";
}

fn arrays() -> impl Strategy<Value = Arrays> {
    let words = prop::collection::vec(texts(&["a", "b"]), 0..3);
    (0_i64..4, words, word()).prop_map(|(id, words, note)| Arrays { id, words, note })
}

/// A key that its column, or a trigger, makes another one of, and that is not found again by what was sent.
macro_rules! bent {
    ($($model:ident $key:ty)+) => {$(
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = "bent", conflict = "k", accumulate = "n", returning = "n, last")]
        struct $model {
            k: $key,
            n: i64,
            last: i64,
        }
    )+};
}
bent!(BentNumber i64 BentText String);

/// Compares what calls leave that do not read the row back.
macro_rules! compare_bent {
    ($db:ident, $model:ident, $key:expr) => {{
        let row = ($key, 0_i64..3).prop_map(|(k, n)| $model { k, n, last: 0 });
        let batches = (prop::collection::vec(row, 0..12), how());
        let pool = &$db.pool;
        compare_random(
            cases(40),
            &batches,
            |(mut rows, how): (Vec<$model>, How)| async move {
                for (last, row) in rows.iter_mut().enumerate() {
                    row.last = i64::try_from(last)?;
                }
                let mut left = Vec::new();
                for is_batch in [false, true] {
                    let mut tx = pool.begin().await?;
                    let mut written = 0;
                    if is_batch {
                        let mut call = $model::upsert_all(&rows, &mut tx);
                        if let Some(rows) = how.chunk_rows {
                            call = call.chunk_rows(rows);
                        }
                        written = call.await?;
                    } else {
                        for row in &rows {
                            written += row.upsert(&mut tx).execute().await?;
                        }
                    }
                    let stored = "SELECT CAST(k AS CHAR), n, last FROM bent ORDER BY k";
                    let stored: Vec<(String, i64, i64)> =
                        sqlx::query_as(stored).fetch_all(&mut *tx).await?;
                    left.push((written, stored));
                    tx.rollback().await?;
                }
                ensure!(
                    left[0] == left[1],
                    "the loop {:?}\nthe batch {:?}",
                    left[0],
                    left[1]
                );
                Ok(())
            },
        )
    }};
}

fn bent(ty: &str) -> String {
    format!("CREATE TABLE bent (k {ty} PRIMARY KEY, n BIGINT NOT NULL, last BIGINT NOT NULL)")
}

dialect_tests! {
    async fn rules_(db: Db) -> Result<()> {
        db.run(RULES).await?;
        compare_many(&db.pool, rules()).await
    }

    async fn newer_(db: Db) -> Result<()> {
        db.run(NEWER).await?;
        compare_many(&db.pool, newer()).await
    }

    async fn skip_unchanged(db: Db) -> Result<()> {
        db.run(SAME).await?;
        compare_many(&db.pool, same()).await
    }

    async fn key_only(db: Db) -> Result<()> {
        db.run(PAIRS).await?;
        compare_many(&db.pool, pair()).await
    }

    async fn another_unique_key(db: Db) -> Result<()> {
        db.run(SLOTS).await?;
        compare_many(&db.pool, slot()).await
    }

    /// Where the other key is taken, SQLite rolls the whole transaction back.
    #[on(sqlite)]
    async fn another_unique_key_that_ends_the_transaction(db: Db) -> Result<()> {
        db.run(&SLOTS.replace("UNIQUE", "UNIQUE ON CONFLICT ROLLBACK")).await?;
        compare_many(&db.pool, slot()).await
    }

    async fn deleted_rows_are_kept(db: Db) -> Result<()> {
        db.run(KEPT).await?;
        compare_many(&db.pool, (0_i64..4, word()).prop_map(|(id, name)| Kept { id, name, gone: None })).await?;
        compare_many(&db.pool, (0_i64..4, word()).prop_map(|(id, name)| Refused { id, name, gone: None })).await
    }

    async fn patches(db: Db) -> Result<()> {
        db.run(PATCHES).await?;
        compare_many(&db.pool, patched()).await
    }

    async fn queries_in_literal_sql(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "queues" ("id" BIGINT PRIMARY KEY, "n" BIGINT NOT NULL, "place" BIGINT NOT NULL)"#).await?;
        compare_many(&db.pool, queued()).await
    }

    #[on(postgres, sqlite)]
    async fn rows_outside_of_a_partial_index(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "partial" ("sku" {text}, "hidden" BOOLEAN NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "partial_sku" ON "partial" ("sku") WHERE sku IS NOT NULL AND NOT hidden"#).await?;
        compare_many(&db.pool, partial()).await
    }

    #[on(postgres, sqlite)]
    async fn an_expression(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "lowered" ("email" {text} NOT NULL, "name" {text} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX "lowered_email" ON "lowered" (lower(email))"#).await?;
        compare_many(&db.pool, lowered()).await
    }

    async fn keys_that_are_equal_in_spite_of_their_bytes(db: Db) -> Result<()> {
        let email = match db.server.key {
            crate::harness::Key::Postgres => {
                db.run("BEGIN; SELECT pg_advisory_xact_lock(7254); CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; COMMIT").await?;
                "citext"
            }
            crate::harness::Key::Sqlite => "TEXT COLLATE NOCASE",
            _ => "VARCHAR(50)",
        };
        db.run(&format!(r#"CREATE TABLE "wide" ("email" {email} PRIMARY KEY, "name" {{text}} NOT NULL, "n" BIGINT NOT NULL)"#)).await?;
        compare_many(&db.pool, wide()).await?;
        compare_many(&db.pool, wide_ascii()).await
    }

    #[on(postgres)]
    async fn keys_under_a_nondeterministic_collation_and_of_fixed_length(db: Db) -> Result<()> {
        db.run("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false)").await?;
        db.run(r#"CREATE TABLE "wide" ("email" TEXT COLLATE ci PRIMARY KEY, "name" TEXT NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        compare_many(&db.pool, wide()).await?;
        db.run(r#"DROP TABLE "wide"; CREATE TABLE "wide" ("email" CHAR(4) PRIMARY KEY, "name" TEXT NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        compare_many(&db.pool_of(2), wide()).await
    }

    #[on(postgres)]
    async fn keys_under_another_collation_than_their_column(db: Db) -> Result<()> {
        db.run("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false)").await?;
        db.run(r#"CREATE TABLE "wide" ("email" TEXT NOT NULL, "name" TEXT NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        db.run(r#"CREATE UNIQUE INDEX ON "wide" ("email" COLLATE ci)"#).await?;
        compare_many(&db.pool, wide()).await
    }

    #[on(postgres)]
    async fn numbers_that_a_trigger_rewrites(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "digits" ("id" BIGINT PRIMARY KEY, "name" TEXT NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        db.run_as_it_is("CREATE FUNCTION last_digit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := NEW.id % 10; RETURN NEW; END $$").await?;
        db.run_as_it_is("CREATE TRIGGER last_digit BEFORE INSERT ON digits FOR EACH ROW EXECUTE FUNCTION last_digit()").await?;
        compare_many(&db.pool, digit()).await
    }

    #[on(postgres, sqlite)]
    async fn rows_that_need_those_before_them(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "branches" ("k" BIGINT UNIQUE, "parent" BIGINT REFERENCES "branches" ("k"), "n" BIGINT NOT NULL)"#).await?;
        compare_random(cases(40), &(branches(), branches(), how()), |(seed, rows, how)| {
            compare::<DB, Branch>(&db.pool, seed, rows, how)
        })
    }

    #[on(postgres)]
    async fn keys_that_a_trigger_rewrites(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "wide" ("email" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        db.run_as_it_is("CREATE FUNCTION lowers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$").await?;
        db.run_as_it_is("CREATE TRIGGER lowers BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION lowers()").await?;
        let lower_case = texts(&["a", "b", "ab"]);
        compare_many(&db.pool, (lower_case, 0_i64..3).prop_map(|(email, n)| Wide { email, name: "x".to_owned(), n })).await
    }

    #[on(postgres)]
    async fn array_columns(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "arrays" ("id" BIGINT PRIMARY KEY, "words" TEXT[] NOT NULL, "note" TEXT)"#).await?;
        compare_many(&db.pool, arrays()).await
    }

    #[on(mysql)]
    async fn numbers_that_a_trigger_rewrites(db: Db) -> Result<()> {
        db.run(&bent("BIGINT")).await?;
        db.run("CREATE TRIGGER bends BEFORE INSERT ON bent FOR EACH ROW SET NEW.k = IF(NEW.n = 2, NEW.k + 1, NEW.k)").await?;
        compare_bent!(db, BentNumber, 0_i64..6)
    }

    #[on(mysql)]
    async fn texts_in_a_column_of_numbers(db: Db) -> Result<()> {
        db.run(&bent("BIGINT")).await?;
        compare_bent!(db, BentText, texts(&["1", "01", " 1", "2", "3", "+3", "03"]))
    }

    #[on(mysql)]
    async fn numbers_in_a_column_of_floats(db: Db) -> Result<()> {
        db.run(&bent("FLOAT")).await?;
        compare_bent!(db, BentNumber, 16_777_214_i64..16_777_222)
    }
}
