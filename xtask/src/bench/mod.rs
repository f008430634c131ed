//! `cargo xtask bench`: figures of speed and memory, beside the rates of the machine that they were measured on.
//!
//! Figures, not tests: nothing fails because it is slow. docs/benchmarks.md says what each of them means.

mod calls;
mod clock;
mod demo;
mod history;
mod http;
mod machine;
mod sandbox;
mod scale;
mod stage;
mod webhooks;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process;
use demo::{Run, VARIANTS};
use machine::Machine;

/// The load on the webhook entrance, for `--only`.
const WEBHOOKS: &str = "webhooks";

/// The hub among few and many persons, for `--only`.
const SCALE: &str = "scale";

/// A history without limits, for `--only`.
const HISTORY: &str = "history";

/// Calls to the shop beside the least possible, for `--only`.
const CALLS: &str = "calls";

/// The simulators by themselves, for `--only`.
const SANDBOX: &str = "sandbox";

/// The machine's own rates and nothing else, for `--only`.
const MACHINE: &str = "machine";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// One object instead of tables.
    is_json: bool,
    /// The one run that is wanted.
    only: Option<String>,
    /// A finished program to measure; otherwise the release build is made and measured.
    binary: Option<PathBuf>,
}

/// Measures what `arguments` ask for, and prints it.
///
/// # Errors
///
/// The arguments are wrong, the build fails, or a run does not end well: its figures would say nothing.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    if options.only.as_deref() == Some(CALLS) {
        // It is a program of its own, and counts depend on no machine.
        return say_price(&priced()?, options.is_json);
    }
    let is_wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let binary = match &options.binary {
        // Runs start in the workspace's root, so a path from here would not be found.
        Some(binary) => binary
            .canonicalize()
            .with_context(|| format!("there is no program {}", binary.display()))?,
        None => build()?,
    };
    eprintln!("measuring the machine");
    let machine = Machine::measure()?;
    let mut runs = Vec::new();
    for variant in VARIANTS.iter().filter(|variant| is_wanted(variant.name)) {
        eprintln!("running `{}`", variant.name);
        runs.extend(variant.run(&binary)?);
    }
    let answers = is_wanted(WEBHOOKS).then(|| load(&binary, &machine)).transpose()?;
    let growth = is_wanted(SCALE).then(|| grown(&binary)).transpose()?;
    let past = is_wanted(HISTORY).then(|| past(&binary)).transpose()?;
    let price = is_wanted(CALLS).then(priced).transpose()?;
    let simulators = is_wanted(SANDBOX).then(|| alone(&binary)).transpose()?;
    if options.is_json {
        let price = price.as_ref().map(calls::Price::value);
        let simulators = simulators.as_ref().map(sandbox::Figures::value);
        let runs: Vec<Value> = runs.iter().map(Run::value).collect();
        let answers = answers.as_ref().map(webhooks::Answers::value);
        let growth = growth.as_ref().map(scale::Growth::value);
        let past = past.as_ref().map(history::Past::value);
        println!(
            "{}",
            json!({
                "machine": machine.value(), "runs": runs, "webhooks": answers, "scale": growth,
                "history": past, "calls": price, "sandbox": simulators,
            })
        );
        return Ok(());
    }
    say(&machine, &runs);
    if let Some(answers) = answers {
        answers.say();
    }
    if let Some(growth) = growth {
        growth.say();
    }
    if let Some(past) = past {
        past.say();
    }
    if let Some(price) = price {
        price.say();
    }
    if let Some(simulators) = simulators {
        simulators.say();
    }
    Ok(())
}

fn grown(binary: &Path) -> Result<scale::Growth> {
    eprintln!("running `{SCALE}`");
    scale::run(binary)
}

fn past(binary: &Path) -> Result<history::Past> {
    eprintln!("running `{HISTORY}`");
    history::run(binary)
}

fn say_price(price: &calls::Price, is_json: bool) -> Result<()> {
    if is_json {
        println!("{}", json!({ "calls": price.value() }));
    } else {
        price.say();
    }
    Ok(())
}

fn priced() -> Result<calls::Price> {
    eprintln!("running `{CALLS}`");
    calls::run()
}

fn alone(binary: &Path) -> Result<sandbox::Figures> {
    eprintln!("running `{SANDBOX}`");
    sandbox::run(binary)
}

fn load(binary: &Path, machine: &Machine) -> Result<webhooks::Answers> {
    eprintln!("running `{WEBHOOKS}`");
    webhooks::run(binary, machine)
}

fn say(machine: &Machine, runs: &[Run]) {
    println!(
        "machine: {} cores; {:.0} durable appends of 4 KiB per second (p50 {:.2} ms, p99 {:.2} ms); {:.0} loopback \
         round trips per second",
        machine.cores,
        machine.syncs_per_s,
        machine.sync_p50_ms,
        machine.sync_p99_ms,
        machine.round_trips_per_s
    );
    if let Some(load) = machine.load {
        println!("load before the first run: {load}");
    }
    if !runs.is_empty() {
        let mut rows = vec![Run::HEADS.map(str::to_owned).to_vec()];
        rows.extend(runs.iter().map(Run::row));
        print!("{}", table(&rows));
    }
}

/// Returns rows as lines of aligned columns, in the form that Markdown takes as a table.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1.min(lines.len()), format!("| {} |\n", rule.join(" | ")));
    lines.concat()
}

/// Builds the program as it ships, and returns where cargo put it.
fn build() -> Result<PathBuf> {
    eprintln!("building the release");
    let arguments = ["build", "--release", "-p", "schakel", "--locked"];
    let mut cargo = process::command("cargo", &arguments);
    let messages = process::output(cargo.arg("--message-format=json-render-diagnostics"))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo did not say where the program is")
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => options.is_json = true,
            "--only" => {
                let name = words.next().context("`--only` needs a name")?;
                let mut names: Vec<&str> = VARIANTS.iter().map(|variant| variant.name).collect();
                names.extend([WEBHOOKS, SCALE, HISTORY, CALLS, SANDBOX, MACHINE]);
                if !names.contains(&name.as_str()) {
                    bail!("there is no run `{name}`; there are {}", names.join(", "));
                }
                options.only = Some(name.clone());
            }
            "--binary" => options.binary = Some(words.next().context("`--binary` needs a file")?.into()),
            _ => bail!("`bench` takes --json, --only NAME and --binary FILE, but got `{word}`"),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Options> {
        parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn takes_the_name_of_one_run() {
        assert_eq!(parsed(&[]).unwrap(), Options::default());
        let options = parsed(&["--json", "--only", "webhooks", "--binary", "x"]).unwrap();
        assert!(options.is_json && options.only.as_deref() == Some("webhooks"));
        assert_eq!(options.binary.as_deref(), Some(Path::new("x")));
        let error = parsed(&["--only", "dmeo"]).unwrap_err().to_string();
        assert!(error.contains("`dmeo`") && error.contains("demo"), "{error}");
        assert!(parsed(&["--only"]).is_err() && parsed(&["fast"]).is_err());
    }

    #[test]
    fn aligns_columns() {
        let rows = [["run", "n"], ["demo", "6000"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&rows),
            "| run  | n    |\n| ---- | ---- |\n| demo | 6000 |\n"
        );
    }
}
