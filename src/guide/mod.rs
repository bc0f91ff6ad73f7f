//! The guide: what the derive understands, what the databases make of it, and what can go wrong.
//!
//! Its pages are documentation alone, and part of no program. Their examples are tests, which run on SQLite in memory.
//!
//! - [`tour`]: from an empty project to an upsert, in ten minutes;
//! - [`patterns`]: what upserts are for: counters, inventories, feeds, soft deletes;
//! - [`attributes`]: every word, with an example and its SQL;
//! - [`expressions`]: the language of `update = …`, `insert = …`, `set(…)` and `update_where(…)`;
//! - [`dialects`]: what differs between databases, and what does not;
//! - [`engines`]: databases beyond one machine, and poolers;
//! - [`many_rows`]: batches and streams, their order, their transactions and their errors;
//! - [`errors`]: what can go wrong, and what to do;
//! - [`schema_checks`]: whether the database has what the structs need, before the first row is written;
//! - [`performance`]: what costs what;
//! - [`coming_from_sqlalchemy`], [`coming_from_diesel`], [`coming_from_seaorm`], [`coming_from_sqlx`]: what carries over.

#[doc = include_str!("attributes.md")]
pub mod attributes {}

#[doc = include_str!("coming_from_diesel.md")]
pub mod coming_from_diesel {}

#[doc = include_str!("coming_from_seaorm.md")]
pub mod coming_from_seaorm {}

#[doc = include_str!("coming_from_sqlalchemy.md")]
pub mod coming_from_sqlalchemy {}

#[doc = include_str!("coming_from_sqlx.md")]
pub mod coming_from_sqlx {}

#[doc = include_str!("dialects.md")]
pub mod dialects {}

#[doc = include_str!("engines.md")]
pub mod engines {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("expressions.md")]
pub mod expressions {}

#[doc = include_str!("patterns.md")]
pub mod patterns {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("tour.md")]
pub mod tour {}

#[doc = include_str!("schema_checks.md")]
pub mod schema_checks {}

#[doc = include_str!("many_rows.md")]
pub mod many_rows {}
