//! What a database must be able to do with a field's type.

use sqlx::{Database, Decode, Encode, Type};

/// A type that `DB` can store and give back: every owned type that implements sqlx's `Type`, `Encode` and `Decode`.
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot store a value of type `{Self}`",
    label = "`{DB}` has no column for this type",
    note = "`{Self}` must implement sqlx's `Type`, `Encode` and `Decode` for `{DB}`",
    note = "types of other crates need the feature of that name in `sqlx` (`chrono`, `uuid`, `json`, `rust_decimal`, …); your own can derive `sqlx::Type`",
    note = "a field without a column is marked `#[upsert(skip)]`, one that is stored as JSON `#[upsert(json)]`"
)]
pub trait Column<DB: Database>: for<'q> Encode<'q, DB> + for<'r> Decode<'r, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T> Column<DB> for T where
    T: for<'q> Encode<'q, DB> + for<'r> Decode<'r, DB> + Type<DB>
{
}

/// A type that `DB` can store, but need not give back: borrowed fields, and those that `returning` leaves out.
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot store a value of type `{Self}`",
    label = "`{DB}` has no column for this type",
    note = "`{Self}` must implement sqlx's `Type` and `Encode` for `{DB}`",
    note = "types of other crates need the feature of that name in `sqlx` (`chrono`, `uuid`, `json`, `rust_decimal`, …); your own can derive `sqlx::Type`"
)]
pub trait Bind<DB: Database>: for<'q> Encode<'q, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T> Bind<DB> for T where T: for<'q> Encode<'q, DB> + Type<DB> {}

/// A type that `DB` can give back, but need not store: fields that the database makes.
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot give back a value of type `{Self}`",
    label = "`{DB}` cannot decode this type",
    note = "`{Self}` must implement sqlx's `Type` and `Decode` for `{DB}`"
)]
pub trait Read<DB: Database>: for<'r> Decode<'r, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T> Read<DB> for T where T: for<'r> Decode<'r, DB> + Type<DB> {}

/// A type that a `json` field may have: what serde can write and read. Needs the feature `json`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as JSON",
    label = "a `json` field of this type",
    note = "`{Self}` must implement serde's `Serialize` and `DeserializeOwned`, and `upsert` needs its feature `json`"
)]
pub trait Json: sealed::Json {}

#[cfg(feature = "json")]
mod sealed {
    pub trait Json: serde::Serialize + serde::de::DeserializeOwned {}

    #[diagnostic::do_not_recommend]
    impl<T: serde::Serialize + serde::de::DeserializeOwned> Json for T {}

    #[diagnostic::do_not_recommend]
    impl<T: Json> super::Json for T {}
}

#[cfg(not(feature = "json"))]
mod sealed {
    /// Nothing is JSON without the feature; the trait stays, so that the message can name the feature.
    pub trait Json {}
}
