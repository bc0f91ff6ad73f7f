//! Expressions: Rust tokens as a small tree, resolved against the columns of the struct.

mod functions;
mod raw;
mod read;

pub(crate) use functions::{CastTo, Function};
pub(crate) use raw::{Piece, Raw};
pub(crate) use read::{Place, Scope, ScopeColumn, alike, read, read_condition};

use crate::types::{Clock, Kind};

/// A value that the database computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// `old.x`, or `new.x` of a column; the index is the column's.
    Column(Side, usize),
    /// `new.x` of a field whose value is only bound: the index is the field's.
    Bound(usize),
    /// Whether a `Patch` field is `Set`: the index is the field's.
    IsSet(usize),
    /// An integer, checked to fit 64 bits.
    Integer(u64),
    /// A number with a fraction, as it was written.
    Float(String),
    Text(String),
    Bool(bool),
    Null,
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<[Expr; 3]>),
    Call(Function, Vec<Expr>),
    Cast(Box<Expr>, CastTo),
    /// The database's clock, in the form of the column it is for.
    Now(Clock),
    /// Literal SQL.
    Raw(Raw),
}

/// Which row a column is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The stored row.
    Old,
    /// The proposed row.
    New,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expr {
    pub(crate) fn old(column: usize) -> Self {
        Self::Column(Side::Old, column)
    }

    pub(crate) fn new(column: usize) -> Self {
        Self::Column(Side::New, column)
    }

    pub(crate) fn call(function: Function, values: impl Into<Vec<Self>>) -> Self {
        Self::Call(function, values.into())
    }

    /// `accumulate`: NULL on either side counts as nothing.
    pub(crate) fn accumulate(column: usize) -> Self {
        let (old, new) = (Self::old(column), Self::new(column));
        let sum = Self::Binary(Operator::Add, Box::new(old.clone()), Box::new(new.clone()));
        Self::call(Function::Coalesce, [sum, new, old])
    }

    /// `coalesce`: kept when the new value is NULL.
    pub(crate) fn coalesce(column: usize) -> Self {
        Self::call(Function::Coalesce, [Self::new(column), Self::old(column)])
    }

    /// A `Patch`: kept unless it is `Set`.
    pub(crate) fn patch(column: usize, field: usize) -> Self {
        Self::If(Box::new([
            Self::IsSet(field),
            Self::new(column),
            Self::old(column),
        ]))
    }

    pub(crate) fn greater(one: Self, two: Self) -> Self {
        Self::Compare(Comparison::Greater, Box::new(one), Box::new(two))
    }

    pub(crate) fn null_test(value: Self) -> Self {
        Self::call(Function::IsNull, [value])
    }

    /// Whether it is a number without columns.
    fn is_literal(&self) -> bool {
        match self {
            Self::Integer(_) | Self::Float(_) => true,
            Self::Negate(inner) => inner.is_literal(),
            Self::Binary(_, left, right) => left.is_literal() && right.is_literal(),
            _ => false,
        }
    }

    /// The expressions that this one is made of.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Column(..)
            | Self::Bound(_)
            | Self::IsSet(_)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Now(_)
            | Self::Raw(_) => Vec::new(),
            Self::Negate(inner) | Self::Not(inner) | Self::Cast(inner, _) => vec![inner],
            Self::Binary(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => vec![left, right],
            Self::If(parts) => parts.iter().collect(),
            Self::Call(_, values) => values.iter().collect(),
        }
    }

    /// The columns of the stored row that the value is computed from.
    pub(crate) fn reads_old(&self, found: &mut Vec<usize>) {
        match self {
            Self::Column(Side::Old, column) => found.push(*column),
            Self::Raw(raw) => found.extend(raw.columns(Side::Old)),
            _ => self
                .parts()
                .into_iter()
                .for_each(|part| part.reads_old(found)),
        }
    }

    /// The fields whose bound values it is computed from.
    pub(crate) fn reads_bound(&self, found: &mut Vec<usize>) {
        match self {
            Self::Bound(field) => found.push(*field),
            Self::Raw(raw) => found.extend(raw.bound()),
            _ => self
                .parts()
                .into_iter()
                .for_each(|part| part.reads_bound(found)),
        }
    }

    /// Whether it is, or hands on, one of which `is` holds: the values between which a function or a condition chooses.
    fn hands_on(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        let chosen: &[Self] = match self {
            Self::If(parts) => &parts[1..],
            Self::Call(
                Function::Coalesce | Function::Greatest | Function::Least | Function::NullIf,
                values,
            ) => values,
            _ => &[],
        };
        is(self) || chosen.iter().any(|value| value.hands_on(is))
    }

    /// Whether it asks which of two values is greater, of a column or a bound field that `has_no_order`.
    pub(crate) fn orders(&self, has_no_order: &dyn Fn(&Self) -> bool) -> bool {
        let asks = match self {
            Self::Compare(comparison, ..) => {
                !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
            }
            Self::Call(function, _) => matches!(function, Function::Greatest | Function::Least),
            _ => false,
        };
        let parts = self.parts();
        (asks && parts.iter().any(|part| part.hands_on(has_no_order)))
            || parts.iter().any(|part| part.orders(has_no_order))
    }

    /// Whether some text literal in it is `like` that.
    pub(crate) fn has_text(&self, like: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Text(text) => like(text),
            _ => self.parts().into_iter().any(|part| part.has_text(like)),
        }
    }

    /// Whether it divides.
    pub(crate) fn divides(&self) -> bool {
        matches!(
            self,
            Self::Binary(Operator::Divide | Operator::Remainder, ..)
        ) || self.parts().into_iter().any(Self::divides)
    }

    /// The raw pieces of SQL in it.
    pub(crate) fn raws<'a>(&'a self, found: &mut Vec<&'a Raw>) {
        match self {
            Self::Raw(raw) => found.push(raw),
            _ => self.parts().into_iter().for_each(|part| part.raws(found)),
        }
    }

    /// What kind of value it is, as far as the fields' types tell.
    pub(crate) fn kind(&self, kinds: &dyn Kinds) -> Kind {
        match self {
            Self::Column(_, column) => kinds.of_column(*column),
            Self::Bound(field) => kinds.of_field(*field),
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Text(_) => Kind::Text,
            Self::Null | Self::Raw(_) => Kind::Unknown,
            Self::Bool(_)
            | Self::IsSet(_)
            | Self::Not(_)
            | Self::Compare(..)
            | Self::And(..)
            | Self::Or(..) => Kind::Bool,
            Self::Negate(inner) => inner.kind(kinds),
            Self::Binary(_, left, right) => common([&**left, &**right], kinds),
            Self::If(parts) => common([&parts[1], &parts[2]], kinds),
            Self::Call(function, values) => function.kind(values, kinds),
            Self::Cast(_, to) => to.kind(),
            Self::Now(Clock::Seconds) => Kind::Integer,
            Self::Now(clock) => Kind::Time(*clock),
        }
    }
}

/// What is known of the types of columns and fields.
pub(crate) trait Kinds {
    fn of_column(&self, column: usize) -> Kind;
    fn of_field(&self, field: usize) -> Kind;
}

/// The kind that values of one place in an expression have together. NULL goes with anything, and a literal with a fraction is
/// a decimal beside a decimal.
fn common<'a>(values: impl IntoIterator<Item = &'a Expr>, kinds: &dyn Kinds) -> Kind {
    let (literals, others): (Vec<_>, Vec<_>) = values
        .into_iter()
        .filter(|value| **value != Expr::Null)
        .partition(|value| value.is_literal());
    let together = |values: Vec<&Expr>| {
        let kinds = values.into_iter().map(|value| value.kind(kinds));
        kinds.reduce(wider)
    };
    match (together(others), together(literals)) {
        (Some(Kind::Decimal), Some(Kind::Float)) => Kind::Decimal,
        (Some(one), Some(two)) => wider(one, two),
        (one, two) => one.or(two).unwrap_or(Kind::Unknown),
    }
}

/// The kind of an operation on two kinds.
fn wider(one: Kind, two: Kind) -> Kind {
    match (one, two) {
        (one, two) if one == two => one,
        (Kind::Integer, other @ (Kind::Float | Kind::Decimal))
        | (other @ (Kind::Float | Kind::Decimal), Kind::Integer) => other,
        (Kind::Float, Kind::Decimal) | (Kind::Decimal, Kind::Float) => Kind::Float,
        _ => Kind::Unknown,
    }
}
