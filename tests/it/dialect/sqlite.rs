//! SQLite's own.

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::dialect_tests;

#[derive(Debug, Clone, PartialEq, Upsert, sqlx::FromRow)]
#[upsert(table = "words", conflict = "word", accumulate = "n")]
struct Word {
    word: String,
    n: i64,
}

fn word(n: i64) -> Word {
    Word {
        word: "a".to_owned(),
        n,
    }
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "other.words", conflict = "word", accumulate = "n")]
struct Attached {
    word: String,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "boxes", conflict = "id", generated = "area, edge")]
struct Square {
    id: i64,
    side: i64,
    area: i64,
    edge: i64,
}

const WORDS: &str = "CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER NOT NULL)";

dialect_tests! {
    #[on(sqlite)]
    async fn a_table_without_rowid(db: Db) -> Result<()> {
        db.run(&format!("{WORDS} WITHOUT ROWID")).await?;
        for (n, action) in [(1, Action::Inserted), (2, Action::Updated)] {
            let upserted = word(1).upsert(&db.pool).with_action().await?;
            assert_eq!((upserted.row, upserted.action), (word(n), action));
        }
        assert_eq!(word(9).get_or_insert(&db.pool).await?.row, word(2));
        Ok(())
    }

    #[on(sqlite)]
    async fn a_strict_table(db: Db) -> Result<()> {
        db.run(&format!("{WORDS} STRICT")).await?;
        word(i64::MAX).upsert(&db.pool).await?;
        let error = word(1).upsert(&db.pool).await.expect_err("too much");
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert_eq!(word(-1).upsert(&db.pool).await?.n, i64::MAX - 1);
        Ok(())
    }

    #[on(sqlite)]
    async fn an_attached_database(db: Db) -> Result<()> {
        let mut conn = db.connect().await?;
        sqlx::raw_sql("ATTACH DATABASE ':memory:' AS other; CREATE TABLE other.words (word TEXT NOT NULL, n INTEGER NOT NULL)").execute(&mut conn).await?;
        let row = Attached {
            word: "a".to_owned(),
            n: 1,
        };
        let message = row
            .upsert(&mut conn)
            .await
            .expect_err("no index")
            .to_string();
        let sql = message
            .split('`')
            .rfind(|part| part.starts_with("CREATE"))
            .expect("the cure")
            .to_owned();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut conn)
            .await?;
        assert_eq!(
            row.upsert(&mut conn).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(row.upsert(&mut conn).with_action().await?.row.n, 2);
        Ok(())
    }

    #[on(sqlite)]
    async fn generated_columns(db: Db) -> Result<()> {
        db.run("CREATE TABLE boxes (id INTEGER PRIMARY KEY, side INTEGER NOT NULL, area INTEGER AS (side * side) STORED, edge INTEGER AS (4 * side) VIRTUAL)").await?;
        let row = |side| Square {
            id: 7,
            side,
            area: 0,
            edge: 0,
        };
        assert_eq!(
            row(2).upsert(&db.pool).await?,
            Square {
                area: 4,
                edge: 8,
                ..row(2)
            }
        );
        let upserted = row(3).upsert(&db.pool).with_action().await?;
        assert_eq!(
            (upserted.row, upserted.action),
            (
                Square {
                    area: 9,
                    edge: 12,
                    ..row(3)
                },
                Action::Updated
            )
        );
        Ok(())
    }

    /// A reader holds up the commit, which comes after the row has been handed over. The error must not be lost.
    #[on(sqlite)]
    async fn a_commit_that_a_reader_holds_up(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut reader = db.pool.begin().await?;
        sqlx::query("SELECT * FROM words")
            .fetch_all(&mut *reader)
            .await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql("PRAGMA busy_timeout = 20")
            .execute(&mut conn)
            .await?;
        let kinds = [
            word(1)
                .upsert(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .upsert(&mut conn)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .upsert(&mut conn)
                .execute()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .insert_if_absent(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .insert_if_absent(&mut conn)
                .returning()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .get_or_insert(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ];
        assert_eq!(kinds, [Err(ErrorKind::LockTimeout); 6]);
        reader.rollback().await?;
        assert_eq!(db.count("words").await?, 0);
        assert_eq!(
            word(1).upsert(&mut conn).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(db.count("words").await?, 1);
        Ok(())
    }

    #[on(sqlite)]
    async fn a_write_ahead_log_beside_readers(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(db.options().journal_mode(SqliteJournalMode::Wal))
            .await?;
        let mut reader = pool.begin().await?;
        sqlx::query("SELECT * FROM words")
            .fetch_all(&mut *reader)
            .await?;
        assert_eq!(
            word(1).upsert(&pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(word(1).upsert(&pool).await?.n, 2);
        // Having read before the write, it may not write any more.
        let error = word(1)
            .upsert(&mut reader)
            .await
            .expect_err("an old snapshot");
        assert_eq!(error.kind(), ErrorKind::LockTimeout);
        reader.rollback().await?;
        pool.close().await;
        Ok(())
    }

    #[on(sqlite)]
    async fn a_database_in_memory(db: Db) -> Result<()> {
        let _ = db;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(SqliteConnectOptions::new().in_memory(true))
            .await?;
        sqlx::raw_sql(WORDS).execute(&pool).await?;
        assert_eq!(
            word(1).upsert(&pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(word(1).upsert(&pool).await?.n, 2);
        Ok(())
    }

    #[on(sqlite)]
    async fn a_trigger_that_suppresses_the_insert(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run("CREATE TRIGGER suppress BEFORE INSERT ON words BEGIN SELECT RAISE(IGNORE); END")
            .await?;
        for kind in [
            word(1)
                .upsert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .upsert(&db.pool)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word(1)
                .get_or_insert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ] {
            assert_eq!(kind, Err(ErrorKind::RowVanished));
        }
        assert_eq!(word(1).upsert(&db.pool).execute().await?, 0);
        assert!(!word(1).insert_if_absent(&db.pool).await?);
        Ok(())
    }

    #[on(sqlite)]
    async fn a_trigger_that_suppresses_the_update(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run("CREATE TRIGGER suppress BEFORE UPDATE ON words BEGIN SELECT RAISE(IGNORE); END")
            .await?;
        assert_eq!(word(1).upsert(&db.pool).await?.n, 1);
        assert_eq!(word(1).upsert(&db.pool).await?.n, 1);
        let upserted = word(1).upsert(&db.pool).with_action().await?;
        assert_eq!((upserted.row.n, upserted.action), (1, Action::Unchanged));
        assert_eq!(word(1).upsert(&db.pool).execute().await?, 0);
        Ok(())
    }

    /// RETURNING gives the row as the statement wrote it; what AFTER triggers do to it then is not in it.
    #[on(sqlite)]
    async fn what_an_after_trigger_changes_does_not_come_back(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run("CREATE TRIGGER hundred AFTER INSERT ON words BEGIN UPDATE words SET n = n + 100 WHERE word = NEW.word; END").await?;
        assert_eq!(word(1).upsert(&db.pool).await?.n, 1);
        assert_eq!(db.one::<i64>("SELECT n FROM words").await?, 101);
        assert_eq!(word(1).get_or_insert(&db.pool).await?.row.n, 101);
        Ok(())
    }

    #[on(sqlite)]
    async fn a_view_is_refused(db: Db) -> Result<()> {
        db.run("CREATE TABLE stored (word TEXT PRIMARY KEY, n INTEGER NOT NULL); CREATE VIEW words AS SELECT * FROM stored").await?;
        let error = word(1)
            .upsert(&db.pool)
            .await
            .expect_err("SQLite cannot do that");
        assert_eq!(error.kind(), ErrorKind::Database);
        assert!(error.to_string().contains("view"), "{error}");
        Ok(())
    }
}
