//! What goes out beside a compile error: impls that do nothing, so that one mistake stays one message.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Path, parse_quote};

use crate::diagnostics::Faults;
use crate::expand::crate_path;

/// The mistakes, and a struct that has an upsert all the same.
pub(crate) fn impl_upsert(
    derive: &DeriveInput,
    krate: Option<Path>,
    faults: Faults,
) -> TokenStream {
    let errors = faults.into_compile_errors();
    let krate = crate_path(krate);
    let ident = &derive.ident;
    let (spec_generics, ty_generics, where_clause) = derive.generics.split_for_impl();
    let mut generics = derive.generics.clone();
    generics.params.push(parse_quote!(__DB: __upsert::Dialect));
    let (model_generics, _, _) = generics.split_for_impl();
    quote! {
        #errors
        const _: () = {
            use #krate::__private as __upsert;
            #[automatically_derived]
            impl #spec_generics __upsert::UpsertSpec<__upsert::Main> for #ident #ty_generics #where_clause {
                type Output = __upsert::Invalid;
                const MODEL: &'static __upsert::Model = &__upsert::INVALID;
            }
            #[automatically_derived]
            impl #model_generics __upsert::UpsertModel<__DB, __upsert::Main> for #ident #ty_generics #where_clause {
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
