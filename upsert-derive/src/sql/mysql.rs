//! The text of MySQL and MariaDB: the guard that makes a conflict target, the nonce, and the order of assignments.

use super::spelling::{Operand, Spelling};
use super::sqlite::ignoring_null;
use super::writer::Writer;
use super::{
    Statement, assignment_order, columns_and_values, fill, index_name, is_compared, join,
    key_equals, qualified, quote, returned, select, select_deleted, table, target,
};
use crate::expr::{CastTo, Operator, Piece, Raw};
use crate::model::{Assignment, Insert, Model};
use crate::target::TargetPart;
use crate::types::{Clock, Kind};

/// The statements, and for those that bind a row, what each `?` of theirs is.
pub(crate) struct Texts {
    pub binding: Vec<(&'static str, String, Vec<Slot>)>,
    pub plain: Vec<Statement>,
}

/// What a `?` stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    /// The bind of this place, counted from zero.
    Bind(usize),
    /// The number by which the reply says what happened.
    Nonce,
}

struct MySql<'a> {
    table: &'a str,
    /// Whether some text has a backslash in it.
    backslashes: bool,
}

/// Raises error 1242 when it is evaluated. Its type is that of the column it stands for, so that the `IF` around it has that
/// type too: with NULLs in its place, both servers make the `IF` a text, and a FLOAT keeps six digits.
fn raise(stored: &str) -> String {
    format!("(SELECT {stored} UNION ALL SELECT {stored})")
}

/// Stands around the number of a bind until the statement is whole; no name or text has it in it.
const MARK: char = '\0';

impl Spelling for MySql<'_> {
    const QUOTE: char = '`';

    fn placeholder(&self, number: usize) -> String {
        format!("{MARK}{number}{MARK}")
    }

    /// `VALUES(…)` is what both servers know; MariaDB refuses MySQL's row alias.
    fn proposed(&self, column: &str) -> String {
        format!("VALUES({})", quote::<Self>(column))
    }

    fn stored(&self, column: &str) -> String {
        qualified::<Self>(self.table, column)
    }

    fn clock(&self, clock: Clock) -> &'static str {
        match clock {
            Clock::Instant | Clock::OffsetDateTime | Clock::Local => "NOW(6)",
            Clock::Date => "CURRENT_DATE()",
            Clock::Time => "CURRENT_TIME(6)",
            Clock::Seconds => "UNIX_TIMESTAMP()",
        }
    }

    /// A text with a backslash is written in hexadecimal, which means the same in every sql_mode. It has another collation than
    /// the connection's literals, and the two do not go together; so the other texts then get its introducer too.
    fn text(&self, text: &str) -> String {
        if text.contains('\\') {
            let digits: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            return format!("_utf8mb4 X'{digits}'");
        }
        let introducer = if self.backslashes { "_utf8mb4" } else { "" };
        format!("{introducer}'{}'", text.replace('\'', "''"))
    }

    /// A literal with a fraction is a decimal, and a quotient of decimals has four more digits.
    fn float(&self, digits: &str) -> String {
        if digits.contains(['e', 'E']) {
            digits.to_owned()
        } else {
            format!("{digits}e0")
        }
    }

    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        if operator == Operator::Divide && right.integers {
            return format!("{left} DIV {}", right.text);
        }
        // A quotient of integers is a decimal with four digits behind the point.
        if operator == Operator::Divide && right.perhaps_integers {
            return format!("({left} + 0e0) / {}", right.text);
        }
        format!("{left} {} {}", operator.sign(), right.text)
    }

    fn distinct(&self, one: &str, two: &str) -> String {
        format!("NOT ({one} <=> {two})")
    }

    /// Both functions give NULL as soon as one value is.
    fn extreme(&self, function: &str, values: &[String]) -> String {
        let function = function.to_uppercase();
        ignoring_null(values, &|one, two| format!("{function}({one}, {two})"))
    }

    fn concat(&self, values: &[String]) -> String {
        format!("CONCAT({})", values.join(", "))
    }

    /// `LENGTH` counts bytes.
    fn length(&self, value: &str) -> String {
        format!("CHAR_LENGTH({value})")
    }

    fn round(&self, value: &str) -> String {
        format!("SIGN({value}) * FLOOR(ABS({value}) + 0.5)")
    }

    fn cast(&self, value: &str, from: Kind, to: CastTo) -> String {
        match to {
            CastTo::Text => format!("CAST({value} AS CHAR)"),
            CastTo::Float => format!("CAST({value} AS DOUBLE)"),
            CastTo::Integer if from == Kind::Integer => format!("CAST({value} AS SIGNED)"),
            // A cast alone would round, and of a number beyond 64 bits make the largest; `DIV` raises there.
            CastTo::Integer => {
                format!("(CAST(TRUNCATE({value}, 0) AS SIGNED) + 0 * (({value}) DIV 1))")
            }
        }
    }

    fn patch(&self, is_set: &str, value: String, column: &str) -> String {
        format!("IF({is_set}, {value}, DEFAULT({}))", quote::<Self>(column))
    }

    fn raw<'a>(&self, raw: &'a Raw) -> Option<&'a [Piece]> {
        raw.mysql.as_deref()
    }
}

/// What a conflict does, and whether the reply is to say so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnConflict {
    Update,
    UpdateAndTell,
    NothingAndTell,
}

/// Writes the statements of MySQL and MariaDB.
///
/// ```sql
/// INSERT INTO `users` (`email`, `name`) VALUES (?, ?)
/// ON DUPLICATE KEY UPDATE `name` = IF(`users`.`email` = VALUES(`email`), VALUES(`name`),
///                                     (SELECT `users`.`name` UNION ALL SELECT `users`.`name`))
/// ```
pub(super) fn statements(model: &Model) -> Texts {
    let dialect = MySql {
        table: &model.table.name,
        backslashes: model
            .expressions()
            .any(|expr| expr.has_text(&|text| text.contains('\\'))),
    };
    let insert = format!(
        "INSERT INTO {} {} ON DUPLICATE KEY UPDATE",
        table::<MySql>(&model.table),
        columns_and_values(&dialect, model)
    );
    let on = |name: &'static str, conflict| {
        let (text, slots) = number_binds(&format!(
            "{insert} {}",
            assignments(&dialect, model, conflict)
        ));
        (name, text, slots)
    };
    let locking = format!(
        "SELECT {}, LAST_INSERT_ID() FROM {} WHERE {} LOCK IN SHARE MODE",
        returned::<MySql>(model, &model.table.name),
        table::<MySql>(&model.table),
        key_equals(&dialect, model)
    );
    let create_index = format!(
        "CREATE UNIQUE INDEX {} ON {} ({})",
        quote::<MySql>(&index_name(model)),
        table::<MySql>(&model.table),
        target::<MySql>(model)
    );
    Texts {
        binding: vec![
            on("upsert", OnConflict::Update),
            on("upsert_with_action", OnConflict::UpdateAndTell),
            on("insert_if_absent", OnConflict::NothingAndTell),
        ],
        plain: vec![
            ("select", number_binds(&select(&dialect, model)).0),
            ("select_locking", number_binds(&locking).0),
            (
                "select_deleted",
                number_binds(&select_deleted(&dialect, model)).0,
            ),
            (
                "show_index",
                format!("SHOW INDEX FROM {}", table::<MySql>(&model.table)),
            ),
            (
                "show_columns",
                format!("SHOW FULL COLUMNS FROM {}", table::<MySql>(&model.table)),
            ),
            ("create_index", create_index),
        ],
    }
}

/// Turns the marks of binds into `?`, and says what each of them is.
fn number_binds(text: &str) -> (String, Vec<Slot>) {
    let mut slots = Vec::new();
    let mut written = String::with_capacity(text.len());
    for (place, part) in text.split(MARK).enumerate() {
        if place % 2 == 0 {
            written.push_str(part);
        } else {
            written.push('?');
            let number = part.parse::<usize>().ok();
            slots.push(number.map_or(Slot::Nonce, |number| Slot::Bind(number.saturating_sub(1))));
        }
    }
    (written, slots)
}

/// The assignments, in an order in which each reads old values, the first one behind the guard. Where nothing is assigned, a
/// key column is assigned to itself, for the guard to have a place.
fn assignments(dialect: &MySql, model: &Model, conflict: OnConflict) -> String {
    let inserts: Vec<Insert> = model
        .columns
        .iter()
        .map(|column| column.insert.clone())
        .collect();
    let ordered = match conflict {
        // A cycle has been reported by the checks, and the text is then not used.
        OnConflict::Update | OnConflict::UpdateAndTell => {
            assignment_order(&model.assignments, &model.guard, &inserts).unwrap_or_default()
        }
        OnConflict::NothingAndTell => Vec::new(),
    };
    let assign = |assignment: &Assignment| {
        let name = model.columns[assignment.column].name.as_str();
        (name, guarded_value(dialect, model, assignment))
    };
    let mut ordered = ordered.into_iter().map(assign);
    let key = model.columns[model.target.first_column()].name.as_str();
    let (column, mut value) = ordered.next().unwrap_or_else(|| (key, dialect.stored(key)));
    if let (Some(deleted), OnConflict::Update | OnConflict::UpdateAndTell) =
        (model.guard.must_be_null, conflict)
    {
        let deleted = dialect.stored(&model.columns[deleted].name);
        value = format!(
            "IF({deleted} IS NULL, {value}, {})",
            raise(&dialect.stored(column))
        );
    }
    let guarded = format!(
        "{} = IF({}, {value}, {})",
        quote::<MySql>(column),
        guard(dialect, model, conflict),
        raise(&dialect.stored(column))
    );
    let rest = ordered.map(|(column, value)| format!("{} = {value}", quote::<MySql>(column)));
    join(std::iter::once(guarded).chain(rest))
}

/// The value of an assignment, or the old one where the update's condition does not hold. Of `skip_unchanged` only clocks need
/// to know: the server writes nothing by itself where all other values are equal.
fn guarded_value(dialect: &MySql, model: &Model, assignment: &Assignment) -> String {
    let value = Writer::assigned(dialect, model, assignment);
    let column = &model.columns[assignment.column];
    let mut conditions: Vec<_> = condition(dialect, model).into_iter().collect();
    if model.guard.skip_unchanged && !is_compared(assignment, &column.insert) {
        conditions.push(would_change(dialect, model));
    }
    if conditions.is_empty() {
        return value;
    }
    format!(
        "IF({}, {value}, {})",
        conditions.join(" AND "),
        dialect.stored(&column.name)
    )
}

fn condition(dialect: &MySql, model: &Model) -> Option<String> {
    let condition = model.guard.condition.as_ref()?;
    Some(format!(
        "({})",
        Writer::new(dialect, model).write(condition)
    ))
}

/// Whether any assignment would change its column, compared byte by byte: a collation's idea of equal is wider.
fn would_change(dialect: &MySql, model: &Model) -> String {
    let compared = model.assignments.iter();
    let compared = compared
        .filter(|assignment| is_compared(assignment, &model.columns[assignment.column].insert));
    let equal = compared.map(|assignment| {
        let stored = dialect.stored(&model.columns[assignment.column].name);
        let value = Writer::assigned(dialect, model, assignment);
        format!("{stored} <=> ({value}) AND CAST({stored} AS BINARY) <=> CAST({value} AS BINARY)")
    });
    format!("NOT ({})", equal.collect::<Vec<_>>().join(" AND "))
}

/// Whether the row that absorbed ours is the one the target means. Compared with `=`: with `<=>`, two NULL keys would let a
/// foreign row through.
///
/// The number handed to `LAST_INSERT_ID` comes back in the reply. Its lowest bit says whether the update was applied; it has
/// to be computed from a column, or the server folds the call away.
fn guard(dialect: &MySql, model: &Model, conflict: OnConflict) -> String {
    let (same_key, keys) = same_key(dialect, model);
    let applied = match conflict {
        OnConflict::Update => return same_key,
        OnConflict::NothingAndTell => format!("{} IS NULL", keys[0]),
        OnConflict::UpdateAndTell => {
            let mut conditions: Vec<_> = condition(dialect, model).into_iter().collect();
            conditions.extend(
                model
                    .guard
                    .skip_unchanged
                    .then(|| would_change(dialect, model)),
            );
            if conditions.is_empty() {
                format!("{} IS NOT NULL", keys[0])
            } else {
                // The key makes a column of it where the condition has none.
                format!(
                    "({} AND {} IS NOT NULL) IS TRUE",
                    conditions.join(" AND "),
                    keys[0]
                )
            }
        }
    };
    format!("{same_key} AND LAST_INSERT_ID({MARK}nonce{MARK} | ({applied})) IS NOT NULL")
}

/// `` `users`.`email` = VALUES(`email`) ``, and the stored row's side of each part.
fn same_key(dialect: &MySql, model: &Model) -> (String, Vec<String>) {
    let name = |column: usize| model.columns[column].name.as_str();
    let parts = model.target.parts.iter().map(|part| match part {
        TargetPart::Column(column) => (
            dialect.stored(name(*column)),
            dialect.proposed(name(*column)),
        ),
        TargetPart::Expression(pieces) => (
            format!("({})", fill(pieces, |column| dialect.stored(name(column)))),
            format!(
                "({})",
                fill(pieces, |column| dialect.proposed(name(column)))
            ),
        ),
    });
    let (stored, equal): (Vec<_>, Vec<_>) = parts
        .map(|(stored, proposed)| (stored.clone(), format!("{stored} = {proposed}")))
        .unzip();
    (equal.join(" AND "), stored)
}
