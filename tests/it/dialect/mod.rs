//! What only one database does.

mod mysql;
mod pgbouncer;
mod postgres;
mod sqlite;

use crate::harness::Registry;

pub(crate) fn register(registry: &mut Registry) {
    mysql::register(registry);
    pgbouncer::register(registry);
    postgres::register(registry);
    sqlite::register(registry);
}
