//! What goes out beside a compile error: impls that do nothing, so that one mistake stays one message.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Ident, LitStr, Path, parse_quote};

use crate::diagnostics::Faults;
use crate::expand::{crate_path, named};
use crate::parse::Options;

/// The mistakes, and a struct that has its upserts all the same.
pub(crate) fn impl_upsert(
    derive: &DeriveInput,
    krate: Option<Path>,
    named: &[Options],
    faults: Faults,
) -> TokenStream {
    let errors = faults.into_compile_errors();
    let krate = crate_path(krate);
    let names = named
        .iter()
        .filter_map(|options| options.name.as_ref())
        .map(Some);
    let stubs = std::iter::once(None)
        .chain(names)
        .map(|name| stub(derive, &krate, name));
    quote!(#errors #(#stubs)*)
}

fn stub(derive: &DeriveInput, krate: &Path, name: Option<&LitStr>) -> TokenStream {
    let ident = &derive.ident;
    let marker = named::marker_path(name);
    let declaration = name.map(|_| named::declaration());
    let method = name.and_then(|name| method(derive, name));
    let (spec_generics, ty_generics, where_clause) = derive.generics.split_for_impl();
    let mut generics = derive.generics.clone();
    generics.params.push(parse_quote!(__DB: __upsert::Dialect));
    let (model_generics, _, _) = generics.split_for_impl();
    quote! {
        const _: () = {
            use #krate::__private as __upsert;
            #declaration
            #[automatically_derived]
            impl #spec_generics __upsert::UpsertSpec<#marker> for #ident #ty_generics #where_clause {
                type Output = __upsert::Invalid;
                const MODEL: &'static __upsert::Model = &__upsert::INVALID;
            }
            #[automatically_derived]
            impl #model_generics __upsert::UpsertModel<__DB, #marker> for #ident #ty_generics #where_clause {
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
            #method
        };
    }
}

/// The method of a named upsert; none where the name itself is the mistake.
fn method(derive: &DeriveInput, name: &LitStr) -> Option<TokenStream> {
    let method: Ident = name.parse().ok()?;
    let DeriveInput {
        vis,
        ident,
        generics,
        ..
    } = derive;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    Some(quote! {
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc(hidden)]
            #[allow(dead_code)]
            #vis fn #method<'__e, __E>(
                &'__e self,
                __executor: __E,
            ) -> __upsert::UpsertOne<'__e, Self, __E, __upsert::Invalid>
            where
                __E: __upsert::ExecutorFor<Self, __Named> + '__e,
            {
                __upsert::upsert_one::<Self, __E, __Named>(self, __executor)
            }
        }
    })
}
