//! Tests as libtest-mimic wants them, each with a database of its own, counted for each server.

use anyhow::{Result, anyhow};
use libtest_mimic::{Failed, Trial};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::db::{Db, Room};
use super::server::{Door, Server};

/// No test takes this long; what does waits for something that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What also runs behind a pooler: the operations and what they promise. The rest is about the text of statements, which is
/// the same, or about sessions, which a pooler does not keep.
const BEHIND_A_POOLER: [&str; 14] = [
    "actions",
    "bulk::calls",
    "bulk::numbers",
    "bulk::streams",
    "concurrency",
    "do_nothing",
    "executors",
    "get_or_insert",
    "laws::action_never_lies",
    "laws::atomic",
    "laws::many_is_one_repeated",
    "laws::the_row_comes_back",
    "laws::what_is_not_named_does_not_change",
    "scenarios",
];

/// Collects the tests for all servers.
pub struct Registry {
    runtime: Handle,
    scores: Vec<Arc<Score>>,
    pub trials: Vec<Trial>,
}

/// A server and what came out on it.
struct Score {
    server: Arc<Server>,
    passed: AtomicUsize,
    failed: AtomicUsize,
}

impl Registry {
    pub fn new(runtime: Handle, servers: Vec<Server>) -> Self {
        let scores = servers.into_iter().map(|server| {
            Arc::new(Score {
                server: Arc::new(server),
                passed: AtomicUsize::new(0),
                failed: AtomicUsize::new(0),
            })
        });
        Self {
            runtime,
            scores: scores.collect(),
            trials: Vec::new(),
        }
    }

    /// Adds a test for each server that speaks `DB`, and is in the list if there is one. The future is spawned, so it has to
    /// be `Send`.
    pub fn add<DB, F>(&mut self, module: &str, name: &str, on: &[&str], body: fn(Db<DB>) -> F)
    where
        DB: Room,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        // The crate before it, and the dialect after it, are not part of the test's name.
        let module = module.split_once("::").map_or(module, |(_, module)| module);
        let module = module
            .rsplit_once("::")
            .map_or(module, |(module, _)| module);
        let serves = |score: &&Arc<Score>| {
            let Server { key, door, .. } = *score.server;
            let is_named = || door.words().any(|word| on.contains(&word));
            match door {
                Door::PgBouncer if on.is_empty() => {
                    DB::SERVERS.contains(&key) && BEHIND_A_POOLER.contains(&module)
                }
                Door::PgBouncer => DB::SERVERS.contains(&key) && is_named(),
                _ => DB::SERVERS.contains(&key) && (on.is_empty() || is_named()),
            }
        };
        for score in self.scores.iter().filter(serves).cloned() {
            let kind = score.server.door.word();
            let runtime = self.runtime.clone();
            let trial = Trial::test(format!("{module}::{name}"), move || {
                let outcome = runtime.block_on(run(score.server.clone(), body));
                let counter = if outcome.is_ok() {
                    &score.passed
                } else {
                    &score.failed
                };
                counter.fetch_add(1, Ordering::Relaxed);
                outcome.map_err(|error| Failed::from(tell(&error)))
            });
            self.trials.push(trial.with_kind(kind));
        }
    }

    /// A line for each server. `cargo xtask test` reads them.
    pub fn scores(&self) -> Scores {
        Scores(self.scores.clone())
    }
}

/// What is printed at the end.
pub struct Scores(Vec<Arc<Score>>);

impl Scores {
    pub fn print(&self) {
        for Score {
            server,
            passed,
            failed,
        } in self.0.iter().map(|score| &**score)
        {
            let (passed, failed) = (
                passed.load(Ordering::Relaxed),
                failed.load(Ordering::Relaxed),
            );
            println!(
                "database: {} {}: {passed} passed, {failed} failed",
                server.door.name(),
                server.version
            );
        }
    }
}

/// Runs a body on a database of its own, and takes that away again.
async fn run<DB, F>(server: Arc<Server>, body: fn(Db<DB>) -> F) -> Result<()>
where
    DB: Room,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let name = format!("upsert_it_{}", uuid::Uuid::new_v4().simple());
    let db = Db::<DB>::create(server.clone(), name.clone()).await?;
    let pool = db.pool.clone();
    let task = tokio::spawn(timeout(PATIENCE, body(db)));
    let abort = task.abort_handle();
    let outcome = match task.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(anyhow!("not done after {PATIENCE:?}")),
        Err(panic) => Err(anyhow!("{}", message(&*panic.into_panic()))),
    };
    abort.abort();
    let _ = timeout(Duration::from_secs(5), pool.close()).await;
    let removed = timeout(PATIENCE, DB::remove(&server, &name)).await;
    outcome.and(removed?)
}

/// The error, and the lines of ours that it passed through where a backtrace was asked for.
fn tell(error: &anyhow::Error) -> String {
    let backtrace = error.backtrace().to_string();
    let ours = backtrace
        .lines()
        .filter(|line| line.contains("tests/it/") && !line.contains("harness"));
    std::iter::once(format!("{error:#}"))
        .chain(ours.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
