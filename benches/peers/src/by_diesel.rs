//! `insert_into` with `on_conflict`, as many rows in a statement as it may bind.

use std::hint::black_box;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::upsert::excluded;

use crate::bulk::{self, Contender, Item, Result};

diesel::table! {
    items (id) {
        id -> BigInt,
        sku -> Text,
        name -> Text,
        stock -> BigInt,
        price -> Double,
        active -> Bool,
    }
}

#[derive(Insertable)]
#[diesel(table_name = items, treat_none_as_default_value = false)]
struct NewItem<'a> {
    sku: &'a str,
    name: &'a str,
    stock: i64,
    price: f64,
    active: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = items)]
#[allow(dead_code)] // Nobody looks at what comes back.
struct ItemRow {
    id: i64,
    sku: String,
    name: String,
    stock: i64,
    price: f64,
    active: bool,
}

const POSTGRES_ROWS: usize = 65_535 / 5;
const SQLITE_ROWS: usize = 32_766 / 5;

/// The statement for these rows.
macro_rules! insert {
    ($items:expr) => {
        diesel::insert_into(items::table)
            .values($items.iter().map(new_item).collect::<Vec<_>>())
            .on_conflict(items::sku)
            .do_update()
            .set((
                items::name.eq(excluded(items::name)),
                items::stock.eq(items::stock + excluded(items::stock)),
                items::price.eq(excluded(items::price)),
                items::active.eq(excluded(items::active)),
            ))
    };
}

fn new_item(item: &Item) -> NewItem<'_> {
    NewItem {
        sku: &item.sku,
        name: &item.name,
        stock: item.stock,
        price: item.price,
        active: item.active,
    }
}

/// The batch on one of Diesel's connections.
macro_rules! write {
    ($conn:ident, $rows:expr) => {
        Contender::new("Diesel", move |items| {
            $conn.transaction(|conn| {
                for chunk in items.chunks($rows) {
                    insert!(chunk).execute(conn)?;
                }
                Ok(())
            })
        })
    };
}

/// The same with the rows read back.
macro_rules! write_returning {
    ($conn:ident, $rows:expr) => {
        Contender::new("Diesel", move |items| {
            $conn.transaction(|conn| {
                let mut rows: Vec<ItemRow> = Vec::with_capacity(items.len());
                for chunk in items.chunks($rows) {
                    rows.extend(
                        insert!(chunk)
                            .returning(ItemRow::as_returning())
                            .get_results(conn)?,
                    );
                }
                black_box(rows);
                Ok(())
            })
        })
    };
}

fn sqlite_connection() -> Result<SqliteConnection> {
    let path = bulk::sqlite_path();
    let mut conn =
        SqliteConnection::establish(path.to_str().ok_or("the folder's name is no text")?)?;
    conn.batch_execute(crate::SQLITE_PRAGMAS)?;
    Ok(conn)
}

pub fn postgres<'a>(url: &str) -> Result<Contender<'a>> {
    let mut conn = PgConnection::establish(url)?;
    Ok(write!(conn, POSTGRES_ROWS))
}

pub fn postgres_returning<'a>(url: &str) -> Result<Contender<'a>> {
    let mut conn = PgConnection::establish(url)?;
    Ok(write_returning!(conn, POSTGRES_ROWS))
}

pub fn sqlite<'a>() -> Result<Contender<'a>> {
    let mut conn = sqlite_connection()?;
    Ok(write!(conn, SQLITE_ROWS))
}

pub fn sqlite_returning<'a>() -> Result<Contender<'a>> {
    let mut conn = sqlite_connection()?;
    Ok(write_returning!(conn, SQLITE_ROWS))
}
