//! How a dialect spells what all of them have.

use crate::expr::{CastTo, Operator, Piece, Raw};
use crate::types::{Clock, Kind};

/// Stands around the number of a bind until it is known how it is written; no name or text has it in it.
pub(super) const MARK: char = '\0';

/// How a statement takes what is bound.
#[derive(Clone, Copy)]
pub(super) enum Binds {
    /// One row, by the numbers of the binds.
    Numbered,
    /// A row that will be repeated: the numbers between marks.
    Marked,
    /// The columns of arrays that stand side by side.
    Unnested,
}

/// A bind between marks.
pub(super) fn marked(number: usize) -> String {
    format!("{MARK}{number}{MARK}")
}

/// The words of one dialect. Operands come ready to stand in an operation.
pub(super) trait Spelling {
    /// The quote around names.
    const QUOTE: char;

    /// The nth bind of a statement, counted from one.
    fn placeholder(&self, number: usize) -> String;

    /// A column of the proposed row.
    fn proposed(&self, column: &str) -> String;

    /// A column of the stored row.
    fn stored(&self, column: &str) -> String;

    fn clock(&self, clock: Clock) -> &'static str;

    fn text(&self, text: &str) -> String;

    /// A number with a fraction as a float, where the dialect would take it for a decimal, and compute with as few digits.
    fn float(&self, digits: &str) -> String {
        digits.to_owned()
    }

    /// An integer with 64 bits, where the dialect computes with fewer.
    fn wide(&self, value: String) -> String {
        value
    }

    /// An integer that must be in a range, where the column itself does not see to it.
    fn in_range(&self, value: String, _: (i64, i64)) -> String {
        value
    }

    /// `left operator right`
    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        format!("{left} {} {}", operator.sign(), right.text)
    }

    /// A whole computation, where the dialect does not raise an error by itself when a number grows out of its type.
    fn computation(&self, text: String, _: &Computation) -> String {
        text
    }

    /// Whether two values differ, NULL being equal to NULL.
    fn distinct(&self, one: &str, two: &str) -> String;

    /// The greatest (or least) of the values that are not NULL.
    fn extreme(&self, function: &str, values: &[String]) -> String;

    /// Texts one after the other; NULL if one of them is.
    fn concat(&self, values: &[String]) -> String {
        values.join(" || ")
    }

    /// The number of characters.
    fn length(&self, value: &str) -> String {
        format!("length({value})")
    }

    /// To the nearest integer, halves away from zero. `value` is no integer, and stands by itself.
    fn round(&self, value: &str, kind: Kind) -> String;

    fn cast(&self, value: &str, from: Kind, to: CastTo) -> String;

    /// The value of a `Patch` for an insert.
    fn patch(&self, _is_set: &str, value: String, _column: &str) -> String {
        value
    }

    /// The pieces of literal SQL for this dialect.
    fn raw<'a>(&self, raw: &'a Raw) -> Option<&'a [Piece]>;
}

/// The right side of an operation.
pub(super) struct Operand {
    pub text: String,
    /// Whether it is a literal other than zero.
    pub is_not_zero: bool,
    /// Whether the operation is one on integers.
    pub integers: bool,
    /// Whether it is one on floats, of which neither side is sure to be one by itself.
    pub perhaps_integers: bool,
}

/// The largest float below a half. Added to a float that is cut off then, it rounds it. A half itself would be too much for this
/// very number, and for large odd ones.
pub(super) const ALMOST_HALF: &str = "0.49999999999999994";

/// What a dialect may want to know about a computation.
pub(super) struct Computation {
    pub kind: Kind,
    /// The values that the computation starts from.
    pub leaves: Vec<String>,
    /// What the column that takes the result can hold, where that is less than 64 bits.
    pub range: Option<(i64, i64)>,
    /// Whether the column that takes the result has floats of 32 bits.
    pub into_f32: bool,
    /// Whether it is one operation.
    pub single: bool,
}

impl Operator {
    pub(super) fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Remainder => '%',
        }
    }
}
