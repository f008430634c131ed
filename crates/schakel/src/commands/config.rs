//! `schakel config`: shows the configuration.

use crate::cli::ConfigCommand;
use crate::config::{Config, DEFAULT_FILE, Layers};
use crate::error::Exit;
use crate::output::Output;

/// Prints the reference, or the configuration as it counts.
pub(crate) fn run(what: ConfigCommand, layers: &Layers, output: Output) -> anyhow::Result<Exit> {
    if what == ConfigCommand::Default {
        output.raw(DEFAULT_FILE);
        return Ok(Exit::Good);
    }
    let config = Config::load(layers)?;
    for warning in &config.warnings {
        output.warning(warning);
    }
    let lines = config.lines();
    output.value(&lines);
    let rows: Vec<Vec<String>> = lines
        .into_iter()
        .map(|line| vec![line.key, line.value, line.origin])
        .collect();
    output.table(&["key", "value", "from"], &rows);
    Ok(Exit::Good)
}
