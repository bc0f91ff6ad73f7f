//! Stock that adds up: `cargo run --example inventory`.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use upsert::{ErrorKind, Upsert, Upserted};

/// A product of the shop. A delivery adds to the stock; name and price are settled when the product is created.
#[derive(Debug, Upsert)]
#[upsert(conflict = "sku", accumulate = "stock", insert_only = "name, price")]
struct Product {
    #[upsert(generated)]
    id: i64,
    sku: String,
    name: String,
    stock: i64,
    price: f64,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

const PRODUCTS: &str = "CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    stock INTEGER NOT NULL,
    price REAL NOT NULL,
    updated_at TEXT NOT NULL
)";

/// Adds to the stock of a product, which is created if this is its first delivery.
async fn add_stock(
    pool: &SqlitePool,
    sku: &str,
    quantity: i64,
) -> Result<Upserted<Product>, upsert::Error> {
    let product = Product {
        id: 0, // comes from the database
        sku: sku.to_owned(),
        name: format!("new product {sku}"),
        stock: quantity,
        price: 1.0,
        updated_at: DateTime::default(), // comes from the database, too
    };
    product.upsert(pool).with_action().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A database in memory belongs to its connection, so the pool has just one.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query(PRODUCTS).execute(&pool).await?;

    for (sku, quantity) in [
        ("apple", 100),
        ("apple", 50),
        ("pear", 20),
        ("apple", -30),
        ("pear", 5),
    ] {
        let Upserted { row, action } = add_stock(&pool, sku, quantity).await?;
        println!(
            "{quantity:>+5} {:<6} {:>4} in stock, {action:?} as product {} at {}",
            row.sku,
            row.stock,
            row.id,
            row.updated_at.format("%H:%M:%S%.3f")
        );
    }

    // A sum that does not fit is an error, and the stock stays as it was.
    match add_stock(&pool, "apple", i64::MAX).await {
        Err(error) if error.kind() == ErrorKind::OutOfRange => println!("\nrefused: {error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => println!("\nnobody has that many apples"),
    }
    println!(
        "apples now: {}",
        add_stock(&pool, "apple", 0).await?.row.stock
    );
    Ok(())
}
