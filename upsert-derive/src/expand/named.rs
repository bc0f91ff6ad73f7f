//! Named upserts: a hidden marker type and a method with the struct's visibility.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, Generics, Ident, LitStr};

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

/// How the methods of a named upsert go out.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// With documentation, and under the span of the name, so that a clash points there.
    Documented,
    /// Beside a compile error, which is all that is to be read: hidden, and under the span of the derive.
    Stub,
}

/// The methods of a model with a name.
pub(super) fn methods(model: &Model) -> Option<TokenStream> {
    let name = model.name?;
    let generics = super::bounds::spec_generics(model);
    let output = super::returning::output_type(model);
    impl_methods(model.derive, &generics, &output, name, Form::Documented)
}

/// `user.record_login(&pool)`, and the same for many rows and for a stream, and the text; none where the name itself is the
/// mistake.
pub(crate) fn impl_methods(
    derive: &DeriveInput,
    generics: &Generics,
    output: &TokenStream,
    name: &LitStr,
    form: Form,
) -> Option<TokenStream> {
    // It may be a raw identifier.
    let method: Ident = name.parse().ok()?;
    let span = match form {
        Form::Documented => name.span(),
        Form::Stub => Span::call_site(),
    };
    let doc = |text: String| match form {
        Form::Documented => quote_spanned!(span=> #[doc = #text]),
        Form::Stub => quote_spanned!(span=> #[doc(hidden)]),
    };
    let DeriveInput { vis, ident, .. } = derive;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let marker = marker_ident(name);
    let shown = name.value();
    let docs = doc(format!(
        "The upsert named `{shown}`: await it for the row, or ask the builder for something else.\n\nDerived with `upsert::Upsert`."
    ));
    let all = format_ident!("{method}_all", span = span);
    let all_docs = doc(format!(
        "The upsert named `{shown}`, of many rows: see `Upsert::upsert_all` of the crate `upsert`."
    ));
    let stream = format_ident!("{method}_stream", span = span);
    let stream_docs = doc(format!(
        "The upsert named `{shown}`, of a stream of rows: see `Upsert::upsert_stream` of the crate `upsert`."
    ));
    let sql = format_ident!("{method}_sql", span = span);
    let sql_docs = doc(format!(
        "The statements that [`{shown}`](Self::{shown}) sends to a database."
    ));
    Some(quote_spanned! {span=>
        impl #impl_generics #ident #ty_generics #where_clause {
            #docs
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

            #all_docs
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

            #stream_docs
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

            #sql_docs
            #[allow(dead_code)]
            #vis fn #sql<__DB: __upsert::Dialect>() -> __upsert::Sql {
                __upsert::sql_of::<__DB>(<Self as __upsert::UpsertSpec<#marker>>::MODEL)
            }
        }
    })
}
