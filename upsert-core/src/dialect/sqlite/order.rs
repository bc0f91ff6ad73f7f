//! Whether a batch may go in the order of its keys.
//!
//! The rows then find their pages one after the other, which takes half of the time where there are more rows than fit into the
//! cache at once. There are no locks to be taken in an order, so it is only done where nobody can tell.

use sqlx::sqlite::SqliteConnection;

use super::catalogue::{
    Affinity, Declared, Index, declared_columns, has_triggers, is_found, refers_to_itself,
    unique_indexes,
};
use crate::bulk::KeyOrder;
use crate::model::{KeyEquality, Model};

/// Fewer rows are far apart in any order.
pub(super) const ROWS: usize = 1_000;

/// How the columns of the key compare; nothing if the rows have to go in the order given.
pub(super) async fn key_orders(
    conn: &mut SqliteConnection,
    model: &'static Model,
) -> Result<Vec<KeyOrder>, sqlx::Error> {
    if model.many.key == KeyEquality::Unknown {
        return Ok(Vec::new());
    }
    let columns = declared_columns(conn, model).await?;
    let indexes = unique_indexes(conn, model).await?;
    if !is_only_key(model, &columns, &indexes)
        || !is_found(conn, model).await?
        || has_triggers(conn, model).await?
        || refers_to_itself(conn, model).await?
    {
        return Ok(Vec::new());
    }
    let orders = model.key.iter().map(|key| {
        let column = columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(key))?;
        Some(KeyOrder::Classes(distinct_classes(Affinity::of(
            &column.ty,
        ))))
    });
    Ok(orders.collect::<Option<_>>().unwrap_or_default())
}

/// Whether the target is all that rows can collide on, byte by byte: else one row may take what another gives up.
fn is_only_key(model: &Model, columns: &[Declared], indexes: &[Index]) -> bool {
    let is_key = |name: &str| model.key.iter().any(|key| key.eq_ignore_ascii_case(name));
    let covers_key = |index: &Index| {
        let found = index.columns.iter().all(|column| {
            column.collation == "BINARY" && column.name.as_deref().is_some_and(is_key)
        });
        found && index.columns.len() == model.key.len()
    };
    let has_index_of_primary = indexes.iter().any(|index| index.is_primary);
    let mut rowid = columns
        .iter()
        .filter(|column| column.primary > 0 && !has_index_of_primary);
    let rowid_is_safe = rowid.all(|column| {
        let is_bound = model
            .bound
            .iter()
            .any(|bound| bound.eq_ignore_ascii_case(&column.name));
        !is_bound || model.key.len() == 1 && is_key(&column.name)
    });
    rowid_is_safe && indexes.iter().all(covers_key)
}

/// The storage classes of which a column keeps each value apart from all others; another one may be stored as one of these.
fn distinct_classes(affinity: Affinity) -> &'static [u8] {
    match affinity {
        Affinity::Integer | Affinity::Numeric => b"ib",
        Affinity::Text => b"tb",
        Affinity::Blob => b"itb",
        Affinity::Real => b"b",
    }
}
