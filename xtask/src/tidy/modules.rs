//! Borders inside crates, which the compiler does not keep: stages, connectors, SQL and the environment.

use std::collections::BTreeSet;

use super::Finding;
use super::code::{self, Kind, Path, Token};
use crate::workspace::TextFile;

/// The stages of the engine, each with the pure modules that it runs. Stages meet in tables, not in calls; `apply`
/// is the one that joins three rules into one transaction (docs/adr/0003).
const STAGES: [(&str, &[&str]); 9] = [
    ("intake", &[]),
    ("fetch", &["normalise"]),
    ("walk", &["normalise"]),
    ("watch", &[]),
    ("normalise", &[]),
    ("resolve", &[]),
    ("plan", &[]),
    ("apply", &["normalise", "resolve", "plan"]),
    ("deliver", &[]),
];

/// Folders of the engine that are no stages: all may use them. `supervise` sees all stages, `report` what they show.
const NOT_STAGES: [&str; 6] = ["budget", "clock", "http", "hub", "report", "supervise"];

/// What `mapping` may import besides `wire` and its own parts: it is pure, so there is little to need.
const MAPPING_MAY_IMPORT: [&str; 6] = ["std", "core", "alloc", "schakel_core", "serde", "serde_json"];

/// Folders of `connectors/src` that are no connectors.
const NOT_CONNECTORS: [&str; 1] = ["util"];

/// How statements start; a text that starts so outside the store is SQL in the wrong place.
const STATEMENTS: [&str; 8] = [
    "SELECT ",
    "INSERT INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "BEGIN IMMEDIATE",
];

/// Checks all Rust files of the crates.
pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let connectors = connectors(files);
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some(folder) = file.crate_folder() else {
            continue;
        };
        let source = Source::read(file);
        match folder {
            "engine" => check_stage(&source, &mut findings),
            "connectors" => check_connector(&source, &connectors, &mut findings),
            _ => {}
        }
        check_wire_from_outside(&source, &connectors, &mut findings);
        if !["store", "testkit"].contains(&folder) {
            check_sql(&source, &mut findings);
        }
        if !["schakel", "testkit"].contains(&folder) {
            check_environment(&source, &mut findings);
        }
    }
    findings
}

/// One file, read once for all rules.
struct Source<'a> {
    file: &'a TextFile,
    /// The module's path from the crate's root.
    module: Vec<&'a str>,
    /// Without tests: they may reach further than the code that they test.
    tokens: Vec<Token>,
    paths: Vec<Path>,
}

impl<'a> Source<'a> {
    fn read(file: &'a TextFile) -> Self {
        let is_test_file = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        let tokens = if is_test_file {
            Vec::new()
        } else {
            code::without_tests(&code::tokens(&file.text))
        };
        let paths = code::paths(&tokens);
        Self {
            file,
            module: module_of(&file.path),
            tokens,
            paths,
        }
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding::at(self.file, line, message)
    }
}

/// `crates/engine/src/deliver/retry.rs` is the module `deliver::retry`.
fn module_of(path: &str) -> Vec<&str> {
    let Some((_, inner)) = path.split_once("/src/") else {
        return Vec::new();
    };
    let inner = inner.trim_end_matches(".rs");
    inner
        .split('/')
        .filter(|name| !["lib", "main", "mod"].contains(name))
        .collect()
}

fn check_stage(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(own) = source.module.first() else { return };
    let Some((_, may_use)) = STAGES.iter().find(|(stage, _)| stage == own) else {
        if source.file.path.ends_with("/mod.rs") && source.module.len() == 1 && !NOT_STAGES.contains(own) {
            let message = format!("the module {own} is not in the tables of xtask/src/tidy/modules.rs");
            findings.push(source.finding(0, message));
        }
        return;
    };
    for path in &source.paths {
        let Some(target) = path.within(&source.module) else {
            continue;
        };
        let other = STAGES
            .iter()
            .map(|(stage, _)| *stage)
            .find(|stage| target.first() == Some(stage));
        if let Some(other) = other.filter(|other| other != own && !may_use.contains(other)) {
            let message = format!("the stage {own} imports {other}; stages meet in tables");
            findings.push(source.finding(path.line, message));
        }
    }
}

fn connectors(files: &[TextFile]) -> BTreeSet<&str> {
    let folder = |file: &'_ TextFile| -> Option<usize> {
        let inner = file.path.strip_prefix("crates/connectors/src/")?;
        inner
            .strip_suffix("/mod.rs")
            .filter(|name| !name.contains('/'))
            .map(str::len)
    };
    let start = "crates/connectors/src/".len();
    let names = files
        .iter()
        .filter_map(|file| Some(&file.path[start..start + folder(file)?]));
    names.filter(|name| !NOT_CONNECTORS.contains(name)).collect()
}

fn check_connector(source: &Source<'_>, connectors: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    let Some(own) = source.module.first().filter(|own| connectors.contains(**own)) else {
        return;
    };
    for path in &source.paths {
        let target = path.within(&source.module).unwrap_or_default();
        if let Some(other) = target
            .first()
            .filter(|other| *other != own && connectors.contains(**other))
        {
            findings.push(source.finding(path.line, format!("the connector {own} imports {other}")));
        }
    }
    for window in source.tokens.windows(3) {
        if window[1].is("mod") && window[2].is("wire") && (window[0].is("pub") || window[0].is(")")) {
            findings.push(source.finding(window[2].line, format!("wire is private to the folder of {own}")));
        }
    }
    if source.module.get(1) == Some(&"mapping") {
        check_mapping(source, own, findings);
    }
}

fn check_mapping(source: &Source<'_>, own: &str, findings: &mut Vec<Finding>) {
    for token in &source.tokens {
        if token.kind == Kind::Word && ["async", "await"].contains(&token.text.as_str()) {
            findings.push(source.finding(token.line, format!("mapping is pure: no `{}`", token.text)));
        }
    }
    for path in source.paths.iter().filter(|path| path.is_import) {
        let is_allowed = match path.within(&source.module) {
            Some(inside) => match inside.as_slice() {
                [first, part, ..] if *first == own => ["wire", "mapping"].contains(part),
                [first, ..] => NOT_CONNECTORS.contains(first),
                [] => false,
            },
            None => MAPPING_MAY_IMPORT.contains(&path.segments[0].as_str()),
        };
        if !is_allowed {
            let message = format!(
                "mapping imports only wire and core, not {}",
                path.segments.join("::")
            );
            findings.push(source.finding(path.line, message));
        }
    }
}

fn check_wire_from_outside(source: &Source<'_>, connectors: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    for path in &source.paths {
        let names: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let target = match names.as_slice() {
            ["schakel_connectors", rest @ ..] => rest.to_vec(),
            _ if source.file.crate_folder() == Some("connectors") => {
                path.within(&source.module).unwrap_or_default()
            }
            _ => continue,
        };
        let [owner, "wire", ..] = target.as_slice() else {
            continue;
        };
        if connectors.contains(owner) && source.module.first() != Some(owner) {
            findings.push(source.finding(path.line, format!("wire is private to the folder of {owner}")));
        }
    }
}

fn check_sql(source: &Source<'_>, findings: &mut Vec<Finding>) {
    for path in source.paths.iter().filter(|path| path.segments[0] == "sqlx") {
        findings.push(source.finding(path.line, "only the store knows sqlx"));
    }
    for token in source.tokens.iter().filter(|token| token.kind == Kind::Text) {
        let text = token.text.trim_start();
        let is_update = text.starts_with("UPDATE ") && text.contains("SET ");
        if is_update || STATEMENTS.iter().any(|start| text.starts_with(start)) {
            findings.push(source.finding(token.line, "only the store contains SQL"));
        }
    }
}

fn check_environment(source: &Source<'_>, findings: &mut Vec<Finding>) {
    for path in &source.paths {
        if let [.., module, function] = path.segments.as_slice()
            && module == "env"
            && ["var", "var_os", "vars", "vars_os", "set_var", "remove_var"].contains(&function.as_str())
        {
            findings.push(source.finding(path.line, "only the crate schakel reads the environment"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{file, lines};

    fn found(path: &str, text: &str) -> Vec<String> {
        let files = [
            file("crates/connectors/src/acme/mod.rs", "mod wire;"),
            file("crates/connectors/src/other/mod.rs", "mod wire;"),
            file("crates/connectors/src/util/mod.rs", ""),
            file(path, text),
        ];
        lines(&check(&files))
    }

    #[test]
    fn finds_a_stage_that_calls_another() {
        let expected = "the stage deliver imports plan; stages meet in tables";
        for text in [
            "use crate::plan::Row;",
            "use super::{http, plan};",
            "fn f() { crate::plan::rows() }",
        ] {
            let path = "crates/engine/src/deliver/mod.rs";
            assert_eq!(found(path, text), [format!("{path}:1: {expected}")], "{text}");
        }
        assert!(
            found(
                "crates/engine/src/deliver/run.rs",
                "use super::retry; use crate::http::Door;"
            )
            .is_empty()
        );
    }

    #[test]
    fn lets_apply_join_its_three_rules_and_supervise_see_all() {
        assert!(
            found(
                "crates/engine/src/apply/run.rs",
                "use crate::{normalise, resolve, plan};"
            )
            .is_empty()
        );
        assert_eq!(
            found("crates/engine/src/apply/run.rs", "use crate::deliver::claim;").len(),
            1
        );
        assert!(
            found(
                "crates/engine/src/supervise/mod.rs",
                "use crate::{apply, deliver};"
            )
            .is_empty()
        );
        assert!(
            found(
                "crates/engine/src/lib.rs",
                "pub use deliver::run; pub use crate::plan::x;"
            )
            .is_empty()
        );
    }

    #[test]
    fn finds_a_folder_of_the_engine_that_nobody_placed() {
        assert_eq!(found("crates/engine/src/extra/mod.rs", "").len(), 1);
    }

    #[test]
    fn finds_a_connector_that_imports_another() {
        let path = "crates/connectors/src/acme/sink.rs";
        assert_eq!(
            found(path, "use crate::util::x;\nuse crate::other::Config;"),
            [format!("{path}:2: the connector acme imports other")]
        );
    }

    #[test]
    fn finds_a_wire_that_is_seen_from_outside() {
        let message = "wire is private to the folder of acme";
        let path = "crates/connectors/src/acme/mod.rs";
        assert_eq!(
            found(path, "pub(crate) mod wire;"),
            [format!("{path}:1: {message}")]
        );
        let path = "crates/connectors/src/lib.rs";
        assert_eq!(
            found(path, "pub use crate::acme::wire::Order;"),
            [format!("{path}:1: {message}")]
        );
        let path = "crates/server/src/lib.rs";
        assert_eq!(
            found(path, "use schakel_connectors::acme::wire::Order;"),
            [format!("{path}:1: {message}")]
        );
    }

    #[test]
    fn finds_a_mapping_that_is_not_pure() {
        let path = "crates/connectors/src/acme/mapping.rs";
        assert_eq!(
            found(path, "async fn f() {}"),
            [format!("{path}:1: mapping is pure: no `async`")]
        );
        assert_eq!(
            found(path, "use super::source::Page;"),
            [format!(
                "{path}:1: mapping imports only wire and core, not super::source::Page"
            )]
        );
        assert_eq!(found(path, "use tokio::time;").len(), 1);
        let good =
            "use std::fmt; use schakel_core::record::Record; use super::wire::Order; use crate::util::date;";
        assert!(found(path, good).is_empty());
        assert!(found(path, "#[cfg(test)] mod tests { use super::*; use insta::x; }").is_empty());
    }

    #[test]
    fn finds_sql_outside_the_store() {
        let path = "crates/engine/src/lib.rs";
        for text in [
            "use sqlx::Row;",
            "const Q: &str = \"SELECT id FROM inbox\";",
            "f(\"\nUPDATE t\nSET n = 1\")",
        ] {
            assert_eq!(found(path, text).len(), 1, "{text}");
        }
        assert!(
            found(
                "crates/store/src/inbox.rs",
                "const Q: &str = \"SELECT id FROM inbox\";"
            )
            .is_empty()
        );
        assert!(found(path, "say(\"SELECTED by hand\"); say(\"UPDATE it\"); // SELECT x").is_empty());
    }

    #[test]
    fn finds_the_environment_read_outside_the_binary() {
        let path = "crates/server/src/lib.rs";
        assert_eq!(
            found(path, "fn f() { std::env::var(\"PORT\") }"),
            [format!("{path}:1: only the crate schakel reads the environment")]
        );
        assert!(
            found(
                "crates/schakel/src/config.rs",
                "fn f() { std::env::var(\"PORT\") }"
            )
            .is_empty()
        );
        assert!(found(path, "const V: &str = env!(\"CARGO_PKG_VERSION\");").is_empty());
    }
}
