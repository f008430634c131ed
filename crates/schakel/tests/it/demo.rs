//! The demo ends only when both ends agree, on both databases.

use std::process::Output;

use crate::process::schakel;

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
        2,
        "placed and in the sink: {summary}"
    );
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
