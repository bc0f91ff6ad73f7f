//! What a database calls the types of a struct's fields.

use sqlx::{Database, Type};

use crate::columns::AllTypes;
use crate::dialect::Dialect;

/// A field's type as sqlx knows it.
pub struct FieldType<DB: Database> {
    /// What sqlx calls the type when it sends a value.
    pub(crate) info: DB::TypeInfo,
    /// Whether sqlx reads a value of this other type.
    pub(crate) compatible: fn(&DB::TypeInfo) -> bool,
    /// Whether it is a document, which no column type is made for alone.
    pub(crate) json: bool,
}

impl<DB: Database> FieldType<DB> {
    pub(crate) fn of<T: Type<DB>>() -> Self {
        Self {
            info: T::type_info(),
            compatible: T::compatible,
            json: false,
        }
    }
}

/// The types of fields, in order.
pub struct FieldTypes<DB: Database>(Vec<FieldType<DB>>);

impl<DB: Dialect> FieldTypes<DB> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn into_vec(self) -> Vec<FieldType<DB>> {
        self.0
    }

    /// Adds one.
    pub fn add<T: Type<DB>>(&mut self) {
        self.0.push(FieldType::of::<T>());
    }

    /// Adds those of a tuple.
    pub fn add_all<T: AllTypes<DB>>(&mut self) {
        T::add_to(self);
    }

    /// Adds that of a field marked `json`.
    pub fn add_json(&mut self) {
        #[cfg(feature = "json")]
        self.0.push(FieldType {
            json: true,
            ..DB::json_type()
        });
    }
}
