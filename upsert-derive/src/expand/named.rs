//! Named upserts: a hidden marker type and a method with the struct's visibility.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, LitStr};

use crate::model::Model;

/// The marker of an upsert: `Main`, or the type that `marker` declares.
pub(crate) fn marker_path(name: Option<&LitStr>) -> TokenStream {
    match name {
        None => quote!(__upsert::Main),
        Some(name) => {
            let marker = marker_ident(name);
            quote!(#marker)
        }
    }
}

/// All markers of a struct stand in one `const` block, so each has the upsert's name in its own.
fn marker_ident(name: &LitStr) -> Ident {
    let name = name.value();
    let is_word = |character: &char| character.is_alphanumeric() || *character == '_';
    format_ident!(
        "__Named_{}",
        name.chars().filter(is_word).collect::<String>()
    )
}

/// The declaration of a named upsert's marker. The `const` block around it keeps it from everybody's eyes.
pub(super) fn marker(model: &Model) -> TokenStream {
    model.name.map_or_else(TokenStream::new, declaration)
}

pub(crate) fn declaration(name: &LitStr) -> TokenStream {
    let marker = marker_ident(name);
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #[derive(::core::fmt::Debug)]
        pub enum #marker {}
    }
}

/// `user.record_login(&pool)`, under the span of the name, so that a clash points there.
pub(super) fn method(model: &Model) -> TokenStream {
    let Some(literal) = model.name else {
        return TokenStream::new();
    };
    let name = literal.value();
    // It may be a raw identifier; that it is one at all has been checked.
    let Ok(mut method) = literal.parse::<Ident>() else {
        return TokenStream::new();
    };
    method.set_span(literal.span());
    let vis = &model.derive.vis;
    let ident = &model.derive.ident;
    let (impl_generics, ty_generics, _) = model.derive.generics.split_for_impl();
    let generics = super::bounds::spec_generics(model);
    let where_clause = &generics.where_clause;
    let docs = format!(
        "The upsert named `{name}`: await it for the row, or ask the builder for something else.\n\nDerived with `upsert::Upsert`."
    );
    let all = format_ident!("{method}_all", span = literal.span());
    let all_docs = format!(
        "The upsert named `{name}`, of many rows: see `Upsert::upsert_all` of the crate `upsert`."
    );
    let stream = format_ident!("{method}_stream", span = literal.span());
    let stream_docs = format!(
        "The upsert named `{name}`, of a stream of rows: see `Upsert::upsert_stream` of the crate `upsert`."
    );
    let marker = marker_ident(literal);
    let sql = format_ident!("{method}_sql", span = literal.span());
    let sql_docs = format!("The statements that [`{name}`](Self::{name}) sends to a database.");
    let output = super::returning::output_type(model);
    quote_spanned! {literal.span()=>
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc = #docs]
            #[allow(dead_code)]
            #vis fn #method<'__e, __E>(
                &'__e self,
                __executor: __E,
            ) -> __upsert::UpsertOne<'__e, Self, __E, #output>
            where
                __E: __upsert::ExecutorFor<Self, #marker> + '__e,
            {
                __upsert::upsert_one::<Self, __E, #marker>(self, __executor)
            }

            #[doc = #all_docs]
            #[allow(dead_code)]
            #vis fn #all<'__e, __R, __E>(
                __rows: &'__e [__R],
                __executor: __E,
            ) -> __upsert::UpsertMany<'__e, Self, __E, #output>
            where
                __R: __upsert::RowOf<Self, #marker>,
                __E: __upsert::ExecutorFor<Self, #marker> + '__e,
            {
                __upsert::upsert_many::<Self, __R, __E, #marker>(__rows, __executor)
            }

            #[doc = #stream_docs]
            #[allow(dead_code)]
            #vis fn #stream<'__e, __I, __E>(
                __rows: __I,
                __executor: __E,
            ) -> __upsert::UpsertStream<'__e, Self, __E>
            where
                Self: ::core::marker::Send + '__e,
                __I: __upsert::RowStream<Self, #marker> + '__e,
                __E: __upsert::ExecutorFor<Self, #marker> + '__e,
            {
                __upsert::upsert_stream::<Self, __I, __E, #marker>(__rows, __executor)
            }

            #[doc = #sql_docs]
            #[allow(dead_code)]
            #vis fn #sql<__DB: __upsert::Dialect>() -> __upsert::Sql {
                __upsert::sql_of::<__DB>(<Self as __upsert::UpsertSpec<#marker>>::MODEL)
            }
        }
    }
}
