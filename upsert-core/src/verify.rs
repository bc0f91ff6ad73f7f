//! What `verify` asks of a struct while it is compiled; nothing of this ever runs. What is in a column comes from sqlx's
//! checked macros, as a type of Rust. `C` bears the column's name, for the messages.

use sqlx::Database;
use sqlx::query::{Map, Query};

use crate::dialect::Dialect;
use crate::model::UpsertModel;

/// What a column holds, where a field that takes `T` can be read from it.
#[diagnostic::on_unimplemented(
    message = "the column `{C}` holds `{Self}`, and its field takes `{T}`",
    label = "found while verifying: the field cannot be read from the column",
    note = "give the field the type of the column, or the column that of the field"
)]
pub trait Fits<T, C> {}

#[diagnostic::do_not_recommend]
impl<T, C> Fits<T, C> for T {}

/// What a column that is never NULL gives.
#[diagnostic::on_unimplemented(
    message = "the column `{C}` may be NULL, and its field cannot hold that",
    label = "found while verifying: the field is no `Option`",
    note = "make the column NOT NULL, or the field an `Option`"
)]
pub trait NotNull<C> {}

// Columns are selected as texts to ask this.
#[diagnostic::do_not_recommend]
impl<C> NotNull<C> for String {}

/// A statement that sqlx's macros have checked on `DB`.
#[diagnostic::on_unimplemented(
    message = "`verify` names `{DB}`, and the statement was checked on another database",
    label = "`DATABASE_URL`, or what `.sqlx` was made from, is not of this database",
    note = "sqlx's macros check on one database for each crate"
)]
pub trait CheckedOn<DB> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, F, A> CheckedOn<DB> for Map<'_, DB, F, A> {}

#[diagnostic::do_not_recommend]
impl<DB: Database, A> CheckedOn<DB> for Query<'_, DB, A> {}

/// What a field marked `json` takes.
#[derive(Debug)]
pub enum Document {}

/// Asks for [`Fits`].
pub fn fits<T, C, V: Fits<T, C>>(_: V) {}

/// Asks for [`NotNull`].
pub fn is_not_null<C, V: NotNull<C>>(_: V) {}

/// Asks for [`CheckedOn`].
pub fn is_checked_on<DB, Q: CheckedOn<DB>>(_: Q) {}

/// Asks for a model that works on the database.
pub fn works_on<DB: Dialect, T: UpsertModel<DB, S>, S: 'static>() {}
