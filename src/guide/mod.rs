//! The guide: what the derive understands, what the databases make of it, and what can go wrong.
//!
//! Its pages are documentation alone, and part of no program. Their examples are tests, which run on SQLite in memory.
//!
//! - [`attributes`]: every word, with an example;
//! - [`expressions`]: the language of `update = …`, `insert = …`, `set(…)` and `update_where(…)`;
//! - [`dialects`]: what differs between databases, and what does not;
//! - [`errors`]: what can go wrong, and what to do;
//! - [`many_rows`]: batches and streams, their order, their transactions and their errors.

#[doc = include_str!("attributes.md")]
pub mod attributes {}

#[doc = include_str!("dialects.md")]
pub mod dialects {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("expressions.md")]
pub mod expressions {}

#[doc = include_str!("many_rows.md")]
pub mod many_rows {}
