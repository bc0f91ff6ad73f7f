//! What goes wrong, in the same words on every database, and what the message says about it.

use anyhow::Result;
use sqlx::error::DatabaseError;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;
use upsert::{Error, ErrorKind, Upsert};

use crate::harness::{Key, dialect_tests};

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "no_index", conflict = "tenant_id, select", accumulate = "n")]
struct NoIndex {
    tenant_id: i64,
    #[upsert(rename = "select")]
    name: String,
    n: i64,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "users", conflict = "email")]
struct User {
    email: String,
    handle: Option<String>,
    age: i32,
    parent: Option<String>,
}

const USERS: &str = r#"CREATE TABLE "users" (
    "email" {text} PRIMARY KEY,
    "handle" {text} NOT NULL UNIQUE,
    "age" INTEGER NOT NULL,
    "parent" {text},
    CONSTRAINT "users_age_check" CHECK ("age" >= 0),
    CONSTRAINT "users_parent" FOREIGN KEY ("parent") REFERENCES "users" ("email")
)"#;

fn user(email: &str) -> User {
    User {
        email: email.to_owned(),
        handle: Some(email.to_uppercase()),
        age: 36,
        parent: None,
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "counters", conflict = "name", accumulate = "n")]
struct Counter {
    name: String,
    n: i64,
}

const COUNTERS: &str =
    r#"CREATE TABLE "counters" ("name" {text} PRIMARY KEY, "n" BIGINT NOT NULL)"#;

fn counter(name: &str) -> Counter {
    Counter {
        name: name.to_owned(),
        n: 1,
    }
}

#[derive(Debug, Upsert)]
#[upsert(table = "lax", conflict = "name")]
struct Lax {
    name: String,
    n: i64,
}

/// The same table once it is all right: a process asks of a model once, and another server may be asked at the same time.
#[derive(Debug, Upsert)]
#[upsert(table = "lax", conflict = "name")]
struct Strict {
    name: String,
    n: i64,
}

/// A division by zero is an error, which these servers have to be told.
#[derive(Debug, Upsert)]
#[upsert(table = "halves", conflict = "name")]
struct Halves {
    name: String,
    #[upsert(update = old.n / new.n)]
    n: i64,
}

/// The same table, for the reason above.
#[derive(Debug, Upsert)]
#[upsert(table = "halves", conflict = "name")]
struct Quotients {
    name: String,
    #[upsert(update = old.n / new.n)]
    n: i64,
}

/// A map that JSON has no text for: its keys are no strings.
#[derive(Debug, Upsert)]
#[upsert(table = "maps", conflict = "name", generated = "id")]
struct Map {
    id: i64,
    name: String,
    #[upsert(json)]
    points: BTreeMap<(i32, i32), i32>,
    n: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "nulls", conflict = "name", generated = "made")]
struct Null {
    name: String,
    made: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "nulls", conflict = "name", returning = "name, made")]
struct WrongType {
    name: String,
    #[upsert(generated)]
    made: String,
}

/// The error's whole story, from ours to the driver's.
fn chain(error: &Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        messages.push(error.to_string());
        source = error.source();
    }
    messages
}

fn assert_says(error: &Error, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` is missing: {message}");
    }
}

dialect_tests! {
    async fn a_missing_index_comes_with_its_cure(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "no_index" ("tenant_id" BIGINT NOT NULL, "select" {text} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        let row = NoIndex {
            tenant_id: 1,
            name: "a".to_owned(),
            n: 1,
        };
        let errors = [
            row.upsert(&db.pool).await.expect_err("no index"),
            row.upsert(&db.pool)
                .with_action()
                .await
                .expect_err("no index"),
            row.upsert(&db.pool).execute().await.expect_err("no index"),
            row.insert_if_absent(&db.pool).await.expect_err("no index"),
            row.insert_if_absent(&db.pool)
                .returning()
                .await
                .expect_err("no index"),
            row.get_or_insert(&db.pool).await.expect_err("no index"),
        ];
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::MissingUniqueIndex);
            assert!(!error.is_retryable());
            assert_eq!(
                (error.table(), error.conflict_target()),
                ("no_index", "tenant_id, select")
            );
            assert_says(
                error,
                &["`no_index`", "`tenant_id, select`", "CREATE UNIQUE INDEX"],
            );
        }
        assert_eq!(
            db.count("no_index").await?,
            0,
            "MySQL and MariaDB would simply have inserted it"
        );
        let message = errors[0].to_string();
        let start = message.find("run `").expect("what to run") + "run `".len();
        db.run_as_it_is(message[start..].strip_suffix('`').expect("it ends there"))
            .await?;
        assert_eq!(row.upsert(&db.pool).await?, row);
        assert_eq!(row.upsert(&db.pool).with_action().await?.row.n, 2);
        Ok(())
    }

    async fn a_unique_violation(db: Db) -> Result<()> {
        db.run(USERS).await?;
        user("ada").upsert(&db.pool).await?;
        let other = User {
            email: "bob".to_owned(),
            ..user("ada")
        };
        let error = other
            .upsert(&db.pool)
            .await
            .expect_err("the handle is taken");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_says(
            &error,
            &[
                "`users`",
                "`email`",
                "not the conflict target",
                "nothing was written",
            ],
        );
        Ok(())
    }

    async fn a_not_null_violation(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let error = User {
            handle: None,
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("no handle");
        assert_eq!(error.kind(), ErrorKind::NotNullViolation);
        assert_says(&error, &["`users`", "handle", "must bring the whole row"]);
        Ok(())
    }

    async fn a_check_violation(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let error = User {
            age: -1,
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("not yet born");
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        assert_says(&error, &["`users`", "users_age_check"]);
        Ok(())
    }

    async fn a_foreign_key_violation(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let error = User {
            parent: Some("nobody".to_owned()),
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("an orphan");
        assert_eq!(error.kind(), ErrorKind::ForeignKeyViolation);
        assert_says(&error, &["`users`", "points at"]);
        Ok(())
    }

    async fn a_number_out_of_range(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a").upsert(&db.pool).await?;
        let error = Counter {
            n: i64::MAX,
            ..counter("a")
        }
        .upsert(&db.pool)
        .await
        .expect_err("too much");
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert_says(&error, &["`counters`", "nothing was written"]);
        Ok(())
    }

    /// Two connections, each of which waits for the row that the other has. The one that is let down may try again.
    #[on(postgres, mysql)]
    async fn a_deadlock(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a").upsert(&db.pool).await?;
        counter("b").upsert(&db.pool).await?;
        let mut one = db.pool.begin().await?;
        let mut two = db.pool.begin().await?;
        counter("a").upsert(&mut one).await?;
        counter("b").upsert(&mut two).await?;
        let crossed = async {
            let outcome = counter("b").upsert(&mut one).await;
            if outcome.is_ok() {
                one.commit().await?;
            } else {
                one.rollback().await?;
            }
            anyhow::Ok(outcome)
        };
        let waiting = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let outcome = counter("a").upsert(&mut two).await;
            if outcome.is_ok() {
                two.commit().await?;
            } else {
                two.rollback().await?;
            }
            anyhow::Ok(outcome)
        };
        let (one, two) = tokio::try_join!(crossed, waiting)?;
        let error = match (one, two) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
            both => panic!("one of two should have failed: {both:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::Deadlock);
        assert!(error.is_retryable());
        assert_says(&error, &["`counters`", "try the transaction again"]);
        assert_eq!(
            db.all::<(i64,)>(r#"SELECT "n" FROM "counters""#).await?,
            [(2,), (2,)]
        );
        Ok(())
    }

    #[on(postgres)]
    async fn a_serialization_failure(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a").upsert(&db.pool).await?;
        let mut tx = db
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await?;
        sqlx::query("SELECT * FROM counters")
            .fetch_all(&mut *tx)
            .await?;
        counter("a").upsert(&db.pool).await?;
        let error = counter("a")
            .upsert(&mut tx)
            .await
            .expect_err("the row is younger");
        assert_eq!(error.kind(), ErrorKind::Serialization);
        assert!(error.is_retryable());
        assert_says(&error, &["`counters`", "try the whole transaction again"]);
        Ok(())
    }

    /// Off by default in this version, on in later ones.
    #[on(mariadb)]
    async fn a_serialization_failure_of_mariadb(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a").upsert(&db.pool).await?;
        let mut conn = db.connect().await?;
        sqlx::raw_sql("SET SESSION innodb_snapshot_isolation = ON")
            .execute(&mut conn)
            .await?;
        let mut tx = sqlx::Connection::begin(&mut conn).await?;
        sqlx::query("SELECT * FROM counters")
            .fetch_all(&mut *tx)
            .await?;
        counter("a").upsert(&db.pool).await?;
        let error = counter("a")
            .upsert(&mut tx)
            .await
            .expect_err("the row is younger");
        assert_eq!(error.kind(), ErrorKind::Serialization);
        assert!(error.is_retryable());
        Ok(())
    }

    async fn a_lock_that_is_not_to_be_had(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        counter("a").upsert(&db.pool).await?;
        let mut holder = db.pool.begin().await?;
        counter("a").upsert(&mut holder).await?;
        let mut conn = db.connect().await?;
        let impatient = match db.server.key {
            Key::Postgres => "SET lock_timeout = '50ms'",
            Key::Sqlite => "PRAGMA busy_timeout = 50",
            Key::MariaDb | Key::MySql => "SET innodb_lock_wait_timeout = 1",
        };
        sqlx::raw_sql(impatient).execute(&mut conn).await?;
        let error = counter("a")
            .upsert(&mut conn)
            .await
            .expect_err("somebody has it");
        assert_eq!(error.kind(), ErrorKind::LockTimeout);
        assert!(error.is_retryable());
        assert_says(&error, &["`counters`", "try again"]);
        holder.commit().await?;
        assert_eq!(counter("a").upsert(&mut conn).await?.n, 3);
        Ok(())
    }

    /// Each has read, and each wants to write: SQLite lets neither wait for the other.
    #[on(sqlite)]
    async fn two_readers_that_both_want_to_write(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let mut one = db.pool.begin().await?;
        let mut two = db.pool.begin().await?;
        sqlx::query("SELECT * FROM counters")
            .fetch_all(&mut *one)
            .await?;
        sqlx::query("SELECT * FROM counters")
            .fetch_all(&mut *two)
            .await?;
        counter("a").upsert(&mut one).await?;
        let error = counter("a")
            .upsert(&mut two)
            .await
            .expect_err("the other one writes");
        assert_eq!(error.kind(), ErrorKind::LockTimeout);
        assert!(error.is_retryable());
        two.rollback().await?;
        one.commit().await?;
        assert_eq!(counter("a").upsert(&db.pool).await?.n, 2);
        Ok(())
    }

    /// Such a session would cut texts and clamp numbers without a word.
    #[on(mysql)]
    async fn a_session_that_is_not_strict(db: Db) -> Result<()> {
        db.run("CREATE TABLE lax (name VARCHAR(5) PRIMARY KEY, n BIGINT NOT NULL)")
            .await?;
        let mut conn = db.connect().await?;
        let mode: String = sqlx::query_scalar("SELECT @@SESSION.sql_mode")
            .fetch_all(&mut conn)
            .await?
            .remove(0);
        sqlx::raw_sql("SET SESSION sql_mode = ''")
            .execute(&mut conn)
            .await?;
        let lax = Lax {
            name: "pineapple".to_owned(),
            n: 1,
        };
        let kinds = [
            lax.upsert(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            lax.upsert(&mut conn)
                .with_action()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            lax.upsert(&mut conn)
                .execute()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            lax.insert_if_absent(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            lax.insert_if_absent(&mut conn)
                .returning()
                .await
                .map(drop)
                .map_err(|error| error.kind()),
            lax.get_or_insert(&mut conn)
                .await
                .map(drop)
                .map_err(|error| error.kind()),
        ];
        assert_eq!(kinds, [Err(ErrorKind::Unsupported); 6]);
        let error = lax.upsert(&mut conn).await.expect_err("not strict");
        assert_says(&error, &["`lax`", "strict mode", "STRICT_TRANS_TABLES"]);
        assert_eq!(db.count("lax").await?, 0);
        sqlx::query("SET SESSION sql_mode = ?")
            .bind(mode)
            .execute(&mut conn)
            .await?;
        let strict = |name: &str| Strict {
            name: name.to_owned(),
            n: 1,
        };
        let too_long = strict("pineapple").upsert(&mut conn).await;
        assert_eq!(too_long.expect_err("too long").kind(), ErrorKind::Database);
        assert_eq!(strict("fig").upsert(&mut conn).await?.n, 1);
        Ok(())
    }

    async fn a_value_that_cannot_be_sent(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "maps" ("id" {id}, "name" {text} NOT NULL UNIQUE, "points" {json} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        let map = Map {
            id: 0,
            name: "a".to_owned(),
            points: BTreeMap::from([((1, 2), 3)]),
            n: 4,
        };
        for error in [
            map.upsert(&db.pool).await.map(drop).expect_err("no JSON"),
            map.upsert(&db.pool)
                .with_action()
                .await
                .map(drop)
                .expect_err("no JSON"),
            map.insert_if_absent(&db.pool)
                .await
                .map(drop)
                .expect_err("no JSON"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Encode);
            assert_says(
                &error,
                &["`maps`", "column `points`", "key must be a string"],
            );
        }
        assert_eq!(db.count("maps").await?, 0);
        Ok(())
    }

    #[on(postgres, mysql)]
    async fn a_null_that_the_field_cannot_hold(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "nulls" ("name" {text} PRIMARY KEY, "made" BIGINT)"#)
            .await?;
        let error = Null {
            name: "a".to_owned(),
            made: 0,
        }
        .upsert(&db.pool)
        .await
        .expect_err("a NULL");
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_says(&error, &["`nulls`", "column `made`", "`Option`"]);
        Ok(())
    }

    /// sqlx itself reads a NULL of SQLite as zero where the field is no `Option`. We should rather have an error.
    #[on(sqlite)]
    async fn a_null_that_sqlx_takes_for_zero(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "nulls" ("name" {text} PRIMARY KEY, "made" BIGINT)"#)
            .await?;
        let null = Null {
            name: "a".to_owned(),
            made: 7,
        };
        assert_eq!(null.upsert(&db.pool).await?.made, 0);
        assert_eq!(db.one::<i64>("SELECT made FROM nulls").await?, 0);
        assert_eq!(db.one::<Option<i64>>("SELECT made FROM nulls").await?, None);
        Ok(())
    }

    async fn a_column_of_another_type_than_its_field(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "nulls" ("name" {text} PRIMARY KEY, "made" BIGINT NOT NULL DEFAULT 7)"#,
        )
        .await?;
        let error = WrongType {
            name: "a".to_owned(),
            made: String::new(),
        }
        .upsert(&db.pool)
        .await
        .expect_err("no text");
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_says(&error, &["`nulls`", "column `made`"]);
        Ok(())
    }

    /// The row has come back, so one statement that commits by itself has done so.
    async fn what_cannot_be_read_may_have_been_written(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "nulls" ("name" {text} PRIMARY KEY, "made" BIGINT NOT NULL DEFAULT 7)"#).await?;
        let row = |name: &str| WrongType { name: name.to_owned(), made: String::new() };
        let one = row("a").upsert(&db.pool).await.expect_err("no text");
        assert_eq!(one.kind(), ErrorKind::Decode);
        let is_mysql = matches!(db.server.key, Key::MariaDb | Key::MySql);
        assert_eq!(db.count("nulls").await?, i64::from(!is_mysql));
        let many = WrongType::upsert_all(&[row("b"), row("c")], &db.pool).returning().await;
        assert_eq!(many.expect_err("no text").kind(), ErrorKind::Decode);
        assert_eq!(db.count("nulls").await?, i64::from(!is_mysql), "a batch is taken back");
        Ok(())
    }

    #[on(postgres)]
    async fn a_row_that_belongs_into_no_partition(db: Db) -> Result<()> {
        db.run(
            "CREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL) PARTITION BY LIST (name);
            CREATE TABLE counters_a PARTITION OF counters FOR VALUES IN ('a')",
        )
        .await?;
        counter("a").upsert(&db.pool).await?;
        let error = counter("b").upsert(&db.pool).await.expect_err("no partition");
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        assert_says(&error, &["no partition of relation", "nothing was written"]);
        Ok(())
    }

    async fn anything_else_is_the_databases(db: Db) -> Result<()> {
        let error = counter("a")
            .upsert(&db.pool)
            .await
            .expect_err("there is no table");
        assert_eq!(error.kind(), ErrorKind::Database);
        assert_says(&error, &["`counters`", "`name`", "create the table, or name another one"]);
        db.run(r#"CREATE TABLE "counters" ("name" {text} PRIMARY KEY)"#).await?;
        let error = counter("a").upsert(&db.pool).await.expect_err("there is no such column");
        assert_eq!(error.kind(), ErrorKind::Database);
        assert_says(&error, &["`counters`", "add the column, or leave the field out"]);
        Ok(())
    }

    /// A pool whose only connection the caller holds: the message has the likely reason.
    async fn a_pool_that_the_callers_own_transaction_has_emptied(db: Db) -> Result<()> {
        db.run(COUNTERS).await?;
        let pool = sqlx::pool::PoolOptions::<DB>::new()
            .max_connections(1)
            // The first connection is made within it, too.
            .acquire_timeout(Duration::from_secs(2))
            .connect_lazy_with(db.options());
        let tx = pool.begin().await?;
        let error = counter("a")
            .upsert(&pool)
            .await
            .expect_err("there is one connection");
        assert_eq!(error.kind(), ErrorKind::Database);
        assert_says(&error, &["pass `&mut tx`"]);
        tx.rollback().await?;
        Ok(())
    }

    async fn each_error_is_told_once(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let error = User {
            handle: None,
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("no handle");
        let source = error.source().expect("the driver's error");
        assert!(
            matches!(source.downcast_ref(), Some(sqlx::Error::Database(_))),
            "{source:?}"
        );
        let told = chain(&error);
        for (index, message) in told.iter().enumerate() {
            assert!(!told[index + 1..].contains(message), "{told:#?}");
        }
        Ok(())
    }

    /// Through `?`, into a function that speaks of `sqlx::Error`.
    async fn as_an_error_of_sqlx(db: Db) -> Result<()> {
        async fn save(user: &User, pool: &sqlx::Pool<DB>) -> Result<User, sqlx::Error> {
            Ok(user.upsert(pool).await?)
        }

        db.run(USERS).await?;
        save(&user("ada"), &db.pool).await?;
        let violations = [
            User {
                email: "bob".to_owned(),
                ..user("ada")
            },
            User {
                handle: None,
                ..user("bob")
            },
            User {
                age: -1,
                ..user("bob")
            },
            User {
                parent: Some("nobody".to_owned()),
                ..user("bob")
            },
        ];
        let questions: [fn(&dyn DatabaseError) -> bool; 4] = [
            DatabaseError::is_unique_violation,
            |error| error.kind() == sqlx::error::ErrorKind::NotNullViolation,
            DatabaseError::is_check_violation,
            DatabaseError::is_foreign_key_violation,
        ];
        for (index, user) in violations.iter().enumerate() {
            let ours = user
                .upsert(&db.pool)
                .await
                .expect_err("a violation")
                .to_string();
            let error = save(user, &db.pool).await.expect_err("a violation");
            let error = error.as_database_error().expect("the database's");
            for (other, question) in questions.iter().enumerate() {
                assert_eq!(question(error), index == other, "{index} {other} {error:?}");
            }
            assert_eq!(error.message(), ours);
            assert!(error.code().is_some_and(|code| !code.is_empty()));
        }
        Ok(())
    }

    #[on(postgres)]
    async fn as_an_error_of_postgres(db: Db) -> Result<()> {
        use sqlx::postgres::PgDatabaseError;
        db.run(USERS).await?;
        user("ada").upsert(&db.pool).await?;
        let error = User {
            email: "bob".to_owned(),
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("taken");
        let error = sqlx::Error::from(error);
        let error = error.as_database_error().expect("the database's");
        assert_eq!(
            (error.code().as_deref(), error.table(), error.constraint()),
            (Some("23505"), Some("users"), Some("users_handle_key"))
        );
        let postgres = error.downcast_ref::<PgDatabaseError>();
        assert_eq!(
            (postgres.code(), postgres.detail()),
            ("23505", Some("Key (handle)=(ADA) already exists."))
        );
        Ok(())
    }

    #[on(sqlite)]
    async fn as_an_error_of_sqlite(db: Db) -> Result<()> {
        use sqlx::sqlite::SqliteError;
        db.run(USERS).await?;
        user("ada").upsert(&db.pool).await?;
        let error = User {
            email: "bob".to_owned(),
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("taken");
        let error = sqlx::Error::from(error);
        let error = error.as_database_error().expect("the database's");
        assert_eq!(error.code().as_deref(), Some("2067"));
        assert!(
            error
                .downcast_ref::<SqliteError>()
                .message()
                .contains("users.handle")
        );
        Ok(())
    }

    /// The guard's own error is a unique violation too, though the server has another name for it.
    #[on(mysql)]
    async fn as_an_error_of_mysql(db: Db) -> Result<()> {
        use sqlx::mysql::MySqlDatabaseError;
        db.run(USERS).await?;
        user("ada").upsert(&db.pool).await?;
        let error = User {
            email: "bob".to_owned(),
            ..user("ada")
        }
        .upsert(&db.pool)
        .await
        .expect_err("taken");
        let error = sqlx::Error::from(error);
        let error = error.as_database_error().expect("the database's");
        assert!(error.is_unique_violation());
        assert_eq!(error.code().as_deref(), Some("21000"));
        assert_eq!(error.downcast_ref::<MySqlDatabaseError>().number(), 1242);
        Ok(())
    }

    /// Errors that no driver made.
    async fn our_own_errors_as_errors_of_sqlx(db: Db) -> Result<()> {
        db.run(
            r#"CREATE TABLE "nulls" ("name" {text} PRIMARY KEY, "made" BIGINT NOT NULL DEFAULT 7)"#,
        )
        .await?;
        let error = WrongType {
            name: "a".to_owned(),
            made: String::new(),
        }
        .upsert(&db.pool)
        .await
        .expect_err("no text");
        assert!(matches!(
            sqlx::Error::from(error),
            sqlx::Error::ColumnDecode { .. }
        ));
        db.run(r#"CREATE TABLE "maps" ("id" {id}, "name" {text} NOT NULL UNIQUE, "points" {json} NOT NULL, "n" BIGINT NOT NULL)"#).await?;
        let map = Map {
            id: 0,
            name: "a".to_owned(),
            points: BTreeMap::from([((1, 2), 3)]),
            n: 4,
        };
        let error = map.upsert(&db.pool).await.map(drop).expect_err("no JSON");
        assert!(matches!(sqlx::Error::from(error), sqlx::Error::Encode(_)));
        Ok(())
    }

    #[on(mysql)]
    async fn a_division_by_zero_that_would_be_null(db: Db) -> Result<()> {
        db.run("CREATE TABLE halves (name VARCHAR(191) PRIMARY KEY, n BIGINT)").await?;
        let mut conn = db.connect().await?;
        db_mode(&mut conn, "STRICT_TRANS_TABLES").await?;
        let row = Halves { name: "x".to_owned(), n: 0 };
        let error = row.upsert(&mut conn).await.expect_err("a NULL");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_says(&error, &["`halves`", "division by zero", "ERROR_FOR_DIVISION_BY_ZERO"]);
        db_mode(&mut conn, "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO").await?;
        let row = Quotients { name: "x".to_owned(), n: 0 };
        row.upsert(&mut conn).await?;
        assert_eq!(row.upsert(&mut conn).await.expect_err("by zero").kind(), ErrorKind::OutOfRange);
        Ok(())
    }
}

async fn db_mode(conn: &mut sqlx::MySqlConnection, mode: &'static str) -> Result<()> {
    sqlx::query("SET SESSION sql_mode = ?")
        .bind(mode)
        .execute(conn)
        .await?;
    Ok(())
}
