//! What generated code may name, and nothing else.

pub use crate::accumulate::Accumulate;
pub use crate::array::{ArrayOf, ArrayType, HasArray, WithoutArray};
pub use crate::bulk::{RowStream, UpsertMany, UpsertStream};
pub use crate::capability::{
    NamedConstraint, NotMySql, NotPostgres, NotSqlite, NullsNotDistinct, OrdersInstants,
    PartialIndex,
};
pub use crate::columns::{BindAll, ReadAll};
pub use crate::dialect::Dialect;
pub use crate::executor::ExecutorFor;
pub use crate::model::{
    InBulk, IndexPart, KeyEquality, Main, Many, Model, MySqlStatement, MySqlTexts, PostgresTexts,
    RowOf, Slot, Source, SqliteTexts, Texts, UpsertModel, UpsertSpec,
};
pub use crate::patch::{NoPatch, Patch, PatchOf};
pub use crate::schema::{
    Checked, FieldTypes, SchemaCheck, SchemaExecutorFor, UpsertSpecs, check_schema, check_schemas,
};
pub use crate::sink::{NotPlain, PlainOf, Sink, add_key};
pub use crate::sql::Sql;
pub use crate::upsert::UpsertOne;
pub use crate::value::{Bind, Column, Json, Read, Returned};
pub use crate::verify::{
    CheckedOn, Document, Fits, NotNull, fits, is_checked_on, is_not_null, works_on,
};
pub use sqlx::error::BoxDynError;
pub use sqlx::{Database, Error as SqlxError, FromRow};

/// A call of the upsert that `S` marks.
pub fn upsert_one<'e, T, E, S>(row: &'e T, executor: E) -> UpsertOne<'e, T, E, T::Output>
where
    T: UpsertSpec<S>,
    E: ExecutorFor<T, S> + 'e,
    S: 'static,
{
    UpsertOne::new::<S>(row, executor)
}

/// A call of the upsert that `S` marks, for many rows.
pub fn upsert_many<'e, T, R, E, S>(rows: &'e [R], executor: E) -> UpsertMany<'e, T, E, T::Output>
where
    R: RowOf<T, S>,
    T: UpsertSpec<S>,
    E: ExecutorFor<T, S> + 'e,
    S: 'static,
{
    UpsertMany::new::<R, S>(rows, executor)
}

/// A call of the upsert that `S` marks, for a stream of rows.
pub fn upsert_stream<'e, T, I, E, S>(rows: I, executor: E) -> UpsertStream<'e, T, E>
where
    I: RowStream<T, S> + 'e,
    T: UpsertSpec<S> + Send + 'e,
    E: ExecutorFor<T, S> + 'e,
    S: 'static,
{
    UpsertStream::new::<I, S>(rows, executor)
}

/// The statements of a model.
pub fn sql_of<DB: Dialect>(model: &'static Model) -> Sql {
    DB::sql(model)
}

/// Binds whether a `Patch` is `Set`.
pub fn add_is_set<DB: Dialect, T>(
    sink: &mut Sink<'_, DB>,
    patch: &Patch<T>,
) -> Result<(), BoxDynError> {
    DB::add_flag(sink, patch.is_set())
}

/// Gives on a column of the key that came back.
pub fn pass<DB: Dialect, T: Column<DB>>(
    row: &DB::Row,
    index: usize,
    sink: &mut Sink<'_, DB>,
) -> Result<(), SqlxError> {
    let value: T = DB::get(row, index)?;
    DB::add(sink, &value).map_err(SqlxError::Encode)
}

/// A value that must be there; `index` is the column's place, for the message.
pub fn not_null<T>(value: Option<T>, index: usize) -> Result<T, SqlxError> {
    value.ok_or_else(|| SqlxError::ColumnDecode {
        index: index.to_string(),
        source: Box::new(sqlx::error::UnexpectedNullError),
    })
}

/// What a struct with mistakes in its attributes gives back: nothing, since it does not compile.
#[derive(Debug)]
pub enum Invalid {}

/// The model of a struct with mistakes in its attributes.
pub const INVALID: Model = Model {
    path: "",
    table: "",
    target: "",
    key: &[],
    index: &[],
    bound: &[],
    returning: &[],
    guarded: false,
    divides: false,
    deleted: None,
    many: Many {
        row_by_row: true,
        in_values: true,
        key: KeyEquality::Unknown,
        nulls_equal: false,
        key_places: &[],
        returning: 0,
        arrays: &[],
        bound_arrays: &[],
        key_arrays: &[],
    },
    fields: &[],
    params: &[],
    generated: &[],
    patched: &[],
    optional: &[],
    reads: false,
    predicate: None,
    nulls_not_distinct: false,
    texts: Texts {
        postgres: PostgresTexts {
            source: NOWHERE,
            upsert: "",
            upsert_returning: "",
            upsert_with_action: "",
            upsert_with_action_18: "",
            insert_if_absent: "",
            insert_if_absent_returning: "",
            select: "",
            target: "",
            create_index: "",
            upsert_all: "",
            upsert_all_returning: "",
            upsert_all_with_action: "",
            upsert_all_with_action_18: "",
            insert_all_if_absent: "",
            insert_all_if_absent_returning: "",
            select_all: "",
            relation: "",
        },
        sqlite: SqliteTexts {
            source: NOWHERE,
            upsert: "",
            upsert_returning: "",
            insert_if_absent: "",
            insert_if_absent_returning: "",
            select: "",
            select_deleted: "",
            target: "",
            create_index: "",
        },
        mysql: MySqlTexts {
            source: NOWHERE,
            upsert: NOTHING,
            upsert_with_action: NOTHING,
            insert_if_absent: NOTHING,
            select: "",
            select_locking: "",
            select_deleted: "",
            show_index: "",
            show_columns: "",
            create_index: "",
            upsert_all_counting: "",
            insert_all_if_absent: "",
            select_all: "",
            select_all_key: "",
        },
    },
};

const NOWHERE: Source = Source {
    start: 0,
    end: 0,
    row: "",
    slots: &[],
};

const NOTHING: MySqlStatement = MySqlStatement {
    sql: "",
    slots: &[],
};
