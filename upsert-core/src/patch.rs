//! A field for which "not given" and NULL are different things.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

/// A value that is either given or left as it is.
///
/// In a struct that derives `Upsert`, a field of this type sets its column only when it is [`Set`](Self::Set); `Keep` leaves
/// the column as it is. `Patch<Option<T>>` tells "not given" (`Keep`) from NULL (`Set(None)`). What comes back is always `Set`.
///
/// ```
/// # use upsert::Upsert;
/// use upsert::Patch;
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "email")]
/// struct User { email: String, nick: Patch<Option<String>> }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// # sqlx::query("CREATE TABLE users (email TEXT PRIMARY KEY, nick TEXT)").execute(&pool).await?;
/// let email = || "ada@example.com".to_owned();
/// User { email: email(), nick: Patch::Set(Some("ada".to_owned())) }.upsert(&pool).await?;
/// let kept = User { email: email(), nick: Patch::Keep }.upsert(&pool).await?;
/// assert_eq!(kept.nick, Patch::Set(Some("ada".to_owned())));
/// let gone = User { email: email(), nick: Patch::Set(None) }.upsert(&pool).await?;
/// assert_eq!(gone.nick, Patch::Set(None));
/// # Ok(())
/// # }
/// ```
///
/// # Dialects
///
/// What `Keep` means when the row is new:
///
/// - MySQL, MariaDB: the column gets its default. A column that is NOT NULL has to have one: without it the servers refuse the
///   statement, whatever is given ([`NotNullViolation`](crate::ErrorKind::NotNullViolation)).
/// - PostgreSQL, SQLite: the column gets NULL, since their statements cannot choose a default by a bind. A column that is NOT
///   NULL refuses such a row, also where it would only update, since the proposed row is looked at first
///   ([`NotNullViolation`](crate::ErrorKind::NotNullViolation)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Patch<T> {
    /// Not given: the column stays as it is.
    #[default]
    Keep,
    /// Given: the column gets this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether a value is given.
    #[must_use]
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// The value, if one is given.
    #[must_use]
    pub fn set(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep => None,
        }
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<DB: Database, T: Type<DB>> Type<DB> for Patch<T> {
    fn type_info() -> DB::TypeInfo {
        T::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        T::compatible(ty)
    }
}

/// `Keep` is sent as NULL; the statement does not look at it.
impl<'q, DB: Database, T: Encode<'q, DB>> Encode<'q, DB> for Patch<T> {
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Set(value) => value.encode_by_ref(buffer),
            Self::Keep => Ok(IsNull::Yes),
        }
    }

    fn produces(&self) -> Option<DB::TypeInfo> {
        match self {
            Self::Set(value) => value.produces(),
            Self::Keep => None,
        }
    }
}

impl<'r, DB: Database, T: Decode<'r, DB>> Decode<'r, DB> for Patch<T> {
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        T::decode(value).map(Self::Set)
    }
}

/// Asks whether a type is a `Patch` under another name: an inherent constant where it is one, and otherwise the trait's of the
/// same name, which must be in scope. What the derive takes for a plain value would be written as NULL where it is `Keep`.
#[derive(Debug)]
pub struct PatchOf<T>(std::marker::PhantomData<T>);

impl<T> PatchOf<Patch<T>> {
    /// It is one.
    pub const IS_PATCH: bool = true;
}

impl<T> PatchOf<Option<Patch<T>>> {
    /// There is one in it.
    pub const IS_PATCH: bool = true;
}

/// Types that are no `Patch`.
pub trait NoPatch {
    /// It is none.
    const IS_PATCH: bool = false;
}

impl<T> NoPatch for PatchOf<T> {}
