//! The service as a process of its own, on a database of its own.

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::any::Any;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, process};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use ureq::http::Response;
use ureq::{Agent, Body, Error, SendBody};

/// Nothing takes this long; what does waits for something that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database for one test, which is gone after it.
pub struct Database {
    pub url: String,
    runtime: Runtime,
    kind: Kind,
}

enum Kind {
    Sqlite { _folder: TempDir },
    Postgres { server: String, name: String },
}

impl Database {
    /// `None` if SQLite is not to be tested.
    pub fn sqlite() -> Option<Self> {
        if !is_wanted("sqlite") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self {
            url: format!("sqlite://{}", folder.path().join("service.db").display()),
            runtime: runtime(),
            kind: Kind::Sqlite { _folder: folder },
        })
    }

    /// `None` if there is no PostgreSQL, and none is required.
    pub fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static TOLD: Once = Once::new();

        let url = env::var("UPSERT_POSTGRES_URL").ok();
        let Some(url) = url.filter(|_| is_wanted("postgres")) else {
            let left_out = "PostgreSQL (set UPSERT_POSTGRES_URL, or run cargo xtask test)";
            assert!(!is_required("postgres"), "required: {left_out}");
            // What is written past the macros is shown even if the test passes.
            TOLD.call_once(|| _ = writeln!(io::stderr(), "left out: {left_out}"));
            return None;
        };
        let options = PgConnectOptions::from_str(&url).expect("a URL");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("upsert_service_{}_{number}", process::id());
        let database = Self {
            url: options.database(&name).to_url_lossy().into(),
            runtime: runtime(),
            kind: Kind::Postgres { server: url, name },
        };
        database.on_server("DROP DATABASE IF EXISTS");
        database.on_server("CREATE DATABASE");
        Some(database)
    }

    /// Runs a statement, and keeps the connection as it then is while the result is kept.
    #[must_use]
    pub fn run(&self, sql: &'static str) -> Box<dyn Any> {
        self.runtime.block_on(async {
            match &self.kind {
                Kind::Sqlite { .. } => {
                    let mut conn = SqliteConnection::connect(&self.url).await.expect("SQLite");
                    sqlx::raw_sql(sql).execute(&mut conn).await.expect(sql);
                    Box::new(conn) as Box<dyn Any>
                }
                Kind::Postgres { .. } => {
                    let mut conn = PgConnection::connect(&self.url).await.expect("PostgreSQL");
                    sqlx::raw_sql(sql).execute(&mut conn).await.expect(sql);
                    Box::new(conn)
                }
            }
        })
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
    }

    /// `CREATE DATABASE` and the like, for this test's.
    fn on_server(&self, statement: &str) {
        let Kind::Postgres { server, name } = &self.kind else {
            return;
        };
        // The name is made above, of letters and digits.
        let sql = AssertSqlSafe(format!("{statement} {name}"));
        self.runtime.block_on(async {
            let mut conn = PgConnection::connect(server).await.expect("PostgreSQL");
            sqlx::raw_sql(sql)
                .execute(&mut conn)
                .await
                .expect(statement);
            conn.close().await.expect("PostgreSQL");
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // In a test that has failed already, another panic would hide why.
        if !thread::panicking() {
            self.on_server("DROP DATABASE");
        }
    }
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn lists(words: &str, word: &str) -> bool {
    words.split(',').any(|other| other.trim() == word)
}

/// As the tests of the library have it.
fn is_wanted(word: &str) -> bool {
    env::var("UPSERT_ONLY").map_or(true, |only| lists(&only, word))
}

fn is_required(word: &str) -> bool {
    match env::var("UPSERT_REQUIRE") {
        Ok(required) => lists(&required, word),
        Err(_) => env::var_os("CI").is_some(),
    }
}

/// A service that runs.
pub struct Service {
    child: Child,
    pub address: String,
    log: Log,
    agent: Agent,
}

/// What a process has written so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn follow(&self, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                *log.0.lock().expect("the log") += &format!("{line}\n");
            }
        })
    }

    fn text(&self) -> String {
        self.0.lock().expect("the log").clone()
    }
}

fn spawn(database: &Database) -> Child {
    Command::new(env!("CARGO_BIN_EXE_upsert-example-service"))
        .env("DATABASE_URL", &database.url)
        // The system chooses the port.
        .env("ADDRESS", "127.0.0.1:0")
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the service")
}

/// Starts a service that is to fail, and gives its last words.
pub fn fail_to_start(database: &Database) -> String {
    let output = spawn(database).wait_with_output().expect("the service");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("text")
}

impl Service {
    pub fn start(database: &Database) -> Self {
        let mut child = spawn(database);
        let log = Log::default();
        log.follow(child.stdout.take().expect("its output"));
        log.follow(child.stderr.take().expect("its errors"));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        let mut service = Self {
            child,
            address: String::new(),
            log,
            agent: agent.new_agent(),
        };
        let line = service.wait_for_line("listening on ");
        let (_, address) = line.split_once("listening on ").expect("an address");
        service.address = address.to_owned();
        service
    }

    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The first whole line of the log that has this in it.
    pub fn wait_for_line(&self, what: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(what)) {
                return line.to_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "no `{what}` in:\n{log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.put(self.url(path));
        request.send_json(body).into()
    }

    /// Without a body if that is null: the server closes a connection whose last request it did not read to its end.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.url(path));
        match body {
            Value::Null => request.send_empty().into(),
            body => request.send_json(body).into(),
        }
    }

    /// A body that is sent as it is.
    pub fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = self.agent.post(self.url(path));
        request.content_type(content_type).send(body).into()
    }

    /// A body that is sent as it is written to the other end of the pipe.
    pub fn post_slowly(&self, path: &str, body: io::PipeReader) -> JoinHandle<Answer> {
        let request = self.agent.post(self.url(path)).content_type("text/csv");
        thread::spawn(move || request.send(SendBody::from_owned_reader(body)).into())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = self.child.id().try_into().expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).expect("a signal");
    }

    /// Waits for the service to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the service")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the service's log:\n{}", self.log());
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    /// Null if there is no body.
    pub body: Value,
}

impl From<Result<Response<Body>, Error>> for Answer {
    fn from(response: Result<Response<Body>, Error>) -> Self {
        let mut response = response.expect("an answer");
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.map(|value| value.to_str().expect("text").to_owned());
        let body = response.body_mut().read_to_string().expect("a body");
        Self {
            status: response.status().as_u16(),
            retry_after,
            body: match body.as_str() {
                "" => Value::Null,
                body => serde_json::from_str(body).expect("JSON"),
            },
        }
    }
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The same for an error of this kind, whose message has these words.
    #[track_caller]
    pub fn expect_error(self, status: u16, kind: &str, words: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["kind"], kind, "{body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "no `{words}` in {body}");
        body
    }
}
