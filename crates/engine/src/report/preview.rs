//! What a delivery would do now: creates, updates and deletes by kind, with samples; nothing is sent.
//!
//! Computed from the outbox alone: a row that is not clean is a call that will be made, unless it was given up or
//! stands under one that was.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::{ConnectionId, DeliveryId, TenantId};
use schakel_store::rows::{DeadFilter, DeliveryRow};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::Presets;

/// Rows that are read at once.
const PAGE: usize = 2_000;

/// What would happen to an object in its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It would be made.
    Create,
    /// It would be changed.
    Update,
    /// It would be removed.
    Delete,
}

/// One object that would be touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The natural key, such as `RelationID=7`.
    pub key: String,
    /// Its id in the sink, when known.
    pub remote_id: Option<i64>,
    /// Where its delivery stands.
    pub state: &'static str,
}

/// What would happen to one kind of object in one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindPreview {
    /// Name of the sink connection.
    pub connection: String,
    /// The kind.
    pub kind: &'static str,
    /// What would happen.
    pub change: Change,
    /// To how many.
    pub count: u64,
    /// Some of them.
    pub samples: Vec<Sample>,
}

/// What a delivery would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Events that wait to be applied, and things that wait to be fetched: what follows from them is not counted here.
    pub waiting: Waiting,
    /// By sink, kind and change; what would not happen is left out.
    pub changes: Vec<KindPreview>,
    /// Objects that the sinks hold as they shall.
    pub unchanged: u64,
    /// Objects that were given up and are not touched until a person redrives them.
    pub given_up: u64,
    /// The newest of those, by what the sink said: sent again as they are, they would be rejected again.
    pub rejected: Vec<Rejected>,
    /// Objects that can't be made as long as the one above them is given up, such as the orders of a person.
    pub held_back: u64,
}

/// What stands before the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Events that are not applied yet.
    pub events: i64,
    /// Things that shall be fetched from a source.
    pub fetches: i64,
}

/// Deliveries that the sink rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Name of the sink connection.
    pub connection: String,
    /// The kind.
    pub kind: &'static str,
    /// What the sink said; empty when nothing was noted.
    pub error: String,
    /// How many.
    pub count: u64,
    /// Some of them.
    pub samples: Vec<Sample>,
}

/// Dead letters of which the reason is read.
const REASONS: usize = 1_000;

/// Reads the outbox and counts; at most `samples_max` samples of each change.
///
/// # Errors
/// When the store fails.
pub async fn preview(
    store: &Store,
    tenant: TenantId,
    presets: &Presets,
    samples_max: usize,
) -> Result<Preview, StoreError> {
    let mut counted = Counted {
        samples_max,
        presets,
        changes: BTreeMap::new(),
        unchanged: 0,
        given_up: 0,
        held_back: 0,
        dead: BTreeSet::new(),
    };
    let connections = store.connections(tenant).await?;
    for connection in &connections {
        for kind in ObjectKind::ALL {
            let mut after = DeliveryId(0);
            loop {
                let rows = store
                    .page_deliveries(tenant, connection.id, kind, after, PAGE)
                    .await?;
                rows.iter().for_each(|row| counted.count(row));
                match rows.last() {
                    Some(last) if rows.len() == PAGE => after = last.id,
                    _ => break,
                }
            }
        }
    }
    let name = |id: ConnectionId| {
        connections
            .iter()
            .find(|row| row.id == id)
            .map_or_else(String::new, |row| row.name.clone())
    };
    let changes = counted
        .changes
        .into_iter()
        .map(|((sink, kind, change), (count, samples))| KindPreview {
            connection: name(sink),
            kind: kind.as_str(),
            change,
            count,
            samples,
        });
    let rejected = rejected(store, tenant, presets, samples_max, name).await?;
    let waiting = Waiting {
        events: store.inbox_counts(tenant, None, None).await?.waiting,
        fetches: store.fetch_count(tenant).await?,
    };
    Ok(Preview {
        waiting,
        rejected,
        held_back: counted.held_back,
        changes: changes.collect(),
        unchanged: counted.unchanged,
        given_up: counted.given_up,
    })
}

async fn rejected(
    store: &Store,
    tenant: TenantId,
    presets: &Presets,
    samples_max: usize,
    name: impl Fn(ConnectionId) -> String,
) -> Result<Vec<Rejected>, StoreError> {
    let mut by_reason: BTreeMap<_, (u64, Vec<Sample>)> = BTreeMap::new();
    for letter in store
        .dead_letters(tenant, None, &DeadFilter::default(), REASONS)
        .await?
    {
        let row = &letter.delivery;
        let (count, samples) = by_reason.entry((row.sink, row.kind, letter.error)).or_default();
        *count += 1;
        if samples.len() < samples_max {
            samples.push(sample(presets, row));
        }
    }
    let lines = by_reason
        .into_iter()
        .map(|((sink, kind, error), (count, samples))| Rejected {
            connection: name(sink),
            kind: kind.as_str(),
            error,
            count,
            samples,
        });
    Ok(lines.collect())
}

struct Counted<'a> {
    samples_max: usize,
    presets: &'a Presets,
    changes: BTreeMap<(ConnectionId, ObjectKind, Change), (u64, Vec<Sample>)>,
    unchanged: u64,
    given_up: u64,
    held_back: u64,
    /// What was given up, and what stands under it. Parents are counted before their children.
    dead: BTreeSet<DeliveryId>,
}

impl Counted<'_> {
    fn count(&mut self, row: &DeliveryRow) {
        match row.state {
            DeliveryState::Clean => self.unchanged += 1,
            DeliveryState::Dead => {
                self.given_up += 1;
                self.dead.insert(row.id);
            }
            DeliveryState::Parent if row.parent.is_some_and(|parent| self.dead.contains(&parent)) => {
                self.held_back += 1;
                self.dead.insert(row.id);
            }
            DeliveryState::Parent
            | DeliveryState::Held
            | DeliveryState::Unplaced
            | DeliveryState::Ready
            | DeliveryState::Claimed => {
                let change = change(row);
                let sample = sample(self.presets, row);
                let (count, samples) = self.changes.entry((row.sink, row.kind, change)).or_default();
                *count += 1;
                if samples.len() < self.samples_max {
                    samples.push(sample);
                }
            }
        }
    }
}

/// Names an object by its key only: a sample is for everybody's eyes.
fn sample(presets: &Presets, row: &DeliveryRow) -> Sample {
    Sample {
        key: key_of(presets, row),
        remote_id: row.remote_id,
        state: row.state.as_str(),
    }
}

/// Gives the natural key of an object, such as `RelationID=7`.
pub(super) fn key_of(presets: &Presets, row: &DeliveryRow) -> String {
    let values = serde_json::from_str::<Vec<_>>(&row.desired).unwrap_or_default();
    let table = presets
        .of(row.sink)
        .table(row.kind)
        .filter(|table| values.len() >= table.own);
    match table {
        Some(table) => {
            let parts = table
                .key_of(&values)
                .into_iter()
                .map(|(name, number)| format!("{name}={number}"));
            parts.collect::<Vec<_>>().join(" ")
        }
        None => format!("{} {}", row.kind.as_str(), row.object),
    }
}

/// A claimed row may be done already; it counts as what it set out to do.
pub(super) fn change(row: &DeliveryRow) -> Change {
    match row.wish {
        Wish::Absent => Change::Delete,
        Wish::Present if row.confirmed_version > 0 || row.remote_id.is_some() => Change::Update,
        Wish::Present => Change::Create,
    }
}
