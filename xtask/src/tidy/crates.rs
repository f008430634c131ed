//! Who may depend on whom, from the manifests. The table of ARCHITECTURE.md, "Borders", says the same in prose.

use toml::{Table, Value};

use super::Finding;
use crate::workspace::TextFile;

/// What one crate of ours may depend on.
struct Border {
    /// The folder under `crates/`, or `xtask`.
    folder: &'static str,
    /// Crates of ours that it may use.
    ours: &'static [&'static str],
    /// Foreign crates that it must not know, because another crate of ours keeps them to itself.
    not_foreign: &'static [&'static str],
}

const BORDERS: [Border; 9] = [
    Border {
        folder: "core",
        ours: &[],
        not_foreign: &["axum", "hyper", "sqlx", "sqlx-core", "tokio"],
    },
    Border {
        folder: "store",
        ours: &["schakel-core"],
        not_foreign: &["axum", "hyper"],
    },
    Border {
        folder: "connectors",
        ours: &["schakel-core"],
        not_foreign: &["axum", "hyper", "sqlx", "sqlx-core", "tokio"],
    },
    Border {
        folder: "sandbox",
        ours: &[],
        not_foreign: &["sqlx", "sqlx-core"],
    },
    Border {
        folder: "engine",
        ours: &["schakel-core", "schakel-store"],
        not_foreign: &["axum", "sqlx", "sqlx-core"],
    },
    Border {
        folder: "server",
        ours: &["schakel-core", "schakel-store", "schakel-engine"],
        not_foreign: &["sqlx", "sqlx-core"],
    },
    Border {
        folder: "schakel",
        ours: &[
            "schakel-core",
            "schakel-store",
            "schakel-connectors",
            "schakel-engine",
            "schakel-sandbox",
            "schakel-server",
        ],
        not_foreign: &["sqlx", "sqlx-core"],
    },
    Border {
        folder: "testkit",
        ours: &[],
        not_foreign: &[],
    },
    Border {
        folder: "xtask",
        ours: &["schakel-testkit"],
        not_foreign: &["clap", "tokio"],
    },
];

/// Crates of ours that every crate may use in its tests.
const FOR_TESTS: [&str; 2] = ["schakel-sandbox", "schakel-testkit"];

/// Checks the dependencies of all our manifests.
pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Some(folder) = manifest_folder(&file.path) else {
            continue;
        };
        match (
            BORDERS.iter().find(|border| border.folder == folder),
            file.text.parse::<Table>(),
        ) {
            (Some(border), Ok(manifest)) => check_manifest(file, border, &manifest, &mut findings),
            (None, _) => findings.push(Finding::at(
                file,
                0,
                "this crate is not in the table of xtask/src/tidy/crates.rs",
            )),
            (_, Err(error)) => findings.push(Finding::at(file, 0, format!("not TOML: {error}"))),
        }
    }
    findings
}

fn manifest_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let folder = folder.strip_prefix("crates/").unwrap_or(folder);
    (!folder.contains('/')).then_some(folder)
}

fn check_manifest(file: &TextFile, border: &Border, manifest: &Table, findings: &mut Vec<Finding>) {
    let mut find =
        |name: &str, message: String| findings.push(Finding::at(file, line_of(&file.text, name), message));
    for section in ["dependencies", "build-dependencies"] {
        for name in names(manifest, section) {
            if name.starts_with("schakel-") && !border.ours.contains(&name) {
                find(name, format!("{} may not depend on {name}", border.folder));
            }
            if border.not_foreign.contains(&name) {
                find(name, format!("{} must not know {name}", border.folder));
            }
        }
    }
    for name in names(manifest, "dev-dependencies") {
        // A simulator that is tested with our own code would only prove that we agree with ourselves.
        if border.folder == "sandbox" && name.starts_with("schakel-") && !FOR_TESTS.contains(&name) {
            find(
                name,
                format!("sandbox may not know {name}, not even in its tests"),
            );
        }
    }
}

fn names<'a>(manifest: &'a Table, section: &str) -> Vec<&'a str> {
    let table = manifest.get(section).and_then(Value::as_table);
    table
        .map(|table| table.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn line_of(text: &str, name: &str) -> usize {
    text.lines()
        .position(|line| line.starts_with(name))
        .map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{file, lines};

    fn found(folder: &str, manifest: &str) -> Vec<String> {
        lines(&check(&[file(&format!("crates/{folder}/Cargo.toml"), manifest)]))
    }

    #[test]
    fn finds_a_dependency_against_the_arrows() {
        assert_eq!(
            found("core", "[dependencies]\nschakel-store.workspace = true\n"),
            ["crates/core/Cargo.toml:2: core may not depend on schakel-store"]
        );
        assert_eq!(
            found(
                "server",
                "[dependencies]\nschakel-core.workspace = true\nschakel-connectors.workspace = true\n"
            ),
            ["crates/server/Cargo.toml:3: server may not depend on schakel-connectors"]
        );
    }

    #[test]
    fn finds_a_driver_outside_the_store() {
        assert_eq!(
            found("engine", "[dependencies]\nsqlx.workspace = true\n"),
            ["crates/engine/Cargo.toml:2: engine must not know sqlx"]
        );
    }

    #[test]
    fn allows_what_tests_need_but_not_ours_in_the_sandbox() {
        assert!(found("store", "[dev-dependencies]\nschakel-testkit.workspace = true\n").is_empty());
        assert!(found("connectors", "[dev-dependencies]\ntokio.workspace = true\n").is_empty());
        assert_eq!(
            found("sandbox", "[dev-dependencies]\nschakel-core.workspace = true\n"),
            ["crates/sandbox/Cargo.toml:2: sandbox may not know schakel-core, not even in its tests"]
        );
    }

    #[test]
    fn finds_the_test_tools_in_what_ships() {
        assert_eq!(
            found("schakel", "[dependencies]\nschakel-testkit.workspace = true\n"),
            ["crates/schakel/Cargo.toml:2: schakel may not depend on schakel-testkit"]
        );
    }

    #[test]
    fn finds_a_crate_that_nobody_placed() {
        assert_eq!(
            found("extra", ""),
            ["crates/extra/Cargo.toml: this crate is not in the table of xtask/src/tidy/crates.rs"]
        );
    }
}
