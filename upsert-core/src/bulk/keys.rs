//! Keys as bytes, by which rows are sorted, told apart and found again.
//!
//! The bytes are those that the driver sends, so that a field needs no `Hash` or `Ord`. Where the database's idea of equal is
//! wider than theirs, they are brought into a form in which it is not, if one is known.

use std::cmp::Ordering;
use std::ops::Range;

use super::Rows;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::sink::Sink;

/// How a column of the key compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrder {
    /// Two values are equal only if their bytes are.
    Bytes,
    /// A text. Spaces at its end may not count; with `fold`, nor does case, and beyond ASCII anything may equal anything.
    Text {
        /// Whether case does not count.
        fold: bool,
    },
    /// As `Bytes`, for values whose first byte is one of these; nobody knows of the others. SQLite's begin with their storage
    /// class, MySQL's with what they are sent as.
    Classes(&'static [u8]),
    /// As `Text`, for values that begin with one of these classes, which do not count.
    #[cfg(feature = "mysql")]
    TextOf { classes: &'static [u8], fold: bool },
    /// Nobody knows.
    Unknown,
}

/// The parts of one key.
#[derive(Debug, Default)]
pub struct KeyParts {
    bytes: Vec<u8>,
    /// Where each part ends; none for a NULL.
    ends: Vec<Option<usize>>,
    /// How long each is in the form that is written; kept for the next key, which needs the room again.
    lengths: Vec<u32>,
}

impl KeyParts {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(Some(self.bytes.len()));
    }

    /// A part that begins with its class.
    #[cfg(any(feature = "_sqlite", feature = "mysql"))]
    pub(crate) fn push_in_class(&mut self, class: u8, bytes: &[u8]) {
        self.bytes.push(class);
        self.push(bytes);
    }

    pub(crate) fn push_null(&mut self) {
        self.ends.push(None);
    }

    /// How many parts there are.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of all parts.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes the parts are.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn parts(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let part = self.bytes.get(start..(*end)?);
            start = end.unwrap_or(start);
            part
        })
    }

    /// Writes the parts one after the other in the form in which equal ones have equal bytes; says whether there is one. The
    /// lengths come last: in front of the parts they would decide the order. A key of one part does without, where a NULL is not
    /// to be told from other keys, since it is equal to none.
    fn write(&mut self, orders: &[KeyOrder], nulls_equal: bool, to: &mut Vec<u8>) -> bool {
        let mut lengths = std::mem::take(&mut self.lengths);
        lengths.clear();
        for (place, part) in self.parts().enumerate() {
            let start = to.len();
            let order = orders.get(place).copied().unwrap_or(KeyOrder::Bytes);
            match (part, order) {
                (None, _) => {}
                (Some(part), KeyOrder::Classes(classes)) => {
                    if !part.first().is_some_and(|class| classes.contains(class)) {
                        return false;
                    }
                    to.extend_from_slice(part);
                }
                (Some(part), KeyOrder::Bytes | KeyOrder::Unknown) => to.extend_from_slice(part),
                (Some(part), KeyOrder::Text { fold }) => {
                    if !write_text(part, fold, to) {
                        return false;
                    }
                }
                #[cfg(feature = "mysql")]
                (Some(part), KeyOrder::TextOf { classes, fold }) => {
                    let text = part
                        .split_first()
                        .filter(|(class, _)| classes.contains(class));
                    if !text.is_some_and(|(_, text)| write_text(text, fold, to)) {
                        return false;
                    }
                }
            }
            let length = part.map_or(u32::MAX, |_| {
                u32::try_from(to.len() - start).unwrap_or(u32::MAX - 1)
            });
            lengths.push(length);
        }
        if lengths.len() > 1 || nulls_equal {
            to.extend(lengths.iter().copied().flat_map(u32::to_be_bytes));
        }
        self.lengths = lengths;
        true
    }
}

/// Writes a text without the spaces at its end, and with `fold` without its case; says whether that is a form for it.
fn write_text(text: &[u8], fold: bool, to: &mut Vec<u8>) -> bool {
    let start = to.len();
    let spaces = text.iter().rev().take_while(|byte| **byte == b' ').count();
    let text = &text[..text.len() - spaces];
    if fold && !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return false;
    }
    to.extend_from_slice(text);
    if fold {
        to[start..].make_ascii_lowercase();
    }
    true
}

/// The keys of all rows of a batch.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The first row that they are of.
    first: usize,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Whether a NULL keeps the key from being equal to any.
    lonely: Vec<bool>,
}

impl Keys {
    /// Encodes the keys. None if one of them has no form in which equal keys are equal bytes.
    pub(super) fn encode<DB: Dialect>(
        rows: &dyn Rows<DB>,
        range: Range<usize>,
        orders: &[KeyOrder],
    ) -> Result<Option<Self>, Error> {
        let model = rows.model();
        let mut keys = Self {
            first: range.start,
            bytes: Vec::with_capacity(range.len() * 16),
            ends: Vec::with_capacity(range.len()),
            lonely: Vec::with_capacity(range.len()),
        };
        let mut sink = DB::Key::default();
        for row in range {
            sink.as_mut().clear();
            let bound = rows.bind_key(row, &mut Sink::Key(&mut sink));
            let parts = sink.as_mut();
            bound.map_err(|source| {
                let column = model.key.get(parts.ends.len());
                Error::encode(model, column.copied(), source).at_row(row)
            })?;
            if !parts.write(orders, model.many.nulls_equal, &mut keys.bytes) {
                return Ok(None);
            }
            keys.ends.push(keys.bytes.len());
            let has_null = parts.ends.iter().any(Option::is_none);
            keys.lonely.push(has_null && !model.many.nulls_equal);
        }
        Ok(Some(keys))
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let place = row - self.first;
        let start = match place.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        &self.bytes[start..self.ends[place]]
    }

    /// Whether a NULL in the key keeps it from being equal to any other.
    pub(crate) fn is_lonely(&self, row: usize) -> bool {
        let lonely = self.lonely.get(row.wrapping_sub(self.first));
        lonely.copied().unwrap_or(false)
    }

    /// Whether two rows have the same key.
    pub(super) fn are_equal(&self, one: usize, two: usize) -> bool {
        !self.is_lonely(one) && !self.is_lonely(two) && self.get(one) == self.get(two)
    }

    /// The rows in the order of their keys; those of the same key stay in theirs.
    pub(super) fn sorted(&self) -> Vec<usize> {
        // Nearly all keys differ in the first bytes that they do not all have in common, and those are compared without
        // following a pointer.
        let common = self.common_prefix();
        let prefix = |row: usize| {
            let key = &self.get(row)[common..];
            let mut prefix = [0; 8];
            let length = key.len().min(8);
            prefix[..length].copy_from_slice(&key[..length]);
            u64::from_be_bytes(prefix)
        };
        let rows = self.first..self.first + self.ends.len();
        let mut rows: Vec<_> = rows.map(|row| (prefix(row), row)).collect();
        rows.sort_unstable_by(|(one_prefix, one), (two_prefix, two)| {
            let by_key = || match self.get(*one).cmp(self.get(*two)) {
                Ordering::Equal => one.cmp(two),
                unequal => unequal,
            };
            one_prefix.cmp(two_prefix).then_with(by_key)
        });
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// How many bytes all keys begin with.
    fn common_prefix(&self) -> usize {
        let mut rows = self.first..self.first + self.ends.len();
        let Some(first) = rows.next() else {
            return 0;
        };
        let first = self.get(first);
        rows.fold(first.len(), |common, row| {
            let bytes = first[..common].iter().zip(self.get(row));
            bytes.take_while(|(one, two)| one == two).count()
        })
    }
}

/// Reads the key of a row that came back, in the form that [`Keys`] has; says whether it has one.
pub(super) fn returned_key<DB: Dialect>(
    rows: &dyn Rows<DB>,
    returned: &DB::Row,
    orders: &[KeyOrder],
    sink: &mut DB::Key,
    key: &mut Vec<u8>,
) -> Result<bool, Error> {
    sink.as_mut().clear();
    key.clear();
    rows.returned_key(returned, &mut Sink::Key(sink))
        .map_err(|source| Error::from_driver::<DB>(rows.model(), source))?;
    let nulls_equal = rows.model().many.nulls_equal;
    Ok(sink.as_mut().write(orders, nulls_equal, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[Option<&str>], orders: &[KeyOrder]) -> Option<Vec<u8>> {
        let mut key = KeyParts::default();
        for part in parts {
            match part {
                Some(part) => key.push(part.as_bytes()),
                None => key.push_null(),
            }
        }
        let mut bytes = Vec::new();
        key.write(orders, true, &mut bytes).then_some(bytes)
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let bytes = [KeyOrder::Bytes; 2];
        assert_ne!(
            key(&[Some("a"), Some("bc")], &bytes),
            key(&[Some("ab"), Some("c")], &bytes)
        );
        assert_ne!(
            key(&[Some(""), Some("a")], &bytes),
            key(&[None, Some("a")], &bytes)
        );
        assert_ne!(key(&[None], &bytes), key(&[Some("")], &bytes));
        let of_one = |part: &[u8]| {
            let mut key = KeyParts::default();
            key.push(part);
            let mut bytes = Vec::new();
            key.write(&[KeyOrder::Bytes], true, &mut bytes);
            Some(bytes)
        };
        assert_ne!(key(&[None], &bytes), of_one(&[0xff; 4]));
    }

    #[test]
    fn texts_are_equal_as_the_database_takes_them() {
        let exact = [KeyOrder::Text { fold: false }];
        assert_eq!(key(&[Some("ab ")], &exact), key(&[Some("ab")], &exact));
        assert_ne!(key(&[Some("Ab")], &exact), key(&[Some("ab")], &exact));
        let fold = [KeyOrder::Text { fold: true }];
        assert_eq!(key(&[Some("Ab")], &fold), key(&[Some("aB ")], &fold));
        assert_eq!(key(&[Some("é")], &fold), None);
        assert_eq!(key(&[Some("a\u{1}")], &fold), None);
    }
}
