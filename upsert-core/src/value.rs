//! What a database must be able to do with a field's type.

use sqlx::{Database, Decode, Encode, FromRow, Type};

/// A type that `DB` can store and give back: every owned type that implements sqlx's `Type`, `Encode` and `Decode`.
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot store a value of type `{Self}`",
    label = "`{DB}` has no column for this type",
    note = "`{Self}` must implement sqlx's `Type`, `Encode` and `Decode` for `{DB}`: your own type can derive `sqlx::Type`, a type of another crate needs the feature of that name in `sqlx` (`chrono`, `uuid`, `json`, `rust_decimal`, …), and PostgreSQL has no unsigned integers",
    note = "or mark the field `#[upsert(json)]` to store it as JSON, or `#[upsert(skip)]` to give it no column",
    note = "a generic function asks for it with `where YourStruct: upsert::UpsertModel<DB>` or `E: upsert::ExecutorFor<YourStruct>`"
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
    note = "`{Self}` must implement sqlx's `Type` and `Encode` for `{DB}`: your own type can derive `sqlx::Type`, a type of another crate needs the feature of that name in `sqlx` (`chrono`, `uuid`, `json`, `rust_decimal`, …), and PostgreSQL has no unsigned integers",
    note = "or mark the field `#[upsert(json)]` to store it as JSON, or `#[upsert(skip)]` to give it no column",
    note = "a generic function asks for it with `where YourStruct: upsert::UpsertModel<DB>` or `E: upsert::ExecutorFor<YourStruct>`"
)]
pub trait Bind<DB: Database>: for<'q> Encode<'q, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T> Bind<DB> for T where T: for<'q> Encode<'q, DB> + Type<DB> {}

/// A type that `DB` can give back, but need not store: fields that the database makes.
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot give back a value of type `{Self}`",
    label = "`{DB}` cannot decode this type",
    note = "`{Self}` must implement sqlx's `Type` and `Decode` for `{DB}`: your own type can derive `sqlx::Type`, a type of another crate needs the feature of that name in `sqlx` (`chrono`, `uuid`, `json`, `rust_decimal`, …)"
)]
pub trait Read<DB: Database>: for<'r> Decode<'r, DB> + Type<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T> Read<DB> for T where T: for<'r> Decode<'r, DB> + Type<DB> {}

/// A type that a `json` field may have: what serde can write and read. Needs the feature `json`.
#[cfg(feature = "json")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as JSON",
    label = "a field of type `{Self}` is marked `json`",
    note = "`{Self}` must implement serde's `Serialize` and `Deserialize`: put `#[derive(serde::Serialize, serde::Deserialize)]` on it"
)]
pub trait Json<DB: Database>: Sized {
    // serde's traits are not supertraits: in a derived impl, the compiler would complain of them instead of this one.

    #[doc(hidden)]
    type Document: serde::de::DeserializeOwned;

    #[doc(hidden)]
    fn document(&self) -> impl serde::Serialize + '_;

    #[doc(hidden)]
    fn from_document(document: Self::Document) -> Self;
}

#[cfg(feature = "json")]
#[diagnostic::do_not_recommend]
impl<DB: Database, T: serde::Serialize + serde::de::DeserializeOwned> Json<DB> for T {
    type Document = Self;

    fn document(&self) -> impl serde::Serialize + '_ {
        self
    }

    fn from_document(document: Self) -> Self {
        document
    }
}

/// A type that a `json` field may have. Without the feature `json` there is none; the trait stays, so that the message can
/// name the feature.
#[cfg(not(feature = "json"))]
#[diagnostic::on_unimplemented(
    message = "a field marked `json` needs the feature `json` of `upsert`",
    label = "a field of type `{Self}` is marked `json`",
    note = "turn the feature on in Cargo.toml, beside that of the database: `upsert = {{ …, features = [\"json\"] }}`"
)]
pub trait Json<DB: Database>: sealed::Never<DB> {}

#[cfg(not(feature = "json"))]
mod sealed {
    pub trait Never<DB> {}
}

/// A type that `returning` can read a whole row of `DB` into: every type that implements sqlx's `FromRow`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a row of `{DB}`",
    label = "what `returning` names is no row",
    note = "put `#[derive(sqlx::FromRow)]` on `{Self}`; its fields must be types that `{DB}` can give back"
)]
pub trait Returned<DB: Database>: for<'r> FromRow<'r, DB::Row> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, T: for<'r> FromRow<'r, DB::Row>> Returned<DB> for T {}
