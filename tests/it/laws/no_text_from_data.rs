//! Every value is a bind, whatever it looks like.

use anyhow::Result;
use sqlx::FromRow;
use upsert::Upsert;

use crate::harness::dialect_tests;

const NOTES: &str =
    r#"CREATE TABLE "notes" ("title" {text} PRIMARY KEY, "body" {text} NOT NULL, "footer" {text})"#;

const STORED: &str = r#"SELECT "title", "body", "footer" FROM "notes""#;

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(conflict = "title", coalesce = "footer")]
struct Note {
    title: String,
    body: String,
    footer: Option<String>,
}

/// What would do harm, or come back as something else, if it were text of a statement.
const VALUES: [&str; 16] = [
    "'; DROP TABLE notes; --",
    "'), ('second', 'row",
    "\"; DROP TABLE \"notes\"; --",
    "`; DROP TABLE `notes`; --",
    r"back\slash and \' and \\",
    "? ?1 $1 :name @x {0} %s",
    "/* comment */ -- # comment",
    "VALUES(body) excluded.body old.body",
    "LAST_INSERT_ID(1) now()",
    "",
    " spaces around ",
    "line\nbreak\r\n\ttab",
    "NULL",
    "naïve Ελληνικά 日本語 🦀",
    "null\u{fffd}replacement",
    "0x44524f50",
];

dialect_tests! {
    async fn texts_come_back_as_they_were(db: Db) -> Result<()> {
        db.run(NOTES).await?;
        for text in VALUES {
            let inserted = Note {
                title: text.to_owned(),
                body: text.to_owned(),
                footer: Some(text.to_owned()),
            };
            assert_eq!(inserted.upsert(&db.pool).await?, inserted);
            let updated = Note {
                body: format!("{text}{text}"),
                footer: None,
                ..inserted.clone()
            };
            let row = updated.upsert(&db.pool).with_action().await?.row;
            assert_eq!(
                row,
                Note {
                    footer: inserted.footer,
                    ..updated
                }
            );
            assert!(!row.insert_if_absent(&db.pool).await?);
            assert_eq!(row.get_or_insert(&db.pool).await?.row, row);
            assert_eq!(db.all::<Note>(STORED).await?, [row]);
            db.run(r#"DELETE FROM "notes""#).await?;
        }
        Ok(())
    }

    async fn the_statements_do_not_depend_on_the_row(db: Db) -> Result<()> {
        let _ = db;
        for (name, sql) in Note::sql::<DB>().iter() {
            for text in VALUES.iter().filter(|text| text.len() > 4) {
                assert!(!sql.contains(text), "{name}: {sql}");
            }
            // Three columns, three places for their values; the nonce of MySQL is the fourth.
            let places = sql
                .matches(if sql.contains('?') { '?' } else { '$' })
                .count();
            assert!(places <= 4, "{name}: {sql}");
        }
        Ok(())
    }
}
