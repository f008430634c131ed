//! The configuration: `schakel.toml` under the environment and the command line, checked and typed.
//!
//! Order: defaults, file, `SCHAKEL_A__B`, `--set` and flags; the later one counts (docs/adr/0005). Unknown keys are
//! refused with a guess. This module is the only place that reads the environment and the files of the operator.

mod schema;
mod source;

mod typed;

mod check;
mod show;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use schema::{guess, span_ms};
pub(crate) use typed::{
    ConnectionConfig, CopernicaConfig, HubConfig, LightspeedConfig, Newsletter, OrderId, RouteConfig, Scope,
};

use crate::error::Failure;
use source::{Sections, Told};

/// The reference of all keys, with the defaults.
pub(crate) const DEFAULT_FILE: &str = include_str!("../../schakel.default.toml");

/// The file that is read when none is named.
pub(crate) const FILE_NAME: &str = "schakel.toml";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere: the default.
    Default,
    /// In the file; line and column count from 1.
    File {
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// In this variable.
    Environment(String),
    /// On the command line.
    Flag,
}

impl Origin {
    /// Tells whether both were written in the file, both in the environment, or both on the command line.
    fn is_same_place(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line, column: 0 } => write!(f, "line {line}"),
            Self::File { line, column } => write!(f, "line {line}, column {column}"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    origin: Origin,
    text: String,
}

impl Complaint {
    fn at(origin: &Origin, text: String) -> Self {
        Self {
            origin: origin.clone(),
            text,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Default => f.write_str(&self.text),
            _ => write!(f, "{}: {}", self.origin, self.text),
        }
    }
}

/// What configuration is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    /// The file that was asked for; without one [`FILE_NAME`] is read.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Paths with values of the command line, such as `hub.log` and `debug`.
    pub flags: Vec<(String, String)>,
}

impl Layers {
    /// Takes the environment of the process.
    pub(crate) fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let variables = std::env::vars_os();
        let environment =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            file,
            environment: environment.collect(),
            flags,
        }
    }

    /// Gives what the command line says of the configuration, in its own words; `None` when it says nothing.
    pub(crate) fn on_command_line(&self) -> Option<String> {
        if let Some((key, value)) = self.flags.first() {
            return Some(format!("--set {key}={value}"));
        }
        let file = self.file.as_ref()?.to_str();
        // The variable is there for all commands; only the flag asks this one for something.
        let of_environment = self.environment.get("SCHAKEL_CONFIG").map(String::as_str);
        (file.is_none() || file != of_environment).then(|| "--config".to_owned())
    }
}

/// The whole configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// `[hub]`.
    pub hub: HubConfig,
    /// The connections, in the order of the file.
    pub connections: Vec<ConnectionConfig>,
    /// The routes, in the order of the file.
    pub routes: Vec<RouteConfig>,
    /// What works but is unwise.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: PathBuf,
    sections: Sections,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// `SCH-0101` without a file, `SCH-0102` when something in it is wrong, with every fault that was found.
    pub(crate) fn load(layers: &Layers) -> Result<Self, Failure> {
        let file = layers.file.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
        let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        Self::of_text(&text, &file, layers)
    }

    /// Reads the configuration from the text of `file`.
    fn of_text(text: &str, file: &Path, layers: &Layers) -> Result<Self, Failure> {
        let mut sections = source::file(text).map_err(|complaints| wrong(file, &complaints))?;
        let mut complaints = source::environment(&mut sections, &layers.environment);
        complaints.extend(source::flags(&mut sections, &layers.flags));
        complaints.extend(complete(&mut sections));
        if !complaints.is_empty() {
            return Err(wrong(file, &complaints));
        }
        let (hub, connections, routes) = typed::read(&sections, file)?;
        let mut config = Self {
            hub,
            connections,
            routes,
            warnings: Vec::new(),
            file: file.to_owned(),
            sections,
        };
        let complaints = check::combinations(&config);
        if !complaints.is_empty() {
            return Err(wrong(file, &complaints));
        }
        config.warnings = check::warnings(&config);
        Ok(config)
    }

    /// Gives the names of the connections that give data.
    pub(crate) fn sources(&self) -> BTreeSet<String> {
        let shops = self
            .connections
            .iter()
            .filter(|connection| matches!(connection, ConnectionConfig::Lightspeed(_)));
        shops.map(|shop| shop.name().to_owned()).collect()
    }

    /// Gives the names of all connections.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let names = self.connections.iter().map(ConnectionConfig::name);
        names.map(str::to_owned).collect()
    }

    /// Gives the connection called `name`.
    pub(crate) fn connection(&self, name: &str) -> Option<&ConnectionConfig> {
        self.connections
            .iter()
            .find(|connection| connection.name() == name)
    }
}

/// Fills in the defaults and complains about keys that must be written.
fn complete(sections: &mut Sections) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let all = std::iter::once(&mut sections.hub)
        .chain(&mut sections.connections)
        .chain(&mut sections.routes);
    for section in all {
        for key in section.keys {
            if section.values.contains_key(key.name) {
                continue;
            }
            match key.default_value() {
                Some(value) => {
                    section.values.insert(
                        key.name,
                        Told {
                            value,
                            origin: Origin::Default,
                        },
                    );
                }
                None => {
                    let origin = Origin::File {
                        line: section.line,
                        column: 0,
                    };
                    complaints.push(Complaint::at(
                        &origin,
                        format!("{} needs the key `{}`", section.title, key.name),
                    ));
                }
            }
        }
    }
    complaints
}

fn unreadable(file: &Path, error: std::io::Error) -> Failure {
    Failure::usage(
        "SCH-0101",
        format!("the configuration file {} cannot be read", file.display()),
    )
    .caused_by(error)
    .hint("write one with `schakel config default > schakel.toml`, or name another with `--config FILE`")
}

fn wrong(file: &Path, complaints: &[Complaint]) -> Failure {
    let lines: Vec<String> = complaints
        .iter()
        .map(|complaint| format!("{}: {complaint}", file.display()))
        .collect();
    let count = if lines.len() == 1 {
        "a fault".to_owned()
    } else {
        format!("{} faults", lines.len())
    };
    Failure::usage("SCH-0102", format!("the configuration has {count}"))
        .details(lines)
        .hint("`schakel config default` prints every key with its meaning")
}
