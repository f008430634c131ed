//! How often what is counted is written down again while a process waits or has nothing to call, so that a restart takes
//! little of a wait. What passes between two writings is the only time that a restart takes back.

use super::Budget;
use super::window::BUCKETS;
use crate::connector::Class;

/// Shortest time between two such writings, in microseconds.
const LEAST_US: i64 = 2_000_000;
/// Longest time between them, in microseconds: what an hour or a day waits for comes a minute later at most.
const MOST_US: i64 = 60_000_000;
/// A young process writes more often, so that one which is ended again and again gets on as well: the next time comes after
/// this part of what it had lived at the last.
const LIFE_PARTS: i64 = 8;

/// Since when a process has a budget, and when it last wrote it, by its clock that never goes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Life {
    /// When it read the budget.
    pub began_us: i64,
    /// When it wrote it down, or read it.
    pub written_us: i64,
}

impl Life {
    /// Begins with a budget that was read at `now_us`.
    #[must_use]
    pub const fn new(now_us: i64) -> Self {
        Self {
            began_us: now_us,
            written_us: now_us,
        }
    }
}

impl Budget {
    /// Tells whether what is counted should be written down again only because it has grown older: seconds after the last
    /// time where somebody waits for a short window or a pause, a minute at most, never where nothing counts.
    #[must_use]
    pub fn is_late(&self, life: Life, now_us: i64) -> bool {
        let unwritten_us = now_us.saturating_sub(life.written_us);
        if unwritten_us < LEAST_US {
            return false;
        }
        let lived_us = life.written_us.saturating_sub(life.began_us);
        let young_us = (lived_us / LIFE_PARTS).max(LEAST_US);
        let rest_us = self.interval_us(now_us).map(|most_us| most_us.min(young_us));
        rest_us.is_some_and(|rest_us| unwritten_us >= rest_us)
    }

    /// How long the age of what is counted may stay unwritten, in microseconds; `None` where nothing counts that a process
    /// of a few seconds does not outlive.
    fn interval_us(&self, now_us: i64) -> Option<i64> {
        let share = |us: i64| (us / BUCKETS).clamp(LEAST_US, MOST_US);
        let paused_us = self.paused_us(now_us);
        let counting = self
            .windows
            .iter()
            .filter(|window| window.span_us() > LEAST_US && window.is_counting(now_us));
        let windows = counting.map(|window| {
            let is_full = |class| window.room(class, self.reserves, now_us) <= 0;
            if Class::ALL.into_iter().any(is_full) {
                share(window.limit.window_us)
            } else {
                MOST_US
            }
        });
        windows.chain((paused_us > 0).then(|| share(paused_us))).min()
    }
}
