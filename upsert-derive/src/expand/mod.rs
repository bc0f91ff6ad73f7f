//! The impls: the pipeline, the `const` block and what stands in it.

mod bind;
pub(crate) mod bounds;
mod returning;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Path, parse_quote};

use crate::diagnostics::Faults;
use crate::model::Model;
use crate::sql::{self, Statement};
use crate::{fallback, parse};

/// The derive, from input to tokens.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut faults = Faults::default();
    let parsed = parse::read(input, &mut faults);
    let model = parsed
        .as_ref()
        .and_then(|parsed| Model::resolve(parsed, &mut faults));
    match model {
        Some(model) if faults.is_empty() => impl_upsert(&model),
        _ => fallback::impl_upsert(input, parsed.as_ref(), faults),
    }
}

/// Where generated code finds the library.
pub(crate) fn crate_path(krate: Option<Path>) -> Path {
    krate.unwrap_or_else(|| parse_quote!(::upsert))
}

fn impl_upsert(model: &Model) -> TokenStream {
    let krate = crate_path(model.krate.clone());
    let spec = impl_spec(model);
    let impl_model = impl_model(model);
    let accumulates = accumulate_checks(model);
    quote! {
        const _: () = {
            use #krate::__private as __upsert;
            #accumulates
            #spec
            #impl_model
        };
    }
}

/// The part that knows no database: what comes back, and the texts.
fn impl_spec(model: &Model) -> TokenStream {
    let ident = &model.derive.ident;
    let generics = bounds::spec_generics(model);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let output = returning::output_type(model);
    let constant = model_constant(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics __upsert::UpsertSpec<__upsert::Main> for #ident #ty_generics #where_clause {
            type Output = #output;
            const MODEL: &'static __upsert::Model = {
                fn index_found() -> &'static __upsert::AtomicBool {
                    static FOUND: __upsert::AtomicBool = __upsert::AtomicBool::new(false);
                    &FOUND
                }
                &#constant
            };
        }
    }
}

/// The part that is generic over the database: values in, rows out.
fn impl_model(model: &Model) -> TokenStream {
    let ident = &model.derive.ident;
    let (_, ty_generics, _) = model.derive.generics.split_for_impl();
    let generics = bounds::model_generics(model);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    // Under the span of a derive, the compiler would advise to implement the trait by hand.
    let model_trait = quote_spanned!(ident.span()=> __upsert::UpsertModel<__DB, __upsert::Main>);
    let bind_row = bind::add_columns(model, model.bound());
    let unread = bind::touch_unread(model);
    let bind_key = bind::add_columns(model, model.target_columns());
    let output = returning::output_value(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #model_trait for #ident #ty_generics #where_clause {
            fn bind(
                &self,
                __arguments: &mut <__DB as __upsert::Database>::Arguments,
            ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                #unread
                #bind_row
                ::core::result::Result::Ok(())
            }

            fn bind_key(
                &self,
                __arguments: &mut <__DB as __upsert::Database>::Arguments,
            ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                #bind_key
                ::core::result::Result::Ok(())
            }

            fn from_returning(
                __row: &<__DB as __upsert::Database>::Row,
            ) -> ::core::result::Result<Self::Output, __upsert::SqlxError> {
                #output
            }
        }
    }
}

fn model_constant(model: &Model) -> TokenStream {
    let table = match &model.table.schema {
        Some(schema) => format!("{schema}.{}", model.table.name),
        None => model.table.name.clone(),
    };
    let key: Vec<_> = model.target_columns().map(|column| &column.name).collect();
    let target = key
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let bound = model.bound().map(|column| &column.name);
    let returning = model.returned().map(|column| &column.name);
    let texts = sql::write(model);
    let postgres = texts_constant("PostgresTexts", &texts.postgres);
    let sqlite = texts_constant("SqliteTexts", &texts.sqlite);
    let mysql = texts_constant("MySqlTexts", &texts.mysql);
    quote! {
        __upsert::Model {
            table: #table,
            target: #target,
            key: &[#(#key),*],
            bound: &[#(#bound),*],
            returning: &[#(#returning),*],
            index_found,
            texts: __upsert::Texts { postgres: #postgres, sqlite: #sqlite, mysql: #mysql },
        }
    }
}

fn texts_constant(room: &str, statements: &[Statement]) -> TokenStream {
    let room = format_ident!("{room}");
    let names = statements.iter().map(|(name, _)| format_ident!("{name}"));
    let texts = statements.iter().map(|(_, text)| text);
    quote!(__upsert::#room { #(#names: #texts),* })
}

/// Asks that every accumulated type can be added up, at the type, once and for all databases. Where the type depends on the
/// struct's generics, the impl's where-clause asks instead.
fn accumulate_checks(model: &Model) -> TokenStream {
    let own = model
        .columns
        .iter()
        .filter(|column| column.accumulates && !bounds::depends_on_generics(model, column.ty));
    own.map(|column| {
        let ty = column.ty;
        quote_spanned! {ty.span()=>
            const _: () = <#ty as __upsert::Accumulate>::CHECKED;
        }
    })
    .collect()
}
