//! Rows by position: the list of columns is ours, so no name is looked up.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Index;

use super::bounds;
use crate::model::{Column, Model, Output};
use crate::types;

/// The type that comes back.
pub(super) fn output_type(model: &Model) -> TokenStream {
    let ty = |column: usize| model.columns[column].ty;
    match &model.output {
        Output::This(_) => {
            let ident = &model.derive.ident;
            quote_spanned!(ident.span()=> Self)
        }
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
        Output::This(columns) => {
            let (reads, values) = read_all(model, columns);
            let fields = model.fields.iter().map(|field| {
                let ident = field.ident;
                let value = match field.column {
                    Some(column) => values[column].clone(),
                    None => {
                        let ty = field.ty;
                        quote!(<#ty as ::core::default::Default>::default())
                    }
                };
                quote!(#ident: #value)
            });
            quote! {
                #reads
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }
        Output::Scalar(column) => read(&model.columns[*column], 0),
        Output::Tuple(columns) => {
            let (reads, values) = read_all(model, columns);
            quote! {
                #reads
                ::core::result::Result::Ok((#(#values,)*))
            }
        }
        Output::FromRow(ty, _) => {
            quote!(<#ty as __upsert::FromRow<'_, <__DB as __upsert::Database>::Row>>::from_row(__row))
        }
    }
}

/// The body of `returned_key`: each column of the key, as often as `bind_key` gives it.
pub(super) fn key(model: &Model) -> TokenStream {
    let returned = model.returned_with_key();
    let keys = model.target.occurrences().into_iter();
    let passes = keys.filter_map(|key| {
        let place = returned.iter().position(|&column| column == key)?;
        let column = &model.columns[key];
        let ty = column.ty;
        Some(if bounds::passes_bytes(column) {
            quote!(<__DB as __upsert::Dialect>::pass_bytes(__row, #place, __sink))
        } else {
            quote!(__upsert::pass::<__DB, #ty>(__row, #place, __sink))
        })
    });
    let mut passes: Vec<_> = passes.collect();
    let last = passes.pop();
    quote!(#(#passes?;)* #last)
}

/// `let __run0 = <(i64, String) as ReadAll<__DB>>::read_all(__row, 0)?;`, and the columns' values: `__run0.0`, `__run0.1`.
fn read_all(model: &Model, columns: &[usize]) -> (TokenStream, Vec<TokenStream>) {
    let is_plain = |column: &usize| !model.columns[*column].json;
    let runs = columns.chunk_by(|left, right| is_plain(left) && is_plain(right));
    let mut reads = TokenStream::new();
    let mut values = Vec::new();
    for run in runs.flat_map(|run| run.chunks(super::LONGEST_TUPLE)) {
        let first = values.len();
        if let [column] = run {
            let value = read(&model.columns[*column], first);
            values.push(quote!(#value?));
            continue;
        }
        let name = format_ident!("__run{first}");
        let types = run.iter().map(|&column| model.columns[column].ty);
        reads.extend(quote! {
            let #name = <(#(#types,)*) as __upsert::ReadAll<__DB>>::read_all(__row, #first)?;
        });
        values.extend((0..run.len()).map(|place| {
            let place = Index::from(place);
            quote!(#name.#place)
        }));
    }
    (reads, values)
}

/// One column's value, as a `Result`, from the place it has in the list.
fn read(column: &Column, place: usize) -> TokenStream {
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
