//! The demo ends only when both ends agree, on both databases.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use schakel_testkit::{tempdir, wait_until};

use crate::process::{END, schakel};

fn demo(arguments: &[&str]) -> Output {
    schakel()
        .args(["demo", "--exit", "--json"])
        .args(arguments)
        .output()
        .unwrap()
}

/// Reads one number of the summary by its name; the summary is one flat enough line of JSON.
fn number(summary: &str, name: &str) -> f64 {
    let at = summary
        .find(&format!("\"{name}\":"))
        .unwrap_or_else(|| panic!("no {name} in {summary}"));
    let rest = &summary[at + name.len() + 3..];
    let end = rest.find([',', '}']).unwrap();
    rest[..end].parse().unwrap()
}

fn assert_agrees(output: &Output, orders: f64) -> String {
    let summary = String::from_utf8(output.stdout.clone()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{summary}\n{said}");
    assert_eq!(summary.lines().count(), 1, "one object on stdout: {summary}");
    for name in [
        "duplicate_profiles",
        "duplicate_subprofiles",
        "mismatches",
        "differences",
        "waiting",
        "quarantined",
    ] {
        assert!(
            number(&summary, name).abs() < f64::EPSILON,
            "{name}: {summary}\n{said}"
        );
    }
    let sum = ["applied", "duplicate", "superseded", "quarantined"]
        .map(|name| number(&summary, name))
        .iter()
        .sum::<f64>();
    assert!(
        (number(&summary, "received") - sum).abs() < f64::EPSILON,
        "{summary}"
    );
    assert!(
        (number(&summary, "order_rows") - 3.0 * orders).abs() < f64::EPSILON,
        "{summary}"
    );
    assert_eq!(
        summary.matches("\"orders\":").count(),
        3,
        "placed, in the sink and in the shop: {summary}"
    );
    for name in ["duplicate", "merges"] {
        assert!(
            number(&summary, name) > 0.0,
            "a run without {name} shows nothing of it: {summary}"
        );
    }
    summary
}

#[test]
fn both_ends_agree_on_sqlite() {
    assert_agrees(&demo(&["--orders", "300", "--seed", "3"]), 300.0);
}

#[test]
fn webhooks_that_come_twice_at_once_are_counted_and_cost_nothing() {
    let once = assert_agrees(&demo(&["--orders", "200", "--seed", "5"]), 200.0);
    let twice = assert_agrees(&demo(&["--orders", "200", "--seed", "5", "--twice"]), 200.0);
    assert!(
        number(&twice, "duplicate") >= number(&twice, "received") / 2.0 - 1.0,
        "{twice}"
    );
    assert!(
        (number(&once, "profiles") - number(&twice, "profiles")).abs() < f64::EPSILON,
        "{once}{twice}"
    );
}

#[test]
fn both_ends_agree_on_postgresql() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    assert_agrees(
        &demo(&["--orders", "300", "--seed", "3", "--database", database.url()]),
        300.0,
    );
}

// It was called after the number of the process, readable for all, and a signal left it behind.
#[test]
fn the_temporary_folder_is_private_and_goes_away_with_a_signal() {
    let place = tempdir();
    let found = || std::fs::read_dir(place.path()).unwrap().next();
    let mut demo = schakel()
        .args(["demo", "--exit", "--orders", "1000000"])
        .env("TMPDIR", place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_begun = |folder: &Path| folder.join("schakel.db").exists();
    let has_begun = wait_until(END, || {
        found().is_some_and(|folder| is_begun(&folder.unwrap().path()))
    });
    assert!(has_begun, "the demo does not begin");
    let folder = found().unwrap().unwrap();
    let mode = folder.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others may not read it");
    let id = demo.id().to_string();
    assert!(!folder.file_name().to_str().unwrap().ends_with(&format!("-{id}")));
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    assert!(found().is_none(), "the folder stays behind");
}

#[test]
fn a_configuration_that_would_change_nothing_is_refused() {
    for flag in [["--set", "bogus.key=1"], ["--config", "/nonexistent"]] {
        let refused = schakel()
            .args(["demo", "--exit", "--orders", "1"])
            .args(flag)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("SCH-0106") && said.contains(flag[0]), "{said}");
    }
    let given = tempdir();
    let demo = schakel()
        .args(["demo", "--exit", "--orders", "1", "--data"])
        .arg(given.path())
        .env("SCHAKEL_CONFIG", "elsewhere.toml")
        .output()
        .unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
}
