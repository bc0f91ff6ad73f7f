//! Expressions as the test has them, independent of the derive's own, and how they are written in Rust.

use std::fmt;

/// Where the expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Update,
    Insert,
    Where,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    Int,
    Float,
    Text,
    Bool,
    Null,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
}

#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// `old` or `new`, and the field.
    Column(&'static str, &'static str, Ty),
    Literal(Value),
    Negate(Box<Tree>),
    Not(Box<Tree>),
    Binary(&'static str, Box<[Tree; 2]>),
    If(Box<[Tree; 3]>),
    Call(&'static str, Vec<Tree>),
    Cast(Box<Tree>, &'static str),
}

impl Tree {
    pub(super) fn ty(&self) -> Ty {
        match self {
            Self::Column(_, _, ty) => *ty,
            Self::Literal(value) => match value {
                Value::Null => Ty::Null,
                Value::Int(_) => Ty::Int,
                Value::Float(_) => Ty::Float,
                Value::Text(_) => Ty::Text,
                Value::Bool(_) => Ty::Bool,
            },
            Self::Negate(inner) => inner.ty(),
            Self::Not(_) => Ty::Bool,
            Self::Binary("+" | "-" | "*" | "/" | "%", sides) => common(&sides[..]),
            Self::Binary(..) => Ty::Bool,
            Self::If(parts) => common(&parts[1..]),
            Self::Call("is_null" | "distinct", _) => Ty::Bool,
            Self::Call("length", _) => Ty::Int,
            Self::Call("concat" | "lower" | "upper", _) => Ty::Text,
            Self::Call("nullif" | "abs" | "round", values) => values[0].ty(),
            Self::Call(_, values) => common(values),
            Self::Cast(_, "integer") => Ty::Int,
            Self::Cast(_, "float") => Ty::Float,
            Self::Cast(..) => Ty::Text,
        }
    }

    /// The trees that it is made of.
    pub(super) fn parts(&self) -> &[Tree] {
        match self {
            Self::Column(..) | Self::Literal(_) => &[],
            Self::Negate(inner) | Self::Not(inner) | Self::Cast(inner, _) => {
                std::slice::from_ref(inner)
            }
            Self::Binary(_, sides) => &sides[..],
            Self::If(parts) => &parts[..],
            Self::Call(_, values) => values,
        }
    }

    /// How tightly Rust binds it.
    fn level(&self) -> u8 {
        match self {
            Self::Negate(_) | Self::Not(_) => 7,
            Self::Binary("*" | "/" | "%", ..) => 6,
            Self::Binary("+" | "-", ..) => 5,
            Self::Binary("&&", ..) => 3,
            Self::Binary("||", ..) => 2,
            Self::Binary(..) => 4,
            Self::If(_) => 0,
            _ => 8,
        }
    }
}

fn common<'a>(values: impl IntoIterator<Item = &'a Tree>) -> Ty {
    let kinds = values
        .into_iter()
        .map(Tree::ty)
        .filter(|ty| *ty != Ty::Null);
    kinds
        .reduce(|one, two| if one == two { one } else { Ty::Float })
        .unwrap_or(Ty::Null)
}

/// With as few parentheses as Rust needs.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_least = |f: &mut fmt::Formatter<'_>, level: u8, tree: &Tree| {
            if tree.level() < level {
                write!(f, "({tree})")
            } else {
                write!(f, "{tree}")
            }
        };
        match self {
            Self::Column(side, name, _) => write!(f, "{side}.{name}"),
            Self::Literal(Value::Null) => write!(f, "null"),
            Self::Literal(Value::Int(value)) => write!(f, "{value}"),
            Self::Literal(Value::Float(value)) => write!(f, "{value:?}"),
            Self::Literal(Value::Text(text)) => write!(f, "{text:?}"),
            Self::Literal(Value::Bool(value)) => write!(f, "{value}"),
            Self::Negate(inner) => {
                write!(f, "-")?;
                at_least(f, 7, inner)
            }
            Self::Not(inner) => {
                write!(f, "!")?;
                at_least(f, 7, inner)
            }
            Self::Binary(operator, sides) => {
                let [left, right] = &**sides;
                // All associate to the left, but comparisons, which do not at all.
                let level = self.level();
                at_least(f, if level == 4 { 5 } else { level }, left)?;
                write!(f, " {operator} ")?;
                at_least(f, level + 1, right)
            }
            Self::If(parts) => {
                write!(f, "if {} {{ {} }} else ", parts[0], parts[1])?;
                match &parts[2] {
                    chained @ Self::If(_) => write!(f, "{chained}"),
                    other => write!(f, "{{ {other} }}"),
                }
            }
            Self::Call(name, values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(f, "{name}({})", values.join(", "))
            }
            Self::Cast(inner, to) => write!(f, "cast({inner}, {to:?})"),
        }
    }
}
