//! Where-clauses: what a database must be able to do with the fields' types.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{
    GenericParam, Generics, Ident, Lifetime, PredicateType, Token, Type, TypeParamBound,
    WherePredicate, parse_quote,
};

use crate::expr::{Expr, Raw};
use crate::model::{Bind, Column, Model, Output};
use crate::parse::Options;
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
    let mut json = BTreeMap::<String, &Type>::new();
    let keys = model.target.occurrences();
    for (index, field) in model.fields.iter().enumerate() {
        let bound = model.binds.contains(&Bind::Value(index))
            || keys.iter().any(|&key| model.columns[key].field == index);
        let returned = !matches!(model.output, Output::FromRow(..))
            && model.returned().any(|column| column.field == index);
        // The keys of many rows are read, and encoded again to be compared.
        let read = returned
            || keys.iter().any(|&key| {
                let key = &model.columns[key];
                key.field == index && !passes_bytes(key)
            });
        if !bound && !read {
            continue;
        }
        if field.json {
            let inner = types::option_inner(field.ty).unwrap_or(field.ty);
            json.insert(inner.to_token_stream().to_string(), inner);
            continue;
        }
        let entry = uses.entry(field.ty.to_token_stream().to_string());
        let (_, usage) = entry.or_insert((field.ty, Use::default()));
        usage.bound |= bound;
        usage.read |= read;
        let column = field.column.map(|column| &model.columns[column]);
        usage.accumulated |= column
            .is_some_and(|column| column.accumulates && depends_on_generics(model, column.ty));
    }
    let mut predicates = capabilities(model);
    let mut known = BTreeSet::new();
    for (ty, usage) in uses.values() {
        // `&'a str` and `Option<&'a str>` ask for the same.
        let asked = value_predicate(model, ty, *usage);
        predicates.extend(asked.filter(|new| known.insert(new.to_token_stream().to_string())));
        if usage.accumulated {
            let bound = quote_spanned!(ty.span()=> __upsert::Accumulate);
            predicates.push(predicate(ty, bound));
        }
    }
    for ty in json.values() {
        let bound = quote_spanned!(ty.span()=> __upsert::Json<__DB>);
        predicates.push(predicate(ty, bound));
    }
    if let Output::FromRow(ty, _) = &model.output {
        let bound = quote_spanned!(ty.span()=> __upsert::Returned<__DB>);
        predicates.push(predicate(ty, bound));
    }
    predicates
}

/// Whether a key that comes back is compared by its bytes as they are: a value that borrows cannot be read from a row that is
/// about to go.
pub(super) fn passes_bytes(column: &Column) -> bool {
    struct Borrows(bool);

    impl Visit<'_> for Borrows {
        fn visit_lifetime(&mut self, _: &Lifetime) {
            self.0 = true;
        }
    }

    let mut borrows = Borrows(column.json);
    borrows.visit_type(column.ty);
    borrows.0
}

/// What only some databases can do, each at the word that asks for it.
pub(crate) fn capabilities(model: &Model) -> Vec<WherePredicate> {
    let Options {
        constraint,
        conflict_where,
        nulls_not_distinct,
        ..
    } = model.target_options;
    let mut asked: Vec<(&str, Span)> = Vec::new();
    asked.extend(
        constraint
            .iter()
            .map(|name| ("NamedConstraint", name.span())),
    );
    let predicate = conflict_where.iter();
    asked.extend(predicate.map(|predicate| ("PartialIndex", predicate.span())));
    asked.extend(nulls_not_distinct.map(|span| ("NullsNotDistinct", span)));
    let compared = Cell::new(None);
    let unordered = |expr: &Expr| {
        let ty = match expr {
            Expr::Column(_, column) => model.columns[*column].ty,
            Expr::Bound(field) => model.fields[*field].ty,
            _ => return false,
        };
        let unordered = types::has_no_order_on_sqlite(ty);
        if unordered {
            compared.set(Some(ty.span()));
        }
        unordered
    };
    if model.expressions().any(|expr| expr.orders(&unordered)) {
        asked.extend(compared.get().map(|span| ("OrdersInstants", span)));
    }
    let mut raws = Vec::new();
    model.expressions().for_each(|expr| expr.raws(&mut raws));
    let without = |has: fn(&Raw) -> bool| {
        let found = raws.iter().find(|raw| !has(raw));
        found.map(|raw| raw.at.0)
    };
    asked.extend(without(|raw| raw.postgres.is_some()).map(|span| ("NotPostgres", span)));
    asked.extend(without(|raw| raw.sqlite.is_some()).map(|span| ("NotSqlite", span)));
    asked.extend(without(|raw| raw.mysql.is_some()).map(|span| ("NotMySql", span)));
    let asked = asked.into_iter();
    asked.map(|(name, span)| capability(name, span)).collect()
}

/// `__DB: PartialIndex`. Only the place is the user's: names mean what they mean in our own code.
fn capability(name: &str, span: Span) -> WherePredicate {
    let span = Span::call_site().located_at(span);
    let name = Ident::new(name, span);
    let database: Type = parse_quote!(__DB);
    predicate(&database, quote_spanned!(span=> __upsert::#name))
}

/// `String: Column<__DB>`. Lifetimes become higher-ranked, in every predicate alike: two predicates about `&'a str` and
/// `&'x str` would be ambiguous to the compiler, and so would `&'x str` and `&'static str`.
fn value_predicate(model: &Model, ty: &Type, usage: Use) -> Option<WherePredicate> {
    let bound = match (usage.bound, usage.read) {
        (true, true) => quote_spanned!(ty.span()=> __upsert::Column<__DB>),
        (true, false) => quote_spanned!(ty.span()=> __upsert::Bind<__DB>),
        (false, true) => quote_spanned!(ty.span()=> __upsert::Read<__DB>),
        (false, false) => return None,
    };
    Some(match higher_ranked(model, ty) {
        Some(ranked) => {
            let ranked = types::option_inner(&ranked).unwrap_or(&ranked);
            parse_quote!(for<'__x> #ranked: #bound)
        }
        None => predicate(ty, bound),
    })
}

/// `ty: bound`, put together rather than parsed: every struct has some of them.
fn predicate(ty: &Type, bound: TokenStream) -> WherePredicate {
    WherePredicate::Type(PredicateType {
        attrs: Vec::new(),
        lifetimes: None,
        bounded_ty: ty.clone(),
        colon_token: <Token![:]>::default(),
        bounds: [TypeParamBound::Verbatim(bound)].into_iter().collect(),
    })
}

/// The type with every lifetime replaced by `'__x`, if there is one. An `Option` of it is asked and bound by what it holds:
/// sqlx wants that to outlive any lifetime that is asked for.
pub(super) fn higher_ranked(model: &Model, ty: &Type) -> Option<Type> {
    let mut ty = ty.clone();
    let mut ranked = HigherRanked {
        keeps_static: model.derive.generics.lifetimes().next().is_none(),
        found: false,
    };
    ranked.visit_type_mut(&mut ty);
    ranked.found.then_some(ty)
}

/// Replaces lifetimes by `'__x`.
struct HigherRanked {
    keeps_static: bool,
    found: bool,
}

impl VisitMut for HigherRanked {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" || !self.keeps_static {
            *lifetime = Lifetime::new("'__x", lifetime.span());
            self.found = true;
        }
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

pub(crate) fn has_type_parameters(generics: &Generics) -> bool {
    generics.type_params().next().is_some()
}

/// Defaults of parameters may stand on a struct, not on an impl.
pub(crate) fn without_defaults(mut generics: Generics) -> Generics {
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
