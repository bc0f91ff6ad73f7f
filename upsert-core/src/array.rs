//! Which types PostgreSQL has arrays of, as far as sqlx knows: asked of the compiler, for each type of a struct.

use std::marker::PhantomData;

#[cfg(feature = "postgres")]
use sqlx::postgres::{PgHasArrayType, PgTypeInfo};

/// The array type of a field's type, if it has one.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct ArrayType {
    #[cfg(feature = "postgres")]
    pub(crate) type_info: Option<fn() -> PgTypeInfo>,
}

impl ArrayType {
    /// There is none, or none is known.
    pub const NONE: Self = Self {
        #[cfg(feature = "postgres")]
        type_info: None,
    };

    /// That of documents.
    #[cfg(all(feature = "postgres", feature = "json"))]
    pub const JSON: Self = Self {
        type_info: Some(<sqlx::types::Json<()> as PgHasArrayType>::array_type_info),
    };

    /// That of documents.
    #[cfg(not(all(feature = "postgres", feature = "json")))]
    pub const JSON: Self = Self::NONE;
}

/// Asks for a type's array: an inherent constant where there is one, and otherwise the trait's of the same name, which must be
/// in scope.
#[derive(Debug)]
pub struct ArrayOf<T: ?Sized>(PhantomData<T>);

#[cfg(feature = "postgres")]
impl<T: PgHasArrayType + ?Sized> ArrayOf<T> {
    /// The array type of `T`.
    pub const ARRAY: ArrayType = ArrayType {
        type_info: Some(T::array_type_info),
    };
}

/// Types without an array.
pub trait WithoutArray {
    /// No array type.
    const ARRAY: ArrayType = ArrayType::NONE;
}

impl<T: ?Sized> WithoutArray for ArrayOf<T> {}

/// A type that PostgreSQL has arrays of, for models that say `bulk = "unnest"`.
#[diagnostic::on_unimplemented(
    message = "there is no array of `{Self}`, so its column cannot be unnested",
    label = "`bulk = \"unnest\"` needs an array of this type",
    note = "without `bulk`, such a struct is sent in a VALUES list; your own type can derive or implement `sqlx::postgres::PgHasArrayType`"
)]
pub trait HasArray {
    #[doc(hidden)]
    const CHECKED: () = ();
}

#[cfg(feature = "postgres")]
#[diagnostic::do_not_recommend]
impl<T: PgHasArrayType> HasArray for T {}

#[cfg(not(feature = "postgres"))]
#[diagnostic::do_not_recommend]
impl<T> HasArray for T {}
