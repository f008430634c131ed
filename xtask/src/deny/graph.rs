//! The dependency graph, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// One version of one crate.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// The crate's name.
    pub(super) name: String,
    /// Its version, as text.
    pub(super) version: String,
    /// Its SPDX expression.
    pub(super) licence: Option<String>,
    /// Whether it is a member of this workspace.
    pub(super) is_ours: bool,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// All packages that are built on this platform, by cargo's id, and who depends on whom.
#[derive(Debug, Default)]
pub(super) struct Graph {
    packages: BTreeMap<String, Package>,
    /// Which ids an id depends on.
    dependencies: BTreeMap<String, Vec<String>>,
    /// Name and version of what is in the shipped binary, as [`Package`] prints itself.
    shipped: BTreeSet<String>,
}

impl Graph {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// Cargo failed, for example because `Cargo.lock` is not up to date, or answered in another shape.
    pub(super) fn read() -> Result<Self> {
        let compiler = process::output(&mut process::command("rustc", &["-vV"]))?;
        let host = compiler
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc names no host")?;
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            host,
        ];
        let text = process::output(&mut process::command("cargo", &arguments))?;
        // The metadata also lists optional crates that only a weak feature names; the tree is what is really built.
        let tree = [
            "tree",
            "--locked",
            "-p",
            "schakel",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--no-dedupe",
        ];
        Self::parse(&text, &process::output(&mut process::command("cargo", &tree))?)
    }

    /// Reads what `cargo metadata` and, for the shipped binary, `cargo tree` printed.
    ///
    /// # Errors
    ///
    /// The metadata is not JSON of that shape.
    pub(super) fn parse(metadata: &str, tree: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata).context("cargo metadata did not print JSON")?;
        let mut graph = Self {
            shipped: tree.lines().filter_map(name_and_version).collect(),
            ..Self::default()
        };
        let nodes = list(&metadata["resolve"], "nodes")?;
        for node in nodes {
            let arrows = list(node, "deps")?
                .iter()
                .map(|arrow| string(arrow, "pkg"))
                .collect::<Result<_>>()?;
            graph.dependencies.insert(string(node, "id")?, arrows);
        }
        for package in list(&metadata, "packages")? {
            let id = string(package, "id")?;
            // cargo lists crates of other platforms too, but resolves only ours.
            if graph.dependencies.contains_key(&id) {
                graph.packages.insert(id, self::package(package)?);
            }
        }
        Ok(graph)
    }

    /// Returns all packages.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// Returns what the binary brings with it when it ships: no build and no dev-dependencies.
    pub(super) fn shipped(&self) -> Vec<&Package> {
        self.packages
            .values()
            .filter(|package| self.shipped.contains(&package.to_string()))
            .collect()
    }

    /// Returns who depends on `package` directly.
    pub(super) fn users(&self, package: &Package) -> Vec<String> {
        self.direct_users(package).map(ToString::to_string).collect()
    }

    /// Returns who depends on `package` directly and ships too.
    pub(super) fn shipped_users(&self, package: &Package) -> Vec<String> {
        let users = self.direct_users(package).map(ToString::to_string);
        users.filter(|user| self.shipped.contains(user)).collect()
    }

    /// Returns which crates of ours depend on `package` directly.
    pub(super) fn our_users(&self, package: &Package) -> Vec<String> {
        self.direct_users(package)
            .filter(|user| user.is_ours)
            .map(|user| user.name.clone())
            .collect()
    }

    fn direct_users(&self, package: &Package) -> impl Iterator<Item = &Package> {
        let is_it = |id: &String| {
            self.packages
                .get(id)
                .is_some_and(|p| p.name == package.name && p.version == package.version)
        };
        let users = self
            .dependencies
            .iter()
            .filter(move |(_, arrows)| arrows.iter().any(is_it));
        users.filter_map(|(id, _)| self.packages.get(id))
    }
}

fn package(value: &Value) -> Result<Package> {
    Ok(Package {
        name: string(value, "name")?,
        version: string(value, "version")?,
        licence: value["license"].as_str().map(ToOwned::to_owned),
        is_ours: value["source"].is_null(),
    })
}

/// Reads a line of `cargo tree`: `syn v3.0.9 (proc-macro)` gives `syn 3.0.9`.
fn name_and_version(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    Some(format!("{name} {}", version.strip_prefix('v')?))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key]
        .as_array()
        .with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn string(value: &Value, key: &str) -> Result<String> {
    value[key]
        .as_str()
        .map(ToOwned::to_owned)
        .with_context(|| format!("cargo metadata has no text `{key}`"))
}
