//! Limits of an API, reserves within them, and what an answer tells of them.

use serde::{Deserialize, Serialize};

use crate::connector::Class;
use crate::limits;
use crate::time::Timestamp;

/// One window: at most `calls` calls in `window_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Most calls that the other side counts in one window.
    pub calls: u32,
    /// Length of the window, in microseconds.
    pub window_us: i64,
    /// Longest time between the start of a call and the moment at which the other side counts it, in microseconds
    /// (D of reliability.md §7; docs/adr/0007).
    pub travel_us: i64,
}

impl Limit {
    /// A window of `seconds` with the travel time of a whole call.
    #[must_use]
    pub const fn long(calls: u32, seconds: i64) -> Self {
        Self {
            calls,
            window_us: seconds * 1_000_000,
            travel_us: limits::TRAVEL_US,
        }
    }

    /// The limit of one second, with the travel time of a warm connection.
    #[must_use]
    pub const fn second(calls: u32) -> Self {
        Self {
            calls,
            window_us: 1_000_000,
            travel_us: limits::TRAVEL_SECOND_US,
        }
    }

    /// Tells whether the window is longer than a minute: one over which calls are planned, not only spread.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.window_us > 60_000_000
    }
}

/// Parts of every window that some calls leave alone, in percent of its calls, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserves {
    /// Kept for live calls and their retries; what they did not spend of it stays free (A7: 20). Sweeps leave half of it, or
    /// nothing (docs/adr/0011).
    pub live_percent: u8,
    /// Kept for other programs on the same key; touched by nobody (A7: 10).
    pub others_percent: u8,
    /// Whether the other side is asked what changed, since it does not tell (A19): then sweeps are what brings live changes,
    /// and leave nothing.
    pub is_polled: bool,
}

impl Default for Reserves {
    fn default() -> Self {
        Self {
            live_percent: 20,
            others_percent: 10,
            is_polled: false,
        }
    }
}

impl Reserves {
    /// What is kept for live calls of `calls`.
    pub(super) fn live(self, calls: i64) -> i64 {
        percent(calls, self.live_percent)
    }

    /// What calls of `class` leave of that.
    pub(super) fn left_by(self, class: Class, calls: i64) -> i64 {
        match class {
            Class::Live | Class::Retry => 0,
            Class::Sweep if self.is_polled => 0,
            Class::Sweep => self.live(calls) - self.live(calls) / 2,
            Class::Backfill => self.live(calls),
        }
    }

    /// What is kept for other programs of `calls`.
    pub(super) fn others(self, calls: i64) -> i64 {
        percent(calls, self.others_percent)
    }
}

fn percent(calls: i64, percent: u8) -> i64 {
    (calls * i64::from(percent)).div_euclid(100) + i64::from((calls * i64::from(percent)) % 100 != 0)
}

/// All limits of one connection; no windows at all: everything is granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// The windows; first those of which answers tell, in the order in which they tell of them.
    pub windows: Vec<Limit>,
    /// The reserves in each of them.
    pub reserves: Reserves,
}

impl Limits {
    /// No limits: everything is granted and only counted.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.windows.is_empty()
    }
}

/// What one answer tells of the limits, window by window in the order of [`Limits::windows`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// The limits themselves.
    pub limits: Option<Vec<u32>>,
    /// How many calls are left in each; below 0 in one that was exceeded.
    pub remaining: Option<Vec<i64>>,
    /// Whole seconds until each starts again.
    pub reset_s: Option<Vec<i64>>,
    /// The other side's clock, in whole seconds.
    pub date: Option<Timestamp>,
    /// The call was refused because there were too many: wait this long, in milliseconds.
    pub refused: Option<i64>,
}

impl Heard {
    /// Tells whether it says anything of the limits.
    #[must_use]
    pub const fn is_telling(&self) -> bool {
        self.limits.is_some() || self.remaining.is_some() || self.refused.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_are_rounded_up() {
        let reserves = Reserves::default();
        assert_eq!((reserves.live(300), reserves.others(300)), (60, 30));
        assert_eq!((reserves.live(1), reserves.others(1)), (1, 1));
        assert_eq!((reserves.live(20), reserves.others(20)), (4, 2));
        assert_eq!((reserves.live(0), reserves.others(0)), (0, 0));
    }
}
