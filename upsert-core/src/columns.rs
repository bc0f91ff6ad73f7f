//! Several columns by one call.
//!
//! In generated code, a call and a `?` for each column would be most of what a struct costs to compile.

use sqlx::error::BoxDynError;
use sqlx::{Decode, Encode, Type};

use crate::dialect::Dialect;
use crate::schema::FieldTypes;
use crate::sink::{Put, Sink};

/// References to values, to be bound one after the other: a tuple of two to sixteen.
pub trait BindAll<DB: Dialect> {
    /// Binds them in their order.
    fn bind_all(self, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError>;
}

/// Values that come back in columns side by side: a tuple of two to sixteen.
pub trait ReadAll<DB: Dialect>: Sized {
    /// Reads them; `first` is the place of the first.
    fn read_all(row: &DB::Row, first: usize) -> Result<Self, sqlx::Error>;

    /// Adds their types in their order. What is asked of them is the same, so that the compiler has the answer already.
    fn types(types: &mut FieldTypes<DB>);
}

/// The types of columns side by side: a tuple of two to sixteen.
pub trait AllTypes<DB: Dialect> {
    /// Adds them in their order.
    fn add_to(types: &mut FieldTypes<DB>);
}

macro_rules! tuple {
    ($($ty:ident $place:tt)+) => {
        impl<'q, DB: Dialect, $($ty),+> BindAll<DB> for ($(&'q $ty,)+)
        where
            $($ty: Encode<'q, DB> + Type<DB>),+
        {
            #[inline]
            fn bind_all(self, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError> {
                $(sink.put(self.$place)?;)+
                Ok(())
            }
        }

        impl<DB: Dialect, $($ty),+> ReadAll<DB> for ($($ty,)+)
        where
            $($ty: for<'r> Decode<'r, DB> + Type<DB>),+
        {
            #[inline]
            fn read_all(row: &DB::Row, first: usize) -> Result<Self, sqlx::Error> {
                Ok(($(DB::get::<$ty>(row, first + $place)?,)+))
            }

            fn types(types: &mut FieldTypes<DB>) {
                $(types.add::<$ty>();)+
            }
        }

        impl<DB: Dialect, $($ty: Type<DB>),+> AllTypes<DB> for ($($ty,)+) {
            fn add_to(types: &mut FieldTypes<DB>) {
                $(types.add::<$ty>();)+
            }
        }
    };
}

/// A tuple of the columns so far, then one with the next column more.
macro_rules! tuples {
    ([$($so_far:tt)+] $ty:ident $place:tt $($rest:tt)*) => {
        tuple!($($so_far)+);
        tuples!([$($so_far)+ $ty $place] $($rest)*);
    };
    ([$($so_far:tt)+]) => {
        tuple!($($so_far)+);
    };
}

tuples!([A 0 B 1] C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15);
