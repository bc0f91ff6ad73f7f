//! How the server's reply to `ON DUPLICATE KEY UPDATE` says what happened.
//!
//! The row counts cannot tell: sqlx asks the server to count found rows, so 1 is an insert or an equal update. The guard
//! therefore passes a number of the call's own through `LAST_INSERT_ID(number)`, and the reply carries it back.

use sqlx::mysql::MySqlArguments;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::model::Model;
use crate::returning::Action;

/// Set in every nonce, and in no auto-increment id that a table reaches.
const MARK: u64 = 1 << 63;
/// Set by the guard when the update was applied.
const APPLIED: u64 = 1;

/// A number that no other call of this session uses: the session keeps the last one, and an old one must not be taken for ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Nonce(u64);

/// What the server's OK packet holds.
#[derive(Clone, Copy)]
pub(super) struct Reply {
    pub rows: u64,
    pub id: u64,
}

/// What can be read off a reply.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Told(Action),
    /// An UPDATE trigger takes the number out of the reply, not out of the session: `LAST_INSERT_ID()` has to be asked.
    AskSession,
}

impl Nonce {
    pub(super) fn new() -> Self {
        // A proxy may lend one session to several processes, so they do not all start at the same number.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one("upsert")));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(MARK | (number << 1))
    }

    pub(super) fn bind(
        self,
        model: &'static Model,
        arguments: &mut MySqlArguments,
    ) -> Result<(), Error> {
        sqlx::Arguments::add(arguments, self.0).map_err(|source| Error::encode(model, None, source))
    }

    pub(super) fn verdict(self, reply: Reply) -> Verdict {
        match reply {
            Reply { id, .. } if id & !APPLIED == self.0 => Verdict::Told(applied(id)),
            // With an auto-increment column and an UPDATE trigger the reply of an update has the row's id in it.
            Reply { rows: 1, id } if id != 0 => Verdict::Told(Action::Inserted),
            _ => Verdict::AskSession,
        }
    }

    /// Reads the session's `LAST_INSERT_ID()`: ours when the guard ran, something older when the row was simply inserted.
    pub(super) fn resolve(self, session: u64) -> Action {
        if session & !APPLIED == self.0 {
            applied(session)
        } else {
            Action::Inserted
        }
    }
}

fn applied(number: u64) -> Action {
    if number & APPLIED == APPLIED {
        Action::Updated
    } else {
        Action::Unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_marked_even_and_never_the_same() {
        let (one, two) = (Nonce::new(), Nonce::new());
        assert_ne!(one, two);
        assert_eq!((one.0 & MARK, one.0 & APPLIED), (MARK, 0));
    }

    #[test]
    fn a_reply_tells_what_happened() {
        let nonce = Nonce::new();
        let told = |rows, id| nonce.verdict(Reply { rows, id });
        assert_eq!(told(1, 7), Verdict::Told(Action::Inserted));
        assert_eq!(told(2, nonce.0 | APPLIED), Verdict::Told(Action::Updated));
        assert_eq!(told(1, nonce.0 | APPLIED), Verdict::Told(Action::Updated));
        assert_eq!(told(1, nonce.0), Verdict::Told(Action::Unchanged));
        assert_eq!(told(1, 0), Verdict::AskSession);
        assert_eq!(told(2, 7), Verdict::AskSession);
    }

    #[test]
    fn the_session_tells_where_a_trigger_hid_the_number() {
        let nonce = Nonce::new();
        assert_eq!(nonce.resolve(nonce.0 | APPLIED), Action::Updated);
        assert_eq!(nonce.resolve(nonce.0), Action::Unchanged);
        assert_eq!(nonce.resolve(Nonce::new().0), Action::Inserted);
        assert_eq!(nonce.resolve(7), Action::Inserted);
    }
}
