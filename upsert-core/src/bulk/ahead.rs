//! The binds of the next statement, made while the database works on the one before: a batch then takes as long as the database
//! does, and not as long as both one after the other.

use std::future::{Future, poll_fn};
use std::pin::pin;

use super::{Job, Rows};
use crate::dialect::Dialect;
use crate::error::Error;

/// As many values as are bound at a stretch, before the driver is asked again and other tasks of the caller have a turn.
const VALUES_A_STEP: usize = 1_000;

/// What comes after the rows that are being written.
pub struct Ahead<'j, DB: Dialect> {
    /// The next chunk; none where that is not known, or where this one may have to be done again.
    pub(crate) next: &'j [usize],
    draft: Option<Draft<DB>>,
}

impl<'j, DB: Dialect> Ahead<'j, DB> {
    /// Nothing is known of what comes.
    pub(super) fn new() -> Self {
        Self {
            next: &[],
            draft: None,
        }
    }

    /// The binds of these rows, or of as many of them as a statement takes, and how many that are.
    pub(crate) fn bind(
        &mut self,
        rows: &dyn Rows<DB>,
        job: &Job<'_>,
        chunk: &[usize],
    ) -> Result<(DB::Binds, usize), Error> {
        let mut draft = match self.draft.take() {
            Some(draft) if draft.rows == chunk => draft,
            _ => Draft::new(job, chunk),
        };
        draft.extend(rows, job, chunk.len());
        match draft.failed {
            Some(error) => Err(error),
            None => Ok((draft.binds, draft.bound)),
        }
    }

    /// Waits for what the database does for a statement, and binds those rows meanwhile that are still to be written: the rest of
    /// the chunk, or the next one. What fails about them is told when it is their turn.
    pub(crate) async fn wait<F: Future>(
        &mut self,
        statement: F,
        rows: &mut dyn Rows<DB>,
        job: &Job<'_>,
        rest: &[usize],
    ) -> F::Output {
        let next = if rest.is_empty() { self.next } else { rest };
        let draft = &mut self.draft;
        *draft = None;
        let step = (VALUES_A_STEP / job.model.bound.len().max(1)).max(1);
        let mut is_done = next.is_empty();
        let mut statement = pin!(statement);
        // The rows may be given to another thread, but not shared with it.
        poll_fn(move |context| {
            let polled = statement.as_mut().poll(context);
            if polled.is_pending() && !is_done {
                let draft = draft.get_or_insert_with(|| Draft::new(job, next));
                draft.extend(&*rows, job, step);
                is_done = draft.is_done();
                context.waker().wake_by_ref();
            }
            polled
        })
        .await
    }
}

/// A statement's binds, as far as they are made.
struct Draft<DB: Dialect> {
    rows: Vec<usize>,
    bound: usize,
    binds: DB::Binds,
    /// Whether no more rows go into the statement.
    is_full: bool,
    failed: Option<Error>,
}

impl<DB: Dialect> Draft<DB> {
    fn new(job: &Job<'_>, rows: &[usize]) -> Self {
        Self {
            rows: rows.to_vec(),
            bound: 0,
            binds: DB::new_binds(job, rows.len()),
            is_full: false,
            failed: None,
        }
    }

    fn is_done(&self) -> bool {
        self.is_full || self.failed.is_some() || self.bound == self.rows.len()
    }

    fn extend(&mut self, rows: &dyn Rows<DB>, job: &Job<'_>, most: usize) {
        for _ in 0..most {
            if self.is_done() {
                break;
            }
            let row = self.rows[self.bound];
            match DB::bind_next(job, rows, row, &mut self.binds) {
                Ok(is_full) => self.is_full = is_full,
                Err(error) => self.failed = Some(error),
            }
            self.bound += 1;
        }
    }
}
