//! What the derive implements.

use sqlx::Database;
use sqlx::error::BoxDynError;
use std::borrow::Borrow;

use crate::array::ArrayType;
use crate::dialect::Dialect;
use crate::schema::FieldTypes;
use crate::sink::Sink;

/// The marker of a struct's default upsert, as against its named ones.
#[derive(Debug, Clone, Copy)]
pub enum Main {}

/// The part of a model that no database has a say in: its texts and what comes back. Derived, never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no upsert",
    label = "this type does not derive `Upsert`, or has named upserts alone",
    note = "put `#[derive(upsert::Upsert)]` and `#[upsert(conflict = \"…\")]` on the struct",
    note = "a struct with named upserts alone is upserted by their names: `user.record_login(&pool)`"
)]
pub trait UpsertSpec<S: 'static = Main> {
    /// What comes back: the struct itself, or what `returning` says.
    type Output: Send;

    #[doc(hidden)]
    const MODEL: &'static Model;
}

/// A struct whose values `DB` can store: binding and mapping. Derived, never written by hand.
///
/// A function that is generic over the database asks for it:
///
/// ```
/// use upsert::{Dialect, Upsert, UpsertModel};
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "name")]
/// struct Tag { name: String, #[upsert(accumulate)] count: i64 }
///
/// async fn count<DB: Dialect>(name: &str, pool: &sqlx::Pool<DB>) -> Result<i64, upsert::Error>
/// where
///     Tag: UpsertModel<DB>,
/// {
///     Ok(Tag { name: name.to_owned(), count: 1 }.upsert(pool).await?.count)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{DB}` cannot store `{Self}`",
    note = "`{Self}` must derive `Upsert`, and `{DB}` must have a type for each of its fields"
)]
pub trait UpsertModel<DB: Dialect, S: 'static = Main>: UpsertSpec<S> + Sync {
    /// Gives the columns that the insert writes, in the order of `Model::bound`.
    #[doc(hidden)]
    fn bind(&self, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError>;

    /// Gives the columns of the conflict target, in the order of `Model::key`.
    #[doc(hidden)]
    fn bind_key(&self, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError>;

    /// Gives one value, for statements that take the binds more than once or in another order. Models without such statements
    /// do not have it.
    #[doc(hidden)]
    fn bind_one(&self, place: usize, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError> {
        let _ = (place, sink);
        unreachable!("the statements of this model take their binds in order")
    }

    /// Reads what came back, by position: the list of columns is ours.
    #[doc(hidden)]
    fn from_returning(row: &<DB as Database>::Row) -> Result<Self::Output, sqlx::Error>;

    /// Gives the key of a row that came back, as `bind_key` would, from the places in `Many::key_places`.
    #[doc(hidden)]
    fn returned_key(
        row: &<DB as Database>::Row,
        sink: &mut Sink<'_, DB>,
    ) -> Result<(), sqlx::Error>;

    /// Adds the types of the fields that are bound or read, in the order of `Model::fields`.
    #[doc(hidden)]
    fn types(types: &mut FieldTypes<DB>);
}

/// A struct whose rows can be sent many at a time: one without a `param` field. Derived, never written by hand.
///
/// ```compile_fail,E0277
/// # use upsert::Upsert;
/// #[derive(Upsert)]
/// #[upsert(conflict = "name")]
/// struct Counter {
///     name: String,
///     #[upsert(param)]
///     step: i64,
///     #[upsert(update = old.count + new.step)]
///     count: i64,
/// }
///
/// async fn count_all(counters: &[Counter], pool: &sqlx::SqlitePool) -> Result<u64, upsert::Error> {
///     Counter::upsert_all(counters, pool).await // `Counter` cannot be sent in bulk, since it has a `param` field
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent in bulk, since it has a `param` field",
    label = "each row would bring a parameter of its own, and a statement takes one",
    note = "upsert the rows one by one in a transaction: `row.upsert(&mut tx)`; or give the parameter a column, and read it as `new.x`"
)]
pub trait InBulk<S: 'static = Main>: UpsertSpec<S> {}

/// What the slice of a batch may hold: `T`, `&T`, `Arc<T>`, `Box<T>`, for a struct that can be sent in bulk.
///
/// ```
/// # use upsert::Upsert;
/// use std::sync::Arc;
///
/// # #[derive(Upsert)]
/// # #[upsert(conflict = "name", accumulate = "count")]
/// # struct Tag { name: String, count: i64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT PRIMARY KEY, count INTEGER NOT NULL)").execute(&pool).await?;
/// let tags = ["rust", "sql"].map(|name| Arc::new(Tag { name: name.to_owned(), count: 1 }));
/// assert_eq!(Tag::upsert_all(&tags, &pool).await?, 2);
///
/// let some: Vec<&Tag> = tags.iter().map(Arc::as_ref).filter(|tag| tag.name != "sql").collect();
/// assert_eq!(Tag::upsert_all(&some, &pool).await?, 1);
/// # Ok(())
/// # }
/// ```
// The compiler speaks of this one where a struct is its own row and cannot be sent in bulk, too.
#[diagnostic::on_unimplemented(
    message = "a slice of `{Self}` is no batch of rows of `{T}`",
    label = "not rows of `{T}`, or `{T}` cannot be sent in bulk",
    note = "the slice holds `{T}`, `&{T}`, `Arc<{T}>` or `Box<{T}>`",
    note = "a struct with a `param` field cannot be sent in bulk, since each row would bring a parameter of its own, and a statement takes one: upsert the rows one by one in a transaction, `row.upsert(&mut tx)`, or give the parameter a column, and read it as `new.x`"
)]
pub trait RowOf<T: ?Sized, S: 'static = Main>: Borrow<T> + Sync {}

impl<R, T, S: 'static> RowOf<T, S> for R
where
    R: Borrow<T> + Sync,
    T: InBulk<S>,
{
}

/// One upsert as the derive wrote it down.
#[doc(hidden)]
#[derive(Debug)]
pub struct Model {
    /// Where the struct stands, and what the upsert is called: no two models are the same, so none shares its place in memory
    /// with another.
    pub path: &'static str,
    /// The table as the user named it, for messages.
    pub table: &'static str,
    /// The conflict target as the user named it, for messages.
    pub target: &'static str,
    /// The columns of the conflict target, as reading by key binds them.
    pub key: &'static [&'static str],
    /// What the unique index behind the target is over.
    pub index: &'static [IndexPart],
    /// The columns that the insert binds, in order.
    pub bound: &'static [&'static str],
    /// The columns that come back, in order.
    pub returning: &'static [&'static str],
    /// Whether a conflicting row may be left alone.
    pub guarded: bool,
    /// Whether an expression divides, which some servers answer with NULL unless their mode says otherwise.
    pub divides: bool,
    /// The column by which the statement refuses rows that are deleted.
    pub deleted: Option<&'static str>,
    /// What many rows need to know.
    pub many: Many,
    /// The columns of the struct, and the fields that are bound without one, in order.
    pub fields: &'static [&'static str],
    /// The fields that are bound without a column.
    pub params: &'static [&'static str],
    /// The columns that the database makes.
    pub generated: &'static [&'static str],
    /// The columns whose field is a `Patch`.
    pub patched: &'static [&'static str],
    /// The columns whose field may be NULL.
    pub optional: &'static [&'static str],
    /// Whether what comes back is read into the struct's own fields.
    pub reads: bool,
    /// The predicate of the partial index that the target is.
    pub predicate: Option<&'static str>,
    /// Whether the index behind the target takes NULLs for equal.
    pub nulls_not_distinct: bool,
    /// The statements.
    pub texts: Texts,
}

/// What a batch needs to know of a model, beyond what one row does.
#[doc(hidden)]
#[derive(Debug)]
pub struct Many {
    /// Whether no statement takes many rows.
    pub row_by_row: bool,
    /// Whether PostgreSQL's rows go in a VALUES list, whatever its types could do.
    pub in_values: bool,
    /// What is known of the key's equality.
    pub key: KeyEquality,
    /// Whether NULL equals NULL in the key.
    pub nulls_equal: bool,
    /// Where the columns of the key stand in what many rows return, in the order of `Model::key`.
    pub key_places: &'static [usize],
    /// How many columns many rows return, those of the key included.
    pub returning: usize,
    /// The array types of the fields' types, each type once.
    pub arrays: &'static [ArrayType],
    /// Which of them each bind has.
    pub bound_arrays: &'static [u8],
    /// Which of them each column of the key has.
    pub key_arrays: &'static [u8],
}

/// Whether the database takes two keys for equal only if they are the same bytes.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEquality {
    /// Numbers without a fraction, UUIDs.
    Bytes,
    /// By the columns' types and collations.
    AskTable,
    /// Expressions, values that the statement computes.
    Unknown,
}

/// Where the rows stand in the statements of a dialect, and one of them to be repeated.
#[doc(hidden)]
#[derive(Debug)]
pub struct Source {
    pub start: usize,
    pub end: usize,
    /// A row with a NUL for each bind.
    pub row: &'static str,
    /// Which bind stands at each NUL; empty where they are the row's binds in order.
    pub slots: &'static [usize],
}

/// A part of the unique index behind a conflict target.
#[doc(hidden)]
#[derive(Debug)]
pub enum IndexPart {
    Column(&'static str),
    /// An expression, by the columns it is computed from.
    Expression(&'static [&'static str]),
}

/// The statements of an upsert, a room a dialect.
#[doc(hidden)]
#[derive(Debug)]
pub struct Texts {
    pub postgres: PostgresTexts,
    pub sqlite: SqliteTexts,
    pub mysql: MySqlTexts,
}

/// PostgreSQL's statements.
#[doc(hidden)]
#[derive(Debug)]
pub struct PostgresTexts {
    /// Where the arrays stand in the statements for many rows.
    pub source: Source,
    pub upsert: &'static str,
    pub upsert_returning: &'static str,
    /// Asks `xmax`, for servers before 18.
    pub upsert_with_action: &'static str,
    /// Asks `old`, for 18 and later.
    pub upsert_with_action_18: &'static str,
    pub insert_if_absent: &'static str,
    pub insert_if_absent_returning: &'static str,
    pub select: &'static str,
    /// The target and nothing else, to be explained.
    pub target: &'static str,
    pub create_index: &'static str,
    // These take an array for each bind, and return the columns of the key after the others. Empty where rows go one by one.
    pub upsert_all: &'static str,
    pub upsert_all_returning: &'static str,
    pub upsert_all_with_action: &'static str,
    pub upsert_all_with_action_18: &'static str,
    pub insert_all_if_absent: &'static str,
    pub insert_all_if_absent_returning: &'static str,
    /// Takes an array for each column of the key.
    pub select_all: &'static str,
    /// The table as `to_regclass` takes it.
    pub relation: &'static str,
}

/// SQLite's statements.
#[doc(hidden)]
#[derive(Debug)]
pub struct SqliteTexts {
    /// Where the row stands in the statements that insert one.
    pub source: Source,
    pub upsert: &'static str,
    pub upsert_returning: &'static str,
    pub insert_if_absent: &'static str,
    pub insert_if_absent_returning: &'static str,
    pub select: &'static str,
    /// Whether the row is deleted, for models that refuse such rows.
    pub select_deleted: &'static str,
    /// The target and nothing else, to be prepared.
    pub target: &'static str,
    pub create_index: &'static str,
}

/// The statements of MySQL and MariaDB.
#[doc(hidden)]
#[derive(Debug)]
pub struct MySqlTexts {
    /// Where the row stands in the statements that insert one.
    pub source: Source,
    pub upsert: MySqlStatement,
    pub upsert_with_action: MySqlStatement,
    pub insert_if_absent: MySqlStatement,
    pub select: &'static str,
    /// Reads the newest version of the row, and `LAST_INSERT_ID()` after its columns.
    pub select_locking: &'static str,
    /// Whether the row is deleted, for models that refuse such rows.
    pub select_deleted: &'static str,
    pub show_index: &'static str,
    pub show_columns: &'static str,
    pub create_index: &'static str,
    /// Counts the rows that a guard leaves alone in `@upsert`; empty where there is no guard.
    pub upsert_all_counting: &'static str,
    /// Counts the rows that are there in `@upsert`.
    pub insert_all_if_absent: &'static str,
    /// Reads the newest versions of rows; a NUL stands for the list of keys.
    pub select_all: &'static str,
    /// A key in that list.
    pub select_all_key: &'static str,
}

/// A statement whose binds MySQL cannot number.
#[doc(hidden)]
#[derive(Debug)]
pub struct MySqlStatement {
    pub sql: &'static str,
    /// What each `?` is; empty where they are the row's binds in order, and the nonce after them if the statement tells what
    /// happened.
    pub slots: &'static [Slot],
}

/// What a `?` stands for.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Slot {
    /// The row's bind of this place.
    Bind(usize),
    /// The number by which the reply says what happened.
    Nonce,
}
