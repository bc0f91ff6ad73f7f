//! A prepared statement in a loop.

use std::hint::black_box;

use rusqlite::{Connection, params};

use crate::bulk::{self, Contender, Item, ONE_ROW, Result};

fn connect() -> Result<Connection> {
    let conn = Connection::open(bulk::sqlite_path())?;
    conn.execute_batch(crate::SQLITE_PRAGMAS)?;
    Ok(conn)
}

pub fn prepared<'a>() -> Result<Contender<'a>> {
    let mut conn = connect()?;
    Ok(Contender::new("prepared loop, rusqlite", move |items| {
        let tx = conn.transaction()?;
        {
            let mut statement = tx.prepare_cached(ONE_ROW)?;
            for item in items {
                let Item {
                    sku,
                    name,
                    stock,
                    price,
                    active,
                    ..
                } = item;
                statement.execute(params![sku, name, stock, price, active])?;
            }
        }
        Ok(tx.commit()?)
    }))
}

pub fn prepared_returning<'a>() -> Result<Contender<'a>> {
    let mut conn = connect()?;
    let sql = format!("{ONE_ROW} RETURNING id, sku, name, stock, price, active");
    Ok(Contender::new("prepared loop, rusqlite", move |items| {
        let tx = conn.transaction()?;
        let mut rows = Vec::with_capacity(items.len());
        {
            let mut statement = tx.prepare_cached(&sql)?;
            for item in items {
                let Item {
                    sku,
                    name,
                    stock,
                    price,
                    active,
                    ..
                } = item;
                let found =
                    statement.query_map(params![sku, name, stock, price, active], |row| {
                        Ok(Item {
                            id: row.get(0)?,
                            sku: row.get(1)?,
                            name: row.get(2)?,
                            stock: row.get(3)?,
                            price: row.get(4)?,
                            active: row.get(5)?,
                        })
                    })?;
                for row in found {
                    rows.push(row?);
                }
            }
        }
        black_box(rows);
        Ok(tx.commit()?)
    }))
}
