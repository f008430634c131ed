//! Ends carts whose time is over: nothing comes in about a cart that is left alone, so the clock plans it once more
//! (mission F10; docs/spec/carts.md, section 1).

use std::collections::BTreeSet;

use schakel_core::connector::Class;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::limits;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{Fence, Stepped};
use crate::hub::{Hub, Route, SourceConnection};
use crate::plan::{self, Input};

/// Up to where the carts of one route are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Where the route leads.
    pub sink: ConnectionId,
    /// After how long without a change a cart ends there, in milliseconds; 0 for never.
    pub expires_ms: i64,
    /// Carts that last changed before this moment are ended, and of this moment those up to `last`.
    pub until: Timestamp,
    last: i64,
}

impl Ended {
    /// Name of the checkpoint of a source in which they are kept.
    const CHECKPOINT: &str = "carts";

    /// Reads those of a source; none when there are none, or they cannot be read: then all carts are looked at again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(
        store: &Store,
        tenant: TenantId,
        source: ConnectionId,
    ) -> Result<Vec<Self>, StoreError> {
        let text = store.checkpoint(tenant, source, Self::CHECKPOINT).await?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// Gives that of `route` among `known`; from the beginning when the time was another one.
    fn of(route: &Route, known: &[Self]) -> Self {
        let (sink, expires_ms) = (route.sink, route.carts.expires_ms);
        let is_its = |ended: &&Self| (ended.sink, ended.expires_ms) == (sink, expires_ms);
        known.iter().find(is_its).copied().unwrap_or(Self {
            sink,
            expires_ms,
            until: Timestamp::ZERO,
            last: 0,
        })
    }

    /// Goes on to `now`, over a batch at most; returns the carts on the way.
    async fn advance(
        &mut self,
        hub: &Hub,
        source: ConnectionId,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        // A clock that was set back ends nothing twice.
        let until = now.plus_ms(-self.expires_ms);
        if self.expires_ms == 0 || until < self.until {
            return Ok(Vec::new());
        }
        let place = ((self.until, self.last), until);
        let due = hub
            .store
            .carts_between(hub.tenant, source, place, limits::APPLY_BATCH)
            .await?;
        (self.until, self.last) = match due.last() {
            Some(last) if due.len() == limits::APPLY_BATCH => *last,
            // One that comes to be known from here on and is as old is ended when it is planned.
            _ => (until, i64::MAX),
        };
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }
}

/// Plans the carts once more whose route gave them up since the last time: at most [`limits::APPLY_BATCH`] for each route,
/// in one transaction for each source. Returns what was done, carts as events: fewer than a batch when none are left.
///
/// # Errors
/// When the store fails; the carts of that source are left for the next time.
pub async fn end_carts(hub: &Hub, fence: Fence) -> Result<Stepped, StoreError> {
    let mut total = Stepped::default();
    for source in hub.sources.values() {
        total.add(end_of(hub, fence, source).await?);
    }
    Ok(total)
}

async fn end_of(hub: &Hub, fence: Fence, source: &SourceConnection) -> Result<Stepped, StoreError> {
    let now = hub.clock.now();
    let known = Ended::read(&hub.store, hub.tenant, source.id).await?;
    let (mut ended, mut ids) = (Vec::new(), BTreeSet::new());
    for route in hub.routes_from(source.id).filter(|route| route.has_quotes) {
        let mut one = Ended::of(route, &known);
        ids.extend(one.advance(hub, source.id, now).await?);
        ended.push(one);
    }
    let mut stepped = Stepped {
        events: ids.len(),
        ..Stepped::default()
    };
    if ended == known {
        return Ok(stepped);
    }
    let cart = |id| RecordKey::new(source.id, RecordKind::Quote, id);
    let input = Input {
        quotes: ids.into_iter().map(cart).collect(),
        since_any: now,
        class: Class::Sweep,
        ..Input::default()
    };
    let mut tx = hub.store.write().await?;
    let planned = plan::run(hub, &mut tx, source.scope, input).await?;
    (stepped.deliveries, stepped.wanted) = (planned.changed, planned.wanted.len());
    tx.note_problems(hub.tenant, &planned.problems).await?;
    tx.want_fetches(hub.tenant, &planned.wanted).await?;
    let text = serde_json::to_string(&ended).expect("numbers always serialise");
    tx.put_checkpoint(hub.tenant, source.id, Ended::CHECKPOINT, &text)
        .await?;
    let is_ours = super::commit(hub, fence, tx).await?;
    Ok(if is_ours { stepped } else { Stepped::default() })
}
