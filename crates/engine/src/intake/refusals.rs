//! Refusals, counted in memory: a stranger who is refused must not cost a commit each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schakel_core::connector::Refused;
use schakel_core::id::ConnectionId;

use crate::hub::Hub;

/// Why the body of a webhook at a known address was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than [`schakel_core::limits::WEBHOOK_BODY_BYTES`].
    TooLarge,
    /// It is compressed, which no source does.
    Packed,
    /// It came too slowly.
    Slow,
    /// It broke off.
    Broken,
    /// So much was held of others that it found no room ([`schakel_core::limits::WEBHOOK_BODIES_BYTES`]).
    Crowded,
}

impl Unread {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::TooLarge,
        Self::Packed,
        Self::Slow,
        Self::Broken,
        Self::Crowded,
    ];

    /// The word in totals and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Packed => "packed",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::Crowded => "crowded",
        }
    }
}

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

    /// Counts one whose body could not be read.
    pub(super) fn add_unread(&self, connection: ConnectionId, unread: Unread) {
        self.add_many([((connection, unread.as_str()), 1)]);
    }

    /// Writes what was counted, all in one transaction; what can't be written is kept for the next time.
    pub(super) async fn write(&self, hub: &Hub) {
        let counted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return;
        }
        for ((connection, reason), webhooks) in &counted {
            if Unread::ALL.iter().any(|unread| unread.as_str() == *reason) {
                tracing::warn!(
                    connection = hub.name_of(*connection),
                    reason,
                    webhooks,
                    "webhooks came whose body could not be read: the next sweep reads what they told of"
                );
            }
        }
        let rows: Vec<_> = counted
            .iter()
            .map(|((connection, reason), n)| (*connection, *reason, *n))
            .collect();
        if let Err(error) = hub.store.count_rejected(hub.tenant, &rows).await {
            hub.note_store_failed("refusals", &error);
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
