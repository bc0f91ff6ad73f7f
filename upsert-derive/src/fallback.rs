//! What goes out beside a compile error: impls that do nothing, so that one mistake stays one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{DeriveInput, Type, parse_quote};

use crate::diagnostics::Faults;
use crate::expand::bounds::{has_type_parameters, without_defaults};
use crate::expand::crate_path;
use crate::parse::{Input, Named, Returning};

/// The mistakes, and a struct that has an upsert all the same.
pub(crate) fn impl_upsert(
    derive: &DeriveInput,
    parsed: Option<&Input>,
    faults: Faults,
) -> TokenStream {
    let errors = faults.into_compile_errors();
    let krate = crate_path(parsed.and_then(|parsed| parsed.container.krate.clone()));
    let ident = &derive.ident;
    let output = parsed.map_or_else(|| quote!(Self), output_type);
    let (_, ty_generics, _) = derive.generics.split_for_impl();
    let mut spec = without_defaults(derive.generics.clone());
    let mut model = spec.clone();
    if has_type_parameters(&derive.generics) {
        let where_clause = spec.make_where_clause();
        where_clause
            .predicates
            .push(parse_quote!(#output: ::core::marker::Send));
        let where_clause = model.make_where_clause();
        where_clause
            .predicates
            .push(parse_quote!(#output: ::core::marker::Send));
        where_clause
            .predicates
            .push(parse_quote!(Self: ::core::marker::Sync));
    }
    model.params.push(parse_quote!(__DB: __upsert::Dialect));
    let (spec_generics, _, spec_where) = spec.split_for_impl();
    let (model_generics, _, model_where) = model.split_for_impl();
    quote! {
        #errors
        const _: () = {
            use #krate::__private as __upsert;
            #[automatically_derived]
            impl #spec_generics __upsert::UpsertSpec<__upsert::Main> for #ident #ty_generics #spec_where {
                type Output = #output;
                const MODEL: &'static __upsert::Model = &__upsert::INVALID;
            }
            #[automatically_derived]
            impl #model_generics __upsert::UpsertModel<__DB, __upsert::Main> for #ident #ty_generics #model_where {
                fn bind(
                    &self,
                    _: &mut <__DB as __upsert::Database>::Arguments,
                ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn bind_key(
                    &self,
                    _: &mut <__DB as __upsert::Database>::Arguments,
                ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn from_returning(
                    _: &<__DB as __upsert::Database>::Row,
                ) -> ::core::result::Result<Self::Output, __upsert::SqlxError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
            }
        };
    }
}

/// What would come back, as far as it can be told: code that uses it should not see a second mistake.
fn output_type(parsed: &Input) -> TokenStream {
    match &parsed.container.returning {
        None => quote!(Self),
        Some(Returning::Type(ty, _)) => ty.to_token_stream(),
        Some(Returning::Columns(columns)) => {
            let types: Option<Vec<_>> = columns
                .iter()
                .map(|column| type_of(parsed, column))
                .collect();
            match types.as_deref() {
                None | Some([]) => quote!(__upsert::Invalid),
                Some([ty]) => ty.to_token_stream(),
                Some(types) => quote!((#(#types),*)),
            }
        }
    }
}

fn type_of<'a>(parsed: &Input<'a>, column: &Named) -> Option<&'a Type> {
    let field = parsed.fields.iter().find(|field| {
        let renamed = field.rename.as_ref().map(syn::LitStr::value);
        renamed.unwrap_or_else(|| field.ident.unraw().to_string()) == column.name
    });
    field.map(|field| field.ty)
}
