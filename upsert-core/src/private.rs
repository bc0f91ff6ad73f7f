//! What generated code may name, and nothing else.

pub use crate::accumulate::Accumulate;
pub use crate::capability::{
    NamedConstraint, NotMySql, NotPostgres, NotSqlite, NullsNotDistinct, OrdersInstants,
    PartialIndex,
};
pub use crate::columns::{BindAll, ReadAll};
pub use crate::dialect::Dialect;
pub use crate::executor::ExecutorFor;
pub use crate::model::{
    IndexPart, Main, Model, MySqlStatement, MySqlTexts, PostgresTexts, Slot, SqliteTexts, Texts,
    UpsertModel, UpsertSpec,
};
pub use crate::patch::Patch;
pub use crate::schema::{
    Checked, FieldTypes, OneUpsert, SchemaCheck, SchemaExecutorFor, UpsertModels, check_schema,
    check_schemas,
};
pub use crate::sql::Sql;
pub use crate::upsert::UpsertOne;
pub use crate::value::{Bind, Column, Json, Read, Returned};
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

/// The statements of a model.
pub fn sql_of<DB: Dialect>(model: &'static Model) -> Sql {
    DB::sql(model)
}

/// Binds whether a `Patch` is `Set`.
pub fn add_is_set<DB: Dialect, T>(
    arguments: &mut DB::Arguments,
    patch: &Patch<T>,
) -> Result<(), BoxDynError> {
    DB::add_flag(arguments, patch.is_set())
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
    fields: &[],
    params: &[],
    generated: &[],
    patched: &[],
    optional: &[],
    reads: false,
    predicate: false,
    nulls_not_distinct: false,
    texts: Texts {
        postgres: PostgresTexts {
            upsert: "",
            upsert_returning: "",
            upsert_with_action: "",
            upsert_with_action_18: "",
            insert_if_absent: "",
            insert_if_absent_returning: "",
            select: "",
            target: "",
            create_index: "",
        },
        sqlite: SqliteTexts {
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
            upsert: NOTHING,
            upsert_with_action: NOTHING,
            insert_if_absent: NOTHING,
            select: "",
            select_locking: "",
            select_deleted: "",
            show_index: "",
            show_columns: "",
            create_index: "",
        },
    },
};

const NOTHING: MySqlStatement = MySqlStatement {
    sql: "",
    slots: &[],
};
