//! Where-clauses: what a database must be able to do with the fields' types.

use quote::{ToTokens, quote};
use std::collections::BTreeMap;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{GenericParam, Generics, Ident, Lifetime, Type, WherePredicate, parse_quote};

use crate::model::{Insert, Model, Output};
use crate::types;

/// The struct's own generics; what comes back must be `Send`, of which nobody can be sure with a type parameter in it.
pub(super) fn spec_generics(model: &Model) -> Generics {
    let mut generics = model.derive.generics.clone();
    let output = super::returning::output_type(model);
    if has_type_parameters(&generics) {
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#output: ::core::marker::Send));
    }
    without_defaults(generics)
}

/// The struct's generics, the database, and one predicate for each distinct type: they are what costs compile time.
pub(super) fn model_generics(model: &Model) -> Generics {
    let mut generics = without_defaults(model.derive.generics.clone());
    let predicates = predicates(model);
    if has_type_parameters(&generics) {
        let output = super::returning::output_type(model);
        let own = generics.make_where_clause();
        own.predicates
            .push(parse_quote!(#output: ::core::marker::Send));
        own.predicates
            .push(parse_quote!(Self: ::core::marker::Sync));
    }
    generics.params.push(parse_quote!(__DB: __upsert::Dialect));
    generics.make_where_clause().predicates.extend(predicates);
    generics
}

/// How a column's type is used.
#[derive(Clone, Copy, Default)]
struct Use {
    bound: bool,
    read: bool,
    accumulated: bool,
}

fn predicates(model: &Model) -> Vec<WherePredicate> {
    let mut uses = BTreeMap::<String, (&Type, Use)>::new();
    let mut predicates = Vec::new();
    let mut json = BTreeMap::<String, &Type>::new();
    for (index, column) in model.columns.iter().enumerate() {
        if column.json {
            let inner = types::option_inner(column.ty).unwrap_or(column.ty);
            json.insert(inner.to_token_stream().to_string(), inner);
            continue;
        }
        let entry = uses.entry(column.ty.to_token_stream().to_string());
        let (_, usage) = entry.or_insert((column.ty, Use::default()));
        usage.bound |= column.insert == Insert::Field;
        usage.read |=
            !matches!(model.output, Output::FromRow(..)) && model.output.columns().contains(&index);
        usage.accumulated |= column.accumulates && depends_on_generics(model, column.ty);
    }
    for (ty, usage) in uses.values() {
        predicates.extend(value_predicate(ty, *usage).filter(|new| !predicates.contains(new)));
        if usage.accumulated {
            predicates.push(parse_quote!(#ty: __upsert::Accumulate));
        }
    }
    predicates.extend(json.values().map(|ty| parse_quote!(#ty: __upsert::Json)));
    if let Output::FromRow(ty, _) = &model.output {
        predicates.push(parse_quote! {
            for<'__r> #ty: __upsert::FromRow<'__r, <__DB as __upsert::Database>::Row>
        });
    }
    predicates
}

/// `String: Column<__DB>`. Lifetimes become higher-ranked, in every predicate alike: two predicates about `&'a str` and
/// `&'x str` would be ambiguous to the compiler. What is read may be readable as `'static` alone, and keeps that.
fn value_predicate(ty: &Type, usage: Use) -> Option<WherePredicate> {
    let bound = match (usage.bound, usage.read) {
        (true, true) => quote!(__upsert::Column<__DB>),
        (true, false) => quote!(__upsert::Bind<__DB>),
        (false, true) => quote!(__upsert::Read<__DB>),
        (false, false) => return None,
    };
    let borrowed = super::bind::borrowed_option(ty);
    let keeps_static = usage.read || borrowed.is_none() && types::option_inner(ty).is_some();
    let mut ty = borrowed.unwrap_or(ty).clone();
    let mut ranked = HigherRanked {
        keeps_static,
        found: false,
    };
    ranked.visit_type_mut(&mut ty);
    Some(if ranked.found {
        parse_quote!(for<'__x> #ty: #bound)
    } else {
        parse_quote!(#ty: #bound)
    })
}

/// Replaces lifetimes by `'__x`.
struct HigherRanked {
    keeps_static: bool,
    found: bool,
}

impl VisitMut for HigherRanked {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.keeps_static && lifetime.ident == "static" {
            return;
        }
        *lifetime = Lifetime::new("'__x", lifetime.span());
        self.found = true;
    }
}

/// Whether a type mentions a parameter of the struct, lifetimes included.
pub(super) fn depends_on_generics(model: &Model, ty: &Type) -> bool {
    struct Mentions<'a> {
        parameters: Vec<&'a Ident>,
        found: bool,
    }

    impl Visit<'_> for Mentions<'_> {
        fn visit_ident(&mut self, ident: &Ident) {
            self.found |= self.parameters.contains(&ident);
        }
    }

    let parameters = model
        .derive
        .generics
        .params
        .iter()
        .map(|parameter| match parameter {
            GenericParam::Lifetime(parameter) => &parameter.lifetime.ident,
            GenericParam::Type(parameter) => &parameter.ident,
            GenericParam::Const(parameter) => &parameter.ident,
        });
    let mut mentions = Mentions {
        parameters: parameters.collect(),
        found: false,
    };
    mentions.visit_type(ty);
    mentions.found
}

fn has_type_parameters(generics: &Generics) -> bool {
    generics.type_params().next().is_some()
}

/// Defaults of parameters may stand on a struct, not on an impl.
fn without_defaults(mut generics: Generics) -> Generics {
    for parameter in &mut generics.params {
        match parameter {
            GenericParam::Type(parameter) => {
                parameter.default = None;
            }
            GenericParam::Const(parameter) => {
                parameter.default = None;
            }
            GenericParam::Lifetime(_) => {}
        }
    }
    generics
}
