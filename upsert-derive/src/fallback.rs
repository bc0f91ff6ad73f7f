//! What goes out beside a compile error: impls that do nothing, so that one mistake stays one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{DeriveInput, Generics, LitStr, Type, parse_quote};

use crate::check::names_clash;
use crate::diagnostics::Faults;
use crate::expand::bounds::{has_type_parameters, without_defaults};
use crate::expand::named::{self, Form};
use crate::expand::{crate_path, schema};
use crate::parse::{Input, Named, Options, Returning};

/// The mistakes, and a struct that has its upserts all the same.
pub(crate) fn impl_upsert(
    derive: &DeriveInput,
    parsed: Option<&Input>,
    faults: Faults,
) -> TokenStream {
    let errors = faults.into_compile_errors();
    let upserts: Vec<Option<&Options>> = match parsed {
        None => vec![None],
        Some(parsed) => {
            let container = &parsed.container;
            let main = std::iter::once(Some(&container.main));
            main.chain(distinct(&container.named).map(Some)).collect()
        }
    };
    let stubs = upserts
        .into_iter()
        .map(|options| stub(derive, parsed, options));
    quote!(#errors #(#stubs)*)
}

/// The named upserts whose name could be read, and whose methods are nobody else's.
fn distinct(named: &[Options]) -> impl Iterator<Item = &Options> {
    let mut seen: Vec<String> = Vec::new();
    named.iter().filter(move |options| {
        let Some(name) = options.name.as_ref().map(LitStr::value) else {
            return false;
        };
        let is_new = !seen.iter().any(|seen| names_clash(seen, &name));
        seen.push(name);
        is_new
    })
}

fn stub(derive: &DeriveInput, parsed: Option<&Input>, options: Option<&Options>) -> TokenStream {
    let krate = crate_path(parsed.and_then(|parsed| parsed.container.krate.clone()));
    let ident = &derive.ident;
    let name = options.and_then(|options| options.name.as_ref());
    let output = match (parsed, options) {
        (Some(parsed), Some(options)) => output_type(parsed, options),
        _ => quote!(Self),
    };
    let marker = named::marker_path(name);
    let declaration = name.map(named::declaration);
    let (_, ty_generics, _) = derive.generics.split_for_impl();
    let spec = generics(derive, &output);
    let mut model = spec.clone();
    model.params.push(parse_quote!(__DB: __upsert::Dialect));
    let methods =
        name.and_then(|name| named::impl_methods(derive, &spec, &output, name, Form::Stub));
    // Once for the struct; the default upsert always has a stub.
    let schema = match name {
        None => schema::impl_specs(derive, std::iter::empty()),
        Some(_) => TokenStream::new(),
    };
    let (spec_generics, _, spec_where) = spec.split_for_impl();
    let (model_generics, _, model_where) = model.split_for_impl();
    quote! {
        const _: () = {
            use #krate::__private as __upsert;
            #declaration
            #[automatically_derived]
            impl #spec_generics __upsert::UpsertSpec<#marker> for #ident #ty_generics #spec_where {
                type Output = #output;
                const MODEL: &'static __upsert::Model = &__upsert::INVALID;
            }
            #[automatically_derived]
            impl #model_generics __upsert::UpsertModel<__DB, #marker> for #ident #ty_generics #model_where {
                fn bind(
                    &self,
                    _: &mut __upsert::Sink<'_, __DB>,
                ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn bind_key(
                    &self,
                    _: &mut __upsert::Sink<'_, __DB>,
                ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn from_returning(
                    _: &<__DB as __upsert::Database>::Row,
                ) -> ::core::result::Result<Self::Output, __upsert::SqlxError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn returned_key(
                    _: &<__DB as __upsert::Database>::Row,
                    _: &mut __upsert::Sink<'_, __DB>,
                ) -> ::core::result::Result<(), __upsert::SqlxError> {
                    ::core::unreachable!("a model with compile errors does not run")
                }
                fn types(_: &mut __upsert::FieldTypes<__DB>) {}
            }
            #[automatically_derived]
            impl #spec_generics __upsert::InBulk<#marker> for #ident #ty_generics #spec_where {}
            #schema
            #methods
        };
    }
}

/// The struct's generics, with what the traits ask of a type with parameters.
fn generics(derive: &DeriveInput, output: &TokenStream) -> Generics {
    let mut generics = without_defaults(derive.generics.clone());
    if has_type_parameters(&derive.generics) {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.push(parse_quote!(#output: ::core::marker::Send));
        predicates.push(parse_quote!(Self: ::core::marker::Sync));
    }
    generics
}

/// What would come back, as far as it can be told: code that uses it should not see a second mistake.
fn output_type(parsed: &Input, options: &Options) -> TokenStream {
    match &options.returning {
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
        let renamed = field.rename.as_ref().map(LitStr::value);
        renamed.unwrap_or_else(|| field.ident.unraw().to_string()) == column.name
    });
    field.map(|field| field.ty)
}
