//! Waits that outlive the process: whoever is ended again and again, and writes down now and then how old everything is.

use proptest::prelude::*;

use super::{SECOND, any_limits, granted, one, span_us, told};
use crate::budget::{Budget, Denied, Heard, Life, Limit, Limits, Reserves, Saved};
use crate::connector::Class;
use crate::time::Timestamp;

/// How often a process looks whether it should write.
const TICK_US: i64 = SECOND;

/// A process that is ended and started again, with what it wrote down last.
struct Mortal {
    limits: Limits,
    budget: Budget,
    life: Life,
    stored: String,
    now_us: i64,
    /// How often it wrote.
    writes: u32,
}

impl Mortal {
    fn new(limits: &Limits) -> Self {
        let mut mortal = Self {
            limits: limits.clone(),
            budget: Budget::new(limits),
            life: Life::default(),
            stored: String::new(),
            now_us: 0,
            writes: 0,
        };
        mortal.save(0);
        mortal
    }

    fn save(&mut self, more: u32) {
        let saved = self.budget.save(more, self.now_us);
        self.stored = serde_json::to_string(&saved).unwrap();
        self.budget.granted(more);
        self.life.written_us = self.now_us;
        self.writes += 1;
    }

    /// Makes a call that told `heard`; false when there is no room.
    fn call(&mut self, class: Class, heard: &Heard) -> bool {
        let ticket = match self.budget.take(class, self.now_us) {
            Err(Denied::Unsaved) => {
                self.save(self.budget.block());
                self.budget.take(class, self.now_us).unwrap()
            }
            Err(Denied::Spent { .. }) => return false,
            Ok(ticket) => ticket,
        };
        self.budget.answered(&ticket, heard, self.now_us);
        if self.budget.is_dirty() {
            self.save(0);
        }
        true
    }

    fn calls(&mut self, times: u32, heard: &Heard) {
        for _ in 0..times {
            assert!(self.call(Class::Live, heard));
        }
    }

    /// Lives for so long without a call.
    fn live(&mut self, us: i64) {
        let until_us = self.now_us + us;
        while self.now_us < until_us {
            self.now_us = (self.now_us + TICK_US).min(until_us);
            if self.budget.is_late(self.life, self.now_us) {
                self.save(0);
            }
        }
    }

    /// Is killed, and begins again with a clock that stands at `now_us`.
    fn restart(&mut self, now_us: i64) {
        let saved: Saved = serde_json::from_str(&self.stored).unwrap();
        self.now_us = now_us;
        self.life = Life::new(now_us);
        self.budget = Budget::restore(&self.limits, &saved, 0, now_us);
    }

    fn wait_us(&self, class: Class) -> i64 {
        self.budget.ready_us(class, self.now_us) - self.now_us
    }

    /// How long it lives in all before a call of `class` may start, when it is killed after each of `lives`, over and over.
    fn lived_us(&mut self, class: Class, lives: &[i64], most_us: i64) -> i64 {
        let mut lived_us = 0;
        for life_us in lives.iter().cycle() {
            let rest_us = self.wait_us(class).min(*life_us);
            self.live(rest_us);
            lived_us += rest_us;
            if rest_us < *life_us || lived_us > most_us {
                break;
            }
            self.restart(7);
        }
        lived_us
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 300, ..ProptestConfig::default() })]

    /// Whoever waits gets its call after twice the wait that it lives, and the shortest window or pause is no exception.
    #[test]
    fn who_is_ended_again_and_again_gets_its_call(
        limits in any_limits(),
        lives in prop::collection::vec(8 * SECOND..90 * SECOND, 1..6),
        class in prop::sample::select(Class::ALL.to_vec()),
        pause_s in prop_oneof![Just(0_i64), 1_i64..4_000],
        left in prop_oneof![Just(None), (0_i64..5).prop_map(Some)],
    ) {
        let mut mortal = Mortal::new(&limits);
        prop_assume!(mortal.wait_us(class) == 0);
        let heard = Heard {
            remaining: left.map(|left| vec![left; limits.windows.len()]),
            reset_s: Some(limits.windows.iter().map(|one| one.window_us / SECOND).collect()),
            refused: (pause_s > 0).then_some(pause_s * 1_000),
            ..Heard::default()
        };
        while mortal.call(class, &heard) {}
        let span_us = span_us(&limits).max(pause_s * SECOND);
        let longest_us = lives.iter().max().copied().unwrap_or(0);
        let most_us = 2 * span_us + 2 * longest_us;
        let lived_us = mortal.lived_us(class, &lives, most_us);
        prop_assert!(lived_us <= most_us, "{} of {} s", lived_us / SECOND, span_us / SECOND);
    }
}

/// A life of forty seconds loses a fifth of itself at most, whatever it waits for.
#[test]
fn an_hour_and_a_day_are_waited_out_in_small_pieces() {
    for seconds in [300, 3_600, 86_400] {
        let mut mortal = Mortal::new(&one(20, seconds, 35));
        while mortal.call(Class::Live, &Heard::default()) {}
        let most_us = (seconds + 35) * SECOND * 5 / 4;
        let lived_us = mortal.lived_us(Class::Live, &[40 * SECOND], most_us);
        assert!(lived_us <= most_us, "{} of {seconds} s", lived_us / SECOND);
    }
}

#[test]
fn what_nobody_waits_for_is_written_by_the_minute_and_what_does_not_count_never() {
    let second = Limits {
        windows: vec![Limit::second(20)],
        reserves: Reserves::default(),
    };
    let hour = one(300, 3_600, 35);
    let day = one(20_000, 86_400, 35);
    // The limit of a second is waited out by everybody.
    for (limits, calls, writes) in [
        (&hour, 0, 0),
        (&second, 18, 0),
        (&hour, 1, 40),
        (&hour, 270, 40),
        (&day, 5, 40),
        (&one(300, 300, 35), 10, 0),
    ] {
        let mut mortal = Mortal::new(limits);
        mortal.calls(calls, &Heard::default());
        mortal.live(600 * SECOND);
        mortal.writes = 0;
        mortal.live(40 * 60 * SECOND);
        assert_eq!(mortal.writes, writes, "{calls} of {limits:?}");
    }
}

#[test]
fn a_short_wait_is_written_down_every_few_seconds() {
    let mut mortal = Mortal::new(&one(20, 300, 35));
    while mortal.call(Class::Live, &Heard::default()) {}
    mortal.live(200 * SECOND);
    mortal.writes = 0;
    mortal.live(100 * SECOND);
    assert_eq!(mortal.writes, 20, "a sixtieth of the window");
    let refused = Heard {
        refused: Some(60_000),
        ..Heard::default()
    };
    let mut mortal = Mortal::new(&Limits::none());
    mortal.call(Class::Live, &refused);
    mortal.writes = 0;
    mortal.live(100 * SECOND);
    assert_eq!(mortal.writes, 29, "no more when the pause is over");
}

fn dated(second: i64) -> Heard {
    Heard {
        date: Some(Timestamp::from_micros(second * SECOND)),
        ..Heard::default()
    }
}

/// A restart, a writing and a restart: the date that is heard then tells of the time before the first of them as well.
#[test]
fn what_the_date_will_tell_is_not_lost_when_ages_are_written_before_it() {
    let mut mortal = Mortal::new(&one(100, 300, 35));
    mortal.calls(30, &dated(5_000));
    mortal.save(0);
    let reserved = mortal.stored.clone();
    mortal.budget.give_back();
    mortal.save(0);
    for (stored, spent) in [(mortal.stored.clone(), 1), (reserved, 1 + mortal.budget.block())] {
        let mut mortal = Mortal::new(&mortal.limits);
        mortal.stored = stored;
        mortal.restart(0);
        mortal.live(20 * SECOND);
        mortal.save(0);
        mortal.restart(7 * SECOND);
        // Down for more than a window: only what was reserved may be from a moment ago, and the call that asks is.
        mortal.call(Class::Live, &dated(5_500));
        let now = mortal.budget.usage(mortal.now_us).windows[0].spent;
        assert!(now.iter().sum::<u32>() <= spent, "{now:?}");
    }
}

/// It was not there when the date was written down.
#[test]
fn what_was_started_since_a_restart_is_made_no_older_by_a_date() {
    let limits = one(100, 300, 35);
    let mut mortal = Mortal::new(&limits);
    mortal.call(Class::Live, &dated(5_000));
    mortal.budget.give_back();
    mortal.save(0);
    mortal.restart(0);
    // A day later by the shop's clock, which tells nothing yet.
    mortal.calls(10, &Heard::default());
    mortal.budget.give_back();
    mortal.save(0);
    mortal.restart(0);
    mortal.call(Class::Live, &dated(5_000 + 86_400));
    assert_eq!(mortal.budget.usage(0).windows[0].spent[0], 10 + 1);
}

#[test]
fn calls_that_told_nothing_are_doubted_for_a_travel_time_over_restarts() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    let lost = budget.take(Class::Live, 0).unwrap();
    budget.unanswered(&lost, true);
    budget.give_back();
    let saved = budget.save(0, 20 * SECOND);
    for (second, left) in [(15, 49), (16, 50)] {
        let mut again = Budget::restore(&limits, &saved, 0, 0);
        again.granted(1);
        let ticket = again.take(Class::Live, second * SECOND).unwrap();
        again.answered(&ticket, &told(100, 50, 200), second * SECOND);
        assert_eq!(
            again.usage(second * SECOND).windows[0].left,
            Some(left),
            "after {second} s"
        );
    }
}

/// Where the shop never tells of its limits, all calls told nothing.
#[test]
fn silence_is_kept_by_the_second_and_no_longer_than_it_matters() {
    let mut budget = granted(&one(400_000, 300, 35));
    for millis in 0..200_000 {
        let ticket = budget.take(Class::Live, millis * 1_000).unwrap();
        budget.answered(&ticket, &Heard::default(), millis * 1_000);
        if millis % 100 == 0 {
            assert!(budget.save(0, millis * 1_000).silent.len() <= 36);
            assert!(budget.silent.len() <= 107);
        }
    }
}
