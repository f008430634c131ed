//! What is told, written down and shown, on examples: each of these rules was once broken without a test that saw it.

use super::{SECOND, drain, granted, one, told};
use crate::budget::{Budget, Elsewhere, Heard, Limit, Limits, Reserves};
use crate::connector::Class;
use crate::limits;

/// What is left in the only window at `now_us`.
fn left(budget: &Budget, now_us: i64) -> Option<i64> {
    budget.usage(now_us).windows[0].left
}

fn refused(wait_ms: i64) -> Heard {
    Heard {
        refused: Some(wait_ms),
        ..Heard::default()
    }
}

#[test]
fn what_was_reserved_and_what_others_start_is_taken_off_what_is_told_is_left() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(100, 42, 200), 0);
    budget.started_elsewhere(Class::Live, 3, 0);
    assert_eq!(left(&budget, 0), Some(39));
    budget.give_back();
    let saved = budget.save(20, 0);
    let again = Budget::restore(&limits, &saved, 0, 0);
    assert_eq!(left(&again, 0), Some(19));
}

#[test]
fn what_others_of_ours_started_may_not_be_in_what_is_told() {
    let mut budget = granted(&one(100, 300, 35));
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.started_elsewhere(Class::Live, 3, 0);
    budget.answered(&ticket, &told(100, 42, 200), 0);
    assert_eq!(left(&budget, 0), Some(39));
    // After a travel time they are.
    let ticket = budget.take(Class::Live, 36 * SECOND).unwrap();
    budget.answered(&ticket, &told(100, 30, 160), 36 * SECOND);
    assert_eq!(left(&budget, 36 * SECOND), Some(30));
}

// A plan of a dozen calls lowered what is left twice, until the window of a day ended.
#[test]
fn a_call_of_others_of_ours_that_was_in_the_number_is_taken_off_once() {
    let elsewhere = Elsewhere {
        counted_us: Some(0),
        started_us: 0,
        heard_us: 0,
    };
    // Counted after an answer that had it in its number, before it, or before one that was asked too late to doubt it.
    // One that is no lower proves nothing of the call.
    for (asked_at, seen, left_then) in [(-1, 42, 42), (0, 42, 42), (36, 42, 42), (0, 44, 43), (0, 43, 42)] {
        let mut budget = granted(&one(100, 300, 35));
        if asked_at < 0 {
            let ticket = budget.take(Class::Live, 0).unwrap();
            budget.answered(&ticket, &told(100, seen, 200), 0);
        }
        budget.started_elsewhere(Class::Live, 1, 0);
        if asked_at >= 0 {
            let ticket = budget.take(Class::Live, asked_at * SECOND).unwrap();
            budget.answered(&ticket, &told(100, seen, 200), asked_at * SECOND);
        }
        budget.answered_elsewhere(elsewhere, &told(100, 43, 200));
        assert_eq!(
            left(&budget, 0),
            Some(left_then),
            "asked at {asked_at} s, told {seen}"
        );
        // An answer that is told once more changes nothing.
        budget.answered_elsewhere(elsewhere, &told(100, 43, 200));
        assert_eq!(left(&budget, 0), Some(left_then));
    }
}

/// An answer that was asked when the call was no longer doubted did not take it off; what it lacks since is another call.
#[test]
fn what_was_not_taken_off_is_not_given_back() {
    let mut budget = granted(&one(100, 300, 35));
    budget.started_elsewhere(Class::Live, 1, 0);
    let ticket = budget.take(Class::Live, 36 * SECOND).unwrap();
    budget.answered(&ticket, &told(100, 42, 200), 36 * SECOND);
    budget.take(Class::Live, 36 * SECOND).unwrap();
    assert_eq!(left(&budget, 36 * SECOND), Some(41));
    let elsewhere = Elsewhere {
        counted_us: Some(0),
        started_us: 0,
        heard_us: 36 * SECOND,
    };
    budget.answered_elsewhere(elsewhere, &told(100, 43, 200));
    assert_eq!(left(&budget, 36 * SECOND), Some(41));
}

/// An answer that was long on its way may tell of the window before.
#[test]
fn a_late_answer_of_the_window_before_ends_the_one_of_now_no_earlier() {
    let mut budget = granted(&one(100, 300, 35));
    let late = budget.take(Class::Live, 0).unwrap();
    let ticket = budget.take(Class::Live, SECOND).unwrap();
    budget.answered(&ticket, &told(100, 30, 290), SECOND);
    budget.answered(&late, &told(100, 80, 2), 2 * SECOND);
    assert_eq!(left(&budget, 10 * SECOND), left(&budget, 2 * SECOND));
    assert!(left(&budget, 290 * SECOND).is_some());
}

#[test]
fn what_is_left_is_never_shown_below_nothing() {
    let mut budget = granted(&one(100, 300, 35));
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(100, 1, 200), 0);
    budget.started_elsewhere(Class::Live, 3, 0);
    assert_eq!((left(&budget, 0), budget.room(Class::Live, 0)), (Some(0), 0));
}

#[test]
fn a_call_without_an_answer_may_be_counted_for_a_travel_time() {
    let mut budget = granted(&one(100, 300, 35));
    let lost = budget.take(Class::Live, 0).unwrap();
    budget.unanswered(&lost, true);
    for (second, left_then) in [(10, 49), (36, 30)] {
        let ticket = budget.take(Class::Live, second * SECOND).unwrap();
        let seen = if second == 10 { 50 } else { 30 };
        budget.answered(&ticket, &told(100, seen, 200 - second), second * SECOND);
        assert_eq!(
            left(&budget, second * SECOND),
            Some(left_then),
            "after {second} s"
        );
    }
}

#[test]
fn what_a_former_owner_starts_in_its_grace_may_not_be_in_what_is_told() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    drain(&mut budget, Class::Retry, 0);
    budget.give_back();
    let saved = budget.save(0, 0);
    let mut next = Budget::restore(&limits, &saved, 15 * SECOND, 0);
    next.granted(1);
    // Later than a travel time after the beginning, and not after the end of the grace.
    let ticket = next.take(Class::Live, 40 * SECOND).unwrap();
    next.answered(&ticket, &told(100, 30, 100), 40 * SECOND);
    assert_eq!(left(&next, 40 * SECOND), Some(25), "five were under way");
}

#[test]
fn a_limit_of_nothing_is_not_believed() {
    let mut budget = granted(&one(100, 300, 35));
    let ticket = budget.take(Class::Live, 0).unwrap();
    let heard = Heard {
        limits: Some(vec![0]),
        ..Heard::default()
    };
    budget.answered(&ticket, &heard, 0);
    assert_eq!(budget.room(Class::Live, 0), 89);
}

#[test]
fn the_longest_pause_counts_is_written_down_at_once_and_lasts_a_day_at_most() {
    let mut budget = granted(&one(100, 300, 35));
    let tickets = [(); 3].map(|()| budget.take(Class::Live, 0).unwrap());
    budget.answered(&tickets[0], &refused(60_000), 0);
    assert!(budget.is_dirty());
    budget.answered(&tickets[1], &refused(1_000), 0);
    assert_eq!(budget.usage(0).paused_us, 60 * SECOND);
    budget.answered(&tickets[2], &refused(i64::MAX), 0);
    assert_eq!(budget.usage(0).paused_us, limits::RETRY_AFTER_MS * 1_000);
    let _ = budget.save(0, 0);
    assert!(!budget.is_dirty());
}

/// A block is a part of the smallest window of its kind, and never more than the most there is.
#[test]
fn a_block_is_small_beside_every_window() {
    let block = |windows: &[Limit]| {
        let limits = Limits {
            windows: windows.to_vec(),
            reserves: Reserves::default(),
        };
        Budget::new(&limits).block()
    };
    let (hour, day) = (Limit::long(3_000, 3_600), Limit::long(1_200, 86_400));
    assert_eq!(block(&[hour]), 50);
    assert_eq!(block(&[hour, day]), 20);
    assert_eq!(block(&[hour, day, Limit::second(20)]), 5);
    assert_eq!(block(&[hour, Limit::second(1_000)]), 50);
    let most = u32::try_from(limits::BUDGET_BLOCK).unwrap();
    assert_eq!(block(&[Limit::long(10_000_000, 3_600)]), most);
    assert_eq!(block(&[Limit::long(3, 3_600)]), 1);
}

#[test]
fn many_calls_are_planned_over_the_long_windows_alone() {
    let limits = Limits {
        windows: vec![Limit::second(20), Limit::long(300, 300)],
        reserves: Reserves::default(),
    };
    let budget = Budget::new(&limits);
    assert_eq!(budget.room(Class::Live, 0), 18);
    assert_eq!(budget.long().room(Class::Live, 0), 270);
}

#[test]
fn everything_that_was_restored_grows_old() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(100, 42, 200), 0);
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &refused(60_000), 0);
    budget.give_back();
    let saved = budget.save(0, 0);
    let mut again = Budget::restore(&limits, &saved, 0, 0);
    again.age(50 * SECOND);
    let usage = again.usage(0);
    assert_eq!(
        (usage.paused_us, usage.windows[0].reset_us),
        (10 * SECOND, Some(151 * SECOND))
    );
    again.age(284 * SECOND);
    assert_eq!(again.usage(0).windows[0].spent, [2, 0, 0, 0], "334 s old");
    again.age(SECOND);
    assert_eq!(again.usage(0).windows[0].spent, [0; 4], "335 s old");
    assert_eq!((again.usage(0).paused_us, left(&again, 0)), (0, None));
}

/// The date that is written down is that of the writing, at the latest: whole seconds, and the time since.
#[test]
fn what_is_restored_is_never_older_than_the_dates_prove() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    let dated = |second: i64| Heard {
        date: Some(crate::time::Timestamp::from_micros(second * SECOND)),
        ..Heard::default()
    };
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &dated(5_000), 0);
    // Twenty seconds later by our clock it is 5,021 there at the latest; three more are slack.
    budget.give_back();
    let saved = budget.save(0, 20 * SECOND);
    for (second, aged) in [(5_024, 0), (5_034, 10)] {
        let mut again = Budget::restore(&limits, &saved, 0, 0);
        again.granted(1);
        let ticket = again.take(Class::Live, 0).unwrap();
        again.answered(&ticket, &dated(second), 0);
        let gone_us = (335 - 20 - aged) * SECOND;
        assert_eq!(again.usage(gone_us - 1).windows[0].spent[0], 2, "at {second}");
        assert_eq!(again.usage(gone_us).windows[0].spent[0], 1, "at {second}");
    }
}

#[test]
fn a_pause_that_another_process_heard_of_counts_from_then() {
    let mut budget = granted(&one(100, 300, 35));
    let call = Elsewhere {
        counted_us: None,
        started_us: -21 * SECOND,
        heard_us: -20 * SECOND,
    };
    budget.answered_elsewhere(call, &refused(60_000));
    assert_eq!(budget.usage(0).paused_us, 40 * SECOND);
}
