//! What can be asked of a batch.

use std::num::NonZeroUsize;

/// What is to happen with rows of one batch that have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Duplicates {
    /// They are upserted in their order, as single calls would.
    #[default]
    InOrder,
    /// The call fails before anything is sent, and names two of them. Keys are the same here if they are sent as the same
    /// bytes; what a collation takes for equal besides is upserted in order.
    Reject,
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The rows that have been sent.
    pub rows: usize,
    /// The rows that there are; of a stream, those that it has given so far.
    pub rows_in_all: usize,
    /// The chunks that have been sent.
    pub chunks: usize,
}

/// As the builder was told.
#[derive(Default)]
pub struct Options<'e> {
    pub(crate) settings: Settings,
    pub(crate) on_progress: Option<OnProgress<'e>>,
}

pub(crate) type OnProgress<'e> = Box<dyn FnMut(Progress) + Send + 'e>;

/// How to go about a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub chunk_rows: Option<NonZeroUsize>,
    pub keep_order: bool,
    pub duplicates: Duplicates,
    pub retries: u32,
    pub commit_each_chunk: bool,
    pub find_culprit: bool,
}

/// How often a batch is tried again by itself.
const RETRIES: u32 = 10;

impl Default for Settings {
    fn default() -> Self {
        Self {
            chunk_rows: None,
            keep_order: false,
            duplicates: Duplicates::default(),
            retries: RETRIES,
            commit_each_chunk: false,
            find_culprit: false,
        }
    }
}
