//! The impls: the pipeline, the `const` block and what stands in it.

mod bind;
pub(crate) mod bounds;
mod many;
pub(crate) mod named;
mod returning;
pub(crate) mod schema;
mod verify;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{DeriveInput, Path, parse_quote};

use crate::diagnostics::Faults;
use crate::expr::Expr;
use crate::model::{self, Bind, Model};
use crate::sql::{self, Slot, Statement, Texts};
use crate::target::{TargetPart, TargetPiece};
use crate::{fallback, parse};

/// As many columns as the library binds and reads by one call.
const LONGEST_TUPLE: usize = 16;

/// The derive, from input to tokens.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut faults = Faults::default();
    let Some(parsed) = parse::read(input, &mut faults) else {
        return fallback::impl_upsert(input, None, faults);
    };
    let models = model::resolve(&parsed, &mut faults);
    if !faults.is_empty() {
        return fallback::impl_upsert(input, Some(&parsed), faults);
    }
    let krate = crate_path(parsed.container.krate.clone());
    let upserts = models.iter().map(impl_upsert);
    let patches = models.first().map(bind::patch_checks);
    let schema = schema::impl_schema(&models);
    quote! {
        const _: () = {
            use #krate::__private as __upsert;
            #patches
            #(#upserts)*
            #schema
        };
    }
}

/// Where generated code finds the library.
pub(crate) fn crate_path(krate: Option<Path>) -> Path {
    krate.unwrap_or_else(|| parse_quote!(::upsert))
}

/// Everything for one upsert, to stand in a `const` block that keeps its names to itself.
fn impl_upsert(model: &Model) -> TokenStream {
    let accumulates = accumulate_checks(model);
    let marker = named::marker(model);
    let methods = named::methods(model);
    let texts = sql::write(model);
    let spec = impl_spec(model, &texts);
    let impl_model = impl_model(model, &texts);
    let in_bulk = many::impl_in_bulk(model);
    let arrays = many::array_checks(model);
    let verify = verify::checks(model, &texts);
    quote! {
        #accumulates
        #arrays
        #marker
        #spec
        #impl_model
        #in_bulk
        #methods
        #verify
    }
}

/// The part that knows no database: what comes back, and the texts.
fn impl_spec(model: &Model, texts: &Texts) -> TokenStream {
    let ident = &model.derive.ident;
    let generics = bounds::spec_generics(model);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let output = returning::output_type(model);
    let marker = named::marker_path(model.name);
    let constant = model_constant(model, texts);
    quote! {
        #[automatically_derived]
        impl #impl_generics __upsert::UpsertSpec<#marker> for #ident #ty_generics #where_clause {
            type Output = #output;
            const MODEL: &'static __upsert::Model = &#constant;
        }
    }
}

/// The part that is generic over the database: values in, rows out.
fn impl_model(model: &Model, texts: &Texts) -> TokenStream {
    let ident = &model.derive.ident;
    let (_, ty_generics, _) = model.derive.generics.split_for_impl();
    let generics = bounds::model_generics(model);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let marker = named::marker_path(model.name);
    // Under the span of a derive, the compiler would advise to implement the trait by hand.
    let model_trait = quote_spanned!(ident.span()=> __upsert::UpsertModel<__DB, #marker>);
    let bind_row = bind::row(model);
    let unread = bind::touch_unread(model);
    let bind_key = bind::key(model);
    let bind_one = bind::one(model, texts);
    let output = returning::output_value(model);
    let key = returning::key(model);
    let types = schema::field_types(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #model_trait for #ident #ty_generics #where_clause {
            fn bind(
                &self,
                __sink: &mut __upsert::Sink<'_, __DB>,
            ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                #unread
                #bind_row
            }

            fn bind_key(
                &self,
                __sink: &mut __upsert::Sink<'_, __DB>,
            ) -> ::core::result::Result<(), __upsert::BoxDynError> {
                #bind_key
            }

            #bind_one

            fn from_returning(
                __row: &<__DB as __upsert::Database>::Row,
            ) -> ::core::result::Result<Self::Output, __upsert::SqlxError> {
                #output
            }

            fn returned_key(
                __row: &<__DB as __upsert::Database>::Row,
                __sink: &mut __upsert::Sink<'_, __DB>,
            ) -> ::core::result::Result<(), __upsert::SqlxError> {
                #key
            }

            fn types(__types: &mut __upsert::FieldTypes<__DB>) {
                #types
            }
        }
    }
}

fn model_constant(model: &Model, texts: &Texts) -> TokenStream {
    let table = match &model.table.schema {
        Some(schema) => format!("{schema}.{}", model.table.name),
        None => model.table.name.clone(),
    };
    let name = model
        .name
        .map_or_else(String::new, |name| format!("::{}", name.value()));
    let path = format!("::{}{name}", model.derive.ident);
    let target = target_shown(model);
    let column = |column: usize| &model.columns[column].name;
    let key = model.target.occurrences().into_iter().map(column);
    let index = model
        .target
        .parts
        .iter()
        .map(|part| index_part(model, part));
    let bound = model.binds.iter().map(|bind| match bind {
        Bind::Value(field) | Bind::IsSet(field) => {
            let field = &model.fields[*field];
            field.column.map_or_else(
                || field.ident.unraw().to_string(),
                |index| column(index).clone(),
            )
        }
    });
    let returning = model.returned().map(|column| &column.name);
    let guarded = model.is_guarded();
    let divides = model.expressions().any(Expr::divides);
    let deleted = model.guard.must_be_null.map(column);
    let deleted = match deleted {
        Some(column) => quote!(::core::option::Option::Some(#column)),
        None => quote!(::core::option::Option::None),
    };
    let many = many::constant(model);
    let postgres = texts_constant("PostgresTexts", &texts.postgres_source, &texts.postgres);
    let sqlite = texts_constant("SqliteTexts", &texts.sqlite_source, &texts.sqlite);
    let schema = schema::model_fields(model);
    let mysql = mysql_constant(&texts.mysql, model.binds.len());
    quote! {
        __upsert::Model {
            path: ::core::concat!(::core::module_path!(), #path),
            table: #table,
            target: #target,
            key: &[#(#key),*],
            index: &[#(#index),*],
            bound: &[#(#bound),*],
            returning: &[#(#returning),*],
            guarded: #guarded,
            divides: #divides,
            deleted: #deleted,
            many: #many,
            #schema
            texts: __upsert::Texts { postgres: #postgres, sqlite: #sqlite, mysql: #mysql },
        }
    }
}

fn index_part(model: &Model, part: &TargetPart) -> TokenStream {
    match part {
        TargetPart::Column(column) => {
            let name = &model.columns[*column].name;
            quote!(__upsert::IndexPart::Column(#name))
        }
        TargetPart::Expression(pieces) => {
            let columns = pieces.iter().filter_map(TargetPiece::column);
            let names = columns.map(|column| &model.columns[column].name);
            quote!(__upsert::IndexPart::Expression(&[#(#names),*]))
        }
    }
}

/// The conflict target as messages show it.
fn target_shown(model: &Model) -> String {
    let parts = model.target.parts.iter().map(|part| match part {
        TargetPart::Column(column) => model.columns[*column].name.clone(),
        TargetPart::Expression(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                TargetPiece::Text(text) => text.as_str(),
                TargetPiece::Column(column) => &model.columns[*column].name,
            })
            .collect(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// MySQL's texts; where the binds of a statement are not simply those of the row (and the nonce after them), it says what each
/// is.
fn mysql_constant(texts: &sql::MySqlTexts, binds: usize) -> TokenStream {
    let binding = texts.binding.iter().map(|(name, text, slots)| {
        let name = format_ident!("{name}");
        let slots: Vec<_> = match sql::is_in_order(slots, binds) {
            true => Vec::new(),
            false => slots.iter().map(slot_constant).collect(),
        };
        quote!(#name: __upsert::MySqlStatement { sql: #text, slots: &[#(#slots),*] })
    });
    let names = texts.plain.iter().map(|(name, _)| format_ident!("{name}"));
    let plain = texts.plain.iter().map(|(_, text)| text);
    let source = many::source(&texts.source);
    quote!(__upsert::MySqlTexts { source: #source, #(#binding,)* #(#names: #plain),* })
}

fn slot_constant(slot: &Slot) -> TokenStream {
    match slot {
        Slot::Bind(place) => quote!(__upsert::Slot::Bind(#place)),
        Slot::Nonce => quote!(__upsert::Slot::Nonce),
    }
}

fn texts_constant(room: &str, source: &sql::Source, statements: &[Statement]) -> TokenStream {
    let room = format_ident!("{room}");
    let source = many::source(source);
    let names = statements.iter().map(|(name, _)| format_ident!("{name}"));
    let texts = statements.iter().map(|(_, text)| text);
    quote!(__upsert::#room { source: #source, #(#names: #texts),* })
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
