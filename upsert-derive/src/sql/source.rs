//! The part of an insert that says which rows: the one part that is repeated at run time.

use super::spelling::MARK;

/// Where the rows stand in a statement, and one of them, to be repeated.
pub(crate) struct Source {
    /// Where it begins and ends in each statement of its dialect.
    pub start: usize,
    pub end: usize,
    /// A row with a mark for each bind: `(\0, \0, now())`.
    pub row: String,
    /// What is bound at each mark, counted from zero; empty where each bind stands once and in its order.
    pub slots: Vec<usize>,
}

impl Source {
    /// `head` stands before it, `text` is how it is written in the statements, and `row` has its binds between marks.
    pub(super) fn new(head: &str, text: &str, row: &str) -> Self {
        let mut parts = String::with_capacity(row.len());
        let mut slots = Vec::new();
        for (place, part) in row.split(MARK).enumerate() {
            if place % 2 == 0 {
                parts.push_str(part);
            } else {
                parts.push(MARK);
                slots.extend(part.parse::<usize>().ok().map(|number| number - 1));
            }
        }
        if slots.iter().copied().eq(0..slots.len()) {
            slots.clear();
        }
        Self {
            start: head.len(),
            end: head.len() + text.len(),
            row: parts,
            slots,
        }
    }
}
