//! Values in the order in which statements take them.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::bounds;
use crate::model::{Bind, Field, Insert, Model};
use crate::sql::Texts;
use crate::types::{self, Kind};

/// The body of `bind`: every bind of the row, in order.
pub(super) fn row(model: &Model) -> TokenStream {
    add_all(model, &model.binds)
}

/// The body of `bind_key`: the columns of the target, as often as they occur.
pub(super) fn key(model: &Model) -> TokenStream {
    let columns = model.target.occurrences().into_iter();
    let adds = columns.map(|column| {
        let field = &model.fields[model.columns[column].field];
        let Field { ident, ty, .. } = field;
        if is_plain(model, field) && bounds::higher_ranked(model, ty).is_none() {
            quote!(__upsert::add_key::<__DB, _>(__sink, &self.#ident, <__upsert::PlainOf<#ty>>::PLAIN))
        } else {
            add_value(model, field)
        }
    });
    quote! {
        #[allow(unused_imports)]
        use __upsert::NotPlain as _;
        #(#adds?;)*
        ::core::result::Result::Ok(())
    }
}

/// Reads the fields that are there for their column alone, which would be dead code to the compiler.
pub(super) fn touch_unread(model: &Model) -> TokenStream {
    let unread = model
        .columns
        .iter()
        .filter(|column| column.insert != Insert::Field);
    let unread = unread.map(|column| model.fields[column.field].ident);
    quote!(#(let _ = &self.#unread;)*)
}

/// `bind_one`, for statements that take a bind more than once or in another order: MySQL has no numbered binds. Where every
/// statement takes them as they come, the trait's own method stays.
pub(super) fn one(model: &Model, texts: &Texts) -> TokenStream {
    if !texts.repeat_binds(model.binds.len()) {
        return TokenStream::new();
    }
    let places = 0..model.binds.len();
    let adds = model.binds.iter().map(|bind| add(model, *bind));
    quote! {
        fn bind_one(
            &self,
            __place: ::core::primitive::usize,
            __sink: &mut __upsert::Sink<'_, __DB>,
        ) -> ::core::result::Result<(), __upsert::BoxDynError> {
            match __place {
                #(#places => #adds,)*
                _ => ::core::result::Result::Ok(()),
            }
        }
    }
}

/// `BindAll::<__DB>::bind_all((&self.email, &self.name), __sink)`, with whatever is no plain value in its place between.
fn add_all(model: &Model, binds: &[Bind]) -> TokenStream {
    let is_plain = |bind: &Bind| match bind {
        Bind::Value(field) => is_plain(model, &model.fields[*field]),
        Bind::IsSet(_) => false,
    };
    let runs = binds.chunk_by(|left, right| is_plain(left) && is_plain(right));
    let adds = runs.flat_map(|run| run.chunks(super::LONGEST_TUPLE));
    let mut adds: Vec<_> = adds
        .map(|run| match run {
            [bind] => add(model, *bind),
            run => {
                let idents = run.iter().map(|bind| match bind {
                    Bind::Value(field) | Bind::IsSet(field) => model.fields[*field].ident,
                });
                quote!(__upsert::BindAll::<__DB>::bind_all((#(&self.#idents,)*), __sink))
            }
        })
        .collect();
    let last = adds
        .pop()
        .unwrap_or_else(|| quote!(::core::result::Result::Ok(())));
    quote!(#(#adds?;)* #last)
}

/// `<__DB as Dialect>::add(__sink, &self.email)`
fn add(model: &Model, bind: Bind) -> TokenStream {
    match bind {
        Bind::Value(field) => add_value(model, &model.fields[field]),
        Bind::IsSet(field) => {
            let ident = model.fields[field].ident;
            quote!(__upsert::add_is_set::<__DB, _>(__sink, &self.#ident))
        }
    }
}

fn add_value(model: &Model, field: &Field) -> TokenStream {
    let Field {
        ident, ty, json, ..
    } = field;
    if is_plain(model, field) {
        return quote!(<__DB as __upsert::Dialect>::add(__sink, &self.#ident));
    }
    let value = if types::option_inner(ty).is_some() {
        quote!(::core::option::Option::as_ref(&self.#ident))
    } else {
        quote!(::core::option::Option::Some(&self.#ident))
    };
    if *json {
        quote!(<__DB as __upsert::Dialect>::add_json(__sink, #value))
    } else {
        quote!(<__DB as __upsert::Dialect>::add_optional(__sink, #value))
    }
}

/// Refuses a `Patch` that does not look like one, such as an alias of it, or an `Option`: it would be bound as a plain value.
pub(super) fn patch_checks(model: &Model) -> TokenStream {
    let fields = model.binds.iter().filter_map(|bind| match bind {
        Bind::Value(field) => Some(&model.fields[*field]),
        Bind::IsSet(_) => None,
    });
    let hidden = fields.filter(|field| {
        types::patch_inner(field.ty).is_none()
            && types::kind(field.ty) == Kind::Unknown
            && !field.json
            && !bounds::depends_on_generics(model, field.ty)
    });
    let checks: Vec<_> = hidden
        .map(|field| {
            let ty = field.ty;
            quote_spanned! {ty.span()=>
                const _: () = ::core::assert!(
                    !<__upsert::PatchOf<#ty>>::IS_PATCH,
                    "this is a `Patch` that the derive does not recognize, and `Keep` would be written as NULL; write the field's type as `Patch<…>`",
                );
            }
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    quote! {
        const _: () = {
            #[allow(unused_imports)]
            use __upsert::NoPatch as _;
            #(#checks)*
        };
    }
}

/// Whether a reference to the field is what the database takes: it is no document and no `Option` of something borrowed.
fn is_plain(model: &Model, field: &Field) -> bool {
    let is_option = types::option_inner(field.ty).is_some();
    !(field.json || is_option && bounds::higher_ranked(model, field.ty).is_some())
}
