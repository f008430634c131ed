//! One attempt: a claimed delivery becomes work for the sink, within its time.

use std::sync::Arc;
use std::time::Duration;

use schakel_core::connector::{ConnectorError, Receipt, Work};
use schakel_core::delivery::{Certainty, ObjectKind, Value, Wish};
use schakel_core::id::ConnectionId;
use schakel_core::preset::Table;
use schakel_core::time::Timestamp;
use schakel_store::Claimed;

use crate::hub::{Hub, SinkConnection};

/// How one attempt went.
pub(super) struct Sent {
    /// What was sent.
    pub claimed: Claimed,
    /// What came back.
    pub result: Result<Receipt, ConnectorError>,
    /// How long it took, in microseconds.
    pub took_us: i64,
    /// When it ended, monotonic, in microseconds.
    pub ended_us: i64,
    /// When it ended, wall time.
    pub at: Timestamp,
    /// Calls that were out when it started, itself included.
    pub in_flight: usize,
    /// Attempts count as one call each, and none when the sink was not asked at all; the door counts the real ones.
    pub calls: u32,
}

/// Sends one delivery.
pub(super) async fn send(hub: &Hub, sink: ConnectionId, claimed: Claimed, in_flight: usize) -> Sent {
    let started_us = hub.clock.monotonic_us();
    let (result, calls) = match prepare(hub, sink, &claimed) {
        Ok((connection, work)) => (attempt(connection, &work).await, 1),
        Err(error) => (Err(error), 0),
    };
    let ended_us = hub.clock.monotonic_us();
    Sent {
        claimed,
        result,
        took_us: ended_us - started_us,
        ended_us,
        at: hub.clock.now(),
        in_flight,
        calls,
    }
}

/// Makes the work for the sink; what goes wrong here is ours, and the sink hears nothing of it.
fn prepare<'h>(
    hub: &'h Hub,
    sink: ConnectionId,
    claimed: &Claimed,
) -> Result<(&'h SinkConnection, Work), ConnectorError> {
    let connection = hub
        .sinks
        .get(&sink)
        .ok_or(ConnectorError::Unsupported("no such sink"))?;
    Ok((connection, work(hub, sink, claimed)?))
}

async fn attempt(connection: &SinkConnection, work: &Work) -> Result<Receipt, ConnectorError> {
    let limit = Duration::from_millis(u64::try_from(connection.attempt_ms).unwrap_or(u64::MAX));
    let delivery = connection.sink.deliver(&connection.cx, work);
    match tokio::time::timeout(limit, delivery).await {
        Ok(result) => result,
        Err(_) => Err(ConnectorError::TimedOut("attempt took too long".to_owned())),
    }
}

/// Puts names to the values of a delivery.
pub(super) fn work(hub: &Hub, sink: ConnectionId, claimed: &Claimed) -> Result<Work, ConnectorError> {
    let table = hub
        .routes
        .iter()
        .filter(|route| route.sink == sink)
        .find_map(|route| route.preset.table(claimed.kind))
        .ok_or(ConnectorError::Unsupported(
            "the preset has no table for this kind of object",
        ))?;
    let values: Vec<Value> = serde_json::from_str(&claimed.desired)
        .map_err(|_| ConnectorError::Rejected("stored values can't be read".to_owned()))?;
    let key = key(table, claimed, &values);
    let fields = match (claimed.wish, table.named(values)) {
        (Wish::Absent, _) => Vec::new(),
        (Wish::Present, Some(fields)) => fields,
        (Wish::Present, None) => {
            return Err(ConnectorError::Rejected(
                "the preset changed since this was planned".to_owned(),
            ));
        }
    };
    let certainty = match (claimed.is_uncertain, claimed.is_known) {
        (true, _) => Certainty::Uncertain,
        (false, true) => Certainty::Known,
        (false, false) => Certainty::Fresh,
    };
    Ok(Work {
        delivery: claimed.id,
        kind: claimed.kind,
        wish: claimed.wish,
        key,
        fields,
        remote_id: claimed.remote_id,
        remote_parent: claimed.remote_parent,
        parent: claimed.root_remote_id,
        certainty,
    })
}

/// The natural key, from the values; a profile that shall be gone is known by its number.
fn key(table: &Table, claimed: &Claimed, values: &[Value]) -> Vec<(Arc<str>, i64)> {
    let mut key = table.key_of(values);
    if let ([(_, number)], ObjectKind::Relation) = (key.as_mut_slice(), claimed.kind) {
        *number = claimed.object;
    }
    key
}
