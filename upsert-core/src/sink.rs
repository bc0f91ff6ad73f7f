//! Where a row's values go.

use sqlx::error::BoxDynError;
use sqlx::{Encode, Type};

use crate::dialect::Dialect;

/// Takes the values of a row one after the other.
pub trait Put<DB: Dialect> {
    /// Takes the next value.
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>;
}

/// All places that a row's values go to: one derived function fills them, and is compiled once.
pub enum Sink<'s, DB: Dialect> {
    /// To a statement.
    Arguments(&'s mut DB::Arguments),
    /// To an array for each column.
    Columns(&'s mut DB::Columns),
    /// To be compared.
    Key(&'s mut DB::Key),
}

impl<DB: Dialect> Put<DB> for Sink<'_, DB> {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>,
    {
        match self {
            Self::Arguments(arguments) => arguments.put(value),
            Self::Columns(columns) => columns.put(value),
            Self::Key(key) => key.put(value),
        }
    }
}

/// The columns of a database that takes none.
#[derive(Debug, Default)]
pub struct NoColumns;

impl<DB: Dialect> Put<DB> for NoColumns {
    fn put<'q, T>(&mut self, _: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>,
    {
        Err("this database takes no arrays".into())
    }
}
