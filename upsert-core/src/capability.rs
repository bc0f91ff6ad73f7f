//! What only some databases can do. A model asks for what it needs, and the message says why the others cannot.

#[cfg(feature = "mysql")]
use sqlx::MySql;
#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "_sqlite")]
use sqlx::Sqlite;

/// Implements a capability for a database where its feature is on.
macro_rules! can {
    ($capability:ident: $($feature:literal $database:ident),*) => {
        $(
            #[cfg(feature = $feature)]
            // A message would list our lines among the user's.
            #[diagnostic::do_not_recommend]
            impl $capability for $database {}
        )*
    };
}

/// `ON CONFLICT ON CONSTRAINT`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot name a constraint as the conflict target",
    label = "only PostgreSQL can do what this upsert asks for",
    note = "`constraint = \"…\"` is PostgreSQL's alone; with other databases name the columns: `conflict = \"…\"`"
)]
pub trait NamedConstraint {}
can!(NamedConstraint: "postgres" Postgres);

/// Unique indexes with a predicate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no partial indexes, so `conflict_where` cannot choose one",
    label = "only PostgreSQL and SQLite can do what this upsert asks for",
    note = "on MySQL and MariaDB use a unique index over a generated column that is NULL for the rows to be left out"
)]
pub trait PartialIndex {}
can!(PartialIndex: "postgres" Postgres, "_sqlite" Sqlite);

/// Unique indexes in which NULL equals NULL.
#[diagnostic::on_unimplemented(
    message = "in `{Self}` a NULL in a unique index never conflicts, so `nulls_not_distinct` cannot hold",
    label = "only PostgreSQL can do what this upsert asks for",
    note = "PostgreSQL 15 and later can; elsewhere store a value instead of NULL, and make the field's type plain"
)]
pub trait NullsNotDistinct {}
can!(NullsNotDistinct: "postgres" Postgres);

/// Stores every instant so that its order is that of the stored values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` stores this time type as text, whose order is not that of the instants",
    label = "this upsert compares such a time",
    note = "`newer`, `greatest`, `least` and comparisons need chrono's `DateTime<Utc>`, a naive date or time, or an integer; `OffsetDateTime`, `DateTime<Local>` and `DateTime<FixedOffset>` have no order in SQLite's text"
)]
pub trait OrdersInstants {}
can!(OrdersInstants: "postgres" Postgres, "mysql" MySql);

/// Any database but PostgreSQL.
#[diagnostic::on_unimplemented(
    message = "this model has literal SQL without a text for `{Self}`",
    label = "this upsert cannot be written for `{Self}`",
    note = "add it to the expression: `sql(postgres = \"…\", …)`"
)]
pub trait NotPostgres {}
can!(NotPostgres: "_sqlite" Sqlite, "mysql" MySql);

/// Any database but SQLite.
#[diagnostic::on_unimplemented(
    message = "this model has literal SQL without a text for `{Self}`",
    label = "this upsert cannot be written for `{Self}`",
    note = "add it to the expression: `sql(sqlite = \"…\", …)`"
)]
pub trait NotSqlite {}
can!(NotSqlite: "postgres" Postgres, "mysql" MySql);

/// Any database but MySQL and MariaDB.
#[diagnostic::on_unimplemented(
    message = "this model has literal SQL without a text for `{Self}`",
    label = "this upsert cannot be written for `{Self}`",
    note = "add it to the expression: `sql(mysql = \"…\", …)`; it is MariaDB's too"
)]
pub trait NotMySql {}
can!(NotMySql: "postgres" Postgres, "_sqlite" Sqlite);
