//! What the calls of many rows take and give.

use anyhow::Result;
use chrono::{DateTime, Utc};
use futures_util::stream;
use std::borrow::Cow;
use std::sync::Arc;
use upsert::{Action, Dialect, Upsert, UpsertModel, UpsertSpec, Upserted};

use crate::harness::dialect_tests;

const TAGS: &str = r#"CREATE TABLE "tags" (
    "id" {id}, "name" {text} NOT NULL UNIQUE, "count" BIGINT NOT NULL, "color" {text} NOT NULL, "seen" {instant}
)"#;

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    accumulate = "count",
    insert_only = "color"
)]
#[upsert(
    name = "paint",
    conflict = "name",
    insert_only = "count",
    returning = "name, color"
)]
#[upsert(
    name = "count_it",
    conflict = "name",
    insert_only = "color",
    set(count = old.count + 1),
    returning = Count
)]
struct Tag {
    #[upsert(generated)]
    id: i64,
    name: String,
    count: i64,
    color: String,
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Count {
    count: i64,
}

fn tag(name: &str, count: i64, color: &str) -> Tag {
    Tag {
        id: 0,
        name: name.to_owned(),
        count,
        color: color.to_owned(),
    }
}

/// `b` is there with 10; then come a, c, b, a.
fn tags() -> [Tag; 4] {
    [
        tag("a", 1, "red"),
        tag("c", 2, "green"),
        tag("b", 3, "blue"),
        tag("a", 4, "white"),
    ]
}

fn told(rows: &[Tag]) -> Vec<(&str, i64, &str)> {
    let rows = rows.iter();
    rows.map(|row| (&*row.name, row.count, &*row.color))
        .collect()
}

/// The key is not among what comes back.
#[derive(Debug, Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    accumulate = "count",
    generated = "id",
    returning = "id"
)]
struct ForId {
    id: i64,
    name: String,
    count: i64,
    color: String,
}

/// Nor here, and what comes back is another struct.
#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", accumulate = "count", returning = Count)]
struct ForCount<'a> {
    name: &'a str,
    count: i64,
    color: Cow<'a, str>,
}

#[derive(Debug, PartialEq, Upsert)]
#[upsert(table = "tags", conflict = "name", now = "seen")]
struct Generic<N, C> {
    name: N,
    count: C,
    color: String,
    seen: Option<DateTime<Utc>>,
}

/// A function that knows neither the struct nor the database.
async fn upsert_any<DB, T>(rows: &[T], pool: &sqlx::Pool<DB>) -> Result<Vec<T::Output>>
where
    DB: Dialect,
    T: UpsertModel<DB> + UpsertSpec + upsert::InBulk,
{
    Ok(T::upsert_all(rows, pool).returning().await?)
}

/// Its upserts go one by one, and have methods for that.
#[derive(Debug, Upsert)]
#[upsert(table = "tags", conflict = "name", set(count = old.count + new.by))]
#[upsert(name = "raise", conflict = "name", set(count = old.count + new.by), returning = "count")]
struct WithParam {
    name: String,
    count: i64,
    color: String,
    #[upsert(param)]
    by: i64,
}

#[derive(Debug, Upsert)]
#[upsert(table = "sets", conflict = "k")]
struct Key {
    k: String,
}

dialect_tests! {
    async fn upsert_all_gives_the_number(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        assert_eq!(Tag::upsert_all(&tags(), &db.pool).await?, 4);
        let stored: Vec<(String, i64, String)> =
            db.all(r#"SELECT "name", "count", "color" FROM "tags" ORDER BY "name""#).await?;
        let expected = [("a", 5, "red"), ("b", 13, "black"), ("c", 2, "green")];
        assert_eq!(stored, expected.map(|(name, count, color)| (name.to_owned(), count, color.to_owned())));
        Ok(())
    }

    async fn upsert_all_returning_gives_a_row_for_each(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        let rows = Tag::upsert_all(&tags(), &db.pool).returning().await?;
        assert_eq!(told(&rows), [("a", 1, "red"), ("c", 2, "green"), ("b", 13, "black"), ("a", 5, "red")]);
        assert_eq!(rows[0].id, rows[3].id);
        Ok(())
    }

    async fn upsert_all_with_actions(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        let upserted = Tag::upsert_all(&tags(), &db.pool).with_actions().await?;
        let (rows, actions): (Vec<_>, Vec<_>) =
            upserted.into_iter().map(|Upserted { row, action, .. }| (row, action)).unzip();
        assert_eq!(told(&rows), [("a", 1, "red"), ("c", 2, "green"), ("b", 13, "black"), ("a", 5, "red")]);
        assert_eq!(actions, [Action::Inserted, Action::Inserted, Action::Updated, Action::Updated]);
        Ok(())
    }

    async fn insert_all_if_absent(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        assert_eq!(Tag::insert_all_if_absent(&tags(), &db.pool).await?, 2);
        let stored: Vec<(String, i64, String)> =
            db.all(r#"SELECT "name", "count", "color" FROM "tags" ORDER BY "name""#).await?;
        let expected = [("a", 1, "red"), ("b", 10, "black"), ("c", 2, "green")];
        assert_eq!(stored, expected.map(|(name, count, color)| (name.to_owned(), count, color.to_owned())));
        assert_eq!(Tag::insert_all_if_absent(&tags(), &db.pool).await?, 0);
        Ok(())
    }

    async fn insert_all_if_absent_returning(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        let inserted = Tag::insert_all_if_absent(&tags(), &db.pool).returning().await?;
        let names: Vec<_> = inserted.iter().map(|row| row.as_ref().map(|row| row.color.as_str())).collect();
        assert_eq!(names, [Some("red"), Some("green"), None, None]);
        let inserted = Tag::insert_all_if_absent(&tags(), &db.pool).returning().await?;
        assert_eq!(inserted, [None, None, None, None]);
        Ok(())
    }

    async fn get_or_insert_all(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        let found = Tag::get_or_insert_all(&tags(), &db.pool).await?;
        let (rows, actions): (Vec<_>, Vec<_>) =
            found.into_iter().map(|Upserted { row, action, .. }| (row, action)).unzip();
        assert_eq!(told(&rows), [("a", 1, "red"), ("c", 2, "green"), ("b", 10, "black"), ("a", 1, "red")]);
        assert_eq!(actions, [Action::Inserted, Action::Inserted, Action::Unchanged, Action::Unchanged]);
        let again = Tag::get_or_insert_all(&tags(), &db.pool).await?;
        assert!(again.iter().all(|found| found.action == Action::Unchanged));
        assert_eq!(again.into_iter().map(|found| found.row).collect::<Vec<_>>(), rows);
        Ok(())
    }

    async fn slices_of_references_and_pointers(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let rows = tags();
        let references: Vec<&Tag> = rows.iter().collect();
        assert_eq!(Tag::upsert_all(&references, &db.pool).await?, 4);
        let shared: Vec<Arc<Tag>> = rows.iter().cloned().map(Arc::new).collect();
        assert_eq!(Tag::upsert_all(&shared, &db.pool).returning().await?.len(), 4);
        let boxed: Vec<Box<Tag>> = rows.iter().cloned().map(Box::new).collect();
        assert_eq!(Tag::upsert_all(&boxed, &db.pool).with_actions().await?.len(), 4);
        let owned: Vec<Tag> = rows.to_vec();
        assert_eq!(Tag::insert_all_if_absent(&owned, &db.pool).await?, 0);
        assert_eq!(Tag::get_or_insert_all(&references[..2], &db.pool).await?[0].row.count, 15);
        Ok(())
    }

    async fn named_upserts(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        tag("b", 10, "black").upsert(&db.pool).await?;
        assert_eq!(Tag::paint_all(&tags(), &db.pool).await?, 4);
        let painted = Tag::paint_all(&tags(), &db.pool).returning().await?;
        let expected = [("a", "red"), ("c", "green"), ("b", "blue"), ("a", "white")];
        assert_eq!(painted, expected.map(|(name, color)| (name.to_owned(), color.to_owned())));
        let counts = Tag::count_it_all(&tags(), &db.pool).returning().await?;
        assert_eq!(counts.iter().map(|row| row.count).collect::<Vec<_>>(), [2, 3, 11, 3]);
        let counts = Tag::count_it_all(&tags(), &db.pool).with_actions().await?;
        assert!(counts.iter().all(|upserted| upserted.action == Action::Updated));
        assert_eq!(Tag::count_it_all(&tags(), &db.pool).insert_if_absent().await?, 0);
        assert_eq!(Tag::count_it_all(&tags(), &db.pool).get_or_insert().await?[1].row, Count { count: 4 });
        assert_eq!(Tag::count_it_stream(stream::iter(tags()), &db.pool).await?, 4);
        assert_eq!(db.one::<i64>(r#"SELECT "count" FROM "tags" WHERE "name" = 'a'"#).await?, 7);
        Ok(())
    }

    async fn nothing_sends_nothing(db: Db) -> Result<()> {
        let none: [Tag; 0] = [];
        let pool = db.pool_of(1);
        pool.close().await;
        assert_eq!(Tag::upsert_all(&none, &pool).await?, 0);
        assert_eq!(Tag::upsert_all(&none, &pool).returning().await?, []);
        assert_eq!(Tag::upsert_all(&none, &pool).with_actions().await?.len(), 0);
        assert_eq!(Tag::insert_all_if_absent(&none, &pool).await?, 0);
        assert_eq!(Tag::insert_all_if_absent(&none, &pool).returning().await?, []);
        assert_eq!(Tag::get_or_insert_all(&none, &pool).await?.len(), 0);
        assert_eq!(Tag::paint_all(&none, &pool).commit_each_chunk().await?, 0);
        assert!(Tag::upsert_all(&tags(), &pool).await.is_err());
        Ok(())
    }

    async fn what_comes_back_need_not_have_the_key(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let row = |name: &str| ForId { id: 0, name: name.to_owned(), count: 1, color: String::new() };
        let rows = ["z", "y", "x", "z", "w"].map(row);
        let ids = ForId::upsert_all(&rows, &db.pool).returning().await?;
        let stored: Vec<(String, i64)> = db.all(r#"SELECT "name", "id" FROM "tags""#).await?;
        for (row, id) in rows.iter().zip(&ids) {
            assert!(stored.contains(&(row.name.clone(), *id)), "{row:?}: {id}, {stored:?}");
        }
        let upserted = ForId::upsert_all(&rows, &db.pool).with_actions().await?;
        assert_eq!(upserted.iter().map(|upserted| upserted.row).collect::<Vec<_>>(), ids);
        assert!(upserted.iter().all(|upserted| upserted.action == Action::Updated));
        let found = ForId::get_or_insert_all(&rows, &db.pool).await?;
        assert_eq!(found.iter().map(|found| found.row).collect::<Vec<_>>(), ids);
        db.run(r#"DELETE FROM "tags" WHERE "name" = 'y'"#).await?;
        let inserted = ForId::insert_all_if_absent(&rows, &db.pool).returning().await?;
        assert_eq!(inserted.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, false, false]);
        Ok(())
    }

    async fn borrowed_rows(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let names = ["z".to_owned(), "é".to_owned(), "x".to_owned(), "z".to_owned()];
        let rows: Vec<_> = names
            .iter()
            .map(|name| ForCount { name, count: 2, color: Cow::Borrowed("red") })
            .collect();
        assert_eq!(ForCount::upsert_all(&rows, &db.pool).await?, 4);
        let counts = ForCount::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(counts.iter().map(|row| row.count).collect::<Vec<_>>(), [6, 4, 4, 8]);
        let counts = ForCount::upsert_all(&rows, &db.pool).with_actions().await?;
        assert_eq!(counts.iter().map(|upserted| upserted.row.count).collect::<Vec<_>>(), [10, 6, 6, 12]);
        let found = ForCount::get_or_insert_all(&rows, &db.pool).await?;
        assert_eq!(found.iter().map(|found| found.row.count).collect::<Vec<_>>(), [12, 6, 6, 12]);
        assert_eq!(ForCount::upsert_stream(stream::iter(rows), &db.pool).await?, 4);
        Ok(())
    }

    async fn generic_rows(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let row = |name: &str, count| Generic {
            name: name.to_owned(),
            count,
            color: String::new(),
            seen: None,
        };
        let rows = [row("b", 1_i64), row("a", 2), row("b", 3)];
        let stored = upsert_any(&rows, &db.pool).await?;
        assert_eq!(stored.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(stored.iter().all(|row| row.seen.is_some()));
        assert_eq!(Generic::upsert_all(&rows, &db.pool).await?, 3);
        Ok(())
    }

    async fn rows_with_parameters_go_one_by_one(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let row = |by| WithParam { name: "a".to_owned(), count: 1, color: String::new(), by };
        row(5).upsert(&db.pool).await?;
        let mut tx = db.pool.begin().await?;
        assert_eq!(row(5).raise(&mut tx).await?, 6);
        assert_eq!(row(7).raise(&mut tx).await?, 13);
        tx.commit().await?;
        Ok(())
    }

    async fn rows_that_are_keys_alone(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "sets" ("k" {text} PRIMARY KEY)"#).await?;
        let rows = ["b", "a", "b"].map(|k| Key { k: k.to_owned() });
        assert_eq!(Key::insert_all_if_absent(&rows[..1], &db.pool).await?, 1);
        assert_eq!(Key::upsert_all(&rows, &db.pool).await?, 3);
        let upserted = Key::upsert_all(&rows, &db.pool).with_actions().await?;
        assert!(upserted.iter().all(|upserted| upserted.action == Action::Updated));
        assert_eq!(upserted[1].row.k, "a");
        assert_eq!(db.count("sets").await?, 2);
        Ok(())
    }

    async fn on_every_kind_of_executor(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let mut conn = db.connect().await?;
        assert_eq!(Tag::upsert_all(&tags(), &mut conn).await?, 4);
        let mut held = db.pool.acquire().await?;
        assert_eq!(Tag::upsert_all(&tags(), &mut held).await?, 4);
        assert_eq!(Tag::upsert_all(&tags(), &mut *held).await?, 4);
        drop(held);
        let mut tx = db.pool.begin().await?;
        assert_eq!(Tag::upsert_all(&tags(), &mut tx).await?, 4);
        assert_eq!(Tag::upsert_all(&tags(), &mut *tx).returning().await?.len(), 4);
        tx.rollback().await?;
        assert_eq!(db.one::<i64>(r#"SELECT "count" FROM "tags" WHERE "name" = 'a'"#).await?, 15);
        Ok(())
    }

    /// As calls of one row are.
    async fn the_future_can_be_spawned(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        let pool = db.pool.clone();
        let written = tokio::spawn(async move { Tag::upsert_all(&tags(), &pool).await }).await??;
        assert_eq!(written, 4);
        let pool = db.pool.clone();
        let rows = tokio::spawn(async move {
            let rows = tags().map(Arc::new);
            Tag::upsert_all(&rows, &pool).on_progress(|_| ()).returning().await
        });
        assert_eq!(rows.await??.len(), 4);
        Ok(())
    }
}
