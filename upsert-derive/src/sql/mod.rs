//! The statements that every dialect owes, and the pieces they share. Pure: model in, text out.

mod mysql;
mod order;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

pub(crate) use order::assignment_order;

use crate::expr::{Expr, Operator, Side};
use crate::model::{Assignment, Column, Insert, Model, Table};
use crate::types::{Clock, Kind};

/// A statement's name, which is also that of its field in the core's texts, and the statement.
pub(crate) type Statement = (&'static str, String);

/// The statements of a model in the three dialects.
pub(crate) struct Texts {
    pub postgres: Vec<Statement>,
    pub sqlite: Vec<Statement>,
    pub mysql: Vec<Statement>,
}

/// Writes all statements of a model.
pub(crate) fn write(model: &Model) -> Texts {
    Texts {
        postgres: postgres::statements(model),
        sqlite: sqlite::statements(model),
        mysql: mysql::statements(model),
    }
}

/// How a dialect spells what all of them have.
trait Spelling {
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

    /// `left operator right`, for operands that are ready to stand in an operation.
    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        format!("{left} {} {}", operator.sign(), right.text)
    }

    /// A whole computation, where the dialect does not raise an error by itself when a number grows out of its type.
    fn computation(&self, text: String, _: &Computation) -> String {
        text
    }
}

/// The right side of an operation.
struct Operand {
    text: String,
    /// Whether it is a literal, and as such not zero.
    is_literal: bool,
    /// Whether the operation is one on integers.
    integers: bool,
}

/// What a dialect may want to know about a computation.
struct Computation {
    kind: Kind,
    /// The values that the computation starts from.
    leaves: Vec<String>,
    /// What the column that takes the result can hold, where that is less than 64 bits.
    range: Option<(i64, i64)>,
}

impl Operator {
    fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
        }
    }
}

/// Writes a name in the dialect's quotes; every name in every statement comes through here.
fn quote<S: Spelling>(name: &str) -> String {
    let quote = S::QUOTE;
    format!(
        "{quote}{}{quote}",
        name.replace(quote, &format!("{quote}{quote}"))
    )
}

/// `"auth"."users"`
fn table<S: Spelling>(table: &Table) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote::<S>(schema), quote::<S>(&table.name)),
        None => quote::<S>(&table.name),
    }
}

/// `"users"."email"`
fn qualified<S: Spelling>(table: &str, column: &str) -> String {
    format!("{}.{}", quote::<S>(table), quote::<S>(column))
}

/// `("email", "name") VALUES ($1, $2)`
fn columns_and_values<S: Spelling>(spelling: &S, model: &Model) -> String {
    let columns = join(model.inserted().map(|column| quote::<S>(&column.name)));
    let mut bound = 0;
    let values = join(model.inserted().map(|column| match column.insert {
        Insert::Clock(clock) => spelling.clock(clock).to_owned(),
        Insert::Field | Insert::Generated => {
            bound += 1;
            spelling.placeholder(bound)
        }
    }));
    format!("({columns}) VALUES ({values})")
}

/// `"users"."id", "users"."email"`: what comes back, each column qualified.
fn returned<S: Spelling>(model: &Model, table: &str) -> String {
    join(
        model
            .returned()
            .map(|column| qualified::<S>(table, &column.name)),
    )
}

/// `"users"."tenant_id" = $1 AND "users"."sku" = $2`
fn key_equals<S: Spelling>(spelling: &S, model: &Model) -> String {
    let equals = model.target_columns().enumerate().map(|(index, column)| {
        let column = qualified::<S>(&model.table.name, &column.name);
        format!("{column} = {}", spelling.placeholder(index + 1))
    });
    equals.collect::<Vec<_>>().join(" AND ")
}

/// `SELECT "users"."id" FROM "users" WHERE "users"."email" = $1`
fn select<S: Spelling>(spelling: &S, model: &Model) -> String {
    format!(
        "SELECT {} FROM {} WHERE {}",
        returned::<S>(model, &model.table.name),
        table::<S>(&model.table),
        key_equals(spelling, model)
    )
}

/// The value of an assignment.
fn value<S: Spelling>(spelling: &S, model: &Model, assignment: &Assignment) -> String {
    let column = &model.columns[assignment.column];
    let range = crate::types::integer_range(column.ty);
    Writer {
        spelling,
        columns: &model.columns,
        range,
    }
    .write(&assignment.value)
}

/// `users_email_key`
fn index_name(model: &Model) -> String {
    let columns: Vec<_> = model
        .target_columns()
        .map(|column| column.name.as_str())
        .collect();
    format!("{}_{}_key", model.table.name, columns.join("_"))
}

/// `"email", "tenant_id"`: the columns of the conflict target.
fn target<S: Spelling>(model: &Model) -> String {
    join(
        model
            .target_columns()
            .map(|column| quote::<S>(&column.name)),
    )
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Writes expressions.
struct Writer<'a, S> {
    spelling: &'a S,
    columns: &'a [Column<'a>],
    range: Option<(i64, i64)>,
}

impl<S: Spelling> Writer<'_, S> {
    fn write(&self, expr: &Expr) -> String {
        match expr {
            Expr::Column(Side::Old, column) => self.spelling.stored(&self.columns[*column].name),
            Expr::Column(Side::New, column) => self.spelling.proposed(&self.columns[*column].name),
            Expr::Integer(value) => value.to_string(),
            Expr::Float(digits) => digits.clone(),
            Expr::Text(text) => self.spelling.text(text),
            Expr::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
            Expr::Now(clock) => self.spelling.clock(*clock).to_owned(),
            Expr::Coalesce(values) => {
                format!(
                    "COALESCE({})",
                    join(values.iter().map(|value| self.write(value)))
                )
            }
            Expr::Negate(_) | Expr::Binary(..) => {
                let mut leaves = Vec::new();
                let text = self.compute(expr, &mut leaves);
                let computation = Computation {
                    kind: self.kind(expr),
                    leaves,
                    range: self.range,
                };
                self.spelling.computation(text, &computation)
            }
        }
    }

    /// Writes a computation, and collects the values that it starts from.
    fn compute(&self, expr: &Expr, leaves: &mut Vec<String>) -> String {
        match expr {
            Expr::Negate(inner) => format!("-{}", self.operand(inner, leaves)),
            Expr::Binary(operator, left, right) => {
                let left_text = self.operand(left, leaves);
                let right = Operand {
                    text: self.operand(right, leaves),
                    is_literal: matches!(**right, Expr::Integer(1..)),
                    integers: self.kind(left) == Kind::Integer && self.kind(right) == Kind::Integer,
                };
                self.spelling.operation(*operator, &left_text, &right)
            }
            Expr::Integer(_) => self.write(expr),
            leaf => {
                let text = self.write(leaf);
                leaves.push(text.clone());
                text
            }
        }
    }

    /// An operand; one that is a computation itself stands in parentheses, so that Rust's precedence survives.
    fn operand(&self, expr: &Expr, leaves: &mut Vec<String>) -> String {
        let text = self.compute(expr, leaves);
        match expr {
            Expr::Negate(_) | Expr::Binary(..) => format!("({text})"),
            _ => text,
        }
    }

    fn kind(&self, expr: &Expr) -> Kind {
        expr.kind(&|column| self.columns[column].kind())
    }
}
