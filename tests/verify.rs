//! What `verify` finds while a crate is compiled: small crates that depend on this one, right ones and wrong ones, checked
//! against real databases and without any.
//!
//! The databases are found as those of `tests/it` are. All crates share one target folder, so that sqlx with its macros is
//! compiled once; and they are checked one after the other, since cargo would wait anyway.

#[allow(dead_code)]
#[path = "it/harness/server.rs"]
mod server;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use server::{Door, Key, Server};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::str::FromStr;
use std::sync::Arc;
use std::{env, fs};

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = tokio::runtime::Runtime::new()?;
    let servers = runtime.block_on(server::find())?;
    let mut databases = Vec::new();
    let mut trials = Vec::new();
    // A pooler has the same catalogue behind it.
    let direct = |server: &Server| matches!(server.door, Door::Direct(_));
    for server in servers.into_iter().filter(direct) {
        let database = Arc::new(runtime.block_on(Database::create(server))?);
        for (name, body) in CASES {
            let database = database.clone();
            let kind = database.word;
            let trial = Trial::test(*name, move || {
                body(&Case {
                    name,
                    database: &database,
                })
                .map_err(|error| Failed::from(format!("{error:#}")))
            });
            trials.push(trial.with_kind(kind));
        }
        databases.push(database);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    for database in databases {
        runtime.block_on(database.remove())?;
    }
    Ok(conclusion.exit_code())
}

type Body = fn(&Case) -> Result<()>;

/// The cases, each of which runs on every database.
const CASES: &[(&str, Body)] = &[
    ("every_type_goes_through", every_type_goes_through),
    (
        "generated_code_keeps_to_itself",
        generated_code_keeps_to_itself,
    ),
    (
        "every_form_of_target_goes_through",
        every_form_of_target_goes_through,
    ),
    ("what_sqlx_kept_is_enough", what_sqlx_kept_is_enough),
    ("the_url_may_stand_in_dotenv", the_url_may_stand_in_dotenv),
    (
        "nothing_to_check_on_is_an_error",
        nothing_to_check_on_is_an_error,
    ),
    ("another_database_is_an_error", another_database_is_an_error),
    ("a_missing_table_is_an_error", a_missing_table_is_an_error),
    (
        "an_unknown_column_is_an_error",
        an_unknown_column_is_an_error,
    ),
    ("a_wrong_type_is_an_error", a_wrong_type_is_an_error),
    (
        "a_wrong_type_of_another_kind_is_an_error",
        a_wrong_type_of_another_kind_is_an_error,
    ),
    (
        "a_null_for_a_plain_field_is_an_error",
        a_null_for_a_plain_field_is_an_error,
    ),
    (
        "a_missing_index_is_an_error_where_the_database_says_so",
        a_missing_index_is_an_error,
    ),
    (
        "named_upserts_are_checked_too",
        named_upserts_are_checked_too,
    ),
    (
        "what_the_database_cannot_do_is_an_error",
        what_the_database_cannot_do_is_an_error,
    ),
];

/// The tables of all cases, with the types of PostgreSQL.
const TABLES: &str = r#"
CREATE TABLE users (
    id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, age int, big bigint NOT NULL,
    score double precision NOT NULL, flag boolean NOT NULL, status status NOT NULL, tags jsonb NOT NULL, extra jsonb,
    nick text, token uuid NOT NULL, photo bytea, seen_at timestamptz NOT NULL, made_at timestamp NOT NULL, day date,
    "odd-name" text NOT NULL DEFAULT '', a_column_whose_name_is_so_long_that_little_can_follow_it text NOT NULL
);
CREATE TABLE tags (name text PRIMARY KEY, note text, total bigint NOT NULL);
CREATE TABLE loose (name text NOT NULL, total bigint NOT NULL);
"#;

/// A struct with all that a field can be.
const EVERYTHING: &str = r#"
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use upsert::{Patch, Upsert};

#[derive(sqlx::Type)]
#[sqlx(type_name = "status", rename_all = "lowercase")]
pub enum Status {
    On,
    Off,
}

type Name = String;

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "big", verify = "{verify}")]
#[upsert(update_where(new.big > new.least && new.seen_at > new.since && new.name != new.other), soft_delete = "age", on_deleted = "error")]
#[upsert(name = "touch", insert_only = "name, status", returning = "id, odd-name", skip_unchanged)]
pub struct User {
    #[upsert(generated)]
    pub id: i64,
    pub email: String,
    #[upsert(insert = lower(new.name))]
    pub name: Name,
    pub age: Option<i32>,
    pub big: i64,
    pub score: f64,
    pub flag: bool,
    pub status: Status,
    #[upsert(json)]
    pub tags: Vec<String>,
    #[upsert(json)]
    pub extra: Option<Vec<String>>,
    pub nick: Patch<Option<String>>,
    pub token: uuid::Uuid,
    pub photo: Option<Vec<u8>>,
    #[upsert(now, insert_only)]
    pub seen_at: DateTime<Utc>,
    pub made_at: NaiveDateTime,
    pub day: Option<NaiveDate>,
    #[upsert(rename = "odd-name")]
    pub odd_name: Patch<String>,
    pub a_column_whose_name_is_so_long_that_little_can_follow_it: String,
    #[upsert(param)]
    pub least: i32,
    #[upsert(param)]
    pub since: DateTime<Utc>,
    #[upsert(param)]
    pub other: String,
    #[upsert(skip)]
    pub cache: Option<u8>,
}
"#;

fn every_type_goes_through(case: &Case) -> Result<()> {
    case.check(EVERYTHING)?.passes()
}

/// No name of the prelude, names that mean something else, and every lint that a crate may deny.
fn generated_code_keeps_to_itself(case: &Case) -> Result<()> {
    let code = r#"
//! A crate with strict lints.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]

/// Without a prelude.
#[no_implicit_prelude]
pub mod bare {
    /// A tag.
    #[derive(::std::fmt::Debug, ::upsert::Upsert)]
    #[upsert(conflict = "name", verify = "{verify}")]
    pub struct Tag {
        /// Its name.
        pub name: ::std::string::String,
        /// Whatever is said of it.
        pub note: ::std::option::Option<::std::string::String>,
        /// How often it is used.
        pub total: i64,
    }
}

/// Where names of the prelude mean something else.
#[allow(dead_code)]
mod shadowed {
    struct String;
    struct Option;
    struct Ok;
    trait Into {}
    trait Default {}
    mod std {}
    mod sqlx {}

    #[derive(Debug, ::upsert::Upsert)]
    #[upsert(table = "tags", conflict = "name", verify = "{verify}", returning = "total")]
    struct Row {
        name: ::std::string::String,
        #[upsert(accumulate)]
        total: i64,
    }
}

/// Inside a function, written by a macro.
pub fn local() {
    macro_rules! row {
        ($field:ident: $ty:ty, $verify:literal) => {
            #[allow(dead_code)]
            #[derive(::upsert::Upsert)]
            #[upsert(table = "tags", conflict = "name", verify = $verify)]
            struct Row {
                $field: $ty,
                total: i64,
            }
        };
    }
    row!(name: String, "{verify}");
}
"#;
    case.check(code)?.passes()
}

fn every_form_of_target_goes_through(case: &Case) -> Result<()> {
    let code = r#"
use upsert::Upsert;

#[derive(Upsert)]
#[upsert(table = "tags", conflict = "lower(name)", verify = "{verify}")]
pub struct Expression {
    pub name: String,
    pub total: i64,
}

#[derive(Upsert)]
#[upsert(table = "tags", conflict = "name, total", verify = "{verify}")]
pub struct Both {
    pub name: String,
    pub total: i64,
}
"#;
    let partial = r#"
#[derive(Upsert)]
#[upsert(table = "tags", conflict = "note", conflict_where = "note IS NOT NULL AND total > 0", verify = "{verify}")]
pub struct Partial {
    pub note: Option<String>,
    pub total: i64,
}
"#;
    let code = match case.database.server.key {
        Key::Postgres | Key::Sqlite => format!("{code}{partial}"),
        Key::MariaDb | Key::MySql => code.to_owned(),
    };
    case.check(&code)?.passes()
}

/// `SQLX_OFFLINE_DIR` is how `cargo sqlx prepare` makes the folder `.sqlx`.
fn what_sqlx_kept_is_enough(case: &Case) -> Result<()> {
    let kept = case.folder().join(".sqlx");
    fs::create_dir_all(&kept)?;
    let prepare = [("SQLX_OFFLINE_DIR", &*kept.to_string_lossy())];
    case.check_with(EVERYTHING, Some(&case.database.url), &prepare)?
        .passes()?;
    case.check_with(EVERYTHING, None, &[])?.passes()?;
    let wrong = EVERYTHING.replace("pub score: f64", "pub score: bool");
    case.check_with(&wrong, None, &[])?
        .says(&["score` holds `f64`, and its field takes `bool`"])?;
    let unknown = EVERYTHING.replace("pub score: f64", "pub score: f64, pub gone: bool");
    case.check_with(&unknown, None, &[])?
        .says(&["or run `cargo sqlx prepare` to update the query cache"])
}

fn the_url_may_stand_in_dotenv(case: &Case) -> Result<()> {
    fs::create_dir_all(case.folder())?;
    fs::write(
        case.folder().join(".env"),
        format!("DATABASE_URL={}\n", case.database.url),
    )?;
    case.check_in_its_environment(TAG, &[])?.passes()
}

fn nothing_to_check_on_is_an_error(case: &Case) -> Result<()> {
    case.check_with(TAG, None, &[])?
        .says(&["set `DATABASE_URL` to use query macros online, or run `cargo sqlx prepare`"])
}

/// Of several drivers, sqlx takes the one for the URL.
fn another_database_is_an_error(case: &Case) -> Result<()> {
    let (other, said) = match case.database.server.key {
        // Both understand the text.
        Key::Sqlite => (
            "postgres",
            "`verify` names `Postgres`, and the statement was checked on another database",
        ),
        Key::Postgres => ("mysql", "syntax error"),
        Key::MariaDb | Key::MySql => ("sqlite", "error in your SQL syntax"),
    };
    case.check(&TAG.replace("{verify}", other))?.says(&[said])
}

const TAG: &str = r#"
use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "name", verify = "{verify}")]
pub struct Tag {
    pub name: String,
    pub note: Option<String>,
    pub total: i64,
}
"#;

fn a_missing_table_is_an_error(case: &Case) -> Result<()> {
    let said = match case.database.server.key {
        Key::Sqlite => "no such table: nowhere",
        Key::Postgres => r#"relation "nowhere" does not exist"#,
        Key::MariaDb | Key::MySql => "nowhere' doesn't exist",
    };
    let code = TAG.replace(
        r#"conflict = "name""#,
        r#"conflict = "name", table = "nowhere""#,
    );
    case.check(&code)?.says(&[said])
}

fn an_unknown_column_is_an_error(case: &Case) -> Result<()> {
    let said = match case.database.server.key {
        Key::Sqlite => "table tags has no column named gone",
        Key::Postgres => r#"column "gone" of relation "tags" does not exist"#,
        Key::MariaDb | Key::MySql => "Unknown column 'gone'",
    };
    let code = TAG.replace("pub total: i64", "pub total: i64, pub gone: i64");
    case.check(&code)?.says(&[said])
}

fn a_wrong_type_is_an_error(case: &Case) -> Result<()> {
    let code = TAG.replace("pub total: i64", "pub total: String");
    case.check(&code)?
        .says(&["total` holds `i64`, and its field takes `", "String`"])
}

/// Those that only a part of the tables of types catches: a time, a document, an integer of another size.
fn a_wrong_type_of_another_kind_is_an_error(case: &Case) -> Result<()> {
    let code = EVERYTHING
        .replace("pub made_at: NaiveDateTime", "pub made_at: Vec<u8>")
        .replace("NaiveDateTime, ", "")
        .replace("pub score: f64", "#[upsert(json)] pub score: f64")
        .replace("pub age: Option<i32>", "pub age: Option<i64>");
    let checked = case.check(&code)?;
    checked.says(&["made_at` holds `"])?;
    let key = case.database.server.key;
    // On SQLite a document may be declared as anything.
    let documents_differ = checked
        .errors
        .contains("score` holds `f64`, and its field takes `");
    ensure!(
        documents_differ == (key != Key::Sqlite),
        "{}",
        checked.errors
    );
    // The others read an integer of any size into any other.
    let sizes_differ = checked
        .errors
        .contains("age` holds `i32`, and its field takes `i64`");
    ensure!(sizes_differ == (key == Key::Postgres), "{}", checked.errors);
    Ok(())
}

fn a_null_for_a_plain_field_is_an_error(case: &Case) -> Result<()> {
    let code = TAG.replace("Option<String>", "String");
    case.check(&code)?
        .says(&["note` may be NULL, and its field cannot hold that"])
}

/// MySQL and MariaDB have no conflict target, so they miss none; the first call does.
fn a_missing_index_is_an_error(case: &Case) -> Result<()> {
    let code = TAG
        .replace(
            r#"conflict = "name""#,
            r#"conflict = "name", table = "loose""#,
        )
        .replace("pub note: Option<String>,", "");
    let checked = case.check(&code)?;
    match case.database.server.key {
        Key::Sqlite => checked
            .says(&["ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint"]),
        Key::Postgres => checked.says(&[
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        ]),
        Key::MariaDb | Key::MySql => checked.passes(),
    }
}

fn named_upserts_are_checked_too(case: &Case) -> Result<()> {
    let code = TAG.replace(
        "pub struct Tag",
        r#"#[upsert(name = "count", set(total = sql("nonsense(1)")))] pub struct Tag"#,
    );
    case.check(&code)?.says(&["nonsense"])
}

fn what_the_database_cannot_do_is_an_error(case: &Case) -> Result<()> {
    let (code, said) = match case.database.server.key {
        Key::Postgres => (
            TAG.replace("pub total: i64", "pub total: u64"),
            "`Postgres` cannot store a value of type `u64`",
        ),
        Key::Sqlite | Key::MariaDb | Key::MySql => (
            TAG.replace(
                r#"conflict = "name""#,
                r#"conflict = "name", constraint = "tags_pkey""#,
            ),
            "cannot name a constraint as the conflict target",
        ),
    };
    let checked = case.check(&code)?;
    checked.fails()?;
    ensure!(
        checked.errors.contains(said),
        "`{said}` is not said:\n{}",
        checked.errors
    );
    Ok(())
}

/// A case on one database.
struct Case<'a> {
    name: &'a str,
    database: &'a Database,
}

/// A crate that has been checked.
struct Checked {
    code: String,
    success: bool,
    errors: String,
}

impl Case<'_> {
    fn check(&self, code: &str) -> Result<Checked> {
        self.check_with(code, Some(&self.database.url), &[])
    }

    /// An empty URL is none, and hides one that may stand in a file above.
    fn check_with(
        &self,
        code: &str,
        url: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Result<Checked> {
        let url = [("DATABASE_URL", url.unwrap_or_default())];
        self.check_in_its_environment(code, &[&url, environment].concat())
    }

    fn check_in_its_environment(
        &self,
        code: &str,
        environment: &[(&str, &str)],
    ) -> Result<Checked> {
        let krate = self.folder();
        let code = code.replace("{verify}", self.database.verify());
        let library = Path::new(env!("CARGO_MANIFEST_DIR"));
        let name = format!("{}-{}", self.database.word, self.name.replace('_', "-"));
        // In the path of a string of TOML, a backslash would be an escape.
        let path = library.display().to_string().replace('\\', "/");
        let manifest = MANIFEST.replace("{name}", &name).replace("{path}", &path);
        fs::create_dir_all(krate.join("src"))?;
        fs::write(krate.join("Cargo.toml"), manifest)?;
        // Written anew each time, so that cargo takes none for checked.
        fs::write(krate.join("src/lib.rs"), &code)?;
        // The versions that are here already.
        let _ = fs::copy(library.join("Cargo.lock"), krate.join("Cargo.lock"));
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["check", "--offline", "--quiet", "--color=never"])
            .arg("--target-dir")
            .arg(folder().join("target"))
            .current_dir(krate);
        for variable in ["DATABASE_URL", "SQLX_OFFLINE", "SQLX_OFFLINE_DIR"] {
            cargo.env_remove(variable);
        }
        let Output { status, stderr, .. } = cargo.envs(environment.iter().copied()).output()?;
        Ok(Checked {
            code,
            success: status.success(),
            errors: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    fn folder(&self) -> PathBuf {
        folder().join(self.database.word).join(self.name)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("verify")
}

/// The same for all, so that there is one sqlx. Nobody debugs these.
const MANIFEST: &str = r#"[package]
name = "{name}"
edition = "2024"
publish = false

[dependencies]
upsert = { path = "{path}", features = ["postgres", "sqlite", "mysql", "json"] }
sqlx = { version = "0.9", default-features = false, features = [
    "runtime-tokio", "macros", "derive", "postgres", "sqlite", "mysql", "chrono", "uuid", "json",
] }
chrono = { version = "0.4", default-features = false }
uuid = "1"

[profile.dev]
debug = false

[workspace]
"#;

impl Checked {
    fn passes(&self) -> Result<()> {
        ensure!(self.success && self.errors.is_empty(), "{}", self.errors);
        Ok(())
    }

    fn fails(&self) -> Result<()> {
        ensure!(!self.success, "this must not compile:\n{}", self.code);
        Ok(())
    }

    /// Fails with these words, and with every message at the word's value.
    fn says(&self, words: &[&str]) -> Result<()> {
        self.fails()?;
        for said in words {
            ensure!(
                self.errors.contains(said),
                "`{said}` is not said:\n{}",
                self.errors
            );
        }
        let before = self.code.split("verify = ").next().unwrap_or_default();
        let line = before.lines().count();
        let column = before.lines().last().unwrap_or_default().len() + "verify = ".len() + 1;
        let place = format!("src/lib.rs:{line}:{column}");
        for shown in self
            .errors
            .lines()
            .filter(|line| line.contains("--> src/lib.rs"))
        {
            ensure!(shown.ends_with(&place), "not at {place}:\n{}", self.errors);
        }
        Ok(())
    }
}

/// A database of this test's own.
struct Database {
    server: Server,
    word: &'static str,
    name: String,
    url: String,
}

impl Database {
    async fn create(server: Server) -> Result<Self> {
        let name = format!("upsert_verify_{}", uuid::Uuid::new_v4().simple());
        let url = match server.key {
            Key::Sqlite => {
                fs::create_dir_all(folder())?;
                // A URL has forward slashes, wherever it is.
                let file = folder().join(format!("{name}.db"));
                format!("sqlite://{}", file.display().to_string().replace('\\', "/"))
            }
            _ => {
                let (start, _) = server.url.rsplit_once('/').context("a URL has a path")?;
                format!("{start}/{name}")
            }
        };
        let database = Self {
            word: server.door.word(),
            server,
            name,
            url,
        };
        database
            .at_server(&format!("CREATE DATABASE {}", database.name))
            .await?;
        database.fill().await?;
        Ok(database)
    }

    /// How the attribute calls it.
    fn verify(&self) -> &'static str {
        match self.server.key {
            Key::Sqlite => "sqlite",
            Key::Postgres => "postgres",
            Key::MariaDb | Key::MySql => "mysql",
        }
    }

    async fn fill(&self) -> Result<()> {
        let url = &self.url;
        match self.server.key {
            Key::Postgres => {
                let indexes = "CREATE UNIQUE INDEX ON tags (lower(name)); CREATE UNIQUE INDEX ON tags (name, total);
                    CREATE UNIQUE INDEX ON tags (note) WHERE note IS NOT NULL AND total > 0;";
                let sql = format!("CREATE TYPE status AS ENUM ('on', 'off'); {TABLES} {indexes}");
                let mut connection = PgConnection::connect(url).await?;
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await?;
                connection.close().await?;
            }
            Key::Sqlite => {
                let indexes = "CREATE UNIQUE INDEX one ON tags (lower(name)); CREATE UNIQUE INDEX two ON tags (name, total);
                    CREATE UNIQUE INDEX three ON tags (note) WHERE note IS NOT NULL AND total > 0;";
                let types = [
                    ("bigserial", "INTEGER"),
                    ("status status", "status TEXT"),
                    ("jsonb", "JSON"),
                    ("uuid", "UUID"),
                    ("bytea", "BLOB"),
                    ("timestamptz", "TEXT"),
                    ("timestamp", "DATETIME"),
                    ("date", "DATE"),
                ];
                let sql = format!("{} {indexes}", with_types(&types));
                let options =
                    sqlx::sqlite::SqliteConnectOptions::from_str(url)?.create_if_missing(true);
                let mut connection = options.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await?;
                Connection::close(connection).await?;
            }
            Key::MariaDb | Key::MySql => {
                let types = [
                    ("bigserial", "bigint auto_increment"),
                    ("status status", "status enum('on', 'off')"),
                    ("jsonb", "json"),
                    ("uuid", "binary(16)"),
                    ("bytea", "blob"),
                    ("timestamptz", "datetime(6)"),
                    ("timestamp", "timestamp(6)"),
                    ("text", "varchar(100)"),
                    ("\"", "`"),
                ];
                let mut connection = MySqlConnection::connect(url).await?;
                sqlx::raw_sql(AssertSqlSafe(with_types(&types)))
                    .execute(&mut connection)
                    .await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    async fn at_server(&self, sql: &str) -> Result<()> {
        let sql = AssertSqlSafe(sql);
        match self.server.key {
            Key::Sqlite => {}
            Key::Postgres => {
                let mut connection = PgConnection::connect(&self.server.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
            Key::MariaDb | Key::MySql => {
                let mut connection = MySqlConnection::connect(&self.server.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    async fn remove(&self) -> Result<()> {
        if self.server.key == Key::Sqlite {
            return Ok(fs::remove_file(self.url.trim_start_matches("sqlite://"))?);
        }
        self.at_server(&format!("DROP DATABASE {}", self.name))
            .await
    }
}

/// The tables with a database's own types.
fn with_types(types: &[(&str, &str)]) -> String {
    let mut sql = TABLES.to_owned();
    for (general, own) in types {
        sql = sql.replace(general, own);
    }
    sql
}
