//! One body, several databases.

/// Makes each body a test in every dialect: a submodule for each, in which `DB` is sqlx's type.
///
/// `#[on(postgres, sqlite)]` keeps a body to the dialects that have the fact it needs. What runs on `mysql` runs on MySQL and
/// on MariaDB, what runs on `mariadb` on MariaDB alone.
/// What runs on `pgbouncer` runs on PostgreSQL behind a pooler alone. The tests are those that the module's `register` adds.
macro_rules! dialect_tests {
    ($($tests:tt)+) => {
        $crate::harness::dialect_module! { postgres sqlx::Postgres { $($tests)+ } }
        $crate::harness::dialect_module! { sqlite sqlx::Sqlite { $($tests)+ } }
        $crate::harness::dialect_module! { mysql sqlx::MySql { $($tests)+ } }

        pub(crate) fn register(registry: &mut $crate::harness::Registry) {
            postgres::register(registry);
            sqlite::register(registry);
            mysql::register(registry);
        }
    };
}

/// The tests of one dialect.
macro_rules! dialect_module {
    ($dialect:ident $database:ty {$(
        $(#[doc = $doc:literal])*
        $(#[on($($on:ident),+)])?
        async fn $name:ident($db:ident: Db) -> Result<()> $body:block
    )+}) => {
        #[allow(unused_imports, dead_code)]
        mod $dialect {
            use super::*;

            type DB = $database;
            type Db = $crate::harness::Db<DB>;

            $($crate::harness::only! { $dialect [$($($on)+)?]
                $(#[doc = $doc])*
                async fn $name($db: Db) -> Result<()> $body
            })+

            #[allow(unused_variables)]
            pub(super) fn register(registry: &mut $crate::harness::Registry) {
                $($crate::harness::only! { $dialect [$($($on)+)?]
                    registry.add::<DB, _>(module_path!(), stringify!($name), &[$($(stringify!($on)),+)?], $name);
                })+
            }
        }
    };
}

/// Keeps what follows if the dialect is in the list, or the list is empty.
macro_rules! only {
    ($dialect:ident [] $($kept:tt)*) => { $($kept)* };
    (postgres [postgres $($other:ident)*] $($kept:tt)*) => { $($kept)* };
    (postgres [pgbouncer $($other:ident)*] $($kept:tt)*) => { $($kept)* };
    (sqlite [sqlite $($other:ident)*] $($kept:tt)*) => { $($kept)* };
    (mysql [mysql $($other:ident)*] $($kept:tt)*) => { $($kept)* };
    (mysql [mariadb $($other:ident)*] $($kept:tt)*) => { $($kept)* };
    ($dialect:ident [$first:ident] $($kept:tt)*) => {};
    ($dialect:ident [$first:ident $($other:ident)+] $($kept:tt)*) => {
        $crate::harness::only! { $dialect [$($other)+] $($kept)* }
    };
}

pub(crate) use {dialect_module, dialect_tests, only};
