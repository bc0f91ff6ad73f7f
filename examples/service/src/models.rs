//! What is stored, and what comes in from outside.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use upsert::Upsert;

/// A user, known by the email.
#[derive(Debug, Serialize, Upsert)]
#[upsert(conflict = "email", coalesce = "age")]
pub struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    /// Unique too: two users with one handle are an error.
    handle: String,
    name: String,
    /// Kept when it is not given.
    age: Option<i32>,
    #[upsert(now, insert_only)]
    created_at: DateTime<Utc>,
    #[upsert(now)]
    updated_at: DateTime<Utc>,
}

/// A user as JSON and CSV have it; the rest comes from the database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    email: String,
    handle: String,
    name: String,
    age: Option<i32>,
}

impl From<NewUser> for User {
    fn from(new: NewUser) -> Self {
        let NewUser {
            email,
            handle,
            name,
            age,
        } = new;
        Self {
            id: 0,
            email,
            handle,
            name,
            age,
            created_at: DateTime::default(),
            updated_at: DateTime::default(),
        }
    }
}

/// A product, whose stock grows by each delivery. What leaves the stock is no upsert: it needs a row to be there.
#[derive(Debug, Serialize, Upsert)]
#[upsert(conflict = "sku", accumulate = "stock")]
pub struct Product {
    sku: String,
    name: String,
    stock: i64,
}

/// A delivery of a product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    sku: String,
    name: String,
    quantity: i64,
}

impl From<Delivery> for Product {
    fn from(
        Delivery {
            sku,
            name,
            quantity,
        }: Delivery,
    ) -> Self {
        Self {
            sku,
            name,
            stock: quantity,
        }
    }
}

/// How often a tag was used.
#[derive(Debug, Serialize, Upsert)]
#[upsert(conflict = "name", accumulate = "count")]
pub struct Tag {
    name: String,
    count: i64,
}

impl Tag {
    /// A tag that is used once.
    pub fn once(name: String) -> Self {
        Self { name, count: 1 }
    }
}
