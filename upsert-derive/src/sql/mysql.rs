//! The text of MySQL and MariaDB: the guard that makes a conflict target, the nonce, and the order of assignments.

use super::{
    Operand, Spelling, Statement, assignment_order, columns_and_values, index_name, join,
    key_equals, qualified, quote, returned, select, table, target, value,
};
use crate::expr::Operator;
use crate::model::{Assignment, Model};
use crate::types::Clock;

struct MySql<'a> {
    table: &'a str,
}

/// Raises error 1242 when it is evaluated. Its type is that of the column it stands for, so that the `IF` around it has that
/// type too: with NULLs in its place, both servers make the `IF` a text, and a FLOAT keeps six digits.
fn raise(stored: &str) -> String {
    format!("(SELECT {stored} UNION ALL SELECT {stored})")
}

impl Spelling for MySql<'_> {
    const QUOTE: char = '`';

    fn placeholder(&self, _: usize) -> String {
        "?".to_owned()
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

    /// A text with a backslash is written in hexadecimal, which means the same in every sql_mode.
    fn text(&self, text: &str) -> String {
        if text.contains('\\') {
            let digits: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            return format!("_utf8mb4 X'{digits}'");
        }
        format!("'{}'", text.replace('\'', "''"))
    }

    fn operation(&self, operator: Operator, left: &str, right: &Operand) -> String {
        if operator == Operator::Divide && right.integers {
            return format!("{left} DIV {}", right.text);
        }
        format!("{left} {} {}", operator.sign(), right.text)
    }
}

/// What a conflict does, and whether the reply is to say so.
#[derive(Clone, Copy)]
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
pub(super) fn statements(model: &Model) -> Vec<Statement> {
    let dialect = MySql {
        table: &model.table.name,
    };
    let insert = format!(
        "INSERT INTO {} {} ON DUPLICATE KEY UPDATE",
        table::<MySql>(&model.table),
        columns_and_values(&dialect, model)
    );
    let on = |conflict| format!("{insert} {}", assignments(&dialect, model, conflict));
    let locking = format!(
        "SELECT {}, LAST_INSERT_ID() FROM {} WHERE {} LOCK IN SHARE MODE",
        returned::<MySql>(model, &model.table.name),
        table::<MySql>(&model.table),
        key_equals(&dialect, model)
    );
    vec![
        ("upsert", on(OnConflict::Update)),
        ("upsert_with_action", on(OnConflict::UpdateAndTell)),
        ("insert_if_absent", on(OnConflict::NothingAndTell)),
        ("select", select(&dialect, model)),
        ("select_locking", locking),
        (
            "show_index",
            format!("SHOW INDEX FROM {}", table::<MySql>(&model.table)),
        ),
        (
            "create_index",
            format!(
                "CREATE UNIQUE INDEX {} ON {} ({})",
                quote::<MySql>(&index_name(model)),
                table::<MySql>(&model.table),
                target::<MySql>(model)
            ),
        ),
    ]
}

/// The assignments, in an order in which each reads old values, the first one behind the guard. Where nothing is assigned, a
/// key column is assigned to itself, for the guard to have a place.
fn assignments(dialect: &MySql, model: &Model, conflict: OnConflict) -> String {
    let ordered = match conflict {
        OnConflict::Update | OnConflict::UpdateAndTell => {
            // A cycle has been reported by the checks, and the text is then not used.
            assignment_order(&model.assignments).unwrap_or_default()
        }
        OnConflict::NothingAndTell => Vec::new(),
    };
    let assign = |assignment: &Assignment| {
        (
            model.columns[assignment.column].name.as_str(),
            value(dialect, model, assignment),
        )
    };
    let mut ordered = ordered.into_iter().map(assign);
    let key = model.columns[model.target[0]].name.as_str();
    let (column, value) = ordered.next().unwrap_or_else(|| (key, dialect.stored(key)));
    let guarded = format!(
        "{} = IF({}, {value}, {})",
        quote::<MySql>(column),
        guard(dialect, model, conflict),
        raise(&dialect.stored(column))
    );
    let rest = ordered.map(|(column, value)| format!("{} = {value}", quote::<MySql>(column)));
    join(std::iter::once(guarded).chain(rest))
}

/// Whether the row that absorbed ours is the one the target means. Compared with `=`: with `<=>`, two NULL keys would let a
/// foreign row through.
///
/// The number handed to `LAST_INSERT_ID` comes back in the reply. Its lowest bit says whether the update was applied; it has
/// to be computed from a column, or the server folds the call away.
fn guard(dialect: &MySql, model: &Model, conflict: OnConflict) -> String {
    let same_key = model.target_columns().map(|column| {
        format!(
            "{} = {}",
            dialect.stored(&column.name),
            dialect.proposed(&column.name)
        )
    });
    let same_key = same_key.collect::<Vec<_>>().join(" AND ");
    let key = dialect.stored(&model.columns[model.target[0]].name);
    match conflict {
        OnConflict::Update => same_key,
        OnConflict::UpdateAndTell => {
            format!("{same_key} AND LAST_INSERT_ID(? | ({key} IS NOT NULL)) IS NOT NULL")
        }
        OnConflict::NothingAndTell => {
            format!("{same_key} AND LAST_INSERT_ID(? | ({key} IS NULL)) IS NOT NULL")
        }
    }
}
