//! What can go wrong at run time.

use sqlx::error::{BoxDynError, DatabaseError};
use std::borrow::Cow;
use std::fmt;

use crate::dialect::Dialect;
use crate::model::Model;
use crate::schema::SchemaReport;

/// An upsert that failed: what went wrong, in which table, and what to do about it.
///
/// There is one error type for all calls and databases, since the same few things go wrong in all of them; [`kind`](Self::kind)
/// tells them apart. The driver's own error is kept as the [`source`](std::error::Error::source). The error turns into a
/// [`sqlx::Error`] by `?`, so that it passes through functions that return one.
///
/// ```
/// use upsert::{Error, ErrorKind};
///
/// fn status(error: &Error) -> u16 {
///     match error.kind() {
///         ErrorKind::UniqueViolation => 409,
///         ErrorKind::NotNullViolation | ErrorKind::CheckViolation => 422,
///         _ if error.is_retryable() => 503,
///         _ => 500,
///     }
/// }
/// ```
pub struct Error(Box<Failure>);

/// What an [`Error`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No unique index stands behind the conflict target. The message has the `CREATE UNIQUE INDEX` to run.
    MissingUniqueIndex,
    /// The row collides with another row under another unique key than the conflict target.
    UniqueViolation,
    /// A column that may not be NULL got none, be it in an insert or in an update.
    NotNullViolation,
    /// A foreign key has no row to point at.
    ForeignKeyViolation,
    /// A check constraint refuses the row.
    CheckViolation,
    /// A number does not fit its column, as when a sum overflows, or was divided by zero.
    OutOfRange,
    /// The database ended a deadlock at this call's expense. Another try may succeed.
    Deadlock,
    /// The transaction cannot be put in an order with the others. The whole transaction may be tried again.
    Serialization,
    /// A lock was not to be had in time (SQLite: the database is busy). Another try may succeed.
    LockTimeout,
    /// The row is there, but deleted, and the model says that this is an error (`on_deleted = "error"`).
    Deleted,
    /// The row was gone, or never came to be, when it was to be read back.
    RowVanished,
    /// Two rows of a batch have the same key, and `Duplicates::Reject` was asked for.
    DuplicateKey,
    /// The stream of rows failed.
    Stream,
    /// The schema is not what the structs need: [`Error::schema_report`] has the findings.
    Schema,
    /// The database, its version or its settings cannot do this.
    Unsupported,
    /// A value of the struct cannot be sent.
    Encode,
    /// A value that came back does not fit its field.
    Decode,
    /// Anything else that the database or the way to it reports.
    Database,
}

/// The inside of an [`Error`], boxed to keep `Result`s small.
#[derive(Debug)]
struct Failure {
    kind: ErrorKind,
    model: &'static Model,
    detail: String,
    source: Option<sqlx::Error>,
    /// The error of a stream of rows.
    stream: Option<BoxDynError>,
    /// Which row of a batch it is about, if it can be told, and its key.
    row: Option<usize>,
    key: Option<String>,
    /// The row before it that has the same key.
    twin: Option<usize>,
    /// How many rows of a batch are stored in spite of it.
    committed: usize,
    report: Option<SchemaReport>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            model,
            detail,
            report,
            ..
        } = &*self.0;
        if let Some(report) = report {
            return write!(f, "{detail}:\n{report}");
        }
        let (table, target) = (model.table, model.target);
        write!(
            f,
            "upsert into `{table}` on conflict (`{target}`): {detail}"
        )?;
        if let Some(row) = self.0.row {
            write!(f, "; it is row {row} of the batch, counted from 0")?;
        }
        if let Some(key) = &self.0.key {
            write!(f, ", with the key {key}")?;
        }
        if self.0.committed > 0 {
            let committed = self.0.committed;
            write!(f, "; the first {committed} rows are committed")?;
        }
        Ok(())
    }
}

impl Error {
    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call, or the same transaction, may succeed when it is tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Deadlock | ErrorKind::Serialization | ErrorKind::LockTimeout
        )
    }

    /// The table, as the model names it.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.0.model.table
    }

    /// The conflict target, as the model names it.
    #[must_use]
    pub fn conflict_target(&self) -> &'static str {
        self.0.model.target
    }

    /// Which row of a batch the error is about, counted from 0, if that can be told.
    ///
    /// A value that cannot be encoded and a row that was sent by itself can always be told. What the database refuses in a
    /// statement of many rows can be told if it says so (MySQL and MariaDB, of values that do not fit), or with
    /// [`find_culprit`](crate::UpsertMany::find_culprit).
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        self.0.row
    }

    /// How many rows of a batch or a stream are stored in spite of the error: the first ones, in their order. 0 unless chunks
    /// are committed by themselves ([`commit_each_chunk`](crate::UpsertMany::commit_each_chunk)).
    #[must_use]
    pub fn rows_committed(&self) -> usize {
        self.0.committed
    }

    /// What a check of the schema found, where this is its error.
    #[must_use]
    pub fn schema_report(&self) -> Option<&SchemaReport> {
        self.0.report.as_ref()
    }

    pub(crate) fn new(kind: ErrorKind, model: &'static Model, detail: impl Into<String>) -> Self {
        Self::with_source(kind, model, detail.into(), None)
    }

    fn with_source(
        kind: ErrorKind,
        model: &'static Model,
        detail: String,
        source: Option<sqlx::Error>,
    ) -> Self {
        Self(Box::new(Failure {
            kind,
            model,
            detail,
            source,
            stream: None,
            row: None,
            key: None,
            twin: None,
            committed: 0,
            report: None,
        }))
    }

    /// A stream of rows that failed by itself.
    pub(crate) fn stream(model: &'static Model, source: BoxDynError) -> Self {
        let mut error = Self::new(
            ErrorKind::Stream,
            model,
            format!("the stream of rows failed: {source}"),
        );
        error.0.stream = Some(source);
        error
    }

    #[cfg(any(feature = "_sqlite", feature = "mysql"))]
    pub(crate) fn model(&self) -> &'static Model {
        self.0.model
    }

    /// The row of the batch that it is about; what has been said before stays.
    pub(crate) fn at_row(mut self, row: usize) -> Self {
        self.0.row.get_or_insert(row);
        self
    }

    /// Two rows of a batch that have the same key.
    pub(crate) fn same_key(model: &'static Model, first: usize, row: usize) -> Self {
        let detail = have_same_key(first, row, "nothing was sent");
        let mut error = Self::new(ErrorKind::DuplicateKey, model, detail).at_row(row);
        error.0.twin = Some(first);
        error
    }

    /// The batch was a chunk of a stream, in which so many rows stood before it.
    pub(crate) fn after_rows(mut self, rows: usize) -> Self {
        let Failure {
            row, twin, detail, ..
        } = &mut *self.0;
        if let Some(row) = row {
            *row += rows;
            if let Some(first) = twin {
                *first += rows;
                *detail = have_same_key(*first, *row, "nothing of their chunk was sent");
            }
        }
        self
    }

    pub(crate) fn with_key(mut self, key: String) -> Self {
        self.0.key = Some(key);
        self
    }

    pub(crate) fn committed(mut self, rows: usize) -> Self {
        self.0.committed = rows;
        self
    }

    /// What went wrong when the transaction was to be committed: without a reply, nobody knows how that ended.
    pub(crate) fn at_commit(mut self) -> Self {
        if !matches!(self.0.source, Some(sqlx::Error::Database(_))) {
            self.0
                .detail
                .push_str("; it happened at the commit, so the rows may or may not be stored");
        }
        self
    }

    /// Whether it may be the fault of one row, rather than of the connection or the table.
    pub(crate) fn blames_a_row(&self) -> bool {
        match self.0.kind {
            ErrorKind::MissingUniqueIndex
            | ErrorKind::Unsupported
            | ErrorKind::Deadlock
            | ErrorKind::Serialization
            | ErrorKind::LockTimeout
            | ErrorKind::Stream => false,
            ErrorKind::Database => matches!(self.0.source, Some(sqlx::Error::Database(_))),
            _ => true,
        }
    }

    /// The driver's error in our words.
    pub(crate) fn from_driver<DB: Dialect>(model: &'static Model, source: sqlx::Error) -> Self {
        let (kind, detail) = match &source {
            sqlx::Error::Database(error) => DB::explain(model, &**error),
            other => explain_client_side(model, other),
        };
        Self::with_source(kind, model, detail, Some(source))
    }

    /// A value that sqlx cannot encode; `column` is the one that was to be bound.
    pub(crate) fn encode(model: &'static Model, column: Option<&str>, source: BoxDynError) -> Self {
        let column = column.map_or_else(String::new, |column| format!(" of column `{column}`"));
        let detail = format!("the value{column} cannot be sent to the database: {source}");
        let source = Some(sqlx::Error::Encode(source));
        Self::with_source(ErrorKind::Encode, model, detail, source)
    }

    /// The row that conflicts is a deleted one. The database's own words for it say something else.
    pub(crate) fn into_deleted(mut self) -> Self {
        self.0.kind = ErrorKind::Deleted;
        self.0.detail = row_is_deleted(self.0.model);
        self
    }

    /// A check of the schema found errors; `model` is that of the first.
    pub(crate) fn schema(model: &'static Model, report: SchemaReport) -> Self {
        let detail = "the schema is not what the structs need".to_owned();
        let mut error = Self::new(ErrorKind::Schema, model, detail);
        error.0.report = Some(report);
        error
    }

    /// The row was not there to be read back.
    pub(crate) fn row_vanished(model: &'static Model) -> Self {
        Self::new(
            ErrorKind::RowVanished,
            model,
            "the row was not there when it was to be read back; look for a trigger that suppresses the row or rewrites its \
             key, a key that its column rounds or pads, or another session that deletes it",
        )
    }
}

/// What to say of rows that have the same key where none may.
fn have_same_key(first: usize, row: usize, outcome: &str) -> String {
    format!(
        "rows {first} and {row} of the batch (counted from 0) have the same key, and `Duplicates::Reject` was asked for; \
         {outcome}"
    )
}

/// What to say of a row that is deleted.
pub(crate) fn row_is_deleted(model: &Model) -> String {
    format!(
        "the row is there, but deleted (`{}` is not NULL), and nothing was written; `on_deleted = \"revive\"` would bring it back",
        model.deleted.unwrap_or_default()
    )
}

/// The errors that come from this side of the wire.
fn explain_client_side(model: &Model, source: &sqlx::Error) -> (ErrorKind, String) {
    match source {
        sqlx::Error::ColumnDecode { index, source } => {
            let column = index
                .parse::<usize>()
                .ok()
                .and_then(|index| model.returning.get(index));
            let column = column.copied().unwrap_or_else(|| index.trim_matches('"'));
            let detail = format!(
                "column `{column}` came back with a value that its field cannot hold: {source}; make the field's type that \
                 of the column, or an `Option` where the column may be NULL"
            );
            (ErrorKind::Decode, detail)
        }
        sqlx::Error::ColumnNotFound(column) => {
            let detail = format!(
                "the `FromRow` type of `returning` asks for column `{column}`, which does not come back; list it there"
            );
            (ErrorKind::Decode, detail)
        }
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. } => (ErrorKind::Decode, source.to_string()),
        sqlx::Error::Encode(_) => (ErrorKind::Encode, source.to_string()),
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Database,
            format!(
                "{source}; a transaction of yours may hold the pool's last connection: pass `&mut tx` instead of the pool"
            ),
        ),
        other => (ErrorKind::Database, other.to_string()),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("table", &self.0.model.table)
            .field("conflict_target", &self.0.model.target)
            .field("detail", &self.0.detail)
            .field("row", &self.0.row)
            .field("rows_committed", &self.0.committed)
            .field("source", &self.0.source)
            .field("schema_report", &self.0.report)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match (&self.0.source, &self.0.stream) {
            (Some(source), _) => Some(source),
            (None, Some(stream)) => Some(&**stream),
            (None, None) => None,
        }
    }
}

/// A database's error stays one, with its code, constraint and driver type, and with our message and kind.
impl From<Error> for sqlx::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let Failure {
            kind,
            source,
            stream,
            ..
        } = *error.0;
        if let Some(stream) = stream {
            return Self::AnyDriverError(stream);
        }
        match source {
            Some(sqlx::Error::Database(source)) => sqlx::Error::Database(Box::new(Explained {
                kind,
                message,
                source,
            })),
            Some(source) => source,
            None if kind == ErrorKind::RowVanished => sqlx::Error::RowNotFound,
            None if kind == ErrorKind::Schema => sqlx::Error::Configuration(message.into()),
            None => sqlx::Error::InvalidArgument(message),
        }
    }
}

/// A driver's error with our words, for signatures that speak of `sqlx::Error`.
#[derive(Debug)]
struct Explained {
    kind: ErrorKind,
    message: String,
    source: Box<dyn DatabaseError>,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explained {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_error())
    }
}

impl DatabaseError for Explained {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.source.code()
    }

    // The three below let `downcast_ref::<PgDatabaseError>()` and its like find the driver's error.

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self.source.as_error()
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self.source.as_error_mut()
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self.source.into_error()
    }

    fn constraint(&self) -> Option<&str> {
        self.source.constraint()
    }

    fn table(&self) -> Option<&str> {
        self.source.table()
    }

    fn kind(&self) -> sqlx::error::ErrorKind {
        match self.kind {
            ErrorKind::UniqueViolation => sqlx::error::ErrorKind::UniqueViolation,
            ErrorKind::NotNullViolation => sqlx::error::ErrorKind::NotNullViolation,
            ErrorKind::ForeignKeyViolation => sqlx::error::ErrorKind::ForeignKeyViolation,
            ErrorKind::CheckViolation => sqlx::error::ErrorKind::CheckViolation,
            _ => self.source.kind(),
        }
    }
}
