//! A window of a budget as a history meets it: what it may count on, and what other programs take of it.

use super::end::{DAY_US, whole};
use super::price::real;
use crate::budget::{Limits, Usage, WindowUsage};

/// A history never gives way to more than this part of a window, so that a forecast of an overloaded key still ends.
const LEAST_PERCENT: i64 = 1;

/// Other programs are steady when a count lasted for so many windows of the length in question: what they spent once, in a
/// moment, is told from what they spend all the time.
const STEADY_WINDOWS: i64 = 3;

/// What may come of chance beside what was seen: three deviations, and three calls where none was seen.
const CHANCE: f64 = 3.0;

/// One window, as far as a history waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its length in microseconds.
    pub window_us: i64,
    /// How much longer than its length a call counts, in microseconds.
    pub travel_us: i64,
    /// The limit in force.
    pub calls: i64,
    /// Kept for live calls: those take it first.
    pub reserve_live: i64,
    /// Kept for other programs.
    pub reserve_others: i64,
    /// What other programs take of each window at the most: what is kept for them, or what they were seen to spend all
    /// the time if that is more.
    pub others: i64,
    /// What they spent in the window that runs beyond what is kept for them; it ends with that window.
    pub burst: i64,
    /// What counts at the start, by anybody of ours.
    pub spent: i64,
}

impl Window {
    /// Gives the windows of `limits`, with what is known of them from `usage`.
    #[must_use]
    pub fn all(limits: &Limits, usage: Option<&Usage>) -> Vec<Self> {
        let seen = usage.map(Seen::all).unwrap_or_default();
        let windows = limits.windows.iter().map(|limit| {
            let used = usage.and_then(|usage| {
                usage
                    .windows
                    .iter()
                    .find(|used| used.window_us == limit.window_us)
            });
            let calls = used.map_or(i64::from(limit.calls), |used| i64::from(used.limit));
            let kept = |percent: u8| (calls * i64::from(percent) + 99) / 100;
            let reserve_others = kept(limits.reserves.others_percent);
            let others = used.and_then(|used| used.others).unwrap_or(0);
            Self {
                window_us: limit.window_us,
                travel_us: limit.travel_us,
                calls,
                reserve_live: kept(limits.reserves.live_percent),
                reserve_others,
                others: steady(limit.window_us, &seen).max(reserve_others),
                burst: (others - reserve_others).max(0),
                spent: used.map_or(0, |used| used.spent.iter().copied().map(i64::from).sum()),
            }
        });
        windows.collect()
    }

    /// How many calls a history may make in one window while other programs take so many of it, and live calls and sweeps
    /// so many per day.
    pub(super) fn room(&self, others: i64, live_per_day: f64, sweep_per_day: f64) -> i64 {
        let days = real(self.window_us + self.travel_us) / DAY_US;
        let live = (live_per_day * days).max(real(self.reserve_live));
        let room = real(self.calls - others) - live - sweep_per_day * days;
        whole(room).max(self.calls * LEAST_PERCENT / 100).max(1)
    }

    /// What counts at the start and takes room from a history.
    pub(super) const fn counting(&self) -> i64 {
        self.spent.saturating_add(self.burst)
    }
}

/// What other programs spent in one window of the other side, which still runs.
#[derive(Debug, Clone, Copy)]
struct Seen {
    window_us: i64,
    /// Since when it runs, in microseconds before now.
    lasted_us: i64,
    calls: i64,
}

impl Seen {
    /// Gives what was seen, the shortest window first.
    fn all(usage: &Usage) -> Vec<Self> {
        let of = |used: &WindowUsage| {
            Some(Self {
                window_us: used.window_us,
                lasted_us: used.window_us.saturating_sub(used.reset_us?).max(1_000_000),
                calls: used.others?,
            })
        };
        let mut seen: Vec<Self> = usage.windows.iter().filter_map(of).collect();
        seen.sort_by_key(|seen| seen.window_us);
        seen
    }

    /// Calls per microsecond.
    fn pace(&self) -> f64 {
        real(self.calls) / real(self.lasted_us)
    }

    /// The highest pace that may look like that.
    fn highest_pace(&self) -> f64 {
        let calls = real(self.calls);
        (calls + CHANCE * calls.sqrt() + CHANCE) / real(self.lasted_us)
    }
}

/// How many calls other programs make in each window of `window_us` at the most, as far as they were `seen` to make them
/// all the time: in a count that lasted for several such windows, and in the shorter one that runs now as well. A burst
/// is in one of these only; what lasts shorter than that may be one.
fn steady(window_us: i64, seen: &[Seen]) -> i64 {
    let [.., before_longest, _] = seen else { return 0 };
    // Nothing is longer than the longest window: what is seen from hour to hour goes on from day to day.
    let least_us = window_us.min(before_longest.window_us);
    let paces = seen.iter().enumerate().filter_map(|(at, long)| {
        let mut shorter = seen.iter().take(at).rev();
        let short = shorter.find(|short| long.lasted_us >= STEADY_WINDOWS.saturating_mul(short.window_us))?;
        (short.window_us >= least_us).then(|| long.pace().min(short.highest_pace()))
    });
    let calls = paces.fold(0.0, f64::max) * real(window_us);
    whole((calls + CHANCE * calls.sqrt()).ceil())
}
