//! The binary: command line, configuration, wiring, lifecycle.
//!
//! [`cli`] says what can be asked, [`commands`] does it, [`config`] reads the file and the environment, [`wiring`]
//! makes a hub of it and [`service`] runs that hub; [`output`] is the only place that prints.

mod cli;
mod config;
mod error;
mod logging;
mod output;

mod hook_paths;
mod keys;
mod service;
mod skew;
mod wiring;

mod commands;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use error::{Exit, Failure};
use output::Output;
use schakel_store::StoreError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = if cli.json { Output::json() } else { Output::text() };
    let exit = run(cli, output).unwrap_or_else(|error| {
        let failure = error.downcast::<Failure>().unwrap_or_else(unexpected);
        output.failure(&failure);
        failure.exit()
    });
    ExitCode::from(exit as u8)
}

fn run(cli: Cli, output: Output) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::run(cli, output))
}

/// Tells of a failure of the database what is known of it, and wraps one that nobody foresaw.
fn unexpected(error: anyhow::Error) -> Failure {
    match error.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(error) => Failure::new("SCH-0104", "this did not work")
            .caused_by(error)
            .hint("if the cause does not help, report it with what you did before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_in_any_command_is_told_by_its_own_code() {
        let damaged = StoreError::BadFile {
            path: "schakel.db".into(),
            what: schakel_store::BadFile::Damaged,
        };
        let failure = unexpected(anyhow::Error::from(damaged).context("read the connections"));
        assert!(failure.lines().last().unwrap().contains("SCH-0211"));
        let failure = unexpected(anyhow::anyhow!("nobody foresaw this"));
        assert!(failure.lines().last().unwrap().contains("SCH-0104"));
    }
}
