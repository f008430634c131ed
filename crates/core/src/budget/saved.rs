//! What of a budget is written down, so that another process or node goes on with it.

use serde::{Deserialize, Serialize};

use super::window::{Bucket, Cap, Counts, Window};

/// A budget as it is written down. All times are ages at the moment of writing: no clock is believed (I22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The windows.
    pub(super) windows: Vec<SavedWindow>,
    /// Calls that were reserved and may have been started since, or may yet be.
    pub(super) reserved: u32,
    /// Calls that were started and had no answer yet.
    pub(super) under_way: u32,
    /// Calls that told nothing, and for how many more microseconds the other side may not have counted them.
    #[serde(default)]
    pub(super) silent: Vec<(i64, i64)>,
    /// For how many more microseconds the other side asked to be left alone; 0 for not at all.
    pub(super) paused_us: i64,
    /// The other side's clock at the moment of writing, at the latest, in microseconds since 1970; `None` when it is
    /// not known. Of a process that heard no date since its own beginning: what it would be if no time had passed between.
    pub(super) date_us: Option<i64>,
}

impl Saved {
    /// Takes out how many calls the owner may start without writing again.
    pub const fn take_reserved(&mut self) -> u32 {
        std::mem::replace(&mut self.reserved, 0)
    }
}

/// How long ago the first and the last call of a bucket started, and its calls.
type SavedBucket = (i64, i64, Counts);

/// One window as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedWindow {
    /// Its length in microseconds; names it.
    window_us: i64,
    /// The limit as the other side told it.
    told: Option<u32>,
    /// How long ago the first and the last call of a bucket started, in microseconds, and how many there were.
    buckets: Vec<SavedBucket>,
    /// The same of those that are no older when a date tells how much time passed: they began after that.
    #[serde(default)]
    later: Vec<SavedBucket>,
    /// How many were left, which number was told last, and for how many more microseconds that holds.
    cap: Option<(i64, i64, i64)>,
}

impl SavedWindow {
    /// Writes down `window`; `is_dated`: the date that is written with it holds for all that is counted.
    pub(super) fn of(window: &Window, is_dated: bool, now_us: i64) -> Self {
        let aged = |bucket: &Bucket| {
            (
                now_us.saturating_sub(bucket.first_us),
                now_us.saturating_sub(bucket.last_us),
                bucket.calls,
            )
        };
        let (dated, later): (Vec<_>, Vec<_>) = window
            .buckets
            .iter()
            .partition(|bucket| is_dated || bucket.is_restored);
        let cap = window.cap.filter(|cap| now_us < cap.until_us);
        Self {
            window_us: window.limit.window_us,
            told: window.told,
            buckets: dated.into_iter().map(aged).collect(),
            later: later.into_iter().map(aged).collect(),
            cap: cap.map(|cap| (cap.left, cap.seen, cap.until_us.saturating_sub(now_us))),
        }
    }

    /// Tells whether it is about `window`.
    pub(super) fn is_of(&self, window: &Window) -> bool {
        self.window_us == window.limit.window_us
    }

    /// Gives `window` what was written down, as if no time had passed since.
    pub(super) fn restore(&self, window: &mut Window, now_us: i64) {
        window.told = self.told;
        for (buckets, is_restored) in [(&self.buckets, true), (&self.later, false)] {
            for (first, last, calls) in buckets {
                window.put(Bucket {
                    first_us: now_us.saturating_sub(*first),
                    last_us: now_us.saturating_sub(*last),
                    calls: *calls,
                    is_restored,
                });
            }
        }
        window.cap = self.cap.map(|(left, seen, rest_us)| Cap {
            left,
            seen,
            until_us: now_us.saturating_add(rest_us),
            asked_us: i64::MIN,
        });
        window.prune(now_us);
    }
}
