//! Many rows on PostgreSQL: an array for each column, or a VALUES list where a column has no array.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgBindIterExt, PgConnection, PgTypeInfo, Postgres,
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
    if model.many.row_by_row || careful && operation.returns_rows() && !tells {
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

/// Looks up how the key's columns compare, and whether types that sqlx knows by name alone are of a kind that UNNEST leaves
/// whole. A composite type is not: it becomes several columns.
const LOOK: &str = "\
SELECT
  (SELECT array_agg(CASE
      WHEN c.relkind NOT IN ('r', 'p') OR EXISTS (
        SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 7 = 7
      ) THEN 'unknown'
      WHEN t.typtype = 'e' THEN 'bytes'
      WHEN t.typname IN ('int2', 'int4', 'int8', 'oid', 'uuid', 'bool', 'bytea', 'date') THEN 'bytes'
      WHEN t.typname IN ('timestamp', 'timestamptz', 'time') AND a.atttypmod IN (-1, 6) THEN 'bytes'
      WHEN t.typname IN ('text', 'varchar', 'bpchar') AND l.collisdeterministic THEN 'text'
      WHEN t.typname = 'citext' THEN 'fold'
      ELSE 'unknown'
    END ORDER BY k.place)
   FROM unnest($2) WITH ORDINALITY AS k (name, place)
   LEFT JOIN pg_class c ON c.oid = to_regclass($1)
   LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.name AND NOT a.attisdropped
   LEFT JOIN pg_type t ON t.oid = a.atttypid
   LEFT JOIN pg_collation l ON l.oid = a.attcollation),
  (SELECT COALESCE(bool_and(COALESCE(e.typtype IN ('b', 'e', 'r', 'm'), FALSE)), TRUE)
   FROM unnest($3) AS n (name)
   LEFT JOIN pg_type a ON a.oid = to_regtype(n.name)
   LEFT JOIN pg_type e ON e.oid = a.typelem),
  EXISTS (SELECT FROM pg_constraint f
    WHERE f.contype = 'f' AND f.conrelid = to_regclass($1) AND f.confrelid = f.conrelid)";

pub(super) async fn look(
    conn: &mut PgConnection,
    model: &'static Model,
    rows: usize,
    chunk: usize,
) -> Result<Look, Error> {
    let many = &model.many;
    if many.row_by_row {
        return Ok(Look::default());
    }
    let arrays = many.arrays.iter().filter_map(|array| array.type_info);
    let by_name: Vec<_> = arrays
        .map(|type_info| type_info())
        .filter(|array| array.oid().is_none())
        .map(|array| sqlx::TypeInfo::name(&array).to_owned())
        .collect();
    // Rows that refer to each other are looked at when a statement has ended: the order matters to those of several.
    let a_statement = ROWS.min(PARAMETERS / model.bound.len().max(1)).min(chunk);
    if let (Some(look), true) = (
        Look::of_equality(many.key, model.key.len()),
        by_name.is_empty() && rows <= a_statement,
    ) {
        return Ok(look);
    }
    let driver = |source| Error::from_driver::<Postgres>(model, source);
    let encode = |source| Error::encode(model, None, source);
    let mut arguments = PgArguments::default();
    Arguments::add(&mut arguments, model.texts.postgres.relation).map_err(encode)?;
    Arguments::add(&mut arguments, model.key).map_err(encode)?;
    Arguments::add(&mut arguments, by_name).map_err(encode)?;
    let rows = conn
        .fetch_all((LOOK, Some(arguments)))
        .await
        .map_err(driver)?;
    let Some(row) = rows.first() else {
        return Ok(Look::default());
    };
    let orders: Option<Vec<String>> = row.try_get(0).map_err(driver)?;
    let whole: bool = row.try_get(1).map_err(driver)?;
    let in_order: bool = row.try_get(2).map_err(driver)?;
    let order = |name: String| match (many.key, &*name) {
        (KeyEquality::Bytes, _) | (_, "bytes") => KeyOrder::Bytes,
        (KeyEquality::Unknown, _) => KeyOrder::Unknown,
        (_, "text") => KeyOrder::Text { fold: false },
        (_, "fold") => KeyOrder::Text { fold: true },
        _ => KeyOrder::Unknown,
    };
    Ok(Look {
        orders: orders.unwrap_or_default().into_iter().map(order).collect(),
        in_order,
        in_values: !whole,
    })
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
    if job.operation == Operation::GetOrInsert || ahead.next.iter().any(is_lonely) {
        // Not all of these will be written by one statement.
        ahead.next = &[];
    }
    // Rows with a NULL in their key may look like each other, and yet be different rows.
    let (lonely, chunk): (Vec<usize>, Vec<usize>) = chunk.iter().partition(|row| is_lonely(row));
    written += one_by_one(conn, rows, job, &lonely).await?;
    let (done, missing) = match job.operation {
        Operation::GetOrInsert => {
            let missing = select(conn, rows, job, &chunk).await?;
            written += (chunk.len() - missing.len()) as u64;
            let text = texts.insert_all_if_absent_returning;
            write(conn, rows, job, &missing, text, Tells::Inserted, ahead).await?
        }
        Operation::InsertIfAbsent(_) => {
            let text = texts.insert_all_if_absent_returning;
            let (done, _) = write(conn, rows, job, &chunk, text, Tells::Nothing, ahead).await?;
            return Ok(written + done);
        }
        Operation::Upsert(wanted) => {
            let (text, tells) = match (wanted, conn.server_version_num()) {
                (Wanted::Actions, Some(version)) if version >= RETURNING_OLD => {
                    (texts.upsert_all_with_action_18, Tells::Action)
                }
                (Wanted::Actions, _) => (texts.upsert_all_with_action, Tells::Action),
                _ => (texts.upsert_all_returning, Tells::Nothing),
            };
            let (done, missing) = write(conn, rows, job, &chunk, text, tells, ahead).await?;
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
         told apart; upsert them one by one, or pass the pool instead of a transaction",
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
