//! The project's own tools: `cargo xtask help` lists them. One file per subcommand.
//!
//! Nothing that ships depends on this crate. It keeps to a handful of small dependencies, since each of them is
//! compiled before the first test can run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks on its standard streams"
)]

mod bench;
mod ci;
mod deny;
mod deps;
mod fidelity;
mod outside;
mod process;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  ci           everything that the project demands of a change, quick checks first
  test [ARGS]  all tests, with the services that they need; ARGS go to the test runner
  bench [ARGS] speed and memory beside the rates of the machine; --json, --only NAME, --binary FILE
  deps         finds or installs what tests need: PostgreSQL, Chromium, foreign clients
  fidelity     writes the report on the simulators from their tests; --check compares it
  tidy         import rules, file sizes, words, links, error codes
  licences     licences of all dependencies against deny.toml
  duplicates   crates that ship in two versions against deny.toml
  bans         crates that must not be used, and why
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    };
    match run(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, rest: &[String]) -> Result<()> {
    if !["test", "bench", "fidelity"].contains(&command) && !rest.is_empty() {
        bail!("`{command}` takes no arguments, but got `{}`", rest.join(" "));
    }
    match command {
        "ci" => ci::run(),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "deps" => deps::run(),
        "fidelity" => fidelity::run(rest),
        "tidy" => tidy::run(),
        "licences" => deny::licences(),
        "duplicates" => deny::duplicates(),
        "bans" => deny::bans(),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("there is no command `{command}`\n\n{HELP}"),
    }
}
