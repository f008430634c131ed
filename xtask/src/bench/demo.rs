//! Whole orders through the whole hub: `schakel demo --exit --json` as a child, in one variant or another.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use schakel_testkit::{postgres, tempdir};
use serde_json::{Value, json};

use super::clock::{cpu_of_children_s, rounded};
use crate::process;

/// One variant of the demonstration.
#[derive(Debug)]
pub(crate) struct Variant {
    /// Its name, for `--only`.
    pub(crate) name: &'static str,
    orders: u32,
    arguments: &'static [&'static str],
    is_on_postgres: bool,
    /// Orders per second: the first step, and the goal of the project.
    goals: Option<(u32, u32)>,
}

/// All variants, in the order in which they run.
pub(crate) const VARIANTS: [Variant; 4] = [
    Variant {
        name: "demo",
        orders: 6000,
        arguments: &[],
        is_on_postgres: false,
        goals: Some((600, 2100)),
    },
    Variant {
        name: "latency",
        orders: 3000,
        arguments: &["--sink-latency-ms", "50"],
        is_on_postgres: false,
        goals: Some((300, 400)),
    },
    Variant {
        name: "twice",
        orders: 3000,
        arguments: &["--twice"],
        is_on_postgres: false,
        goals: None,
    },
    Variant {
        name: "postgres",
        orders: 3000,
        arguments: &[],
        is_on_postgres: true,
        goals: None,
    },
];

/// What one run gave.
#[derive(Debug)]
pub(crate) struct Run {
    variant: &'static Variant,
    summary: Value,
    cpu_s: Option<f64>,
}

impl Variant {
    /// Runs the variant with the program `binary`; `None` if it wants PostgreSQL and there is none.
    ///
    /// # Errors
    ///
    /// The program cannot be run, or its two ends do not agree: then its speed says nothing.
    pub(crate) fn run(&'static self, binary: &Path) -> Result<Option<Run>> {
        let folder = tempdir();
        let (orders, program) = (self.orders.to_string(), binary.to_string_lossy());
        let mut command = process::command(&program, &["demo", "--orders", &orders, "--exit", "--json"]);
        command.args(self.arguments);
        let database = self.is_on_postgres.then(postgres::fresh_database);
        match &database {
            None => command.arg("--data").arg(folder.path().join("data")),
            Some(Some(database)) => command.args(["--database", database.url()]),
            Some(None) => return Ok(None),
        };
        let before = cpu_of_children_s();
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {program}"))?;
        let after = cpu_of_children_s();
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "`schakel demo` failed in `{}` ({}): {text}",
                self.name,
                output.status
            );
        }
        let summary = serde_json::from_str(text.trim())
            .with_context(|| format!("`schakel demo` printed no summary in `{}`: {text}", self.name))?;
        Ok(Some(Run {
            variant: self,
            summary,
            cpu_s: before.zip(after).map(|(before, after)| after - before),
        }))
    }
}

impl Run {
    fn number(&self, pointer: &str) -> f64 {
        self.summary
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    }

    fn cpu_ms_per_order(&self) -> Option<f64> {
        self.cpu_s
            .map(|cpu_s| rounded(cpu_s * 1000.0 / self.number("/orders")))
    }

    /// Returns calls to Copernica per 1,000 orders: those made, and those that made or changed something there.
    fn calls(&self) -> (f64, f64) {
        let per_1000 = |calls: f64| rounded(calls * 1000.0 / self.number("/orders"));
        (
            per_1000(self.number("/calls/copernica")),
            per_1000(self.number("/calls/copernica_needed")),
        )
    }

    /// Returns the run for programs.
    pub(crate) fn value(&self) -> Value {
        let (calls, needed) = self.calls();
        json!({
            "name": self.variant.name,
            "orders_per_s": self.number("/orders_per_s"),
            "orders_per_s_first_step": self.variant.goals.map(|goals| goals.0),
            "orders_per_s_goal": self.variant.goals.map(|goals| goals.1),
            "cpu_ms_per_order": self.cpu_ms_per_order(),
            "rss_mb": self.number("/rss_mb"),
            "latency_ms": self.summary["latency_ms"],
            "copernica_calls_per_1000": { "made": calls, "needed": needed, "ratio": rounded(calls / needed) },
            "summary": self.summary,
        })
    }

    /// The heads of the columns that [`Run::row`] fills.
    pub(crate) const HEADS: [&'static str; 10] = [
        "run",
        "orders",
        "orders/s",
        "first step",
        "goal",
        "CPU ms/order",
        "peak MB",
        "p50 ms",
        "p99 ms",
        "calls per 1,000: made / needed",
    ];

    /// Returns the run as a row of a table.
    pub(crate) fn row(&self) -> Vec<String> {
        let (calls, needed) = self.calls();
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let goals = self.variant.goals;
        vec![
            self.variant.name.to_owned(),
            self.number("/orders").to_string(),
            format!("{:.0}", self.number("/orders_per_s")),
            or_dash(goals.map(|goals| goals.0.to_string())),
            or_dash(goals.map(|goals| goals.1.to_string())),
            or_dash(self.cpu_ms_per_order().map(|ms| format!("{ms:.2}"))),
            self.number("/rss_mb").to_string(),
            format!("{:.0}", self.number("/latency_ms/p50")),
            format!("{:.0}", self.number("/latency_ms/p99")),
            format!("{calls:.0} / {needed:.0} = {:.3}", calls / needed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_calls_with_those_that_were_needed() {
        let run = Run {
            variant: &VARIANTS[0],
            summary: json!({
                "orders": 2000, "orders_per_s": 500.0, "calls": { "copernica": 10_500, "copernica_needed": 10_000 },
            }),
            cpu_s: Some(4.0),
        };
        assert_eq!(run.calls(), (5250.0, 5000.0));
        assert_eq!(run.cpu_ms_per_order(), Some(2.0));
        assert_eq!(run.value()["copernica_calls_per_1000"]["ratio"], 1.05);
        assert_eq!(run.row().len(), Run::HEADS.len());
    }
}
