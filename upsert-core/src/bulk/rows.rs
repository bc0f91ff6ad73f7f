//! The rows of a batch behind a trait object, so that what carries batches out is compiled once for each database, and not for
//! each struct.

use sqlx::error::BoxDynError;
use std::future::Future;
use std::pin::Pin;

use super::{Operation, Wanted};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::model::{Model, UpsertModel, UpsertSpec};
use crate::returning::{Action, Upserted};
use crate::sink::Sink;

type Done<'c> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'c>>;

/// The rows of a batch, and what has come back of each.
pub trait Rows<DB: Dialect>: Send {
    /// The model of all of them.
    fn model(&self) -> &'static Model;

    /// How many there are.
    fn len(&self) -> usize;

    /// Gives what the insert of a row binds.
    fn bind(&self, row: usize, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError>;

    /// Gives one bind of a row.
    fn bind_one(
        &self,
        row: usize,
        place: usize,
        sink: &mut Sink<'_, DB>,
    ) -> Result<(), BoxDynError>;

    /// Gives the key of a row.
    fn bind_key(&self, row: usize, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError>;

    /// Gives the key of a row that came back.
    fn returned_key(&self, returned: &DB::Row, sink: &mut Sink<'_, DB>) -> Result<(), sqlx::Error>;

    /// Reads a row that came back of this one.
    fn set(&mut self, row: usize, returned: &DB::Row, action: Option<Action>) -> Result<(), Error>;

    /// Does for one row what the batch is to do; gives how many rows were inserted or updated.
    fn run_one<'c>(
        &'c mut self,
        conn: &'c mut DB::Connection,
        operation: Operation,
        row: usize,
    ) -> Done<'c>;

    /// Forgets what has come back of a row, since it was taken back.
    fn forget(&mut self, row: usize);
}

/// What came back of a row, and what happened to it if that was asked for.
type Returned<O> = Option<(O, Option<Action>)>;

/// Rows of one struct, as the model that `S` marks has them.
pub(crate) struct RowsOf<'r, T: UpsertSpec<S>, S: 'static> {
    rows: Vec<&'r T>,
    returned: Vec<Returned<T::Output>>,
}

impl<'r, T: UpsertSpec<S>, S> RowsOf<'r, T, S> {
    pub(crate) fn new(rows: Vec<&'r T>, operation: Operation) -> Self {
        let places = if operation.returns_rows() {
            rows.len()
        } else {
            0
        };
        Self {
            rows,
            returned: std::iter::repeat_with(|| None).take(places).collect(),
        }
    }

    fn put(&mut self, row: usize, returned: T::Output, action: Option<Action>) {
        if let Some(place) = self.returned.get_mut(row) {
            *place = Some((returned, action));
        }
    }

    /// The rows, where there is one for each row given.
    pub(crate) fn into_rows(self) -> Vec<T::Output> {
        let returned = self.returned.into_iter().flatten();
        returned.map(|(row, _)| row).collect()
    }

    /// For each row given, the one that came back, if any.
    pub(crate) fn into_some_rows(self) -> Vec<Option<T::Output>> {
        let returned = self.returned.into_iter();
        returned
            .map(|returned| returned.map(|(row, _)| row))
            .collect()
    }

    /// The rows with their actions, where they were asked for.
    pub(crate) fn into_upserted(self) -> Vec<Upserted<T::Output>> {
        let returned = self.returned.into_iter().flatten();
        returned
            .filter_map(|(row, action)| Some(Upserted::new(row, action?)))
            .collect()
    }
}

impl<DB, T, S> Rows<DB> for RowsOf<'_, T, S>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    fn model(&self) -> &'static Model {
        T::MODEL
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn bind(&self, row: usize, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError> {
        self.rows[row].bind(sink)
    }

    fn bind_one(
        &self,
        row: usize,
        place: usize,
        sink: &mut Sink<'_, DB>,
    ) -> Result<(), BoxDynError> {
        self.rows[row].bind_one(place, sink)
    }

    fn bind_key(&self, row: usize, sink: &mut Sink<'_, DB>) -> Result<(), BoxDynError> {
        self.rows[row].bind_key(sink)
    }

    fn returned_key(&self, returned: &DB::Row, sink: &mut Sink<'_, DB>) -> Result<(), sqlx::Error> {
        T::returned_key(returned, sink)
    }

    fn set(&mut self, row: usize, returned: &DB::Row, action: Option<Action>) -> Result<(), Error> {
        let output = T::from_returning(returned);
        let output = output.map_err(|source| Error::from_driver::<DB>(T::MODEL, source))?;
        self.put(row, output, action);
        Ok(())
    }

    fn run_one<'c>(
        &'c mut self,
        conn: &'c mut DB::Connection,
        operation: Operation,
        row: usize,
    ) -> Done<'c> {
        Box::pin(async move {
            let given = self.rows[row];
            let (written, returned) = match operation {
                Operation::Upsert(Wanted::Count) => (DB::execute_upsert(conn, given).await?, None),
                Operation::Upsert(Wanted::Rows) => {
                    (1, Some((DB::upsert(conn, given).await?, None)))
                }
                Operation::Upsert(Wanted::Actions) => {
                    let Upserted { row, action } = DB::upsert_with_action(conn, given).await?;
                    (1, Some((row, Some(action))))
                }
                Operation::InsertIfAbsent(Wanted::Count) => {
                    (u64::from(DB::insert_if_absent(conn, given).await?), None)
                }
                Operation::InsertIfAbsent(_) => {
                    let inserted = DB::insert_if_absent_returning(conn, given).await?;
                    let written = u64::from(inserted.is_some());
                    (written, inserted.map(|row| (row, None)))
                }
                Operation::GetOrInsert => {
                    let Upserted { row, action } = DB::get_or_insert(conn, given).await?;
                    (1, Some((row, Some(action))))
                }
            };
            if let Some((output, action)) = returned {
                self.put(row, output, action);
            }
            Ok(written)
        })
    }

    fn forget(&mut self, row: usize) {
        if let Some(place) = self.returned.get_mut(row) {
            *place = None;
        }
    }
}
