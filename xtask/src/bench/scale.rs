//! Whether the hub gets slower or larger with the number of persons: processor time per order among few and among many,
//! and its memory at the end.
//!
//! Simulators and hub are processes of their own, so that the figures are those of the hub alone.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use schakel_testkit::wait_until;
use serde_json::{Value, json};

use super::clock::{cpu_of_s, rounded};
use super::http::Connection;
use super::stage::{Shop, Stage};
use super::webhooks;

/// Persons at the two moments at which orders are measured.
const PERSONS: [u32; 2] = [10_000, 200_000];

/// Orders of one measurement, each by another person.
const ORDERS: u32 = 3_000;

/// Connections of the load.
const CONNECTIONS: u32 = 16;

/// The goals: memory of the hub, and the cost of an order among many persons against that among few.
const RSS_MB_MAX: f64 = 200.0;
const RATIO_MAX: f64 = 1.25;

/// When a hub that does not come to rest is given up.
const END: Duration = Duration::from_secs(1800);

/// What the run gave.
#[derive(Debug)]
pub(crate) struct Growth {
    /// Processor time per order in milliseconds, at each of [`PERSONS`].
    order_ms: [f64; 2],
    /// Most resident memory of the hub, in 1,000,000 bytes.
    rss_mb: f64,
}

/// Makes persons, then orders; more persons, then orders again.
///
/// # Errors
///
/// A process does not start, an answer is not 200, or the hub does not come to rest.
pub(crate) fn run(binary: &Path) -> Result<Growth> {
    let stage = Stage::start(binary)?;
    let entrance = stage.entrance()?;
    let mut order_ms = [0.0; 2];
    let mut known = 0;
    for (round, persons) in PERSONS.into_iter().enumerate() {
        send(&entrance, known..persons, |id| {
            webhooks::subscription(&stage.shop, &entrance, id)
        })?;
        known = persons;
        rest(&stage, known)?;
        let before = cpu(&stage)?;
        let first = u32::try_from(round).context("there are two rounds")? * ORDERS;
        send(&entrance, first..first + ORDERS, |id| {
            order(&stage.shop, &entrance, id)
        })?;
        rest(&stage, known)?;
        order_ms[round] = (cpu(&stage)? - before) * 1000.0 / f64::from(ORDERS);
    }
    let rss_mb = rss_mb(stage.hub_process().context("the hub is gone")?)?;
    Ok(Growth { order_ms, rss_mb })
}

/// An order with three rows by a guest whose address the hub knows.
fn order(shop: &Shop, entrance: &(String, String), id: u32) -> Vec<u8> {
    let rows: Vec<Value> = (0..3).map(|row| row_of(id * 10 + row)).collect();
    let body = json!({ "order": {
        "id": id + 1, "createdAt": "2026-05-12T17:24:59+02:00", "updatedAt": "2026-05-12T17:24:59+02:00",
        "number": format!("ORD{id:05}"), "status": "processing_awaiting_shipment", "channel": "main",
        "priceCost": 45.5, "priceExcl": 111.45, "priceIncl": 134.85, "email": webhooks::email(id),
        "firstname": "Fenna", "middlename": "", "lastname": "Bijl", "paymentId": "external",
        "paymentStatus": "paid", "paymentTitle": "Payments - iDEAL", "shipmentTitle": "Pakket",
        "shipmentStatus": "not_shipped", "customer": false, "quote": false,
        "language": { "id": 1, "code": "nl", "locale": "nl_NL", "title": "Nederlands" },
        "products": { "resource": {
            "id": false, "url": format!("orders/{}/products", id + 1), "link": "", "embedded": rows,
        }},
    }});
    webhooks::request(shop, entrance, ("orders/created", "Order"), id + 1, &body)
}

fn row_of(id: u32) -> Value {
    json!({
        "id": id + 1, "productTitle": "Stoel", "variantTitle": "Default", "quantityOrdered": 1, "articleCode": "A-1",
        "basePriceExcl": 37.15, "basePriceIncl": 44.95, "priceExcl": 37.15, "priceIncl": 44.95,
        "product": false, "variant": false,
    })
}

/// Sends one webhook for each id, as fast as they are answered.
fn send(entrance: &(String, String), ids: Range<u32>, make: impl Fn(u32) -> Vec<u8> + Sync) -> Result<()> {
    let make = &make;
    let ids = &ids;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|first| {
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(&entrance.0)?;
                    for id in ids.clone().skip(first as usize).step_by(CONNECTIONS as usize) {
                        let (status, _) = connection.ask(&make(id))?;
                        if status != 200 {
                            bail!("the hub answered {status} to webhook {id}");
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a sender panicked"))?)
    })
}

/// Waits until everything is applied and confirmed, and that many persons are known.
fn rest(stage: &Stage, persons: u32) -> Result<()> {
    let mut last = Ok(Value::Null);
    let has_rest = wait_until(END, || {
        last = stage.status();
        last.as_ref().map_or(true, |status| is_at_rest(status, persons))
    });
    let status = last?;
    if has_rest {
        return Ok(());
    }
    bail!("the hub does not come to rest: {status}")
}

fn is_at_rest(status: &Value, persons: u32) -> bool {
    let open: i64 = status["sinks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|sink| sink["open"].as_i64())
        .sum();
    status["inbox"]["waiting"] == 0
        && status["fetches_waiting"] == 0
        && open == 0
        && status["people"]["living"].as_i64() >= Some(i64::from(persons))
}

fn cpu(stage: &Stage) -> Result<f64> {
    let process = stage.hub_process().context("the hub is gone")?;
    cpu_of_s(process).context("this system has no /proc")
}

/// Reads the most resident memory that a process had.
pub(super) fn rss_mb(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next())
        .context("the system does not tell the memory of a process")?
        .parse()?;
    Ok(kib * 1024.0 / 1_000_000.0)
}

impl Growth {
    fn ratio(&self) -> f64 {
        self.order_ms[1] / self.order_ms[0]
    }

    /// Returns the figures for programs.
    pub(crate) fn value(&self) -> Value {
        json!({
            "name": "scale", "persons": PERSONS, "orders_each": ORDERS,
            "hub_cpu_ms_per_order": self.order_ms.map(rounded), "ratio": rounded(self.ratio()),
            "ratio_goal": RATIO_MAX, "hub_rss_mb": rounded(self.rss_mb), "hub_rss_mb_goal": RSS_MB_MAX,
        })
    }

    /// Says the figures to a person.
    pub(crate) fn say(&self) {
        println!(
            "scale: the hub alone uses {:.2} ms of processor time per order among {} persons and {:.2} ms among {} \
             ({:.2} times; goal: {RATIO_MAX}); most memory {:.0} MB (goal: {RSS_MB_MAX:.0})",
            self.order_ms[0],
            PERSONS[0],
            self.order_ms[1],
            PERSONS[1],
            self.ratio(),
            self.rss_mb
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_is_when_nothing_is_open() {
        let status = |waiting: i64, open: i64, living: i64| {
            json!({ "inbox": { "waiting": waiting }, "fetches_waiting": 0,
                "people": { "living": living }, "sinks": [{ "open": open }] })
        };
        assert!(is_at_rest(&status(0, 0, 10), 10));
        assert!(!is_at_rest(&status(1, 0, 10), 10));
        assert!(!is_at_rest(&status(0, 1, 10), 10));
        assert!(!is_at_rest(&status(0, 0, 9), 10));
    }
}
