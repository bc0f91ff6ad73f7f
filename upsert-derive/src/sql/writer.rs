//! Expressions as text.

use super::join;
use super::spelling::{Computation, Operand, Spelling};
use crate::expr::{Comparison, Expr, Function, Operator, Piece, Raw, Side};
use crate::model::{Assignment, Bind, Column, Model};
use crate::types::{self, Kind};

/// Writes the expressions of a model in one dialect.
pub(super) struct Writer<'a, S> {
    spelling: &'a S,
    model: &'a Model<'a>,
    /// What is being computed, inside a computation.
    computing: Option<Kind>,
    /// Whether the column that takes the value has floats of 32 bits.
    into_f32: bool,
}

impl<S> Clone for Writer<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Writer<'_, S> {}

impl<'a, S: Spelling> Writer<'a, S> {
    pub(super) fn new(spelling: &'a S, model: &'a Model<'a>) -> Self {
        Self {
            spelling,
            model,
            computing: None,
            into_f32: false,
        }
    }

    /// The value of an assignment.
    pub(super) fn assigned(
        spelling: &'a S,
        model: &'a Model<'a>,
        assignment: &Assignment,
    ) -> String {
        let column = &model.columns[assignment.column];
        Self::new(spelling, model).write_for(column, &assignment.value)
    }

    /// A value that `column` is to hold.
    pub(super) fn write_for(&self, column: &Column, expr: &Expr) -> String {
        let writer = Self {
            into_f32: types::is_f32(column.ty),
            ..*self
        };
        writer.result(expr, types::integer_range(column.ty))
    }

    /// The value of a whole expression, which must be in the range of its column. All integers on the way to it are computed
    /// with 64 bits.
    fn result(&self, expr: &Expr, range: Option<(i64, i64)>) -> String {
        match expr {
            Expr::Negate(_) | Expr::Binary(..) => self.computation(expr, true, range),
            Expr::Call(Function::Coalesce, values) => {
                let values = values.iter().map(|value| self.result(value, range));
                format!("COALESCE({})", join(values))
            }
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                format!(
                    "CASE WHEN {} THEN {} ELSE {} END",
                    self.write(condition),
                    self.result(then, range),
                    self.result(otherwise, range)
                )
            }
            _ => match range.filter(|range| !self.fits(expr, *range)) {
                Some(range) => self.spelling.in_range(self.write(expr), range),
                None => self.write(expr),
            },
        }
    }

    /// Whether a value that is no computation is sure to be in a range.
    fn fits(&self, expr: &Expr, range: (i64, i64)) -> bool {
        let holds = |value: (i64, i64)| range.0 <= value.0 && value.1 <= range.1;
        match expr {
            Expr::Column(_, column) => {
                let column = types::integer_range(self.model.columns[*column].ty);
                column.is_some_and(holds) || self.kind(expr) != Kind::Integer
            }
            Expr::Bound(field) => {
                let field = types::integer_range(self.model.fields[*field].ty);
                field.is_some_and(holds) || self.kind(expr) != Kind::Integer
            }
            Expr::Integer(value) => i64::try_from(*value).is_ok_and(|value| holds((value, value))),
            Expr::Call(Function::Greatest | Function::Least | Function::NullIf, values) => {
                values.iter().all(|value| self.fits(value, range))
            }
            Expr::Negate(_) | Expr::Binary(..) | Expr::Call(..) | Expr::Cast(..) | Expr::If(_) => {
                self.kind(expr) != Kind::Integer
            }
            // What literal SQL gives is its author's.
            _ => true,
        }
    }

    pub(super) fn write(&self, expr: &Expr) -> String {
        let name = |column: usize| self.model.columns[column].name.as_str();
        match expr {
            Expr::Column(Side::Old, column) => self.spelling.stored(name(*column)),
            Expr::Column(Side::New, column) => self.spelling.proposed(name(*column)),
            Expr::Bound(field) => self.bind(Bind::Value(*field)),
            Expr::IsSet(field) => self.bind(Bind::IsSet(*field)),
            Expr::Integer(value) => value.to_string(),
            Expr::Float(digits) if self.computing == Some(Kind::Float) => {
                self.spelling.float(digits)
            }
            Expr::Float(digits) => digits.clone(),
            Expr::Text(text) => self.spelling.text(text),
            Expr::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
            Expr::Null => "NULL".to_owned(),
            Expr::Now(clock) => self.spelling.clock(*clock).to_owned(),
            Expr::Negate(_) | Expr::Binary(..) => self.computation(expr, false, None),
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
            Function::Greatest => self.extreme("greatest", values),
            Function::Least => self.extreme("least", values),
            Function::NullIf => format!("NULLIF({})", join(written())),
            Function::IsNull => format!("{} IS NULL", sides()[0]),
            Function::Distinct => self.spelling.distinct(&sides()[0], &sides()[1]),
            Function::Concat => self.spelling.concat(&sides()),
            Function::Lower => format!("lower({})", join(written())),
            Function::Upper => format!("upper({})", join(written())),
            Function::Length => self.spelling.length(&join(written())),
            Function::Abs => format!("abs({})", self.widened(&values[0], self.write(&values[0]))),
            Function::Round if self.kind(&values[0]) == Kind::Integer => join(written()),
            Function::Round => self.spelling.round(&sides()[0], self.kind(&values[0])),
        }
    }

    /// A NULL in so many words has no say, and MariaDB would compute with floats beside it.
    fn extreme(&self, function: &str, values: &[Expr]) -> String {
        let values: Vec<_> = values
            .iter()
            .filter(|value| **value != Expr::Null)
            .collect();
        if let [only] = values[..] {
            return self.side(only);
        }
        let written: Vec<_> = values.into_iter().map(|value| self.write(value)).collect();
        self.spelling.extreme(function, &written)
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

    /// A computation; a single operation that is a `result` itself may be done in the operands' own type, where that holds all
    /// that the column does.
    fn computation(&self, expr: &Expr, result: bool, range: Option<(i64, i64)>) -> String {
        let kind = self.kind(expr);
        let writer = Self {
            computing: Some(kind),
            ..*self
        };
        let single = expr.parts().iter().all(|part| !is_computed(part));
        let is_enough = range.is_some_and(|range| {
            let mut parts = expr.parts().into_iter();
            parts.any(|part| self.holds(part, range))
        });
        let mut leaves = Vec::new();
        let text = writer.compute(expr, !(result && single && is_enough), &mut leaves);
        let computation = Computation {
            kind,
            leaves,
            range,
            into_f32: result && self.into_f32,
            single,
        };
        self.spelling.computation(text, &computation)
    }

    /// Writes a computation, and collects the values that it starts from.
    fn compute(&self, expr: &Expr, widen: bool, leaves: &mut Vec<String>) -> String {
        match expr {
            Expr::Negate(inner) => format!("-{}", self.operand(inner, widen, leaves)),
            Expr::Binary(operator, left, right) => {
                // One wide side makes the operation wide.
                let widen_left = widen && !self.is_wide(right);
                let left_text = self.operand(left, widen_left, leaves);
                let right = Operand {
                    text: self.divisor(*operator, right, leaves),
                    is_not_zero: matches!(**right, Expr::Integer(1..)),
                    integers: self.kind(left) == Kind::Integer && self.kind(right) == Kind::Integer,
                    perhaps_integers: self.computing == Some(Kind::Float)
                        && !self.is_float(left)
                        && !self.is_float(right),
                };
                self.spelling.operation(*operator, &left_text, &right)
            }
            leaf => self.leaf(leaf, leaves),
        }
    }

    /// The right operand. What is divided by something infinite would be nothing, and a remainder of what outgrew the integers
    /// may be NULL: the overflow would be forgotten.
    fn divisor(&self, operator: Operator, right: &Expr, leaves: &mut Vec<String>) -> String {
        let forgets = match operator {
            Operator::Divide => self.kind(right) == Kind::Float,
            Operator::Remainder => is_computed(right),
            _ => false,
        };
        if forgets {
            self.leaf(right, leaves)
        } else {
            self.operand(right, false, leaves)
        }
    }

    fn leaf(&self, leaf: &Expr, leaves: &mut Vec<String>) -> String {
        let text = self.side(leaf);
        if !matches!(leaf, Expr::Integer(_)) {
            leaves.push(text.clone());
        }
        text
    }

    /// An operand; one that is a computation itself stands in parentheses.
    fn operand(&self, expr: &Expr, widen: bool, leaves: &mut Vec<String>) -> String {
        // Integers on the way to something else overflow by themselves.
        let is_part = self.computing == Some(self.kind(expr)) || self.kind(expr) != Kind::Integer;
        if is_computed(expr) && is_part {
            return format!("({})", self.compute(expr, true, leaves));
        }
        let text = self.leaf(expr, leaves);
        if widen {
            self.widened(expr, text)
        } else {
            text
        }
    }

    fn widened(&self, expr: &Expr, text: String) -> String {
        if self.kind(expr) == Kind::Integer && !self.is_wide(expr) {
            self.spelling.wide(text)
        } else {
            text
        }
    }

    /// Whether the type of an integer holds all of a range.
    fn holds(&self, expr: &Expr, range: (i64, i64)) -> bool {
        let own = match expr {
            Expr::Column(_, column) => types::integer_range(self.model.columns[*column].ty),
            Expr::Bound(field) => types::integer_range(self.model.fields[*field].ty),
            _ => None,
        };
        own.is_some_and(|own| own.0 <= range.0 && range.1 <= own.1)
    }

    /// Whether it is a float to the database too.
    fn is_float(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Column(..) | Expr::Float(_)) && self.kind(expr) == Kind::Float
    }

    /// Whether an integer has 64 bits by itself.
    fn is_wide(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Negate(_) | Expr::Binary(..) | Expr::Cast(..) => true,
            Expr::Integer(value) => i32::try_from(*value).is_err(),
            Expr::Column(_, column) => {
                types::integer_range(self.model.columns[*column].ty).is_none()
            }
            Expr::Bound(field) => types::integer_range(self.model.fields[*field].ty).is_none(),
            _ => false,
        }
    }
}

fn is_computed(expr: &Expr) -> bool {
    matches!(expr, Expr::Negate(_) | Expr::Binary(..))
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
