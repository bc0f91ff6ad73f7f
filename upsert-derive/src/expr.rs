//! Rust tokens as a small tree: what `update = EXPR` may say, resolved against the columns of the struct.

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{BinOp, Lit, Member, UnOp};

use crate::diagnostics::{Faults, did_you_mean};
use crate::types::{Clock, Kind};

/// A value that the database computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// `old.x` or `new.x`; the index is the column's.
    Column(Side, usize),
    /// An integer, checked to fit 64 bits.
    Integer(u64),
    /// A number with a fraction, as it was written.
    Float(String),
    Text(String),
    Bool(bool),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Coalesce(Vec<Expr>),
    /// The database's clock, in the form of the column it is for.
    Now(Clock),
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
}

/// A column as expressions see it.
pub(crate) struct ScopeColumn {
    /// The column's name and the field's.
    pub names: [String; 2],
    pub kind: Kind,
    pub has_new: bool,
}

/// What an expression may speak of.
pub(crate) struct Scope<'a> {
    pub columns: &'a [ScopeColumn],
    /// The form of `now()`: that of the column the expression is for.
    pub clock: Option<Clock>,
}

impl Expr {
    pub(crate) fn old(column: usize) -> Self {
        Self::Column(Side::Old, column)
    }

    pub(crate) fn new(column: usize) -> Self {
        Self::Column(Side::New, column)
    }

    /// `accumulate`: NULL on either side counts as nothing.
    pub(crate) fn accumulate(column: usize) -> Self {
        let (old, new) = (Self::old(column), Self::new(column));
        let sum = Self::Binary(Operator::Add, Box::new(old.clone()), Box::new(new.clone()));
        Self::Coalesce(vec![sum, new, old])
    }

    /// `coalesce`: kept when the new value is NULL.
    pub(crate) fn coalesce(column: usize) -> Self {
        Self::Coalesce(vec![Self::new(column), Self::old(column)])
    }

    /// The columns of the stored row that the value is computed from.
    pub(crate) fn reads_old(&self, found: &mut Vec<usize>) {
        match self {
            Self::Column(Side::Old, column) => found.push(*column),
            Self::Column(Side::New, _)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Bool(_)
            | Self::Now(_) => {}
            Self::Negate(inner) => inner.reads_old(found),
            Self::Binary(_, left, right) => {
                left.reads_old(found);
                right.reads_old(found);
            }
            Self::Coalesce(values) => values.iter().for_each(|value| value.reads_old(found)),
        }
    }

    /// What kind of value it is, as far as the fields' types tell.
    pub(crate) fn kind(&self, kind_of: &dyn Fn(usize) -> Kind) -> Kind {
        match self {
            Self::Column(_, column) => kind_of(*column),
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Text(_) => Kind::Text,
            Self::Bool(_) => Kind::Bool,
            Self::Negate(inner) => inner.kind(kind_of),
            Self::Binary(_, left, right) => wider(left.kind(kind_of), right.kind(kind_of)),
            Self::Coalesce(values) => values
                .iter()
                .map(|value| value.kind(kind_of))
                .reduce(wider)
                .unwrap_or(Kind::Unknown),
            Self::Now(clock) => Kind::Time(*clock),
        }
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

/// Reads an expression. Every mistake goes to `faults`, at its own token; `None` when there was one.
pub(crate) fn read(expr: &syn::Expr, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    match expr {
        syn::Expr::Paren(inner) => read(&inner.expr, scope, faults),
        syn::Expr::Group(inner) => read(&inner.expr, scope, faults),
        syn::Expr::Lit(literal) => read_literal(&literal.lit, faults),
        syn::Expr::Field(field) => read_column(field, scope, faults),
        syn::Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            let inner = read(&unary.expr, scope, faults)?;
            if !kind(&inner, scope).is_number() {
                faults.over(expr, "only a number can be negated");
                return None;
            }
            Some(Expr::Negate(Box::new(inner)))
        }
        syn::Expr::Binary(binary) => read_binary(binary, scope, faults),
        syn::Expr::Call(call) => read_call(call, scope, faults),
        syn::Expr::Path(path) => {
            let name = path.path.get_ident().map(ToString::to_string);
            let name = name.filter(|name| column_named(scope, name).is_some());
            let advice = name.map_or_else(String::new, |name| {
                format!(": write `old.{name}` for the stored row's value or `new.{name}` for the proposed one's")
            });
            faults.over(expr, format!("a name alone means nothing here{advice}"));
            None
        }
        _ => {
            faults.over(
                expr,
                "SQL cannot say this; an expression is made of `old.column`, `new.column`, literals, `+ - * /`, `now()` and `coalesce(…)`",
            );
            None
        }
    }
}

fn kind(expr: &Expr, scope: &Scope) -> Kind {
    expr.kind(&|column| scope.columns[column].kind)
}

fn read_literal(literal: &Lit, faults: &mut Faults) -> Option<Expr> {
    match literal {
        Lit::Int(integer) => match integer.base10_parse::<u64>() {
            Ok(value) if value <= i64::MAX as u64 => Some(Expr::Integer(value)),
            _ => {
                faults.at(
                    integer.span(),
                    "an integer of SQL has 64 bits: at most 9223372036854775807",
                );
                None
            }
        },
        Lit::Float(float) => Some(Expr::Float(float.base10_digits().to_owned())),
        Lit::Bool(boolean) => Some(Expr::Bool(boolean.value)),
        Lit::Str(text) if text.value().contains('\0') => {
            faults.at(text.span(), "a text in SQL cannot hold a NUL character");
            None
        }
        Lit::Str(text) => Some(Expr::Text(text.value())),
        other => {
            faults.over(
                other,
                "SQL has no literal for this; use a number, a text in quotes, `true` or `false`",
            );
            None
        }
    }
}

fn column_named(scope: &Scope, name: &str) -> Option<usize> {
    let named = |which: usize| {
        scope
            .columns
            .iter()
            .position(|column| column.names[which] == name)
    };
    named(0).or_else(|| named(1))
}

fn read_column(field: &syn::ExprField, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let side = match &*field.base {
        syn::Expr::Path(path) if path.path.is_ident("old") => Side::Old,
        syn::Expr::Path(path) if path.path.is_ident("new") => Side::New,
        base => {
            faults.over(
                base,
                "a column is read from `old` (the stored row) or `new` (the proposed row)",
            );
            return None;
        }
    };
    let Member::Named(member) = &field.member else {
        faults.over(&field.member, "a column has a name, not a number");
        return None;
    };
    let name = member.unraw().to_string();
    let Some(column) = column_named(scope, &name) else {
        let names = scope.columns.iter().map(|column| column.names[0].as_str());
        let advice = did_you_mean(&name, names);
        faults.at(
            member.span(),
            format!("`{name}` is not a column of this struct{advice}"),
        );
        return None;
    };
    if side == Side::New && !scope.columns[column].has_new {
        faults.at(
            member.span(),
            format!("`{name}` is generated by the database, so the proposed row has no value for it; `old.{name}` is the stored one"),
        );
        return None;
    }
    Some(Expr::Column(side, column))
}

fn read_binary(binary: &syn::ExprBinary, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let (left, right) = (
        read(&binary.left, scope, faults),
        read(&binary.right, scope, faults),
    );
    let (left, right) = (left?, right?);
    let operator = match binary.op {
        BinOp::Add(_) => Operator::Add,
        BinOp::Sub(_) => Operator::Subtract,
        BinOp::Mul(_) => Operator::Multiply,
        BinOp::Div(_) => Operator::Divide,
        _ => {
            faults.over(
                binary.op,
                "this operator has no meaning here; use `+`, `-`, `*` or `/`",
            );
            return None;
        }
    };
    for (operand, tokens) in [(&left, &binary.left), (&right, &binary.right)] {
        if !kind(operand, scope).is_number() {
            faults.over(
                tokens,
                "this is not a number, and only numbers can be computed with",
            );
            return None;
        }
    }
    let either_unknown = [&left, &right]
        .iter()
        .any(|side| kind(side, scope) == Kind::Unknown);
    if operator == Operator::Divide && either_unknown {
        faults.at(
            binary.op.span(),
            "the derive cannot see whether this divides integers, and databases differ there; give the fields a type it knows (`i64`, `f64`, `Decimal`)",
        );
        return None;
    }
    Some(Expr::Binary(operator, Box::new(left), Box::new(right)))
}

/// The functions, for suggestions.
const FUNCTIONS: [&str; 2] = ["now", "coalesce"];

fn read_call(call: &syn::ExprCall, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    let name = match &*call.func {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    match name.as_deref() {
        Some("now") => {
            if !call.args.is_empty() {
                faults.over(&call.args, "`now()` takes nothing");
                return None;
            }
            let Some(clock) = scope.clock else {
                faults.over(
                    call,
                    "`now()` is a time, which this field's type cannot hold",
                );
                return None;
            };
            Some(Expr::Now(clock))
        }
        Some("coalesce") => {
            if call.args.len() < 2 {
                faults.over(
                    call,
                    "`coalesce` takes at least two values: `coalesce(new.age, old.age)`",
                );
                return None;
            }
            let values: Vec<_> = call
                .args
                .iter()
                .map(|value| read(value, scope, faults))
                .collect();
            values
                .into_iter()
                .collect::<Option<_>>()
                .map(Expr::Coalesce)
        }
        Some(name) => {
            let advice = did_you_mean(name, FUNCTIONS);
            faults.over(
                &call.func,
                format!("`{name}` is not a function that expressions have{advice}"),
            );
            None
        }
        None => {
            faults.over(&call.func, "this cannot be called in SQL");
            None
        }
    }
}
