//! One module per command; each reads what it needs, does one thing and says how it went.

mod backfill;
mod begin;
mod budget;
mod check;
mod checkout;
mod config;
mod dead;
mod demo;
mod doctor;
mod explain;
mod numbers;
mod plan;
mod preview;
mod profiles;
mod quarantine;
mod reconcile;
mod renamed;
mod sandbox;
mod serve;
mod setup;
mod status;
mod sync;
mod wait;
mod walks;

use std::path::PathBuf;

use schakel_core::id::ConnectionId;
use schakel_store::{OpenOptions, Store, StoreError};

use crate::cli::{Cli, Command};
use crate::config::{Config, Layers};
use crate::error::{Exit, Failure};
use crate::logging;
use crate::output::Output;
use crate::wiring::TENANT;

/// Runs a command.
///
/// # Errors
/// A [`Failure`] where something can be done about it.
pub(crate) async fn run(cli: Cli, output: Output) -> anyhow::Result<Exit> {
    let Cli {
        config, set, command, ..
    } = cli;
    let layers = |flags: Vec<(String, String)>| {
        let flags = set.iter().cloned().chain(flags).collect();
        Layers::of_process(config.clone(), flags)
    };
    match command {
        Command::Demo(args) => {
            without_configuration("demo", &layers(Vec::new()))?;
            demo::run(args, output).await
        }
        Command::Serve(args) => serve::run(&load(&layers(args.over_config()), output)?, &args, output).await,
        Command::Setup(args) => setup::run(&load(&layers(Vec::new()), output)?, &args, output).await,
        Command::Check => check::run(&load(&layers(Vec::new()), output)?, output).await,
        Command::Status => status::run(&load_quietly(&layers(Vec::new()))?, output).await,
        Command::Budget => budget::run(&load_quietly(&layers(Vec::new()))?, output).await,
        Command::Explain(args) => explain::run(&load_quietly(&layers(Vec::new()))?, &args, output).await,
        Command::Preview(args) => preview::run(&load_quietly(&layers(Vec::new()))?, &args, output).await,
        Command::Quarantine(what) => quarantine::run(&load_quietly(&layers(Vec::new()))?, what, output).await,
        Command::Dead(what) => dead::run(&load_quietly(&layers(Vec::new()))?, what, output).await,
        Command::Plan(args) => plan::run(&load_quietly(&layers(Vec::new()))?, &args, output).await,
        Command::Backfill(what) => backfill::run(&load_quietly(&layers(Vec::new()))?, what, output).await,
        Command::Sync(args) => sync::run(&load_quietly(&layers(Vec::new()))?, &args, output).await,
        Command::Reconcile(args) => reconcile::run(&load_quietly(&layers(Vec::new()))?, &args, output).await,
        Command::Doctor => doctor::run(&load_quietly(&layers(Vec::new()))?, output).await,
        Command::Sandbox(args) => {
            without_configuration("sandbox", &layers(Vec::new()))?;
            logging::start("warn", false);
            sandbox::run(&args, output).await
        }
        Command::Config(what) => config::run(what, &layers(Vec::new()), output),
    }
}

/// Refuses a configuration on the command line of a command that has none: it would change nothing.
fn without_configuration(command: &str, layers: &Layers) -> Result<(), Failure> {
    let Some(flag) = layers.on_command_line() else {
        return Ok(());
    };
    let text = format!("`schakel {command}` reads no configuration, so `{flag}` would change nothing");
    Err(Failure::usage("SCH-0106", text).hint(format!(
        "leave it out; `schakel {command} --help` shows what can be chosen"
    )))
}

/// Reads the configuration, says its warnings, and starts logging as it asks for.
fn load(layers: &Layers, output: Output) -> Result<Config, Failure> {
    let config = load_quietly(layers)?;
    for warning in &config.warnings {
        output.warning(warning);
    }
    Ok(config)
}

/// Reads the configuration for a command that only reads, or that shows the warnings itself.
fn load_quietly(layers: &Layers) -> Result<Config, Failure> {
    let config = Config::load(layers)?;
    logging::start(&config.hub.log, config.hub.log_format == "json");
    Ok(config)
}

/// Gives the id of the connection called `name`, which may be one that is configured no more.
async fn connection_id(store: &Store, name: &str) -> Result<ConnectionId, Failure> {
    let rows = store.connections(TENANT).await?;
    let found = rows.iter().find(|row| row.name == name).map(|row| row.id);
    found.ok_or_else(|| {
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        Failure::usage("SCH-0106", format!("the database knows no connection \"{name}\""))
            .hint(format!("it knows {}", names.join(", ")))
    })
}

/// Opens the database to count calls in it, if a hub has made it: some commands work before the first start, too. The schema
/// is left alone. Where nothing can be written, or the schema is an older one, a command goes on without, and says so.
async fn open_if_there(config: &Config, output: Output) -> Result<Option<Store>, Failure> {
    if missing_file(config)?.is_some() {
        return Ok(None);
    }
    let error = match open_to_count(config).await {
        Ok(Some(store)) => return Ok(Some(store)),
        Ok(None) => {
            output.warning(READ_ONLY);
            return Ok(None);
        }
        Err(error) => error,
    };
    match without(&error) {
        Some(said) => {
            if !said.is_empty() {
                output.warning(said);
            }
            Ok(None)
        }
        None => Err(error.into()),
    }
}

/// Opens the database for writing without a change of its schema; `None` where nothing can be written.
async fn open_to_count(config: &Config) -> Result<Option<Store>, StoreError> {
    let url = config.hub.database_url();
    let reader = Store::open(&url, OpenOptions { is_read_only: true }).await?;
    reader.close().await;
    let store = Store::open(&url, OpenOptions::default()).await?;
    if store.may_write().await? {
        return Ok(Some(store));
    }
    store.close().await;
    Ok(None)
}

const READ_ONLY: &str = "this user may not write into the database, so the calls of this command are not counted in the budget; run it as the user of the hub";

/// What is said where a command goes on without the database, nothing where no hub has used it yet; `None` where it must not.
fn without(error: &StoreError) -> Option<&'static str> {
    match error {
        error if error.is_of_rights() => Some(READ_ONLY),
        StoreError::OlderSchema { found: 0, .. } => Some(""),
        StoreError::OlderSchema { .. } => Some(
            "the database was made by an older version, so the calls of this command are not counted in the budget; `schakel serve` brings it up to date",
        ),
        _ => None,
    }
}

/// Gives the file of the configured database where no hub has made it yet; `None` for a server.
fn missing_file(config: &Config) -> Result<Option<PathBuf>, Failure> {
    let file = Store::file_of(&config.hub.database_url())?;
    Ok(file.filter(|file| !file.exists()))
}

/// Opens the database of the configuration.
async fn open(config: &Config, options: OpenOptions) -> Result<Store, Failure> {
    if options.is_read_only
        && let Some(file) = missing_file(config)?
    {
        let text = format!("there is no database yet: {}", file.display());
        return Err(Failure::new("SCH-0205", text).hint(
            "`schakel serve` makes it at its first start; `hub.data` or `--data` names another folder",
        ));
    }
    Ok(Store::open(&config.hub.database_url(), options).await?)
}

#[cfg(test)]
mod tests {
    use schakel_store::BadFile;

    use super::*;

    #[test]
    fn only_an_empty_an_older_and_a_read_only_database_are_done_without() {
        let older = |found| StoreError::OlderSchema { found, known: 2 };
        assert_eq!(without(&older(0)), Some(""));
        assert!(without(&older(1)).is_some_and(|said| said.contains("older version")));
        assert_eq!(without(&StoreError::NewerSchema { found: 3, known: 2 }), None);
        assert_eq!(without(&StoreError::BadUrl(String::new())), None);
        let emptied = StoreError::BadFile {
            path: "schakel.db".into(),
            what: BadFile::Empty,
        };
        assert_eq!(without(&emptied), None, "it may have held everything");
    }
}
