//! Random sequences of calls, compared with a table that is a map in Rust.
//!
//! `UPSERT_CASES` says how many sequences each database gets.

use anyhow::{Result, ensure};
use proptest::prelude::*;
use sqlx::FromRow;
use std::collections::BTreeMap;
use upsert::{Action, Error, ErrorKind, Upsert, Upserted};

use crate::harness::{cases, compare_random, dialect_tests};

const ITEMS: &str = r#"CREATE TABLE "items" (
    "sku" {text} PRIMARY KEY,
    "slot" BIGINT UNIQUE,
    "stock" BIGINT,
    "note" {text},
    "color" {text},
    "maker" {text} NOT NULL,
    "writes" BIGINT NOT NULL,
    "mix" BIGINT NOT NULL
)"#;

/// Every rule in one struct, and a second unique key.
#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(
    table = "items",
    conflict = "sku",
    accumulate = "stock",
    coalesce = "note",
    insert_only = "maker"
)]
struct Item {
    sku: String,
    slot: Option<i64>,
    stock: Option<i64>,
    note: Option<String>,
    color: Option<String>,
    maker: String,
    #[upsert(update = old.writes + 1)]
    writes: i64,
    #[upsert(update = old.writes * 10 - coalesce(new.slot, old.slot, 7))]
    mix: i64,
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Upsert,
    WithAction,
    Execute,
    InsertIfAbsent,
    InsertIfAbsentReturning,
    GetOrInsert,
    Delete,
}

/// What a call gives, in one form for all.
#[derive(Debug, PartialEq)]
enum Answer {
    Row(Item),
    RowAndAction(Item, Action),
    Rows(u64),
    Inserted(bool),
    Maybe(Option<Item>),
    Refused(ErrorKind),
    Deleted,
}

/// The table.
#[derive(Debug, Default)]
struct Table(BTreeMap<String, Item>);

impl Table {
    fn call(&mut self, call: Call, new: &Item) -> Answer {
        let there = self.0.contains_key(&new.sku);
        match call {
            Call::Delete => {
                self.0.remove(&new.sku);
                Answer::Deleted
            }
            Call::InsertIfAbsent if there => Answer::Inserted(false),
            Call::InsertIfAbsentReturning if there => Answer::Maybe(None),
            Call::GetOrInsert if there => {
                Answer::RowAndAction(self.0[&new.sku].clone(), Action::Unchanged)
            }
            _ => match self.write(new) {
                Err(kind) => Answer::Refused(kind),
                Ok(()) => {
                    let row = self.0[&new.sku].clone();
                    let action = if there {
                        Action::Updated
                    } else {
                        Action::Inserted
                    };
                    match call {
                        Call::Upsert => Answer::Row(row),
                        Call::Execute => Answer::Rows(1),
                        Call::InsertIfAbsent => Answer::Inserted(true),
                        Call::InsertIfAbsentReturning => Answer::Maybe(Some(row)),
                        Call::WithAction | Call::GetOrInsert => Answer::RowAndAction(row, action),
                        Call::Delete => Answer::Deleted,
                    }
                }
            },
        }
    }

    fn write(&mut self, new: &Item) -> Result<(), ErrorKind> {
        let row = match self.0.get(&new.sku) {
            None => new.clone(),
            Some(old) => Item {
                sku: old.sku.clone(),
                slot: new.slot,
                stock: match (old.stock, new.stock) {
                    (Some(old), Some(new)) => {
                        Some(old.checked_add(new).ok_or(ErrorKind::OutOfRange)?)
                    }
                    (old, new) => new.or(old),
                },
                note: new.note.clone().or_else(|| old.note.clone()),
                color: new.color.clone(),
                maker: old.maker.clone(),
                writes: old.writes + 1,
                mix: old.writes * 10 - new.slot.or(old.slot).unwrap_or(7),
            },
        };
        let is_taken = |other: &Item| other.sku != row.sku && other.slot == row.slot;
        if row.slot.is_some() && self.0.values().any(is_taken) {
            return Err(ErrorKind::UniqueViolation);
        }
        self.0.insert(row.sku.clone(), row);
        Ok(())
    }
}

fn calls() -> impl Strategy<Value = Vec<(Call, Item)>> {
    use Call::*;
    let call = prop::sample::select(vec![
        Upsert,
        Upsert,
        WithAction,
        WithAction,
        Execute,
        InsertIfAbsent,
        InsertIfAbsentReturning,
        GetOrInsert,
        GetOrInsert,
        Delete,
    ]);
    prop::collection::vec((call, item()), 1..14)
}

fn item() -> impl Strategy<Value = Item> {
    let text = || {
        prop::option::of(
            prop::sample::select(vec!["", "red", "it's", "naïve"]).prop_map(str::to_owned),
        )
    };
    let stock = prop_oneof![
        1 => Just(None),
        4 => (-100_i64..100).prop_map(Some),
        1 => prop::sample::select(vec![i64::MAX, i64::MIN]).prop_map(Some),
    ];
    let slot = prop_oneof![2 => Just(None), 1 => (0_i64..3).prop_map(Some)];
    let sku = prop::sample::select(vec!["a", "b", "B b", "日本"]).prop_map(str::to_owned);
    (
        sku,
        slot,
        stock,
        text(),
        text(),
        0_i64..3,
        prop::sample::select(vec!["x", "y"]),
    )
        .prop_map(|(sku, slot, stock, note, color, writes, maker)| Item {
            sku,
            slot,
            stock,
            note,
            color,
            maker: maker.to_owned(),
            writes,
            mix: writes,
        })
}

/// What went wrong is an answer too.
fn answer<T>(outcome: Result<T, Error>, told: impl FnOnce(T) -> Answer) -> Answer {
    outcome.map_or_else(|error| Answer::Refused(error.kind()), told)
}

fn row_and_action(upserted: Upserted<Item>) -> Answer {
    Answer::RowAndAction(upserted.row, upserted.action)
}

dialect_tests! {
    async fn every_answer_and_every_row_is_the_same(db: Db) -> Result<()> {
        async fn ask(db: &Db, call: Call, item: &Item) -> Result<Answer> {
            let pool = &db.pool;
            Ok(match call {
                Call::Upsert => answer(item.upsert(pool).await, Answer::Row),
                Call::WithAction => answer(item.upsert(pool).with_action().await, row_and_action),
                Call::Execute => answer(item.upsert(pool).execute().await, Answer::Rows),
                Call::InsertIfAbsent => answer(item.insert_if_absent(pool).await, Answer::Inserted),
                Call::InsertIfAbsentReturning => {
                    answer(item.insert_if_absent(pool).returning().await, Answer::Maybe)
                }
                Call::GetOrInsert => answer(item.get_or_insert(pool).await, row_and_action),
                Call::Delete => {
                    db.run(&format!("DELETE FROM items WHERE sku = '{}'", item.sku))
                        .await?;
                    Answer::Deleted
                }
            })
        }

        async fn compare(db: &Db, calls: Vec<(Call, Item)>) -> Result<()> {
            db.run(r#"DELETE FROM "items""#).await?;
            let mut table = Table::default();
            for (number, (call, item)) in calls.into_iter().enumerate() {
                let expected = table.call(call, &item);
                let given = ask(db, call, &item).await?;
                ensure!(
                    given == expected,
                    "call {number}, {call:?} of {item:?}: {given:?} instead of {expected:?}"
                );
            }
            let mut stored: Vec<Item> = db.all(r#"SELECT * FROM "items""#).await?;
            stored.sort_by(|one, other| one.sku.cmp(&other.sku));
            let expected: Vec<Item> = table.0.into_values().collect();
            ensure!(stored == expected, "{stored:?} instead of {expected:?}");
            Ok(())
        }

        db.run(ITEMS).await?;
        compare_random(cases(64), &calls(), |calls| compare(&db, calls))
    }
}
