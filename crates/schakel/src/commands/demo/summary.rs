//! The figures of a demonstration, one object.

use schakel_sandbox::ends::Compared;
use serde::Serialize;

use super::compare::SinkFigures;
use super::faults::Hits;
use crate::output::Output;

/// What the simulated shop holds, and how the account differs from it; the hub is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShopFigures {
    /// Orders that exist.
    pub orders: u64,
    /// Their rows.
    pub order_rows: u64,
    /// Orders and rows that are lost, double, under somebody else, or differ from those of the shop.
    pub differences: u64,
    /// The first differences, in words without personal data.
    #[serde(skip)]
    pub told: Vec<String>,
}

impl From<Compared> for ShopFigures {
    fn from(found: Compared) -> Self {
        Self {
            orders: found.orders,
            order_rows: found.order_rows,
            differences: found.differences,
            told: found.told,
        }
    }
}

/// Calls to the outside systems, as the simulators counted them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// To the shop.
    pub lightspeed: u64,
    /// To Copernica, after the set-up.
    pub copernica: u64,
    /// Those of them that made, changed or removed a row there: what could not be saved.
    pub copernica_needed: u64,
}

/// Latencies from the first byte of a webhook to the confirmation of the last object it touched, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the webhooks were faster.
    pub p50: f64,
    /// 99 of 100 webhooks were faster.
    pub p99: f64,
}

/// The summary of `schakel demo --exit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Orders placed in the simulated shop.
    pub orders: u64,
    /// Webhooks accepted.
    pub received: i64,
    /// Applied.
    pub applied: i64,
    /// Repeats, counted and dropped.
    pub duplicate: i64,
    /// Overtaken by a newer version.
    pub superseded: i64,
    /// Set aside.
    pub quarantined: i64,
    /// Refused at the entrance; they don't count as received.
    pub rejected: i64,
    /// Still waiting.
    pub waiting: i64,
    /// Answers to own questions that were set aside.
    pub set_aside_of_fetches: i64,
    /// Deliveries that were given up.
    pub dead: i64,
    /// Living persons.
    pub relations: i64,
    /// Merges of persons.
    pub merges: i64,
    /// What lives in the simulator.
    pub sink: SinkFigures,
    /// What lives in the simulated shop.
    pub shop: ShopFigures,
    /// Calls made.
    pub calls: Calls,
    /// From the first order to the last confirmation, in seconds.
    pub elapsed_s: f64,
    /// Orders per second over that time.
    pub orders_per_s: f64,
    /// Latencies.
    pub latency_ms: Latency,
    /// Peak of the process's resident memory, in megabytes (1,000,000 bytes).
    pub rss_mb: f64,
    /// What went wrong on purpose, with `--faults`.
    #[serde(rename = "faults", skip_serializing_if = "Option::is_none")]
    pub hits: Option<Hits>,
}

impl Summary {
    /// Gives what is wrong, in sentences; empty when both ends agree.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let sum = self.applied + self.duplicate + self.superseded + self.quarantined + self.waiting;
        if self.received != sum {
            faults.push(format!(
                "{} webhooks were received, but {sum} are accounted for",
                self.received
            ));
        }
        if self.waiting != 0 {
            faults.push(format!("{} webhooks are still waiting", self.waiting));
        }
        let forged = self.hits.as_ref().map_or(0, Hits::forged);
        if i64::try_from(forged).ok() != Some(self.rejected) {
            faults.push(format!(
                "{} webhooks were refused, but {forged} were forged",
                self.rejected
            ));
        }
        // The simulated shop itself sends nothing that is wrong, and the simulated account refuses nothing.
        for (count, what) in [
            (
                self.quarantined + self.set_aside_of_fetches,
                "events were set aside",
            ),
            (self.dead, "deliveries were given up"),
        ] {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        }
        let sink = &self.sink;
        for (count, what) in [
            (sink.duplicate_profiles, "profiles are double"),
            (sink.duplicate_subprofiles, "subprofiles are double"),
            (sink.mismatches, "objects differ from what the hub wants"),
            (self.shop.differences, "objects differ from what the shop holds"),
        ] {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        }
        for (placed, delivered, what) in [
            (self.orders, sink.orders, "orders"),
            (self.shop.order_rows, sink.order_rows, "order rows"),
        ] {
            if placed != delivered {
                faults.push(format!(
                    "{placed} {what} were placed, but {delivered} were delivered"
                ));
            }
        }
        faults
    }

    /// Says the figures to a person.
    pub fn say(&self, output: Output) {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("orders placed", self.orders.to_string()),
            row("webhooks received", self.received.to_string()),
            row("  applied", self.applied.to_string()),
            row("  duplicate", self.duplicate.to_string()),
            row("  superseded", self.superseded.to_string()),
            row("  quarantined", self.quarantined.to_string()),
            row("  waiting", self.waiting.to_string()),
            row("webhooks refused", self.rejected.to_string()),
            row("given up", self.dead.to_string()),
            row("people", self.relations.to_string()),
            row("merges", self.merges.to_string()),
            row("profiles in the account", self.sink.profiles.to_string()),
            row("orders in the account", self.sink.orders.to_string()),
            row("order rows in the account", self.sink.order_rows.to_string()),
            row("carts in the account", self.sink.quotes.to_string()),
            row(
                "duplicates",
                (self.sink.duplicate_profiles + self.sink.duplicate_subprofiles).to_string(),
            ),
            row("mismatches", self.sink.mismatches.to_string()),
            row("differences from the shop", self.shop.differences.to_string()),
            row("calls to the shop", self.calls.lightspeed.to_string()),
            row("calls to the account", self.calls.copernica.to_string()),
            row("seconds", self.elapsed_s.to_string()),
            row("orders per second", self.orders_per_s.to_string()),
            row("latency p50, ms", self.latency_ms.p50.to_string()),
            row("latency p99, ms", self.latency_ms.p99.to_string()),
            row("peak memory, MB", self.rss_mb.to_string()),
        ];
        for (system, kinds) in self.hits.iter().flat_map(Hits::by_system) {
            rows.extend(
                kinds
                    .iter()
                    .map(|(kind, count)| row(&format!("{system}: {kind}"), count.to_string())),
            );
        }
        output.table(&["figure", "value"], &rows);
        match self.faults().as_slice() {
            [] => output.line("both ends agree"),
            faults => faults.iter().for_each(|fault| output.warning(fault)),
        }
    }
}

/// Gives the value below which `percent` of 100 of the sorted `values` lie; 0 for none.
#[must_use]
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let last = values.len().saturating_sub(1);
    values
        .get((values.len() * percent / 100).min(last))
        .copied()
        .unwrap_or(0.0)
}

/// Gives the peak of this process's resident memory in megabytes, as the system counted it; 0 where it does not.
#[must_use]
pub fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(0.0);
    (kib * 1024.0 / 1_000_000.0 * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_does_not_add_up_is_a_fault() {
        let good = Summary {
            received: 5,
            applied: 3,
            duplicate: 1,
            superseded: 1,
            ..Summary::default()
        };
        assert!(good.faults().is_empty());
        let lost = Summary {
            received: 6,
            ..good.clone()
        };
        assert_eq!(lost.faults().len(), 1);
        let double = Summary {
            sink: SinkFigures {
                duplicate_profiles: 1,
                ..SinkFigures::default()
            },
            ..good.clone()
        };
        assert_eq!(double.faults(), ["1 profiles are double"]);
        let aside = Summary {
            applied: 2,
            quarantined: 1,
            dead: 2,
            ..good
        };
        assert_eq!(
            aside.faults(),
            ["1 events were set aside", "2 deliveries were given up"]
        );
    }

    // The account agreed with the hub, and both were wrong about the shop.
    #[test]
    fn what_the_shop_holds_otherwise_is_a_fault() {
        let stale = Summary {
            orders: 2,
            sink: SinkFigures {
                orders: 2,
                order_rows: 5,
                ..SinkFigures::default()
            },
            shop: ShopFigures {
                orders: 2,
                order_rows: 6,
                differences: 1,
                ..ShopFigures::default()
            },
            ..Summary::default()
        };
        assert_eq!(
            stale.faults(),
            [
                "1 objects differ from what the shop holds",
                "6 order rows were placed, but 5 were delivered"
            ]
        );
        let lost = Summary { orders: 3, ..stale };
        assert!(
            lost.faults()
                .contains(&"3 orders were placed, but 2 were delivered".to_owned())
        );
    }

    #[test]
    fn percentiles_of_few_values() {
        assert!((percentile(&[], 50) - 0.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0, 3.0, 4.0], 50) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0], 99) - 2.0).abs() < f64::EPSILON);
    }
}
