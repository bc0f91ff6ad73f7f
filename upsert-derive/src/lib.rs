//! The derive macro of the [`upsert`](https://docs.rs/upsert) crate. Use `upsert`; this crate is its compile-time half.
//!
//! The way through it: attributes → `parse` → `model` (checked) → `sql` (three dialects) → `expand` (tokens).

use proc_macro::TokenStream;

mod check;
mod diagnostics;
mod expand;
mod expr;
mod fallback;
mod model;
mod names;
mod parse;
#[cfg(test)]
mod soup;
mod sql;
mod target;
#[cfg(test)]
mod tests;
mod types;

/// Derives the upsert of a struct with named fields.
///
/// The [guide](https://docs.rs/upsert/latest/upsert/guide/attributes/index.html) of the `upsert` crate explains every attribute.
///
/// Nothing is asked of a database while compiling, unless the struct says
/// [`verify`](https://docs.rs/upsert/latest/upsert/guide/attributes/index.html#verify).
#[proc_macro_derive(Upsert, attributes(upsert, sqlx))]
pub fn derive_upsert(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::derive(&input).into()
}
