//! Many rows in one transaction, half of them there already: the rows, what is written by hand with sqlx, and whose turn it is.
//!
//! The package of the peers takes this file too.

use std::cmp::Ordering;
use std::env;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr, SqlStr};
use tokio::runtime::Runtime;
use upsert::{ExecutorFor, Upsert};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One struct for all.
#[derive(Debug, Clone, Upsert, sqlx::FromRow)]
#[upsert(conflict = "sku", generated = "id", accumulate = "stock")]
pub struct Item {
    pub id: i64,
    pub sku: String,
    pub name: String,
    pub stock: i64,
    pub price: f64,
    pub active: bool,
}

/// The rows of a batch, in no order.
fn items(rows: usize) -> Vec<Item> {
    // A prime, which no power of ten has in it: each number comes once.
    let item = |place: usize| item(place * 7_919 % rows);
    (0..rows).map(item).collect()
}

fn item(number: usize) -> Item {
    Item {
        id: 0,
        sku: format!("sku-{number:08}"),
        name: format!("Item number {number}"),
        stock: 1,
        price: number as f64 / 100.0,
        active: true,
    }
}

/// Every other row: those that are there before each turn. They came in another order than the batch comes in, or its rows would
/// find theirs side by side.
fn every_other(items: &[Item]) -> Vec<Item> {
    let is_even = |item: &Item| item.sku.ends_with(['0', '2', '4', '6', '8']);
    let order = (0..items.len()).map(|place| place * 104_729 % items.len());
    let items = order.map(|place| items[place].clone());
    items.filter(is_even).collect()
}

/// One who takes part.
pub struct Contender<'a> {
    name: &'static str,
    run: Run<'a>,
}

type Run<'a> = Box<dyn FnMut(&[Item]) -> Result<()> + 'a>;

impl<'a> Contender<'a> {
    /// `run` writes the batch, from BEGIN to COMMIT.
    pub fn new(name: &'static str, run: impl FnMut(&[Item]) -> Result<()> + 'a) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }

    /// One who uses sqlx, on a connection of its own.
    fn on<C: 'a>(
        name: &'static str,
        runtime: &'a Runtime,
        mut conn: C,
        write: impl AsyncFn(&mut C, &[Item]) -> sqlx::Result<()> + 'a,
    ) -> Self {
        Self::new(name, move |items| {
            Ok(runtime.block_on(write(&mut conn, items))?)
        })
    }
}

/// What each took for a task; the first is what the others are compared with.
pub struct Outcome {
    pub task: String,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: &'static str,
    /// The median.
    pub time: Duration,
    /// What this thread worked of it (median): all of the client's work on PostgreSQL; on SQLite, another thread does the rest.
    pub work: Option<Duration>,
    /// The quartiles of the time over that of the first in the same round.
    pub ratios: [f64; 3],
}

/// The table that all write to.
pub trait Table {
    /// Makes it hold these rows and no others.
    fn reset(&mut self, items: &[Item]) -> Result<()>;

    /// How many rows it has, and the sum of their stock.
    fn count(&mut self) -> Result<(i64, i64)>;
}

/// All take turns, after one round that does not count; who comes first changes from round to round.
pub fn compete(
    task: &str,
    rows: usize,
    rounds: usize,
    table: &mut dyn Table,
    mut contenders: Vec<Contender<'_>>,
) -> Result<Outcome> {
    let items = items(rows);
    let present = every_other(&items);
    let expected = (rows as i64, (rows + present.len()) as i64);
    let mut times = vec![Vec::new(); contenders.len()];
    let mut works = times.clone();
    for round in 0..=rounds {
        for place in 0..contenders.len() {
            let place = (place + round) % contenders.len();
            let Contender { name, run } = &mut contenders[place];
            table.reset(&present)?;
            let (start, before) = (Instant::now(), worked());
            run(&items)?;
            let time = start.elapsed();
            let work = worked().zip(before).map(|(now, before)| now - before);
            if table.count()? != expected {
                return Err(format!("{task}: {name} left the wrong rows").into());
            }
            if round > 0 {
                times[place].push(time);
                works[place].extend(work);
            }
        }
    }
    let lines = contenders.iter().zip(times.iter().zip(works));
    let lines = lines.map(|(contender, (own, works))| {
        let ratios = own.iter().zip(&times[0]);
        let ratios = ratios.map(|(own, first)| own.div_duration_f64(*first));
        let [_, time, _] = quartiles(own.clone(), Ord::cmp);
        Line {
            name: contender.name,
            time,
            work: (!works.is_empty()).then(|| quartiles(works, Ord::cmp)[1]),
            ratios: quartiles(ratios.collect(), f64::total_cmp),
        }
    });
    let outcome = Outcome {
        task: format!("{task}, {rows} rows"),
        lines: lines.collect(),
    };
    print(&outcome, rounds);
    Ok(outcome)
}

/// How long this thread has had a processor, where the system says so: what others do meanwhile does not count.
fn worked() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = stat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn quartiles<T: Copy>(mut numbers: Vec<T>, order: fn(&T, &T) -> Ordering) -> [T; 3] {
    numbers.sort_by(order);
    [1, 2, 3].map(|quarter| numbers[numbers.len() * quarter / 4])
}

/// As a table for a README.
fn print(outcome: &Outcome, rounds: usize) {
    println!("\n{}, median of {rounds} rounds\n", outcome.task);
    println!("| | ms | ratio | middle half | client, ms |\n|---|---:|---:|---|---:|");
    for line in &outcome.lines {
        let time = line.time.as_secs_f64() * 1e3;
        let [low, ratio, high] = line.ratios;
        let work = line.work.map_or(f64::NAN, |work| work.as_secs_f64() * 1e3);
        println!(
            "| {} | {time:.0} | {ratio:.2} | {low:.2} to {high:.2} | {work:.0} |",
            line.name
        );
    }
}

/// The library, in a transaction of its own.
async fn ours<C>(conn: &mut C, items: &[Item]) -> sqlx::Result<()>
where
    for<'c> &'c mut C: ExecutorFor<Item>,
{
    Item::upsert_all(items, conn).await?;
    Ok(())
}

async fn ours_in_order<C>(conn: &mut C, items: &[Item]) -> sqlx::Result<()>
where
    for<'c> &'c mut C: ExecutorFor<Item>,
{
    Item::upsert_all(items, conn).keep_order().await?;
    Ok(())
}

async fn ours_returning<C>(conn: &mut C, items: &[Item]) -> sqlx::Result<()>
where
    for<'c> &'c mut C: ExecutorFor<Item>,
{
    black_box(Item::upsert_all(items, conn).returning().await?);
    Ok(())
}

// PostgreSQL

/// The URL in the environment, with a schema of its own; says aloud when there is none.
pub fn postgres_url() -> Option<String> {
    let Some(url) = env::var("UPSERT_POSTGRES_URL")
        .ok()
        .filter(|url| !url.is_empty())
    else {
        eprintln!("UPSERT_POSTGRES_URL is not set: PostgreSQL is left out");
        return None;
    };
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options=-csearch_path%3Dbulk_bench"))
}

pub struct PostgresTable<'a> {
    runtime: &'a Runtime,
    conn: PgConnection,
}

impl<'a> PostgresTable<'a> {
    pub fn create(runtime: &'a Runtime, url: &str) -> Result<Self> {
        let mut conn = runtime.block_on(PgConnection::connect(url))?;
        // Autovacuum would come when it likes.
        let create = "DROP SCHEMA IF EXISTS bulk_bench CASCADE; CREATE SCHEMA bulk_bench;
            CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL UNIQUE,
                name text NOT NULL, stock bigint NOT NULL, price double precision NOT NULL, active boolean NOT NULL)
                WITH (autovacuum_enabled = false)";
        runtime.block_on(conn.execute(create))?;
        Ok(Self { runtime, conn })
    }

    pub fn drop(mut self) -> Result<()> {
        self.runtime
            .block_on(self.conn.execute("DROP SCHEMA bulk_bench CASCADE"))?;
        Ok(())
    }
}

impl Table for PostgresTable<'_> {
    fn reset(&mut self, items: &[Item]) -> Result<()> {
        self.runtime.block_on(async {
            self.conn.execute("TRUNCATE items").await?;
            unnest(&mut self.conn, items).await?;
            self.conn.execute("ANALYZE items").await?;
            Ok(())
        })
    }

    fn count(&mut self) -> Result<(i64, i64)> {
        let count = sqlx::query_as("SELECT count(*), sum(stock)::bigint FROM items");
        Ok(self.runtime.block_on(count.fetch_one(&mut self.conn))?)
    }
}

/// The statement by hand, and what else sqlx can do.
pub fn postgres<'a>(runtime: &'a Runtime, url: &str) -> Result<Vec<Contender<'a>>> {
    let connect = || runtime.block_on(PgConnection::connect(url));
    Ok(vec![
        Contender::on("one UNNEST by hand", runtime, connect()?, unnest),
        Contender::on("upsert_all", runtime, connect()?, async |conn, items| {
            ours(conn, items).await
        }),
        Contender::on(
            "upsert_all, keep_order",
            runtime,
            connect()?,
            async |conn, items| ours_in_order(conn, items).await,
        ),
        Contender::on(
            "UNNEST by hand, of 10 000",
            runtime,
            connect()?,
            unnest_in_chunks,
        ),
        Contender::on("COPY and INSERT SELECT by hand", runtime, connect()?, copy),
    ])
}

/// The same with the rows read back.
pub fn postgres_returning<'a>(runtime: &'a Runtime, url: &str) -> Result<Vec<Contender<'a>>> {
    let connect = || runtime.block_on(PgConnection::connect(url));
    Ok(vec![
        Contender::on("one UNNEST by hand", runtime, connect()?, unnest_returning),
        Contender::on(
            "upsert_all, returning",
            runtime,
            connect()?,
            async |conn, items| ours_returning(conn, items).await,
        ),
    ])
}

macro_rules! insert_from {
    ($source:literal, $after:literal) => {
        concat!(
            "INSERT INTO items (sku, name, stock, price, active) ",
            $source,
            " ON CONFLICT (sku) DO UPDATE SET name = excluded.name, stock = items.stock + excluded.stock, \
              price = excluded.price, active = excluded.active",
            $after
        )
    };
}

const UNNEST: &str = insert_from!(
    "SELECT * FROM UNNEST($1::text[], $2::text[], $3::int8[], $4::float8[], $5::bool[])",
    ""
);
const UNNEST_RETURNING: &str = insert_from!(
    "SELECT * FROM UNNEST($1::text[], $2::text[], $3::int8[], $4::float8[], $5::bool[])",
    " RETURNING items.id, items.sku, items.name, items.stock, items.price, items.active"
);

/// A query with a column of the rows bound as each array.
macro_rules! bind_columns {
    ($query:expr, $items:ident) => {
        $query
            .bind($items.iter().map(|item| &*item.sku).collect::<Vec<&str>>())
            .bind($items.iter().map(|item| &*item.name).collect::<Vec<&str>>())
            .bind($items.iter().map(|item| item.stock).collect::<Vec<_>>())
            .bind($items.iter().map(|item| item.price).collect::<Vec<_>>())
            .bind($items.iter().map(|item| item.active).collect::<Vec<_>>())
    };
}

async fn unnest(conn: &mut PgConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    bind_columns!(sqlx::query(UNNEST), items)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// The same in statements of 10 000 rows.
async fn unnest_in_chunks(conn: &mut PgConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    for chunk in items.chunks(10_000) {
        bind_columns!(sqlx::query(UNNEST), chunk)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

async fn unnest_returning(conn: &mut PgConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let rows: Vec<Item> = bind_columns!(sqlx::query_as(UNNEST_RETURNING), items)
        .fetch_all(&mut *tx)
        .await?;
    black_box(rows);
    tx.commit().await
}

async fn copy(conn: &mut PgConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    tx.execute(
        "CREATE TEMPORARY TABLE incoming (sku text, name text, stock int8, price float8, active bool) ON COMMIT DROP",
    )
    .await?;
    let mut copy = tx
        .copy_in_raw("COPY incoming FROM STDIN (FORMAT binary)")
        .await?;
    // The signature, flags and the length of what follows them.
    let mut buffer = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for item in items {
        buffer.extend(5_i16.to_be_bytes());
        put(&mut buffer, item.sku.as_bytes());
        put(&mut buffer, item.name.as_bytes());
        put(&mut buffer, &item.stock.to_be_bytes());
        put(&mut buffer, &item.price.to_be_bytes());
        put(&mut buffer, &[u8::from(item.active)]);
        if buffer.len() > 60_000 {
            copy.send(&*buffer).await?;
            buffer.clear();
        }
    }
    buffer.extend((-1_i16).to_be_bytes());
    copy.send(&*buffer).await?;
    copy.finish().await?;
    tx.execute(insert_from!("SELECT * FROM incoming", ""))
        .await?;
    tx.commit().await
}

fn put(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.extend((value.len() as i32).to_be_bytes());
    buffer.extend(value);
}

// SQLite

/// A file of its own, in the folder for such things, and how it is written to.
pub fn sqlite_path() -> PathBuf {
    env::temp_dir().join(format!("upsert-bulk-{}.db", std::process::id()))
}

pub fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(sqlite_path())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
}

pub struct SqliteTable<'a> {
    runtime: &'a Runtime,
    conn: SqliteConnection,
}

impl<'a> SqliteTable<'a> {
    pub fn create(runtime: &'a Runtime) -> Result<Self> {
        let mut conn = runtime.block_on(SqliteConnection::connect_with(&sqlite_options()))?;
        let create = "CREATE TABLE items (id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL, \
            stock INTEGER NOT NULL, price REAL NOT NULL, active BOOLEAN NOT NULL)";
        runtime.block_on(conn.execute(create))?;
        Ok(Self { runtime, conn })
    }

    pub fn drop(self) -> Result<()> {
        self.runtime.block_on(self.conn.close())?;
        fs::remove_file(sqlite_path())?;
        // A pool closes its connections when it likes, and then nobody has taken these away.
        for file in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(sqlite_path().with_extension(file));
        }
        Ok(())
    }
}

impl Table for SqliteTable<'_> {
    fn reset(&mut self, items: &[Item]) -> Result<()> {
        self.runtime.block_on(async {
            self.conn.execute("DELETE FROM items").await?;
            values(&mut self.conn, items).await?;
            self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
            Ok(())
        })
    }

    fn count(&mut self) -> Result<(i64, i64)> {
        let count = sqlx::query_as("SELECT count(*), sum(stock) FROM items");
        let mut found = self.runtime.block_on(count.fetch_all(&mut self.conn))?;
        found.pop().ok_or_else(|| "no count".into())
    }
}

/// The statements by hand: as many rows in one as SQLite takes, and one by one.
pub fn sqlite<'a>(runtime: &'a Runtime) -> Result<Vec<Contender<'a>>> {
    let connect = || runtime.block_on(SqliteConnection::connect_with(&sqlite_options()));
    Ok(vec![
        Contender::on("VALUES by hand, sqlx", runtime, connect()?, values),
        Contender::on("upsert_all", runtime, connect()?, async |conn, items| {
            ours(conn, items).await
        }),
        Contender::on(
            "upsert_all, keep_order",
            runtime,
            connect()?,
            async |conn, items| ours_in_order(conn, items).await,
        ),
        Contender::on("row by row, sqlx", runtime, connect()?, one_by_one),
    ])
}

/// The same with the rows read back.
pub fn sqlite_returning<'a>(runtime: &'a Runtime) -> Result<Vec<Contender<'a>>> {
    let connect = || runtime.block_on(SqliteConnection::connect_with(&sqlite_options()));
    Ok(vec![
        Contender::on(
            "VALUES by hand, sqlx",
            runtime,
            connect()?,
            values_returning,
        ),
        Contender::on(
            "upsert_all, returning",
            runtime,
            connect()?,
            async |conn, items| ours_returning(conn, items).await,
        ),
    ])
}

/// What a statement may bind, in rows of five.
const SQLITE_ROWS: usize = 32_766 / 5;

pub const ONE_ROW: &str = insert_from!("VALUES (?, ?, ?, ?, ?)", "");

/// The statement for so many rows.
fn values_sql(rows: usize, after: &str) -> SqlStr {
    let more = ", (?, ?, ?, ?, ?)".repeat(rows - 1);
    let (head, tail) = ONE_ROW.split_at(ONE_ROW.find(" ON CONFLICT").unwrap_or(ONE_ROW.len()));
    AssertSqlSafe(format!("{head}{more}{tail}{after}")).into_sql_str()
}

macro_rules! bind_rows {
    ($query:expr, $items:ident) => {
        $items.iter().fold($query, |query, item| {
            query
                .bind(&item.sku)
                .bind(&item.name)
                .bind(item.stock)
                .bind(item.price)
                .bind(item.active)
        })
    };
}

async fn values(conn: &mut SqliteConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let full = values_sql(SQLITE_ROWS, "");
    for chunk in items.chunks(SQLITE_ROWS) {
        let is_full = chunk.len() == SQLITE_ROWS;
        let sql = if is_full {
            full.clone()
        } else {
            values_sql(chunk.len(), "")
        };
        let query = sqlx::query(sql).persistent(is_full);
        bind_rows!(query, chunk).execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn values_returning(conn: &mut SqliteConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let mut rows: Vec<Item> = Vec::with_capacity(items.len());
    for chunk in items.chunks(SQLITE_ROWS) {
        let is_full = chunk.len() == SQLITE_ROWS;
        let sql = values_sql(
            chunk.len(),
            " RETURNING id, sku, name, stock, price, active",
        );
        let query = sqlx::query_as(sql).persistent(is_full);
        rows.extend(bind_rows!(query, chunk).fetch_all(&mut *tx).await?);
    }
    black_box(rows);
    tx.commit().await
}

async fn one_by_one(conn: &mut SqliteConnection, items: &[Item]) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    for item in items {
        let item = [item];
        bind_rows!(sqlx::query(ONE_ROW), item)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}
