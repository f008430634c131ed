//! What waits for a person: events that were set aside, deliveries that were given up. Names things by their numbers;
//! what they say about people stays in the inbox.

use schakel_core::delivery::ObjectKind;
use schakel_core::event::EventState;
use schakel_core::id::{ConnectionId, DeliveryId, TenantId};
use schakel_core::problem::Language;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_store::rows::{AsideRow, AttemptRow, DeadFilter, DeadLetter, QuarantineFilter};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::Presets;
use super::moments::{Moment, moments};
use super::names::{Names, name_of, names};
use super::preview::key_of;
use super::reader::Reader;
use super::status::text_of;

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// Its id, such as `evt_7`.
    pub event: String,
    /// Name of the connection.
    pub connection: String,
    /// `webhook` or `fetch`.
    pub origin: String,
    /// What it is about, such as `order`; the stream when that is not known.
    pub about: String,
    /// The thing's number in the source; 0 when it has none.
    pub remote_id: i64,
    /// When it was received, in RFC 3339.
    pub received_at: String,
    /// The code for which it was set aside.
    pub reason: String,
    /// The reason as an English sentence.
    pub text: String,
    /// Everything that was wrong with it, also what was repaired.
    pub problems: Vec<Wrong>,
    /// Size of its body, in bytes.
    pub body_bytes: i64,
}

/// One thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Its code.
    pub code: String,
    /// Where, such as `order.email`.
    pub field: String,
    /// The code as an English sentence; the code itself when this version does not know it.
    pub text: String,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dead {
    /// Its id, such as `dlv_7`.
    pub delivery: String,
    /// Name of the sink connection.
    pub sink: String,
    /// What kind of object it is.
    pub kind: &'static str,
    /// The natural key, such as `RelationID=7`.
    pub key: String,
    /// Its id in the sink, when known.
    pub remote_id: Option<i64>,
    /// When it was given up, in RFC 3339.
    pub at: String,
    /// What the sink said at the end; empty when nothing was noted.
    pub error: String,
    /// The newest attempts, newest first; only of a single dead letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// When its outcome was known; `None` while it is open.
    pub ended_at: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// What the sink said.
    pub error: String,
    /// Calls that it made.
    pub calls: u32,
}

/// Gives the events that were set aside and that `filter` means, grouped by reason, a page at a time.
///
/// # Errors
/// When the store fails.
pub async fn quarantine(
    store: &Store,
    tenant: TenantId,
    filter: &QuarantineFilter,
    limit: usize,
    offset: usize,
) -> Result<Vec<Aside>, StoreError> {
    let names = names(store, tenant).await?;
    let rows = store.quarantined(tenant, filter, limit, offset).await?;
    Ok(rows.into_iter().map(|row| aside(row, &names)).collect())
}

/// Gives the deliveries to `sink`, or to all sinks, that were given up and that `filter` means, newest first.
///
/// # Errors
/// When the store fails.
pub async fn dead(
    store: &Store,
    tenant: TenantId,
    presets: &Presets,
    (sink, filter): (Option<ConnectionId>, &DeadFilter),
    limit: usize,
) -> Result<Vec<Dead>, StoreError> {
    let names = names(store, tenant).await?;
    let rows = store.dead_letters(tenant, sink, filter, limit).await?;
    Ok(rows.iter().map(|row| dead_letter(row, presets, &names)).collect())
}

/// Gives one delivery that was given up, with its newest attempts; `None` when it is none.
///
/// # Errors
/// When the store fails.
pub async fn dead_one(
    store: &Store,
    tenant: TenantId,
    presets: &Presets,
    delivery: DeliveryId,
    attempts: usize,
) -> Result<Option<Dead>, StoreError> {
    let filter = DeadFilter {
        deliveries: Some(vec![delivery]),
        ..DeadFilter::default()
    };
    let Some(mut found) = dead(store, tenant, presets, (None, &filter), 1).await?.pop() else {
        return Ok(None);
    };
    let rows = store.attempts_of(tenant, delivery, attempts).await?;
    found.attempts = rows.into_iter().map(attempt).collect();
    Ok(Some(found))
}

fn aside(row: AsideRow, names: &Names) -> Aside {
    let text = text_of(&row.reason, Language::En).to_owned();
    Aside {
        event: row.event.to_string(),
        connection: name_of(names, row.connection),
        origin: row.origin,
        about: row.kind.unwrap_or(row.stream),
        remote_id: row.remote_id,
        received_at: row.received_at.to_string(),
        text,
        reason: row.reason,
        problems: row
            .problems
            .iter()
            .map(|problem| Wrong {
                code: problem.code.clone(),
                field: problem.field.clone(),
                text: text_of(&problem.code, Language::En).to_owned(),
            })
            .collect(),
        body_bytes: row.body_bytes,
    }
}

fn dead_letter(row: &DeadLetter, presets: &Presets, names: &Names) -> Dead {
    let delivery = &row.delivery;
    Dead {
        delivery: delivery.id.to_string(),
        sink: name_of(names, delivery.sink),
        kind: ObjectKind::as_str(delivery.kind),
        key: key_of(presets, delivery),
        remote_id: delivery.remote_id,
        at: row.at.to_string(),
        error: row.error.clone(),
        attempts: Vec::new(),
    }
}

fn attempt(row: AttemptRow) -> Attempt {
    Attempt {
        started_at: row.started_at.to_string(),
        ended_at: row.ended_at.map(|at| at.to_string()),
        outcome: row.outcome,
        error: row.error,
        calls: row.calls,
    }
}

/// What a number may name beside a person.
const KINDS: [RecordKind; 4] = [
    RecordKind::Order,
    RecordKind::Quote,
    RecordKind::Customer,
    RecordKind::Subscription,
];

/// Gives the newest events about things with the source's id `who` that were set aside, newest first, at most
/// `events_max`.
///
/// # Errors
/// When the store fails.
pub async fn set_aside(reader: Reader<'_>, who: &str, events_max: usize) -> Result<Vec<Moment>, StoreError> {
    let Ok(number) = who.trim().parse::<i64>() else {
        return Ok(Vec::new());
    };
    let names = names(reader.store, reader.tenant).await?;
    let keys = names.keys().flat_map(|connection| {
        KINDS
            .iter()
            .map(move |kind| RecordKey::new(*connection, *kind, number))
    });
    let (mut found, _) = moments(reader, &names, keys.collect(), &[], events_max).await?;
    found.retain(|event| event.state == EventState::Quarantined.as_str());
    Ok(found)
}
