//! Checks of our dependencies: licences, duplicates and bans.
//!
//! `deny.toml` holds what is allowed and why, in the format of cargo-deny, so that both tools say the same; here it is
//! checked from `cargo metadata` alone, so that CI compiles no tool. Looked at is what is built on this platform.

mod expression;
mod graph;
mod policy;

use anyhow::{Result, bail};

use graph::{Graph, Package};
use policy::Policy;

/// Crates that our own crates must not name, although dependencies may bring them, and the reason.
const NOT_DIRECTLY: [(&str, &str); 5] = [
    ("chrono", "jiff is our crate for times"),
    ("time", "jiff is our crate for times"),
    (
        "regex",
        "a slow crate to compile; the formats that we read have parsers of their own",
    ),
    (
        "reqwest",
        "the door to the network is hyper behind core's Http trait, see docs/adr/0004",
    ),
    (
        "figment",
        "configuration is plain toml and environment, see docs/adr/0005",
    ),
];

/// Checks that every dependency can be had under a licence that `deny.toml` allows.
///
/// # Errors
///
/// The findings, or what could not be read.
pub(crate) fn licences() -> Result<()> {
    report("licences", &licence_findings(&Graph::read()?, &Policy::read()?))
}

/// Checks that nothing ships in two versions, except what `deny.toml` lists with a reason.
///
/// # Errors
///
/// The findings, or what could not be read.
pub(crate) fn duplicates() -> Result<()> {
    report(
        "duplicates",
        &duplicate_findings(&Graph::read()?, &Policy::read()?),
    )
}

/// Checks that no crate is used that must not be.
///
/// # Errors
///
/// The findings, or what could not be read.
pub(crate) fn bans() -> Result<()> {
    report("bans", &ban_findings(&Graph::read()?, &Policy::read()?))
}

fn report(name: &str, findings: &[String]) -> Result<()> {
    for finding in findings {
        eprintln!("{name}: {finding}");
    }
    match findings.len() {
        0 => {
            eprintln!("{name}: nothing found");
            Ok(())
        }
        count => bail!("{name}: {count} to mend"),
    }
}

fn licence_findings(graph: &Graph, policy: &Policy) -> Vec<String> {
    let foreign = graph.packages().filter(|package| !package.is_ours);
    let judge = |package: &Package| match &package.licence {
        None => Some(format!("{package} states no licence")),
        Some(text) => match expression::is_allowed(text, &policy.licences) {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "{package} is under `{text}`, which deny.toml does not allow"
            )),
            Err(error) => Some(format!("{package} has the licence `{text}`: {error}")),
        },
    };
    foreign.filter_map(judge).collect()
}

fn duplicate_findings(graph: &Graph, policy: &Policy) -> Vec<String> {
    let shipped = graph.shipped();
    let mut findings = Vec::new();
    let mut remaining: Vec<&Package> = Vec::new();
    for package in &shipped {
        let twins = shipped.iter().filter(|other| other.name == package.name).count();
        if twins > 1 && !policy.skipped.iter().any(|skip| skip.matches(package)) {
            remaining.push(package);
        }
    }
    for package in &remaining {
        let first = remaining.iter().find(|other| other.name == package.name);
        if let Some(first) = first.filter(|first| first.version != package.version) {
            let users = graph.shipped_users(package).join(", ");
            findings.push(format!("{package} ships beside {first}; it is used by {users}"));
        }
    }
    for skip in &policy.skipped {
        let versions = shipped.iter().filter(|package| package.name == skip.name).count();
        if versions < 2 || !shipped.iter().any(|package| skip.matches(package)) {
            findings.push(format!(
                "deny.toml still excuses {}@{}, which is no duplicate any more",
                skip.name, skip.version
            ));
        }
    }
    findings
}

fn ban_findings(graph: &Graph, policy: &Policy) -> Vec<String> {
    let mut findings = Vec::new();
    for package in graph.packages() {
        let users = || graph.users(package).join(", ");
        if let Some((_, reason)) = policy.banned.iter().find(|(name, _)| *name == package.name) {
            findings.push(format!(
                "{package} is banned ({reason}); it is used by {}",
                users()
            ));
        }
        if let Some((_, reason)) = NOT_DIRECTLY.iter().find(|(name, _)| *name == package.name) {
            let ours = graph.our_users(package);
            if !ours.is_empty() {
                findings.push(format!("{} must not use {package}: {reason}", ours.join(", ")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
