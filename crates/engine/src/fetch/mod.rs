//! Fetch: what is wanted from a source becomes an inbox event (T4).
//!
//! Invariants: an answer is stored word for word and gets the next ordinal of its connection; a wish that comes
//! while a fetch is running makes another fetch (I4); a 404 is an answer, everything else that is no 200 is tried
//! again and never taken for a deletion.

use futures_util::future::join_all;
use schakel_core::connector::{ConnectorError, Fetched};
use schakel_core::delivery::retry_wait_ms;
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Held, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{FetchRow, StoreError};

use crate::hub::{Hub, SourceConnection};

/// How long a claim on a fetch holds, in milliseconds; longer than any call takes.
const CLAIM_MS: i64 = 120_000;
/// Wait after refused credentials or a refused section, in milliseconds.
const REFUSED_WAIT_MS: i64 = 5 * 60_000;

/// Fetches what is wanted from `connection` and due, at most `fetches` things at once; returns how many were tried.
///
/// # Errors
/// When the store fails.
pub async fn step(hub: &Hub, connection: ConnectionId) -> Result<usize, StoreError> {
    let Some(source) = hub.sources.get(&connection) else {
        return Ok(0);
    };
    let now = hub.clock.now();
    let rows = hub
        .store
        .claim_fetches(
            hub.tenant,
            connection,
            now,
            source.fetches,
            &hub.worker,
            now.plus_ms(CLAIM_MS),
        )
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let tried = rows.len();
    let keys: Vec<_> = rows.iter().map(|row| row.key).collect();
    let held: Vec<Held> = hub
        .store
        .read_records(hub.tenant, &keys)
        .await?
        .into_iter()
        .map(|row| row.held)
        .collect();
    let answers = join_all(rows.into_iter().map(|row| fetch_one(source, row))).await;
    let mut done = Vec::new();
    for (row, answer) in answers {
        match answer {
            Ok(fetched) => {
                let floor = floor_of(&row, &fetched, &held);
                let event = event(hub, &row, fetched, floor);
                done.push((row, event));
            }
            Err(error) => again(hub, &row, &error).await?,
        }
    }
    hub.store.finish_fetches(hub.tenant, done).await?;
    hub.wake.inbox.notify_one();
    Ok(tried)
}

async fn fetch_one(source: &SourceConnection, row: FetchRow) -> (FetchRow, Result<Fetched, ConnectorError>) {
    let answer = source
        .source
        .fetch(&source.cx, row.key.kind, row.key.remote_id)
        .await;
    (row, answer)
}

/// A 404 is dated by the source's clock; a record that came back outranks its own tombstone (architecture §3).
fn floor_of(row: &FetchRow, fetched: &Fetched, held: &[Held]) -> Timestamp {
    if fetched.status == 404 {
        return fetched.at.unwrap_or(Timestamp::ZERO);
    }
    let tombstone = held
        .iter()
        .find(|held| held.key == row.key)
        .and_then(|held| held.tombstone.as_ref());
    tombstone.map_or(Timestamp::ZERO, |(version, _)| version.at)
}

fn event(hub: &Hub, row: &FetchRow, fetched: Fetched, floor: Timestamp) -> Event {
    Event {
        id: EventId(hub.new_id()),
        tenant: hub.tenant,
        connection: row.key.connection,
        origin: Origin::Fetch,
        trust: Trust::Payload,
        stream: stream_of(row.key.kind).to_owned(),
        kind: Some(row.key.kind),
        action: if fetched.status == 404 {
            Action::Deleted
        } else {
            Action::Updated
        },
        remote_id: row.key.remote_id,
        // The store gives the next number of the connection, in the transaction that stores the event.
        ordinal: 0,
        status: fetched.status,
        floor,
        received_at: hub.clock.now(),
        headers: "{}".to_owned(),
        body: fetched.body,
    }
}

const fn stream_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Customer => "customers",
        RecordKind::Subscription => "subscriptions",
        RecordKind::Order => "orders",
        RecordKind::Quote => "quotes",
        RecordKind::Shipment => "shipments",
        RecordKind::Invoice => "invoices",
        RecordKind::Product => "products",
        RecordKind::Variant => "variants",
        RecordKind::Groups => "groups/customers",
    }
}

async fn again(hub: &Hub, row: &FetchRow, error: &ConnectorError) -> Result<(), StoreError> {
    let backoff = retry_wait_ms(row.attempts + 1, hub.dice.roll());
    let wait_ms = match error {
        ConnectorError::RateLimited { retry_after_ms } => retry_after_ms.unwrap_or(0).max(backoff),
        ConnectorError::Unauthorised(_) | ConnectorError::Rejected(_) => backoff.max(REFUSED_WAIT_MS),
        _ => backoff,
    };
    tracing::warn!(
        connection.id = %row.key.connection, kind = row.key.kind.as_str(), wait_ms, %error,
        "fetch failed, next attempt in {wait_ms} ms"
    );
    hub.store
        .retry_fetch(
            hub.tenant,
            row,
            hub.clock.now().plus_ms(wait_ms),
            &error.to_string(),
        )
        .await
}
