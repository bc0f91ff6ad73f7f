//! Many rows on PostgreSQL: an array for each column, or a VALUES list where a column has no array.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgBindIterExt, PgConnection, PgRow, PgTypeInfo, Postgres,
};
use sqlx::query::Query;
use sqlx::{Arguments, AssertSqlSafe, Encode, Executor, Row, Type, TypeInfo};

use super::{RETURNING_OLD, read_action};
use crate::bulk::{
    Ahead, Job, KeyOrder, KeyParts, Look, Operation, Placeholder, Places, Rows, Stop, Wanted, Way,
    repeat_rows,
};
use crate::dialect::show_key;
use crate::error::{Error, ErrorKind};
use crate::model::{KeyEquality, Model};
use crate::returning::Action;
use crate::sink::{Put, Sink};

/// As many rows in a statement as make it fast; more do not make it faster.
const ROWS: usize = 10_000;

/// As many parameters as the protocol counts.
const PARAMETERS: usize = 65_535;

/// As many bytes in a statement as memory should hold twice.
const BYTES: usize = 32 << 20;

pub(super) fn way(model: &'static Model, operation: Operation, look: &Look, careful: bool) -> Way {
    // Where rows may be passed over in silence, nobody says which of two that the database takes for the same it was.
    let tells = match operation {
        Operation::Upsert(_) => !model.guarded,
        Operation::InsertIfAbsent(_) | Operation::GetOrInsert => false,
    };
    // A row that comes back is found by its key, which is read as its field's type.
    let cannot_find = look.key_is_of_another_type || careful && !tells;
    if model.many.row_by_row || operation.returns_rows() && cannot_find {
        return Way::RowByRow;
    }
    let rows = if in_values(model, look) {
        ROWS.min(PARAMETERS / model.bound.len().max(1))
    } else {
        ROWS
    };
    Way::Chunks {
        rows,
        distinct: operation != Operation::InsertIfAbsent(Wanted::Count),
    }
}

fn in_values(model: &Model, look: &Look) -> bool {
    let many = &model.many;
    let without_array = |place: &u8| array_type(model, *place).is_none();
    many.in_values || look.in_values || many.bound_arrays.iter().any(without_array)
}

fn array_type(model: &Model, place: u8) -> Option<PgTypeInfo> {
    let array = model.many.arrays.get(usize::from(place))?;
    array.type_info.map(|type_info| type_info())
}

/// Says of each column of the key how it compares, and whether its field can read it; whether types that sqlx knows by name alone
/// are of a kind that UNNEST leaves whole (a composite type is not: it becomes several columns); and whether rows refer to other
/// rows of the table.
///
/// Keys are compared as they are stored. A trigger may rewrite them, the index may have a collation of its own, and what is sent
/// may lose something where the column is of another type. Where sqlx knows no array of the field's type, nobody knows what is
/// sent, and only those columns are trusted that no other type is assigned to. The numbers are those of the arrays of integers and
/// of texts.
///
/// It is written to be planned once: with subqueries that do not depend on the column, and few joins, the server soon keeps the
/// plan, which is most of what the question costs.
const LOOK: &str = "\
SELECT
  a.attname::text,
  CASE
    WHEN c.relkind NOT IN ('r', 'p') THEN 'unknown'
    WHEN c.relhastriggers AND EXISTS (
      SELECT FROM pg_trigger g
      WHERE g.tgrelid = to_regclass($1) AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7
    ) THEN 'unknown'
    WHEN c.relkind = 'p' AND EXISTS (
      WITH RECURSIVE part (oid) AS (
        SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = to_regclass($1)
        UNION ALL SELECT h.inhrelid FROM part JOIN pg_inherits h ON h.inhparent = part.oid
      )
      SELECT FROM part JOIN pg_trigger g ON g.tgrelid = part.oid
      WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7
    ) THEN 'unknown'
    WHEN NOT (SELECT l.collisdeterministic FROM pg_collation l WHERE l.oid = a.attcollation) THEN 'unknown'
    WHEN a.attcollation <> 0 AND a.attnum = ANY (ARRAY(
      SELECT i.indkey[p.place] FROM pg_index i CROSS JOIN generate_series(0, i.indnkeyatts - 1) AS p (place)
      JOIN pg_collation l ON l.oid = i.indcollation[p.place]
      WHERE i.indrelid = to_regclass($1) AND i.indisunique AND NOT l.collisdeterministic
    )) THEN 'unknown'
    WHEN s.sent <> t.typarray AND NOT (
      s.sent IN (1005, 1007, 1016) AND t.typarray IN (1005, 1007, 1016)
      OR s.sent IN (1009, 1014, 1015) AND (t.typarray IN (1009, 1014, 1015) OR t.typname = 'citext')
    ) THEN 'unknown'
    WHEN t.typtype = 'e' OR t.typname IN ('uuid', 'bool', 'bytea', 'char') THEN 'bytes'
    WHEN t.typname IN ('text', 'varchar', 'bpchar') THEN 'text'
    WHEN t.typname = 'citext' THEN 'fold'
    WHEN s.sent IS NULL THEN 'unknown'
    WHEN t.typname IN ('int2', 'int4', 'int8', 'oid', 'date') THEN 'bytes'
    WHEN t.typname IN ('timestamp', 'timestamptz', 'time')
      AND CASE d.typtype WHEN 'd' THEN d.typtypmod ELSE a.atttypmod END IN (-1, 6) THEN 'bytes'
    ELSE 'unknown'
  END,
  COALESCE(s.sent = t.typarray OR s.sent IN (1009, 1014, 1015) AND t.typname IN ('text', 'varchar', 'bpchar', 'citext', 'name'), TRUE),
  (SELECT COALESCE(bool_and(COALESCE(e.typtype IN ('b', 'e', 'r', 'm'), FALSE)), TRUE)
   FROM unnest($5) AS n (name)
   LEFT JOIN pg_type a ON a.oid = to_regtype(n.name)
   LEFT JOIN pg_type e ON e.oid = a.typelem),
  EXISTS (SELECT FROM pg_constraint f
    WHERE f.contype = 'f' AND f.conrelid = to_regclass($1) AND f.confrelid = f.conrelid)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ANY ($2) AND NOT a.attisdropped
JOIN pg_type d ON d.oid = a.atttypid
JOIN pg_type t ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
CROSS JOIN LATERAL (
  SELECT COALESCE($3[array_position($2, a.attname::text)], to_regtype($4[array_position($2, a.attname::text)]))
) AS s (sent)
WHERE c.oid = to_regclass($1)";

pub(super) async fn look(
    conn: &mut PgConnection,
    model: &'static Model,
    rows: usize,
) -> Result<Look, Error> {
    let many = &model.many;
    // A single row is a single call.
    if many.row_by_row || rows <= 1 {
        return Ok(Look::default());
    }
    let keys = many.key_arrays.iter();
    let keys: Vec<_> = keys.map(|place| array_type(model, *place)).collect();
    let key_oids: Vec<_> = keys.iter().map(|array| array.as_ref()?.oid()).collect();
    let key_names: Vec<_> = keys.iter().map(|array| name_of(array.as_ref()?)).collect();
    let arrays = many.arrays.iter().filter_map(|array| array.type_info);
    let by_name: Vec<_> = arrays
        .filter_map(|type_info| name_of(&type_info()))
        .collect();
    let mut arguments = PgArguments::default();
    let added = Arguments::add(&mut arguments, model.texts.postgres.relation)
        .and_then(|()| Arguments::add(&mut arguments, model.key))
        .and_then(|()| Arguments::add(&mut arguments, key_oids))
        .and_then(|()| Arguments::add(&mut arguments, key_names))
        .and_then(|()| Arguments::add(&mut arguments, by_name));
    added.map_err(|source| Error::encode(model, None, source))?;
    let found = async {
        let rows = conn.fetch_all((LOOK, Some(arguments))).await?;
        let columns = rows.iter().map(Found::read);
        columns.collect::<Result<Vec<_>, sqlx::Error>>()
    };
    let found = found.await;
    let found = found.map_err(|source| Error::from_driver::<Postgres>(model, source))?;
    let order = |name: &&str| {
        let column = found.iter().find(|column| column.name == **name);
        match (many.key, column.map(|column| column.order.as_str())) {
            (KeyEquality::Unknown, _) => KeyOrder::Unknown,
            (_, Some("bytes")) => KeyOrder::Bytes,
            (_, Some("text")) => KeyOrder::Text { fold: false },
            (_, Some("fold")) => KeyOrder::Text { fold: true },
            _ => KeyOrder::Unknown,
        }
    };
    Ok(Look {
        orders: model.key.iter().map(order).collect(),
        in_order: found.iter().any(|column| column.in_order),
        in_values: found.iter().any(|column| !column.whole),
        key_is_of_another_type: found.iter().any(|column| !column.reads),
    })
}

/// What [`LOOK`] says of a column of the key, and with each of the table.
struct Found {
    name: String,
    order: String,
    reads: bool,
    whole: bool,
    in_order: bool,
}

impl Found {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get(0)?,
            order: row.try_get(1)?,
            reads: row.try_get(2)?,
            whole: row.try_get(3)?,
            in_order: row.try_get(4)?,
        })
    }
}

/// The name of an array's type, if sqlx knows it by that alone.
fn name_of(array: &PgTypeInfo) -> Option<String> {
    let is_by_name = array.oid().is_none();
    is_by_name.then(|| sqlx::TypeInfo::name(array).to_owned())
}

pub(super) async fn run_chunk(
    conn: &mut PgConnection,
    rows: &mut dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Postgres>,
) -> Result<u64, Stop> {
    let texts = &job.model.texts.postgres;
    let mut written = 0;
    if !job.operation.returns_rows() {
        let text = match job.operation {
            Operation::InsertIfAbsent(_) => texts.insert_all_if_absent,
            _ => texts.upsert_all,
        };
        let mut rest = chunk;
        while let Some(query) = next_statement(rows, job, &mut rest, text, ahead)? {
            let done = ahead.wait(conn.execute(query), rows, job, rest).await;
            let done = done.map_err(|source| stop(job.model, source))?;
            written += done.rows_affected();
        }
        return Ok(written);
    }
    let is_lonely = |row: &usize| job.keys.is_lonely(*row);
    if job.operation == Operation::GetOrInsert || ahead.next.iter().chain(chunk).any(is_lonely) {
        // Not all of these will be written by one statement.
        ahead.next = &[];
    }
    // Rows with a NULL in their key may look like each other, and yet be different rows. They go one by one: in their places,
    // where a row may need those before it.
    if job.in_order {
        for run in chunk.chunk_by(|one, two| is_lonely(one) == is_lonely(two)) {
            written += if run.iter().any(is_lonely) {
                one_by_one(conn, rows, job, run).await?
            } else {
                write_and_read(conn, rows, job, run, ahead).await?
            };
        }
        return Ok(written);
    }
    let (lonely, others): (Vec<usize>, Vec<usize>) = chunk.iter().partition(|row| is_lonely(row));
    written += one_by_one(conn, rows, job, &lonely).await?;
    written += write_and_read(conn, rows, job, &others, ahead).await?;
    Ok(written)
}

/// Carries out rows whose keys tell them apart, and reads them.
async fn write_and_read(
    conn: &mut PgConnection,
    rows: &mut dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &[usize],
    ahead: &mut Ahead<'_, Postgres>,
) -> Result<u64, Stop> {
    let texts = &job.model.texts.postgres;
    let mut written = 0;
    let (done, missing) = match job.operation {
        Operation::GetOrInsert => {
            let missing = select(conn, rows, job, chunk).await?;
            written += (chunk.len() - missing.len()) as u64;
            let text = texts.insert_all_if_absent_returning;
            write(conn, rows, job, &missing, text, Tells::Inserted, ahead).await?
        }
        Operation::InsertIfAbsent(_) => {
            let text = texts.insert_all_if_absent_returning;
            let (done, _) = write(conn, rows, job, chunk, text, Tells::Nothing, ahead).await?;
            return Ok(done);
        }
        Operation::Upsert(wanted) => {
            let (text, tells) = match (wanted, conn.server_version_num()) {
                (Wanted::Actions, Some(version)) if version >= RETURNING_OLD => {
                    (texts.upsert_all_with_action_18, Tells::Action)
                }
                (Wanted::Actions, _) => (texts.upsert_all_with_action, Tells::Action),
                _ => (texts.upsert_all_returning, Tells::Nothing),
            };
            let (done, missing) = write(conn, rows, job, chunk, text, tells, ahead).await?;
            (done, select(conn, rows, job, &missing).await?)
        }
    };
    // A trigger suppressed these, or they came and went in the meantime; nothing was written of them.
    Ok(written + done + one_by_one(conn, rows, job, &missing).await?)
}

async fn one_by_one(
    conn: &mut PgConnection,
    rows: &mut dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &[usize],
) -> Result<u64, Error> {
    let mut written = 0;
    for &row in chunk {
        let done = rows.run_one(conn, job.operation, row).await;
        written += done.map_err(|error| error.at_row(row))?;
    }
    Ok(written)
}

/// What a statement tells of a row that it returns.
#[derive(Clone, Copy)]
enum Tells {
    Nothing,
    /// In its last column.
    Action,
    /// By returning it.
    Inserted,
}

/// Writes rows, and reads those that come back. Gives their number, and the others.
async fn write(
    conn: &mut PgConnection,
    rows: &mut dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &[usize],
    text: &'static str,
    tells: Tells,
    ahead: &mut Ahead<'_, Postgres>,
) -> Result<(u64, Vec<usize>), Stop> {
    let mut places = Places::<Postgres>::new(job, chunk);
    let mut rest = chunk;
    let mut written = 0;
    while let Some(query) = next_statement(rows, job, &mut rest, text, ahead)? {
        let returned = ahead.wait(conn.fetch_all(query), rows, job, rest).await;
        let returned = returned.map_err(|source| stop(job.model, source))?;
        written += returned.len() as u64;
        for row in &returned {
            let Some(place) = places.find(rows, row)? else {
                return Err(Stop::Ambiguous(no_such_key(job.model)));
            };
            let action = match tells {
                Tells::Nothing => None,
                Tells::Inserted => Some(Action::Inserted),
                Tells::Action => Some(read_action(job.model, row, job.model.many.returning)?),
            };
            rows.set(place, row, action)?;
        }
    }
    Ok((written, places.missing()))
}

/// Reads rows that are to stay as they are. Gives those that are not there.
async fn select(
    conn: &mut PgConnection,
    rows: &mut dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &[usize],
) -> Result<Vec<usize>, Stop> {
    let many = &job.model.many;
    let keys = many.key_arrays.iter();
    let arrays: Option<Vec<_>> = keys.map(|place| array_type(job.model, *place)).collect();
    let Some(arrays) = arrays.filter(|_| !chunk.is_empty() && !many.nulls_equal) else {
        return Ok(chunk.to_vec());
    };
    let mut columns = Columns::new(arrays);
    for &row in chunk {
        rows.bind_key(row, &mut Sink::Columns(&mut columns))
            .map_err(|source| Error::encode(job.model, None, source).at_row(row))?;
    }
    let sql = job.model.texts.postgres.select_all;
    let query = sqlx::query_with(sql, columns.into_arguments(job.model)?);
    let found = conn.fetch_all(query).await;
    let mut places = Places::<Postgres>::new(job, chunk);
    for row in &found.map_err(|source| stop(job.model, source))? {
        // The database may find a row by a key that is not the same bytes; that one is asked for by itself.
        if let Some(place) = places.find(rows, row)? {
            rows.set(place, row, Some(Action::Unchanged))?;
        }
    }
    Ok(places.missing())
}

/// The next statement that writes some of these rows: all of them, unless they are more bytes than memory should hold. What it
/// takes is taken from `chunk`.
fn next_statement(
    rows: &dyn Rows<Postgres>,
    job: &Job<'_>,
    chunk: &mut &[usize],
    text: &'static str,
    ahead: &mut Ahead<'_, Postgres>,
) -> Result<Option<Query<'static, Postgres, PgArguments>>, Error> {
    if chunk.is_empty() {
        return Ok(None);
    }
    let (binds, taken) = ahead.bind(rows, job, chunk)?;
    *chunk = &chunk[taken..];
    Ok(Some(match binds {
        Binds::Columns(columns) => sqlx::query_with(text, columns.into_arguments(job.model)?),
        Binds::Values { arguments, .. } => {
            let source = &job.model.texts.postgres.source;
            let binds = job.model.bound.len();
            let sql = repeat_rows(text, source, taken, binds, Placeholder::Numbered);
            // A text that will come again is worth keeping.
            sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(job.is_full(taken))
        }
    }))
}

/// What a statement binds.
// There are two of them at a time.
#[allow(clippy::large_enum_variant)]
pub enum Binds {
    /// An array for each column.
    Columns(Columns),
    /// Each value by itself.
    Values {
        arguments: PgArguments,
        /// The values once more, for how many bytes they are.
        size: Key,
    },
}

impl Binds {
    pub(super) fn new(job: &Job<'_>) -> Self {
        if in_values(job.model, job.look) {
            return Self::Values {
                arguments: PgArguments::default(),
                size: Key::default(),
            };
        }
        let arrays = job.model.many.bound_arrays.iter();
        let arrays = arrays.filter_map(|place| array_type(job.model, *place));
        Self::Columns(Columns::new(arrays.collect()))
    }

    /// Says whether it is as many bytes as memory should hold.
    pub(super) fn add(
        &mut self,
        job: &Job<'_>,
        rows: &dyn Rows<Postgres>,
        row: usize,
    ) -> Result<bool, Error> {
        let bound = &job.model.bound;
        match self {
            Self::Columns(columns) => {
                let done = rows.bind(row, &mut Sink::Columns(columns));
                done.map_err(|source| {
                    let column = bound.get(columns.next).copied();
                    Error::encode(job.model, column, source).at_row(row)
                })?;
                Ok(columns.bytes >= BYTES)
            }
            Self::Values { arguments, size } => {
                let before = Arguments::len(arguments);
                let done = rows.bind(row, &mut Sink::Arguments(arguments));
                done.and_then(|()| rows.bind(row, &mut Sink::Key(size)))
                    .map_err(|source| {
                        let column = bound.get(Arguments::len(arguments) - before);
                        Error::encode(job.model, column.copied(), source).at_row(row)
                    })?;
                Ok(size.parts.len() >= BYTES)
            }
        }
    }
}

fn stop(model: &'static Model, source: sqlx::Error) -> Stop {
    /// "ON CONFLICT DO UPDATE command cannot affect row a second time"
    const CARDINALITY_VIOLATION: &str = "21000";
    let code = source.as_database_error().and_then(|error| error.code());
    if code.as_deref() == Some(CARDINALITY_VIOLATION) {
        return Stop::Ambiguous(no_such_key(model));
    }
    Error::from_driver::<Postgres>(model, source).into()
}

/// What cannot be put right inside a transaction of the caller's.
fn no_such_key(model: &'static Model) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        model,
        "the database takes keys of the batch for others than were given (a rule rewrites them?), so that its rows cannot be \
         told apart; upsert them one by one, or by a batch with a transaction of its own: `upsert_all` with the pool",
    )
}

/// The rows of a statement as an array for each column.
pub struct Columns {
    columns: Vec<Column>,
    /// The column of the next value.
    next: usize,
    bytes: usize,
}

struct Column {
    array: PgTypeInfo,
    /// The type that the first value says it has.
    element: Option<PgTypeInfo>,
    /// Each value with its length before it, as arrays have them.
    values: PgArgumentBuffer,
    count: i32,
}

impl Columns {
    fn new(arrays: Vec<PgTypeInfo>) -> Self {
        let column = |array| Column {
            array,
            element: None,
            values: PgArgumentBuffer::default(),
            count: 0,
        };
        Self {
            columns: arrays.into_iter().map(column).collect(),
            next: 0,
            bytes: 0,
        }
    }

    fn into_arguments(self, model: &'static Model) -> Result<PgArguments, Error> {
        let mut arguments = PgArguments::default();
        for column in self.columns {
            Arguments::add(&mut arguments, column)
                .map_err(|source| Error::encode(model, None, source))?;
        }
        Ok(arguments)
    }
}

impl Put<Postgres> for Columns {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        let Some(column) = self.columns.get_mut(self.next) else {
            return Err("a value without a column".into());
        };
        if column.element.is_none() {
            column.element = Some(value.produces().unwrap_or_else(T::type_info));
        }
        let start = column.values.len();
        column.values.extend_from_slice(&NULL.to_be_bytes());
        if let IsNull::No = value.encode(&mut column.values)? {
            let length = i32::try_from(column.values.len() - start - 4)?;
            column.values[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        column.count += 1;
        self.bytes += column.values.len() - start;
        self.next = (self.next + 1) % self.columns.len();
        Ok(())
    }
}

/// The length of a NULL.
const NULL: i32 = -1;

impl Type<Postgres> for Column {
    /// Never asked: each column says what it produces.
    fn type_info() -> PgTypeInfo {
        <Vec<i32> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Column {
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.array.clone())
    }

    /// sqlx writes the head of the array, which has the element's type in it, and may have to be looked up by name; then the
    /// values follow as they are.
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        /// Behind the number of dimensions, the flags and the element's type.
        const COUNT: usize = 12;
        let start = buffer.len();
        let first = self.first();
        let rest = first.bytes.map_or(0, <[u8]>::len) + 4;
        let _ = std::iter::once(first).bind_iter().encode(buffer)?;
        buffer[start + COUNT..start + COUNT + 4].copy_from_slice(&self.count.to_be_bytes());
        buffer.extend_from_slice(&self.values[rest..]);
        Ok(IsNull::No)
    }
}

impl Column {
    fn first(&self) -> Element<'_> {
        let mut length = [0; 4];
        length.copy_from_slice(&self.values[..4]);
        let length = usize::try_from(i32::from_be_bytes(length)).ok();
        Element {
            bytes: length.map(|length| &self.values[4..4 + length]),
            type_info: self.element.as_ref(),
        }
    }
}

/// A value that is encoded already.
struct Element<'a> {
    bytes: Option<&'a [u8]>,
    type_info: Option<&'a PgTypeInfo>,
}

impl Type<Postgres> for Element<'_> {
    /// Never asked, as above.
    fn type_info() -> PgTypeInfo {
        <i32 as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Element<'_> {
    fn produces(&self) -> Option<PgTypeInfo> {
        self.type_info.cloned()
    }

    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.bytes {
            Some(bytes) => {
                buffer.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }
}

/// The parts of a key as PostgreSQL gets them: in network order, which is that of the values.
#[derive(Default)]
pub struct Key {
    parts: KeyParts,
    scratch: PgArgumentBuffer,
    /// What the parts are as texts, where that is asked for: none for a NULL, nor at all for a type whose form is not known here.
    texts: Option<Vec<Option<Option<String>>>>,
}

impl AsMut<KeyParts> for Key {
    fn as_mut(&mut self) -> &mut KeyParts {
        &mut self.parts
    }
}

impl Put<Postgres> for Key {
    fn put<'q, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        self.scratch.clear();
        let texts = self.texts.as_mut();
        let texts = texts.map(|texts| (texts, value.produces().unwrap_or_else(T::type_info)));
        let is_null = value.encode(&mut self.scratch)?;
        match is_null {
            IsNull::No => self.parts.push(&self.scratch),
            IsNull::Yes => self.parts.push_null(),
        }
        if let Some((texts, ty)) = texts {
            texts.push(match is_null {
                IsNull::No => spell(&ty, &self.scratch).map(Some),
                IsNull::Yes => Some(None),
            });
        }
        Ok(())
    }
}

/// A row's key as PostgreSQL would spell it, if all of it is of the usual types.
pub(super) fn spell_key(rows: &dyn Rows<Postgres>, row: usize) -> Option<String> {
    let mut key = Key {
        texts: Some(Vec::new()),
        ..Key::default()
    };
    rows.bind_key(row, &mut Sink::Key(&mut key)).ok()?;
    let texts = key.texts?.into_iter().collect::<Option<_>>()?;
    Some(show_key(rows.model().key, texts))
}

fn spell(ty: &PgTypeInfo, bytes: &[u8]) -> Option<String> {
    match ty.name() {
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => String::from_utf8(bytes.to_vec()).ok(),
        "INT2" => Some(i16::from_be_bytes(bytes.try_into().ok()?).to_string()),
        "INT4" => Some(i32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        "INT8" => Some(i64::from_be_bytes(bytes.try_into().ok()?).to_string()),
        "BOOL" => Some((bytes != [0]).to_string()),
        "UUID" => {
            let hex = format!("{:032x}", u128::from_be_bytes(bytes.try_into().ok()?));
            let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
            Some(groups.map(|group| &hex[group]).join("-"))
        }
        _ => None,
    }
}
