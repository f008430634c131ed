//! `cargo xtask ci`: everything that the project demands of a change, the quick checks first.

use anyhow::Result;

use crate::{deny, fidelity, process, test, tidy};

/// Runs all checks and all tests; the first failure ends it.
///
/// # Errors
///
/// A check or a test failed; its own output says which.
pub(crate) fn run() -> Result<()> {
    process::run(&mut process::command("cargo", &["fmt", "--all", "--check"]))?;
    tidy::run()?;
    fidelity::run(&["--check".to_owned()])?;
    deny::licences()?;
    deny::duplicates()?;
    deny::bans()?;
    if process::has_cargo_extension("deny") {
        // No advisories: their list is fetched from outside, and a build must not depend on what was published today.
        process::run(&mut process::command(
            "cargo",
            &["deny", "--locked", "check", "bans", "licenses", "sources"],
        ))?;
    }
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    process::run(&mut process::command("cargo", &clippy))?;
    test::run(&[])
}
