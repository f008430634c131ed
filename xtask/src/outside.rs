//! Installs the clients that we did not write, for the tests of the simulators.
//!
//! The lists in `crates/sandbox/tests/clients/` name each package with version and hash. Whatever is installed goes into
//! a folder below `target/`; nothing outside it is touched.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use schakel_testkit::{find_program, outside};

use crate::{process, workspace};

/// Where the lists are, from the root.
const LISTS: &str = "crates/sandbox/tests/clients";

/// The clients of one registry.
struct Kind {
    name: &'static str,
    /// The folder they go into, below [`outside::folder`].
    folder: &'static str,
    /// The files that say what is to be there; installed again when one changes.
    lists: &'static [&'static str],
    find: fn() -> Option<String>,
    /// Fills the empty folder that it is given.
    fill: fn(&Self, &Path) -> Result<()>,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "foreign clients from npm",
        folder: "node",
        lists: &["package.json", "package-lock.json"],
        find: find_node,
        fill: fill_node,
    },
    Kind {
        name: "foreign clients from PyPI",
        folder: "python",
        lists: &["python.lock"],
        find: find_python,
        fill: fill_python,
    },
];

/// Installs what is not there yet, says what there is, and returns the names of what could not be installed.
pub(crate) fn install() -> Vec<&'static str> {
    let mut absent = Vec::new();
    for kind in &KINDS {
        if (kind.find)().is_none() {
            // What runs them is named as missing already.
            continue;
        }
        let folder = outside::folder().join(kind.folder);
        match install_into(kind, &folder) {
            Ok(()) => eprintln!("{}: in {}", kind.name, folder.display()),
            Err(error) => {
                eprintln!("{}: missing, their tests will be skipped; {error:#}", kind.name);
                absent.push(kind.name);
            }
        }
    }
    absent
}

/// Returns the version of Node.js where npm is there too.
pub(crate) fn find_node() -> Option<String> {
    find_program("npm")?;
    let mut command = process::command("node", &["--version"]);
    process::output(&mut command)
        .ok()
        .map(|version| version.trim().to_owned())
}

/// Returns the version of Python where it can make environments.
pub(crate) fn find_python() -> Option<String> {
    find_program("python3")?;
    let line = "import ensurepip, platform, venv; print(platform.python_version())";
    let mut command = process::command("python3", &["-c", line]);
    command.stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn install_into(kind: &Kind, folder: &Path) -> Result<()> {
    let wanted = stamp(kind)?;
    let stamp_file = folder.join("installed");
    if fs::read_to_string(&stamp_file).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    (kind.fill)(kind, folder)?;
    // Last, so that a run that was cut short is done again.
    fs::write(&stamp_file, wanted).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// Returns the text of the lists and the version of what runs the clients: with another one they are made anew.
fn stamp(kind: &Kind) -> Result<String> {
    let mut stamp = (kind.find)().unwrap_or_default();
    for list in kind.lists {
        let path = workspace::root().join(LISTS).join(list);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        stamp.push('\n');
        stamp.push_str(&text);
    }
    Ok(stamp)
}

fn fill_node(kind: &Kind, folder: &Path) -> Result<()> {
    for list in kind.lists {
        let from = workspace::root().join(LISTS).join(list);
        fs::copy(&from, folder.join(list)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // No scripts: what a package would run at its installation is not needed.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    process::run(process::command("npm", &arguments).current_dir(folder))
}

fn fill_python(kind: &Kind, folder: &Path) -> Result<()> {
    let place = folder.to_string_lossy();
    process::run(&mut process::command("python3", &["-m", "venv", &place]))?;
    let pip = folder.join("bin/pip");
    let lists: Vec<String> = kind.lists.iter().map(|list| format!("{LISTS}/{list}")).collect();
    let mut arguments = vec![
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        // Nothing is built here, so no package runs a script of its own.
        "--only-binary=:all:",
    ];
    arguments.extend(lists.iter().flat_map(|list| ["-r", list]));
    process::run(&mut process::command(&pip.to_string_lossy(), &arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_with_a_hash() {
        let read = |list: &str| fs::read_to_string(workspace::root().join(LISTS).join(list)).unwrap();
        let python = read("python.lock");
        let packages = python
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
        assert!(packages.clone().count() > 0);
        for line in packages {
            assert!(line.contains("=="), "{line}");
        }
        assert!(python.contains("--hash=sha256:"));
        let node = read("package-lock.json");
        assert_eq!(
            node.matches("\"node_modules/").count(),
            node.matches("\"integrity\"").count()
        );
        assert!(!node.contains("\"resolved\""), "the address of a registry");
    }
}
