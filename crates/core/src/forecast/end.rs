//! The end of a history: how long so many calls take when they wait at every window for those before them.

use serde::Serialize;

use super::price::real;
use super::window::Window;

/// Parts of a window in which starts are counted together: what started in one of them counts until its last did
/// (reliability.md §7).
const BUCKETS: i64 = 60;

pub(super) const DAY_US: f64 = 86_400_000_000.0;

/// What the hub itself and the network take beside the windows, in percent of the time.
const SLOW_PERCENT: f64 = 2.0;

/// Waits that no window explains (a count that is taken again, the last pass over rows), in microseconds.
const SLACK_US: f64 = 60_000_000.0;

/// A number that is not known better: between these two, both possible.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Range {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Range {
    /// Gives a number that is known.
    #[must_use]
    pub const fn exact(number: f64) -> Self {
        Self {
            low: number,
            high: number,
        }
    }

    /// Gives `number` with `percent` to either side.
    #[must_use]
    pub fn around(number: f64, percent: f64) -> Self {
        Self {
            low: (number * (1.0 - percent / 100.0)).max(0.0),
            high: number * (1.0 + percent / 100.0),
        }
    }

    /// Gives the whole number in its middle.
    #[must_use]
    pub fn middle(self) -> i64 {
        whole(f64::midpoint(self.low, self.high).round())
    }

    /// Adds another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }
}

/// Gives how many calls per day `windows` leave for sweeps and history together, which is all but the reserves; `None`
/// without windows.
#[must_use]
pub fn room_per_day(windows: &[Window]) -> Option<f64> {
    let room = |window: &Window| {
        let calls = (window.calls - window.others - window.reserve_live).max(0);
        real(calls) * DAY_US / real(window.window_us + window.travel_us)
    };
    windows.iter().map(room).min_by(f64::total_cmp)
}

/// How many calls per day may come in one window when so many come on average: three deviations of independent ones, up
/// or down.
fn swing(per_day: f64, window_us: i64, deviations: f64) -> f64 {
    let days = real(window_us) / DAY_US;
    let mean = per_day * days;
    if days > 0.0 {
        ((mean + deviations * mean.sqrt()) / days).max(0.0)
    } else {
        per_day
    }
}

/// What is to be done, and beside what.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Calls that the history still has to make.
    pub calls: Range,
    /// Calls per day of live traffic.
    pub live: Range,
    /// Calls per day of sweeps and reconciliations.
    pub sweep: Range,
    /// How long the history's next call has to wait as it is, in microseconds.
    pub wait_us: i64,
    /// How long it stands still for a reason that is no window, in microseconds.
    pub still_us: Range,
}

/// When a history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Not sooner than in so many microseconds.
    pub earliest_us: i64,
    /// Not later than in so many microseconds, as long as nothing stands still.
    pub latest_us: i64,
    /// The length in microseconds of the window that decides; `None` when everything fits into what is free.
    pub binding_us: Option<i64>,
}

/// Tells when the calls of `load` will have been made.
///
/// In each window of W microseconds plus the travel time a history starts at most as many calls as others leave; the
/// next one waits for the first of these to count no more. So the last one starts when the longest chain of such waits
/// is over. Without windows nothing is known but that no window makes it wait.
#[must_use]
pub fn forecast(windows: &[Window], load: &Load) -> Forecast {
    let Load { live, sweep, .. } = load;
    let room = |window: &Window, others: i64, (live, sweep): (f64, f64), deviations: f64| {
        let of = |per_day| swing(per_day, window.window_us, deviations);
        window.room(others, of(live), of(sweep))
    };
    let fast = windows.iter().map(|window| {
        // At best other programs are content with what is kept for them.
        let calls = room(window, window.reserve_others, (live.low, sweep.low), -3.0);
        Step {
            calls,
            period_us: window.window_us + window.travel_us,
            // At best nothing of our own counts yet, and its part of the first one is free too.
            before: calls - window.room(window.reserve_others, 0.0, 0.0),
        }
    });
    let slow = windows.iter().map(|window| {
        let calls = room(window, window.others, (live.high, sweep.high), 3.0);
        Step {
            calls,
            period_us: window.window_us + window.travel_us + window.window_us / BUCKETS,
            // At worst all that counts now was made just now, by whomever; after a period nothing of it counts.
            before: window.counting().min(calls),
        }
    });
    let (fast, slow) = (ordered(fast.collect()), ordered(slow.collect()));
    let (least, most) = (whole(load.calls.low), whole(load.calls.high).max(1));
    let latest = real(chain(most, &slow).max(load.wait_us)) + load.still_us.high;
    Forecast {
        earliest_us: chain(least, &fast)
            .saturating_add(load.wait_us)
            .saturating_add(whole(load.still_us.low)),
        latest_us: whole(latest * (1.0 + SLOW_PERCENT / 100.0) + SLACK_US),
        binding_us: binding(windows, load, most),
    }
}

/// So many calls, and how long until as many may start again.
#[derive(Debug, Clone, Copy)]
struct Step {
    calls: i64,
    period_us: i64,
    /// Calls that count in its first period already; below 0 for so many more that fit into it.
    before: i64,
}

/// The window that lets the fewest calls through in the long run, among those that so many calls do not fit into.
fn binding(windows: &[Window], load: &Load, calls: i64) -> Option<i64> {
    let middle = |range: Range| f64::midpoint(range.low, range.high);
    let room = |window: &Window| window.room(window.others, middle(load.live), middle(load.sweep));
    let pace = |window: &Window| real(room(window)) / real(window.window_us + window.travel_us);
    let full = windows
        .iter()
        .filter(|window| room(window) < calls.saturating_add(window.counting()));
    full.min_by(|one, other| pace(one).total_cmp(&pace(other)))
        .map(|window| window.window_us)
}

/// Slowest first: the pace of the first decides in the long run.
fn ordered(mut steps: Vec<Step>) -> Vec<Step> {
    let pace = |step: &Step| real(step.calls) / real(step.period_us);
    steps.sort_by(|one, other| pace(one).total_cmp(&pace(other)));
    steps
}

/// When the last of `calls` calls starts, in microseconds after the first: the longest chain of waits, each of which
/// stands for as many calls as its window lets through. A step of the slowest window is worth more than what faster ones
/// make of its calls, but for rounding; so each takes what it can or one less. What counts in a window before the first call
/// matters to who waits for that window.
fn chain(calls: i64, steps: &[Step]) -> i64 {
    let Some((step, faster)) = steps.split_first() else {
        return 0;
    };
    let counted = calls.saturating_add(step.before);
    let most = (counted - 1).max(0) / step.calls;
    let taken = |n: i64| {
        if n == 0 {
            return chain(calls, faster);
        }
        let rest = counted - n.saturating_mul(step.calls);
        n.saturating_mul(step.period_us)
            .saturating_add(chain(rest, faster))
    };
    taken(most).max(if most > 0 { taken(most - 1) } else { 0 })
}

/// A number without its decimals.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float stops at the ends of the range"
)]
pub(super) const fn whole(number: f64) -> i64 {
    number as i64
}
