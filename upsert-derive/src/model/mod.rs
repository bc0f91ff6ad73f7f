//! What the user meant: the struct as a table, its columns, a conflict target and assignments.

mod draft;
mod resolve;

pub(crate) use crate::parse::Bulk;
pub(crate) use draft::{Draft, find, rule_span};
pub(crate) use resolve::resolve;

use syn::{DeriveInput, Ident, LitStr, Type};

use crate::expr::{Expr, Kinds};
use crate::parse::{Options, Verify};
use crate::target::Target;
use crate::types::{self, Clock, Kind};

/// A checked upsert.
pub(crate) struct Model<'a> {
    pub derive: &'a DeriveInput,
    /// The database that looks at the statements while compiling, if any does.
    pub verify: Option<Verify>,
    /// The name of a named upsert.
    pub name: Option<&'a LitStr>,
    pub table: Table,
    pub fields: Vec<Field<'a>>,
    pub columns: Vec<Column<'a>>,
    /// What is bound, in order: the columns' values, then what only expressions read.
    pub binds: Vec<Bind>,
    pub target: Target,
    /// The words by which the target was given.
    pub target_options: &'a Options,
    /// What DO UPDATE sets; empty for a struct that is nothing but its key.
    pub assignments: Vec<Assignment>,
    pub guard: Guard,
    pub output: Output<'a>,
    /// How PostgreSQL is to take many rows, where the user says so.
    pub bulk: Option<Bulk>,
}

pub(crate) struct Table {
    pub schema: Option<String>,
    pub name: String,
}

/// A field of the struct; one marked `skip` or `param` has no column.
pub(crate) struct Field<'a> {
    pub ident: &'a Ident,
    pub ty: &'a Type,
    pub json: bool,
    /// Marked `param`: a value for the rules, without a column.
    pub param: bool,
    pub column: Option<usize>,
}

pub(crate) struct Column<'a> {
    pub ty: &'a Type,
    pub field: usize,
    pub name: String,
    pub json: bool,
    pub insert: Insert,
    /// Where `accumulate` asks something of the type.
    pub accumulates: bool,
}

/// Where the insert's value comes from.
#[derive(Clone, PartialEq)]
pub(crate) enum Insert {
    Field,
    /// A `Patch` field: the column's default where it is kept and the database can say so.
    Patch,
    Clock(Clock),
    Computed(Expr),
    /// The database makes the value.
    Generated,
}

/// Something that is bound; the number is the field's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bind {
    Value(usize),
    /// Whether a `Patch` field is `Set`.
    IsSet(usize),
}

/// One `column = value` of DO UPDATE.
pub(crate) struct Assignment {
    pub column: usize,
    pub value: Expr,
}

/// What decides whether a conflicting row is updated.
#[derive(Default)]
pub(crate) struct Guard {
    pub condition: Option<Expr>,
    /// Whether nothing is written when no column would change.
    pub skip_unchanged: bool,
    /// A column that must be NULL, or the call is an error.
    pub must_be_null: Option<usize>,
}

/// What comes back; the numbers are columns.
pub(crate) enum Output<'a> {
    This(Vec<usize>),
    Scalar(usize),
    Tuple(Vec<usize>),
    FromRow(&'a Type, Vec<usize>),
}

impl<'a> Model<'a> {
    /// The columns that the insert names.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = &Column<'a>> {
        self.columns
            .iter()
            .filter(|column| column.insert != Insert::Generated)
    }

    /// The place of a bind, counted from one.
    pub(crate) fn bind_number(&self, bind: Bind) -> usize {
        self.binds
            .iter()
            .position(|other| *other == bind)
            .map_or(0, |place| place + 1)
    }

    /// The columns that come back, in order.
    pub(crate) fn returned(&self) -> impl Iterator<Item = &Column<'a>> {
        self.output
            .columns()
            .iter()
            .map(|&column| &self.columns[column])
    }

    /// The columns that come back of many rows: those of the key too, by which each finds its place.
    pub(crate) fn returned_with_key(&self) -> Vec<usize> {
        let mut columns = self.output.columns().to_vec();
        for key in self.target.occurrences() {
            if !columns.contains(&key) {
                columns.push(key);
            }
        }
        columns
    }

    /// Whether no statement takes many rows: a `Patch` says for each row which columns it sets, which a statement says once, and
    /// a query does not see the rows that its own statement has written.
    pub(crate) fn goes_row_by_row(&self) -> bool {
        self.binds.is_empty()
            || self.has_params()
            || self.has_query()
            || self.binds.iter().any(|bind| matches!(bind, Bind::IsSet(_)))
    }

    /// Whether literal SQL looks at other rows, of this table or another.
    pub(crate) fn has_query(&self) -> bool {
        let mut raws = Vec::new();
        self.expressions().for_each(|expr| expr.raws(&mut raws));
        raws.iter().any(|raw| raw.has_query())
    }

    /// Whether there are values without columns, of which a statement takes one.
    pub(crate) fn has_params(&self) -> bool {
        self.fields.iter().any(|field| field.param)
    }

    /// Whether a conflicting row may be left alone.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guard.condition.is_some() || self.guard.skip_unchanged
    }

    /// All expressions that an update evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let computed = self
            .columns
            .iter()
            .filter_map(|column| match &column.insert {
                Insert::Computed(expr) => Some(expr),
                _ => None,
            });
        let assigned = self.assignments.iter().map(|assignment| &assignment.value);
        computed.chain(assigned).chain(&self.guard.condition)
    }
}

impl Kinds for Model<'_> {
    fn of_column(&self, column: usize) -> Kind {
        self.columns[column].kind()
    }

    fn of_field(&self, field: usize) -> Kind {
        let field = &self.fields[field];
        if field.json {
            Kind::Document
        } else {
            types::kind(field.ty)
        }
    }
}

impl Column<'_> {
    /// What kind of value it holds; a document is none that can be computed with.
    pub(crate) fn kind(&self) -> Kind {
        if self.json {
            Kind::Document
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
