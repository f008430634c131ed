//! A hub that reads a history as fast as its budget allows, on a clock that only jumps.

use crate::budget::{Budget, Denied, Heard, Limit, Limits, Usage};
use crate::connector::Class;

/// Independent calls at random moments.
struct Chance {
    next_us: i64,
    gap_us: f64,
    seed: u64,
}

impl Chance {
    fn new(per_day: f64, seed: u64) -> Self {
        let mut chance = Self {
            next_us: 0,
            gap_us: 86_400_000_000.0 / per_day.max(0.001),
            seed,
        };
        chance.next_us = chance.gap();
        chance
    }

    /// The time between two of them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a model of chance"
    )]
    fn gap(&mut self) -> i64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let chance = ((self.seed >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        (-chance.ln() * self.gap_us) as i64 + 1
    }

    /// Tells whether one comes until `now_us`, and goes on to the next.
    fn comes(&mut self, now_us: i64) -> bool {
        let is_due = self.next_us <= now_us;
        if is_due {
            self.next_us += self.gap();
        }
        is_due
    }
}

/// The other side: it counts every call in the windows of its clock, which begin with the model.
struct Shop {
    limits: Limits,
    /// The number of the window that runs, and the calls in it.
    counts: Vec<(i64, i64)>,
}

impl Shop {
    /// Counts a call; `false` when it is one too many.
    fn call(&mut self, now_us: i64) -> bool {
        for (limit, (number, count)) in self.limits.windows.iter().zip(&mut self.counts) {
            let runs = now_us / limit.window_us;
            if *number != runs {
                (*number, *count) = (runs, 0);
            }
        }
        let mut windows = self.limits.windows.iter().zip(&self.counts);
        let is_free = windows.all(|(limit, (_, count))| *count < i64::from(limit.calls));
        if is_free {
            for (_, count) in &mut self.counts {
                *count += 1;
            }
        }
        is_free
    }

    /// What an answer tells.
    fn tells(&self, was_counted: bool, now_us: i64) -> Heard {
        let left = |(limit, (_, count)): (&Limit, &(i64, i64))| {
            let left = i64::from(limit.calls) - count;
            if was_counted || left > 0 { left } else { -1 }
        };
        let windows = self.limits.windows.iter();
        let remaining: Vec<i64> = windows.clone().zip(&self.counts).map(left).collect();
        let reset = |limit: &Limit| (limit.window_us - now_us % limit.window_us) / 1_000_000;
        let reset_s: Vec<i64> = windows.map(reset).collect();
        let full = remaining.iter().zip(&reset_s).filter(|(left, _)| **left < 0);
        let wait_s = full.map(|(_, reset_s)| *reset_s + 1).max();
        Heard {
            refused: wait_s.filter(|_| !was_counted).map(|wait_s| wait_s * 1_000),
            remaining: Some(remaining),
            reset_s: Some(reset_s),
            ..Heard::default()
        }
    }
}

/// A hub that reads a history as fast as its budget allows, beside live calls at random moments.
pub(super) struct Model {
    budget: Budget,
    now_us: i64,
    live: Chance,
    /// Live calls that wait for room.
    waiting: u32,
    /// The other side, where it tells anything, and its other programs.
    shop: Option<(Shop, Chance)>,
}

impl Model {
    pub(super) fn new(limits: &Limits, live_per_day: f64, seed: u64) -> Self {
        Self {
            budget: Budget::new(limits),
            now_us: 0,
            live: Chance::new(live_per_day, seed),
            waiting: 0,
            shop: None,
        }
    }

    /// The same with a shop that tells what is left, of which other programs take so many calls per day.
    pub(super) fn beside(mut self, limits: &Limits, others_per_day: f64) -> Self {
        let told = limits.windows.iter().filter(|limit| limit.is_long());
        let windows: Vec<_> = told.copied().collect();
        let shop = Shop {
            counts: vec![(0, 0); windows.len()],
            limits: Limits {
                windows,
                ..limits.clone()
            },
        };
        let others = Chance::new(others_per_day, self.live.seed ^ 0x5bd1_e995);
        self.shop = Some((shop, others));
        self
    }

    /// What is known of the budget now.
    pub(super) fn usage(&self) -> Usage {
        self.budget.usage(self.now_us)
    }

    /// Other programs make so many calls at once.
    pub(super) fn burst(&mut self, calls: i64) {
        if let Some((shop, _)) = &mut self.shop {
            for _ in 0..calls {
                shop.call(self.now_us);
            }
        }
    }

    /// Makes one call, as soon as there is room for it; with it the hub hears what is left.
    pub(super) fn ask(&mut self) {
        self.waiting += 1;
        self.go_on();
    }

    /// Lets time pass without a history.
    pub(super) fn pass(&mut self, until_us: i64) {
        while self.now_us < until_us {
            self.go_on();
            self.wait_until(until_us);
        }
    }

    /// Makes so many calls of a history; returns when the last one started.
    pub(super) fn read(&mut self, calls: i64) -> i64 {
        let mut made = 0;
        while made < calls {
            self.go_on();
            if self.call(Class::Backfill) {
                made += 1;
            } else {
                self.wait_until(self.budget.ready_us(Class::Backfill, self.now_us));
            }
        }
        self.now_us
    }

    /// What comes beside the history until now.
    fn go_on(&mut self) {
        if let Some((shop, others)) = &mut self.shop {
            while others.next_us <= self.now_us {
                shop.call(others.next_us);
                others.comes(self.now_us);
            }
        }
        while self.live.comes(self.now_us) {
            self.waiting += 1;
        }
        while self.waiting > 0 && self.call(Class::Live) {
            self.waiting -= 1;
        }
    }

    /// Makes a call; `false` when it may not start or was refused.
    fn call(&mut self, class: Class) -> bool {
        loop {
            match self.budget.take(class, self.now_us) {
                Ok(ticket) => {
                    let (is_counted, heard) = match &mut self.shop {
                        Some((shop, _)) => {
                            let is_counted = shop.call(self.now_us);
                            (is_counted, shop.tells(is_counted, self.now_us))
                        }
                        None => (true, Heard::default()),
                    };
                    self.budget.answered(&ticket, &heard, self.now_us);
                    return is_counted;
                }
                Err(Denied::Spent { .. }) => return false,
                Err(Denied::Unsaved) => {
                    let block = self.budget.block();
                    let _ = self.budget.save(block, self.now_us);
                    self.budget.granted(block);
                }
            }
        }
    }

    /// Goes to the next moment at which something can happen beside what happens at `next_us`.
    fn wait_until(&mut self, next_us: i64) {
        let mut next_us = next_us.min(self.live.next_us);
        if self.waiting > 0 {
            next_us = next_us.min(self.budget.ready_us(Class::Live, self.now_us));
        }
        self.now_us = next_us.max(self.now_us + 1_000);
    }
}
