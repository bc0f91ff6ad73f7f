//! Values in column order.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

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
        let add = match borrowed_option(ty) {
            Some(_) => quote!(add_option),
            None => quote!(add),
        };
        return quote!(<__DB as __upsert::Dialect>::#add(__arguments, &self.#ident)?;);
    }
    let value = if types::option_inner(ty).is_some() {
        quote!(::core::option::Option::as_ref(&self.#ident))
    } else {
        quote!(::core::option::Option::Some(&self.#ident))
    };
    quote!(<__DB as __upsert::Dialect>::add_json(__arguments, #value)?;)
}

/// What an `Option` holds, where that borrows. sqlx encodes `Option<T>` only for as long as `T` lives, so `Option<&'a str>` is
/// never what a where-clause would have to ask for, encodable for *every* lifetime; `&'a str` is.
pub(super) fn borrowed_option(ty: &Type) -> Option<&Type> {
    types::option_inner(ty).filter(|inner| types::borrow_in(inner).is_some())
}
