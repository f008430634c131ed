//! How many calls of an API may be made: the rule of reliability.md §7 as a pure function of what was started, what
//! answers told, and a clock that never goes back.
//!
//! [`Budget::take`] starts one call or says how long to wait; [`Budget::answered`] takes in what came back. Calls are
//! granted from blocks that are written down before their first call ([`Budget::save`], [`Budget::granted`]), so that a
//! restart or another node ([`Budget::restore`]) never counts too few. The rules in plain words: docs/spec/budget.md.

mod age;
mod limit;
mod saved;
mod usage;
mod window;

#[cfg(test)]
mod tests;

pub use age::Life;
pub use limit::{Heard, Limit, Limits, Reserves};
pub use saved::Saved;
pub use usage::{Usage, WaitReason, WindowUsage, by_class, window_in_words};

use saved::SavedWindow;
use window::{Bucket, Counts, Window};

use crate::connector::Class;
use crate::limits;

/// How far the other side's `Date` may be off, in microseconds: whole seconds, and machines that differ a little.
const DATE_SLACK_US: i64 = 3_000_000;

/// One call under way.
#[derive(Debug)]
pub struct Ticket {
    /// When it started.
    started_us: i64,
}

/// A call of another process of ours whose answer tells something.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere {
    /// The moment that was given to [`Budget::started_elsewhere`], if that was for this budget.
    pub counted_us: Option<i64>,
    /// It did not start before.
    pub started_us: i64,
    /// When its answer was heard, as far as is known.
    pub heard_us: i64,
}

/// Why a call may not start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no room for its class; there is some in `wait_us` microseconds, unless others take it first.
    Spent {
        /// The wait.
        wait_us: i64,
    },
    /// The block is used up: [`Budget::save`] must be written down and [`Budget::granted`] called first.
    Unsaved,
}

/// The budget of one connection.
#[derive(Debug, Clone)]
pub struct Budget {
    reserves: Reserves,
    windows: Vec<Window>,
    /// Calls that are written down and not started yet.
    block: u32,
    /// Nobody starts before.
    paused_until_us: i64,
    /// Calls under way.
    open: i64,
    /// Calls that told nothing, and until when they may be counted.
    silent: Vec<(i64, i64)>,
    /// The other side's clock: what it said, and when the call that it answered had started.
    date: Option<(i64, i64)>,
    /// What was restored, while it is not known how old it is: when, and the other side's clock at its writing.
    restored: Option<(i64, i64)>,
    /// Calls started since the counts were last taken, by class.
    uncounted: Counts,
    /// Something happened that is worth writing down at once.
    is_dirty: bool,
}

impl Budget {
    /// Starts with nothing spent.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            reserves: limits.reserves,
            windows: limits.windows.iter().copied().map(Window::new).collect(),
            block: 0,
            paused_until_us: i64::MIN,
            open: 0,
            silent: Vec::new(),
            date: None,
            restored: None,
            uncounted: Counts::default(),
            is_dirty: false,
        }
    }

    /// Goes on with what was written down, as if no time had passed since. Calls that were reserved count as started
    /// `grace_us` from now: so long may a former owner still start them.
    #[must_use]
    pub fn restore(limits: &Limits, saved: &Saved, grace_us: i64, now_us: i64) -> Self {
        let mut budget = Self::new(limits);
        if saved.paused_us > 0 {
            budget.paused_until_us = now_us.saturating_add(saved.paused_us);
        }
        let at_us = now_us.saturating_add(grace_us);
        let mut calls = Counts::default();
        calls[Class::Backfill.index()] = saved.reserved;
        for window in &mut budget.windows {
            if let Some(saved) = saved.windows.iter().find(|saved| saved.is_of(window)) {
                saved.restore(window, now_us);
            }
            if let Some(cap) = &mut window.cap {
                cap.left -= i64::from(saved.reserved);
            }
            if saved.reserved > 0 {
                window.put(Bucket {
                    first_us: at_us,
                    last_us: at_us,
                    calls,
                    // How old it is nobody knows: it may be from a moment ago.
                    is_restored: false,
                });
            }
        }
        // May be counted yet. Of all others an answer had told before, so they are in every number that is told from now on.
        let doubtful = saved.under_way.saturating_add(saved.reserved);
        if doubtful > 0 {
            let until_us = at_us.saturating_add(budget.travel_us());
            budget.silent.push((until_us, i64::from(doubtful)));
        }
        let silent = saved.silent.iter();
        budget
            .silent
            .extend(silent.map(|(rest_us, calls)| (at_us.saturating_add(*rest_us), *calls)));
        budget.restored = saved.date_us.map(|date_us| (now_us, date_us));
        budget
    }

    /// How many calls of `class` may start at `now_us`, if nothing else starts; `u32::MAX` without limits.
    #[must_use]
    pub fn room(&self, class: Class, now_us: i64) -> u32 {
        if now_us < self.paused_until_us {
            return 0;
        }
        let rooms = self
            .windows
            .iter()
            .map(|window| window.room(class, self.reserves, now_us));
        let room = rooms.min().unwrap_or(i64::from(u32::MAX));
        u32::try_from(room.max(0)).unwrap_or(u32::MAX)
    }

    /// When a call of `class` may start, if nothing else starts; not before `now_us`, and `i64::MAX` for never.
    #[must_use]
    pub fn ready_us(&self, class: Class, now_us: i64) -> i64 {
        let ready = self
            .windows
            .iter()
            .map(|window| window.ready_us(class, self.reserves, now_us));
        ready.fold(now_us.max(self.paused_until_us), i64::max)
    }

    /// Starts a call of `class`.
    ///
    /// # Errors
    /// When it may not start now, see [`Denied`].
    pub fn take(&mut self, class: Class, now_us: i64) -> Result<Ticket, Denied> {
        if self.room(class, now_us) == 0 {
            // The sweep's room has no time of its own.
            let wait_us = self.ready_us(class, now_us).saturating_sub(now_us).max(1_000);
            return Err(Denied::Spent { wait_us });
        }
        if !self.windows.is_empty() {
            self.block = self.block.checked_sub(1).ok_or(Denied::Unsaved)?;
        }
        for window in &mut self.windows {
            window.start(class, now_us);
        }
        self.open += 1;
        let count = &mut self.uncounted[class.index()];
        *count = count.saturating_add(1);
        Ok(Ticket { started_us: now_us })
    }

    /// Takes in the answer to a call, with what it tells of the limits.
    pub fn answered(&mut self, ticket: &Ticket, heard: &Heard, now_us: i64) {
        self.open -= 1;
        if !self.hear(heard, ticket.started_us, now_us) {
            self.went_silent(ticket);
        }
        if let Some(date) = heard.date {
            self.hear_date(date.as_micros(), ticket.started_us, now_us);
        }
    }

    /// Takes in that a call has no answer; `may_count`: it may have been sent.
    pub fn unanswered(&mut self, ticket: &Ticket, may_count: bool) {
        self.open -= 1;
        if may_count {
            self.went_silent(ticket);
        }
    }

    /// Takes in `calls` that another process of ours wrote down, of which the last starts at `at_us` at the latest.
    pub fn started_elsewhere(&mut self, class: Class, calls: u32, at_us: i64) {
        let mut counts = Counts::default();
        counts[class.index()] = calls;
        for window in &mut self.windows {
            window.put(Bucket {
                first_us: at_us,
                last_us: at_us,
                calls: counts,
                is_restored: false,
            });
            if let Some(cap) = &mut window.cap {
                cap.left -= i64::from(calls);
            }
        }
        let until_us = at_us.saturating_add(self.travel_us());
        self.silent.push((until_us, i64::from(calls)));
        let count = &mut self.uncounted[class.index()];
        *count = count.saturating_add(calls);
    }

    /// Takes in the answer to a call of another process of ours. How old it is only a wall clock knows: what it says of the
    /// end of a window ends none of which is known until when it lasts, and the other side's clock is not taken from it.
    pub fn answered_elsewhere(&mut self, call: Elsewhere, heard: &Heard) {
        let ends: Vec<_> = self.windows.iter().map(|window| window.cap).collect();
        let open_us = call
            .counted_us
            .map(|at_us| at_us.saturating_add(self.travel_us()));
        // Its own call is in the number that it tells.
        let own = self
            .silent
            .iter_mut()
            .rfind(|(until_us, calls)| Some(*until_us) == open_us && *calls > 0);
        let remaining = heard.remaining.as_ref().filter(|_| heard.reset_s.is_some());
        if let (Some((open_us, calls)), Some(remaining)) = (own, remaining) {
            *calls -= 1;
            for (window, seen) in self.windows.iter_mut().zip(remaining) {
                window.give_back(*seen, *open_us);
            }
        }
        self.hear(heard, call.started_us, call.heard_us);
        for (window, end) in self.windows.iter_mut().zip(ends) {
            if let (Some(cap), Some(end)) = (&mut window.cap, end) {
                cap.until_us = cap.until_us.max(end.until_us);
            }
        }
    }

    /// What to write down before [`Budget::granted`]`(more)`.
    #[must_use]
    pub fn save(&mut self, more: u32, now_us: i64) -> Saved {
        for window in &mut self.windows {
            window.prune(now_us);
        }
        self.forget_silent(now_us);
        self.is_dirty = false;
        let is_dated = self.restored.is_none();
        let windows = self.windows.iter();
        let silent = self.silent.iter().filter(|(until_us, _)| *until_us >= now_us);
        Saved {
            windows: windows
                .map(|window| SavedWindow::of(window, is_dated, now_us))
                .collect(),
            reserved: self.block.saturating_add(more),
            under_way: u32::try_from(self.open.max(0)).unwrap_or(u32::MAX),
            silent: silent
                .map(|(until_us, calls)| (until_us.saturating_sub(now_us), *calls))
                .collect(),
            paused_us: self.paused_us(now_us),
            date_us: self.date_us(now_us),
        }
    }

    /// What the other side's clock says at `now_us` at the latest. Until a date is heard after a restart it is that of what
    /// was restored, as if no time had passed meanwhile: it says nothing of what was started since.
    fn date_us(&self, now_us: i64) -> Option<i64> {
        match (self.restored, self.date) {
            (Some((at_us, date_us)), _) => Some(date_us.saturating_add(now_us.saturating_sub(at_us))),
            // The answer was given after its call started, and its date is cut to whole seconds.
            (None, Some((date_us, started_us))) => Some(
                date_us
                    .saturating_add(1_000_000)
                    .saturating_add(now_us.saturating_sub(started_us)),
            ),
            (None, None) => None,
        }
    }

    /// Allows `more` calls that are written down.
    pub fn granted(&mut self, more: u32) {
        self.block = self.block.saturating_add(more);
    }

    /// Tells whether the next call needs a new block.
    #[must_use]
    pub fn needs_block(&self) -> bool {
        self.block == 0 && !self.windows.is_empty()
    }

    /// Gives up what is reserved and not started.
    pub fn give_back(&mut self) {
        self.block = 0;
    }

    /// How many calls to write down at once: a sixtieth of the smallest long window, so that a restart wastes little, and
    /// a quarter of the smallest short one, so that others who see them as spent find room beside them.
    #[must_use]
    pub fn block(&self) -> u32 {
        let shares = self.windows.iter().map(|window| {
            let share = if window.limit.is_long() { 60 } else { 4 };
            window.calls() / share
        });
        let most = shares.min().unwrap_or(0).clamp(1, limits::BUDGET_BLOCK);
        u32::try_from(most).unwrap_or(1)
    }

    /// The same without its short windows: what many calls need that follow each other.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.windows.retain(|window| window.limit.is_long());
        self
    }

    /// Tells whether something happened that is worth writing down before the block is used up.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Gives the calls started since this was last asked, by class in the order of [`Class::ALL`].
    pub fn take_counts(&mut self) -> [u32; 4] {
        std::mem::take(&mut self.uncounted)
    }

    /// Puts counts back that could not be written down.
    pub fn put_counts_back(&mut self, counts: [u32; 4]) {
        for (count, more) in self.uncounted.iter_mut().zip(counts) {
            *count = count.saturating_add(more);
        }
    }

    /// How many calls were started since [`Budget::take_counts`].
    #[must_use]
    pub fn uncounted(&self) -> u32 {
        self.uncounted.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// What was spent, what is left, and who may start when.
    #[must_use]
    pub fn usage(&self, now_us: i64) -> Usage {
        usage::of(self, now_us)
    }

    /// Makes everything that was restored `age_us` older; for pages that read what another process wrote.
    pub fn age(&mut self, age_us: i64) {
        self.paused_until_us = self.paused_until_us.saturating_sub(age_us);
        for (until_us, _) in &mut self.silent {
            *until_us = until_us.saturating_sub(age_us);
        }
        for window in &mut self.windows {
            for bucket in &mut window.buckets {
                bucket.first_us = bucket.first_us.saturating_sub(age_us);
                bucket.last_us = bucket.last_us.saturating_sub(age_us);
            }
            if let Some(cap) = &mut window.cap {
                cap.until_us = cap.until_us.saturating_sub(age_us);
                cap.asked_us = cap.asked_us.saturating_sub(age_us);
            }
        }
    }

    /// For how much longer the other side asked to be left alone, in microseconds; 0 for not at all.
    fn paused_us(&self, now_us: i64) -> i64 {
        self.paused_until_us.saturating_sub(now_us).max(0)
    }

    /// How many calls may not be in a number that a call tells which starts at `started_us` or later.
    fn doubtful(&self, started_us: i64) -> i64 {
        let silent = self.silent.iter().filter(|(until_us, _)| *until_us >= started_us);
        let silent: i64 = silent.map(|(_, calls)| *calls).sum();
        self.open.saturating_add(silent).max(0)
    }

    /// Forgets calls that every answer yet to come has counted: it is as old as its call, which began and travelled there
    /// and back.
    fn forget_silent(&mut self, now_us: i64) {
        let oldest_us = now_us.saturating_sub(self.travel_us().saturating_mul(2));
        self.silent.retain(|(until_us, _)| *until_us >= oldest_us);
    }

    fn travel_us(&self) -> i64 {
        let travel_us = self.windows.iter().map(|window| window.limit.travel_us);
        travel_us.max().unwrap_or(0)
    }

    fn went_silent(&mut self, ticket: &Ticket) {
        let until_us = ticket.started_us.saturating_add(self.travel_us());
        // By whole seconds: a shop that never tells of its limits leaves no long list.
        let until_us = until_us.saturating_add(999_999) / 1_000_000 * 1_000_000;
        match self.silent.last_mut() {
            Some((last_us, calls)) if *last_us == until_us => *calls += 1,
            _ => self.silent.push((until_us, 1)),
        }
    }

    /// Takes in what the answer to a call tells of the limits; tells whether it says what is left.
    fn hear(&mut self, heard: &Heard, started_us: i64, now_us: i64) -> bool {
        for (window, told) in self.windows.iter_mut().zip(heard.limits.iter().flatten()) {
            if *told > 0 {
                // Not with the next block: in a limit that was lowered there may be no room for one for long.
                self.is_dirty |= window.told != Some(*told);
                window.told = Some(*told);
            }
        }
        if let Some(wait_ms) = heard.refused {
            let wait_us = wait_ms.clamp(0, limits::RETRY_AFTER_MS) * 1_000;
            self.paused_until_us = self.paused_until_us.max(now_us.saturating_add(wait_us));
            self.is_dirty = true;
        }
        let (Some(remaining), Some(reset_s)) = (&heard.remaining, &heard.reset_s) else {
            return false;
        };
        // Whatever is under way, or told nothing, may not be in the number.
        self.forget_silent(now_us);
        let doubtful = self.doubtful(started_us);
        let block = i64::from(self.block());
        for (window, (remaining, reset_s)) in self.windows.iter_mut().zip(remaining.iter().zip(reset_s)) {
            // Whole seconds, rounded either way.
            let reset_us = reset_s.saturating_add(1).saturating_mul(1_000_000);
            let reset_us = reset_us.clamp(1_000_000, window.limit.window_us.saturating_add(1_000_000));
            let until_us = now_us.saturating_add(reset_us);
            let expected = window.left(now_us);
            window.hear((*remaining, started_us), doubtful, until_us, now_us);
            // Others used more than a block: whoever reads what is written down expects too much.
            self.is_dirty |= window.limit.is_long() && expected.saturating_sub(window.left(now_us)) > block;
        }
        true
    }

    /// The first date after a restart tells how long it lasted at least; what was restored is that much older.
    fn hear_date(&mut self, date_us: i64, started_us: i64, now_us: i64) {
        // Until it is written down, a kill loses all the time that has passed since the last block.
        self.is_dirty |= self.date.is_none();
        self.date = Some((date_us, started_us));
        let Some((at_us, saved_us)) = self.restored.take() else {
            return;
        };
        let down_us = date_us
            .saturating_sub(now_us.saturating_sub(at_us))
            .saturating_sub(saved_us)
            .saturating_sub(DATE_SLACK_US);
        if down_us <= 0 {
            return;
        }
        for window in &mut self.windows {
            for bucket in window.buckets.iter_mut().filter(|bucket| bucket.is_restored) {
                bucket.first_us = bucket.first_us.saturating_sub(down_us);
                bucket.last_us = bucket.last_us.saturating_sub(down_us);
            }
            window.prune(now_us);
        }
        self.is_dirty = true;
    }
}
