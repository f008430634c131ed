//! How fast a history comes in when nothing limits it: every customer, order and row of a shop, to the account.
//!
//! Simulators and hub are processes of their own, so that memory and processor time are those of the hub alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use schakel_testkit::wait_until;
use serde_json::{Value, json};

use super::clock::{cpu_of_s, now, pause_until, rounded};
use super::scale::rss_mb;
use super::stage::{Setting, Stage};

/// What the shop holds.
const CUSTOMERS: u32 = 100_000;
const ORDERS: u32 = 250_000;
const ROWS: u32 = 3;

/// The goals: time in minutes, and calls to the shop against the least that its API allows.
const MINUTES_MAX: f64 = 15.0;
const CALLS_MAX: f64 = 1.02;

/// When a history that does not end is given up.
const END: Duration = Duration::from_secs(3_600);

/// How often the hub is asked; each time costs it a little.
const LOOK: Duration = Duration::from_secs(1);

/// What the run gave.
#[derive(Debug)]
pub(crate) struct Past {
    minutes: f64,
    cpu_ms_per_order: f64,
    /// Most resident memory of the hub when a fifth was read, and at the end, in 1,000,000 bytes.
    rss_mb: [f64; 2],
    /// Calls to the shop, and the least possible: a page for 250 things, a call for the rows of each order.
    calls: i64,
    least: i64,
}

/// Fills a shop, lets the hub read it, and waits until the account holds everything.
///
/// # Errors
///
/// A process does not start, the history does not end well, or the account does not hold all of it.
pub(crate) fn run(binary: &Path) -> Result<Past> {
    let setting = Setting {
        shop: "limits = \"none\"\nhistory = \"manual\"\nsweep_interval = \"0\"\nreconcile_interval = \"0\"\n",
        fill: Some(json!({
            "customers": CUSTOMERS, "orders": ORDERS, "rows": ROWS, "days": 365, "seed": 1,
        })),
    };
    let stage = Stage::start_with(binary, &setting)?;
    let process = stage.hub_process().context("the hub is gone")?;
    let before = cpu_of_s(process).context("this system has no /proc")?;
    let started = now();
    stage.run(&["backfill", "start"])?;
    wait(&stage, |status, _| orders(status) >= i64::from(ORDERS) / 5)?;
    let early_mb = rss_mb(process)?;
    let end = wait(&stage, |status, hub| is_over(status) && is_at_rest(hub))?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu_s = cpu_of_s(process).context("the hub is gone")? - before;
    let late_mb = rss_mb(process)?;
    check(&end)?;
    Ok(Past {
        minutes: seconds / 60.0,
        cpu_ms_per_order: cpu_s * 1000.0 / f64::from(ORDERS),
        rss_mb: [early_mb, late_mb],
        calls: sum(&end, "calls"),
        least: parts(&end).map(least).sum(),
    })
}

/// Waits until the progress of the history and the state of the hub are as wanted; returns the progress.
fn wait(stage: &Stage, is_there: impl Fn(&Value, &Value) -> bool) -> Result<Value> {
    let mut last = Ok(Value::Null);
    let has_come = wait_until(END, || {
        pause_until(now() + LOOK);
        let both = stage
            .ask(&["backfill", "status"])
            .and_then(|status| Ok((status, stage.status()?)));
        let is_there = both.as_ref().map_or(true, |(status, hub)| is_there(status, hub));
        last = both.map(|(status, _)| status);
        is_there
    });
    let status = last?;
    if has_come {
        return Ok(status);
    }
    bail!("the history does not end: {status}")
}

fn parts(status: &Value) -> impl Iterator<Item = &Value> {
    let shops = status["histories"].as_array().into_iter().flatten();
    shops.flat_map(|shop| shop["history"]["parts"].as_array().into_iter().flatten())
}

fn sum(status: &Value, name: &str) -> i64 {
    parts(status).filter_map(|part| part[name].as_i64()).sum()
}

fn orders(status: &Value) -> i64 {
    let rows = parts(status).find(|part| part["part"] == "order_rows");
    rows.and_then(|part| part["seen"].as_i64()).unwrap_or(0)
}

fn is_over(status: &Value) -> bool {
    parts(status).count() > 0
        && parts(status).all(|part| part["state"] == "done" || part["state"] == "stopped")
}

fn is_at_rest(hub: &Value) -> bool {
    let sinks = hub["sinks"].as_array().into_iter().flatten();
    let open: i64 = sinks.filter_map(|sink| sink["open"].as_i64()).sum();
    hub["inbox"]["waiting"] == 0 && hub["fetches_waiting"] == 0 && open == 0
}

/// The fewest calls for what a part brought.
fn least(part: &Value) -> i64 {
    let seen = part["seen"].as_i64().unwrap_or(0);
    match part["part"].as_str() {
        Some("order_rows" | "quote_rows") => seen,
        _ => (seen + 249) / 250,
    }
}

fn check(status: &Value) -> Result<()> {
    let bad = parts(status).find(|part| part["state"] != "done");
    if let Some(part) = bad {
        bail!("a part of the history did not come to its end: {part}");
    }
    if orders(status) < i64::from(ORDERS) {
        bail!("not every order was read: {status}");
    }
    Ok(())
}

impl Past {
    fn ratio(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousand calls")]
        let (calls, least) = (self.calls as f64, self.least as f64);
        calls / least
    }

    /// Returns the figures for programs.
    pub(crate) fn value(&self) -> Value {
        json!({
            "name": "history", "customers": CUSTOMERS, "orders": ORDERS, "rows_each": ROWS,
            "minutes": rounded(self.minutes), "minutes_goal": MINUTES_MAX,
            "hub_cpu_ms_per_order": rounded(self.cpu_ms_per_order), "hub_rss_mb": self.rss_mb.map(rounded),
            "calls": self.calls, "calls_least": self.least, "calls_goal": CALLS_MAX,
        })
    }

    /// Says the figures to a person.
    pub(crate) fn say(&self) {
        println!(
            "history: {CUSTOMERS} customers and {ORDERS} orders with {ROWS} rows each in {:.1} minutes (goal: \
             {MINUTES_MAX}); the hub alone uses {:.2} ms of processor time per order and {:.0} MB after a fifth, {:.0} MB \
             at the end; {} calls to the shop, {} at least ({:.3} times; goal: {CALLS_MAX})",
            self.minutes,
            self.cpu_ms_per_order,
            self.rss_mb[0],
            self.rss_mb[1],
            self.calls,
            self.least,
            self.ratio()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_a_page_for_250_and_a_call_for_rows() {
        let part = |part: &str, seen: i64| json!({ "part": part, "seen": seen });
        assert_eq!(least(&part("orders", 250)), 1);
        assert_eq!(least(&part("orders", 251)), 2);
        assert_eq!(least(&part("order_rows", 251)), 251);
    }
}
