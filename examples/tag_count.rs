//! Counts how often each tag is used: `cargo run --example tag_count`.

use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use upsert::Upsert;

/// One use of a tag. The struct borrows the name, and what comes back is the count alone.
#[derive(Debug, Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    accumulate = "count",
    returning = "count"
)]
struct TagUse<'a> {
    name: &'a str,
    count: i64,
}

const TAGS: &str = "CREATE TABLE tags (
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL
)";

/// Counts a use, and gives the number of uses so far: 1 for a tag that is new.
async fn count_tag(pool: &SqlitePool, name: &str) -> Result<i64, upsert::Error> {
    TagUse { name, count: 1 }.upsert(pool).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A database in memory belongs to its connection, so the pool has just one.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query(TAGS).execute(&pool).await?;

    let posts = [
        ("Why upserts race", "sql rust"),
        ("Counting things", "sql"),
        ("A derive, step by step", "rust macros"),
        ("Indexes that decide", "sql postgres"),
    ];
    for (title, tags) in posts {
        println!("{title}");
        for tag in tags.split(' ') {
            println!("    {tag}: {}", count_tag(&pool, tag).await?);
        }
    }
    Ok(())
}
