//! The project's own commands, written in Rust so that they are the same for everyone and for CI.

mod args;
mod bless;
mod tidy;
mod workspace;

#[cfg(unix)]
mod apt;
#[cfg(unix)]
mod db;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod report;
#[cfg(unix)]
mod servers;
#[cfg(unix)]
mod test;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Task;

fn main() -> ExitCode {
    match args::parse(lexopt::Parser::from_env()).and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task, and says whether all is well.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Help => {
            print!("{}", args::HELP);
            Ok(true)
        }
        Task::Bless => bless::run(),
        Task::Tidy => tidy::run(),
        #[cfg(unix)]
        Task::Db { extras } => db::run(extras),
        #[cfg(unix)]
        Task::Test { extras, arguments } => test::run(extras, &arguments),
        #[cfg(not(unix))]
        Task::Db { .. } | Task::Test { .. } => {
            anyhow::bail!("starts servers on Unix only; here, set the URLs and run `cargo test`")
        }
    }
}
