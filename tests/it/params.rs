//! Fields marked `param`: values of the call for its rules, without columns.

use anyhow::Result;
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

/// An increment and a bound, each used more than once.
#[derive(Debug, Upsert)]
#[upsert(
    table = "accounts",
    conflict = "owner",
    update_where(old.balance + new.step <= new.limit && new.step != 0),
    returning = "balance, steps, note"
)]
struct Deposit {
    #[upsert(param)]
    limit: i64,
    owner: String,
    #[upsert(insert = least(new.step, new.limit), update = old.balance + new.step)]
    balance: i64,
    #[upsert(param)]
    step: i64,
    #[upsert(insert = new.step * new.step, update = old.steps + new.step - new.step + 1)]
    steps: i64,
    #[upsert(update = if is_null(new.word) { old.note } else { concat(old.note, new.word, new.note, new.word) })]
    note: String,
    #[upsert(param)]
    word: Option<String>,
    /// Not read anywhere.
    #[upsert(param)]
    unread: f64,
}

const ACCOUNTS: &str = r#"CREATE TABLE "accounts" ("owner" {text} PRIMARY KEY, "balance" BIGINT, "steps" BIGINT, "note" {text})"#;

fn deposit(step: i64, limit: i64, word: Option<&str>) -> Deposit {
    Deposit {
        limit,
        owner: "ada".to_owned(),
        balance: 999,
        step,
        steps: 999,
        note: "-".to_owned(),
        word: word.map(str::to_owned),
        unread: 1.5,
    }
}

/// All types that a rule may want to be told.
#[derive(Debug, Upsert)]
#[upsert(table = "typed", conflict = "k")]
struct Typed {
    k: i64,
    #[upsert(update = if new.flag { old.n + new.by_small } else { old.n / new.by })]
    n: i64,
    #[upsert(update = old.x * new.factor + new.by)]
    x: f64,
    #[upsert(update = greatest(old.small, new.by_small))]
    small: i32,
    #[upsert(param)]
    by: i64,
    #[upsert(param)]
    by_small: i32,
    #[upsert(param)]
    factor: f64,
    #[upsert(param)]
    flag: Option<bool>,
}

dialect_tests! {
    async fn are_bound_as_often_as_they_are_read(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let told = |row: (i64, i64, String)| (row.0, row.1, row.2);
        assert_eq!(told(deposit(30, 20, None).upsert(&db.pool).await?), (20, 900, "-".to_owned()));
        let next = deposit(5, 100, Some("w")).upsert(&db.pool).with_action().await?;
        assert_eq!((told(next.row), next.action), ((25, 901, "-w-w".to_owned()), Action::Updated));
        let beyond = deposit(76, 100, Some("w")).upsert(&db.pool).with_action().await?;
        assert_eq!((told(beyond.row), beyond.action), ((25, 901, "-w-w".to_owned()), Action::Unchanged));
        assert_eq!(deposit(75, 100, None).upsert(&db.pool).execute().await?, 1);
        assert_eq!(deposit(0, 1000, None).upsert(&db.pool).execute().await?, 0);
        assert_eq!(told(deposit(-50, 100, None).upsert(&db.pool).await?), (50, 903, "-w-w".to_owned()));
        Ok(())
    }

    async fn go_with_the_other_operations(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        assert!(deposit(3, 10, None).insert_if_absent(&db.pool).await?);
        assert!(!deposit(4, 10, None).insert_if_absent(&db.pool).await?);
        let found = deposit(5, 10, None).get_or_insert(&db.pool).await?;
        assert_eq!((found.row.0, found.action), (3, Action::Unchanged));
        let other = Deposit { owner: "eve".to_owned(), ..deposit(5, 10, None) };
        let fresh = other.get_or_insert(&db.pool).await?;
        assert_eq!((fresh.row.0, fresh.row.1, fresh.action), (5, 25, Action::Inserted));
        let other = Deposit { owner: "bob".to_owned(), ..deposit(2, 1, None) };
        assert_eq!(other.insert_if_absent(&db.pool).returning().await?.map(|row| row.0), Some(1));
        Ok(())
    }

    async fn of_several_types(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "typed" ("k" BIGINT PRIMARY KEY, "n" BIGINT, "x" DOUBLE PRECISION, "small" INTEGER)"#).await?;
        let row = |by, by_small, factor, flag| Typed { k: 1, n: 7, x: 1.5, small: 3, by, by_small, factor, flag };
        row(0, 0, 0.0, None).upsert(&db.pool).await?;
        let one = row(2, 5, 0.5, Some(false)).upsert(&db.pool).await?;
        assert_eq!((one.n, one.x, one.small), (3, 2.75, 5));
        // What is not read back is what the type has by default.
        assert_eq!((one.by, one.by_small, one.factor, one.flag), (0, 0, 0.0, None));
        let two = row(-2, 4, 2.0, Some(true)).upsert(&db.pool).await?;
        assert_eq!((two.n, two.x, two.small), (7, 3.5, 5));
        let three = row(-2, 4, 1.0, None).upsert(&db.pool).await?;
        assert_eq!((three.n, three.x, three.small), (-3, 1.5, 5));
        Ok(())
    }
}
