//! Properties that are held against random values on a database.

use anyhow::{Result, anyhow};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::future::Future;

/// As many cases as `UPSERT_CASES` asks for, or else so many.
pub fn cases(otherwise: u32) -> Config {
    let cases = std::env::var("UPSERT_CASES").ok();
    Config {
        cases: cases
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(otherwise),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Compares for random values; the smallest one that fails is told.
pub fn compare_random<S, F>(
    config: Config,
    values: &S,
    compare: impl Fn(S::Value) -> F,
) -> Result<()>
where
    S: Strategy,
    F: Future<Output = Result<()>>,
{
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(values, |value| {
            let outcome = runtime.block_on(compare(value));
            outcome.map_err(|error| TestCaseError::fail(format!("{error:#}")))
        })
    });
    outcome.map_err(|error| anyhow!("{error}"))
}
