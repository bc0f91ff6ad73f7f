//! Bytes become a struct, and the derive is to make of it either errors or statements that databases can prepare.
//!
//! `cargo fuzz run derive`, with `UPSERT_POSTGRES_URL` for PostgreSQL beside SQLite.

#![no_main]
// What only the macro's entry point or the tests use.
#![allow(dead_code)]

#[path = "../../upsert-derive/src/check.rs"]
mod check;
#[path = "../../upsert-derive/src/diagnostics.rs"]
mod diagnostics;
#[path = "../../upsert-derive/src/expand/mod.rs"]
mod expand;
#[path = "../../upsert-derive/src/expr/mod.rs"]
mod expr;
#[path = "../../upsert-derive/src/fallback.rs"]
mod fallback;
#[path = "../../upsert-derive/src/model/mod.rs"]
mod model;
#[path = "../../upsert-derive/src/names.rs"]
mod names;
#[path = "../../upsert-derive/src/parse/mod.rs"]
mod parse;
#[path = "../../upsert-derive/src/soup/mod.rs"]
mod soup;
#[path = "../../upsert-derive/src/sql/mod.rs"]
mod sql;
#[path = "../../upsert-derive/src/target.rs"]
mod target;
#[path = "../../upsert-derive/src/types.rs"]
mod types;

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use soup::{Choices, Databases, structure, try_out};

thread_local! {
    static DATABASES: RefCell<Databases> = RefCell::new(Databases::open().expect("databases"));
}

fuzz_target!(|bytes: &[u8]| {
    let source = structure(&mut Choices::new(bytes));
    let outcome = DATABASES.with_borrow_mut(|databases| try_out(&source, databases));
    if let Err(error) = outcome {
        panic!("{error}\n\n{source}");
    }
});
