//! `schakel check`: configuration, credentials, permissions. Changes nothing.

use schakel_connectors::copernica::Copernica;
use schakel_core::connector::{CheckLine, CheckReport, Cx, Sink, Source};
use schakel_store::Store;
use serde::Serialize;

use super::{numbers, open_if_there, renamed};
use crate::config::Config;
use crate::error::{Exit, Failure, Side};
use crate::output::Output;
use crate::wiring::{self, Outside, Parts, WayIn};

/// What was found at one connection.
#[derive(Debug, Serialize)]
struct Found {
    connection: String,
    report: Option<CheckReport>,
    failure: Option<serde_json::Value>,
}

/// Tests every connection, and says everything that it found before it ends.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<Exit> {
    output.line(format!("configuration: {} is in order", config.file.display()));
    let Outside { sources, sinks, cx } = wiring::outside(Parts::of_config(config));
    let mut exit = Exit::Good;
    let mut found = Vec::new();
    let store = open_if_there(config, output).await?;
    if let Some(store) = &store {
        renamed::refuse(config, store).await?;
    }
    for (name, source) in &sources {
        let way = WayIn::to(config, name, store.as_ref(), &cx).await?;
        let report = source
            .check(&way.cx)
            .await
            .map_err(|error| Failure::of_call(name, Side::Source, error));
        found.push(say(name, report, &mut exit, output));
    }
    for (name, sink) in &sinks {
        let report = account(store.as_ref(), name, sink, &cx).await;
        found.push(say(name, report, &mut exit, output));
    }
    if let Some(store) = store {
        store.close().await;
    }
    output.value(&serde_json::json!({ "warnings": config.warnings, "connections": found }));
    Ok(exit)
}

/// Tests an account, and whether the numbers that stand there are ours: by a database that is there.
async fn account(
    store: Option<&Store>,
    name: &str,
    sink: &Copernica,
    cx: &Cx,
) -> Result<CheckReport, Failure> {
    let report = sink.check(cx).await;
    let mut report = report.map_err(|error| Failure::of_call(name, Side::Sink, error))?;
    if let Some(store) = store
        && report.is_good()
    {
        report.lines.extend(numbers::line(store, name, sink, cx).await?);
    }
    Ok(report)
}

fn say(name: &str, report: Result<CheckReport, Failure>, exit: &mut Exit, output: Output) -> Found {
    let connection = name.to_owned();
    match report {
        Ok(report) => {
            say_report(name, &report, output);
            if !report.is_good() {
                *exit = if *exit == Exit::Failed {
                    Exit::Failed
                } else {
                    Exit::Findings
                };
            }
            Found {
                connection,
                report: Some(report),
                failure: None,
            }
        }
        Err(failure) => {
            if !output.is_json() {
                output.failure(&failure);
            }
            *exit = Exit::Failed;
            Found {
                connection,
                report: None,
                failure: Some(failure.json()),
            }
        }
    }
}

/// Prints what a connection said about itself, and what setup has to make.
fn say_report(name: &str, report: &CheckReport, output: Output) {
    say_tests(name, report, output);
    for line in &report.lacking {
        say_line(line, output);
    }
}

/// Prints what a connection said about itself, one line per test: first what is missing, since nothing goes without it.
pub(super) fn say_tests(name: &str, report: &CheckReport, output: Output) {
    output.line(format!("{name}: {}", report.identity));
    let (missing, others): (Vec<_>, Vec<_>) = report.lines.iter().partition(|line| word_of(line) == MISSING);
    for line in missing.into_iter().chain(others) {
        say_line(line, output);
    }
}

/// Prints one test.
pub(super) fn say_line(line: &CheckLine, output: Output) {
    let word = word_of(line);
    let note = if line.note.is_empty() {
        String::new()
    } else {
        format!(": {}", line.note)
    };
    output.line(format!("  {word:<8} {}{note}", line.subject));
}

/// The word for what is required and refused.
const MISSING: &str = "MISSING";

/// Gives the word for how a test went: what merely was not tested is neither granted nor off.
const fn word_of(line: &CheckLine) -> &'static str {
    match (line.is_tested, line.is_granted, line.is_required) {
        (false, ..) => "untested",
        (true, true, _) => "ok",
        (true, false, true) => MISSING,
        (true, false, false) => "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tested_is_not_called_off() {
        let word = |is_tested, is_granted, is_required| {
            let line = CheckLine {
                subject: String::new(),
                is_required,
                is_tested,
                is_granted,
                note: String::new(),
            };
            word_of(&line)
        };
        assert_eq!(word(false, false, false), "untested");
        assert_eq!(word(true, false, false), "off");
        assert_eq!(word(true, false, true), MISSING);
        assert_eq!((word(true, true, true), word(true, true, false)), ("ok", "ok"));
    }
}
