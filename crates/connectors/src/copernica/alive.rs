//! Which profiles were seen alive lately, so that a burst of children asks once at most.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schakel_core::time::Timestamp;

/// How long a profile counts as alive after it was seen, in milliseconds. Shorter finds a removal sooner and costs more
/// calls; a removal that slips through is found by the next new child after it.
const SEEN_MS: i64 = 15 * 60 * 1000;

/// Most profiles that are remembered; beyond it all are forgotten, which costs a call each and no more.
const SEEN_MAX: usize = 20_000;

/// The profiles that were seen alive, with the moment.
#[derive(Debug, Default)]
pub(super) struct Alive(Mutex<BTreeMap<i64, Timestamp>>);

impl Alive {
    /// Notes that `profile` was seen alive at `now`.
    pub(super) fn saw(&self, profile: i64, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX {
            seen.clear();
        }
        seen.insert(profile, now);
    }

    /// Tells whether `profile` was seen alive lately.
    pub(super) fn is_fresh(&self, profile: i64, now: Timestamp) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&profile).is_some_and(|at| now < at.plus_ms(SEEN_MS))
    }

    /// Notes that `profile` is gone.
    pub(super) fn lost(&self, profile: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&profile);
    }
}
