//! What the check of a schema found.

use std::fmt;

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know; nothing has to change.
    Note,
    /// Some rows or calls will fail, or rows that others write.
    Warning,
    /// Calls will fail, or would store something else than they were given.
    Error,
}

/// One thing that a check of the schema found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The table, as the struct names it.
    pub table: &'static str,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What is the case, and what comes of it.
    pub what: String,
    /// SQL that puts it right, where there is SQL for it that is safe to run whatever the table holds.
    pub fix: Option<String>,
}

/// Everything that a check of the schema found.
///
/// It displays as a list, a finding a paragraph, with the SQL that puts it right:
///
/// ```text
/// error: `users`: no unique index stands behind the conflict target (`email`)
///   run: CREATE UNIQUE INDEX "users_email_upsert" ON "users" ("email")
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaReport {
    findings: Vec<Finding>,
}

impl SchemaReport {
    /// All findings, those of the same struct together.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether there is nothing to say at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Error)
    }

    /// Adds a finding. The upserts of a struct share their table, so they find the same things.
    pub(crate) fn add(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        other
            .findings
            .into_iter()
            .for_each(|finding| self.add(finding));
    }
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        table: &'static str,
        what: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        Self {
            severity,
            table,
            column: None,
            what: what.into(),
            fix,
        }
    }

    /// The same, about a column.
    pub(crate) fn of_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            table,
            column,
            what,
            fix,
        } = self;
        write!(f, "{severity}: `{table}`")?;
        if let Some(column) = column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {what}")?;
        if let Some(fix) = fix {
            write!(f, "\n  run: {fix}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SchemaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return f.write_str("the schema has everything that its structs need");
        }
        for (place, finding) in self.findings.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_list_to_read() {
        let mut report = SchemaReport::default();
        assert_eq!(
            report.to_string(),
            "the schema has everything that its structs need"
        );
        let missing = || {
            let fix = Some("ALTER TABLE \"users\" ADD COLUMN \"age\" INTEGER".to_owned());
            Finding::new(
                Severity::Error,
                "users",
                "the table has no such column",
                fix,
            )
            .of_column("age")
        };
        report.add(missing());
        report.add(missing());
        report.add(Finding::new(
            Severity::Note,
            "users",
            "it is partitioned",
            None,
        ));
        assert_eq!(
            report.to_string(),
            "error: `users`, column `age`: the table has no such column\n  \
             run: ALTER TABLE \"users\" ADD COLUMN \"age\" INTEGER\n\
             note: `users`: it is partitioned"
        );
        assert!(report.has_errors());
    }
}
