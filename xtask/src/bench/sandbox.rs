//! The simulators by themselves: how fast they start, what a read costs them, what a million profiles take.
//!
//! A read is a call over HTTP on one kept connection; its cost is the processor time of the simulators' process, so
//! what the program that asks needs is not in it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::clock::{self, ms, now, percentile, rounded};
use super::http::Connection;
use super::stage::Simulators;
use crate::process;

/// How often the simulators are started.
const STARTS: usize = 9;

/// Reads of each kind.
const READS: u32 = 20_000;

/// Profiles whose memory is measured.
const PROFILES: &str = "1000000";

/// The goals: both start within this, in milliseconds; a simple read costs at most this, in microseconds of processor
/// time; a million profiles hold less than this, in 1,000,000 bytes.
const GOALS: (f64, f64, f64) = (1000.0, 100.0, 1000.0);

/// What was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    start_p50_ms: f64,
    start_max_ms: f64,
    idle_mb: f64,
    /// Name and microseconds of processor time; the last is `None` where the system has no `/proc`.
    reads: Vec<(&'static str, Option<f64>)>,
    profiles_mb: f64,
}

/// Measures the simulators of `binary`.
///
/// # Errors
///
/// They do not start, an answer is not the expected one, or the system has no `/proc`.
pub(crate) fn run(binary: &Path) -> Result<Figures> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let before = now();
        let _simulators = Simulators::start(binary)?;
        starts.push(ms(before.elapsed()));
    }
    let simulators = Simulators::start(binary)?;
    let idle_mb = resident_mb(simulators.process())?;
    let mut reads = reads_of_shop(&simulators)?;
    reads.extend(reads_of_account(&simulators)?);
    Ok(Figures {
        start_p50_ms: percentile(&mut starts, 50),
        start_max_ms: percentile(&mut starts, 100),
        idle_mb,
        reads,
        profiles_mb: profiles_mb()?,
    })
}

fn reads_of_shop(simulators: &Simulators) -> Result<Vec<(&'static str, Option<f64>)>> {
    let mut control = Control::open(&simulators.shop)?;
    let customer = control.act("register")?;
    let order = control.act("place_order")?;
    let key = text(&simulators.shop, "api_key");
    let credentials = STANDARD.encode(format!("{key}:{}", text(&simulators.shop, "api_secret")));
    let head = format!("Authorization: Basic {credentials}\r\n");
    let mut reader = Reader::open(simulators, &simulators.shop, head)?;
    Ok(vec![
        (
            "shop: one customer",
            reader.cost(&format!("/nl/customers/{customer}.json"))?,
        ),
        (
            "shop: one order",
            reader.cost(&format!("/nl/orders/{order}.json"))?,
        ),
        ("shop: a count", reader.cost("/nl/products/count.json")?),
    ])
}

fn reads_of_account(simulators: &Simulators) -> Result<Vec<(&'static str, Option<f64>)>> {
    let with_token = |path: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        format!(
            "/v3/{path}{mark}access_token={}",
            text(&simulators.account, "access_token")
        )
    };
    let mut reader = Reader::open(simulators, &simulators.account, String::new())?;
    reader.post(&with_token("databases"), &json!({"name": "Bench"}))?;
    for number in 0..20 {
        let field =
            json!({"name": format!("Field{number}"), "type": "text", "length": 50, "index": number == 0});
        reader.post(&with_token("database/1/fields"), &field)?;
    }
    for number in 0..1000 {
        let fields =
            json!({"fields": {"Field0": number.to_string(), "Field1": "Voorbeeld", "Field2": "Utrecht"}});
        reader.post(&with_token("database/1/profiles"), &fields)?;
    }
    let found = with_token("database/1/profiles?fields[]=Field0%3D%3D500");
    Ok(vec![
        ("account: one profile", reader.cost(&with_token("profile/500"))?),
        ("account: one profile by an indexed field", reader.cost(&found)?),
        ("account: the identity", reader.cost(&with_token("identity"))?),
    ])
}

/// The control port of a simulator.
struct Control {
    connection: Connection,
    host: String,
}

impl Control {
    fn open(said: &Value) -> Result<Self> {
        let url = text(said, "control_url").trim_start_matches("http://");
        let host = url.split('/').next().unwrap_or_default().to_owned();
        let connection = Connection::open(&host)?;
        Ok(Self { connection, host })
    }

    /// Does an act and returns the id of its record.
    fn act(&mut self, name: &str) -> Result<u64> {
        let request = format!(
            "POST /control/api/acts/{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            self.host
        );
        let (_, body) = self.connection.ask(request.as_bytes())?;
        let done: Value = serde_json::from_slice(&body).context("the control port speaks no JSON")?;
        done["id"]
            .as_u64()
            .with_context(|| format!("`{name}` was not done: {done}"))
    }
}

/// A client on one connection.
struct Reader {
    connection: Connection,
    host: String,
    /// Header lines of every call.
    head: String,
    process: u32,
}

impl Reader {
    fn open(simulators: &Simulators, said: &Value, head: String) -> Result<Self> {
        let host = text(said, "base_url").trim_start_matches("http://").to_owned();
        Ok(Self {
            connection: Connection::open(&host)?,
            host,
            head,
            process: simulators.process(),
        })
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<()> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let (status, answer) = self.connection.ask(request.as_bytes())?;
        if status != 201 {
            bail!("{path}: {status} {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    /// Reads `path` many times; returns microseconds of the simulators' processor time for each.
    fn cost(&mut self, path: &str) -> Result<Option<f64>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.host, self.head);
        let before = clock::cpu_of_s(self.process);
        for _ in 0..READS {
            let (status, answer) = self.connection.ask(request.as_bytes())?;
            if status != 200 {
                bail!("{path}: {status} {}", String::from_utf8_lossy(&answer));
            }
        }
        let spent = clock::cpu_of_s(self.process)
            .zip(before)
            .map(|(after, before)| after - before);
        Ok(spent.map(|seconds| seconds * 1e6 / f64::from(READS)))
    }
}

fn resident_mb(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("there is no /proc here")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.context("the system does not say how much memory a process has")? * 1024.0 / 1e6)
}

/// Fills an account in a process of its own and returns what that holds, in 1,000,000 bytes.
fn profiles_mb() -> Result<f64> {
    eprintln!("filling an account with {PROFILES} profiles");
    let example = [
        "run",
        "--release",
        "--locked",
        "-p",
        "schakel-sandbox",
        "--example",
        "copernica_size",
        "--",
        PROFILES,
    ];
    let said = process::output(&mut process::command("cargo", &example))?;
    let held = said.lines().find_map(|line| line.split_once(" MB held"));
    held.and_then(|(number, _)| number.trim().parse().ok())
        .with_context(|| format!("the example does not say what it holds: {said}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

impl Figures {
    /// Returns the figures for programs.
    pub(crate) fn value(&self) -> Value {
        let reads: serde_json::Map<String, Value> = self
            .reads
            .iter()
            .map(|(name, cost)| ((*name).to_owned(), json!(cost.map(rounded))))
            .collect();
        json!({
            "start_ms": { "p50": rounded(self.start_p50_ms), "max": rounded(self.start_max_ms), "goal": GOALS.0 },
            "idle_mb": rounded(self.idle_mb),
            "cpu_us_per_read": reads,
            "cpu_us_goal": GOALS.1,
            "million_profiles_mb": rounded(self.profiles_mb),
            "million_profiles_mb_goal": GOALS.2,
        })
    }

    /// Prints the figures.
    pub(crate) fn say(&self) {
        let (start, read, profiles) = GOALS;
        println!(
            "sandbox: both simulators listen after {:.0} ms (slowest of {STARTS}: {:.0} ms; goal {start:.0} ms) and \
             take {:.0} MB",
            self.start_p50_ms, self.start_max_ms, self.idle_mb
        );
        for (name, cost) in &self.reads {
            let cost = cost.map_or_else(|| "-".to_owned(), |cost| format!("{cost:.0}"));
            println!("sandbox: {name}: {cost} µs of processor time, HTTP included (goal {read:.0})");
        }
        println!(
            "sandbox: {PROFILES} profiles: {:.0} MB (goal {profiles:.0})",
            self.profiles_mb
        );
    }
}
