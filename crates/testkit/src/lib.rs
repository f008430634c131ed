//! What tests need around them: a PostgreSQL server, a browser, foreign clients, temporary folders and patience.
//!
//! For tests and `xtask` only; nothing that ships depends on this crate (`cargo xtask tidy` checks it). It knows
//! nothing of Schakel and has no dependencies, so every other crate may use it.
//!
//! A service that is missing is not a failed test on a developer's machine: the functions here answer `None` after
//! printing a line that starts with `skipped:`. With `SCHAKEL_TEST_REQUIRE_SERVICES=1`, which `cargo xtask test`
//! sets when `CI` is set, they panic instead and say what to install.

pub mod browser;
mod folder;
pub mod outside;
mod patience;
pub mod postgres;
mod variable;

pub use folder::{TempDir, tempdir};
pub use patience::wait_until;
pub use variable::{services_are_required, variable};

use std::path::PathBuf;

/// Returns the first executable called `name` on `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    path.split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|p| p.is_file())
}

/// Prints why a test does less than it could.
#[expect(
    clippy::print_stderr,
    reason = "the test runner collects this line; there is no other place to say it"
)]
pub(crate) fn say_skipped(why: &str) {
    eprintln!("skipped: {why}");
}
