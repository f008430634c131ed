//! Typed ids: 63-bit, time-ordered, made by the program, printed with a prefix.
//!
//! Ids are never a database's business: made in advance, they keep retries idempotent and are the same on
//! both engines (architecture §3, Columns).

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
    };
}

typed_id!(
    /// One tenant: a merchant whose data is kept apart from everybody else's.
    TenantId, "ten"
);
typed_id!(
    /// One configured, authorised use of a connector: this shop, that account.
    ConnectionId, "con"
);
typed_id!(
    /// One row of the inbox.
    EventId, "evt"
);
typed_id!(
    /// One row of the outbox.
    DeliveryId, "dlv"
);
typed_id!(
    /// One try to pay a delivery.
    AttemptId, "att"
);
typed_id!(
    /// One golden thing of the hub (an order, a row, a quote); its GUID is cut from this number.
    EntityId, "ent"
);

/// The public number of a person: unique in the hub, given once, never reused (mission, Identity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationId(pub i64);

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Makes time-ordered ids: milliseconds since 2024 in the upper 41 bits (until 2093), then a counter of 12 bits, which
/// runs on into the milliseconds when more are asked for, and 10 bits for the maker.
///
/// Two makers in two processes stay apart by the `node` bits (0..=1023), which a process takes from a number that the
/// database counts on at each start.
#[derive(Debug)]
pub struct IdMaker {
    last: AtomicI64,
    node: i64,
}

/// 2024-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const COUNTER_BITS: u32 = 12;

impl IdMaker {
    /// Starts a maker for `node` (only its lowest ten bits count).
    #[must_use]
    pub fn new(node: u16) -> Self {
        Self {
            last: AtomicI64::new(0),
            node: i64::from(node) & ((1 << NODE_BITS) - 1),
        }
    }

    /// Gives an id that is larger than every id this maker gave before, also when the clock stands still or
    /// jumps back.
    pub fn next(&self, now: Timestamp) -> i64 {
        let ms = (now.as_micros() / 1000 - EPOCH_MS).max(1);
        let floor = ms << COUNTER_BITS;
        let tick = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
                Some((last + 1).max(floor))
            })
            .map_or(floor, |last| (last + 1).max(floor));
        (tick << NODE_BITS) | self.node
    }
}

/// Gives when an id was made by [`IdMaker`], to the millisecond; a little later where many were made at once.
#[must_use]
pub const fn made_at(id: i64) -> Timestamp {
    Timestamp::from_micros(((id >> (NODE_BITS + COUNTER_BITS)) + EPOCH_MS) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_although_the_clock_jumps_back() {
        let maker = IdMaker::new(3);
        let first = maker.next(Timestamp::from_micros(1_800_000_000_000_000));
        let second = maker.next(Timestamp::from_micros(1_700_000_000_000_000));
        let third = maker.next(Timestamp::from_micros(1_800_000_000_001_000));
        assert!(first < second && second < third && first > 0);
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let now = Timestamp::from_micros(1_800_000_000_123_456);
        let maker = IdMaker::new(1023);
        for _ in 0..4_000 {
            assert_eq!(
                made_at(maker.next(now)),
                Timestamp::from_micros(1_800_000_000_123_000)
            );
        }
        assert!(made_at(i64::MAX) > now);
    }

    #[test]
    fn two_nodes_never_give_one_id() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut ids: Vec<i64> = (0..1024).map(|node| IdMaker::new(node).next(now)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1024);
    }

    #[test]
    fn ids_are_positive_until_2090() {
        let end = Timestamp::from_micros(3_786_912_000_000_000);
        let maker = IdMaker::new(1023);
        let last = maker.next(end);
        assert!(last > 0 && maker.next(end) > last);
    }
}
