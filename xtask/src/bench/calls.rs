//! What each set of options costs in calls to the shop, beside the least that its API allows, and what customers who come
//! back cost in calls to Copernica.
//!
//! Simulators and hub are one process on a virtual clock (`crates/engine/benches/calls.rs`): counts do not depend on speed.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::table;
use crate::process;

/// What was counted, in the order of the columns.
const RUNS: [&str; 3] = ["history", "live", "sweeps"];

/// Most calls against the least, for live orders and a history of some size.
const CALLS_MAX: f64 = 1.05;

/// The figures of each set of options, as the benchmark gave them.
#[derive(Debug)]
pub(crate) struct Price {
    sets: Vec<Value>,
    /// One for each gap between two orders.
    returning: Vec<Value>,
}

/// Runs the benchmark; the build is part of it.
///
/// # Errors
///
/// It does not build, does not end well, or says something else.
pub(crate) fn run() -> Result<Price> {
    let arguments = ["bench", "--locked", "-p", "schakel-engine", "--bench", "calls"];
    let text = process::output(&mut process::command("cargo", &arguments))?;
    read(&text)
}

fn read(text: &str) -> Result<Price> {
    let figures = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let (returning, sets): (Vec<Value>, Vec<Value>) =
        figures.partition(|figure: &Value| figure.get("returning").is_some());
    if sets.is_empty() {
        bail!("the benchmark gave no figures");
    }
    for set in &sets {
        row(set).with_context(|| format!("the benchmark gave {set}"))?;
    }
    for gap in &returning {
        returning_row(gap).with_context(|| format!("the benchmark gave {gap}"))?;
    }
    Ok(Price { sets, returning })
}

/// The cells of one gap between the orders of customers who come back; `None` for something else.
fn returning_row(gap: &Value) -> Option<Vec<String>> {
    let (made, least) = (gap["calls"].as_f64()?, gap["least"].as_f64()?);
    Some(vec![
        format!("{} min", gap["gap_min"].as_i64()?),
        format!("{made} / {least} = {:.3}", made / least),
        gap["looks"].as_u64()?.to_string(),
        gap["looked_at"].as_u64()?.to_string(),
    ])
}

/// The cells of one set: calls and the least per 1,000 orders, and of sweeps per day; `None` for something else.
fn row(set: &Value) -> Option<Vec<String>> {
    let mut cells = vec![set["set"].as_str()?.to_owned()];
    for run in RUNS {
        let per = match run {
            "sweeps" => set["sweeps_h"].as_f64()? / 24.0,
            _ => set["orders"].as_f64()? / 1_000.0,
        };
        let (made, least) = (set[run]["calls"].as_f64()?, set[run]["least"].as_f64()?);
        let times = if least > 0.0 {
            format!(" = {:.3}", made / least)
        } else if made > 0.0 {
            " (none is needed)".to_owned()
        } else {
            String::new()
        };
        cells.push(format!("{:.0} / {:.0}{times}", made / per, least / per));
    }
    Some(cells)
}

impl Price {
    /// Returns the figures for programs.
    pub(crate) fn value(&self) -> Value {
        json!({ "name": "calls", "calls_goal": CALLS_MAX, "sets": self.sets, "returning": self.returning })
    }

    /// Says the figures to a person.
    pub(crate) fn say(&self) {
        println!("calls to the shop: made / least (goal: {CALLS_MAX} times)");
        let heads = [
            "options",
            "history, per 1,000 orders",
            "live, per 1,000 orders",
            "sweeps and watch, per day",
        ];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        rows.extend(self.sets.iter().filter_map(row));
        print!("{}", table(&rows));
        println!("\ncalls to Copernica for customers who come back: made / least (goal: {CALLS_MAX} times)");
        let heads = [
            "from one order to the next",
            "calls / least",
            "lists of new profiles",
            "looks at one profile",
        ];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        rows.extend(self.returning.iter().filter_map(returning_row));
        print!("{}", table(&rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_per_thousand_orders_and_per_day() {
        let set = json!({
            "set": "default", "orders": 500, "history": {"calls": 515, "least": 510},
            "live": {"calls": 0, "least": 0}, "sweeps": {"calls": 87, "least": 87}, "sweeps_h": 3,
        });
        let price = read(&format!("Finished\n{set}\n")).unwrap();
        let cells = row(&price.sets[0]).unwrap();
        assert_eq!(
            cells,
            ["default", "1030 / 1020 = 1.010", "0 / 0", "696 / 696 = 1.000"]
        );
        let set = json!({
            "set": "default", "orders": 500, "history": {"calls": 515, "least": 510},
            "live": {"calls": 250, "least": 0}, "sweeps": {"calls": 87, "least": 87}, "sweeps_h": 3,
        });
        assert_eq!(row(&set).unwrap()[2], "500 / 0 (none is needed)");
        let gap = json!({"returning": 300, "gap_min": 20, "calls": 1538, "least": 1500, "looks": 38, "looked_at": 0});
        let both = read(&format!("{gap}\n{set}")).unwrap();
        assert_eq!((both.sets.len(), both.returning.len()), (1, 1));
        let cells = returning_row(&gap).unwrap();
        assert_eq!(cells, ["20 min", "1538 / 1500 = 1.025", "38", "0"]);
        assert!(read(&gap.to_string()).is_err());
        assert!(read("nothing").is_err());
        assert!(read("{}").is_err());
    }
}
