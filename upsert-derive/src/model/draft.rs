//! A column on its way into the model: everything that was said about it, by its field and by the struct's lists.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr as SynExpr, Ident, LitStr, Type};

use super::{Column, Insert};
use crate::check;
use crate::diagnostics::{Faults, did_you_mean};
use crate::names;
use crate::parse::{self, Named, Options, Rule, RuleWord};
use crate::types::{self, Kind};

/// A column with everything that was said about it, before it is known to make sense.
pub(crate) struct Draft<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub field: usize,
    pub name: String,
    pub json: bool,
    pub key: Vec<Span>,
    pub generated: Vec<Span>,
    pub rules: Vec<Rule>,
    pub insert: Option<&'a SynExpr>,
}

impl<'a> Draft<'a> {
    /// The rule with this word, if it was given.
    pub(crate) fn word(&self, word: RuleWord) -> Option<Span> {
        self.rules.iter().find_map(|rule| match rule {
            Rule::Word(found, span) if *found == word => Some(*span),
            _ => None,
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.json {
            Kind::Document
        } else {
            types::kind(self.ty)
        }
    }

    pub(super) fn into_column(self, insert: Insert) -> Column<'a> {
        let accumulates = self.word(RuleWord::Accumulate).is_some();
        let Self {
            ty,
            field,
            name,
            json,
            ..
        } = self;
        Column {
            ty,
            field,
            name,
            json,
            insert,
            accumulates,
        }
    }
}

/// Where an expression of the user's stands, for messages about several at once.
pub(crate) fn rule_span(draft: &Draft) -> Option<Span> {
    draft.rules.first().map(|rule| match rule {
        Rule::Update(expr, _) | Rule::Set(expr, _) => expr.span(),
        Rule::Word(_, span) => *span,
    })
}

/// A draft for each field that has a column. Rules that stand on fields are the default upsert's.
pub(super) fn draft_columns<'a>(
    input: &'a parse::Input<'a>,
    is_main: bool,
    faults: &mut Faults,
) -> Vec<Draft<'a>> {
    let rename_all = input.container.rename_all.as_ref().map(LitStr::value);
    let mut drafts = Vec::new();
    for (index, field) in input.fields.iter().enumerate() {
        let parse::Field {
            ident,
            ty,
            conflict,
            generated,
            rules,
            insert,
            param,
            rename,
            skip,
            json,
        } = field;
        if skip.is_some() || param.is_some() {
            check::without_column(field, faults);
            continue;
        }
        drafts.push(Draft {
            ident,
            ty,
            field: index,
            name: column_name(ident, rename.as_ref(), rename_all.as_deref()),
            json: json.is_some(),
            key: conflict.iter().copied().filter(|_| is_main).collect(),
            generated: generated.iter().copied().collect(),
            rules: if is_main { rules.clone() } else { Vec::new() },
            insert: insert.as_ref(),
        });
    }
    drafts
}

pub(super) fn mark_keys(fields: &[parse::Field], drafts: &mut [Draft]) {
    for draft in drafts {
        draft.key.extend(fields[draft.field].conflict);
    }
}

fn column_name(ident: &Ident, rename: Option<&LitStr>, rename_all: Option<&str>) -> String {
    let field = ident.unraw().to_string();
    match (rename, rename_all) {
        (Some(name), _) => name.value(),
        (None, Some(rule)) => names::rename(rule, &field).unwrap_or(field),
        (None, None) => field,
    }
}

/// Gives the words of the struct's lists to the columns they name.
pub(super) fn apply_lists(
    input: &parse::Input,
    options: &Options,
    drafts: &mut [Draft],
    faults: &mut Faults,
) {
    let parse::Input {
        container, fields, ..
    } = input;
    for column in &container.generated {
        if let Some(index) = find(column, drafts, fields, faults) {
            drafts[index].generated.push(column.span);
        }
    }
    for (rule, column) in &options.rules {
        if let Some(index) = find(column, drafts, fields, faults) {
            drafts[index].rules.push(Rule::Word(*rule, column.span));
        }
    }
    for (column, value) in &options.set {
        let named = Named {
            name: column.unraw().to_string(),
            span: column.span(),
        };
        if let Some(index) = find(&named, drafts, fields, faults) {
            drafts[index]
                .rules
                .push(Rule::Set(Box::new(value.clone()), column.span()));
        }
    }
}

/// The column of this name.
pub(crate) fn find(
    column: &Named,
    drafts: &[Draft],
    fields: &[parse::Field],
    faults: &mut Faults,
) -> Option<usize> {
    let found = drafts.iter().position(|draft| draft.name == column.name);
    if found.is_none() {
        faults.at(column.span, no_column(&column.name, drafts, fields));
    }
    found
}

/// What is said of a name that is no column's.
fn no_column(name: &str, drafts: &[Draft], fields: &[parse::Field]) -> String {
    let draft = drafts.iter().find(|draft| draft.ident.unraw() == name);
    let field = fields.iter().find(|field| field.ident.unraw() == name);
    let advice = match (draft, field) {
        (Some(draft), _) => format!(
            "; the field `{}` is the column `{}`",
            draft.ident, draft.name
        ),
        (None, Some(field)) if field.param.is_some() => {
            return format!(
                "`{name}` is a `param`, which has no column; name a column, whose rule may read the value as `new.{name}`"
            );
        }
        (None, Some(_)) => {
            return format!(
                "`{name}` is skipped, so it has no column; take `skip` away, or name another"
            );
        }
        (None, None) => did_you_mean(name, drafts.iter().map(|draft| draft.name.as_str())),
    };
    format!("`{name}` is not a column of this struct{advice}")
}
