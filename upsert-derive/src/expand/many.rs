//! What a batch needs beyond the statements of one row.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::{bounds, named};
use crate::model::{Bind, Bulk, Field, Insert, Model};
use crate::sql::Source;
use crate::target::TargetPart;
use crate::types;

/// A struct with parameters of its own has no place in a batch: a statement takes each of them once.
pub(super) fn impl_in_bulk(model: &Model) -> TokenStream {
    if model.has_params() {
        return TokenStream::new();
    }
    let ident = &model.derive.ident;
    let generics = bounds::spec_generics(model);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let marker = named::marker_path(model.name);
    quote! {
        #[automatically_derived]
        impl #impl_generics __upsert::InBulk<#marker> for #ident #ty_generics #where_clause {}
    }
}

/// Asks for the arrays that `bulk = "unnest"` promises, at the types.
pub(super) fn array_checks(model: &Model) -> TokenStream {
    if model.bulk != Some(Bulk::Unnest) {
        return TokenStream::new();
    }
    let fields = model
        .binds
        .iter()
        .map(|bind| &model.fields[field_of(*bind)]);
    let asked = fields.filter(|field| !field.json && !bounds::depends_on_generics(model, field.ty));
    asked
        .map(|field| {
            let ty = field.ty;
            quote_spanned! {ty.span()=>
                const _: () = <#ty as __upsert::HasArray>::CHECKED;
            }
        })
        .collect()
}

/// The constant `Many`.
pub(super) fn constant(model: &Model) -> TokenStream {
    let row_by_row = model.goes_row_by_row();
    let in_values = model.bulk == Some(Bulk::Values);
    let key = key_equality(model);
    let nulls_equal = model.target.nulls_not_distinct;
    let returned = model.returned_with_key();
    let occurrences = model.target.occurrences();
    let places = occurrences
        .iter()
        .filter_map(|key| returned.iter().position(|column| column == key));
    let returning = returned.len();
    let mut arrays = Arrays::default();
    let (mut bound, mut keys) = (Vec::new(), Vec::new());
    if !row_by_row {
        let fields = model.binds.iter().map(|bind| field_of(*bind));
        bound = fields
            .map(|field| arrays.place(&model.fields[field]))
            .collect();
        let fields = occurrences
            .iter()
            .map(|&column| model.columns[column].field);
        keys = fields
            .map(|field| arrays.place(&model.fields[field]))
            .collect();
    }
    let (bound, keys) = (Literal::byte_string(&bound), Literal::byte_string(&keys));
    let types = arrays.types.into_iter().map(|(_, array)| array);
    quote! {
        __upsert::Many {
            row_by_row: #row_by_row,
            in_values: #in_values,
            key: __upsert::KeyEquality::#key,
            nulls_equal: #nulls_equal,
            key_places: &[#(#places),*],
            returning: #returning,
            arrays: {
                #[allow(unused_imports)]
                use __upsert::WithoutArray as _;
                &[#(#types),*]
            },
            bound_arrays: #bound,
            key_arrays: #keys,
        }
    }
}

/// The array types of the fields' types, each once: asking the compiler costs.
#[derive(Default)]
struct Arrays {
    types: Vec<(String, TokenStream)>,
}

impl Arrays {
    fn place(&mut self, field: &Field) -> u8 {
        let (name, array) = if field.json {
            (String::new(), quote!(__upsert::ArrayType::JSON))
        } else {
            let ty = field.ty;
            let array = quote!(<__upsert::ArrayOf<#ty>>::ARRAY);
            (ty.to_token_stream().to_string(), array)
        };
        let known = self.types.iter().position(|(known, _)| *known == name);
        let place = known.unwrap_or_else(|| {
            self.types.push((name, array));
            self.types.len() - 1
        });
        // PostgreSQL's tables end at 1600 columns, and a struct with more than 255 types of them is none that anybody has.
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}

fn field_of(bind: Bind) -> usize {
    match bind {
        Bind::Value(field) | Bind::IsSet(field) => field,
    }
}

/// What can be told of the key without the table.
fn key_equality(model: &Model) -> TokenStream {
    let parts = &model.target.parts;
    let columns = parts.iter().map(|part| match part {
        TargetPart::Column(column) => Some(&model.columns[*column]),
        TargetPart::Expression(_) => None,
    });
    let columns: Option<Vec<_>> = columns.collect();
    match columns {
        // What a query sees depends on the rows before, whatever their keys.
        _ if model.has_query() => quote!(Unknown),
        Some(columns)
            if columns
                .iter()
                .all(|column| column.insert == Insert::Field && !column.json) =>
        {
            let exact = columns.iter().all(|column| is_exact(column.ty));
            if exact {
                quote!(Bytes)
            } else {
                quote!(AskTable)
            }
        }
        _ => quote!(Unknown),
    }
}

/// Whether values of this type are equal only if their bytes are, whatever the column.
fn is_exact(ty: &Type) -> bool {
    let ty = types::option_inner(ty).unwrap_or(ty);
    types::integer_range(ty).is_some() || types::is_named(ty, &["i64", "u64", "bool", "Uuid"])
}

/// Where the rows stand in a dialect's statements.
pub(super) fn source(source: &Source) -> TokenStream {
    let Source {
        start,
        end,
        row,
        slots,
    } = source;
    quote!(__upsert::Source { start: #start, end: #end, row: #row, slots: &[#(#slots),*] })
}
