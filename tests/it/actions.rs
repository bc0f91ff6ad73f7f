//! Where it is hard to tell what happened to a row.

use anyhow::Result;
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::dialect_tests;

/// A table without numbers of the database's own.
const WORDS: &str = r#"CREATE TABLE "words" ("word" {text} PRIMARY KEY, "n" BIGINT NOT NULL)"#;

/// A table with them.
const NUMBERED: &str =
    r#"CREATE TABLE "words" ("id" {id}, "word" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL)"#;

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "word")]
struct Word {
    word: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "word", generated = "id")]
struct Numbered {
    id: i64,
    word: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "old", conflict = "word")]
struct Old {
    word: String,
    n: Option<i64>,
}

/// The number is the key, and given.
#[derive(Debug, Upsert)]
#[upsert(table = "numbers", conflict = "id")]
struct ByNumber {
    id: i64,
    n: i64,
}

fn word(word: &str, n: i64) -> Word {
    Word {
        word: word.to_owned(),
        n,
    }
}

fn numbered(word: &str, n: i64) -> Numbered {
    Numbered {
        id: 0,
        word: word.to_owned(),
        n,
    }
}

/// What a trigger may do on an update, all of which takes MySQL's and MariaDB's reply from the call.
const TRIGGERS: [&str; 4] = [
    "CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW SET NEW.n = NEW.n",
    "CREATE TRIGGER t AFTER UPDATE ON words FOR EACH ROW INSERT INTO log (text) VALUES (NEW.word)",
    "CREATE TRIGGER t AFTER UPDATE ON words FOR EACH ROW SET @upsert_it = LAST_INSERT_ID(5)",
    "CREATE TRIGGER t BEFORE UPDATE ON words FOR EACH ROW SET NEW.n = NEW.n + (SELECT 0 FROM log UNION SELECT 0)",
];

/// Goes through all calls and outcomes on one connection, whose session remembers every earlier number.
macro_rules! all_outcomes {
    ($row:ident, $conn:expr) => {
        for key in ["a", "b"] {
            let actions = [
                $row(key, 1).upsert(&mut *$conn).with_action().await?.action,
                $row(key, 2).upsert(&mut *$conn).with_action().await?.action,
                $row(key, 2).upsert(&mut *$conn).with_action().await?.action,
                $row(key, 3).get_or_insert(&mut *$conn).await?.action,
            ];
            assert_eq!(
                actions,
                [
                    Action::Inserted,
                    Action::Updated,
                    Action::Updated,
                    Action::Unchanged
                ]
            );
            assert!(!$row(key, 4).insert_if_absent(&mut *$conn).await?);
            assert!(
                $row(key, 4)
                    .insert_if_absent(&mut *$conn)
                    .returning()
                    .await?
                    .is_none()
            );
            let other = format!("{key}{key}");
            assert!($row(&other, 4).insert_if_absent(&mut *$conn).await?);
            assert!(!$row(&other, 4).insert_if_absent(&mut *$conn).await?);
            let other = format!("{key}{key}{key}");
            assert!(
                $row(&other, 4)
                    .insert_if_absent(&mut *$conn)
                    .returning()
                    .await?
                    .is_some()
            );
            let other = format!("{key}{key}{key}{key}");
            assert_eq!(
                $row(&other, 4).get_or_insert(&mut *$conn).await?.action,
                Action::Inserted
            );
            assert_eq!(
                $row(&other, 5)
                    .upsert(&mut *$conn)
                    .with_action()
                    .await?
                    .action,
                Action::Updated
            );
        }
    };
}

dialect_tests! {
    async fn on_a_table_without_numbers(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut conn = db.pool.acquire().await?;
        all_outcomes!(word, conn);
        Ok(())
    }

    async fn on_a_table_with_numbers(db: Db) -> Result<()> {
        db.run(NUMBERED).await?;
        let mut conn = db.pool.acquire().await?;
        all_outcomes!(numbered, conn);
        Ok(())
    }

    /// The reply to an update has the row's number in it, the reply to an insert too.
    async fn of_a_number_that_is_given(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "numbers" ("id" {id}, "n" BIGINT NOT NULL)"#)
            .await?;
        let mut conn = db.pool.acquire().await?;
        let number = |id: &str, n| ByNumber {
            id: id.len() as i64 * 100 + i64::from(id.as_bytes()[0]),
            n,
        };
        all_outcomes!(number, conn);
        Ok(())
    }

    async fn inside_a_transaction(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut tx = db.pool.begin().await?;
        all_outcomes!(word, tx);
        tx.commit().await?;
        assert_eq!(db.count("words").await?, 8);
        Ok(())
    }

    #[on(mysql)]
    async fn with_update_triggers_and_no_numbers(db: Db) -> Result<()> {
        for trigger in TRIGGERS {
            db.run("CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(191))")
                .await?;
            db.run(WORDS).await?;
            db.run(trigger).await?;
            let mut conn = db.pool.acquire().await?;
            all_outcomes!(word, conn);
            db.run("DROP TABLE words; DROP TABLE log").await?;
        }
        Ok(())
    }

    #[on(mysql)]
    async fn with_update_triggers_and_numbers_that_are_given(db: Db) -> Result<()> {
        for trigger in TRIGGERS {
            let trigger = trigger
                .replace("words", "numbers")
                .replace("NEW.word", "NEW.id");
            db.run("CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(191))")
                .await?;
            db.run(r#"CREATE TABLE "numbers" ("id" {id}, "n" BIGINT NOT NULL)"#)
                .await?;
            db.run(&trigger).await?;
            let mut conn = db.pool.acquire().await?;
            let number = |id: &str, n| ByNumber {
                id: id.len() as i64 * 100 + i64::from(id.as_bytes()[0]),
                n,
            };
            all_outcomes!(number, conn);
            db.run("DROP TABLE numbers; DROP TABLE log").await?;
        }
        Ok(())
    }

    #[on(mysql)]
    async fn with_update_triggers_and_numbers(db: Db) -> Result<()> {
        for trigger in TRIGGERS {
            db.run("CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(191))")
                .await?;
            db.run(NUMBERED).await?;
            db.run(trigger).await?;
            let mut conn = db.pool.acquire().await?;
            all_outcomes!(numbered, conn);
            db.run("DROP TABLE words; DROP TABLE log").await?;
        }
        Ok(())
    }

    /// In RETURNING, `old` is also the name of the row before the update.
    async fn of_a_table_called_old(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "old" ("word" {text} PRIMARY KEY, "n" BIGINT)"#)
            .await?;
        for (n, expected) in [
            (None, Action::Inserted),
            (Some(1), Action::Updated),
            (None, Action::Updated),
        ] {
            let upserted = Old {
                word: "a".to_owned(),
                n,
            }
            .upsert(&db.pool)
            .with_action()
            .await?;
            assert_eq!((upserted.row.n, upserted.action), (n, expected));
        }
        Ok(())
    }

    /// Before version 18 nothing tells on a partitioned table, so the call says so instead of guessing.
    #[on(postgres)]
    async fn on_a_partitioned_table(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (word TEXT PRIMARY KEY, n BIGINT NOT NULL) PARTITION BY HASH (word)").await?;
        for remainder in 0..2 {
            db.run(&format!("CREATE TABLE words_{remainder} PARTITION OF words FOR VALUES WITH (MODULUS 2, REMAINDER {remainder})")).await?;
        }
        if db.server.major() >= 18 {
            let mut conn = db.pool.acquire().await?;
            all_outcomes!(word, conn);
            return Ok(());
        }
        for n in 1..=2 {
            let error = word("a", n)
                .upsert(&db.pool)
                .with_action()
                .await
                .expect_err("it cannot tell");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("partitioned table"), "{error}");
            assert_eq!(
                db.count("words").await?,
                n - 1,
                "the failed call wrote something"
            );
            // Without the action all is well.
            assert_eq!(word("a", n).upsert(&db.pool).await?.n, n);
        }
        Ok(())
    }

    #[on(postgres)]
    async fn through_a_view(db: Db) -> Result<()> {
        db.run("CREATE TABLE stored (word TEXT PRIMARY KEY, n BIGINT NOT NULL); CREATE VIEW words AS SELECT * FROM stored").await?;
        if db.server.major() >= 18 {
            let mut conn = db.pool.acquire().await?;
            all_outcomes!(word, conn);
            return Ok(());
        }
        let error = word("a", 1)
            .upsert(&db.pool)
            .with_action()
            .await
            .expect_err("it cannot tell");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(word("a", 1).upsert(&db.pool).await?.n, 1);
        Ok(())
    }

    /// A lock on a row stands where PostgreSQL also writes who updated it.
    #[on(postgres)]
    async fn of_a_row_that_is_locked(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        word("a", 1).upsert(&db.pool).await?;
        let mut locker = db.pool.begin().await?;
        sqlx::raw_sql("SELECT 1 FROM words FOR KEY SHARE")
            .execute(&mut *locker)
            .await?;
        for n in 2..4 {
            let upserted = word("a", n).upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row.n, upserted.action), (n, Action::Updated));
        }
        locker.commit().await?;
        assert_eq!(
            word("a", 5).upsert(&db.pool).with_action().await?.action,
            Action::Updated
        );
        for lock in [
            "FOR UPDATE",
            "FOR NO KEY UPDATE",
            "FOR SHARE",
            "FOR KEY SHARE",
        ] {
            let mut tx = db.pool.begin().await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SELECT 1 FROM words {lock}")))
                .execute(&mut *tx)
                .await?;
            assert_eq!(
                word("a", 6).upsert(&mut tx).with_action().await?.action,
                Action::Updated,
                "{lock}"
            );
            assert_eq!(
                word(lock, 1).upsert(&mut tx).with_action().await?.action,
                Action::Inserted,
                "{lock}"
            );
            tx.commit().await?;
        }
        Ok(())
    }

    async fn across_savepoints(db: Db) -> Result<()> {
        use sqlx::Connection;
        db.run(WORDS).await?;
        let mut tx = db.pool.begin().await?;
        let mut savepoint = tx.begin().await?;
        assert_eq!(
            word("a", 1)
                .upsert(&mut savepoint)
                .with_action()
                .await?
                .action,
            Action::Inserted
        );
        assert_eq!(
            word("a", 2)
                .upsert(&mut savepoint)
                .with_action()
                .await?
                .action,
            Action::Updated
        );
        savepoint.rollback().await?;
        assert_eq!(
            word("a", 3).upsert(&mut tx).with_action().await?.action,
            Action::Inserted
        );
        let mut savepoint = tx.begin().await?;
        assert_eq!(
            word("a", 4)
                .upsert(&mut savepoint)
                .with_action()
                .await?
                .action,
            Action::Updated
        );
        savepoint.rollback().await?;
        assert_eq!(
            word("a", 5).upsert(&mut tx).with_action().await?.action,
            Action::Updated
        );
        tx.commit().await?;
        assert_eq!(db.one::<i64>(r#"SELECT "n" FROM "words""#).await?, 5);
        Ok(())
    }

    /// Another transaction inserts the row, and then commits or takes it back, while the call waits.
    #[on(postgres, mysql)]
    async fn of_a_row_that_another_transaction_inserts(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        word("warm", 1).upsert(&db.pool).await?;
        for (commits, expected) in [(true, Action::Updated), (false, Action::Inserted)] {
            let mut other = db.pool.begin().await?;
            word("a", 1).upsert(&mut other).await?;
            let pool = db.pool.clone();
            let waiting =
                tokio::spawn(async move { word("a", 2).upsert(&pool).with_action().await });
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert!(!waiting.is_finished());
            if commits {
                other.commit().await?;
            } else {
                other.rollback().await?;
            }
            let upserted = waiting.await??;
            assert_eq!((upserted.row.n, upserted.action), (2, expected));
            db.run(r#"DELETE FROM "words""#).await?;
        }
        Ok(())
    }

    /// Another transaction deletes the row, and then commits or takes it back, while the call waits.
    #[on(postgres, mysql)]
    async fn of_a_row_that_another_transaction_deletes(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        for (commits, expected) in [(true, Action::Inserted), (false, Action::Updated)] {
            word("a", 1).upsert(&db.pool).await?;
            let mut other = db.pool.begin().await?;
            sqlx::raw_sql("DELETE FROM words")
                .execute(&mut *other)
                .await?;
            let pool = db.pool.clone();
            let waiting =
                tokio::spawn(async move { word("a", 2).upsert(&pool).with_action().await });
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert!(!waiting.is_finished());
            if commits {
                other.commit().await?;
            } else {
                other.rollback().await?;
            }
            let upserted = waiting.await??;
            assert_eq!((upserted.row.n, upserted.action), (2, expected));
        }
        Ok(())
    }

    /// The trigger's update is not the call's.
    #[on(postgres)]
    async fn of_a_row_that_a_trigger_updates_after_its_insert(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run(
            "CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE words SET n = n + 100 WHERE word = NEW.word; RETURN NULL; END $$;
             CREATE TRIGGER bump AFTER INSERT ON words FOR EACH ROW EXECUTE FUNCTION bump()",
        )
        .await?;
        assert_eq!(
            word("a", 1).upsert(&db.pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(
            word("a", 1).upsert(&db.pool).with_action().await?.action,
            Action::Updated
        );
        Ok(())
    }
}
