//! How models come about: what was written down, checked and put together, one upsert after the other.

use syn::ext::IdentExt;
use syn::{Expr as SynExpr, Ident, LitStr};

use super::draft::{apply_lists, draft_columns, mark_keys};
use super::{Assignment, Bind, Column, Draft, Field, Guard, Insert, Model, Output, Table, find};
use crate::check;
use crate::diagnostics::Faults;
use crate::expr::{self, Expr, Function, Place, Scope, ScopeColumn};
use crate::names;
use crate::parse::{self, Named, OnDeleted, Options, Rule, RuleWord};
use crate::target;
use crate::types::{self, Clock, Kind};

/// The upserts of a struct: the default one, if there is any, and the named ones. Mistakes go to `faults`; the models are good
/// only if there are none.
pub(crate) fn resolve<'a>(input: &'a parse::Input<'a>, faults: &mut Faults) -> Vec<Model<'a>> {
    let container = &input.container;
    let marked = input.fields.iter().any(|field| field.conflict.is_some());
    let has_main = container.named.is_empty() || marked || container.main.conflict.is_some();
    if !has_main {
        check::without_main(&input.fields, &container.main, faults);
    }
    let main = has_main.then_some(&container.main);
    // A word that could not be read may be the target that is missing.
    let all_read = faults.is_empty();
    let mut models = Vec::new();
    for options in main.into_iter().chain(&container.named) {
        let mut own = Faults::default();
        models.extend(Model::resolve(input, options, all_read, &mut own));
        // What is wrong with the struct is wrong with each of its upserts, and said once.
        faults.merge(own);
    }
    check::names(&container.named, faults);
    check::verify(input, faults);
    models
}

impl<'a> Model<'a> {
    fn resolve(
        input: &'a parse::Input<'a>,
        options: &'a Options,
        all_read: bool,
        faults: &mut Faults,
    ) -> Option<Self> {
        let parse::Input {
            derive,
            container,
            fields,
        } = input;
        let is_main = options.name.is_none();
        let mut drafts = draft_columns(input, is_main, faults);
        // A named upsert that says nothing of a target has the default one's.
        let inherits = !is_main && !options.names_target();
        let target_options = if inherits { &container.main } else { options };
        if inherits {
            mark_keys(fields, &mut drafts);
        }
        let target = target::resolve(target_options, fields, &mut drafts, faults);
        apply_lists(input, options, &mut drafts, faults);
        if all_read {
            let place = options
                .name
                .as_ref()
                .map_or(derive.ident.span(), LitStr::span);
            check::target(place, target_options, &target, &drafts, faults);
        }
        drafts
            .iter()
            .for_each(|draft| check::draft(draft, &target, all_read, faults));
        check::distinct_names(&drafts, faults);
        let output = resolve_output(options, fields, &drafts, faults);
        check::output(derive, &output, &drafts, faults);
        let scope = scope_columns(fields, &drafts);
        let soft_delete = options
            .soft_delete
            .as_ref()
            .and_then(|column| find(column, &drafts, fields, faults));
        check::soft_delete(options, soft_delete, all_read, &drafts, faults);
        let assignments = resolve_assignments(&drafts, &scope, options, soft_delete, faults);
        let guard = resolve_guard(options, fields, &drafts, &scope, soft_delete, faults);
        let inserts = resolve_inserts(&drafts, &scope, soft_delete, faults);
        check::skip_unchanged(options, &assignments, &inserts, faults);
        check::cycles(&assignments, &guard, &drafts, &inserts, faults);
        let table = resolve_table(container.table.as_ref(), &derive.ident, faults)?;
        let columns: Vec<_> = drafts
            .into_iter()
            .zip(inserts)
            .map(|(draft, insert)| draft.into_column(insert))
            .collect();
        let binds = resolve_binds(&columns, &assignments, &guard);
        let column_of = |field: usize| columns.iter().position(|column| column.field == field);
        let fields = fields.iter().enumerate().map(|(index, field)| Field {
            ident: field.ident,
            ty: field.ty,
            json: field.json.is_some(),
            param: field.param.is_some(),
            column: column_of(index),
        });
        Some(Self {
            derive,
            verify: container.verify,
            name: options.name.as_ref(),
            table,
            fields: fields.collect(),
            columns,
            binds,
            target,
            target_options,
            assignments,
            guard,
            output,
            bulk: options.bulk.as_ref().map(|(bulk, _)| *bulk),
        })
    }
}

fn resolve_table(table: Option<&LitStr>, ident: &Ident, faults: &mut Faults) -> Option<Table> {
    let Some(literal) = table else {
        let name = names::table_of(&ident.unraw().to_string());
        return Some(Table { schema: None, name });
    };
    let text = literal.value();
    let parts: Vec<&str> = text.split('.').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || part.contains('\0'))
    {
        faults.at(
            literal.span(),
            "the table has no name; write `table = \"users\"` or `table = \"auth.users\"`",
        );
        return None;
    }
    match parts[..] {
        [name] => Some(Table {
            schema: None,
            name: name.to_owned(),
        }),
        [schema, name] => Some(Table {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
        }),
        _ => {
            faults.at(
                literal.span(),
                "a table is named `table` or `schema.table`, not deeper",
            );
            None
        }
    }
}

fn resolve_output<'a>(
    options: &'a Options,
    fields: &[parse::Field],
    drafts: &[Draft],
    faults: &mut Faults,
) -> Output<'a> {
    let all = || (0..drafts.len()).collect::<Vec<_>>();
    let mut find_all = |columns: &[Named]| -> Vec<usize> {
        columns
            .iter()
            .filter_map(|column| find(column, drafts, fields, faults))
            .collect()
    };
    match &options.returning {
        None => Output::This(all()),
        Some(parse::Returning::Columns(columns)) => match find_all(columns)[..] {
            [column] => Output::Scalar(column),
            ref columns => Output::Tuple(columns.to_vec()),
        },
        Some(parse::Returning::Type(ty, None)) => Output::FromRow(ty, all()),
        Some(parse::Returning::Type(ty, Some(columns))) => Output::FromRow(ty, find_all(columns)),
    }
}

/// What expressions see: the columns, and the fields marked `param`.
fn scope_columns(fields: &[parse::Field], drafts: &[Draft]) -> Vec<ScopeColumn> {
    let columns = drafts
        .iter()
        .enumerate()
        .map(|(column, draft)| ScopeColumn {
            names: [draft.name.clone(), draft.ident.unraw().to_string()],
            kind: draft.kind(),
            column: Some(column),
            field: draft.field,
            generated: !draft.generated.is_empty(),
            plain: draft.insert.is_none() && draft.word(RuleWord::Now).is_none(),
        });
    let params = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| field.param.is_some());
    let params = params.map(|(index, field)| {
        let name = field.ident.unraw().to_string();
        ScopeColumn {
            names: [name.clone(), name],
            kind: if field.json.is_some() {
                Kind::Document
            } else {
                types::kind(field.ty)
            },
            column: None,
            field: index,
            generated: false,
            plain: true,
        }
    });
    columns.chain(params).collect()
}

/// All rules are sugar for an expression; a column of which nothing is said is replaced by the new value.
fn resolve_assignments(
    drafts: &[Draft],
    scope: &[ScopeColumn],
    options: &Options,
    soft_delete: Option<usize>,
    faults: &mut Faults,
) -> Vec<Assignment> {
    let assigned = drafts.iter().enumerate().filter(|(_, draft)| {
        draft.key.is_empty()
            && draft.generated.is_empty()
            && draft.word(RuleWord::InsertOnly).is_none()
    });
    let mut assignments = Vec::new();
    for (column, draft) in assigned {
        if Some(column) == soft_delete {
            let revives = matches!(options.on_deleted, Some((OnDeleted::Revive, _)));
            assignments.extend(revives.then_some(Assignment {
                column,
                value: Expr::Null,
            }));
            continue;
        }
        let value = match draft.rules.first() {
            None if types::patch_inner(draft.ty).is_some() => {
                Some(Expr::patch(column, draft.field))
            }
            None | Some(Rule::Word(RuleWord::Now | RuleWord::InsertOnly, _)) => {
                Some(Expr::new(column))
            }
            Some(Rule::Word(RuleWord::Accumulate, _)) => Some(Expr::accumulate(column)),
            Some(Rule::Word(RuleWord::Coalesce, _)) => Some(Expr::coalesce(column)),
            Some(Rule::Word(RuleWord::Greatest, _)) => Some(Expr::call(
                Function::Greatest,
                [Expr::old(column), Expr::new(column)],
            )),
            Some(Rule::Word(RuleWord::Least, _)) => Some(Expr::call(
                Function::Least,
                [Expr::old(column), Expr::new(column)],
            )),
            Some(Rule::Update(expr, _) | Rule::Set(expr, _)) => {
                let scope = Scope {
                    columns: scope,
                    clock: draft.kind().clock(),
                    place: Place::Update,
                };
                read_for(draft, expr, &scope, faults)
            }
        };
        assignments.extend(value.map(|value| Assignment { column, value }));
    }
    assignments
}

/// Reads an expression, and makes sure that its value suits the column.
fn read_for(draft: &Draft, expr: &SynExpr, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let value = expr::read(expr, scope, faults)?;
    check::suits(draft, value.kind(scope), expr, faults);
    Some(value)
}

fn resolve_guard(
    options: &Options,
    fields: &[parse::Field],
    drafts: &[Draft],
    scope: &[ScopeColumn],
    soft_delete: Option<usize>,
    faults: &mut Faults,
) -> Guard {
    let mut conditions = Vec::new();
    if let Some(condition) = &options.update_where {
        let clock = Some(Clock::Instant);
        let scope = Scope {
            columns: scope,
            clock,
            place: Place::Update,
        };
        conditions.extend(expr::read_condition(condition, &scope, faults));
    }
    if let Some(column) = &options.newer {
        let found = find(column, drafts, fields, faults);
        check::newer(column, found.map(|column| &drafts[column]), faults);
        conditions.extend(found.map(|column| Expr::greater(Expr::new(column), Expr::old(column))));
    }
    let mut must_be_null = None;
    if let (Some(column), Some((on_deleted, _))) = (soft_delete, options.on_deleted) {
        match on_deleted {
            OnDeleted::Revive => {}
            OnDeleted::Keep => conditions.push(Expr::null_test(Expr::old(column))),
            OnDeleted::Error => must_be_null = Some(column),
        }
    }
    Guard {
        condition: conditions
            .into_iter()
            .reduce(|one, two| Expr::And(Box::new(one), Box::new(two))),
        skip_unchanged: options.skip_unchanged.is_some(),
        must_be_null,
    }
}

/// Where each column's value for the insert comes from.
fn resolve_inserts(
    drafts: &[Draft],
    scope: &[ScopeColumn],
    soft_delete: Option<usize>,
    faults: &mut Faults,
) -> Vec<Insert> {
    let insert = |(column, draft): (usize, &Draft)| {
        if !draft.generated.is_empty() {
            return Insert::Generated;
        }
        if Some(column) == soft_delete {
            return Insert::Computed(Expr::Null);
        }
        if let Some(expr) = draft.insert {
            let scope = Scope {
                columns: scope,
                clock: draft.kind().clock(),
                place: Place::Insert,
            };
            // Its own field is bound like any other.
            let own = scope_with_plain(&scope, draft.field);
            let scope = Scope {
                columns: &own,
                ..scope
            };
            return read_for(draft, expr, &scope, faults).map_or(Insert::Field, Insert::Computed);
        }
        if draft.word(RuleWord::Now).is_some() {
            return Insert::Clock(draft.kind().clock().unwrap_or(Clock::Instant));
        }
        if types::patch_inner(draft.ty).is_some() {
            Insert::Patch
        } else {
            Insert::Field
        }
    };
    drafts.iter().enumerate().map(insert).collect()
}

fn scope_with_plain(scope: &Scope, field: usize) -> Vec<ScopeColumn> {
    let columns = scope.columns.iter().map(|column| ScopeColumn {
        names: column.names.clone(),
        plain: column.plain || column.field == field,
        ..*column
    });
    columns.collect()
}

/// The values of the columns first, in their order, then what only expressions read.
fn resolve_binds(columns: &[Column], assignments: &[Assignment], guard: &Guard) -> Vec<Bind> {
    let mut binds = Vec::new();
    let mut later = Vec::new();
    for column in columns {
        match &column.insert {
            Insert::Field => binds.push(Bind::Value(column.field)),
            Insert::Patch => {
                binds.push(Bind::Value(column.field));
                later.push(Bind::IsSet(column.field));
            }
            Insert::Computed(expr) => {
                let mut fields = Vec::new();
                expr.reads_bound(&mut fields);
                later.extend(fields.into_iter().map(Bind::Value));
            }
            Insert::Clock(_) | Insert::Generated => {}
        }
    }
    let mut fields = Vec::new();
    assignments
        .iter()
        .for_each(|assignment| assignment.value.reads_bound(&mut fields));
    guard
        .condition
        .iter()
        .for_each(|condition| condition.reads_bound(&mut fields));
    for bind in later.into_iter().chain(fields.into_iter().map(Bind::Value)) {
        if !binds.contains(&bind) {
            binds.push(bind);
        }
    }
    binds
}
