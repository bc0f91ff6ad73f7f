//! Names as the database knows them, however odd.

use anyhow::Result;
use sqlx::FromRow;
use upsert::{Action, Upsert};

use crate::harness::dialect_tests;

/// Columns that are words of SQL, or of ours, or hold a quote.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "order", conflict = "select, quo\"te")]
struct Odd {
    select: String,
    #[upsert(rename = "quo\"te")]
    double_quote: String,
    #[upsert(rename = "quo`te", update = old.back_quote * 10 + new.back_quote)]
    back_quote: i64,
    #[upsert(update = old.order * 10 + new.order)]
    order: i64,
    #[upsert(update = old.excluded * 10 + new.excluded)]
    excluded: i64,
    #[upsert(update = old.old * 10 + new.old)]
    old: i64,
    #[upsert(update = old.new * 10 + new.new)]
    new: i64,
    #[upsert(update = old.values * 10 + new.values)]
    values: i64,
    #[upsert(accumulate)]
    rowid: i64,
    #[upsert(accumulate)]
    r#type: i64,
    #[upsert(rename = "naïve größe テーブル", accumulate)]
    size: i64,
    #[upsert(rename = "two words, a 'quote' and a \\", accumulate)]
    words: i64,
    #[upsert(rename = "CamelCase", accumulate)]
    camel: i64,
    #[upsert(rename = "camelcase2", accumulate)]
    lower: i64,
}

const ODD_COLUMNS: [&str; 12] = [
    "quo`te",
    "order",
    "excluded",
    "old",
    "new",
    "values",
    "rowid",
    "type",
    "naïve größe テーブル",
    "two words, a 'quote' and a \\",
    "CamelCase",
    "camelcase2",
];

fn odd(n: i64) -> Odd {
    Odd {
        select: "a".to_owned(),
        double_quote: "b".to_owned(),
        back_quote: n,
        order: n,
        excluded: n,
        old: n,
        new: n,
        values: n,
        rowid: n,
        r#type: n,
        size: n,
        words: n,
        camel: n,
        lower: n,
    }
}

/// Says `old`, `new` and the table's name in all the places that they have.
macro_rules! table_called {
    ($db:ident, $name:tt) => {{
        #[derive(Debug, PartialEq, Upsert)]
        #[upsert(table = $name, conflict = "k", generated = "id")]
        struct Row {
            id: i64,
            k: String,
            #[upsert(update = old.n * 1000 + new.n)]
            n: i64,
            #[upsert(coalesce)]
            kept: Option<String>,
        }

        let table = $db.quote($name);
        $db.run_as_it_is(&$db.sql(r#"CREATE TABLE @ ("id" {id}, "k" {text} NOT NULL UNIQUE, "n" BIGINT NOT NULL, "kept" {text})"#).replace('@', &table)).await?;
        let row = |n, kept: Option<&str>| Row { id: 0, k: "a".to_owned(), n, kept: kept.map(str::to_owned) };
        let first = row(1, Some("kept")).upsert(&$db.pool).with_action().await?;
        assert_eq!(first.action, Action::Inserted);
        let second = row(2, None).upsert(&$db.pool).with_action().await?;
        let expected = Row { id: first.row.id, n: 1002, ..first.row };
        assert_eq!((&second.row, second.action), (&expected, Action::Updated));
        assert!(!row(3, None).insert_if_absent(&$db.pool).await?);
        assert_eq!(row(3, None).get_or_insert(&$db.pool).await?.row, expected);
        assert_eq!(row(4, None).upsert(&$db.pool).await?.n, 1_002_004);
        assert_eq!(row(5, None).upsert(&$db.pool).execute().await?, 1);
        let other = Row { k: "b".to_owned(), ..row(6, None) };
        assert!(other.insert_if_absent(&$db.pool).returning().await?.is_some());
        $db.run_as_it_is(&format!("DROP TABLE {table}")).await?;
    }};
}

/// A struct that no attribute names a table for.
#[derive(Debug, Upsert)]
#[upsert(conflict = "name")]
struct Category {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(table = "renamed", conflict = "userName", accumulate = "LOGINS")]
#[sqlx(rename_all = "camelCase")]
struct BySqlx {
    user_name: String,
    #[sqlx(rename = "LOGINS")]
    login_count: i64,
    last_seen_on: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "renamed", conflict = "userName", rename_all = "camelCase")]
struct ByUpsert {
    user_name: String,
    #[upsert(rename = "LOGINS", update = old.login_count + new.LOGINS)]
    login_count: i64,
    last_seen_on: Option<String>,
}

/// Its column is called as its table is.
#[derive(Debug, Upsert)]
#[upsert(table = "points", conflict = "name", returning = "points")]
struct Points {
    name: String,
    #[upsert(update = old.points * 10 + new.points)]
    points: i64,
}

dialect_tests! {
    async fn columns_of_any_name(db: Db) -> Result<()> {
        let mut columns = vec![
            format!("{} {}", db.quote("select"), db.sql("{text}")),
            format!("{} {}", db.quote("quo\"te"), db.sql("{text}")),
        ];
        columns.extend(
            ODD_COLUMNS
                .iter()
                .map(|column| format!("{} BIGINT NOT NULL", db.quote(column))),
        );
        columns.push(format!(
            "PRIMARY KEY ({}, {})",
            db.quote("select"),
            db.quote("quo\"te")
        ));
        db.run_as_it_is(&format!(
            "CREATE TABLE {} ({})",
            db.quote("order"),
            columns.join(", ")
        ))
        .await?;
        assert_eq!(odd(3).upsert(&db.pool).await?, odd(3));
        let upserted = odd(4).upsert(&db.pool).with_action().await?;
        let expected = Odd {
            rowid: 7,
            r#type: 7,
            size: 7,
            words: 7,
            camel: 7,
            lower: 7,
            ..odd(34)
        };
        assert_eq!(
            (&upserted.row, upserted.action),
            (&expected, Action::Updated)
        );
        assert!(!odd(5).insert_if_absent(&db.pool).await?);
        assert_eq!(odd(5).get_or_insert(&db.pool).await?.row, expected);
        Ok(())
    }

    async fn tables_that_are_words_of_the_statement(db: Db) -> Result<()> {
        table_called!(db, "excluded");
        table_called!(db, "EXCLUDED");
        table_called!(db, "old");
        table_called!(db, "new");
        table_called!(db, "values");
        table_called!(db, "upsert_row");
        table_called!(db, "upsert_old");
        Ok(())
    }

    async fn tables_of_any_name(db: Db) -> Result<()> {
        table_called!(db, "order");
        table_called!(db, "user");
        table_called!(db, "MixedCase");
        table_called!(db, "quo\"te");
        table_called!(db, "quo`te");
        table_called!(db, "it's");
        table_called!(db, "two words");
        table_called!(db, "größe_テーブル");
        Ok(())
    }

    async fn a_table_in_the_plural(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "categories" ("name" {text} PRIMARY KEY)"#)
            .await?;
        assert_eq!(
            Category {
                name: "books".to_owned()
            }
            .upsert(&db.pool)
            .await?
            .name,
            "books"
        );
        Ok(())
    }

    async fn names_that_sqlx_and_upsert_rename(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "renamed" ("userName" {text} PRIMARY KEY, "LOGINS" BIGINT NOT NULL, "lastSeenOn" {text})"#).await?;
        let row = BySqlx {
            user_name: "ada".to_owned(),
            login_count: 1,
            last_seen_on: None,
        };
        assert_eq!(row.upsert(&db.pool).await?, row);
        assert_eq!(row.upsert(&db.pool).await?.login_count, 2);
        let row = ByUpsert {
            user_name: "ada".to_owned(),
            login_count: 5,
            last_seen_on: Some("monday".to_owned()),
        };
        assert_eq!(
            row.upsert(&db.pool).await?,
            ByUpsert {
                login_count: 7,
                ..row
            }
        );
        let stored: Vec<BySqlx> = db.all(r#"SELECT * FROM "renamed""#).await?;
        assert_eq!(
            stored,
            [BySqlx {
                user_name: "ada".to_owned(),
                login_count: 7,
                last_seen_on: Some("monday".to_owned())
            }]
        );
        Ok(())
    }

    async fn a_column_called_as_its_table(db: Db) -> Result<()> {
        db.run(r#"CREATE TABLE "points" ("name" {text} PRIMARY KEY, "points" BIGINT NOT NULL)"#)
            .await?;
        let points = |points| Points {
            name: "ada".to_owned(),
            points,
        };
        assert_eq!(points(3).upsert(&db.pool).await?, 3);
        assert_eq!(points(4).upsert(&db.pool).await?, 34);
        Ok(())
    }
}
