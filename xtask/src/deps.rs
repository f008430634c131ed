//! `cargo xtask deps`: what the tests need besides Rust, from the distribution's packages, and foreign clients.
//!
//! Installing needs root and `apt-get` (Debian, Ubuntu). Where that is not to be had, the command says what will be
//! skipped and goes on; with `CI` set that is an error, since a run that skipped half its tests proves nothing.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use schakel_testkit::{browser, find_program, outside as outside_clients, postgres, tempdir, variable};

use crate::{outside, process};

/// One thing that tests need.
struct Service {
    name: &'static str,
    packages: &'static [&'static str],
    advice: &'static str,
    /// Returns what was found, for a person to read.
    find: fn() -> Option<String>,
}

const SERVICES: [Service; 4] = [
    Service {
        name: "PostgreSQL",
        packages: &["postgresql"],
        advice: postgres::ADVICE,
        find: find_postgres,
    },
    Service {
        name: "Chromium",
        packages: &["chromium", "chromium-driver", "fonts-dejavu"],
        advice: browser::ADVICE,
        find: find_browser,
    },
    Service {
        name: "Node.js",
        packages: &["nodejs", "npm"],
        advice: outside_clients::NODE_ADVICE,
        find: outside::find_node,
    },
    Service {
        name: "Python",
        packages: &["python3", "python3-venv"],
        advice: outside_clients::PYTHON_ADVICE,
        find: outside::find_python,
    },
];

/// Finds or installs the services, and prints what there is.
///
/// # Errors
///
/// With `CI` set: a service is missing and cannot be installed.
pub(crate) fn run() -> Result<()> {
    let missing: Vec<&Service> = SERVICES
        .iter()
        .filter(|service| (service.find)().is_none())
        .collect();
    if !missing.is_empty()
        && let Err(error) = install(&missing)
    {
        eprintln!("cannot install packages: {error:#}");
    }
    let mut absent = Vec::new();
    for service in &SERVICES {
        match (service.find)() {
            Some(found) => eprintln!("{}: {found}", service.name),
            None => {
                eprintln!(
                    "{}: missing, its tests will be skipped; {}",
                    service.name, service.advice
                );
                absent.push(service.name);
            }
        }
    }
    absent.extend(outside::install());
    if !absent.is_empty() && is_ci() {
        bail!(
            "CI is set, so tests may not be skipped, but there is no {}",
            absent.join(" and no ")
        );
    }
    Ok(())
}

/// Returns whether we run where every test must run (`CI` is set and not `false`).
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

fn find_postgres() -> Option<String> {
    if variable("TEST_DATABASE_URL").is_some() {
        return Some("the server in TEST_DATABASE_URL".to_owned());
    }
    let programs = postgres::Programs::find()?;
    Some(format!(
        "{} in {}",
        programs.version(),
        programs.folder().display()
    ))
}

fn find_browser() -> Option<String> {
    browser::find().map(|path| path.display().to_string())
}

fn install(missing: &[&Service]) -> Result<()> {
    let Some(apt) = find_program("apt-get") else {
        bail!("there is no apt-get here")
    };
    let mut prefix: Vec<&str> = Vec::new();
    if !is_root() {
        if !sudo_asks_nothing() {
            bail!("it needs root, or sudo without a password");
        }
        prefix.push("sudo");
    }
    // Through env, so that sudo does not drop the variable that keeps the packages from asking questions.
    prefix.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
    let apt = apt.to_string_lossy();
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|service| service.packages)
        .copied()
        .collect();
    let update = [&prefix[1..], &[&*apt, "update", "-qq"]].concat();
    process::run(&mut process::command(prefix[0], &update))?;
    let install = [
        &prefix[1..],
        &[&*apt, "install", "-y", "-qq", "--no-install-recommends"],
        &packages,
    ]
    .concat();
    process::run(&mut process::command(prefix[0], &install))
}

fn sudo_asks_nothing() -> bool {
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    sudo.status().is_ok_and(|status| status.success())
}

/// Returns whether we are root: what we make belongs to root then.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(tempdir().path()).is_ok_and(|folder| folder.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_says_what_to_do_without_it() {
        for service in &SERVICES {
            assert!(service.advice.contains("cargo xtask deps"), "{}", service.name);
            assert!(
                service
                    .packages
                    .iter()
                    .any(|package| service.advice.contains(package)),
                "{}",
                service.name
            );
        }
    }
}
