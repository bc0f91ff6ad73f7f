//! Many rows on SQLite: a VALUES list as long as there are binds for it.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Encode, Executor, Type};
use std::fmt::Write;

use super::Returning;
use crate::bulk::{
    Ahead, Job, KeyParts, Operation, Placeholder, Rows, Stop, Wanted, Way, repeat_rows,
};
use crate::dialect::{bind_key_of, binds_a_row};
use crate::error::{Error, ErrorKind};
use crate::model::Model;
use crate::sink::{Plain, Put};

/// As many binds as a statement may have.
const BINDS: usize = 32_766;

/// SQLite gives the rows of a statement back in the order in which it took them, and one for each: unless a guard leaves some
/// alone, and then it cannot be told which. Nor can it be told which of them were there.
pub(super) fn way(model: &'static Model, operation: Operation, careful: bool) -> Way {
    let by_statement = match operation {
        Operation::Upsert(Wanted::Count) | Operation::InsertIfAbsent(Wanted::Count) => true,
        Operation::Upsert(Wanted::Rows) => !model.guarded && !careful,
        _ => false,
    };
    if !by_statement || model.many.row_by_row {
        return Way::RowByRow;
    }
    Way::Chunks {
        rows: BINDS / binds_a_row(model, model.texts.sqlite.source.slots).max(1),
        distinct: false,
    }
}

pub(super) async fn run_chunk(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Sqlite>,
) -> Result<u64, Stop> {
    let returned = match fetch(conn, rows, job, chunk, ahead).await {
        Err(Sent::Failed(source)) if Sqlite::renews(conn, &source).await => {
            fetch(conn, rows, job, chunk, ahead).await
        }
        sent => sent,
    };
    let (written, returned) = match returned {
        Ok(sent) => sent,
        Err(Sent::Unbound(error)) => return Err(error.into()),
        Err(Sent::Failed(source)) => {
            let error = Error::from_driver::<Sqlite>(job.model, source);
            return Err(blame_deleted(conn, rows, chunk, error).await.into());
        }
    };
    if job.operation.returns_rows() {
        if returned.len() != chunk.len() {
            // A trigger left some alone.
            return Err(Stop::Ambiguous(suppressed(job.model)));
        }
        for (row, returned) in chunk.iter().zip(&returned) {
            rows.set(*row, returned, None)?;
        }
    }
    Ok(written)
}

/// Why a statement did not run.
enum Sent {
    Unbound(Error),
    Failed(sqlx::Error),
}

/// Sends a chunk; gives how many rows were inserted or updated, and those that came back.
async fn fetch(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Sqlite>,
) -> Result<(u64, Vec<SqliteRow>), Sent> {
    let texts = &job.model.texts.sqlite;
    let text = match job.operation {
        Operation::Upsert(Wanted::Count) => texts.upsert,
        Operation::Upsert(_) => texts.upsert_returning,
        _ => texts.insert_if_absent,
    };
    let bound = ahead.bind(rows, job, chunk);
    let (arguments, _) = bound.map_err(Sent::Unbound)?;
    let binds = job.model.bound.len();
    let sql = repeat_rows(text, &texts.source, chunk.len(), binds, Placeholder::Mark);
    let query =
        sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(job.is_full(chunk.len()));
    if job.operation.returns_rows() {
        let returned = ahead.wait(conn.fetch_all(query), rows, job, &[]).await;
        let returned = returned.map_err(Sent::Failed)?;
        return Ok((returned.len() as u64, returned));
    }
    let done = ahead.wait(conn.execute(query), rows, job, &[]).await;
    let done = done.map_err(Sent::Failed)?;
    Ok((done.rows_affected(), Vec::new()))
}

/// A deleted row is refused by an error that others have too, so the rows are asked.
async fn blame_deleted(
    conn: &mut SqliteConnection,
    rows: &mut dyn Rows<Sqlite>,
    chunk: &[usize],
    error: Error,
) -> Error {
    let sql = error.model().texts.sqlite.select_deleted;
    if sql.is_empty() || error.kind() != ErrorKind::OutOfRange {
        return error;
    }
    for &row in chunk {
        let Ok(arguments) = bind_key_of::<Sqlite>(rows, row) else {
            return error;
        };
        match Sqlite::fetch(conn, sql, arguments).await {
            Ok(Some(found)) if Sqlite::is_true(&found) => {
                return error.into_deleted().at_row(row);
            }
            Ok(_) => {}
            Err(_) => return error,
        }
    }
    error
}

/// What cannot be put right inside a transaction of the caller's.
fn suppressed(model: &'static Model) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        model,
        "a trigger suppressed rows of the batch, so that the others cannot be told apart; upsert them one by one, or pass the \
         pool instead of a transaction",
    )
}

/// The parts of a key, to be compared. sqlx shows an encoded value only as it is debugged, which is enough for that.
#[derive(Default)]
pub struct Key {
    parts: KeyParts,
    shown: String,
}

impl AsMut<KeyParts> for Key {
    fn as_mut(&mut self) -> &mut KeyParts {
        &mut self.parts
    }
}

impl Put<Sqlite> for Key {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Sqlite> + Type<Sqlite>,
    {
        let mut buffer = SqliteArgumentsBuffer::default();
        if value.encode(&mut buffer)?.is_null() {
            self.parts.push_null();
            return Ok(());
        }
        self.shown.clear();
        // Writing to a `String` does not fail.
        let _ = write!(self.shown, "{buffer:?}");
        let (class, value) = class_and_value(&self.shown);
        match (class, value.parse::<i64>()) {
            (b'i', Ok(number)) => self.push_integer(number),
            _ => self.parts.push_in_class(class, value.as_bytes()),
        }
        Ok(())
    }

    /// What is shown would have to be encoded, formatted and read again.
    fn put_plain<'q, T>(&mut self, _: T, plain: Plain<'_>) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Sqlite> + Type<Sqlite>,
    {
        match plain {
            Plain::Text(text) => self.parts.push_in_class(b't', text.as_bytes()),
            Plain::Integer(number) => self.push_integer(number),
        }
        Ok(())
    }
}

impl Key {
    /// The order of the bytes is that of the numbers.
    fn push_integer(&mut self, number: i64) {
        let bytes = (number ^ i64::MIN).to_be_bytes();
        self.parts.push_in_class(b'i', &bytes);
    }
}

/// The storage class of a value, by a letter, and the value; `?` and all of it, if it is shown in a way that nobody knows.
fn class_and_value(shown: &str) -> (u8, &str) {
    let inner = || {
        let list = shown.strip_prefix("SqliteArgumentsBuffer([")?;
        let (class, value) = list.strip_suffix(")])")?.split_once('(')?;
        let (class, value) = match class {
            "Int" | "Int64" => (b'i', value),
            "Text" | "TextSlice" => (b't', value.strip_prefix('"')?.strip_suffix('"')?),
            "Blob" => (b'b', value),
            _ => return None,
        };
        Some((class, value))
    };
    inner().unwrap_or((b'?', shown))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::sink::IsPlain;

    fn key<'q, T>(value: T) -> Vec<u8>
    where
        T: Encode<'q, Sqlite> + Type<Sqlite>,
    {
        let mut key = Key::default();
        key.put(value).expect("encoded");
        key.parts.bytes().to_vec()
    }

    fn plain_key<T>(value: T) -> Vec<u8>
    where
        T: IsPlain + for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
    {
        let mut key = Key::default();
        let plain = value.plain();
        key.put_plain(&value, plain).expect("encoded");
        key.parts.bytes().to_vec()
    }

    #[test]
    fn what_is_plain_has_the_same_key() {
        for number in [i64::MIN, -1, 0, 7, i64::MAX] {
            assert_eq!(plain_key(number), key(number));
        }
        assert_eq!(plain_key(i8::MIN), key(i8::MIN));
        assert_eq!(plain_key(i16::MIN), key(i16::MIN));
        assert_eq!(plain_key(i32::MIN), key(i32::MIN));
        assert_eq!(plain_key(u8::MAX), key(u8::MAX));
        assert_eq!(plain_key(u16::MAX), key(u16::MAX));
        assert_eq!(plain_key(u32::MAX), key(u32::MAX));
        for text in ["", "a", "a b", "é"] {
            assert_eq!(plain_key(text), key(text));
            assert_eq!(plain_key(text.to_owned()), key(text));
            assert_eq!(plain_key(Cow::Borrowed(text)), key(text));
        }
    }

    #[test]
    fn the_order_of_integers_is_theirs() {
        let keys = [i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX].map(key);
        assert!(keys.is_sorted());
        assert_eq!(key(7_i16), key(7_i64));
        assert_eq!(key(7_i32)[0], b'i');
    }

    #[test]
    fn values_of_all_classes_are_told_apart() {
        assert_eq!(key("7"), key(String::from("7")));
        assert_eq!(key("7")[0], b't');
        assert_eq!(key("a\")])")[0], b't');
        assert_ne!(key("a"), key("a\0"));
        assert!([key("a"), key("a "), key("ab")].is_sorted());
        assert_eq!(key(vec![7_u8])[0], b'b');
        // It may be equal to an integer.
        assert_eq!(key(7.0)[0], b'?');
    }
}
