//! What is compared: one upsert, by the derive and by hand, with the same SQL on the same connection.

use std::env;
use std::hint::black_box;

use chrono::{DateTime, Utc};
use sqlx::database::HasStatementCache;
use sqlx::{Connection, Executor, MySql, Postgres, Row, Sqlite};
use upsert::{Dialect, Upsert, UpsertModel};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One struct for both sides: what the derive writes, `FromRow` reads.
#[allow(dead_code)] // Nobody looks at what comes back.
#[derive(Debug, Clone, Upsert, sqlx::FromRow)]
#[upsert(conflict = "email", accumulate = "stock", coalesce = "age")]
pub struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    age: Option<i32>,
    stock: i64,
    active: bool,
    score: f64,
    #[upsert(insert_only)]
    created_at: DateTime<Utc>,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

/// The keys that a run goes round: inserted the first time, updated from then on.
const KEYS: usize = 100;

fn users() -> Vec<User> {
    let user = |number| User {
        id: 0,
        email: format!("ada.lovelace.{number}@example.com"),
        name: "Ada Lovelace".to_owned(),
        age: Some(36),
        stock: 1,
        active: true,
        score: 0.5,
        created_at: Utc::now(),
        updated_at: Utc::now(),
    };
    (0..KEYS).map(user).collect()
}

/// Ways to write a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// As a careful user of sqlx writes it: `query_as` and `FromRow`.
    ByHand,
    /// As somebody who counts writes it: columns by position, and no more is read than there is.
    ByHandByPosition,
    /// With `fetch_one` on SQLite, which loses an error that comes at commit.
    ByHandFetchOne,
    Upsert,
    Execute,
    WithAction,
    InsertIfAbsent,
    GetOrInsert,
}

impl Operation {
    pub const ALL: [Self; 8] = [
        Self::ByHand,
        Self::ByHandByPosition,
        Self::ByHandFetchOne,
        Self::Upsert,
        Self::Execute,
        Self::WithAction,
        Self::InsertIfAbsent,
        Self::GetOrInsert,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::ByHandByPosition => "by_hand_by_position",
            Self::ByHandFetchOne => "by_hand_fetch_one",
            Self::Upsert => "upsert",
            Self::Execute => "execute",
            Self::WithAction => "with_action",
            Self::InsertIfAbsent => "insert_if_absent",
            Self::GetOrInsert => "get_or_insert",
        }
    }
}

/// A database in which the same upsert is written by hand.
pub trait Bench: Dialect + HasStatementCache {
    /// A table of the connection's own: the disk is not what is measured.
    const TABLE: &'static str;

    /// The ways that differ here.
    const OPERATIONS: &'static [Operation] = &[
        Operation::ByHand,
        Operation::ByHandByPosition,
        Operation::Upsert,
        Operation::Execute,
        Operation::WithAction,
        Operation::InsertIfAbsent,
        Operation::GetOrInsert,
    ];

    /// The library's statements that are run by hand.
    const TEXTS: &'static [&'static str];

    async fn create_table(conn: &mut Self::Connection) -> sqlx::Result<()>;

    async fn by_hand(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User>;

    async fn by_hand_by_position(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User>;

    /// The same as `by_hand` with `fetch_one`, where that is not the same.
    async fn by_hand_fetch_one(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        Self::by_hand(conn, texts, user).await
    }
}

/// A query with everything bound that the derive binds.
macro_rules! bind {
    ($query:expr, $user:expr) => {
        $query
            .bind(&$user.email)
            .bind(&$user.name)
            .bind($user.age)
            .bind($user.stock)
            .bind($user.active)
            .bind($user.score)
            .bind($user.created_at)
    };
}

/// A user, read column by column.
macro_rules! read {
    ($row:expr) => {{
        let row = $row;
        Ok(User {
            id: row.try_get(0)?,
            email: row.try_get(1)?,
            name: row.try_get(2)?,
            age: row.try_get(3)?,
            stock: row.try_get(4)?,
            active: row.try_get(5)?,
            score: row.try_get(6)?,
            created_at: row.try_get(7)?,
            updated_at: row.try_get(8)?,
        })
    }};
}

impl Bench for Sqlite {
    const TABLE: &'static str = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, \
        name TEXT NOT NULL, age INTEGER, stock INTEGER NOT NULL, active BOOLEAN NOT NULL, score REAL NOT NULL, \
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL)";
    const TEXTS: &'static [&'static str] = &["upsert_returning"];
    const OPERATIONS: &'static [Operation] = &Operation::ALL;

    async fn create_table(conn: &mut Self::Connection) -> sqlx::Result<()> {
        conn.execute(Self::TABLE).await.map(drop)
    }

    async fn by_hand(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        let rows = bind!(sqlx::query_as(texts[0]), user)
            .fetch_all(conn)
            .await?;
        rows.into_iter().next().ok_or(sqlx::Error::RowNotFound)
    }

    async fn by_hand_by_position(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        let rows = bind!(sqlx::query(texts[0]), user).fetch_all(conn).await?;
        read!(rows.first().ok_or(sqlx::Error::RowNotFound)?)
    }

    #[allow(clippy::disallowed_methods)] // It is here to be compared with.
    async fn by_hand_fetch_one(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        bind!(sqlx::query_as(texts[0]), user).fetch_one(conn).await
    }
}

impl Bench for Postgres {
    const TABLE: &'static str = "CREATE TEMPORARY TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
        email text NOT NULL UNIQUE, name text NOT NULL, age integer, stock bigint NOT NULL, active boolean NOT NULL, \
        score double precision NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)";
    const TEXTS: &'static [&'static str] = &["upsert_returning"];

    async fn create_table(conn: &mut Self::Connection) -> sqlx::Result<()> {
        conn.execute(Self::TABLE).await.map(drop)
    }

    async fn by_hand(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        bind!(sqlx::query_as(texts[0]), user).fetch_one(conn).await
    }

    #[allow(clippy::disallowed_methods)] // It is here to be compared with.
    async fn by_hand_by_position(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        read!(bind!(sqlx::query(texts[0]), user).fetch_one(conn).await?)
    }
}

impl Bench for MySql {
    const TABLE: &'static str = "CREATE TEMPORARY TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, \
        email varchar(100) NOT NULL UNIQUE, name varchar(100) NOT NULL, age int, stock bigint NOT NULL, \
        active boolean NOT NULL, score double NOT NULL, created_at timestamp(6) NOT NULL, \
        updated_at timestamp(6) NOT NULL)";
    const TEXTS: &'static [&'static str] = &["upsert", "select_locking"];

    async fn create_table(conn: &mut Self::Connection) -> sqlx::Result<()> {
        conn.execute(Self::TABLE).await.map(drop)
    }

    async fn by_hand(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        let mut tx = conn.begin().await?;
        bind!(sqlx::query(texts[0]), user).execute(&mut *tx).await?;
        let user = sqlx::query_as(texts[1])
            .bind(&user.email)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(user)
    }

    #[allow(clippy::disallowed_methods)] // It is here to be compared with.
    async fn by_hand_by_position(
        conn: &mut Self::Connection,
        texts: &[&'static str],
        user: &User,
    ) -> sqlx::Result<User> {
        let mut tx = conn.begin().await?;
        bind!(sqlx::query(texts[0]), user).execute(&mut *tx).await?;
        let row = sqlx::query(texts[1])
            .bind(&user.email)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        read!(row)
    }
}

/// A connection with an empty table, and the rows to be written.
pub struct Subject<DB: Bench> {
    pub conn: DB::Connection,
    texts: Vec<&'static str>,
    users: Vec<User>,
    next: usize,
}

impl<DB: Bench> Subject<DB>
where
    User: UpsertModel<DB>,
{
    pub async fn connect(url: &str) -> Result<Self> {
        let mut conn = DB::Connection::connect(url).await?;
        DB::create_table(&mut conn).await?;
        let sql = User::sql::<DB>();
        let texts = DB::TEXTS.iter().filter_map(|name| sql.get(name)).collect();
        Ok(Self {
            conn,
            texts,
            users: users(),
            next: 0,
        })
    }

    /// Writes one row.
    pub async fn run(&mut self, operation: Operation) -> Result<()> {
        let user = &self.users[self.next];
        self.next = (self.next + 1) % KEYS;
        let conn = &mut self.conn;
        match operation {
            Operation::ByHand => drop(black_box(DB::by_hand(conn, &self.texts, user).await?)),
            Operation::ByHandByPosition => drop(black_box(
                DB::by_hand_by_position(conn, &self.texts, user).await?,
            )),
            Operation::ByHandFetchOne => {
                drop(black_box(
                    DB::by_hand_fetch_one(conn, &self.texts, user).await?,
                ));
            }
            Operation::Upsert => drop(black_box(user.upsert(conn).await?)),
            Operation::Execute => {
                black_box(user.upsert(conn).execute().await?);
            }
            Operation::WithAction => drop(black_box(user.upsert(conn).with_action().await?)),
            Operation::InsertIfAbsent => {
                black_box(user.insert_if_absent(conn).await?);
            }
            Operation::GetOrInsert => drop(black_box(user.get_or_insert(conn).await?)),
        }
        Ok(())
    }
}

/// The URL in this variable; says aloud when there is none.
pub fn url(variable: &str) -> Option<String> {
    let url = env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("{variable} is not set: its database is left out");
    }
    url
}

/// Whether `cargo bench` started this program; `cargo test --all-targets` does too, and there is nothing to test here.
pub fn is_asked_for() -> bool {
    env::args().any(|argument| argument == "--bench")
}
