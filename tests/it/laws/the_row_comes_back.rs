//! `upsert().await` gives the row as it stands after the call.

use anyhow::Result;
use sqlx::FromRow;
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

const ACCOUNTS: &str = r#"CREATE TABLE "accounts" (
    "id" {id},
    "email" {text} NOT NULL UNIQUE,
    "name" {text} NOT NULL,
    "visits" BIGINT NOT NULL,
    "plan" {text} NOT NULL DEFAULT 'free'
)"#;

const STORED: &str = r#"SELECT "id", "email", "name", "visits", "plan" FROM "accounts""#;

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(conflict = "email", generated = "id, plan", accumulate = "visits")]
struct Account {
    id: i64,
    email: String,
    name: String,
    visits: i64,
    plan: String,
}

fn ada(name: &str) -> Account {
    Account {
        id: -1,
        email: "ada@example.com".to_owned(),
        name: name.to_owned(),
        visits: 1,
        plan: "made up".to_owned(),
    }
}

#[derive(Debug, PartialEq, Upsert)]
#[upsert(table = "prices", conflict = "sku")]
struct Price {
    sku: String,
    amount: rust_decimal::Decimal,
}

dialect_tests! {
    async fn after_an_insert_and_after_an_update(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        for visits in 1..=3 {
            let row = ada(&format!("Ada {visits}")).upsert(&db.pool).await?;
            assert_eq!(row.visits, visits);
            assert_eq!(row.plan, "free");
            assert_eq!(db.all::<Account>(STORED).await?, [row]);
        }
        db.run(r#"UPDATE "accounts" SET "plan" = 'paid'"#).await?;
        let row = ada("Ada").upsert(&db.pool).with_action().await?.row;
        assert_eq!(row.plan, "paid");
        assert_eq!(db.all::<Account>(STORED).await?, [row]);
        Ok(())
    }

    async fn when_nothing_is_written(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let first = ada("Ada").upsert(&db.pool).await?;
        let got = ada("Somebody else").get_or_insert(&db.pool).await?;
        assert_eq!((got.row, got.action), (first, Action::Unchanged));
        Ok(())
    }

    async fn inside_a_transaction(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let mut tx = db.pool.begin().await?;
        let first = ada("Ada").upsert(&mut tx).await?;
        let second = ada("Countess").upsert(&mut tx).await?;
        tx.commit().await?;
        assert_eq!(
            (first.visits, second.visits, &*second.name),
            (1, 2, "Countess")
        );
        assert_eq!(db.all::<Account>(STORED).await?, [second]);
        Ok(())
    }

    /// The column decides what is stored, and that is what comes back.
    #[on(postgres, mysql)]
    async fn as_the_column_rounds_it(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "prices" ("sku" {text} PRIMARY KEY, "amount" DECIMAL(10, 2) NOT NULL)"#,
        )
        .await?;
        let price = Price {
            sku: "apple".to_owned(),
            amount: "1.239".parse()?,
        };
        assert_eq!(price.upsert(&db.pool).await?.amount.to_string(), "1.24");
        assert_eq!(price.upsert(&db.pool).await?.amount.to_string(), "1.24");
        Ok(())
    }

    #[on(postgres)]
    async fn as_a_trigger_leaves_it(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        db.run(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
             CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION shout()",
        )
        .await?;
        assert_eq!(ada("Ada").upsert(&db.pool).await?.name, "ADA");
        assert_eq!(ada("Countess").upsert(&db.pool).await?.name, "COUNTESS");
        Ok(())
    }

    #[on(mysql)]
    async fn as_triggers_leave_it(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        db.run("CREATE TRIGGER shout BEFORE INSERT ON accounts FOR EACH ROW SET NEW.name = UPPER(NEW.name)").await?;
        db.run("CREATE TRIGGER whisper BEFORE UPDATE ON accounts FOR EACH ROW SET NEW.name = LOWER(NEW.name)").await?;
        assert_eq!(ada("Ada").upsert(&db.pool).await?.name, "ADA");
        assert_eq!(ada("Countess").upsert(&db.pool).await?.name, "countess");
        Ok(())
    }

    /// Under REPEATABLE READ a plain SELECT would see the snapshot, in which the row is not there, or is older.
    #[on(mysql)]
    async fn not_as_an_older_snapshot_has_it(db: Db) -> Result<()> {
        db.run(ACCOUNTS).await?;
        let mut tx = db.pool.begin().await?;
        sqlx::query("SELECT * FROM accounts")
            .fetch_all(&mut *tx)
            .await?;
        let first = ada("Ada").upsert(&db.pool).await?;
        let got = ada("Somebody else").get_or_insert(&mut tx).await?;
        assert_eq!((got.row, got.action), (first.clone(), Action::Unchanged));
        assert_eq!(
            ada("Somebody else")
                .insert_if_absent(&mut tx)
                .returning()
                .await?,
            None
        );
        let second = ada("Countess").upsert(&mut tx).await?;
        tx.commit().await?;
        assert_eq!(
            second,
            Account {
                name: "Countess".to_owned(),
                visits: 2,
                ..first
            }
        );
        Ok(())
    }
}
