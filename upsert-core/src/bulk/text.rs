//! The one place where SQL is put together at run time: the row part of a VALUES list, and the key part of an IN list, as often
//! as there are rows. What is repeated comes from the derive; nothing of a row's values gets into it.

use std::fmt::Write;

use crate::model::Source;

/// How a dialect writes the nth bind of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Placeholder {
    /// `$1`
    #[cfg(feature = "postgres")]
    Numbered,
    /// `?`
    Mark,
}

/// `statement` with its source in place of which `rows` rows stand in a VALUES list.
pub(crate) fn repeat_rows(
    statement: &'static str,
    source: &Source,
    rows: usize,
    binds: usize,
    placeholder: Placeholder,
) -> String {
    let head = statement.get(..source.start).unwrap_or_default();
    let tail = statement.get(source.end..).unwrap_or_default();
    let mut text =
        String::with_capacity(head.len() + tail.len() + rows * (source.row.len() + 2 + binds * 4));
    text.push_str(head);
    text.push_str("VALUES ");
    for row in 0..rows {
        if row > 0 {
            text.push_str(", ");
        }
        for (place, part) in source.row.split('\0').enumerate() {
            if place > 0 {
                let bind = match source.slots.get(place - 1) {
                    Some(bind) => *bind,
                    None => place - 1,
                };
                write_placeholder(&mut text, placeholder, row * binds + bind + 1);
            }
            text.push_str(part);
        }
    }
    text.push_str(tail);
    text
}

fn write_placeholder(text: &mut String, placeholder: Placeholder, number: usize) {
    match placeholder {
        #[cfg(feature = "postgres")]
        Placeholder::Numbered => {
            // Writing to a `String` does not fail.
            let _ = write!(text, "${number}");
        }
        Placeholder::Mark => {
            let _ = number;
            text.push('?');
        }
    }
}

/// `statement` with the NUL in it replaced by `part`, as often as there are keys.
#[cfg(feature = "mysql")]
pub(crate) fn repeat(statement: &'static str, part: &str, times: usize) -> String {
    let list = vec![part; times].join(", ");
    statement.replacen('\0', &list, 1)
}
