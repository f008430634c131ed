//! The examples of docs/sandbox.md work as they are printed.

use std::io::BufRead;
use std::process::Command;

use serde_json::Value;

use crate::sandbox::Sandbox;

const MANUAL: &str = include_str!("../../../../docs/sandbox.md");
/// The ports of the manual, in the order in which the simulators say where they are.
const PORTS: [&str; 4] = ["8470", "8475", "8471", "8476"];
/// The last line of what the simulators print.
const LAST: &str = "Ctrl-C stops them.";

/// A command of the manual and what it shall print.
#[derive(Debug)]
struct Example {
    command: String,
    shown: String,
}

/// Takes the examples out of the blocks for a console.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_inside = false;
    for line in MANUAL.lines() {
        if line.starts_with("```") {
            is_inside = line == "```console";
        } else if !is_inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            let shown = String::new();
            examples.push(Example { command, shown });
        } else {
            let last = examples.last_mut().unwrap();
            last.shown += &format!("{line}\n");
        }
    }
    examples
}

/// Says whether `text` is as shown; `…` stands for anything.
fn is_like(shown: &str, text: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return shown == text;
    }
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The simulators that the manual starts, on ports of their own.
struct Started {
    _sandbox: Sandbox,
    /// What they printed.
    text: String,
    /// Their ports, in the order of [`PORTS`].
    ports: Vec<String>,
}

fn start() -> Started {
    let mut sandbox = Sandbox::start(&["all"]);
    let mut text = String::new();
    while !text.trim_end().ends_with(LAST) {
        assert!(sandbox.stdout.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let addresses = text.lines().filter_map(|line| {
        let is_wanted = line.contains(" base_url") || line.contains(" control_url");
        let (_, port) = line.split_once("127.0.0.1:").filter(|_| is_wanted)?;
        Some(port.trim_end_matches("/control/").to_owned())
    });
    let ports: Vec<String> = addresses.collect();
    assert_eq!(ports.len(), PORTS.len(), "{text}");
    Started {
        _sandbox: sandbox,
        text,
        ports,
    }
}

impl Started {
    /// Puts the real ports into a command of the manual.
    fn really(&self, command: &str) -> String {
        let pairs = PORTS.iter().zip(&self.ports);
        pairs.fold(command.to_owned(), |text, (port, real)| {
            text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{real}"))
        })
    }

    /// Puts the ports of the manual into what was really printed.
    fn as_printed(&self, text: &str) -> String {
        let pairs = PORTS.iter().zip(&self.ports);
        let text = pairs.fold(text.replace('\r', ""), |text, (port, real)| {
            text.replace(&format!("127.0.0.1:{real}"), &format!("127.0.0.1:{port}"))
                .replace(&format!(" port {real} "), &format!(" port {port} "))
        });
        text.trim_end().to_owned()
    }
}

#[test]
fn every_example_of_the_manual_works_as_printed() {
    let started = start();
    // What a reader's shell would remember from the lines before.
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut ran = 0;
    for Example { command, shown } in examples() {
        let shown = shown.trim_end();
        if command == "schakel sandbox all" {
            assert_eq!(started.as_printed(&started.text), shown);
            continue;
        }
        let real = started.really(&command);
        let variables_now = variables.clone();
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).envs(variables_now.clone());
            String::from_utf8(shell.output().unwrap().stdout).unwrap()
        };
        if command.starts_with("curl ") {
            let text = started.as_printed(&shell(&format!("exec 2>&1\n{real}")));
            assert!(
                is_like(shown, &text),
                "$ {command}\n{shown}\n--- but it is\n{text}"
            );
            ran += 1;
            continue;
        }
        let (name, _) = command.split_once('=').unwrap();
        let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        assert!(is_name, "an example calls curl or sets a variable: {command}");
        variables.push((name.to_owned(), shell(&format!("{real}\nprintf %s \"${name}\""))));
    }
    assert!(ran > 30, "the manual has lost its examples: {ran}");
}

#[test]
fn the_manual_names_every_fault_and_every_act() {
    let started = start();
    for port in [&started.ports[1], &started.ports[3]] {
        let url = format!("http://127.0.0.1:{port}/control/api/faults");
        let output = Command::new("curl").args(["-s", &url]).output().unwrap();
        let faults: Value = serde_json::from_slice(&output.stdout).unwrap();
        let kinds = faults["percent"].as_object().unwrap();
        assert!(!kinds.is_empty());
        for kind in kinds.keys() {
            assert!(
                MANUAL.contains(&format!("`{kind}`")),
                "the manual does not say {kind}"
            );
        }
    }
    let url = format!("http://127.0.0.1:{}/control/acts", started.ports[1]);
    let output = Command::new("curl").args(["-s", &url]).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let acts: Vec<&str> = page
        .split("/control/api/acts/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(!acts.is_empty());
    for act in acts {
        assert!(
            MANUAL.contains(&format!("`{act}`")),
            "the manual does not say {act}"
        );
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(is_like("a…c", "abbc") && is_like("…", "") && is_like("a", "a"));
    assert!(is_like("{…\"x\":1,…}", "{\"w\":0,\"x\":1,\"y\":2}"));
    assert!(!is_like("a", "ab") && !is_like("a…c", "abd") && !is_like("…b…b", "ab"));
}
