//! What was told of a person or a thing, newest first.

use schakel_core::delivery::ObjectKind;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_store::StoreError;
use schakel_store::rows::EntityRow;
use serde::Serialize;

use super::names::{Names, name_of};
use super::reader::Reader;

/// One event about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When it was received.
    pub at: String,
    /// Its id.
    pub event: String,
    /// Name of the source connection.
    pub connection: String,
    /// How it came: `webhook` or `fetch`.
    pub origin: &'static str,
    /// Stream and action, such as `orders/paid`.
    pub about: String,
    /// The record's id.
    pub remote_id: i64,
    /// Where it stands.
    pub state: &'static str,
    /// What was wrong with it, as codes with fields.
    pub problems: Vec<String>,
}

/// Gives the newest events about `members` and `entities`, and those of them that cannot be read.
pub(super) async fn moments(
    reader: Reader<'_>,
    names: &Names,
    members: Vec<RecordKey>,
    entities: &[EntityRow],
    events_max: usize,
) -> Result<(Vec<Moment>, Vec<String>), StoreError> {
    let below = entities.iter().filter_map(|row| {
        let kind = match row.key.kind {
            ObjectKind::Order => RecordKind::Order,
            ObjectKind::Quote => RecordKind::Quote,
            ObjectKind::Relation
            | ObjectKind::OrderRow
            | ObjectKind::QuoteRow
            | ObjectKind::CustomerGroup => return None,
        };
        Some(RecordKey::new(row.key.connection, kind, row.key.remote_id))
    });
    let mut keys: Vec<RecordKey> = members.into_iter().chain(below).collect();
    keys.sort();
    keys.dedup();
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for key in keys {
        let (events, others) = reader
            .store
            .read_events_of(reader.tenant, key, events_max)
            .await?;
        found.extend(events);
        unreadable.extend(others);
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.event.id));
    found.truncate(events_max);
    unreadable.sort_by_key(|event| std::cmp::Reverse(*event));
    unreadable.truncate(events_max);
    let shown = found.into_iter().map(|row| Moment {
        at: row.event.received_at.to_string(),
        event: row.event.id.to_string(),
        connection: name_of(names, row.event.connection),
        origin: row.event.origin.as_str(),
        about: format!("{}/{}", row.event.stream, row.event.action.as_str()),
        remote_id: row.event.remote_id,
        state: row.state.as_str(),
        problems: row
            .problems
            .iter()
            .map(|problem| format!("{} {}", problem.code, problem.field))
            .collect(),
    });
    let unreadable = unreadable.iter().map(ToString::to_string);
    Ok((shown.collect(), unreadable.collect()))
}
