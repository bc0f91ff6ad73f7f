//! Values in column order.

use proc_macro2::TokenStream;
use quote::quote;

use super::bounds;
use crate::model::{Column, Insert, Model};
use crate::types;

/// One statement a column: `<__DB as Dialect>::add(__arguments, &self.email)?;`
pub(super) fn add_columns<'a>(
    model: &Model,
    columns: impl Iterator<Item = &'a Column<'a>>,
) -> TokenStream {
    columns.map(|column| add_column(model, column)).collect()
}

/// Reads the fields that are there for their column alone, which would be dead code to the compiler.
pub(super) fn touch_unread(model: &Model) -> TokenStream {
    let unread = model
        .columns
        .iter()
        .filter(|column| column.insert != Insert::Field)
        .map(|column| column.ident);
    quote!(#(let _ = &self.#unread;)*)
}

fn add_column(model: &Model, column: &Column) -> TokenStream {
    let Column {
        ident, ty, json, ..
    } = column;
    let optional = types::option_inner(ty).is_some();
    if !json && optional && bounds::higher_ranked(model, ty).is_some() {
        let value = quote!(::core::option::Option::as_ref(&self.#ident));
        return quote!(<__DB as __upsert::Dialect>::add_optional(__arguments, #value)?;);
    }
    if !json {
        return quote!(<__DB as __upsert::Dialect>::add(__arguments, &self.#ident)?;);
    }
    let value = if optional {
        quote!(::core::option::Option::as_ref(&self.#ident))
    } else {
        quote!(::core::option::Option::Some(&self.#ident))
    };
    quote!(<__DB as __upsert::Dialect>::add_json(__arguments, #value)?;)
}
