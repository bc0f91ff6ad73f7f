//! Where a row's values go.

use std::borrow::Cow;
use std::marker::PhantomData;

use sqlx::error::BoxDynError;
use sqlx::{Encode, Type};

use crate::dialect::Dialect;

/// Takes the values of a row one after the other.
pub trait Put<DB: Dialect> {
    /// Takes the next value.
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>;

    /// Takes the next value, of which `plain` says all that there is to compare.
    fn put_plain<'q, T>(&mut self, value: T, plain: Plain<'_>) -> Result<(), BoxDynError>
    where
        T: Encode<'q, DB> + Type<DB>,
    {
        let _ = plain;
        self.put(value)
    }
}

/// What a value is before it is encoded.
#[derive(Debug, Clone, Copy)]
pub enum Plain<'v> {
    /// A text.
    Text(&'v str),
    /// An integer.
    Integer(i64),
}

/// Types whose values are a text or an integer to every database.
pub trait IsPlain {
    /// The value.
    fn plain(&self) -> Plain<'_>;
}

/// Asks for a type's plain values: an inherent constant where there are such, and otherwise the trait's of the same name, which
/// must be in scope.
#[derive(Debug)]
pub struct PlainOf<T>(PhantomData<T>);

impl<T: IsPlain> PlainOf<T> {
    /// What a value is.
    pub const PLAIN: Option<fn(&T) -> Plain<'_>> = Some(T::plain);
}

/// Types whose values only sqlx knows.
pub trait NotPlain<T> {
    /// Nothing.
    const PLAIN: Option<fn(&T) -> Plain<'_>> = None;
}

impl<T> NotPlain<T> for PlainOf<T> {}

macro_rules! texts {
    ($($ty:ty),*) => {$(
        impl IsPlain for $ty {
            fn plain(&self) -> Plain<'_> {
                Plain::Text(self)
            }
        }
    )*};
}
texts!(String, &str, Cow<'_, str>);

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl IsPlain for $ty {
            fn plain(&self) -> Plain<'_> {
                Plain::Integer(i64::from(*self))
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32);

/// Gives a value of the key on.
pub fn add_key<DB: Dialect, T>(
    sink: &mut Sink<'_, DB>,
    value: &T,
    plain: Option<fn(&T) -> Plain<'_>>,
) -> Result<(), BoxDynError>
where
    T: for<'q> Encode<'q, DB> + Type<DB>,
{
    match (sink, plain) {
        (Sink::Key(key), Some(plain)) => key.put_plain(value, plain(value)),
        (sink, _) => sink.put(value),
    }
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
