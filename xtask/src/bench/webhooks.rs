//! The webhook entrance under a steady load: how long a shop waits for its 200.
//!
//! Simulators and hub run as processes of their own. Requests are due at fixed moments, and a time is counted from the
//! moment at which the request was due: a hub that stalls is charged for all that had to wait (an open load).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::clock::{ms, now, pause_until, percentile, rounded};
use super::http::Connection;
use super::machine::Machine;
use super::stage::{Shop, Stage};

/// Webhooks per second.
const RATE: u32 = 1000;

/// How long the load lasts, in seconds.
const DURATION_S: u32 = 10;

/// Connections, kept open, among which the webhooks are dealt out.
const CONNECTIONS: u32 = 16;

/// The goal: 99 of 100 answers come within this, in milliseconds, or within ten times the p99 of a bare append.
const P99_MS_MAX: f64 = 50.0;

/// What the load gave.
#[derive(Debug)]
pub(crate) struct Answers {
    sent: usize,
    good: usize,
    kept: u64,
    elapsed_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    goal_ms: f64,
    sync_p99_ms: f64,
}

/// Answers on one connection: the times in milliseconds, and how many were 200.
type Measured = (Vec<f64>, usize);

/// Starts hub and simulators, sends the load, and compares what was acknowledged with what is in the database.
///
/// # Errors
///
/// A process does not start, a connection breaks, or the hub lost something that it acknowledged.
pub(crate) fn run(binary: &std::path::Path, machine: &Machine) -> Result<Answers> {
    let mut stage = Stage::start(binary)?;
    let entrance = stage.entrance()?;
    let requests = requests(&stage.shop, &entrance);
    let (mut times, good, elapsed_s) = send(&entrance.0, &requests)?;
    stage.kill_hub();
    let kept = stage.received()?;
    if kept < good as u64 {
        bail!("the hub acknowledged {good} webhooks and holds {kept}");
    }
    Ok(Answers {
        sent: times.len(),
        good,
        kept,
        elapsed_s,
        p50_ms: percentile(&mut times, 50),
        p99_ms: percentile(&mut times, 99),
        max_ms: percentile(&mut times, 100),
        goal_ms: P99_MS_MAX.max(10.0 * machine.sync_p99_ms),
        sync_p99_ms: machine.sync_p99_ms,
    })
}

/// Makes all requests beforehand, so that the load itself costs little: each is about another subscriber.
fn requests(shop: &Shop, entrance: &(String, String)) -> Vec<Vec<u8>> {
    (0..RATE * DURATION_S)
        .map(|number| subscription(shop, entrance, number))
        .collect()
}

/// A confirmed subscription of one more person.
pub(crate) fn subscription(shop: &Shop, entrance: &(String, String), number: u32) -> Vec<u8> {
    let id = 30_000_000 + number;
    let body = json!({ "subscription": {
        "id": id,
        "createdAt": "2026-05-12T17:24:59+02:00",
        "updatedAt": "2026-05-12T17:24:59+02:00",
        "isConfirmed": true,
        "email": email(number),
        "firstname": "Fenna",
        "lastname": "Bijl",
        "doNotifyConfirmed": false,
        "language": { "id": 1, "code": "nl", "locale": "nl_NL", "title": "Nederlands" },
    }});
    request(
        shop,
        entrance,
        ("subscriptions/created", "Subscription"),
        id,
        &body,
    )
}

/// The address of a person by number.
pub(crate) fn email(number: u32) -> String {
    format!("reader-{number}@example.org")
}

/// A signed webhook about the thing `id`; `event` and the word in the header that names the thing (lightspeed-ecom.md
/// §4.2); `entrance` is address and path.
pub(crate) fn request(
    shop: &Shop,
    (address, path): &(String, String),
    (event, thing): (&str, &str),
    id: u32,
    body: &Value,
) -> Vec<u8> {
    let body = body.to_string();
    let signature = signature(&body, &shop.api_secret);
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nX-Cluster-Id: {}\r\n\
         X-Shop-Id: {}\r\nX-Event: {event}\r\nX-Format: json\r\nX-Language: nl\r\n\
         X-{thing}-Id: {id}\r\nX-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        shop.cluster,
        shop.shop_id,
        body.len(),
    )
    .into_bytes()
}

/// Signs as a shop does: MD5 of the body followed by the secret (lightspeed-ecom.md §4.2).
fn signature(body: &str, secret: &str) -> String {
    let digest = Md5::new().chain_update(body).chain_update(secret).finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Sends all requests at their moments; returns the times, how many were good, and the seconds it took.
fn send(address: &str, requests: &[Vec<u8>]) -> Result<(Vec<f64>, usize, f64)> {
    let connections: Vec<Connection> = (0..CONNECTIONS)
        .map(|_| Connection::open(address))
        .collect::<Result<_>>()?;
    // All threads are there before the first request is due.
    let start = now() + Duration::from_millis(200);
    let measured: Vec<Measured> = std::thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(first, connection)| scope.spawn(move || send_share(connection, requests, first, start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a sender panicked"))?)
            .collect::<Result<_>>()
    })?;
    let elapsed_s = start.elapsed().as_secs_f64();
    let good = measured.iter().map(|(_, good)| good).sum();
    Ok((
        measured.into_iter().flat_map(|(times, _)| times).collect(),
        good,
        elapsed_s,
    ))
}

/// Sends every sixteenth request from the one at `first`.
fn send_share(
    mut connection: Connection,
    requests: &[Vec<u8>],
    first: usize,
    start: Instant,
) -> Result<Measured> {
    let step = Duration::from_secs(1) / RATE;
    let mut times = Vec::new();
    let mut good = 0;
    for (number, request) in requests
        .iter()
        .enumerate()
        .skip(first)
        .step_by(CONNECTIONS as usize)
    {
        let number = u32::try_from(number).context("there are fewer requests than that")?;
        let due = start + step * number;
        pause_until(due);
        let (status, _) = connection.ask(request)?;
        times.push(ms(due.elapsed()));
        good += usize::from(status == 200);
    }
    Ok((times, good))
}

impl Answers {
    /// Returns the answers for programs.
    pub(crate) fn value(&self) -> Value {
        json!({
            "name": "webhooks",
            "rate_per_s": RATE,
            "connections": CONNECTIONS,
            "sent": self.sent,
            "answered_200": self.good,
            "received": self.kept,
            "elapsed_s": rounded(self.elapsed_s),
            "answer_ms": {
                "p50": rounded(self.p50_ms), "p99": rounded(self.p99_ms), "max": rounded(self.max_ms),
            },
            "p99_ms_goal": rounded(self.goal_ms),
            "fdatasync_p99_ms": rounded(self.sync_p99_ms),
        })
    }

    /// Says the answers to a person.
    pub(crate) fn say(&self) {
        println!(
            "webhooks: {} at {RATE} per second over {CONNECTIONS} connections in {:.1} s; {} answered 200, {} received",
            self.sent, self.elapsed_s, self.good, self.kept
        );
        println!(
            "  answers: p50 {:.2} ms, p99 {:.2} ms (goal: under {:.0} ms), slowest {:.2} ms; p99 of a bare append \
             and fdatasync: {:.2} ms",
            self.p50_ms, self.p99_ms, self.goal_ms, self.max_ms, self.sync_p99_ms
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_sample_of_the_shop_is_signed() {
        let text = include_str!(
            "../../../crates/connectors/fixtures/lightspeed/webhook-delivery-subscriptions-created.json"
        );
        let sample: Value = serde_json::from_str(text).unwrap();
        let body = sample["request"]["body_raw"].as_str().unwrap();
        let secret = sample["signing"]["api_secret_of_this_sample"].as_str().unwrap();
        assert_eq!(signature(body, secret), sample["signing"]["expected_x_signature"]);
    }
}
