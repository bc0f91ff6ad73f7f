//! Where a row's values go.

use sqlx::error::BoxDynError;
use sqlx::{Encode, Type};

use crate::dialect::Dialect;

/// Takes the values of a row one after the other: the arguments of a statement, the columns of a batch, the bytes of a key. One
/// derived function fills them all.
pub trait Sink<DB: Dialect> {
    /// Takes the next value.
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>;
}
