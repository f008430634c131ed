//! Each check finds a bad example, and leaves a good one alone.

use serde_json::json;

use super::*;

const POLICY: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0"]
[bans]
skip = [{ crate = "digest@0.10", reason = "the driver has not moved yet" }]
deny = [{ crate = "openssl", reason = "one TLS stack" }]
"#;

/// A graph in which `schakel` depends on each of `names` (name, version, licence).
fn graph(names: &[(&str, &str, &str)]) -> Graph {
    let id = |name: &str, version: &str| format!("{name} {version}");
    let mut packages =
        vec![json!({"id": "schakel 0.1.0", "name": "schakel", "version": "0.1.0", "source": null})];
    let mut nodes = Vec::new();
    let mut arrows = Vec::new();
    let mut tree = "schakel v0.1.0 (/home/jan/schakel)\n".to_owned();
    for (name, version, licence) in names {
        packages.push(json!({
            "id": id(name, version), "name": name, "version": version, "license": licence, "source": "registry"
        }));
        nodes.push(json!({"id": id(name, version), "deps": []}));
        arrows.push(json!({"pkg": id(name, version)}));
        tree.push_str(&format!("{name} v{version} (*)\n"));
    }
    nodes.push(json!({"id": "schakel 0.1.0", "deps": arrows}));
    let metadata = json!({"packages": packages, "resolve": {"nodes": nodes}}).to_string();
    Graph::parse(&metadata, &tree).unwrap()
}

fn policy() -> Policy {
    Policy::parse(POLICY).unwrap()
}

#[test]
fn judges_licence_expressions() {
    let allowed = [
        "MIT".to_owned(),
        "Apache-2.0".to_owned(),
        "Unicode-3.0".to_owned(),
    ];
    for (text, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND ISC", false),
        ("GPL-2.0-only OR MIT AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
    ] {
        assert_eq!(
            expression::is_allowed(text, &allowed).unwrap(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn refuses_what_is_no_licence_expression() {
    for text in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT Apache-2.0"] {
        assert!(expression::is_allowed(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn finds_a_licence_that_is_not_allowed() {
    let found = licence_findings(
        &graph(&[("good", "1.0.0", "MIT"), ("bad", "2.0.0", "AGPL-3.0-only")]),
        &policy(),
    );
    assert_eq!(
        found,
        ["bad 2.0.0 is under `AGPL-3.0-only`, which deny.toml does not allow"]
    );
}

#[test]
fn finds_a_duplicate_and_names_its_user() {
    let digests = [("digest", "0.10.7", "MIT"), ("digest", "0.11.3", "MIT")];
    assert!(duplicate_findings(&graph(&digests), &policy()).is_empty());
    let syns = [
        digests[0],
        digests[1],
        ("syn", "2.0.1", "MIT"),
        ("syn", "3.0.0", "MIT"),
    ];
    let found = duplicate_findings(&graph(&syns), &policy());
    assert_eq!(
        found,
        ["syn 3.0.0 ships beside syn 2.0.1; it is used by schakel 0.1.0"]
    );
}

#[test]
fn finds_an_excuse_that_is_no_longer_needed() {
    let found = duplicate_findings(&graph(&[("digest", "0.11.3", "MIT")]), &policy());
    assert_eq!(
        found,
        ["deny.toml still excuses digest@0.10, which is no duplicate any more"]
    );
}

#[test]
fn finds_banned_crates() {
    let found = ban_findings(
        &graph(&[("openssl", "0.10.1", "MIT"), ("chrono", "0.4.0", "MIT")]),
        &policy(),
    );
    assert_eq!(
        found,
        [
            "schakel must not use chrono 0.4.0: jiff is our crate for times",
            "openssl 0.10.1 is banned (one TLS stack); it is used by schakel 0.1.0",
        ]
    );
}

#[test]
fn demands_a_reason_for_each_entry() {
    let error = Policy::parse("[bans]\ndeny = [{ crate = \"openssl\" }]").unwrap_err();
    assert_eq!(error.to_string(), "deny.toml gives no reason for openssl");
}
