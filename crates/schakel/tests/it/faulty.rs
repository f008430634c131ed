//! The demo ends with both ends alike while everything goes wrong that can, on both databases.

use serde_json::Value;

use crate::process::schakel;

/// Few enough for a test: about every other call is spoilt, and who is spoilt again and again waits longer and longer.
const ORDERS: u64 = 5;

/// Which calls are spoilt how.
const SEED: &str = "119";

/// Runs a demo in which calls and webhooks go wrong, and reads its summary.
fn spoilt(arguments: &[&str]) -> Value {
    let output = schakel()
        .args(["demo", "--exit", "--json", "--faults", "5"])
        .args(["--orders", &ORDERS.to_string(), "--seed", SEED])
        .args(arguments)
        .output()
        .unwrap();
    let (said, warned) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{warned}");
    serde_json::from_str(&said).unwrap()
}

fn assert_alike(summary: &Value) {
    let number = |name: &str| {
        let found = summary.pointer(name).and_then(Value::as_u64);
        found.unwrap_or_else(|| panic!("no {name} in {summary}"))
    };
    for name in [
        "/sink/duplicate_profiles",
        "/sink/duplicate_subprofiles",
        "/sink/mismatches",
        "/waiting",
        "/quarantined",
        "/set_aside_of_fetches",
        "/dead",
    ] {
        assert_eq!(number(name), 0, "{name}: {summary}");
    }
    let sum = ["/applied", "/duplicate", "/superseded", "/quarantined"]
        .map(number)
        .iter()
        .sum::<u64>();
    assert_eq!(number("/received"), sum, "{summary}");
    assert_eq!(number("/orders"), ORDERS);
    assert_eq!(number("/sink/orders"), ORDERS, "{summary}");
    assert_eq!(number("/sink/order_rows"), 3 * ORDERS, "{summary}");
    assert_eq!(
        number("/rejected"),
        number("/faults/webhooks/forged"),
        "every forged webhook was refused: {summary}"
    );
    assert!(
        number("/duplicate") >= number("/faults/webhooks/duplicated"),
        "{summary}"
    );
}

/// Asserts that most kinds of fault hit. So few calls do not meet all of them; each alone has tests of its own.
fn assert_most_hit(summary: &Value) {
    for (system, kinds, least) in [("lightspeed", 10, 5), ("copernica", 11, 7), ("webhooks", 3, 1)] {
        let hits = summary["faults"][system].as_object().unwrap();
        assert_eq!(hits.len(), kinds, "{system}: {summary}");
        let hit = hits.values().filter(|times| times.as_u64() > Some(0)).count();
        assert!(hit >= least, "{system}: {summary}");
    }
}

#[test]
fn both_ends_agree_though_everything_goes_wrong_on_sqlite() {
    let summary = spoilt(&[]);
    assert_alike(&summary);
    assert_most_hit(&summary);
}

#[test]
fn both_ends_agree_though_everything_goes_wrong_on_postgresql() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let summary = spoilt(&["--database", database.url()]);
    assert_alike(&summary);
    assert_most_hit(&summary);
}
