//! Many rows on MySQL and MariaDB: a VALUES list, with the guard that makes a conflict target. The servers' replies do not say
//! how many rows were updated, nor which; what is wanted beyond the number is read by key, or each row goes by itself.

use sqlx::error::BoxDynError;
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection, Encode, Executor, Row, Type};

use super::{driver, fetch};
use crate::bulk::{
    Ahead, Job, KeyParts, Operation, Placeholder, Places, Rows, Stop, Wanted, Way, repeat,
    repeat_rows,
};
use crate::dialect::{add_row, bind_key_of, binds_a_row, new_arguments};
use crate::error::{Error, ErrorKind};
use crate::model::Model;
use crate::sink::{Put, Sink};

/// As many rows in a statement as make it fast.
const ROWS: usize = 10_000;

/// As many binds as the protocol counts.
const BINDS: usize = 65_535;

/// As many keys as are read by one statement.
const KEYS: usize = 1_000;

/// What every server takes in one packet: servers warn of a `max_allowed_packet` below their first buffer, which is so large.
const SMALL_PACKET: usize = 16 << 10;

/// What a packet holds besides values: the type and the NULL bit of each are counted with it.
const PACKET_HEAD: usize = 4_096;

pub(super) fn way(model: &'static Model, operation: Operation, careful: bool) -> Way {
    let by_statement = match operation {
        Operation::Upsert(Wanted::Count) | Operation::InsertIfAbsent(Wanted::Count) => true,
        // The rows are read after the statement, so it must not have a key twice.
        Operation::Upsert(Wanted::Rows) => !careful,
        _ => false,
    };
    if !by_statement || model.many.row_by_row {
        return Way::RowByRow;
    }
    Way::Chunks {
        rows: ROWS.min(BINDS / binds_a_row(model, model.texts.mysql.source.slots).max(1)),
        distinct: operation.returns_rows(),
    }
}

pub(super) async fn run_chunk(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, MySql>,
) -> Result<u64, Stop> {
    let texts = &job.model.texts.mysql;
    let (text, counts) = match job.operation {
        Operation::InsertIfAbsent(_) => (texts.insert_all_if_absent, true),
        Operation::Upsert(Wanted::Count) if job.model.guarded => (texts.upsert_all_counting, true),
        _ => (texts.upsert.sql, false),
    };
    if counts {
        let set = conn.execute("SET @upsert = 0").await;
        set.map_err(driver(job.model))?;
    }
    let mut packet = None;
    let mut rest = chunk;
    while !rest.is_empty() {
        let fitting = fitting(conn, rows, job, rest, text, &mut packet).await?;
        let (now, later) = rest.split_at(fitting);
        if now.len() < chunk.len() {
            // How many rows of the next chunk fit into a packet is not known.
            ahead.next = &[];
        }
        send(conn, rows, job, now, text, ahead).await?;
        rest = later;
    }
    let mut written = chunk.len() as u64;
    if counts {
        written = written.saturating_sub(left_alone(conn, job.model).await?);
    }
    if job.operation.returns_rows() {
        read_back(conn, rows, job, chunk).await?;
    }
    Ok(written)
}

/// How many of these rows go into one packet. The server is asked what it takes where that is not known to be enough.
async fn fitting(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &str,
    packet: &mut Option<usize>,
) -> Result<usize, Error> {
    let slots = job.model.texts.mysql.source.slots;
    let binds = binds_a_row(job.model, slots);
    // The statement's text is a packet of its own.
    let text_a_row = job.model.texts.mysql.source.row.len() + 2;
    let mut size = Key::default();
    let mut values = 0;
    for (taken, &row) in chunk.iter().enumerate() {
        let (before, bound) = (size.parts.len(), size.parts.count());
        let mut sink = Sink::Key(&mut size);
        // Some values are sent more than once.
        let done = if slots.is_empty() {
            rows.bind(row, &mut sink)
        } else {
            let mut slots = slots.iter();
            slots.try_for_each(|slot| rows.bind_one(row, *slot, &mut sink))
        };
        done.map_err(|source| {
            let place = size.parts.count() - bound;
            let place = slots.get(place).copied().unwrap_or(place);
            Error::encode(job.model, job.model.bound.get(place).copied(), source).at_row(row)
        })?;
        // A value's length takes up to nine bytes, its type two.
        values += size.parts.len() - before + binds * 12;
        let needed = values.max(text.len() + text_a_row * (taken + 1)) + PACKET_HEAD;
        if needed <= SMALL_PACKET {
            continue;
        }
        let packet = match packet {
            Some(packet) => *packet,
            None => *packet.insert(max_allowed_packet(conn, job.model).await?),
        };
        if needed <= packet {
            continue;
        }
        if taken == 0 {
            let detail = format!(
                "the row needs a packet of about {needed} bytes, and the server takes {packet}; raise its \
                 `max_allowed_packet`. Nothing was sent of it"
            );
            return Err(Error::new(ErrorKind::OutOfRange, job.model, detail).at_row(row));
        }
        return Ok(taken);
    }
    Ok(chunk.len())
}

async fn max_allowed_packet(
    conn: &mut MySqlConnection,
    model: &'static Model,
) -> Result<usize, Error> {
    let sql = "SELECT CAST(@@SESSION.max_allowed_packet AS UNSIGNED)";
    let row = fetch(conn, model, sql, MySqlArguments::default()).await?;
    let bytes: u64 = match row {
        Some(row) => row.try_get(0).map_err(driver(model))?,
        None => 0,
    };
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

async fn send(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &'static str,
    ahead: &mut Ahead<'_, MySql>,
) -> Result<(), Stop> {
    let source = &job.model.texts.mysql.source;
    let (arguments, _) = ahead.bind(rows, job, chunk)?;
    let binds = job.model.bound.len();
    let sql = repeat_rows(text, source, chunk.len(), binds, Placeholder::Mark);
    let query =
        sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(job.is_full(chunk.len()));
    match ahead.wait(conn.execute(query), rows, job, &[]).await {
        Ok(_) => Ok(()),
        Err(source) => Err(blame(conn, rows, job, chunk, text, source).await.into()),
    }
}

/// The error of a chunk, with its row where the server says which, or where it is deleted.
async fn blame(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &'static str,
    source: sqlx::Error,
) -> Error {
    let named = row_in_message(&source);
    let error = Error::from_driver::<MySql>(job.model, source);
    let (place, is_deleted) = match named {
        Some(place) => (Some(place), false),
        None => (first_deleted(conn, rows, job, chunk, &error).await, true),
    };
    let Some((place, &row)) = place.and_then(|place| Some((place, chunk.get(place)?))) else {
        return error;
    };
    if !is_first_to_fail(conn, rows, job, &chunk[..=place], text).await {
        return error;
    }
    let error = if is_deleted {
        error.into_deleted()
    } else {
        error
    };
    error.at_row(row)
}

/// "… at row 3", counted from 1, where the server says so. It may be a row of a statement in a trigger.
fn row_in_message(source: &sqlx::Error) -> Option<usize> {
    let message = source.as_database_error()?.message();
    let (_, row) = message.rsplit_once(" at row ")?;
    row.parse::<usize>().ok()?.checked_sub(1)
}

/// Where the first deleted row stands. An upsert is refused for it by the same error as for a foreign one, so the rows are asked.
async fn first_deleted(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    error: &Error,
) -> Option<usize> {
    let sql = job.model.texts.mysql.select_deleted;
    // An insert leaves such a row alone.
    let is_upsert = matches!(job.operation, Operation::Upsert(_));
    if !is_upsert || sql.is_empty() || error.kind() != ErrorKind::UniqueViolation {
        return None;
    }
    for (place, &row) in chunk.iter().enumerate() {
        let key = bind_key_of::<MySql>(rows, row).ok()?;
        let found = fetch(conn, job.model, sql, key).await.ok()?;
        if found.is_some_and(|found| found.try_get(0).unwrap_or(false)) {
            return Some(place);
        }
    }
    None
}

/// Whether the last of these rows fails, and those before it do not. What that leaves is taken back.
async fn is_first_to_fail(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &'static str,
) -> bool {
    let (before, last) = chunk.split_at(chunk.len() - 1);
    let Ok(mut savepoint) = conn.begin().await else {
        return false;
    };
    let fails = succeeds(&mut savepoint, rows, job, before, text).await
        && !succeeds(&mut savepoint, rows, job, last, text).await;
    // If the transaction is gone, so is the savepoint.
    let _ = savepoint.rollback().await;
    fails
}

async fn succeeds(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &'static str,
) -> bool {
    if chunk.is_empty() {
        return true;
    }
    let source = &job.model.texts.mysql.source;
    let binds = binds_a_row(job.model, source.slots);
    let mut arguments = new_arguments::<MySql>(chunk.len() * binds);
    for &row in chunk {
        if add_row::<MySql>(rows, row, source.slots, &mut arguments).is_err() {
            return false;
        }
    }
    let binds = job.model.bound.len();
    let sql = repeat_rows(text, source, chunk.len(), binds, Placeholder::Mark);
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(false);
    conn.execute(query).await.is_ok()
}

/// What the guard counted: the rows that were there and were left alone.
async fn left_alone(conn: &mut MySqlConnection, model: &'static Model) -> Result<u64, Error> {
    let sql = "SELECT CAST(@upsert AS UNSIGNED)";
    let row = fetch(conn, model, sql, MySqlArguments::default()).await?;
    let count: Option<u64> = match row {
        Some(row) => row.try_get(0).map_err(driver(model))?,
        None => None,
    };
    Ok(count.unwrap_or(0))
}

/// Reads the rows by their keys.
async fn read_back(
    conn: &mut MySqlConnection,
    rows: &mut dyn Rows<MySql>,
    job: &Job<'_>,
    chunk: &[usize],
) -> Result<(), Stop> {
    let texts = &job.model.texts.mysql;
    for chunk in chunk.chunks(KEYS) {
        let mut keys = MySqlArguments::default();
        for &row in chunk {
            rows.bind_key(row, &mut Sink::Arguments(&mut keys))
                .map_err(|source| Error::encode(job.model, None, source).at_row(row))?;
        }
        let sql = AssertSqlSafe(repeat(texts.select_all, texts.select_all_key, chunk.len()));
        let query = sqlx::query_with(sql, keys).persistent(chunk.len() == KEYS);
        let stored = conn.fetch_all(query).await.map_err(driver(job.model))?;
        let mut places = Places::<MySql>::new(job, chunk);
        for stored in &stored {
            // A key that the column spells in another way is asked for by itself.
            if let Some(row) = places.find(rows, stored)? {
                rows.set(row, stored, None)?;
            }
        }
        for row in places.missing() {
            let key = bind_key_of::<MySql>(rows, row)
                .map_err(|source| Error::encode(job.model, None, source).at_row(row))?;
            match fetch(conn, job.model, texts.select_locking, key).await? {
                Some(stored) => rows.set(row, &stored, None)?,
                None => return Err(Error::row_vanished(job.model).at_row(row).into()),
            }
        }
    }
    Ok(())
}

/// The parts of a key as MySQL gets them, each after its class; integers the other way round, so that their order is that of
/// the index.
#[derive(Default)]
pub struct Key {
    parts: KeyParts,
    scratch: Vec<u8>,
}

impl AsMut<KeyParts> for Key {
    fn as_mut(&mut self) -> &mut KeyParts {
        &mut self.parts
    }
}

impl Put<MySql> for Key {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, MySql> + Type<MySql>,
    {
        let type_info = value.produces().unwrap_or_else(T::type_info);
        self.scratch.clear();
        if value.encode(&mut self.scratch)?.is_null() {
            self.parts.push_null();
            return Ok(());
        }
        let class = match class::of(&type_info) {
            class::STRING => {
                let length = length_prefix(&self.scratch);
                self.scratch.drain(..length);
                if self.scratch.len() == 16 {
                    class::SIXTEEN_BYTES
                } else {
                    class::STRING
                }
            }
            class::INTEGER => {
                self.scratch.reverse();
                class::INTEGER
            }
            class => class,
        };
        self.parts.push_in_class(class, &self.scratch);
        Ok(())
    }
}

/// What a value is sent as. By the class and the type of a column it is known whether the column makes equal values of different
/// ones.
pub(super) mod class {
    use sqlx::TypeInfo;
    use sqlx::mysql::MySqlTypeInfo;

    pub const INTEGER: u8 = b'i';
    /// Texts and bytes.
    pub const STRING: u8 = b's';
    /// The same, if they are as long as a UUID.
    pub const SIXTEEN_BYTES: u8 = b'u';
    pub const DATE: u8 = b'd';
    /// With a time.
    pub const INSTANT: u8 = b'n';
    pub const TIME: u8 = b't';
    const OTHER: u8 = b'o';

    pub(super) fn of(type_info: &MySqlTypeInfo) -> u8 {
        match type_info.name() {
            "DATE" => DATE,
            "DATETIME" | "TIMESTAMP" => INSTANT,
            "TIME" => TIME,
            "BOOLEAN" => INTEGER,
            name if name.contains("INT") => INTEGER,
            name if ["CHAR", "TEXT", "BLOB", "BINARY"]
                .iter()
                .any(|word| name.contains(word)) =>
            {
                STRING
            }
            _ => OTHER,
        }
    }
}

/// How many bytes a length takes.
fn length_prefix(bytes: &[u8]) -> usize {
    let length = match bytes.first() {
        None => 0,
        Some(0xfc) => 3,
        Some(0xfd) => 4,
        Some(0xfe) => 9,
        Some(_) => 1,
    };
    length.min(bytes.len())
}
