//! The hub in numbers.

use std::collections::BTreeMap;

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::problem::{Code, Language};
use schakel_core::time::Timestamp;
use schakel_store::rows::{ConnectionRow, InboxCounts, RelationCounts};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::carts::{CartLine, cart_lines};
use super::health::{HealthLine, health_lines};
use super::history::{StoppedWalk, WalkLine, walk_lines};
use super::names::name_in;
use super::probe::Probe;
use super::watch::{WatchLine, watch_lines};
use crate::deliver::{Gauge, Reading};

/// The hub in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// When it was read, in RFC 3339.
    pub at: String,
    /// Connections through which nothing goes, and why.
    pub health: Vec<HealthLine>,
    /// The inbox as a whole.
    pub inbox: InboxCounts,
    /// Whether the numbers of the inbox add up, of every connection and as a whole (F1).
    pub adds_up: bool,
    /// The inbox by connection; connections through which nothing ever came are left out.
    pub connections: Vec<InboxLine>,
    /// Events that nobody applies, because their connection is not configured here.
    pub left_waiting: Vec<LeftWaiting>,
    /// Events that wait for a newer version, because they hold a word that this one does not know.
    pub newer_waiting: Vec<LeftWaiting>,
    /// Things that are still to be fetched from a source.
    pub fetches_waiting: i64,
    /// The lists of each source: history, sweeps, reconciliations; sources that were never walked are left out.
    pub walks: Vec<WalkLine>,
    /// The webhooks of each source that sends them.
    pub watch: Vec<WatchLine>,
    /// Carts that nobody is known for.
    pub carts: Vec<CartLine>,
    /// Persons.
    pub people: RelationCounts,
    /// Merges and splits.
    pub merges: i64,
    /// The outbox by sink.
    pub sinks: Vec<SinkLine>,
    /// Deliveries that were given up.
    pub dead: i64,
    /// Events that were set aside, by reason.
    pub quarantine: Vec<QuarantineLine>,
    /// Calls to outside systems since the start, by connection; empty beside a store alone.
    pub calls: BTreeMap<String, u64>,
}

/// The inbox of one connection.
#[derive(Debug, Clone, Serialize)]
pub struct InboxLine {
    /// Its name.
    pub connection: String,
    /// Its numbers.
    #[serde(flatten)]
    pub counts: InboxCounts,
    /// Whether they add up (F1).
    pub adds_up: bool,
}

/// Events of one connection that nobody applies here. They are kept, and applied by a process that can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftWaiting {
    /// Its name.
    pub connection: String,
    /// How many wait.
    pub events: i64,
}

/// The outbox of one sink.
#[derive(Debug, Clone, Serialize)]
pub struct SinkLine {
    /// Its name.
    pub connection: String,
    /// How many deliveries stand where, by kind of object.
    pub objects: BTreeMap<&'static str, BTreeMap<&'static str, i64>>,
    /// Deliveries that are not confirmed and not given up.
    pub open: i64,
    /// The delivery loop's last reading; `None` beside a store alone.
    pub loop_reading: Option<Reading>,
    /// How long webhooks took; `None` before the first one.
    pub latency_ms: Option<Latency>,
}

/// How long it took from the first byte of a webhook to the confirmation of the last object it touched, in
/// milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them took less.
    pub p50: f64,
    /// One in a hundred took longer.
    pub p99: f64,
}

/// Events that were set aside for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineLine {
    /// The reason's code.
    pub reason: String,
    /// How many.
    pub count: i64,
}

impl QuarantineLine {
    /// Gives the reason as a sentence; the code itself when this version does not know it.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        text_of(&self.reason, language)
    }
}

/// Gives a reason as a sentence; the code itself when this version does not know it.
pub(super) fn text_of(reason: &str, language: Language) -> &str {
    let code = Code::ALL.iter().find(|code| code.as_str() == reason);
    code.map_or(reason, |code| code.text(language))
}

impl Status {
    /// Gives the walks that go no further until a person mends what stopped them, each with the connection.
    pub fn stopped_walks(&self) -> impl Iterator<Item = (&str, &StoppedWalk)> {
        self.walks
            .iter()
            .flat_map(|line| line.stopped.iter().map(|walk| (line.connection.as_str(), walk)))
    }
}

impl Latency {
    /// Takes both from latencies in rising order; `None` without any.
    #[must_use]
    pub fn of(sorted: &[f64]) -> Option<Self> {
        let last = sorted.len().checked_sub(1)?;
        let at = |percent: usize| sorted[(last * percent).div_ceil(100)];
        Some(Self {
            p50: at(50),
            p99: at(99),
        })
    }
}

/// Reads the hub in numbers; `now` is printed with them.
///
/// # Errors
/// When the store fails.
pub async fn status(
    store: &Store,
    tenant: TenantId,
    probe: &Probe,
    now: Timestamp,
) -> Result<Status, StoreError> {
    let names = store.connections(tenant).await?;
    let mut connections = Vec::new();
    for row in &names {
        let counts = store.inbox_counts(tenant, Some(row.id), None).await?;
        if counts != InboxCounts::default() {
            let adds_up = counts.adds_up();
            connections.push(InboxLine {
                connection: row.name.clone(),
                counts,
                adds_up,
            });
        }
    }
    let inbox = store.inbox_counts(tenant, None, None).await?;
    let newer = store.newer_waiting(tenant).await?;
    let sinks = sinks(store, tenant, probe, &names).await?;
    let dead = |line: &SinkLine| {
        line.objects
            .values()
            .filter_map(|states| states.get(DeliveryState::Dead.as_str()))
            .sum::<i64>()
    };
    let quarantine = store.quarantine_groups(tenant).await?;
    Ok(Status {
        at: now.to_string(),
        health: health_lines(store, tenant, probe, &names).await?,
        adds_up: inbox.adds_up() && connections.iter().all(|line| line.adds_up),
        inbox,
        left_waiting: left_waiting(&connections, probe),
        newer_waiting: newer
            .into_iter()
            .map(|(id, events)| LeftWaiting {
                connection: name_in(&names, id),
                events,
            })
            .collect(),
        connections,
        fetches_waiting: store.fetch_count(tenant).await?,
        walks: walk_lines(store, tenant, &names).await?,
        watch: watch_lines(store, tenant, &names, now).await?,
        carts: cart_lines(store, tenant, &names).await?,
        people: store.relation_counts(tenant).await?,
        merges: store.merge_count(tenant).await?,
        dead: sinks.iter().map(dead).sum(),
        sinks,
        quarantine: quarantine
            .into_iter()
            .map(|(reason, count)| QuarantineLine { reason, count })
            .collect(),
        calls: probe
            .calls
            .iter()
            .map(|(name, counts)| (name.clone(), counts.total()))
            .collect(),
    })
}

fn left_waiting(connections: &[InboxLine], probe: &Probe) -> Vec<LeftWaiting> {
    let left = connections
        .iter()
        .filter(|line| line.counts.waiting > 0 && !probe.is_configured(&line.connection));
    left.map(|line| LeftWaiting {
        connection: line.connection.clone(),
        events: line.counts.waiting,
    })
    .collect()
}

async fn sinks(
    store: &Store,
    tenant: TenantId,
    probe: &Probe,
    names: &[ConnectionRow],
) -> Result<Vec<SinkLine>, StoreError> {
    let mut objects: BTreeMap<ConnectionId, BTreeMap<ObjectKind, BTreeMap<DeliveryState, i64>>> =
        BTreeMap::new();
    for (sink, _) in &probe.gauges {
        objects.entry(*sink).or_default();
    }
    for count in store.delivery_counts(tenant).await? {
        *objects
            .entry(count.sink)
            .or_default()
            .entry(count.kind)
            .or_default()
            .entry(count.state)
            .or_default() += count.count;
    }
    let lines = objects.into_iter().map(|(sink, kinds)| {
        let gauge = probe
            .gauges
            .iter()
            .find(|(id, _)| *id == sink)
            .map(|(_, gauge)| gauge);
        let is_open = |state: DeliveryState| !matches!(state, DeliveryState::Clean | DeliveryState::Dead);
        let states = kinds.values().flatten();
        SinkLine {
            connection: name_in(names, sink),
            open: states
                .filter(|(state, _)| is_open(**state))
                .map(|(_, count)| count)
                .sum(),
            objects: kinds
                .into_iter()
                .map(|(kind, states)| (kind.as_str(), by_word(states)))
                .collect(),
            loop_reading: gauge.map(Gauge::reading),
            latency_ms: gauge.and_then(|gauge| Latency::of(&gauge.latencies_ms())),
        }
    });
    Ok(lines.collect())
}

fn by_word(states: BTreeMap<DeliveryState, i64>) -> BTreeMap<&'static str, i64> {
    states
        .into_iter()
        .map(|(state, count)| (state.as_str(), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(Latency::of(&[]), None);
        assert_eq!(Latency::of(&[4.0]), Some(Latency { p50: 4.0, p99: 4.0 }));
        let hundred: Vec<f64> = (1..=101).map(f64::from).collect();
        assert_eq!(
            Latency::of(&hundred),
            Some(Latency {
                p50: 51.0,
                p99: 100.0
            })
        );
    }

    #[test]
    fn a_reason_of_a_newer_version_is_shown_as_it_is() {
        let known = QuarantineLine {
            reason: "bad_json".to_owned(),
            count: 1,
        };
        assert_eq!(known.text(Language::De), Code::BadJson.text(Language::De));
        let unknown = QuarantineLine {
            reason: "made_up".to_owned(),
            count: 1,
        };
        assert_eq!(unknown.text(Language::Nl), "made_up");
    }
}
