//! What upserts do, on real databases: one body per behaviour, run on every database that has a URL.
//!
//! `UPSERT_POSTGRES_URL`, `UPSERT_MARIADB_URL` and `UPSERT_MYSQL_URL` say where the servers are; SQLite needs none.
//! `UPSERT_PGBOUNCER_URL` is a PgBouncer in front of PostgreSQL, in transaction mode, behind which a part of the tests runs too.
//! `UPSERT_ONLY=postgres,sqlite` limits the databases. `UPSERT_REQUIRE=sqlite,postgres,mariadb` makes it a failure when one
//! is missing; `CI` does so for these three.

// Fields are there for the derive; not every test looks at each of them.
#![allow(dead_code)]
// Several upserts of one struct may say the same of a column, each in an attribute of its own.
#![allow(clippy::duplicated_attributes)]

mod harness;

mod actions;
mod bulk;
mod concurrency;
mod conflict_target;
mod dialect;
mod do_nothing;
mod dropped;
mod errors;
mod executors;
mod expressions;
mod get_or_insert;
mod guards;
mod laws;
mod model_in_rust;
mod named;
mod names;
mod params;
mod patch;
mod returning;
mod rules;
mod scenarios;
mod schema_check;
mod soft_delete;
mod targets;
mod types;

use harness::Registry;
use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    // Tests wait for servers more than they compute.
    arguments.test_threads.get_or_insert(8);
    let runtime = tokio::runtime::Runtime::new()?;
    let servers = runtime.block_on(harness::find())?;
    anyhow::ensure!(!servers.is_empty(), "no database is left to test on");
    let mut registry = Registry::new(runtime.handle().clone(), servers);
    actions::register(&mut registry);
    bulk::register(&mut registry);
    concurrency::register(&mut registry);
    conflict_target::register(&mut registry);
    dialect::register(&mut registry);
    do_nothing::register(&mut registry);
    dropped::register(&mut registry);
    errors::register(&mut registry);
    executors::register(&mut registry);
    expressions::register(&mut registry);
    get_or_insert::register(&mut registry);
    guards::register(&mut registry);
    laws::register(&mut registry);
    model_in_rust::register(&mut registry);
    named::register(&mut registry);
    names::register(&mut registry);
    params::register(&mut registry);
    patch::register(&mut registry);
    returning::register(&mut registry);
    rules::register(&mut registry);
    scenarios::register(&mut registry);
    schema_check::register(&mut registry);
    soft_delete::register(&mut registry);
    targets::register(&mut registry);
    types::register(&mut registry);
    let scores = registry.scores();
    let conclusion = libtest_mimic::run(&arguments, registry.trials);
    if !arguments.list {
        scores.print();
    }
    Ok(conclusion.exit_code())
}
