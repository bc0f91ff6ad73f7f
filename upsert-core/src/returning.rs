//! What comes back from an upsert.

/// A row as it stands after the call, and what happened to it.
///
/// ```
/// use upsert::{Action, Upserted};
///
/// fn greet(Upserted { row: name, action }: Upserted<String>) -> String {
///     match action {
///         Action::Inserted => format!("Welcome, {name}!"),
///         Action::Updated | Action::Unchanged => format!("Welcome back, {name}!"),
///     }
/// }
///
/// let first = Upserted { row: "Ada".to_owned(), action: Action::Inserted };
/// assert_eq!(greet(first), "Welcome, Ada!");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Upserted<T> {
    /// The row, or the part of it that `returning` names.
    pub row: T,
    /// What happened to it.
    pub action: Action,
}

/// What an upsert did to a row. It means the same on every database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The row is new.
    Inserted,
    /// The row was there and the update was applied, also when it wrote equal values.
    Updated,
    /// The row was there and was left alone.
    Unchanged,
}

impl Action {
    /// Whether the row is new.
    #[must_use]
    pub fn is_inserted(self) -> bool {
        self == Self::Inserted
    }
}

impl<T> Upserted<T> {
    pub(crate) fn new(row: T, action: Action) -> Self {
        Self { row, action }
    }
}
