//! The SQL of a model, to be looked at.

use std::fmt;

/// The statements that a model sends to one database, by name.
///
/// ```
/// use upsert::Upsert;
///
/// #[derive(Upsert)]
/// #[upsert(conflict = "name")]
/// struct Tag { name: String, #[upsert(accumulate)] count: i64 }
///
/// let sql = Tag::sql::<sqlx::Sqlite>();
/// assert!(sql.get("upsert").unwrap().starts_with(r#"INSERT INTO "tags" ("name", "count")"#));
/// println!("{sql}");
/// ```
#[derive(Debug, Clone)]
pub struct Sql {
    statements: Vec<(&'static str, &'static str)>,
    create_index: &'static str,
}

impl Sql {
    pub(crate) fn new(
        statements: Vec<(&'static str, &'static str)>,
        create_index: &'static str,
    ) -> Self {
        Self {
            statements,
            create_index,
        }
    }

    /// The statement that creates the unique index behind the conflict target. It is not among those that are sent.
    #[must_use]
    pub fn create_index(&self) -> &'static str {
        self.create_index
    }

    /// The statement of this name, as `Display` and [`iter`](Self::iter) show the names.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static str> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, text)| text)
    }

    /// All statements with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.statements.iter().copied()
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in self.iter() {
            writeln!(f, "-- {name}\n{text};")?;
        }
        Ok(())
    }
}
