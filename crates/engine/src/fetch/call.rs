//! One call of a fetch: what is asked for, and what came back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use schakel_core::connector::{Class, ConnectorError, Fetched, Part};
use schakel_core::id::{EventId, made_at};
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{ClaimedFetch, FetchRow, StoreError};

use crate::hub::{Hub, SourceConnection};

/// A claimed fetch with all that was known before its call.
pub(super) struct Question {
    pub(super) claimed: ClaimedFetch,
    /// When the claim ends.
    pub(super) until: Timestamp,
    /// What is held of the thing.
    pub(super) held: Option<Held>,
    pub(super) asked_at: Timestamp,
    /// When the words of the answer were asked for: those of a payload that it only gets rows for came before.
    pub(super) words_at: Timestamp,
    pub(super) started_us: i64,
    /// What is read beside the thing.
    beside: Option<Part>,
    /// What a payload said, of which only that is wanted.
    said: Option<Bytes>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) question: Question,
    pub(super) result: Result<Fetched, ConnectorError>,
}

impl Question {
    /// Reads what the call needs; an answer is newer than all that.
    pub(super) async fn new(
        hub: &Hub,
        claimed: ClaimedFetch,
        until: Timestamp,
        held: Option<Held>,
    ) -> Result<Self, StoreError> {
        let said = said(hub, &claimed.row, held.as_ref()).await?;
        let asked_at = hub.clock.now();
        Ok(Self {
            beside: beside(hub, claimed.row.key),
            words_at: said
                .as_ref()
                .map_or(asked_at, |(event, _)| made_at(event.0).min(asked_at)),
            said: said.map(|(_, body)| body),
            asked_at,
            started_us: hub.clock.monotonic_us(),
            claimed,
            until,
            held,
        })
    }

    /// Makes the call.
    pub(super) async fn ask(self, hub: Arc<Hub>) -> Answer {
        let row = &self.claimed.row;
        let result = match hub.sources.get(&row.key.connection) {
            Some(source) => {
                let call = read(source, row, (self.beside, self.said.as_ref()));
                // One that fails on our side must not take along those that are out with it.
                AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
                    let why = "reading the answer failed on our side".to_owned();
                    Err(ConnectorError::Malformed(why))
                })
            }
            None => Err(ConnectorError::Unsupported("its connection")),
        };
        Answer {
            question: self,
            result,
        }
    }
}

/// Gives what is read beside a thing: the rows of a cart, where a route delivers them.
fn beside(hub: &Hub, key: RecordKey) -> Option<Part> {
    let has_rows = hub.routes_from(key.connection).any(|route| route.has_quote_rows);
    (key.kind == RecordKind::Quote && has_rows).then_some(Part::QuoteRows)
}

/// Gives what a payload said of a cart of which only the rows are wanted, and in which event; `None` when it is to be fetched
/// as a whole.
async fn said(
    hub: &Hub,
    row: &FetchRow,
    held: Option<&Held>,
) -> Result<Option<(EventId, Bytes)>, StoreError> {
    let live = held.filter(|held| row.reason == "rows" && !held.is_deleted());
    match live.and_then(|held| held.live.as_ref()) {
        Some((_, event, _)) => Ok(hub.body_of(*event).await?.map(|body| (*event, body))),
        None => Ok(None),
    }
}

async fn read(
    source: &SourceConnection,
    row: &FetchRow,
    (beside, said): (Option<Part>, Option<&Bytes>),
) -> Result<Fetched, ConnectorError> {
    let class = if row.attempts > 0 {
        row.class.max(Class::Retry)
    } else {
        row.class
    };
    let (cx, key) = (&source.cx.for_class(class), row.key);
    let id = key.remote_id;
    if let (Some(part), Some(said)) = (beside, said) {
        let rows = source.source.rows(cx, part, id).await?;
        let whole = Some(said).filter(|_| rows.status == 200);
        if let Some(body) = whole.and_then(|said| source.source.with_rows(part, said, &rows.body)) {
            return Ok(Fetched { body, ..rows });
        }
    }
    let fetched = source.source.fetch(cx, key.kind, id).await?;
    let Some(part) = beside.filter(|_| fetched.status == 200) else {
        return Ok(fetched);
    };
    let rows = source.source.rows(cx, part, id).await?;
    if rows.status != 200 {
        // The thing was there a moment ago: it went just now, or this 404 is one of the passing ones.
        return Err(ConnectorError::Unavailable("its rows are not there".to_owned()));
    }
    let body = source.source.with_rows(part, &fetched.body, &rows.body);
    let body = body.ok_or_else(|| ConnectorError::Malformed("the answer holds no rows".to_owned()))?;
    Ok(Fetched { body, ..fetched })
}
