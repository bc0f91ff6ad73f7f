//! The functions of expressions: their names, what they take and what kind of value they give.

use super::{Expr, Kinds, common};
use crate::types::Kind;

/// A function that means the same on every database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Coalesce,
    Greatest,
    Least,
    NullIf,
    IsNull,
    Distinct,
    Concat,
    Lower,
    Upper,
    Length,
    Abs,
    Round,
}

/// What the arguments of a function must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Anything,
    Numbers,
    Texts,
}

/// What `cast` turns a value into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CastTo {
    Text,
    Integer,
    Float,
}

impl Function {
    pub(super) const ALL: [(&'static str, Self); 12] = [
        ("coalesce", Self::Coalesce),
        ("greatest", Self::Greatest),
        ("least", Self::Least),
        ("nullif", Self::NullIf),
        ("is_null", Self::IsNull),
        ("distinct", Self::Distinct),
        ("concat", Self::Concat),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("length", Self::Length),
        ("abs", Self::Abs),
        ("round", Self::Round),
    ];

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(found, _)| *found == name)
            .map(|(_, function)| function)
    }

    /// The fewest and the most arguments, and a call to show.
    pub(super) fn arity(self) -> (usize, usize, &'static str) {
        const MANY: usize = usize::MAX;
        match self {
            Self::Coalesce => (2, MANY, "coalesce(new.age, old.age)"),
            Self::Greatest => (2, MANY, "greatest(old.high, new.high)"),
            Self::Least => (2, MANY, "least(old.low, new.low)"),
            Self::NullIf => (2, 2, "nullif(new.name, \"\")"),
            Self::IsNull => (1, 1, "is_null(old.deleted_at)"),
            Self::Distinct => (2, 2, "distinct(old.name, new.name)"),
            Self::Concat => (2, MANY, "concat(old.log, new.log)"),
            Self::Lower => (1, 1, "lower(new.email)"),
            Self::Upper => (1, 1, "upper(new.code)"),
            Self::Length => (1, 1, "length(new.name)"),
            Self::Abs => (1, 1, "abs(new.delta)"),
            Self::Round => (1, 1, "round(new.price)"),
        }
    }

    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Concat | Self::Lower | Self::Upper | Self::Length => Takes::Texts,
            Self::Abs | Self::Round => Takes::Numbers,
            _ => Takes::Anything,
        }
    }

    /// Whether all that gives the result its kind is NULL.
    pub(super) fn needs_a_value(self, values: &[Expr]) -> bool {
        match self {
            Self::NullIf | Self::Abs | Self::Round => values[0] == Expr::Null,
            Self::Coalesce | Self::Greatest | Self::Least => {
                values.iter().all(|value| *value == Expr::Null)
            }
            _ => false,
        }
    }

    pub(super) fn kind(self, values: &[Expr], kinds: &dyn Kinds) -> Kind {
        match self {
            Self::Coalesce | Self::Greatest | Self::Least => common(values, kinds),
            Self::NullIf | Self::Abs | Self::Round => common(&values[..1], kinds),
            Self::IsNull | Self::Distinct => Kind::Bool,
            Self::Concat | Self::Lower | Self::Upper => Kind::Text,
            Self::Length => Kind::Integer,
        }
    }
}

impl Takes {
    pub(super) fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Anything => true,
            Self::Numbers => kind.is_number(),
            Self::Texts => matches!(kind, Kind::Text | Kind::Unknown),
        }
    }

    pub(super) fn complaint(self) -> &'static str {
        match self {
            Self::Anything => "this cannot stand here",
            Self::Numbers => "this is not a number, and only numbers can be computed with",
            Self::Texts => "this is not a text; `cast(…, \"text\")` makes one of a number",
        }
    }
}

impl CastTo {
    pub(super) const ALL: [(&'static str, Self); 3] = [
        ("text", Self::Text),
        ("integer", Self::Integer),
        ("float", Self::Float),
    ];

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Integer => Kind::Integer,
            Self::Float => Kind::Float,
        }
    }
}
