//! One window: which calls were started lately, and what the other side said is left.

use super::limit::{Limit, Reserves};
use crate::connector::Class;

/// How many buckets a window has (reliability.md §7).
pub(super) const BUCKETS: i64 = 60;

/// Calls by class, in the order of [`Class::ALL`].
pub(super) type Counts = [u32; 4];

/// Calls that were started between two moments, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Start of the first.
    pub first_us: i64,
    /// Start of the last: all of them count until this one does no more, which rounds against us.
    pub last_us: i64,
    /// How many, by class.
    pub calls: Counts,
    /// It was restored, and the other side's next date may tell that it is older.
    pub is_restored: bool,
}

/// What the other side said of the window that it counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cap {
    /// How many more calls may start before `until_us`.
    pub left: i64,
    /// The lowest number that was told: the newest, whatever the order in which answers arrive.
    pub seen: i64,
    /// The window has started again at this moment at the latest.
    pub until_us: i64,
    /// When the call that told it started; the least number when that is not known any more.
    pub asked_us: i64,
}

/// One window with what was spent in it.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// The limit as configured.
    pub limit: Limit,
    /// The limit as the other side last told it.
    pub told: Option<u32>,
    /// What was started.
    pub buckets: Vec<Bucket>,
    /// What is left, if it told.
    pub cap: Option<Cap>,
}

impl Window {
    pub(super) const fn new(limit: Limit) -> Self {
        Self {
            limit,
            told: None,
            buckets: Vec::new(),
            cap: None,
        }
    }

    /// The limit in force.
    pub(super) fn calls(&self) -> i64 {
        i64::from(self.told.unwrap_or(self.limit.calls))
    }

    /// How long a start counts: in every interval of this length at most the limit starts (reliability.md §7).
    pub(super) const fn span_us(&self) -> i64 {
        self.limit.window_us.saturating_add(self.limit.travel_us)
    }

    /// Notes the start of a call.
    pub(super) fn start(&mut self, class: Class, now_us: i64) {
        self.prune(now_us);
        let mut calls = Counts::default();
        calls[class.index()] = 1;
        self.put(Bucket {
            first_us: now_us,
            last_us: now_us,
            calls,
            is_restored: false,
        });
        if let Some(cap) = &mut self.cap {
            cap.left -= 1;
        }
    }

    /// Puts calls behind those that are there, into the last bucket while it is open.
    pub(super) fn put(&mut self, new: Bucket) {
        let width_us = (self.limit.window_us / BUCKETS).max(1);
        match self.buckets.last_mut() {
            Some(open)
                if new.is_restored == open.is_restored
                    && new.first_us >= open.first_us
                    && new.last_us.saturating_sub(open.first_us) < width_us =>
            {
                open.last_us = open.last_us.max(new.last_us);
                for (count, more) in open.calls.iter_mut().zip(new.calls) {
                    *count = count.saturating_add(more);
                }
            }
            _ => self.buckets.push(new),
        }
    }

    /// Forgets what counts no more.
    pub(super) fn prune(&mut self, now_us: i64) {
        let span_us = self.span_us();
        self.buckets
            .retain(|bucket| bucket.last_us.saturating_add(span_us) > now_us);
        self.cap = self.cap.filter(|cap| now_us < cap.until_us);
    }

    /// What counts at `now_us`, by class.
    pub(super) fn spent(&self, now_us: i64) -> Counts {
        let span_us = self.span_us();
        let counting = |bucket: &&Bucket| bucket.last_us.saturating_add(span_us) > now_us;
        sum(self.buckets.iter().filter(counting))
    }

    /// Tells whether anything counts at `now_us` that will not count some day.
    pub(super) fn is_counting(&self, now_us: i64) -> bool {
        self.spent(now_us) != Counts::default() || self.cap.is_some_and(|cap| now_us < cap.until_us)
    }

    /// How many calls of `class` may start at `now_us`; 0 or less for none.
    pub(super) fn room(&self, class: Class, reserves: Reserves, now_us: i64) -> i64 {
        let own = self.free(class, reserves, &self.spent(now_us));
        match self.told_room(class, reserves, now_us) {
            Some((told, _)) => own.min(told),
            None => own,
        }
    }

    /// The earliest moment from `now_us` on at which a call of `class` may start, when nothing else starts; `i64::MAX`
    /// when the limit is so small that the reserves leave nothing.
    pub(super) fn ready_us(&self, class: Class, reserves: Reserves, now_us: i64) -> i64 {
        let span_us = self.span_us();
        let mut waiting: Vec<Bucket> = self.buckets.clone();
        waiting.retain(|bucket| bucket.last_us.saturating_add(span_us) > now_us);
        waiting.sort_by_key(|bucket| bucket.last_us);
        let mut counts = sum(waiting.iter());
        let mut own_us = now_us;
        for bucket in &waiting {
            if self.free(class, reserves, &counts) > 0 {
                break;
            }
            own_us = bucket.last_us.saturating_add(span_us);
            for (count, less) in counts.iter_mut().zip(bucket.calls) {
                *count -= less;
            }
        }
        if self.free(class, reserves, &counts) <= 0 {
            return i64::MAX;
        }
        match self.told_room(class, reserves, now_us) {
            Some((told, until_us)) if told <= 0 => own_us.max(until_us),
            _ => own_us,
        }
    }

    /// What our own count leaves for `class`.
    fn free(&self, class: Class, reserves: Reserves, counts: &Counts) -> i64 {
        let calls = self.calls();
        let most = calls - reserves.others(calls);
        let [live, retry, sweep, backfill] = counts.map(i64::from);
        let urgent = live + retry;
        let total = urgent + sweep + backfill;
        match class {
            Class::Live => most - total,
            // At most a fifth of what is spent goes to retries, with a floor so that they never starve.
            Class::Retry if self.limit.is_long() => {
                (most - total).min((total / 5).max((calls + 19) / 20) - retry)
            }
            Class::Retry => most - total,
            Class::Sweep | Class::Backfill => {
                most - sweep - backfill - urgent.max(reserves.left_by(class, calls))
            }
        }
    }

    /// What the other side's count leaves for `class`, and until when that holds.
    fn told_room(&self, class: Class, reserves: Reserves, now_us: i64) -> Option<(i64, i64)> {
        let cap = self.cap.filter(|cap| now_us < cap.until_us)?;
        let calls = self.calls();
        let unused = (reserves.others(calls) - self.others(cap)).max(0);
        let room = match class {
            Class::Live | Class::Retry => cap.left - unused,
            Class::Sweep | Class::Backfill => {
                // Starts after the window began for sure: too few rather than too many.
                let began_us = cap.until_us.saturating_sub(self.limit.window_us);
                let [live, retry, ..] = sum(self.buckets.iter().filter(|one| one.first_us >= began_us));
                let urgent = i64::from(live) + i64::from(retry);
                cap.left - unused - (reserves.left_by(class, calls) - urgent).max(0)
            }
        };
        Some((room, cap.until_us))
    }

    /// How many calls other programs made in the other side's window, at least.
    pub(super) fn others(&self, cap: Cap) -> i64 {
        // Anything that may have been counted in it is ours; the end of the window is known to a travel time.
        let travels_us = self.limit.travel_us.saturating_mul(2);
        let since_us = cap
            .until_us
            .saturating_sub(self.limit.window_us)
            .saturating_sub(travels_us);
        (self.calls() - cap.left - self.started_since(since_us)).max(0)
    }

    /// What is left of the limit at `now_us`, by our own count or the other side's, whichever is lower; reserves are in it.
    pub(super) fn left(&self, now_us: i64) -> i64 {
        let spent: i64 = self.spent(now_us).iter().copied().map(i64::from).sum();
        let told = self.cap.filter(|cap| now_us < cap.until_us);
        told.map_or(i64::MAX, |cap| cap.left).min(self.calls() - spent)
    }

    /// How many calls started after `since_us`.
    pub(super) fn started_since(&self, since_us: i64) -> i64 {
        let calls = sum(self.buckets.iter().filter(|bucket| bucket.last_us > since_us));
        calls.iter().copied().map(i64::from).sum()
    }

    /// Takes in that `seen` calls were left after a call that was taken off what is left, and told nothing before `open_us`:
    /// when a lower number is known, that has the call in it as well, and it was taken off twice. No clock is believed for
    /// that: a call of another window of the other side is in none of the numbers of this one.
    pub(super) fn give_back(&mut self, seen: i64, open_us: i64) {
        if let Some(cap) = &mut self.cap
            && cap.seen < seen
            && cap.asked_us <= open_us
        {
            cap.left = cap.left.saturating_add(1).min(cap.seen);
        }
    }

    /// Takes in that `seen` calls were left in a window that has started again at `until_us` at the latest; `doubtful`
    /// calls of ours may not be in that number. Within a window the lowest number is the newest: every answer that told
    /// a higher one was counted before. A window that ends much later is the next one, one that ends much sooner is
    /// over. The call that told it started at `asked_us`.
    pub(super) fn hear(&mut self, (seen, asked_us): (i64, i64), doubtful: i64, until_us: i64, now_us: i64) {
        let new = Cap {
            left: seen.saturating_sub(doubtful).max(0),
            seen,
            until_us,
            asked_us,
        };
        let half_us = self.limit.window_us / 2;
        self.cap = match self.cap.filter(|cap| now_us < cap.until_us) {
            Some(old) if until_us.saturating_add(half_us) < old.until_us => Some(old),
            Some(old) if until_us <= old.until_us.saturating_add(half_us) => Some(Cap {
                until_us: old.until_us.min(until_us),
                ..if seen < old.seen { new } else { old }
            }),
            _ => Some(new),
        };
    }
}

fn sum<'b>(buckets: impl Iterator<Item = &'b Bucket>) -> Counts {
    buckets.fold(Counts::default(), |mut sum, bucket| {
        for (count, more) in sum.iter_mut().zip(bucket.calls) {
            *count = count.saturating_add(more);
        }
        sum
    })
}
