//! Places: what a sink has no place for waits by itself, and everything else goes on.
//!
//! A collection that is missing, because a route was switched on that needs more than setup made, or because somebody
//! removed it, holds up what belongs there and what stands behind that. The structure is read again as after a block, and when
//! `schakel setup` ran.

use schakel_core::connector::{ConnectorError, Lack, Sink};
use schakel_core::delivery::{ObjectKind, block_wait_ms};
use schakel_core::limits;
use schakel_core::time::Timestamp;

/// What one sink has no place for, as this loop last heard.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Whether the sink was heard at all.
    is_known: bool,
    lacking: Vec<Lack>,
    /// Kinds that wait: those without a place, those that the sink does not take, and those behind them.
    kinds: Vec<ObjectKind>,
    looks: u32,
    look_at: Timestamp,
    /// Whether something may have been put aside that has a place.
    is_release_due: bool,
}

impl Places {
    /// Gives the kinds that wait for a place.
    pub fn unplaced(&self) -> &[ObjectKind] {
        &self.kinds
    }

    /// Tells whether the structure is to be read: to see whether there is a place by now.
    pub fn is_look_due(&self, now: Timestamp) -> bool {
        self.is_known && !self.lacking.is_empty() && now >= self.look_at
    }

    /// Has the structure read at the next step.
    pub const fn look_at_once(&mut self) {
        self.look_at = Timestamp::ZERO;
    }

    /// Puts the next look off.
    pub fn looked(&mut self, now: Timestamp) {
        self.looks = (self.looks + 1).min(limits::BLOCKS_MAX);
        self.look_at = now.plus_ms(block_wait_ms(self.looks));
    }

    /// Takes what the sink lacks as it was last read; returns whether that is to be told.
    pub fn hear(&mut self, sink: &dyn Sink, now: Timestamp) -> bool {
        let lacking = sink.lacking();
        let is_news = !self.is_known || lacking != self.lacking;
        if is_news {
            (self.is_known, self.is_release_due, self.looks) = (true, true, 0);
            let lacks =
                |kind: &ObjectKind| !sink.takes(*kind) || lacking.iter().any(|lack| lack.kind == *kind);
            self.kinds = ObjectKind::ALL
                .into_iter()
                .filter(|kind| lacks(kind) || kind.parent().is_some_and(|parent| lacks(&parent)))
                .collect();
            self.lacking = lacking;
        }
        self.looked(now);
        is_news || !self.lacking.is_empty()
    }

    /// Tells whether the sink was never heard.
    pub const fn is_unknown(&self) -> bool {
        !self.is_known
    }

    /// Tells whether what was put aside may have a place by now.
    pub const fn is_release_due(&self) -> bool {
        self.is_release_due
    }

    /// Notes whether there may be more that has a place.
    pub const fn released(&mut self, has_more: bool) {
        self.is_release_due = has_more;
    }

    /// Gives what ails the sink and until when nobody looks; `None` when it lacks nothing.
    pub fn ailing(&self) -> Option<(ConnectorError, Timestamp)> {
        let missing: Vec<&str> = self
            .lacking
            .iter()
            .flat_map(|lack| lack.missing.iter().map(String::as_str))
            .collect();
        let text = || format!("missing {}", missing.join(", "));
        (!missing.is_empty()).then(|| (ConnectorError::Structure(text()), self.look_at))
    }
}
