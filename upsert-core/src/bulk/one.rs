//! A batch's row by itself.

use super::{Found, Operation, Wanted};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::model::UpsertModel;
use crate::returning::Upserted;

/// What a single row did: how many rows were inserted or updated, and the row, if it is wanted and there is one.
pub(crate) type One<O> = (u64, Option<Found<O>>);

/// Does for one row what the batch is to do.
pub(crate) async fn run_one<DB, T, S>(
    conn: &mut DB::Connection,
    operation: Operation,
    row: &T,
) -> Result<One<T::Output>, Error>
where
    DB: Dialect,
    T: UpsertModel<DB, S>,
    S: 'static,
{
    Ok(match operation {
        Operation::Upsert(Wanted::Count) => (DB::execute_upsert(conn, row).await?, None),
        Operation::Upsert(Wanted::Rows) => {
            let row = DB::upsert(conn, row).await?;
            (1, Some(Found { row, action: None }))
        }
        Operation::Upsert(Wanted::Actions) => {
            (1, Some(DB::upsert_with_action(conn, row).await?.into()))
        }
        Operation::InsertIfAbsent(Wanted::Count) => {
            let inserted = DB::insert_if_absent(conn, row).await?;
            (u64::from(inserted), None)
        }
        Operation::InsertIfAbsent(_) => {
            let row = DB::insert_if_absent_returning(conn, row).await?;
            let found = row.map(|row| Found { row, action: None });
            (u64::from(found.is_some()), found)
        }
        Operation::GetOrInsert => (1, Some(DB::get_or_insert(conn, row).await?.into())),
    })
}

impl<O> From<Upserted<O>> for Found<O> {
    fn from(Upserted { row, action }: Upserted<O>) -> Self {
        Self {
            row,
            action: Some(action),
        }
    }
}
