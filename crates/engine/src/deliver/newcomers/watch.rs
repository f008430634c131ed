//! When it is looked who was put back by hand: at the start, then as often as deliveries pay for it.

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::connect_wait_ms;
use schakel_core::time::Timestamp;

use super::{Looked, OVERLAP, Started, Step};
use crate::deliver::guard::LookError;
use crate::hub::Hub;

/// Shortest time from one look to the next, in milliseconds.
const EVERY_MS: i64 = 15 * 60 * 1000;

/// Shortest time from a look to the one at the next start, in milliseconds: a hub that is started over and over costs at most
/// one list a minute.
const START_MS: i64 = 60 * 1000;

/// Longest time from one look to the next while anything is delivered, in milliseconds: so long may it stand where nobody
/// sees it, when little is delivered.
const LONGEST_MS: i64 = 12 * 3600 * 1000;

/// Objects that are delivered between two looks, unless the longest time is over: a look costs a call, which is 2.5% of
/// theirs.
const DELIVERED_MIN: u32 = 40;

/// Shortest wait after a look that failed, in milliseconds.
const AGAIN_MS: i64 = 60 * 1000;

/// After how many looks that failed in a row it is told: one alone says little, and the next one is a minute away.
const FAILED_TOLD: u32 = 3;

/// When the next look is due.
#[derive(Debug)]
pub(in crate::deliver) struct Watch {
    /// Not before this, ...
    due_at: Timestamp,
    /// ... and after this however little was delivered.
    late_at: Timestamp,
    is_out: bool,
    /// How many objects were delivered since the last look.
    delivered: u32,
    /// Whether the last step left some of its look to the next one.
    is_begun: bool,
    failed: u32,
    /// A look of another process that is no older than this counts for ours, in milliseconds.
    fresh_ms: i64,
}

/// What a failure of a look means.
#[derive(Debug)]
pub(in crate::deliver) struct Failed {
    /// What the sink said.
    pub error: ConnectorError,
    /// When it is looked again.
    pub next_at: Timestamp,
    /// Whether it failed so often that it is told.
    pub is_told: bool,
}

impl Watch {
    /// A watch whose first look waits for no delivery: an earlier process may have delivered, and somebody may have imported
    /// while none ran.
    pub(in crate::deliver) const fn new() -> Self {
        Self {
            due_at: Timestamp::ZERO,
            late_at: Timestamp::ZERO,
            is_out: false,
            delivered: DELIVERED_MIN,
            is_begun: false,
            failed: 0,
            fresh_ms: START_MS,
        }
    }

    /// Takes what is known at the start.
    pub(in crate::deliver) const fn started(&mut self, started: Started) {
        match started {
            Started::Now(at) => {
                self.looked(at);
                self.delivered = 0;
            }
            Started::Before(at) => self.due_at = at.plus_ms(START_MS),
        }
    }

    /// Takes when a process looked last.
    const fn looked(&mut self, at: Timestamp) {
        (self.due_at, self.late_at) = (at.plus_ms(EVERY_MS), at.plus_ms(LONGEST_MS));
        self.fresh_ms = EVERY_MS;
    }

    /// Notes that an object was delivered.
    pub(in crate::deliver) const fn delivered(&mut self) {
        self.delivered = self.delivered.saturating_add(1);
    }

    /// Begins a step when one is due. Where nothing was delivered since the last look none is: nothing of ours can have gone
    /// astray since, and what went before waits for nobody.
    pub(in crate::deliver) fn begin(&mut self, now: Timestamp) -> Option<Step> {
        let is_enough = self.delivered >= DELIVERED_MIN || (self.delivered > 0 && now >= self.late_at);
        if self.is_out || now < self.due_at || !is_enough {
            return None;
        }
        (self.is_out, self.delivered) = (true, 0);
        Some(Step {
            overlap: if self.is_begun { 0 } else { OVERLAP },
            fresh_ms: self.fresh_ms,
        })
    }

    /// Takes the end of a step; gives what it says of the sink, nothing when the store failed.
    pub(in crate::deliver) fn ended(
        &mut self,
        hub: &Hub,
        ended: Result<Looked, LookError>,
    ) -> Option<Result<(), Failed>> {
        self.is_out = false;
        let now = hub.clock.now();
        let error = match ended {
            Ok(Looked { all_at: Some(at), .. }) => {
                self.looked(at);
                (self.is_begun, self.failed) = (false, 0);
                return Some(Ok(()));
            }
            Ok(Looked { all_at: None, .. }) => {
                (self.due_at, self.delivered) = (now, DELIVERED_MIN);
                (self.is_begun, self.failed) = (true, 0);
                return Some(Ok(()));
            }
            Err(error) => error,
        };
        self.delivered = DELIVERED_MIN;
        match error {
            LookError::Store(error) => {
                self.due_at = now.plus_ms(AGAIN_MS);
                hub.note_store_failed("deliver", &error);
                None
            }
            LookError::Sink(error) => {
                self.failed = self.failed.saturating_add(1);
                let wait_ms = connect_wait_ms(&error, self.failed, hub.dice.roll());
                self.due_at = now.plus_ms(wait_ms.max(AGAIN_MS));
                if self.failed == 1 {
                    tracing::warn!(%error, "profiles that somebody put back by hand could not be looked for, it is tried again");
                }
                Some(Err(Failed {
                    error,
                    next_at: self.due_at,
                    is_told: self.failed >= FAILED_TOLD,
                }))
            }
        }
    }
}
