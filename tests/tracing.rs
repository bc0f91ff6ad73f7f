//! What a batch tells of itself: a span for each call, with figures and without values.

use futures_util::stream;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use upsert::Upsert;

#[derive(Debug, Upsert)]
#[upsert(table = "words", conflict = "k", accumulate = "n")]
struct Word {
    k: String,
    n: i64,
}

/// The fields of a span.
type Span = BTreeMap<&'static str, String>;

/// Remembers the spans of this library, in their order.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Span>>>);

impl Spans {
    fn with<T>(&self, then: impl FnOnce(&mut Vec<Span>) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those so far, which are forgotten.
    fn take(&self) -> Vec<Span> {
        self.with(std::mem::take)
    }
}

struct Fields<'s>(&'s mut Span);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("upsert")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.with(|spans| {
            let mut span = Span::from([("name", attributes.metadata().name().to_owned())]);
            attributes.record(&mut Fields(&mut span));
            spans.push(span);
            Id::from_u64(spans.len() as u64)
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.with(|spans| {
            let place = usize::try_from(span.into_u64()).unwrap_or(0) - 1;
            values.record(&mut Fields(&mut spans[place]));
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn words(count: usize) -> Vec<Word> {
    let word = |number| Word {
        k: format!("secret {number}"),
        n: 424_242,
    };
    (0..count).map(word).collect()
}

fn told<'s>(span: &'s Span, fields: &[&str]) -> Vec<&'s str> {
    let told = |field| span.get(field).map_or("", String::as_str);
    fields.iter().map(|field| told(*field)).collect()
}

const FIELDS: [&str; 8] = [
    "name",
    "table",
    "database",
    "operation",
    "rows",
    "chunks",
    "rounds",
    "attempts",
];

async fn table_of_words() -> Result<sqlx::SqlitePool, sqlx::Error> {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query("CREATE TABLE words (k TEXT PRIMARY KEY, n INTEGER NOT NULL)")
        .execute(&pool)
        .await?;
    Ok(pool)
}

// All of it on one thread, of which the subscriber is.
#[tokio::test(flavor = "current_thread")]
async fn a_call_is_a_span_without_values() -> Result<(), Box<dyn std::error::Error>> {
    let pool = table_of_words().await?;
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());

    Word::upsert_all(&words(25), &pool).chunk_rows(10).await?;
    let all = spans.take();
    let [span] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        told(span, &FIELDS),
        ["upsert", "words", "sqlite", "upsert", "25", "3", "1", "1"]
    );
    assert!(!format!("{all:?}").contains("secret"), "{all:?}");
    assert!(!format!("{all:?}").contains("424242"), "{all:?}");

    Word::insert_all_if_absent(&words(2), &pool).await?;
    Word::get_or_insert_all(&words(2), &pool).await?;
    let all = spans.take();
    let operations: Vec<_> = all.iter().map(|span| &*span["operation"]).collect();
    assert_eq!(operations, ["insert_if_absent", "get_or_insert"]);

    // A batch that fails has been tried.
    sqlx::query("DROP TABLE words").execute(&pool).await?;
    assert!(Word::upsert_all(&words(2), &pool).await.is_err());
    assert_eq!(spans.take()[0]["attempts"], "1");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_is_a_span_around_those_of_its_chunks() -> Result<(), Box<dyn std::error::Error>> {
    let pool = table_of_words().await?;
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());
    Word::upsert_stream(stream::iter(words(25)), &pool)
        .chunk_rows(10)
        .await?;
    let all = spans.take();
    let names: Vec<_> = all.iter().map(|span| &*span["name"]).collect();
    assert_eq!(names, ["upsert_stream", "upsert", "upsert", "upsert"]);
    assert_eq!(
        told(&all[0], &["table", "database", "rows", "chunks"]),
        ["words", "sqlite", "25", "3"]
    );
    let rows: Vec<_> = all[1..].iter().map(|span| &*span["rows"]).collect();
    assert_eq!(rows, ["10", "10", "5"]);
    Ok(())
}

#[test]
fn the_fields_are_named_as_the_guide_says() {
    let guide = include_str!("../src/guide/many_rows.md");
    for field in &FIELDS[1..] {
        assert!(guide.contains(&format!("`{field}`")), "{field}");
    }
}
