//! What `deny.toml` says.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::graph::Package;
use crate::workspace;

/// A version of a crate that may ship beside another one.
#[derive(Debug, Clone)]
pub(super) struct Skip {
    /// The crate's name.
    pub(super) name: String,
    /// The start of the version: `0.10` stands for all of `0.10.x`.
    pub(super) version: String,
}

impl Skip {
    /// Returns whether `package` is meant.
    pub(super) fn matches(&self, package: &Package) -> bool {
        let rest = package.version.strip_prefix(&self.version);
        package.name == self.name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The parts of `deny.toml` that are checked here.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// SPDX names, some with their exception.
    pub(super) licences: Vec<String>,
    /// Duplicates that are known.
    pub(super) skipped: Vec<Skip>,
    /// Names of crates that must not be in the tree, with the reason.
    pub(super) banned: Vec<(String, String)>,
}

impl Policy {
    /// Reads `deny.toml` from the root.
    ///
    /// # Errors
    ///
    /// It cannot be read, or an entry lacks its reason.
    pub(super) fn read() -> Result<Self> {
        let path = workspace::root().join("deny.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    /// Reads the text of a `deny.toml`.
    ///
    /// # Errors
    ///
    /// It is not TOML, or an entry lacks its reason.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("deny.toml is not TOML")?;
        let entries = |section: &str, key: &str| -> Vec<Value> {
            table
                .get(section)
                .and_then(|s| s.get(key))
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let licences = entries("licenses", "allow")
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect();
        let banned = entries("bans", "deny").iter().map(entry).collect::<Result<_>>()?;
        let mut skipped = Vec::new();
        for (spec, _) in entries("bans", "skip")
            .iter()
            .map(entry)
            .collect::<Result<Vec<_>>>()?
        {
            let (name, version) = spec
                .split_once('@')
                .with_context(|| format!("`{spec}` has no version"))?;
            skipped.push(Skip {
                name: name.to_owned(),
                version: version.to_owned(),
            });
        }
        Ok(Self {
            licences,
            skipped,
            banned,
        })
    }
}

/// Returns the crate of an entry and its reason, which may not be missing.
fn entry(value: &Value) -> Result<(String, String)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let name = text("crate").with_context(|| format!("an entry of deny.toml has no `crate`: {value}"))?;
    let reason = text("reason").with_context(|| format!("deny.toml gives no reason for {name}"))?;
    Ok((name, reason))
}
