//! Which rows go when.

use std::collections::HashSet;
use std::ops::Range;

use super::keys::{KeyOrder, Keys};
use super::{Operation, Rows, Settings};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::model::{KeyEquality, Model};

/// What the database was asked about the table before the batch.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// How each column of the key compares, in the order of `Model::key`; empty where nobody has asked.
    pub(crate) orders: Vec<KeyOrder>,
    /// Whether rows of the table refer to other rows of it: one that is referred to may have to come first.
    pub(crate) in_order: bool,
    /// Whether rows have to go in a VALUES list, since the database has types that arrays do not hold.
    pub(crate) in_values: bool,
    /// Whether a column of the key is of another type than its field, which may not be able to read it.
    pub(crate) key_is_of_another_type: bool,
}

/// How a database carries out a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By one call after the other.
    RowByRow,
    /// By statements of many rows.
    Chunks {
        /// How many rows a statement takes.
        rows: usize,
        /// Whether a statement may not have a key twice.
        distinct: bool,
    },
}

/// A batch, laid out.
pub struct Job<'j> {
    pub(crate) model: &'static Model,
    pub(crate) operation: Operation,
    pub(crate) look: &'j Look,
    pub(crate) way: Way,
    /// Whether keys may be equal that are different bytes.
    pub(crate) careful: bool,
    /// Whether rows go in the order given, since one may need those before it.
    pub(crate) in_order: bool,
    pub(crate) keys: Keys,
    pub(super) plan: Plan,
}

/// The rows in the order in which they go, and where the chunks are cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub order: Vec<usize>,
    pub chunks: Vec<Range<usize>>,
    /// How often the most frequent key occurs, where each occurrence goes by itself.
    pub rounds: usize,
}

/// How many rows go together where they go one by one: for progress, and for commits on the way.
const ROWS_ONE_BY_ONE: usize = 1_000;

impl<'j> Job<'j> {
    pub(super) fn new<DB: Dialect>(
        rows: &dyn Rows<DB>,
        range: Range<usize>,
        operation: Operation,
        settings: &Settings,
        look: &'j Look,
        careful: bool,
    ) -> Result<Self, Error> {
        let model = rows.model();
        let mut careful = careful || look.orders.contains(&KeyOrder::Unknown);
        let mut keys = Keys::default();
        if DB::TELLS_BY_KEY {
            keys = match Keys::encode::<DB>(rows, range.clone(), &look.orders)? {
                Some(keys) if !careful => keys,
                _ => {
                    careful = true;
                    Keys::encode::<DB>(rows, range.clone(), &[])?.unwrap_or_default()
                }
            };
        } else if !look.orders.is_empty() {
            keys = Keys::encode::<DB>(rows, range.clone(), &look.orders)?.unwrap_or_default();
        }
        let way = DB::way(model, operation, look, careful);
        let (limit, distinct) = match way {
            Way::RowByRow => (ROWS_ONE_BY_ONE, false),
            Way::Chunks { rows, distinct } => (rows, distinct),
        };
        let limit = settings
            .chunk_rows
            .map_or(limit, |rows| rows.get().min(limit))
            .max(1);
        let way = match way {
            Way::RowByRow => Way::RowByRow,
            Way::Chunks { distinct, .. } => Way::Chunks {
                rows: limit,
                distinct,
            },
        };
        // One by one, and nobody knows what a row depends on.
        let depends = way == Way::RowByRow && model.many.key == KeyEquality::Unknown;
        let in_order =
            settings.keep_order || look.in_order || careful || depends || keys.is_empty();
        let plan = match (in_order, distinct) {
            (true, true) => Plan::in_order_and_distinct(range, limit, &keys),
            (true, false) => Plan::in_order(range, limit),
            (false, distinct) => Plan::sorted(limit, &keys, distinct),
        };
        Ok(Self {
            model,
            operation,
            look,
            way,
            careful,
            in_order,
            keys,
            plan,
        })
    }
}

impl Job<'_> {
    /// Whether a statement of so many rows is one that will come again.
    pub(crate) fn is_full(&self, rows: usize) -> bool {
        matches!(self.way, Way::Chunks { rows: full, .. } if full == rows)
    }
}

impl Plan {
    fn in_order(rows: Range<usize>, limit: usize) -> Self {
        Self {
            chunks: cut(0..rows.len(), limit),
            order: rows.collect(),
            rounds: 1,
        }
    }

    /// In the caller's order, and a new chunk before each key that the chunk has already.
    fn in_order_and_distinct(rows: Range<usize>, limit: usize, keys: &Keys) -> Self {
        let mut chunks = Vec::new();
        let mut seen = HashSet::new();
        let mut start = 0;
        for (place, row) in rows.clone().enumerate() {
            let is_new = keys.is_lonely(row) || seen.insert(keys.get(row));
            if !is_new || place - start == limit {
                chunks.push(start..place);
                start = place;
                seen.clear();
                seen.insert(keys.get(row));
            }
        }
        chunks.push(start..rows.len());
        Self {
            order: rows.collect(),
            chunks,
            rounds: 1,
        }
    }

    /// By key. Where a statement may not have a key twice, its second occurrence goes in a second round, the third in a third.
    fn sorted(limit: usize, keys: &Keys, distinct: bool) -> Self {
        let mut order = keys.sorted();
        let mut rounds = vec![0; if distinct { order.len() } else { 0 }];
        for place in 1..rounds.len() {
            if keys.are_equal(order[place - 1], order[place]) {
                rounds[place] = rounds[place - 1] + 1;
            }
        }
        let last = rounds.iter().copied().max().unwrap_or(0);
        if last == 0 {
            let chunks = cut(0..order.len(), limit);
            return Self {
                order,
                chunks,
                rounds: 1,
            };
        }
        let mut starts = vec![0; last + 2];
        for round in &rounds {
            starts[round + 1] += 1;
        }
        for round in 1..starts.len() {
            starts[round] += starts[round - 1];
        }
        let mut next = starts.clone();
        let mut by_round = vec![0; order.len()];
        for (place, round) in rounds.iter().enumerate() {
            by_round[next[*round]] = order[place];
            next[*round] += 1;
        }
        order = by_round;
        let chunks = starts
            .windows(2)
            .flat_map(|bounds| cut(bounds[0]..bounds[1], limit))
            .collect();
        Self {
            order,
            chunks,
            rounds: last + 1,
        }
    }
}

fn cut(rows: Range<usize>, limit: usize) -> Vec<Range<usize>> {
    let starts = rows.clone().step_by(limit);
    starts
        .map(|start| start..(start + limit).min(rows.end))
        .collect()
}
