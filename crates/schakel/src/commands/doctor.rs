//! `schakel doctor`: this installation. Database, disk, clock, listeners, and whether the numbers add up.

use std::net::{IpAddr, SocketAddr};

use schakel_core::time::{Clock, Timestamp};
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{self, LeftWaiting, Probe};
use schakel_store::{OpenOptions, Store};
use serde::Serialize;

use super::open;
use super::walks::stopped_in_words;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::skew;
use crate::wiring::TENANT;

/// Below this much free disk the hub should not be left alone, in bytes (1 GiB).
const DISK_BYTES_LOW: u64 = 1 << 30;

/// A machine whose clock is before this has no battery or no network: 2026-01-01, in microseconds since 1970.
const CLOCK_US_LEAST: i64 = 1_767_225_600_000_000;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    subject: &'static str,
    verdict: Verdict,
    text: String,
    advice: String,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Good,
            text: text.into(),
            advice: String::new(),
        }
    }

    fn not_good(subject: &'static str, verdict: Verdict, text: impl Into<String>, advice: &str) -> Self {
        Self {
            subject,
            verdict,
            text: text.into(),
            advice: advice.to_owned(),
        }
    }
}

/// Looks at everything, even when something is wrong, and prints what it found.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let mut findings = vec![Finding::good("version", env!("CARGO_PKG_VERSION"))];
    findings.push(clock(SystemClock::new().now()));
    findings.push(disk(config));
    findings.push(listener("webhooks", &config.hub.hooks_listen));
    findings.push(listener("pages", &config.hub.pages_listen));
    findings.extend(
        config
            .warnings
            .iter()
            .map(|text| Finding::not_good("configuration", Verdict::Warning, text, "")),
    );
    match open(config, OpenOptions { is_read_only: true }).await {
        Ok(store) => {
            findings.extend(database(&store).await?);
            findings.extend(server_clock(&store).await?);
            findings.extend(waiting(&store, config).await?);
            store.close().await;
        }
        Err(failure) => findings.push(Finding::not_good(
            "database",
            Verdict::Bad,
            failure.text(),
            failure.advice(),
        )),
    }
    output.value(&findings);
    for finding in &findings {
        let word = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        let advice = if finding.advice.is_empty() {
            String::new()
        } else {
            format!(" -> {}", finding.advice)
        };
        output.line(format!("{word:<8} {}: {}{advice}", finding.subject, finding.text));
    }
    let is_good = findings.iter().all(|finding| finding.verdict == Verdict::Good);
    Ok(if is_good { Exit::Good } else { Exit::Findings })
}

async fn database(store: &Store) -> Result<Vec<Finding>, Failure> {
    let durability = store.durability().await?;
    let mut findings = vec![Finding::good(
        "database",
        format!("{}, {durability}", store.engine_name()),
    )];
    let totals = store.inbox_counts(TENANT, None, None).await?;
    let audit = store.inbox_audit(TENANT, None, None).await?;
    findings.push(if totals == audit && totals.adds_up() {
        Finding::good(
            "inbox",
            format!("{} events received, the numbers add up", totals.received),
        )
    } else {
        let text = format!("the numbers do not add up: totals {totals:?}, counted {audit:?}");
        Finding::not_good(
            "inbox",
            Verdict::Bad,
            text,
            "keep a copy of the database and report this",
        )
    });
    Ok(findings)
}

/// Compares this machine's clock with that of a database server.
async fn server_clock(store: &Store) -> Result<Option<Finding>, Failure> {
    let Some(ms) = skew::ahead_ms(store, &SystemClock::new()).await? else {
        return Ok(None);
    };
    Ok(Some(skewed(ms)))
}

fn skewed(ms: i64) -> Finding {
    let verdict = match ms.abs() {
        ms if ms > skew::MS_MAX => Verdict::Bad,
        ms if ms > skew::MS_NOTABLE => Verdict::Warning,
        _ => return Finding::good("clocks", "this machine and the database agree"),
    };
    let text = format!("the clock of this machine is {}", skew::said(ms));
    Finding::not_good(
        "clocks",
        verdict,
        text,
        "let both machines take their time from the network; beyond 5 seconds `schakel serve` does not start",
    )
}

/// Looks for connections through which nothing goes, lists that are read no further, and events that nobody applies.
async fn waiting(store: &Store, config: &Config) -> Result<Vec<Finding>, Failure> {
    let probe = Probe {
        configured: Some(config.names()),
        ..Probe::default()
    };
    let status = report::status(store, TENANT, &probe, SystemClock::new().now()).await?;
    let ailing = status.health.iter().map(|line| {
        let text = format!(
            "\"{}\" {} since {}: {}",
            line.connection, line.text, line.since, line.detail
        );
        Finding::not_good("connection", Verdict::Bad, text, Failure::hint_of(line.reason))
    });
    let stopped = status.stopped_walks().map(|(connection, walk)| {
        let text = stopped_in_words(connection, walk);
        let help = "mend that, then `schakel backfill resume` or `schakel reconcile`";
        Finding::not_good("lists", Verdict::Warning, text, help)
    });
    let finding = |left: &LeftWaiting, why: &str, help: &'static str| {
        let text = format!("{} events of \"{}\" wait, {why}", left.events, left.connection);
        Finding::not_good("events", Verdict::Warning, text, help)
    };
    let left = status.left_waiting.iter().map(|left| {
        let help =
            "configure that connection again under its old name, or run a hub that knows it; nothing of them is lost";
        finding(left, "which is not configured here", help)
    });
    let newer = status.newer_waiting.iter().map(|left| {
        let help = "start the newer version; nothing of them is lost";
        finding(left, "which a newer version wrote", help)
    });
    Ok(ailing.chain(stopped).chain(left).chain(newer).collect())
}

fn clock(now: Timestamp) -> Finding {
    if now.as_micros() < CLOCK_US_LEAST {
        let text = format!("it is {now}, which cannot be");
        return Finding::not_good(
            "clock",
            Verdict::Bad,
            text,
            "let the machine take its time from the network",
        );
    }
    Finding::good("clock", now.to_string())
}

/// Says who can reach a listener (mission E10).
fn listener(subject: &'static str, address: &str) -> Finding {
    let Ok(socket) = address.parse::<SocketAddr>() else {
        return Finding::not_good(
            subject,
            Verdict::Bad,
            format!("{address} is no address"),
            "write HOST:PORT",
        );
    };
    let reach = match socket.ip() {
        ip if ip.is_loopback() => return Finding::good(subject, format!("{address}, this machine only")),
        IpAddr::V4(ip) if ip.is_private() => "the local network",
        ip if ip.is_unspecified() => "every network of this machine",
        _ => "the outside",
    };
    let text = format!("{address}, open to {reach}");
    if subject == "pages" {
        return Finding::not_good(
            subject,
            Verdict::Warning,
            text,
            "the pages have no login: listen on 127.0.0.1 and reach them through a tunnel",
        );
    }
    Finding::not_good(
        subject,
        Verdict::Warning,
        text,
        "webhooks come unencrypted unless a proxy with TLS stands in front",
    )
}

fn disk(config: &Config) -> Finding {
    let folder = &config.hub.data;
    match free_bytes(folder) {
        Some(bytes) if bytes < DISK_BYTES_LOW => {
            let text = format!("{} MB free for {}", bytes >> 20, folder.display());
            Finding::not_good(
                "disk",
                Verdict::Warning,
                text,
                "make room: without it nothing can be received",
            )
        }
        Some(bytes) => Finding::good(
            "disk",
            format!("{} MB free for {}", bytes >> 20, folder.display()),
        ),
        None => Finding::not_good(
            "disk",
            Verdict::Warning,
            format!("the free room of {} is not known", folder.display()),
            "",
        ),
    }
}

/// Asks `df`, which every Unix has: the standard library can't say it, and a binding would need unsafe code.
fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let there = folder
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(std::path::Path::new("."));
    let asked = std::process::Command::new("df")
        .arg("-Pk")
        .arg(there)
        .output()
        .ok()?;
    let text = String::from_utf8(asked.stdout).ok()?;
    let kibibytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_judged_by_who_reaches_them() {
        assert_eq!(listener("pages", "127.0.0.1:8481").verdict, Verdict::Good);
        for address in ["0.0.0.0:8481", "192.168.1.5:8481", "203.0.113.9:80", "[::]:8481"] {
            assert_eq!(listener("pages", address).verdict, Verdict::Warning, "{address}");
        }
        assert_eq!(listener("pages", "here").verdict, Verdict::Bad);
    }

    #[test]
    fn clocks_that_differ_are_noticed_and_far_ones_are_bad() {
        for (ms, verdict) in [
            (0, Verdict::Good),
            (-1_000, Verdict::Good),
            (1_001, Verdict::Warning),
            (-5_001, Verdict::Bad),
        ] {
            assert_eq!(skewed(ms).verdict, verdict, "{ms}");
        }
    }

    #[test]
    fn a_clock_of_1970_is_noticed() {
        assert_eq!(clock(Timestamp::ZERO).verdict, Verdict::Bad);
    }

    #[test]
    fn free_room_is_known_for_folders_that_are_not_there_yet() {
        assert!(free_bytes(std::path::Path::new("not/there/yet")).is_some_and(|bytes| bytes > 0));
    }
}
