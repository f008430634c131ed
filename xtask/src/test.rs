//! `cargo xtask test`: all tests, with the services that they need.
//!
//! One PostgreSQL server serves the whole run and ends with it. The runner comes last, so that its summary is the last
//! thing on the screen.

use std::process::Command;

use anyhow::{Result, anyhow};
use schakel_testkit::{postgres, variable};

use crate::{deps, process};

/// Runs all tests of the workspace, or, with `arguments` for the runner, those that they choose.
///
/// # Errors
///
/// A service that is required is missing, PostgreSQL does not start, or a test failed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    deps::run()?;
    let server = server()?;
    let with_services = |mut command: Command| {
        if let Some(server) = &server {
            command.env("TEST_DATABASE_URL", server.url());
        }
        if deps::is_ci() {
            command.env("SCHAKEL_TEST_REQUIRE_SERVICES", "1");
        }
        process::run(&mut command)
    };
    if !process::has_cargo_extension("nextest") {
        return with_services(runner(&["test"], arguments));
    }
    if arguments.is_empty() {
        // nextest leaves out the examples in the documentation.
        with_services(runner(&["test", "--doc", "--quiet"], arguments))?;
    }
    with_services(runner(&["nextest", "run"], arguments))
}

/// Starts the server of this run, unless the environment names one or PostgreSQL is not installed.
fn server() -> Result<Option<postgres::Server>> {
    if variable("TEST_DATABASE_URL").is_some() {
        return Ok(None);
    }
    let programs = postgres::Programs::find();
    programs
        .map(|programs| postgres::Server::start(&programs))
        .transpose()
        .map_err(|error| anyhow!(error))
}

/// Returns the call of a runner: for the whole workspace, unless the arguments choose packages themselves.
fn runner(subcommand: &[&str], arguments: &[String]) -> Command {
    let mut command = process::command("cargo", subcommand);
    command.arg("--locked");
    if !arguments
        .iter()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
    {
        command.arg("--workspace");
    }
    command.args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        runner(&["test"], &arguments)
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn tests_the_workspace_unless_a_package_is_named() {
        assert_eq!(words(&[]), ["test", "--locked", "--workspace"]);
        assert_eq!(words(&["claim"]), ["test", "--locked", "--workspace", "claim"]);
        assert_eq!(
            words(&["-p", "schakel-store"]),
            ["test", "--locked", "-p", "schakel-store"]
        );
    }
}
