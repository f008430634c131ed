//! What is shown of a budget, and where its rules turn: a test for each edge.

use super::{SECOND, drain, granted, one, told};
use crate::budget::{Budget, Elsewhere, Heard, Limit, Limits, Reserves, WaitReason};
use crate::connector::Class;

/// Ten calls in five minutes and a hundred in an hour.
fn two() -> Limits {
    Limits {
        windows: vec![Limit::long(10, 300), Limit::long(100, 3_600)],
        reserves: Reserves::default(),
    }
}

#[test]
fn a_window_is_long_from_a_minute_on_and_any_number_tells() {
    assert!(!Limit::long(5, 60).is_long() && Limit::long(5, 61).is_long());
    let limits = Heard {
        limits: Some(vec![1]),
        ..Heard::default()
    };
    let remaining = Heard {
        remaining: Some(vec![1]),
        ..Heard::default()
    };
    let refused = Heard {
        refused: Some(1),
        ..Heard::default()
    };
    assert!([limits, remaining, refused].iter().all(Heard::is_telling));
    let nothing = Heard {
        reset_s: Some(vec![1]),
        ..Heard::default()
    };
    assert!(!nothing.is_telling());
}

#[test]
fn the_window_that_waits_for_longest_is_the_one_that_binds() {
    let mut budget = granted(&two());
    assert_eq!(budget.usage(0).binding_us(Class::Live), None, "nothing waits");
    assert_eq!(drain(&mut budget, Class::Live, 0), 9);
    let usage = budget.usage(SECOND);
    assert_eq!(usage.binding_us(Class::Live), Some(300 * SECOND));
    assert_eq!(usage.wait_us[0], 334 * SECOND);
    assert_eq!(usage.windows[0].wait_us[0], 334 * SECOND);
    assert_eq!(usage.windows[1].wait_us, [0; 4]);
    assert_eq!((usage.windows[0].room[0], usage.windows[1].room[0]), (0, 81));
    // A command spent more than there was.
    budget.started_elsewhere(Class::Live, 5, 0);
    assert_eq!(budget.usage(0).windows[0].room, [0; 4], "never below none");
    let hour = (0..12).map(|turn| drain(&mut budget, Class::Live, turn * 400 * SECOND));
    assert!(hour.sum::<u32>() > 70);
    let usage = budget.usage(12 * 400 * SECOND);
    assert_eq!(usage.binding_us(Class::Live), None, "an hour is over");
}

#[test]
fn what_is_shown_is_what_is_kept_told_and_left() {
    let mut budget = granted(&one(100, 300, 35));
    let before = &budget.usage(0).windows[0];
    assert_eq!((before.reserve_live, before.reserve_others), (20, 10));
    assert!(!before.is_told && before.left.is_none() && before.reset_us.is_none());
    let at_us = 1_000 * SECOND;
    let ticket = budget.take(Class::Live, at_us).unwrap();
    budget.answered(&ticket, &told(200, 150, 50), at_us);
    let after = &budget.usage(at_us + SECOND).windows[0];
    assert_eq!((after.limit, after.is_told), (200, true));
    assert_eq!((after.reserve_live, after.reserve_others), (40, 20));
    assert_eq!((after.left, after.reset_us), (Some(150), Some(50 * SECOND)));
}

#[test]
fn what_never_has_room_waits_for_ever() {
    let budget = granted(&one(1, 300, 35));
    let usage = budget.usage(5 * SECOND);
    assert_eq!(usage.wait_us, [i64::MAX; 4], "the reserve of others is all of it");
    assert_eq!(usage.windows[0].wait_us, [i64::MAX; 4]);
    let reason = usage.wait_reason(Class::Live);
    assert_eq!(reason, Some(WaitReason::NeverRoom(300 * SECOND)));
}

#[test]
fn whoever_waits_for_longer_is_why_a_call_waits() {
    let mut budget = granted(&two());
    let reason = |budget: &Budget, at_us| budget.usage(at_us).wait_reason(Class::Live);
    assert_eq!(reason(&budget, 0), None);
    drain(&mut budget, Class::Live, 0);
    assert_eq!(reason(&budget, SECOND), Some(WaitReason::UsedUp(300 * SECOND)));
    for (pause_s, expected) in [
        (100, WaitReason::UsedUp(300 * SECOND)),
        (400, WaitReason::LeftAlone),
    ] {
        let refused = Heard {
            refused: Some(pause_s * 1_000),
            ..Heard::default()
        };
        let mut paused = granted(&two());
        let ticket = paused.take(Class::Live, 0).unwrap();
        drain(&mut paused, Class::Live, 0);
        paused.answered(&ticket, &refused, 0);
        assert_eq!(reason(&paused, SECOND), Some(expected), "after {pause_s} s");
    }
}

#[test]
fn a_limit_that_was_told_outlives_a_restart_and_a_block_is_taken_once() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(1);
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(200, 150, 250), 0);
    let mut saved = budget.save(20, 5 * SECOND);
    let again = Budget::restore(&limits, &saved, 0, 0);
    let shown = &again.usage(0).windows[0];
    assert_eq!((shown.limit, shown.is_told), (200, true));
    assert_eq!((saved.take_reserved(), saved.take_reserved()), (20, 0));
}

#[test]
fn a_bucket_ends_after_a_sixtieth_and_counts_until_its_last_does_no_more() {
    let room_at = |starts: &[i64], elsewhere: Option<i64>, second: i64| {
        let mut budget = granted(&one(100, 300, 35));
        for start in starts {
            budget.take(Class::Live, start * SECOND).unwrap();
        }
        if let Some(at) = elsewhere {
            budget.started_elsewhere(Class::Live, 1, at * SECOND);
        }
        budget.room(Class::Live, second * SECOND)
    };
    assert_eq!(room_at(&[0, 4], None, 335), 88, "both in one bucket");
    assert_eq!(
        room_at(&[0, 5], None, 335),
        89,
        "the next begins with its first microsecond"
    );
    assert_eq!(room_at(&[10], Some(0), 335), 89, "an older one stands by itself");
    assert_eq!(
        room_at(&[0, 4], Some(2), 338),
        87,
        "one between makes the bucket no older"
    );
    assert_eq!(room_at(&[0, 4], Some(2), 339), 90);
}

#[test]
fn a_bucket_is_as_old_after_a_restart_as_it_was() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(3);
    for second in [0, 4] {
        let ticket = budget.take(Class::Live, second * SECOND).unwrap();
        budget.answered(&ticket, &Heard::default(), second * SECOND);
    }
    let ticket = budget.take(Class::Live, 10 * SECOND).unwrap();
    // The shop's window began two seconds after the first of them: only the last is in it for sure.
    budget.answered(&ticket, &told(100, 50, 291), 10 * SECOND);
    let room = budget.room(Class::Sweep, 10 * SECOND);
    let saved = budget.save(0, 10 * SECOND);
    assert_eq!(Budget::restore(&limits, &saved, 0, 0).room(Class::Sweep, 0), room);
    assert_eq!(
        i64::from(room),
        50 - 2 - (10 - 1),
        "two told nothing, half a reserve less one"
    );
}

#[test]
fn a_restored_number_has_the_calls_of_commands_in_it() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(1);
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(100, 50, 200), 0);
    let saved = budget.save(0, SECOND);
    let mut again = Budget::restore(&limits, &saved, 0, 0);
    again.started_elsewhere(Class::Live, 1, 0);
    assert_eq!(again.usage(0).windows[0].left, Some(49));
    let call = Elsewhere {
        counted_us: Some(0),
        started_us: 0,
        heard_us: SECOND,
    };
    again.answered_elsewhere(call, &told(100, 60, 199));
    assert_eq!(
        again.usage(SECOND).windows[0].left,
        Some(50),
        "a lower number was known"
    );
}

#[test]
fn what_was_told_is_taken_off_and_kept_for_live_calls_no_further_than_its_reserve() {
    let mut budget = granted(&one(100, 300, 35));
    for turn in 0..30 {
        let ticket = budget.take(Class::Live, 0).unwrap();
        budget.answered(&ticket, &told(100, 79 - turn, 200), 0);
    }
    assert_eq!(budget.usage(0).windows[0].left, Some(50));
    assert_eq!(
        budget.room(Class::Sweep, 0),
        50,
        "live calls had more than their reserve"
    );
    budget.take(Class::Live, 0).unwrap();
    assert_eq!(budget.usage(0).windows[0].left, Some(49), "one is under way");
}

#[test]
fn a_window_ends_when_the_earlier_of_two_answers_says() {
    let mut budget = granted(&one(100, 300, 35));
    for (remaining, reset_s, ends_s) in [(50, 200, 201), (49, 150, 151), (48, 170, 151)] {
        let ticket = budget.take(Class::Live, 0).unwrap();
        budget.answered(&ticket, &told(100, remaining, reset_s), 0);
        let shown = budget.usage(0).windows[0].reset_us;
        assert_eq!(shown, Some(ends_s * SECOND), "{remaining}");
    }
}

#[test]
fn retries_always_have_a_twentieth_rounded_up() {
    for (calls, room) in [(20, 1), (30, 2), (40, 2), (41, 3)] {
        assert_eq!(
            granted(&one(calls, 300, 35)).room(Class::Retry, 0),
            room,
            "{calls}"
        );
    }
}
