//! Whether the database has what the structs need, asked before the first row is written.
//!
//! The derive lists the upserts of a struct ([`UpsertModels`]). The rules that all databases share are in `rules`; what is asked of
//! one database, and how, is in its room ([`SchemaRoom`]).

use std::future::{Future, IntoFuture};

use crate::dialect::Dialect;
use crate::error::Error;
use crate::executor::{Held, UpsertExecutor};
use crate::model::{Model, UpsertModel};
use crate::upsert::UpsertFuture;

mod report;
pub(crate) mod rules;
mod types;

pub use report::{Finding, SchemaReport, Severity};
pub use types::{FieldType, FieldTypes};

/// A struct all of whose upserts `DB` can store. Derived, never written by hand.
///
/// A function that is generic over the database asks for it where it checks the schema:
///
/// ```
/// use upsert::{Dialect, Upsert, UpsertModels};
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "name")]
/// struct Tag { name: String }
///
/// async fn start<DB: Dialect>(pool: &sqlx::Pool<DB>) -> Result<(), upsert::Error>
/// where
///     Tag: UpsertModels<DB>,
/// {
///     Tag::check_schema(pool).await?;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no upserts that `{DB}` could be checked for",
    label = "this type does not derive `Upsert`",
    note = "put `#[derive(upsert::Upsert)]` on the struct",
    note = "a generic function asks for it with `where YourStruct: upsert::UpsertModels<DB>`"
)]
pub trait UpsertModels<DB: Dialect> {
    #[doc(hidden)]
    fn add_to(checked: &mut Checked<DB>);
}

impl<DB, T> UpsertModels<DB> for T
where
    DB: Dialect,
    T: UpsertSpecs<All: AllUpserts<T, DB>>,
{
    fn add_to(checked: &mut Checked<DB>) {
        <T::All as AllUpserts<T, DB>>::add_to(checked);
    }
}

/// The list of a struct's upserts, which knows no database, so that it costs next to nothing to compile.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no upserts whose schema could be checked",
    label = "this type does not derive `Upsert`",
    note = "put `#[derive(upsert::Upsert)]` on the struct"
)]
pub trait UpsertSpecs {
    /// The markers of its upserts: `(Main, (Named, ()))`.
    type All;
}

/// The markers of upserts of `T`, all of which `DB` can store.
pub trait AllUpserts<T, DB: Dialect> {
    /// Adds them in their order.
    fn add_to(checked: &mut Checked<DB>);
}

impl<T, DB: Dialect> AllUpserts<T, DB> for () {
    fn add_to(_: &mut Checked<DB>) {}
}

impl<T, DB, S, Rest> AllUpserts<T, DB> for (S, Rest)
where
    DB: Dialect,
    S: 'static,
    T: UpsertModel<DB, S>,
    Rest: AllUpserts<T, DB>,
{
    fn add_to(checked: &mut Checked<DB>) {
        let mut types = FieldTypes::new();
        T::types(&mut types);
        let upsert = CheckedUpsert::new(T::MODEL, types.into_vec());
        checked.upserts.push(upsert);
        Rest::add_to(checked);
    }
}

/// An executor on whose database the schema of `T` can be checked. Implemented for every [`UpsertExecutor`] by way of
/// [`UpsertModels`].
#[diagnostic::on_unimplemented(
    message = "the schema cannot be checked on `{Self}`",
    label = "not an executor",
    note = "pass `&pool`, `&mut connection`, `&mut transaction` or `&mut *transaction`"
)]
pub trait SchemaExecutorFor<T>: UpsertExecutor {
    #[doc(hidden)]
    fn run_check<'e>(self) -> SchemaCheck<'e>
    where
        Self: 'e;
}

impl<E, T> SchemaExecutorFor<T> for E
where
    E: UpsertExecutor,
    T: UpsertModels<E::Database>,
{
    fn run_check<'e>(self) -> SchemaCheck<'e>
    where
        Self: 'e,
    {
        let mut checked = Checked::new();
        checked.add::<T>();
        run(self, checked)
    }
}

/// A check of the schema that is about to run: await it for an error if anything is wrong, or ask for the report.
#[must_use = "a check does nothing until it is awaited"]
pub struct SchemaCheck<'e> {
    outcome: UpsertFuture<'e, Outcome>,
}

/// The report, and the first model with an error in it.
struct Outcome {
    report: SchemaReport,
    wrong: Option<&'static Model>,
}

impl<'e> SchemaCheck<'e> {
    /// Gives everything that was found, errors among it.
    ///
    /// # Errors
    ///
    /// Only where the database could not be asked.
    pub fn report(self) -> UpsertFuture<'e, SchemaReport> {
        let Self { outcome } = self;
        Box::pin(async { Ok(outcome.await?.report) })
    }
}

impl<'e> IntoFuture for SchemaCheck<'e> {
    type Output = Result<SchemaReport, Error>;
    type IntoFuture = UpsertFuture<'e, SchemaReport>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let Outcome { report, wrong } = self.outcome.await?;
            match wrong {
                Some(model) => Err(Error::schema(model, report)),
                None => Ok(report),
            }
        })
    }
}

/// The check of one struct.
pub fn check_schema<'e, T, E>(executor: E) -> SchemaCheck<'e>
where
    E: SchemaExecutorFor<T> + 'e,
{
    executor.run_check()
}

/// The check of several structs, which `add` lists.
pub fn check_schemas<'e, E>(
    executor: E,
    add: impl FnOnce(&mut Checked<E::Database>),
) -> SchemaCheck<'e>
where
    E: UpsertExecutor + 'e,
{
    let mut checked = Checked::new();
    add(&mut checked);
    run(executor, checked)
}

/// Checks the schema of several structs at once, with one report.
///
/// Takes what [`Upsert::check_schema`](crate::Upsert::check_schema) takes, and gives what it gives.
///
/// ```
/// use upsert::Upsert;
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "name")]
/// struct Tag { name: String }
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "sku")]
/// struct Product { sku: String, stock: i64 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE tags (name TEXT NOT NULL PRIMARY KEY)").execute(&pool).await?;
/// # sqlx::query("CREATE TABLE products (sku TEXT NOT NULL PRIMARY KEY, stock INTEGER NOT NULL)").execute(&pool).await?;
/// let report = upsert::check_schema!(&pool; Tag, Product).await?;
/// assert!(report.is_empty(), "{report}");
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! check_schema {
    ($executor:expr; $($model:ty),+ $(,)?) => {
        $crate::private::check_schemas($executor, |checked| {
            $(checked.add::<$model>();)+
        })
    };
}

/// Upserts to be checked, with the types of their fields.
pub struct Checked<DB: Dialect> {
    upserts: Vec<CheckedUpsert<DB>>,
}

impl<DB: Dialect> Checked<DB> {
    fn new() -> Self {
        Self {
            upserts: Vec::new(),
        }
    }

    /// Adds all upserts of a struct.
    pub fn add<T: UpsertModels<DB>>(&mut self) {
        T::add_to(self);
    }
}

/// An upsert to be checked.
pub struct CheckedUpsert<DB: Dialect> {
    pub(crate) model: &'static Model,
    /// The fields whose types are known, by the names that the model has for them.
    pub(crate) types: Vec<(&'static str, FieldType<DB>)>,
}

impl<DB: Dialect> CheckedUpsert<DB> {
    fn new(model: &'static Model, types: Vec<FieldType<DB>>) -> Self {
        let is_typed = |name: &&&'static str| {
            model.bound.contains(name)
                || model.key.contains(name)
                || model.reads && model.returning.contains(name)
        };
        let names = model.fields.iter().filter(is_typed).copied();
        Self {
            model,
            types: names.zip(types).collect(),
        }
    }

    /// The type of the field of this name.
    pub(crate) fn type_of(&self, name: &str) -> Option<&FieldType<DB>> {
        let mut types = self.types.iter();
        types.find_map(|(other, ty)| (*other == name).then_some(ty))
    }
}

/// How a database is asked about its schema.
#[doc(hidden)]
pub trait SchemaRoom: sqlx::Database + Sized {
    /// The type of a field marked `json`.
    #[cfg(feature = "json")]
    fn json_type() -> FieldType<Self>;

    /// The statement that creates the unique index behind the target.
    fn create_index(model: &'static Model) -> &'static str;

    /// Asks about one upsert; `report` is its own.
    fn check(
        conn: &mut Self::Connection,
        upsert: &CheckedUpsert<Self>,
        report: &mut SchemaReport,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send
    where
        Self: Dialect;
}

fn run<'e, E>(executor: E, checked: Checked<E::Database>) -> SchemaCheck<'e>
where
    E: UpsertExecutor + 'e,
{
    let outcome = Box::pin(async move {
        let mut report = SchemaReport::default();
        let mut wrong = None;
        let Some(first) = checked.upserts.first() else {
            return Ok(Outcome { report, wrong });
        };
        let mut held =
            Held::acquire(executor, first.model, E::Database::BEGIN_SURVIVES_DROP).await?;
        for upsert in &checked.upserts {
            let mut own = SchemaReport::default();
            let asked = <E::Database as SchemaRoom>::check(&mut held.lease, upsert, &mut own);
            if let Err(source) = asked.await {
                held.finish(true).await;
                return Err(Error::from_driver::<E::Database>(upsert.model, source));
            }
            if wrong.is_none() && own.has_errors() {
                wrong = Some(upsert.model);
            }
            report.merge(own);
        }
        held.finish(false).await;
        Ok(Outcome { report, wrong })
    });
    SchemaCheck { outcome }
}
