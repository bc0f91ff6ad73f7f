//! What the user asks for.

use std::ffi::OsString;

use anyhow::{Result, bail};
use lexopt::prelude::*;

pub const HELP: &str = "\
cargo xtask test [--mysql] [--postgres 18] [-- FILTER...]
    Starts throw-away servers, runs all tests, stops the servers. PostgreSQL and MariaDB always run.
    --mysql        adds a real MySQL 9
    --postgres 18  runs the database tests once more on PostgreSQL 18
    What follows is passed on to the test binaries. A filter that comes first narrows the run, so a
    database on which no test is left is then no failure.
    UPSERT_POSTGRES_URL, UPSERT_MARIADB_URL, UPSERT_MYSQL_URL and UPSERT_POSTGRES18_URL name servers
    that run already. PgBouncer is put in front of PostgreSQL, unless UPSERT_PGBOUNCER_URL names one; where
    there is no way to one, it is left out, and in CI that is a failure.

cargo xtask db [--mysql] [--postgres 18]
    Starts the same servers, prints their URLs as shell commands, and stays until interrupted.

cargo xtask bless
    Accepts the snapshots and compiler messages as they are now. Read the diff before you commit.

cargo xtask tidy
    Looks for stale paths in the documents, leftovers in the code, and paths of one machine.
";

#[derive(Debug, PartialEq)]
pub enum Task {
    Help,
    Bless,
    Tidy,
    Db {
        extras: Extras,
    },
    Test {
        extras: Extras,
        arguments: Vec<OsString>,
    },
}

/// The databases that join only when asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extras {
    pub mysql: bool,
    pub postgres_18: bool,
}

pub fn parse(mut parser: lexopt::Parser) -> Result<Task> {
    let name = match parser.next()? {
        Some(Value(name)) => name.string()?,
        Some(Short('h') | Long("help")) | None => return Ok(Task::Help),
        Some(option) => return Err(option.unexpected().into()),
    };
    match name.as_str() {
        "test" => {
            let (extras, arguments) = parse_extras(&mut parser)?;
            Ok(Task::Test { extras, arguments })
        }
        "db" => match parse_extras(&mut parser)? {
            (extras, arguments) if arguments.is_empty() => Ok(Task::Db { extras }),
            (_, arguments) => bail!("`db` takes no {:?}", arguments[0]),
        },
        "bless" => parse_nothing(&mut parser, Task::Bless),
        "tidy" => parse_nothing(&mut parser, Task::Tidy),
        "help" => Ok(Task::Help),
        other => bail!("`{other}` is not a task; there are test, db, bless and tidy"),
    }
}

fn parse_extras(parser: &mut lexopt::Parser) -> Result<(Extras, Vec<OsString>)> {
    let mut extras = Extras::default();
    let mut arguments = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("mysql") => extras.mysql = true,
            Long("postgres") => match parser.value()?.string()?.as_str() {
                "18" => extras.postgres_18 = true,
                other => bail!("`--postgres {other}` is not at hand; 18 is"),
            },
            Value(value) => arguments.push(value),
            option => return Err(option.unexpected().into()),
        }
    }
    Ok((extras, arguments))
}

fn parse_nothing(parser: &mut lexopt::Parser, task: Task) -> Result<Task> {
    match parser.next()? {
        None => Ok(task),
        Some(argument) => Err(argument.unexpected().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Task> {
        parse(lexopt::Parser::from_args(words.split_whitespace()))
    }

    #[test]
    fn extras_and_arguments_are_told_apart() {
        let task = parse_words("test --postgres 18 --mysql -- bulk --nocapture").unwrap();
        let extras = Extras {
            mysql: true,
            postgres_18: true,
        };
        let arguments = vec!["bulk".into(), "--nocapture".into()];
        assert_eq!(task, Task::Test { extras, arguments });
    }

    #[test]
    fn servers_need_no_words() {
        let extras = Extras::default();
        assert_eq!(parse_words("db").unwrap(), Task::Db { extras });
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for words in [
            "tests",
            "test --postgres 9",
            "test --oracle",
            "db it",
            "tidy --fix",
        ] {
            assert!(parse_words(words).is_err(), "{words}");
        }
    }
}
