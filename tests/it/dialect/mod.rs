//! What only one database does.

mod mysql;
mod postgres;
mod sqlite;

use crate::harness::Registry;

pub(crate) fn register(registry: &mut Registry) {
    mysql::register(registry);
    postgres::register(registry);
    sqlite::register(registry);
}
