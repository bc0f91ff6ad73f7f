//! What the user meant: the struct as a table, its columns, a conflict target and assignments.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{DeriveInput, Ident, LitStr, Path, Type};

use crate::check;
use crate::diagnostics::{Faults, did_you_mean};
use crate::expr::{self, Expr, Scope, ScopeColumn};
use crate::names;
use crate::parse::{self, Named, Rule, RuleWord};
use crate::types::{self, Clock, Kind};

/// A checked upsert.
pub(crate) struct Model<'a> {
    pub derive: &'a DeriveInput,
    pub krate: Option<Path>,
    pub table: Table,
    pub fields: Vec<Field<'a>>,
    pub columns: Vec<Column<'a>>,
    /// The columns of the conflict target; never empty.
    pub target: Vec<usize>,
    /// What DO UPDATE sets; empty for a struct that is nothing but its key.
    pub assignments: Vec<Assignment>,
    pub output: Output<'a>,
}

pub(crate) struct Table {
    pub schema: Option<String>,
    pub name: String,
}

/// A field of the struct; one marked `skip` has no column.
pub(crate) struct Field<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub column: Option<usize>,
}

pub(crate) struct Column<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub name: String,
    pub json: bool,
    pub insert: Insert,
    /// Where `accumulate` asks something of the type.
    pub accumulates: bool,
}

/// Where the insert's value comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insert {
    Field,
    Clock(Clock),
    /// The database makes the value.
    Generated,
}

/// One `column = value` of DO UPDATE.
pub(crate) struct Assignment {
    pub column: usize,
    pub value: Expr,
}

/// What comes back; the numbers are columns.
pub(crate) enum Output<'a> {
    This(Vec<usize>),
    Scalar(usize),
    Tuple(Vec<usize>),
    FromRow(&'a Type, Vec<usize>),
}

/// A column with everything that was said about it, before it is known to make sense.
pub(crate) struct Draft<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub name: String,
    pub json: bool,
    pub key: Vec<Span>,
    pub generated: Vec<Span>,
    pub rules: Vec<Rule>,
}

impl<'a> Model<'a> {
    /// Finds out what the attributes mean. Mistakes go to `faults`; the model is good only if there are none.
    pub(crate) fn resolve(input: &'a parse::Input<'a>, faults: &mut Faults) -> Option<Self> {
        let parse::Input {
            derive,
            container,
            fields,
        } = input;
        // A word that could not be read may be the target that is missing.
        let all_read = faults.is_empty();
        let (fields, mut drafts) = draft_columns(container, fields, faults);
        let target = apply_lists(container, &mut drafts, faults);
        if all_read {
            check::target(derive, container, &target, &drafts, faults);
        }
        drafts.iter().for_each(|draft| check::draft(draft, faults));
        check::distinct_names(&drafts, faults);
        let output = resolve_output(container, &drafts, faults);
        check::output(derive, &output, &drafts, faults);
        let assignments = resolve_assignments(&drafts, faults);
        check::cycles(&assignments, &drafts, faults);
        Some(Self {
            derive,
            krate: container.krate.clone(),
            table: resolve_table(container.table.as_ref(), &derive.ident, faults)?,
            fields,
            columns: drafts.into_iter().map(Draft::into_column).collect(),
            target,
            assignments,
            output,
        })
    }

    /// The columns that the insert names.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = &Column<'a>> {
        self.columns
            .iter()
            .filter(|column| column.insert != Insert::Generated)
    }

    /// The columns whose values are bound, in order.
    pub(crate) fn bound(&self) -> impl Iterator<Item = &Column<'a>> {
        self.columns
            .iter()
            .filter(|column| column.insert == Insert::Field)
    }

    pub(crate) fn target_columns(&self) -> impl Iterator<Item = &Column<'a>> {
        self.target.iter().map(|&column| &self.columns[column])
    }

    /// The columns that come back, in order.
    pub(crate) fn returned(&self) -> impl Iterator<Item = &Column<'a>> {
        self.output
            .columns()
            .iter()
            .map(|&column| &self.columns[column])
    }
}

impl Column<'_> {
    /// What kind of value it holds; a document is none that can be computed with.
    pub(crate) fn kind(&self) -> Kind {
        if self.json {
            Kind::Bytes
        } else {
            types::kind(self.ty)
        }
    }
}

impl Output<'_> {
    pub(crate) fn columns(&self) -> &[usize] {
        match self {
            Self::Scalar(column) => std::slice::from_ref(column),
            Self::This(columns) | Self::Tuple(columns) | Self::FromRow(_, columns) => columns,
        }
    }
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
            Kind::Bytes
        } else {
            types::kind(self.ty)
        }
    }

    fn into_column(self) -> Column<'a> {
        let insert = if !self.generated.is_empty() {
            Insert::Generated
        } else if self.word(RuleWord::Now).is_some() {
            Insert::Clock(self.kind().clock().unwrap_or(Clock::Instant))
        } else {
            Insert::Field
        };
        let accumulates = self.word(RuleWord::Accumulate).is_some();
        Column {
            ident: self.ident,
            ty: self.ty,
            name: self.name,
            json: self.json,
            insert,
            accumulates,
        }
    }
}

/// Fields in their order, and a draft for each that has a column.
fn draft_columns<'a>(
    container: &parse::Container,
    fields: &'a [parse::Field<'a>],
    faults: &mut Faults,
) -> (Vec<Field<'a>>, Vec<Draft<'a>>) {
    let rename_all = container.rename_all.as_ref().map(LitStr::value);
    let mut drafts = Vec::new();
    let fields = fields.iter().map(|field| {
        let parse::Field {
            ident,
            ty,
            conflict,
            generated,
            rules,
            rename,
            skip,
            json,
        } = field;
        if let Some(skip) = skip {
            check::skipped(field, *skip, faults);
            return Field {
                ident,
                ty,
                column: None,
            };
        }
        drafts.push(Draft {
            ident,
            ty,
            name: column_name(ident, rename.as_ref(), rename_all.as_deref()),
            json: json.is_some(),
            key: conflict.iter().copied().collect(),
            generated: generated.iter().copied().collect(),
            rules: rules.clone(),
        });
        Field {
            ident,
            ty,
            column: Some(drafts.len() - 1),
        }
    });
    let fields = fields.collect();
    (fields, drafts)
}

fn column_name(ident: &Ident, rename: Option<&LitStr>, rename_all: Option<&str>) -> String {
    let field = ident.unraw().to_string();
    match (rename, rename_all) {
        (Some(name), _) => name.value(),
        (None, Some(rule)) => names::rename(rule, &field).unwrap_or(field),
        (None, None) => field,
    }
}

/// Gives the words of the struct's lists to the columns they name, and the conflict target in its order.
fn apply_lists(
    container: &parse::Container,
    drafts: &mut [Draft],
    faults: &mut Faults,
) -> Vec<usize> {
    let mut target: Vec<usize> = (0..drafts.len())
        .filter(|&column| !drafts[column].key.is_empty())
        .collect();
    for column in container.conflict.iter().flat_map(|(_, columns)| columns) {
        if let Some(index) = find(column, drafts, faults) {
            drafts[index].key.push(column.span);
            if !target.contains(&index) {
                target.push(index);
            }
        }
    }
    for column in &container.generated {
        if let Some(index) = find(column, drafts, faults) {
            drafts[index].generated.push(column.span);
        }
    }
    for (rule, column) in &container.rules {
        if let Some(index) = find(column, drafts, faults) {
            drafts[index].rules.push(Rule::Word(*rule, column.span));
        }
    }
    target
}

/// The column of this name.
fn find(column: &Named, drafts: &[Draft], faults: &mut Faults) -> Option<usize> {
    let found = drafts.iter().position(|draft| draft.name == column.name);
    if found.is_none() {
        let advice = match drafts
            .iter()
            .find(|draft| draft.ident.unraw() == column.name)
        {
            Some(draft) => format!(
                "; the field `{}` is the column `{}`",
                draft.ident, draft.name
            ),
            None => did_you_mean(&column.name, drafts.iter().map(|draft| draft.name.as_str())),
        };
        faults.at(
            column.span,
            format!("`{}` is not a column of this struct{advice}", column.name),
        );
    }
    found
}

fn resolve_table(table: Option<&LitStr>, ident: &Ident, faults: &mut Faults) -> Option<Table> {
    let Some(literal) = table else {
        let name = names::table_of(&ident.unraw().to_string());
        return Some(Table { schema: None, name });
    };
    let text = literal.value();
    let parts: Vec<&str> = text.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
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
    container: &'a parse::Container,
    drafts: &[Draft],
    faults: &mut Faults,
) -> Output<'a> {
    let all = || (0..drafts.len()).collect::<Vec<_>>();
    let mut find_all = |columns: &[Named]| -> Vec<usize> {
        columns
            .iter()
            .filter_map(|column| find(column, drafts, faults))
            .collect()
    };
    match &container.returning {
        None => Output::This(all()),
        Some(parse::Returning::Columns(columns)) => match find_all(columns)[..] {
            [column] => Output::Scalar(column),
            ref columns => Output::Tuple(columns.to_vec()),
        },
        Some(parse::Returning::Type(ty, None)) => Output::FromRow(ty, all()),
        Some(parse::Returning::Type(ty, Some(columns))) => Output::FromRow(ty, find_all(columns)),
    }
}

/// All rules are sugar for an expression; what says nothing is replaced by the new value.
fn resolve_assignments(drafts: &[Draft], faults: &mut Faults) -> Vec<Assignment> {
    let columns: Vec<ScopeColumn> = drafts
        .iter()
        .map(|draft| ScopeColumn {
            names: [draft.name.clone(), draft.ident.unraw().to_string()],
            kind: draft.kind(),
            has_new: draft.generated.is_empty(),
        })
        .collect();
    let assigned = drafts.iter().enumerate().filter(|(_, draft)| {
        draft.key.is_empty()
            && draft.generated.is_empty()
            && draft.word(RuleWord::InsertOnly).is_none()
    });
    let mut assignments = Vec::new();
    for (column, draft) in assigned {
        let value = match draft.rules.first() {
            None | Some(Rule::Word(RuleWord::Now | RuleWord::InsertOnly, _)) => {
                Some(Expr::new(column))
            }
            Some(Rule::Word(RuleWord::Accumulate, _)) => Some(Expr::accumulate(column)),
            Some(Rule::Word(RuleWord::Coalesce, _)) => Some(Expr::coalesce(column)),
            Some(Rule::Update(expr, _)) => {
                let scope = Scope {
                    columns: &columns,
                    clock: draft.kind().clock(),
                };
                expr::read(expr, &scope, faults)
            }
        };
        assignments.extend(value.map(|value| Assignment { column, value }));
    }
    assignments
}
