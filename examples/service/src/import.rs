//! A CSV body as a stream of rows, of which no more than one is held here, however long the body is.

use axum::body::{Body, BodyDataStream, Bytes};
use csv::StringRecord;
use csv_core::ReadRecordResult;
use futures_util::stream::{self, Stream, StreamExt};
use serde::de::DeserializeOwned;
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// How long a row may be, or one client's quote that is never closed would fill the memory.
const LONGEST_ROW: usize = 64 * 1024;

/// How many fields a row may have.
const MOST_FIELDS: usize = 64;

/// How long the client may be silent: an import holds a connection to the database.
const PATIENCE: Duration = Duration::from_secs(10);

type BoxError = Box<dyn Error + Send + Sync>;

/// The rows of a body, as they arrive. The first line has the names of the fields.
pub fn rows<T: DeserializeOwned>(body: Body) -> impl Stream<Item = Result<T, BoxError>> {
    stream::try_unfold(Rows::new(body), async |mut rows| {
        Ok(rows.next().await?.map(|row| (row, rows)))
    })
}

struct Rows {
    body: BodyDataStream,
    /// What has come and is not read yet.
    input: Bytes,
    reader: csv_core::Reader,
    /// The fields of a row, one behind the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    names: Option<StringRecord>,
}

impl Rows {
    fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            input: Bytes::new(),
            reader: csv_core::Reader::new(),
            fields: vec![0; LONGEST_ROW],
            ends: vec![0; MOST_FIELDS],
            names: None,
        }
    }

    async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BoxError> {
        if self.names.is_none() {
            self.names = self.record().await?;
        }
        let (Some(row), Some(names)) = (self.record().await?, &self.names) else {
            return Ok(None);
        };
        // A comma without quotes would shift the fields behind it.
        if row.len() != names.len() {
            let (fields, names) = (row.len(), names.len());
            return Err(format!("the row has {fields} fields, and the first line {names}").into());
        }
        Ok(Some(row.deserialize(Some(names))?))
    }

    /// The next line, or lines if there are some in quotes.
    async fn record(&mut self) -> Result<Option<StringRecord>, BoxError> {
        let (mut length, mut count) = (0, 0);
        loop {
            if self.input.is_empty() {
                self.input = self.arrive().await?;
            }
            let (result, read, written, ended) = self.reader.read_record(
                &self.input,
                &mut self.fields[length..],
                &mut self.ends[count..],
            );
            let _ = self.input.split_to(read);
            length += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err("the row is too long".into());
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        let mut start = 0;
        let fields = self.ends[..count].iter().map(|end| {
            let field = &self.fields[start..*end];
            start = *end;
            str::from_utf8(field)
        });
        Ok(Some(fields.collect::<Result<_, _>>()?))
    }

    /// What comes next of the body; empty at its end, as the reader wants it.
    async fn arrive(&mut self) -> Result<Bytes, BoxError> {
        loop {
            let part = timeout(PATIENCE, self.body.next())
                .await
                .map_err(|_| format!("nothing came for {PATIENCE:?}"))?;
            match part.transpose()? {
                Some(part) if part.is_empty() => {}
                part => return Ok(part.unwrap_or_default()),
            }
        }
    }
}
