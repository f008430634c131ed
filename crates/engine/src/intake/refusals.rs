//! Refusals, counted in memory: a stranger who is refused must not cost a commit each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schakel_core::connector::Refused;
use schakel_core::id::ConnectionId;

use crate::hub::Hub;

/// Refusals that are not written down yet: a few numbers per connection, however many there were.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<(ConnectionId, &'static str), i64>>);

impl Refusals {
    /// Counts one.
    pub(super) fn add(&self, connection: ConnectionId, refused: Refused) {
        let reason = match refused {
            Refused::Signature => "signature",
            Refused::OtherShop => "other_shop",
            Refused::Headers => "headers",
        };
        self.add_many([((connection, reason), 1)]);
    }

    /// Writes what was counted, all in one transaction; what can't be written is kept for the next time.
    pub(super) async fn write(&self, hub: &Hub) {
        let counted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return;
        }
        let rows: Vec<_> = counted
            .iter()
            .map(|((connection, reason), n)| (*connection, *reason, *n))
            .collect();
        if let Err(error) = hub.store.count_rejected(hub.tenant, &rows).await {
            tracing::warn!(%error, "refusals could not be counted yet");
            self.add_many(counted);
        }
    }

    fn add_many(&self, counted: impl IntoIterator<Item = ((ConnectionId, &'static str), i64)>) {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, n) in counted {
            *refusals.entry(key).or_default() += n;
        }
    }
}
