//! What MySQL and MariaDB do.

use anyhow::Result;
use rust_decimal::Decimal;
use sqlx::{Connection, Row};
use upsert::{Action, ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "words", conflict = "word", accumulate = "n")]
struct Word {
    word: String,
    n: i64,
}

fn word(word: &str, n: i64) -> Word {
    Word {
        word: word.to_owned(),
        n,
    }
}

const WORDS: &str = "CREATE TABLE words (word VARCHAR(191) PRIMARY KEY, n BIGINT NOT NULL)";

/// A model for each test that is about the look-up of the index, which is done once for each.
macro_rules! models {
    ($($model:ident),+) => {$(
        #[derive(Debug, Clone, PartialEq, Upsert)]
        #[upsert(table = "words", conflict = "word", accumulate = "n")]
        struct $model {
            word: String,
            n: i64,
        }
    )+};
}

models!(
    OnMariaDb,
    OnMySql,
    OfAView,
    OfATemporaryTable,
    NotUnique,
    Prefix,
    TooMany,
    OnAnotherEngine
);

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "lowered")]
struct Lowered {
    lowered: String,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "prices", conflict = "amount")]
struct Price {
    amount: Decimal,
    n: i64,
}

/// The guard stands around the first assignment, which is that of `v`.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "holders", conflict = "k")]
struct Holder<T> {
    k: i64,
    v: T,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "texts", conflict = "name")]
struct Text {
    name: String,
    #[upsert(update = "back\\slash, 'quote' and \"quote\"")]
    text: String,
}

dialect_tests! {
    #[on(mysql)]
    async fn a_trigger_that_rewrites_the_key(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run("CREATE TRIGGER shorten BEFORE INSERT ON words FOR EACH ROW SET NEW.word = CONCAT('my ', NEW.word)").await?;
        for kind in [
            word("a", 1)
                .upsert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word("a", 1)
                .upsert(&db.pool)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word("a", 1)
                .insert_if_absent(&db.pool)
                .returning()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            word("a", 1)
                .get_or_insert(&db.pool)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ] {
            assert_eq!(kind, Err(ErrorKind::RowVanished));
        }
        assert_eq!(
            db.count("words").await?,
            0,
            "what cannot be read back is not written"
        );
        // Nobody asks for the row here.
        assert_eq!(word("a", 1).upsert(&db.pool).execute().await?, 1);
        assert!(!word("a", 1).insert_if_absent(&db.pool).await?);
        assert_eq!(db.one::<String>("SELECT word FROM words").await?, "my a");
        Ok(())
    }

    /// A key that its column rounds is another key when it is looked for.
    #[on(mysql)]
    async fn a_key_that_its_column_rounds(db: Db) -> Result<()> {
        db.run("CREATE TABLE prices (amount DECIMAL(10, 2) PRIMARY KEY, n BIGINT NOT NULL)")
            .await?;
        let price = |amount: &str| Price {
            amount: amount.parse().expect("a number"),
            n: 1,
        };
        let error = price("1.005")
            .upsert(&db.pool)
            .await
            .expect_err("1.01 is stored");
        assert_eq!(error.kind(), ErrorKind::RowVanished);
        assert_eq!(db.count("prices").await?, 0);
        assert_eq!(price("1.01").upsert(&db.pool).await?.n, 1);
        Ok(())
    }

    #[on(mysql)]
    async fn an_update_trigger_fires_for_a_row_that_was_there(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        db.run("CREATE TABLE log (word VARCHAR(191)); CREATE TRIGGER log AFTER UPDATE ON words FOR EACH ROW INSERT INTO log VALUES (NEW.word)").await?;
        assert!(word("a", 1).insert_if_absent(&db.pool).await?);
        assert!(!word("a", 1).insert_if_absent(&db.pool).await?);
        assert_eq!(db.count("log").await?, 1, "as the documentation says");
        Ok(())
    }

    #[on(mysql)]
    async fn a_view(db: Db) -> Result<()> {
        db.run("CREATE TABLE base (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(191) UNIQUE, n BIGINT NOT NULL, handle BIGINT UNIQUE)").await?;
        db.run("CREATE VIEW words AS SELECT name AS word, n, handle FROM base")
            .await?;
        let row = OfAView {
            word: "a".to_owned(),
            n: 1,
        };
        assert_eq!(
            row.upsert(&db.pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(row.upsert(&db.pool).with_action().await?.row.n, 2);
        assert!(!row.insert_if_absent(&db.pool).await?);
        assert_eq!(row.get_or_insert(&db.pool).await?.row.n, 2);
        Ok(())
    }

    #[on(mysql)]
    async fn a_temporary_table(db: Db) -> Result<()> {
        let mut conn = db.connect().await?;
        sqlx::raw_sql(
            "CREATE TEMPORARY TABLE words (word VARCHAR(191) PRIMARY KEY, n BIGINT NOT NULL)",
        )
        .execute(&mut conn)
        .await?;
        let row = OfATemporaryTable {
            word: "a".to_owned(),
            n: 1,
        };
        assert_eq!(
            row.upsert(&mut conn).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(row.upsert(&mut conn).with_action().await?.row.n, 2);
        Ok(())
    }

    #[on(mysql)]
    async fn a_partitioned_table(db: Db) -> Result<()> {
        db.run(&format!("{WORDS} PARTITION BY KEY (word) PARTITIONS 3"))
            .await?;
        for (n, action) in [(1, Action::Inserted), (2, Action::Updated)] {
            for key in ["a", "b", "c", "d"] {
                let upserted = word(key, 1).upsert(&db.pool).with_action().await?;
                assert_eq!((upserted.row.n, upserted.action), (n, action));
            }
        }
        Ok(())
    }

    /// The server would take any index for a target, or none; we look for the right one first.
    #[on(mysql)]
    async fn an_index_that_is_none_for_the_target(db: Db) -> Result<()> {
        let row = NotUnique {
            word: "a".to_owned(),
            n: 1,
        };
        db.run("CREATE TABLE words (word VARCHAR(191) NOT NULL, n BIGINT NOT NULL, KEY (word))")
            .await?;
        assert_eq!(
            row.upsert(&db.pool).await.expect_err("not unique").kind(),
            ErrorKind::MissingUniqueIndex
        );
        let row = Prefix {
            word: "a".to_owned(),
            n: 1,
        };
        db.run("DROP TABLE words; CREATE TABLE words (word VARCHAR(191) NOT NULL, n BIGINT NOT NULL, UNIQUE KEY (word(3)))").await?;
        assert_eq!(
            row.upsert(&db.pool).await.expect_err("a prefix").kind(),
            ErrorKind::MissingUniqueIndex
        );
        let row = TooMany {
            word: "a".to_owned(),
            n: 1,
        };
        db.run("DROP TABLE words; CREATE TABLE words (word VARCHAR(191) NOT NULL, n BIGINT NOT NULL, UNIQUE KEY (word, n))").await?;
        assert_eq!(
            row.upsert(&db.pool)
                .await
                .expect_err("another column")
                .kind(),
            ErrorKind::MissingUniqueIndex
        );
        assert_eq!(db.count("words").await?, 0);
        Ok(())
    }

    /// Strict mode holds for a statement's first row alone there, and nothing is taken back.
    #[on(mysql)]
    async fn a_table_without_transactions(db: Db) -> Result<()> {
        let rows = [1, 2].map(|n| OnAnotherEngine { word: n.to_string(), n });
        let mut conn = db.connect().await?;
        for (kind, engine) in [("", "MyISAM"), ("", "MEMORY"), ("TEMPORARY", "MEMORY")] {
            let create = format!("CREATE {kind} TABLE words (word VARCHAR(3) PRIMARY KEY, n INT NOT NULL) ENGINE = {engine}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut conn).await?;
            for outcome in [
                rows[0].upsert(&mut conn).await.map(drop),
                rows[0].insert_if_absent(&mut conn).await.map(drop),
                rows[0].get_or_insert(&mut conn).await.map(drop),
                OnAnotherEngine::upsert_all(&rows, &mut conn).await.map(drop),
                OnAnotherEngine::insert_all_if_absent(&rows, &mut conn).await.map(drop),
            ] {
                let error = outcome.expect_err("no transactions");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                let words = format!("the table's engine, {engine}, has no transactions; run `ALTER TABLE `words` ENGINE = InnoDB`");
                assert!(error.to_string().contains(&words), "{error}");
            }
            let count = sqlx::query("SELECT * FROM words").fetch_all(&mut conn).await?.len();
            assert_eq!(count, 0);
            sqlx::raw_sql("DROP TABLE words").execute(&mut conn).await?;
        }
        Ok(())
    }

    /// Both servers compare the names of columns without regard to case.
    #[on(mysql)]
    async fn an_index_whose_column_is_written_otherwise(db: Db) -> Result<()> {
        db.run("CREATE TABLE words (LOWERED VARCHAR(191) NOT NULL UNIQUE, n BIGINT NOT NULL)")
            .await?;
        let row = Lowered {
            lowered: "a".to_owned(),
            n: 1,
        };
        assert_eq!(
            row.upsert(&db.pool).with_action().await?.action,
            Action::Inserted
        );
        assert_eq!(
            row.upsert(&db.pool).with_action().await?.action,
            Action::Updated
        );
        Ok(())
    }

    /// Not at every call: once for each model and process.
    #[on(mysql)]
    async fn the_index_is_looked_up_once(db: Db) -> Result<()> {
        async fn shown(conn: &mut sqlx::MySqlConnection) -> Result<u64> {
            let rows = sqlx::raw_sql("SHOW SESSION STATUS LIKE 'Com_show_keys'")
                .fetch_all(conn)
                .await?;
            Ok(rows[0].try_get::<String, _>(1)?.parse()?)
        }

        db.run(WORDS).await?;
        let mut conn = db.connect().await?;
        let before = shown(&mut conn).await?;
        for n in 1..4 {
            // The two servers are in one process here.
            if db.server.key == Key::MariaDb {
                OnMariaDb {
                    word: "a".to_owned(),
                    n,
                }
                .upsert(&mut conn)
                .await?;
            } else {
                OnMySql {
                    word: "a".to_owned(),
                    n,
                }
                .upsert(&mut conn)
                .await?;
            }
            assert_eq!(shown(&mut conn).await?, before + 1);
        }
        Ok(())
    }

    #[on(mysql)]
    async fn the_guard_leaves_numbers_as_they_are(db: Db) -> Result<()> {
        for ty in ["FLOAT", "DOUBLE"] {
            db.run(&format!(
                "CREATE TABLE holders (k BIGINT PRIMARY KEY, v {ty})"
            ))
            .await?;
            db.run(&format!(
                "CREATE TABLE plain (k BIGINT PRIMARY KEY, v {ty})"
            ))
            .await?;
            for v in [0.1_f64, 0.123456789, 16777217.0, -3.4e38, 1.0 / 3.0] {
                Holder { k: 1, v: 0.0 }.upsert(&db.pool).await?;
                let row = Holder { k: 1, v }.upsert(&db.pool).await?;
                sqlx::query("REPLACE INTO plain VALUES (1, ?)")
                    .bind(v)
                    .execute(&db.pool)
                    .await?;
                assert_eq!(
                    row.v,
                    db.one::<f64>("SELECT v FROM plain").await?,
                    "{ty} {v}"
                );
                assert_eq!(
                    db.one::<i64>("SELECT COUNT(*) FROM holders JOIN plain USING (k, v)")
                        .await?,
                    1,
                    "{ty} {v}"
                );
            }
            db.run("DROP TABLE holders; DROP TABLE plain").await?;
        }
        Ok(())
    }

    #[on(mysql)]
    async fn the_guard_leaves_texts_as_they_are(db: Db) -> Result<()> {
        for ty in [
            "TINYTEXT",
            "TEXT",
            "MEDIUMTEXT",
            "LONGTEXT",
            "CHAR(60)",
            "VARCHAR(60) CHARACTER SET latin1",
            "VARCHAR(60) COLLATE utf8mb4_bin",
        ] {
            db.run(&format!(
                "CREATE TABLE holders (k BIGINT PRIMARY KEY, v {ty})"
            ))
            .await?;
            for text in ["", "naïve", "it's \\ \"quoted\"", "1e5", "00012"] {
                let row = Holder {
                    k: 1,
                    v: text.to_owned(),
                };
                assert_eq!(row.upsert(&db.pool).await?, row, "{ty}");
                assert_eq!(row.upsert(&db.pool).await?, row, "{ty}");
            }
            db.run("DROP TABLE holders").await?;
        }
        Ok(())
    }

    #[on(mysql)]
    async fn the_guard_leaves_bytes_as_they_are(db: Db) -> Result<()> {
        for ty in ["TINYBLOB", "BLOB", "LONGBLOB", "VARBINARY(60)", "BINARY(4)"] {
            db.run(&format!(
                "CREATE TABLE holders (k BIGINT PRIMARY KEY, v {ty})"
            ))
            .await?;
            for bytes in [[0, 255, 39, 92], [195, 40, 0, 0], *b"1e5x"] {
                let row = Holder {
                    k: 1,
                    v: bytes.to_vec(),
                };
                assert_eq!(row.upsert(&db.pool).await?, row, "{ty}");
                assert_eq!(row.upsert(&db.pool).await?, row, "{ty}");
            }
            db.run("DROP TABLE holders").await?;
        }
        Ok(())
    }

    #[on(mysql)]
    async fn every_sql_mode_that_is_strict(db: Db) -> Result<()> {
        db.run("CREATE TABLE texts (name VARCHAR(191) PRIMARY KEY, text TEXT NOT NULL)")
            .await?;
        let mut modes = vec!["STRICT_ALL_TABLES", "TRADITIONAL"];
        let with = [
            "ANSI",
            "ANSI_QUOTES",
            "NO_BACKSLASH_ESCAPES",
            "HIGH_NOT_PRECEDENCE",
            "IGNORE_SPACE",
            "NO_UNSIGNED_SUBTRACTION",
            "PAD_CHAR_TO_FULL_LENGTH",
        ];
        let with = with.map(|mode| format!("STRICT_TRANS_TABLES,{mode}"));
        modes.extend(with.iter().map(String::as_str));
        if db.server.key == Key::MariaDb {
            modes.extend([
                "STRICT_TRANS_TABLES,ORACLE",
                "STRICT_TRANS_TABLES,MSSQL",
                "STRICT_TRANS_TABLES,SIMULTANEOUS_ASSIGNMENT",
            ]);
        }
        for mode in modes {
            let mut conn = db.connect().await?;
            sqlx::query("SET SESSION sql_mode = ?")
                .bind(mode)
                .execute(&mut conn)
                .await?;
            let text = Text {
                name: mode.to_owned(),
                text: "x\\y".to_owned(),
            };
            let first = text.upsert(&mut conn).with_action().await?;
            assert_eq!(
                (first.row.text.as_str(), first.action),
                ("x\\y", Action::Inserted),
                "{mode}"
            );
            let second = text.upsert(&mut conn).with_action().await?;
            assert_eq!(
                (second.row.text.as_str(), second.action),
                ("back\\slash, 'quote' and \"quote\"", Action::Updated),
                "{mode}"
            );
        }
        Ok(())
    }

    #[on(mysql)]
    async fn every_isolation_level(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        for level in [
            "READ UNCOMMITTED",
            "READ COMMITTED",
            "REPEATABLE READ",
            "SERIALIZABLE",
        ] {
            let mut conn = db.connect().await?;
            let sql = format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut conn)
                .await?;
            let mut tx = conn.begin().await?;
            sqlx::query("SELECT * FROM words WHERE word = 'nothing'")
                .fetch_all(&mut *tx)
                .await?;
            assert_eq!(
                word(level, 1).upsert(&mut tx).with_action().await?.action,
                Action::Inserted,
                "{level}"
            );
            let upserted = word(level, 2).upsert(&mut tx).with_action().await?;
            assert_eq!(
                (upserted.row.n, upserted.action),
                (3, Action::Updated),
                "{level}"
            );
            assert_eq!(
                word(level, 9).get_or_insert(&mut tx).await?.row.n,
                3,
                "{level}"
            );
            tx.commit().await?;
        }
        Ok(())
    }

    /// sqlx knows of transactions that it began itself. One begun by a statement of the caller's is committed by ours. We should
    /// rather not; use `begin()`.
    #[on(mysql)]
    async fn a_transaction_begun_by_hand_is_committed(db: Db) -> Result<()> {
        db.run(WORDS).await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql("START TRANSACTION")
            .execute(&mut conn)
            .await?;
        word("a", 1).upsert(&mut conn).await?;
        sqlx::raw_sql("ROLLBACK").execute(&mut conn).await?;
        assert_eq!(db.count("words").await?, 1);
        Ok(())
    }
}
