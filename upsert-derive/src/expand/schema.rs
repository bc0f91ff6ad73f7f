//! What the check of the schema asks of a struct: all its upserts, and the types of its fields.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Generics, Ident, TypeGenerics, parse_quote};

use super::{bounds, named};
use crate::model::{Bind, Field, Insert, Model, Output};
use crate::types;

/// The list of a struct's upserts, and its own methods where no trait has them.
pub(super) fn impl_schema(models: &[Model]) -> TokenStream {
    let Some(first) = models.first() else {
        return TokenStream::new();
    };
    let ident = &first.derive.ident;
    let (_, ty_generics, _) = first.derive.generics.split_for_impl();
    let markers: Vec<_> = models
        .iter()
        .map(|model| named::marker_path(model.name))
        .collect();
    let mut generics = bounds::without_defaults(first.derive.generics.clone());
    generics.params.push(parse_quote!(__DB: __upsert::Dialect));
    let predicates = &mut generics.make_where_clause().predicates;
    for marker in &markers {
        predicates.push(parse_quote!(Self: __upsert::OneUpsert<__DB, #marker>));
    }
    let list = impl_models(ident, &ty_generics, &generics, &markers);
    let method = first.name.map(|_| check_method(first));
    quote!(#list #method)
}

/// `checked.add_upsert::<User, Main>(); checked.add_upsert::<User, Named>();`
pub(crate) fn impl_models(
    ident: &Ident,
    ty_generics: &TypeGenerics,
    generics: &Generics,
    markers: &[TokenStream],
) -> TokenStream {
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    // As for the other traits: under the span of a derive, the compiler would advise to implement it by hand.
    let models = quote_spanned!(ident.span()=> __upsert::UpsertModels<__DB>);
    quote! {
        #[automatically_derived]
        impl #impl_generics #models for #ident #ty_generics #where_clause {
            fn add_to(__checked: &mut __upsert::Checked<__DB>) {
                #(__checked.add_upsert::<Self, #markers>();)*
            }
        }
    }
}

/// `check_schema` of a struct with named upserts alone, which has no `Upsert` to have it from.
fn check_method(model: &Model) -> TokenStream {
    let vis = &model.derive.vis;
    let ident = &model.derive.ident;
    let generics = bounds::without_defaults(model.derive.generics.clone());
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        impl #impl_generics #ident #ty_generics #where_clause {
            /// Looks whether the database has what the upserts of this struct need, as `Upsert::check_schema` does.
            #[allow(dead_code)]
            #vis fn check_schema<'__e, __E>(__executor: __E) -> __upsert::SchemaCheck<'__e>
            where
                __E: __upsert::SchemaExecutorFor<Self> + '__e,
            {
                __upsert::check_schema::<Self, __E>(__executor)
            }
        }
    }
}

/// The part of the model that only the check of the schema reads: names, by what is to be asked of them.
pub(super) fn model_fields(model: &Model) -> TokenStream {
    let all: Vec<_> = model
        .fields
        .iter()
        .filter(|field| is_known(model, field))
        .collect();
    let names = |is: &dyn Fn(&Field) -> bool| {
        let names: Vec<_> = all
            .iter()
            .filter(|field| is(field))
            .map(|field| name(model, field))
            .collect();
        quote!(&[#(#names),*])
    };
    let fields = names(&|_| true);
    let params = names(&|field| field.column.is_none());
    let generated = names(&|field| {
        let column = field.column.map(|column| &model.columns[column]);
        column.is_some_and(|column| column.insert == Insert::Generated)
    });
    let patched = names(&|field| types::patch_inner(field.ty).is_some());
    let optional = names(&|field| {
        let ty = types::patch_inner(field.ty).unwrap_or(field.ty);
        types::option_inner(ty).is_some()
    });
    let reads = !matches!(model.output, Output::FromRow(..));
    let predicate = model.target.predicate.is_some();
    let nulls_not_distinct = model.target.nulls_not_distinct;
    quote! {
        fields: #fields,
        params: #params,
        generated: #generated,
        patched: #patched,
        optional: #optional,
        reads: #reads,
        predicate: #predicate,
        nulls_not_distinct: #nulls_not_distinct,
    }
}

/// The body of `types`: the type of each field that is bound or read, in the order of the struct. Of the others the impl knows
/// nothing.
pub(super) fn field_types(model: &Model) -> TokenStream {
    let typed: Vec<_> = model
        .fields
        .iter()
        .enumerate()
        .filter(|(index, field)| is_known(model, field) && is_typed(model, *index, field))
        .map(|(_, field)| field)
        .collect();
    let runs = typed.chunk_by(|left, right| !left.json && !right.json);
    let adds = runs
        .flat_map(|run| run.chunks(super::LONGEST_TUPLE))
        .map(|run| match run {
            [field] if field.json => quote!(__types.add_json();),
            [field] => {
                let ty = field.ty;
                quote!(__types.add::<#ty>();)
            }
            run => {
                let types = run.iter().map(|field| field.ty);
                quote!(__types.add_all::<(#(#types,)*)>();)
            }
        });
    quote!(#(#adds)*)
}

/// Whether the field has a column, or is bound without one.
fn is_known(model: &Model, field: &Field) -> bool {
    let is_this = |index: &usize| model.fields[*index].ident == field.ident;
    field.column.is_some()
        || model.binds.iter().any(|bind| match bind {
            Bind::Value(index) => is_this(index),
            Bind::IsSet(_) => false,
        })
}

/// Whether the statements bind the field or read it, so that the impl asks something of its type.
fn is_typed(model: &Model, index: usize, field: &Field) -> bool {
    let is_read = !matches!(model.output, Output::FromRow(..))
        && field
            .column
            .is_some_and(|column| model.output.columns().contains(&column));
    let is_key = field
        .column
        .is_some_and(|column| model.target.occurrences().contains(&column));
    model.binds.contains(&Bind::Value(index)) || is_read || is_key
}

/// What the bind or the column of a field is called.
fn name(model: &Model, field: &Field) -> String {
    match field.column {
        Some(column) => model.columns[column].name.clone(),
        None => field.ident.unraw().to_string(),
    }
}
