//! Rows by position: the list of columns is ours, so no name is looked up.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Column, Model, Output};
use crate::types;

/// The type that comes back.
pub(super) fn output_type(model: &Model) -> TokenStream {
    let ty = |column: usize| model.columns[column].ty;
    match &model.output {
        Output::This(_) => quote!(Self),
        Output::Scalar(column) => {
            let ty = ty(*column);
            quote!(#ty)
        }
        Output::Tuple(columns) => {
            let types = columns.iter().map(|&column| ty(column));
            quote!((#(#types,)*))
        }
        Output::FromRow(ty, _) => quote!(#ty),
    }
}

/// The body of `from_returning`.
pub(super) fn output_value(model: &Model) -> TokenStream {
    match &model.output {
        Output::This(_) => {
            let fields = model.fields.iter().map(|field| {
                let ident = field.ident;
                let value = match field.column {
                    Some(column) => read(&model.columns[column], column),
                    None => {
                        let ty = field.ty;
                        quote!(<#ty as ::core::default::Default>::default())
                    }
                };
                quote!(#ident: #value)
            });
            quote!(::core::result::Result::Ok(Self { #(#fields),* }))
        }
        Output::Scalar(column) => {
            // Alone it is the whole outcome; `Ok(…?)` would be a lint in the user's code.
            try_read(&model.columns[*column], 0)
        }
        Output::Tuple(columns) => {
            let values = columns.iter().enumerate();
            let values = values.map(|(place, &column)| read(&model.columns[column], place));
            quote!(::core::result::Result::Ok((#(#values,)*)))
        }
        Output::FromRow(ty, _) => {
            quote!(<#ty as __upsert::FromRow<'_, <__DB as __upsert::Database>::Row>>::from_row(__row))
        }
    }
}

/// One column's value from the place it has in the list.
fn read(column: &Column, place: usize) -> TokenStream {
    let outcome = try_read(column, place);
    quote!(#outcome?)
}

/// The same as a `Result`.
fn try_read(column: &Column, place: usize) -> TokenStream {
    let ty = column.ty;
    if !column.json {
        return quote!(<__DB as __upsert::Dialect>::get::<#ty>(__row, #place));
    }
    match types::option_inner(ty) {
        Some(inner) => quote!(<__DB as __upsert::Dialect>::get_json::<#inner>(__row, #place)),
        None => quote! {
            __upsert::not_null(<__DB as __upsert::Dialect>::get_json::<#ty>(__row, #place)?, #place)
        },
    }
}
