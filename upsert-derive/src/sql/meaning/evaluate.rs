//! What an expression gives, by the rules of the guide.

use std::cmp::Ordering;

use super::PARAMS;
use super::tree::{Place, Tree, Ty, Value};

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is an error.
    Raise,
    /// The databases may differ: an operand raises that need not be looked at, a number is too large to be exact as a float,
    /// a letter is not ASCII.
    Unspecified,
}

/// A row's values by name.
pub(super) type Values = Vec<(&'static str, Value)>;

pub(super) struct Row<'a> {
    pub old: &'a Values,
    pub new: &'a Values,
    pub place: Place,
}

impl Row<'_> {
    /// Whether a database may compute an expression before it looks at any row, because no column is in it: only literals, and
    /// what is bound.
    fn is_early(&self, tree: &Tree) -> bool {
        self.place == Place::Insert || !has_stored_column(tree)
    }
}

/// Floats are exact for integers up to here.
const EXACT: i64 = 1 << 53;

pub(super) fn as_float(value: i64) -> Result<f64, Stop> {
    if value.unsigned_abs() > EXACT.unsigned_abs() {
        return Err(Stop::Unspecified);
    }
    Ok(value as f64)
}

pub(super) fn evaluate(tree: &Tree, row: &Row) -> Result<Value, Stop> {
    match value(tree, row)? {
        // Where integers and floats mix, the integer may become a float on the way.
        Value::Int(value) if tree.ty() == Ty::Float => as_float(value).map(Value::Float),
        value => Ok(value),
    }
}

/// Whether a part raises that a database may compute before it chooses a branch.
pub(super) fn may_raise_early(tree: &Tree, row: &Row) -> bool {
    let raises = row.is_early(tree) && evaluate(tree, row).is_err();
    raises || tree.parts().iter().any(|part| may_raise_early(part, row))
}

/// Whether integers outgrow 64 bits on the way, where no column is among them: MariaDB then computes with decimals, and
/// raises only if the whole does not fit.
pub(super) fn may_outgrow_early(tree: &Tree, row: &Row) -> bool {
    let outgrows = |part: &Tree| {
        let computes = matches!(part, Tree::Negate(_) | Tree::Binary("+" | "-" | "*", _));
        computes && row.is_early(part) && evaluate(part, row) == Err(Stop::Raise)
    };
    let parts = tree.parts();
    parts.iter().any(outgrows) || parts.iter().any(|part| may_outgrow_early(part, row))
}

fn has_stored_column(tree: &Tree) -> bool {
    match tree {
        Tree::Column(_, name, _) => !PARAMS.contains(name),
        _ => tree.parts().iter().any(has_stored_column),
    }
}

fn value(tree: &Tree, row: &Row) -> Result<Value, Stop> {
    match tree {
        Tree::Column(side, name, _) => {
            let values = if *side == "old" { row.old } else { row.new };
            let found = values.iter().find(|(found, _)| found == name);
            Ok(found.map_or(Value::Null, |(_, value)| value.clone()))
        }
        Tree::Literal(value) => Ok(value.clone()),
        Tree::Negate(inner) => match evaluate(inner, row)? {
            Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(Stop::Raise),
            Value::Float(value) => Ok(Value::Float(-value)),
            other => Ok(other),
        },
        Tree::Not(inner) => match evaluate(inner, row)? {
            Value::Bool(value) => Ok(Value::Bool(!value)),
            other => Ok(other),
        },
        Tree::Binary(operator @ ("&&" | "||"), sides) => {
            let deciding = Value::Bool(*operator == "||");
            let (left, right) = (evaluate(&sides[0], row), evaluate(&sides[1], row));
            // The side that decides may be looked at first.
            if left.is_err() && right.as_ref() == Ok(&deciding) {
                return Err(Stop::Unspecified);
            }
            let (left, right) = (left?, right.map_err(|_| Stop::Unspecified)?);
            Ok(if left == deciding || right == deciding {
                deciding
            } else if left == Value::Null || right == Value::Null {
                Value::Null
            } else {
                Value::Bool(*operator == "&&")
            })
        }
        Tree::Binary(operator, sides) => {
            let values = all(&sides[..], row)?;
            if values.contains(&Value::Null) {
                return Ok(Value::Null);
            }
            match *operator {
                "+" | "-" | "*" | "/" | "%" if tree.ty() == Ty::Int => integers(operator, &values),
                "+" | "-" | "*" | "/" | "%" => floats(operator, &values),
                _ => {
                    let order = compare(&values[0], &values[1])?;
                    Ok(Value::Bool(match *operator {
                        "==" => order == Ordering::Equal,
                        "!=" => order != Ordering::Equal,
                        "<" => order == Ordering::Less,
                        "<=" => order != Ordering::Greater,
                        ">" => order == Ordering::Greater,
                        _ => order != Ordering::Less,
                    }))
                }
            }
        }
        Tree::If(parts) => {
            let branch = match evaluate(&parts[0], row)? {
                Value::Bool(true) => &parts[1],
                _ => &parts[2],
            };
            evaluate(branch, row)
        }
        Tree::Call("coalesce", values) => {
            for value in values {
                let value = evaluate(value, row)?;
                if value != Value::Null {
                    return Ok(value);
                }
            }
            Ok(Value::Null)
        }
        // A value that cannot be NULL need not be looked at.
        Tree::Call("is_null", values) => {
            let value = evaluate(&values[0], row).map_err(|_| Stop::Unspecified)?;
            Ok(Value::Bool(value == Value::Null))
        }
        Tree::Call(name, values) => {
            let values = all(values, row)?;
            call(name, values)
        }
        Tree::Cast(inner, to) => match (evaluate(inner, row)?, *to) {
            (Value::Float(value), "integer") => {
                if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
                    Ok(Value::Int(value as i64))
                } else {
                    Err(Stop::Raise)
                }
            }
            (Value::Int(value), "float") => as_float(value).map(Value::Float),
            (Value::Int(value), "text") => Ok(Value::Text(value.to_string())),
            (value, _) => Ok(value),
        },
    }
}

/// All operands. Where one is NULL and another raises, a database may stop at the first.
fn all(operands: &[Tree], row: &Row) -> Result<Vec<Value>, Stop> {
    let values: Vec<_> = operands
        .iter()
        .map(|operand| evaluate(operand, row))
        .collect();
    let unspecified = values.contains(&Err(Stop::Unspecified));
    if unspecified || (values.contains(&Err(Stop::Raise)) && values.contains(&Ok(Value::Null))) {
        return Err(Stop::Unspecified);
    }
    values.into_iter().collect()
}

fn integers(operator: &str, values: &[Value]) -> Result<Value, Stop> {
    let [Value::Int(one), Value::Int(two)] = *values else {
        return Err(Stop::Unspecified);
    };
    let value = match operator {
        "+" => one.checked_add(two),
        // MariaDB gives the least integer here too.
        "-" if one == 0 && two == i64::MIN => return Err(Stop::Unspecified),
        "-" => one.checked_sub(two),
        // MySQL takes the least integer for an overflow here.
        "*" if one.checked_mul(two) == Some(i64::MIN) => return Err(Stop::Unspecified),
        "/" if one == i64::MIN && two == 1 => return Err(Stop::Unspecified),
        "*" => one.checked_mul(two),
        "/" => one.checked_div(two),
        _ if two == -1 => Some(0),
        _ => one.checked_rem(two),
    };
    value.map(Value::Int).ok_or(Stop::Raise)
}

fn floats(operator: &str, values: &[Value]) -> Result<Value, Stop> {
    let float = |value: &Value| match value {
        Value::Int(value) => as_float(*value),
        Value::Float(value) => Ok(*value),
        _ => Err(Stop::Unspecified),
    };
    let (one, two) = (float(&values[0])?, float(&values[1])?);
    if operator == "/" && two == 0.0 {
        return Err(Stop::Raise);
    }
    let value = match operator {
        "+" => one + two,
        "-" => one - two,
        "*" => one * two,
        _ => one / two,
    };
    let has_integer = values.iter().any(|value| matches!(value, Value::Int(_)));
    let vanishes = matches!(operator, "*" | "/")
        && one != 0.0
        && value.abs() < f64::MIN_POSITIVE
        && two != 0.0;
    if vanishes || (has_integer && value.abs() > EXACT as f64 && value.is_finite()) {
        return Err(Stop::Unspecified);
    }
    if value.is_infinite() {
        return Err(Stop::Raise);
    }
    Ok(Value::Float(value))
}

fn compare(one: &Value, two: &Value) -> Result<Ordering, Stop> {
    match (one, two) {
        (Value::Int(one), Value::Int(two)) => Ok(one.cmp(two)),
        (Value::Text(one), Value::Text(two)) => Ok(one.as_bytes().cmp(two.as_bytes())),
        (Value::Bool(one), Value::Bool(two)) => Ok(one.cmp(two)),
        (Value::Float(one), Value::Float(two)) => one.partial_cmp(two).ok_or(Stop::Unspecified),
        (Value::Int(one), Value::Float(two)) => {
            as_float(*one)?.partial_cmp(two).ok_or(Stop::Unspecified)
        }
        (Value::Float(one), Value::Int(two)) => {
            one.partial_cmp(&as_float(*two)?).ok_or(Stop::Unspecified)
        }
        _ => Err(Stop::Unspecified),
    }
}

fn call(name: &str, mut values: Vec<Value>) -> Result<Value, Stop> {
    match name {
        "greatest" | "least" => {
            let wanted = if name == "greatest" {
                Ordering::Greater
            } else {
                Ordering::Less
            };
            let mut found = Value::Null;
            for value in values.into_iter().filter(|value| *value != Value::Null) {
                if found == Value::Null || compare(&value, &found)? == wanted {
                    found = value;
                }
            }
            return Ok(found);
        }
        "distinct" => {
            let nulls = values.iter().filter(|value| **value == Value::Null).count();
            return Ok(Value::Bool(match nulls {
                0 => compare(&values[0], &values[1])? != Ordering::Equal,
                1 => true,
                _ => false,
            }));
        }
        "nullif" => {
            let equal = !values.contains(&Value::Null)
                && compare(&values[0], &values[1])? == Ordering::Equal;
            return Ok(if equal { Value::Null } else { values.remove(0) });
        }
        _ => {}
    }
    if values.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    match (name, &values[0]) {
        ("abs", Value::Int(value)) => value.checked_abs().map(Value::Int).ok_or(Stop::Raise),
        ("abs", Value::Float(value)) => Ok(Value::Float(value.abs())),
        // SQLite adds a half.
        ("round", Value::Float(value)) if value.abs() == 0.5_f64.next_down() => {
            Err(Stop::Unspecified)
        }
        ("round", Value::Float(value)) => Ok(Value::Float(value.round())),
        ("length", Value::Text(text)) => Ok(Value::Int(text.chars().count() as i64)),
        ("lower" | "upper", Value::Text(text)) if !text.is_ascii() => Err(Stop::Unspecified),
        ("lower", Value::Text(text)) => Ok(Value::Text(text.to_lowercase())),
        ("upper", Value::Text(text)) => Ok(Value::Text(text.to_uppercase())),
        ("concat", _) => {
            let texts = values.into_iter().map(|value| match value {
                Value::Text(text) => text,
                _ => String::new(),
            });
            Ok(Value::Text(texts.collect()))
        }
        _ => Ok(values.remove(0)),
    }
}
