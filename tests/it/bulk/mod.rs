//! Many rows: what the calls give, and how they go about it. That a batch is its rows one by one is a law of its own.

mod calls;
mod concurrency;
mod culprit;
mod ended;
mod interrupted;
mod keys;
mod mysql;
mod names;
mod numbers;
mod options;
mod postgres;
mod postgres_keys;
mod savepoints;
mod sizes;
mod sqlite;
mod streams;
mod targets;

use crate::harness::Registry;

pub(crate) fn register(registry: &mut Registry) {
    calls::register(registry);
    concurrency::register(registry);
    culprit::register(registry);
    ended::register(registry);
    interrupted::register(registry);
    keys::register(registry);
    mysql::register(registry);
    names::register(registry);
    numbers::register(registry);
    options::register(registry);
    postgres::register(registry);
    postgres_keys::register(registry);
    savepoints::register(registry);
    sizes::register(registry);
    sqlite::register(registry);
    streams::register(registry);
    targets::register(registry);
}
