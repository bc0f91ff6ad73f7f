//! Expressions as text.

use super::join;
use super::spelling::{Computation, Operand, Spelling};
use crate::expr::{Comparison, Expr, Function, Piece, Raw, Side};
use crate::model::{Assignment, Bind, Column, Model};
use crate::types::{self, Kind};

/// Writes the expressions of a model in one dialect.
pub(super) struct Writer<'a, S> {
    spelling: &'a S,
    model: &'a Model<'a>,
    range: Option<(i64, i64)>,
}

impl<'a, S: Spelling> Writer<'a, S> {
    pub(super) fn new(spelling: &'a S, model: &'a Model<'a>) -> Self {
        Self {
            spelling,
            model,
            range: None,
        }
    }

    /// For a value that `column` is to hold.
    pub(super) fn for_column(spelling: &'a S, model: &'a Model<'a>, column: &Column) -> Self {
        Self {
            spelling,
            model,
            range: types::integer_range(column.ty),
        }
    }

    /// The value of an assignment.
    pub(super) fn assigned(
        spelling: &'a S,
        model: &'a Model<'a>,
        assignment: &Assignment,
    ) -> String {
        let column = &model.columns[assignment.column];
        Self::for_column(spelling, model, column).write(&assignment.value)
    }

    pub(super) fn write(&self, expr: &Expr) -> String {
        let name = |column: usize| self.model.columns[column].name.as_str();
        match expr {
            Expr::Column(Side::Old, column) => self.spelling.stored(name(*column)),
            Expr::Column(Side::New, column) => self.spelling.proposed(name(*column)),
            Expr::Bound(field) => self.bind(Bind::Value(*field)),
            Expr::IsSet(field) => self.bind(Bind::IsSet(*field)),
            Expr::Integer(value) => value.to_string(),
            Expr::Float(digits) => digits.clone(),
            Expr::Text(text) => self.spelling.text(text),
            Expr::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
            Expr::Null => "NULL".to_owned(),
            Expr::Now(clock) => self.spelling.clock(*clock).to_owned(),
            Expr::Negate(_) | Expr::Binary(..) => self.computation(expr),
            Expr::Not(inner) => format!("NOT {}", self.parenthesized(inner)),
            Expr::And(one, two) => format!("{} AND {}", self.side(one), self.side(two)),
            Expr::Or(one, two) => format!("{} OR {}", self.side(one), self.side(two)),
            Expr::Compare(comparison, one, two) => {
                format!(
                    "{} {} {}",
                    self.side(one),
                    comparison.sign(),
                    self.side(two)
                )
            }
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                format!(
                    "CASE WHEN {} THEN {} ELSE {} END",
                    self.write(condition),
                    self.write(then),
                    self.write(otherwise)
                )
            }
            Expr::Call(function, values) => self.call(*function, values),
            Expr::Cast(inner, to) => self
                .spelling
                .cast(&self.write(inner), self.kind(inner), *to),
            Expr::Raw(raw) => self.raw(raw),
        }
    }

    fn bind(&self, bind: Bind) -> String {
        self.spelling.placeholder(self.model.bind_number(bind))
    }

    fn kind(&self, expr: &Expr) -> Kind {
        expr.kind(self.model)
    }

    fn parenthesized(&self, expr: &Expr) -> String {
        format!("({})", self.write(expr))
    }

    /// One side of an operator: in parentheses where it has one itself, so that Rust's precedence survives.
    fn side(&self, expr: &Expr) -> String {
        if binds_loosely(expr) {
            self.parenthesized(expr)
        } else {
            self.write(expr)
        }
    }

    fn call(&self, function: Function, values: &[Expr]) -> String {
        let written = || values.iter().map(|value| self.write(value));
        let sides = || {
            values
                .iter()
                .map(|value| self.side(value))
                .collect::<Vec<_>>()
        };
        match function {
            Function::Coalesce => format!("COALESCE({})", join(written())),
            Function::Greatest => self
                .spelling
                .extreme("greatest", &written().collect::<Vec<_>>()),
            Function::Least => self
                .spelling
                .extreme("least", &written().collect::<Vec<_>>()),
            Function::NullIf => format!("NULLIF({})", join(written())),
            Function::IsNull => format!("{} IS NULL", sides()[0]),
            Function::Distinct => self.spelling.distinct(&sides()[0], &sides()[1]),
            Function::Concat => self.spelling.concat(&sides()),
            Function::Lower => format!("lower({})", join(written())),
            Function::Upper => format!("upper({})", join(written())),
            Function::Length => self.spelling.length(&join(written())),
            Function::Abs => format!("abs({})", join(written())),
            Function::Round if self.kind(&values[0]) == Kind::Integer => join(written()),
            Function::Round => self.spelling.round(&join(written())),
        }
    }

    fn raw(&self, raw: &Raw) -> String {
        // Where a dialect has no text, its database has been ruled out by a bound.
        let pieces = self.spelling.raw(raw).unwrap_or_default();
        let text: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Value(value) => self.write(value),
            })
            .collect();
        format!("({text})")
    }

    fn computation(&self, expr: &Expr) -> String {
        let mut leaves = Vec::new();
        let text = self.compute(expr, &mut leaves);
        let computation = Computation {
            kind: self.kind(expr),
            leaves,
            range: self.range,
        };
        self.spelling.computation(text, &computation)
    }

    /// Writes a computation, and collects the values that it starts from.
    fn compute(&self, expr: &Expr, leaves: &mut Vec<String>) -> String {
        match expr {
            Expr::Negate(inner) => format!("-{}", self.operand(inner, leaves)),
            Expr::Binary(operator, left, right) => {
                let left_text = self.operand(left, leaves);
                let right = Operand {
                    text: self.operand(right, leaves),
                    is_not_zero: matches!(**right, Expr::Integer(1..)),
                    integers: self.kind(left) == Kind::Integer && self.kind(right) == Kind::Integer,
                };
                self.spelling.operation(*operator, &left_text, &right)
            }
            Expr::Integer(_) => self.write(expr),
            leaf => {
                let text = self.side(leaf);
                leaves.push(text.clone());
                text
            }
        }
    }

    /// An operand; one that is a computation itself stands in parentheses.
    fn operand(&self, expr: &Expr, leaves: &mut Vec<String>) -> String {
        let text = self.compute(expr, leaves);
        match expr {
            Expr::Negate(_) | Expr::Binary(..) => format!("({text})"),
            _ => text,
        }
    }
}

/// Whether the text of an expression falls apart beside an operator.
fn binds_loosely(expr: &Expr) -> bool {
    match expr {
        Expr::Negate(_)
        | Expr::Binary(..)
        | Expr::Not(_)
        | Expr::Compare(..)
        | Expr::And(..)
        | Expr::Or(..) => true,
        Expr::Call(function, _) => matches!(
            function,
            Function::IsNull | Function::Distinct | Function::Concat | Function::Round
        ),
        _ => false,
    }
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}
