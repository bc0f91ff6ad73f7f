//! The text of MySQL and MariaDB: the guard that makes a conflict target, the nonce, and the order of assignments.

use super::spelling::{ALMOST_HALF, MARK, Operand, Spelling, marked};
use super::sqlite::ignoring_null;
use super::writer::Writer;
use super::{
    Ordered, Source, Statement, assignment_order, fill, index_name, inserted_columns,
    inserted_values, is_compared, join, key_equals, qualified, quote, returned, returned_with_key,
    select, select_deleted, select_list, stored_key, table, target, tuple,
};
use crate::expr::{CastTo, Operator, Piece, Raw};
use crate::model::{Assignment, Insert, Model};
use crate::target::TargetPart;
use crate::types::{Clock, Kind};

/// The statements, and for those that bind a row, what each `?` of theirs is.
pub(crate) struct Texts {
    /// Where the row stands in the statements that insert one.
    pub source: Source,
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

pub(super) struct MySql<'a> {
    table: &'a str,
    /// Whether some text has a backslash in it.
    backslashes: bool,
}

/// Raises error 1242 when it is evaluated. Its type is that of the column it stands for, so that the `IF` around it has that
/// type too: with NULLs in its place, both servers make the `IF` a text, and a FLOAT keeps six digits.
fn raise(stored: &str) -> String {
    format!("(SELECT {stored} UNION ALL SELECT {stored})")
}

impl Spelling for MySql<'_> {
    const QUOTE: char = '`';

    fn placeholder(&self, number: usize) -> String {
        marked(number)
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

    /// The servers' own `ROUND` takes halves of a float to the even number.
    fn round(&self, value: &str, kind: Kind) -> String {
        match kind {
            Kind::Float => {
                let almost_half = self.float(ALMOST_HALF);
                format!("TRUNCATE({value} + SIGN({value}) * {almost_half}, 0)")
            }
            Kind::Decimal => format!("ROUND({value})"),
            _ => format!("SIGN({value}) * FLOOR(ABS({value}) + 0.5)"),
        }
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

/// Whether the guard held, after it was asked before the first assignment, when all columns still had their old values: the
/// session keeps the number that was last handed to `LAST_INSERT_ID`, for each row anew.
const APPLIED: &str = "LAST_INSERT_ID() & 1";

/// What a conflict does, and whether the reply is to say so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnConflict {
    Update,
    UpdateAndTell,
    UpdateAndCount,
    NothingAndTell,
    NothingAndCount,
}

impl OnConflict {
    fn updates(self) -> bool {
        matches!(
            self,
            Self::Update | Self::UpdateAndTell | Self::UpdateAndCount
        )
    }
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
    let head = format!(
        "INSERT INTO {} ({}) ",
        table::<MySql>(&model.table),
        inserted_columns::<MySql>(model)
    );
    let row = format!("({})", inserted_values(&dialect, model));
    let insert = format!("{head}VALUES {row} ON DUPLICATE KEY UPDATE");
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
    let counting = |conflict| match conflict {
        OnConflict::UpdateAndCount if !model.is_guarded() => String::new(),
        conflict => on("", conflict).1,
    };
    Texts {
        source: Source::new(&head, &format!("VALUES {}", number_binds(&row).0), &row),
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
            ("upsert_all_counting", counting(OnConflict::UpdateAndCount)),
            (
                "insert_all_if_absent",
                counting(OnConflict::NothingAndCount),
            ),
            ("select_all", select_all(&dialect, model)),
            ("select_all_key", number_binds(&key(&dialect, model)).0),
        ],
    }
}

/// Reads the newest versions of rows by their keys, which go in place of the mark, each as `key` writes it.
fn select_all(dialect: &MySql, model: &Model) -> String {
    let stored = stored_key(dialect, model);
    format!(
        "SELECT {} FROM {} WHERE {} IN ({MARK}) LOCK IN SHARE MODE",
        returned_with_key::<MySql>(model, &model.table.name),
        table::<MySql>(&model.table),
        tuple(&stored)
    )
}

/// `(?, lower(?))`
fn key(dialect: &MySql, model: &Model) -> String {
    let mut bound = 0;
    let mut next = || {
        bound += 1;
        dialect.placeholder(bound)
    };
    let parts = model.target.parts.iter().map(|part| match part {
        TargetPart::Column(_) => next(),
        TargetPart::Expression(pieces) => format!("({})", fill(pieces, |_| next())),
    });
    tuple(&parts.collect::<Vec<_>>())
}

/// The `select` of the model with another list.
pub(super) fn select_of(model: &Model, list: &str) -> String {
    let dialect = MySql {
        table: &model.table.name,
        backslashes: false,
    };
    number_binds(&select_list(&dialect, model, list)).0
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
    // A cycle has been reported by the checks, and the text is then not used.
    let ordered = if conflict.updates() {
        assignment_order(&model.assignments, &model.guard, &inserts).unwrap_or_default()
    } else {
        Ordered::default()
    };
    let asks_once = ordered.asks_once;
    let assign = |assignment: &Assignment| {
        let name = model.columns[assignment.column].name.as_str();
        (name, guarded_value(dialect, model, assignment, asks_once))
    };
    let mut ordered = ordered.assignments.into_iter().map(assign);
    let key = model.columns[model.target.first_column()].name.as_str();
    let (column, mut value) = ordered.next().unwrap_or_else(|| (key, dialect.stored(key)));
    if let (Some(deleted), true) = (model.guard.must_be_null, conflict.updates()) {
        let deleted = dialect.stored(&model.columns[deleted].name);
        value = format!(
            "IF({deleted} IS NULL, {value}, {})",
            raise(&dialect.stored(column))
        );
    }
    let guarded = format!(
        "{} = IF({}, {value}, {})",
        quote::<MySql>(column),
        guard(dialect, model, conflict, asks_once),
        raise(&dialect.stored(column))
    );
    let rest = ordered.map(|(column, value)| format!("{} = {value}", quote::<MySql>(column)));
    join(std::iter::once(guarded).chain(rest))
}

/// The value of an assignment, or the old one where the update's condition does not hold. Of `skip_unchanged` only clocks need
/// to know: the server writes nothing by itself where all other values are equal.
fn guarded_value(
    dialect: &MySql,
    model: &Model,
    assignment: &Assignment,
    asks_once: bool,
) -> String {
    let value = Writer::assigned(dialect, model, assignment);
    let column = &model.columns[assignment.column];
    let mut conditions = Vec::new();
    if asks_once {
        conditions.push(APPLIED.to_owned());
    } else {
        conditions.extend(condition(dialect, model));
        if model.guard.skip_unchanged && !is_compared(assignment, &column.insert) {
            conditions.push(would_change(dialect, model));
        }
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
/// to be computed from a column, or the server folds the call away. The reply to many rows has no room for that: there, a
/// variable counts the rows that are left alone. With `asks_once`, the values that follow read the condition off the number.
fn guard(dialect: &MySql, model: &Model, conflict: OnConflict, asks_once: bool) -> String {
    let (same_key, keys) = same_key(dialect, model);
    let key = &keys[0];
    let applied = applied(dialect, model, key);
    let told = applied
        .clone()
        .unwrap_or_else(|| format!("{key} IS NOT NULL"));
    let left_alone = applied.map_or_else(|| "0".to_owned(), |applied| format!("NOT ({applied})"));
    let guard = match conflict {
        OnConflict::Update => same_key,
        OnConflict::UpdateAndTell => return tells(&same_key, &told),
        OnConflict::UpdateAndCount => counts(&same_key, &left_alone),
        OnConflict::NothingAndTell => return tells(&same_key, &format!("{key} IS NULL")),
        OnConflict::NothingAndCount => return counts(&same_key, "1"),
    };
    if asks_once {
        format!("{guard} AND LAST_INSERT_ID({told}) IS NOT NULL")
    } else {
        guard
    }
}

/// Whether the update's conditions hold, if it has any. The key makes a column of it where a condition has none.
fn applied(dialect: &MySql, model: &Model, key: &str) -> Option<String> {
    let mut conditions: Vec<_> = condition(dialect, model).into_iter().collect();
    if model.guard.skip_unchanged {
        conditions.push(would_change(dialect, model));
    }
    if conditions.is_empty() {
        return None;
    }
    conditions.push(format!("{key} IS NOT NULL"));
    Some(format!("({}) IS TRUE", conditions.join(" AND ")))
}

fn tells(same_key: &str, applied: &str) -> String {
    format!("{same_key} AND LAST_INSERT_ID({MARK}nonce{MARK} | ({applied})) IS NOT NULL")
}

fn counts(same_key: &str, left_alone: &str) -> String {
    format!("{same_key} AND (@upsert := @upsert + ({left_alone})) IS NOT NULL")
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
