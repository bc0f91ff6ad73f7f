//! The machine under the tests: databases found by their URLs, one for each test, and one body for all of them.

mod db;
mod ddl;
mod drop;
mod macros;
mod property;
mod registry;
mod server;

pub use db::{Db, Room};
pub use drop::drop_after;
pub(crate) use macros::{dialect_module, dialect_tests, only};
pub use property::{cases, compare_random};
pub use registry::Registry;
pub use server::{Key, find};
