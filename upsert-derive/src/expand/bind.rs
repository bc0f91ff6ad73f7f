//! Values in column order.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Column;
use crate::types;

/// One statement a column: `<__DB as Dialect>::add(__arguments, &self.email)?;`
pub(super) fn add_columns<'a>(columns: impl Iterator<Item = &'a Column<'a>>) -> TokenStream {
    columns.map(add_column).collect()
}

fn add_column(column: &Column) -> TokenStream {
    let Column {
        ident, ty, json, ..
    } = column;
    if !json {
        return quote!(<__DB as __upsert::Dialect>::add(__arguments, &self.#ident)?;);
    }
    let value = if types::option_inner(ty).is_some() {
        quote!(::core::option::Option::as_ref(&self.#ident))
    } else {
        quote!(::core::option::Option::Some(&self.#ident))
    };
    quote!(<__DB as __upsert::Dialect>::add_json(__arguments, #value)?;)
}
