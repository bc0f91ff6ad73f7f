//! What the check of the schema asks of a struct: all its upserts, and the types of its fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;
use syn::ext::IdentExt;

use super::{bounds, named};
use crate::model::{Bind, Field, Insert, Model, Output};
use crate::types;

/// The list of a struct's upserts, and its own method where no trait has it.
pub(super) fn impl_schema(models: &[Model]) -> TokenStream {
    let Some(first) = models.first() else {
        return TokenStream::new();
    };
    let markers = models.iter().map(|model| named::marker_path(model.name));
    let list = impl_specs(first.derive, markers);
    let method = first.name.map(|_| check_method(first));
    quote!(#list #method)
}

/// `type All = (Main, (Named, ()))`
pub(crate) fn impl_specs(
    derive: &DeriveInput,
    markers: impl DoubleEndedIterator<Item = TokenStream>,
) -> TokenStream {
    let ident = &derive.ident;
    let generics = bounds::without_defaults(derive.generics.clone());
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let all = markers.rfold(quote!(()), |rest, marker| quote!((#marker, #rest)));
    quote! {
        #[automatically_derived]
        impl #impl_generics __upsert::UpsertSpecs for #ident #ty_generics #where_clause {
            type All = #all;
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
    let all: Vec<_> = known(model).map(|(_, field)| field).collect();
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
    let predicate = match &model.target.predicate {
        Some(predicate) => quote!(::core::option::Option::Some(#predicate)),
        None => quote!(::core::option::Option::None),
    };
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

/// The body of `types`: the type of each field that is bound or read. Of the others the impl knows nothing.
pub(super) fn field_types(model: &Model) -> TokenStream {
    let typed = known(model).filter(|(index, field)| is_typed(model, *index, field));
    let typed: Vec<_> = typed.map(|(_, field)| field).collect();
    // The same tuples as in `from_returning`, where the whole struct comes back.
    let is_read = matches!(model.output, Output::This(_));
    let is_plain = |field: &Field| !field.json && (!is_read || field.column.is_some());
    let runs = typed.chunk_by(|left, right| is_plain(left) && is_plain(right));
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
                if is_read {
                    quote!(<(#(#types,)*) as __upsert::ReadAll<__DB>>::types(__types);)
                } else {
                    quote!(__types.add_all::<(#(#types,)*)>();)
                }
            }
        });
    quote!(#(#adds)*)
}

/// The fields with a column in their order, then those that are bound without one.
fn known<'a>(model: &'a Model) -> impl Iterator<Item = (usize, &'a Field<'a>)> {
    let fields = || model.fields.iter().enumerate();
    let columns = fields().filter(|(_, field)| field.column.is_some());
    let params = fields().filter(|(index, field)| {
        field.column.is_none() && model.binds.contains(&Bind::Value(*index))
    });
    columns.chain(params)
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
