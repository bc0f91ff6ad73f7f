//! What the tests have said at their end.

use std::fmt::Write;

/// One database's line, such as `database: SQLite 3.51.3: 120 passed, 0 failed`.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Name and version.
    database: String,
    passed: u32,
    failed: u32,
}

impl Outcome {
    pub fn parse(line: &str) -> Option<Outcome> {
        let text = line.trim_end().strip_prefix("database: ")?;
        let (database, counts) = text.rsplit_once(": ")?;
        let (passed, failed) = counts.split_once(", ")?;
        Some(Outcome {
            database: database.to_owned(),
            passed: passed.strip_suffix(" passed")?.parse().ok()?,
            failed: failed.strip_suffix(" failed")?.parse().ok()?,
        })
    }

    /// Whether this is about `expected`, a name that may go on with the beginning of a version.
    fn is_of(&self, expected: &str) -> bool {
        let rest = self.database.strip_prefix(expected);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.']))
    }

    fn has_run(&self) -> bool {
        self.passed + self.failed > 0
    }
}

/// What was read of a run's output.
#[derive(Default)]
pub struct Told {
    outcomes: Vec<Outcome>,
    /// What each failed test said, as the test programs repeat it.
    failures: String,
    in_failures: bool,
}

impl Told {
    pub fn read(&mut self, line: &str) {
        self.outcomes.extend(Outcome::parse(line));
        match line.trim_end() {
            // Once before what they said, and once before their names alone.
            "failures:" => self.in_failures = !self.in_failures,
            end if end.starts_with("test result:") => self.in_failures = false,
            _ if self.in_failures => self.failures.push_str(line),
            _ => {}
        }
    }
}

/// A row for each database that ran, and for each that was to run and did not; and what failed.
#[derive(Default)]
pub struct Report {
    table: String,
    failures: String,
    fell_short: bool,
}

impl Report {
    /// Adds what a run has said. In a `narrowed` run, a database may be left without a test.
    pub fn add(&mut self, expected: &[&str], told: &Told, narrowed: bool) {
        self.failures.push_str(&told.failures);
        let outcomes = &told.outcomes;
        for outcome in outcomes.iter().filter(|outcome| outcome.has_run()) {
            let Outcome {
                database,
                passed,
                failed,
            } = outcome;
            self.row(database, &format!("{passed} passed, {failed} failed"));
            self.fell_short |= *failed > 0 || *passed == 0;
        }
        for name in expected {
            let mut its_own = outcomes.iter().filter(|outcome| outcome.is_of(name));
            if its_own.any(Outcome::has_run) {
                continue;
            }
            self.row(
                name,
                if narrowed {
                    "no test left by the filter"
                } else {
                    "DID NOT RUN"
                },
            );
            self.fell_short |= !narrowed;
        }
    }

    /// Whether every database ran, and nothing failed on it.
    pub fn is_complete(&self) -> bool {
        !self.fell_short
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    pub fn failures(&self) -> &str {
        &self.failures
    }

    fn row(&mut self, name: &str, result: &str) {
        writeln!(self.table, "{name:<20} {result}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(line: &str) -> Outcome {
        Outcome::parse(line).unwrap()
    }

    fn report(expected: &[&str], lines: &[&str], narrowed: bool) -> Report {
        let mut told = Told::default();
        for line in lines {
            told.read(&format!("{line}\n"));
        }
        let mut report = Report::default();
        report.add(expected, &told, narrowed);
        report
    }

    #[test]
    fn a_line_is_read_to_its_numbers() {
        let read = outcome("database: PostgreSQL 15.18: 123 passed, 4 failed\n");
        assert_eq!(read.database, "PostgreSQL 15.18");
        assert_eq!((read.passed, read.failed), (123, 4));
    }

    #[test]
    fn other_lines_are_left_alone() {
        for line in [
            "test [sqlite] bulk::chunks ... ok",
            "database: SQLite 3.51.3",
            "database: ",
        ] {
            assert_eq!(Outcome::parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_failed_is_told_again() {
        let lines = [
            "test bulk::chunks ... FAILED",
            "failures:",
            "---- bulk::chunks ----",
            "2 rows instead of one",
            "failures:",
            "    bulk::chunks",
            "test result: FAILED. 0 passed; 1 failed",
            "test bulk::keys ... ok",
        ];
        let told = "---- bulk::chunks ----\n2 rows instead of one\n";
        assert_eq!(report(&[], &lines, false).failures(), told);
    }

    #[test]
    fn all_that_was_expected_ran() {
        let lines = ["database: SQLite 3.51.3: 2 passed, 0 failed"];
        let report = report(&["SQLite"], &lines, false);
        assert!(report.is_complete());
        assert_eq!(report.table(), "SQLite 3.51.3        2 passed, 0 failed\n");
    }

    #[test]
    fn a_database_without_tests_falls_short() {
        let lines = ["database: SQLite 3.51.3: 2 passed, 0 failed"];
        assert!(!report(&["SQLite", "MariaDB"], &lines, false).is_complete());
        let lines = ["database: MariaDB 10.11.19: 0 passed, 0 failed"];
        assert!(!report(&["MariaDB"], &lines, false).is_complete());
        assert!(report(&["MariaDB"], &lines, true).is_complete());
    }

    #[test]
    fn a_failed_test_falls_short() {
        let lines = ["database: SQLite 3.51.3: 2 passed, 1 failed"];
        assert!(!report(&["SQLite"], &lines, true).is_complete());
    }

    #[test]
    fn another_version_is_another_database() {
        let lines = ["database: PostgreSQL 15.18: 2 passed, 0 failed"];
        assert!(report(&["PostgreSQL"], &lines, false).is_complete());
        assert!(!report(&["PostgreSQL 18"], &lines, false).is_complete());
        assert!(!report(&["PostgreSQL 1"], &lines, false).is_complete());
    }
}
