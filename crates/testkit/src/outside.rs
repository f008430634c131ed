//! Clients of the simulated systems that we did not write, in a folder below `target/`.
//!
//! `cargo xtask deps` installs them there from the lists in `crates/sandbox/tests/clients/`; the tests only look.

use std::path::{Path, PathBuf};

use crate::{find_program, say_skipped, services_are_required, variable};

/// What to do where there is no interpreter for clients from npm.
pub const NODE_ADVICE: &str = "install it with `cargo xtask deps`, or the packages nodejs and npm by hand";
/// What to do where there is no interpreter for clients from PyPI.
pub const PYTHON_ADVICE: &str =
    "install it with `cargo xtask deps`, or the packages python3 and python3-venv by hand";

/// Returns the folder that clients are installed into: `node/` and `python/` lie in it.
pub fn folder() -> PathBuf {
    let own = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned());
    let own = Path::new(&own);
    let root = own.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap_or(own).join("target/outside-clients")
}

/// A program of Node.js packages: what runs it, and the folder whose `node_modules` it uses.
#[derive(Debug)]
pub struct Node {
    /// The interpreter.
    pub program: PathBuf,
    /// The folder with `node_modules`.
    pub folder: PathBuf,
}

/// Finds Node.js and the installed package `name`, or says that the test is skipped.
///
/// # Panics
///
/// Without it while services are required.
pub fn node(name: &str) -> Option<Node> {
    let folder = folder().join("node");
    let is_installed = folder.join("node_modules").join(name).is_dir();
    let program = find_program("node").filter(|_| is_installed);
    found(program, name, NODE_ADVICE).map(|program| Node { program, folder })
}

/// Finds the installed Python program `name`, or says that the test is skipped.
///
/// # Panics
///
/// Without it while services are required.
pub fn python(name: &str) -> Option<PathBuf> {
    let program = folder().join("python/bin").join(name);
    found(program.is_file().then_some(program), name, PYTHON_ADVICE)
}

fn found(program: Option<PathBuf>, name: &str, advice: &str) -> Option<PathBuf> {
    if program.is_none() {
        let message = format!("no {name} for tests: {advice}");
        assert!(!services_are_required(), "{message}");
        say_skipped(&message);
    }
    program
}
