//! Which row given a row that came back belongs to.

use std::collections::HashMap;

use super::keys::returned_key;
use super::{Job, Rows};
use crate::dialect::Dialect;
use crate::error::Error;

/// The rows of a statement, each with a key that no other of them has, to be found again by it.
pub(crate) struct Places<'j, DB: Dialect> {
    job: &'j Job<'j>,
    rows: &'j [usize],
    /// Where the next one is expected: databases give rows back in the order in which they took them, though none promises it.
    next: usize,
    by_key: HashMap<&'j [u8], usize>,
    found: Vec<bool>,
    sink: DB::Key,
    key: Vec<u8>,
}

impl<'j, DB: Dialect> Places<'j, DB> {
    pub(crate) fn new(job: &'j Job<'j>, rows: &'j [usize]) -> Self {
        Self {
            job,
            rows,
            next: 0,
            by_key: HashMap::new(),
            found: vec![false; rows.len()],
            sink: DB::Key::default(),
            key: Vec::new(),
        }
    }

    /// The row given that this one belongs to, if it can be told.
    pub(crate) fn find(
        &mut self,
        rows: &dyn Rows<DB>,
        returned: &DB::Row,
    ) -> Result<Option<usize>, Error> {
        let orders: &[_] = if self.job.careful {
            &[]
        } else {
            &self.job.look.orders
        };
        if !returned_key::<DB>(rows, returned, orders, &mut self.sink, &mut self.key)? {
            return Ok(None);
        }
        let place = match self.rows.get(self.next) {
            Some(&row) if self.has_key(row) => Some(self.next),
            _ if self.job.careful => self.look_ahead(),
            _ => self.look_up(),
        };
        let Some(place) = place.filter(|place| !self.found[*place]) else {
            return Ok(None);
        };
        self.found[place] = true;
        self.next = place + 1;
        Ok(Some(self.rows[place]))
    }

    /// Where keys may be equal that are different bytes, a key that came back may be that of another row given, too: then the order
    /// must not speak against it.
    fn look_ahead(&self) -> Option<usize> {
        let mut ahead = self.next..self.rows.len();
        ahead.find(|place| self.has_key(self.rows[*place]))
    }

    /// Whether the row given has the key that came back. A key with a NULL is equal to none.
    fn has_key(&self, row: usize) -> bool {
        let keys = &self.job.keys;
        !keys.is_lonely(row) && keys.get(row) == self.key
    }

    fn look_up(&mut self) -> Option<usize> {
        if self.by_key.is_empty() {
            let keys = &self.job.keys;
            let by_key = self.rows.iter().enumerate();
            let by_key = by_key.filter(|(_, row)| !keys.is_lonely(**row));
            self.by_key = by_key.map(|(place, &row)| (keys.get(row), place)).collect();
        }
        self.by_key.get(&*self.key).copied()
    }

    /// The rows given that none has come back of.
    pub(crate) fn missing(&self) -> Vec<usize> {
        let rows = self.rows.iter().zip(&self.found);
        rows.filter(|(_, found)| !**found)
            .map(|(row, _)| *row)
            .collect()
    }
}
