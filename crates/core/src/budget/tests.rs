//! The rule on examples, and against a shop that counts.

mod ages;
mod model;
mod share;
mod shown;
mod told;

use proptest::prelude::*;

use super::*;
use model::{Way, World};

const SECOND: i64 = 1_000_000;

fn one(calls: u32, seconds: i64, travel_s: i64) -> Limits {
    Limits {
        windows: vec![Limit {
            calls,
            window_us: seconds * SECOND,
            travel_us: travel_s * SECOND,
        }],
        reserves: Reserves::default(),
    }
}

fn granted(limits: &Limits) -> Budget {
    let mut budget = Budget::new(limits);
    budget.granted(u32::MAX);
    budget
}

/// Takes until there is no room; how many there were.
fn drain(budget: &mut Budget, class: Class, now_us: i64) -> u32 {
    let mut taken = 0;
    while budget.take(class, now_us).is_ok() {
        taken += 1;
    }
    taken
}

fn told(limit: u32, remaining: i64, reset_s: i64) -> Heard {
    Heard {
        limits: Some(vec![limit]),
        remaining: Some(vec![remaining]),
        reset_s: Some(vec![reset_s]),
        ..Heard::default()
    }
}

#[test]
fn each_class_leaves_what_is_kept_for_others() {
    let limits = one(100, 300, 35);
    let mut budget = granted(&limits);
    assert_eq!(Class::ALL.map(|class| budget.room(class, 0)), [90, 5, 80, 70]);
    assert_eq!(drain(&mut budget, Class::Backfill, 0), 70);
    assert_eq!(drain(&mut budget, Class::Retry, 0), 17);
    assert_eq!(drain(&mut budget, Class::Live, 0), 3);
    assert_eq!(budget.ready_us(Class::Live, 0), 335 * SECOND);
    assert_eq!(drain(&mut budget, Class::Live, 335 * SECOND - 1), 0);
    assert_eq!(drain(&mut budget, Class::Live, 335 * SECOND), 90);
}

#[test]
fn live_calls_are_taken_from_their_own_reserve_first() {
    let mut budget = granted(&one(100, 300, 35));
    for (spent, room) in [(10, 70), (20, 70), (30, 60), (90, 0)] {
        while budget.room(Class::Live, 0) > 90 - spent {
            budget.take(Class::Live, 0).unwrap();
        }
        assert_eq!(budget.room(Class::Backfill, 0), room);
    }
}

// A history took all that both may have, so that no list was swept before the end of the hour, or of the day.
#[test]
fn sweeps_have_room_when_a_history_took_all_of_its_own_and_live_calls_keep_half_of_their_reserve() {
    let mut budget = granted(&one(100, 300, 35));
    assert_eq!(drain(&mut budget, Class::Backfill, 0), 70);
    assert_eq!(drain(&mut budget, Class::Sweep, 0), 10);
    assert_eq!(drain(&mut budget, Class::Backfill, 0), 0);
    assert_eq!(drain(&mut budget, Class::Live, 0), 10);
}

// A shop without webhooks was not asked for hours on the first day of its history.
#[test]
fn where_sweeps_bring_live_changes_they_have_all_that_is_kept_for_those_and_a_history_no_less() {
    let mut limits = one(100, 300, 35);
    limits.reserves.is_polled = true;
    let mut budget = granted(&limits);
    assert_eq!(drain(&mut budget, Class::Backfill, 0), 70);
    assert_eq!(drain(&mut budget, Class::Sweep, 0), 20);
    assert_eq!(drain(&mut budget, Class::Live, 0), 0);
}

#[test]
fn a_block_is_written_down_before_its_first_call() {
    let mut budget = Budget::new(&one(300, 300, 35));
    assert_eq!(budget.take(Class::Live, 0).unwrap_err(), Denied::Unsaved);
    assert_eq!(budget.block(), 5);
    budget.granted(5);
    assert_eq!((0..6).filter(|_| budget.take(Class::Live, 0).is_ok()).count(), 5);
    let mut none = Budget::new(&Limits::none());
    assert_eq!(none.room(Class::Backfill, 0), u32::MAX);
    assert!(none.take(Class::Backfill, 0).is_ok());
}

#[test]
fn a_restart_counts_what_was_reserved_and_lets_time_pass_from_then_on() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(40);
    drain(&mut budget, Class::Live, 0);
    let saved = budget.save(20, 100 * SECOND);
    // However long it was away, and whatever its clock says now.
    let at_us = 77_777 * SECOND;
    let again = Budget::restore(&limits, &saved, 0, at_us);
    assert_eq!(again.room(Class::Live, at_us), 90 - 40 - 20);
    assert_eq!(again.room(Class::Live, at_us + 234 * SECOND), 30);
    assert_eq!(again.room(Class::Live, at_us + 235 * SECOND), 70);
    assert_eq!(again.room(Class::Live, at_us + 335 * SECOND), 90);
}

#[test]
fn what_a_former_owner_reserved_counts_from_the_end_of_its_grace() {
    let limits = one(100, 300, 35);
    let saved = Budget::new(&limits).save(20, 0);
    let next = Budget::restore(&limits, &saved, 15 * SECOND, 0);
    for (second, room) in [(0, 70), (349, 70), (350, 90)] {
        assert_eq!(next.room(Class::Live, second * SECOND), room, "after {second} s");
    }
}

#[test]
fn what_was_under_way_at_a_restart_may_not_be_in_what_is_told() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(10);
    drain(&mut budget, Class::Live, 0);
    let saved = budget.save(1, SECOND);
    let mut again = Budget::restore(&limits, &saved, 0, 0);
    again.granted(1);
    let ticket = again.take(Class::Live, 0).unwrap();
    // Others made 69 calls; ten of ours are on their way yet, and one may be.
    again.answered(&ticket, &told(100, 30, 200), 0);
    assert_eq!(again.usage(0).windows[0].left, Some(30 - 11));
}

/// What was answered is in every number that is told later, however short ago it was: only what was reserved is doubted.
#[test]
fn a_restart_in_the_middle_of_a_history_leaves_live_calls_their_room() {
    let windows = [(2_000, 300), (400, 3_600), (5_000, 86_400)];
    let limits = Limits {
        windows: windows.map(|(calls, seconds)| Limit::long(calls, seconds)).into(),
        reserves: Reserves::default(),
    };
    let mut budget = Budget::new(&limits);
    let (mut now_us, mut made) = (0, 0);
    let answer = |made: i64| Heard {
        limits: Some(windows.map(|(calls, _)| calls).into()),
        remaining: Some(windows.map(|(calls, _)| i64::from(calls) - made).into()),
        reset_s: Some(windows.map(|(_, seconds)| seconds / 2).into()),
        ..Heard::default()
    };
    let mut saved = budget.save(0, now_us);
    while budget.room(Class::Backfill, now_us) > 0 {
        if budget.needs_block() {
            let block = budget.block();
            saved = budget.save(block, now_us);
            budget.granted(block);
        }
        let ticket = budget.take(Class::Backfill, now_us).unwrap();
        made += 1;
        now_us += SECOND / 8;
        budget.answered(&ticket, &answer(made), now_us);
    }
    let left = |budget: &Budget, at_us| budget.usage(at_us).windows[1].left;
    assert_eq!((made, left(&budget, now_us)), (280, Some(120)));
    let block = i64::from(budget.block());

    let mut again = Budget::restore(&limits, &saved, 0, now_us);
    assert!(again.usage(now_us).unheard <= block);
    again.granted(9);
    let room = i64::from(again.room(Class::Live, now_us));
    assert!(room >= 120 - 40 - 2 * block, "{room} of 80");
    let ticket = again.take(Class::Live, now_us).unwrap();
    again.answered(&ticket, &answer(made + 1), now_us);
    let seen = left(&again, now_us).unwrap();
    assert!(
        seen >= 119 - block,
        "{seen} of 119: what was answered was taken off again"
    );
}

#[test]
fn the_first_date_after_a_restart_tells_how_long_it_lasted() {
    let limits = one(100, 300, 35);
    let mut budget = Budget::new(&limits);
    budget.granted(1);
    let ticket = budget.take(Class::Live, 0).unwrap();
    let mut heard = Heard {
        date: Some(crate::time::Timestamp::from_micros(5_000 * SECOND)),
        ..Heard::default()
    };
    budget.answered(&ticket, &heard, SECOND);
    budget.granted(50);
    drain(&mut budget, Class::Live, SECOND);
    let saved = budget.save(10, SECOND);
    let mut again = Budget::restore(&limits, &saved, 0, 0);
    again.granted(1);
    let ticket = again.take(Class::Live, 0).unwrap();
    assert_eq!(again.room(Class::Live, 0), 90 - 51 - 10 - 1);
    heard.date = Some(crate::time::Timestamp::from_micros(6_000 * SECOND));
    again.answered(&ticket, &heard, 0);
    assert_eq!(
        again.room(Class::Live, 0),
        90 - 10 - 1,
        "what was reserved may be from a moment ago"
    );
    assert!(again.is_dirty());
}

#[test]
fn the_limit_that_is_told_counts_in_both_directions() {
    for limit in [50_u32, 400] {
        let mut budget = granted(&one(100, 300, 35));
        let ticket = budget.take(Class::Live, 0).unwrap();
        budget.answered(&ticket, &told(limit, i64::from(limit) - 1, 299), 0);
        assert_eq!(budget.room(Class::Live, 0), limit * 9 / 10 - 1);
        assert_eq!(budget.room(Class::Backfill, 0), limit * 7 / 10);
        let usage = budget.usage(0);
        assert_eq!(
            (usage.windows[0].limit, usage.windows[0].others),
            (limit, Some(0))
        );
    }
}

#[test]
fn what_is_left_only_lowers_until_the_window_starts_again() {
    let mut budget = granted(&one(100, 300, 35));
    let first = budget.take(Class::Live, 0).unwrap();
    let second = budget.take(Class::Live, 0).unwrap();
    // Others made 57 calls; the second of ours may not be among what was counted.
    budget.answered(&first, &told(100, 42, 200), 0);
    assert_eq!(budget.room(Class::Live, 0), 41);
    assert_eq!(budget.room(Class::Backfill, 0), 41 - (20 - 2));
    budget.answered(&second, &told(100, 90, 200), 0);
    assert_eq!(budget.room(Class::Live, 0), 41);
    let usage = budget.usage(0);
    assert_eq!(
        (usage.windows[0].left, usage.windows[0].others),
        (Some(41), Some(57))
    );
    assert_eq!(budget.room(Class::Live, 201 * SECOND - 1), 41);
    assert_eq!(budget.room(Class::Live, 201 * SECOND), 88);
}

#[test]
fn what_another_process_hears_lowers_and_ends_no_window_early() {
    let mut budget = granted(&one(100, 300, 35));
    let ticket = budget.take(Class::Live, 0).unwrap();
    budget.answered(&ticket, &told(100, 42, 200), 0);
    budget.started_elsewhere(Class::Live, 1, 0);
    assert_eq!(budget.usage(0).windows[0].left, Some(41));
    // By a clock that is a minute ahead: the window would end at 141 s.
    let mut call = Elsewhere {
        counted_us: Some(0),
        started_us: 0,
        heard_us: -60 * SECOND,
    };
    budget.answered_elsewhere(call, &told(100, 30, 200));
    assert_eq!(budget.usage(201 * SECOND - 1).windows[0].left, Some(30));
    assert_eq!(budget.usage(201 * SECOND).windows[0].left, None);
    // Of a call that was counted by somebody else two more of ours may not be in the number.
    budget.started_elsewhere(Class::Live, 2, 0);
    call.counted_us = None;
    budget.answered_elsewhere(call, &told(100, 20, 200));
    assert_eq!(budget.usage(0).windows[0].left, Some(18));
    // One that tells more is older.
    budget.answered_elsewhere(call, &told(100, 90, 200));
    assert_eq!(budget.usage(0).windows[0].left, Some(18));
}

#[test]
fn a_refusal_stops_everybody_for_as_long_as_it_asks() {
    for limits in [one(100, 300, 35), Limits::none()] {
        let mut budget = granted(&limits);
        let ticket = budget.take(Class::Backfill, 0).unwrap();
        let heard = Heard {
            refused: Some(60_000),
            ..Heard::default()
        };
        budget.answered(&ticket, &heard, 0);
        for class in Class::ALL {
            assert_eq!(budget.room(class, 60 * SECOND - 1), 0);
            assert_eq!(budget.ready_us(class, 0), 60 * SECOND);
        }
        assert!(budget.room(Class::Live, 60 * SECOND) > 0);
    }
}

/// What a program does next.
#[derive(Debug, Clone)]
enum Act {
    Call(Class, Vec<Way>),
    Wait(i64),
    WaitFor(Class),
    Restart { down_us: i64, clock_us: i64 },
    Move { clock_us: i64 },
    Zombies(Way),
    Tell(bool),
    Write,
}

fn way() -> impl Strategy<Value = Way> {
    let part = || prop_oneof![Just(0_u16), Just(1_000), 0_u16..=1_000];
    (part(), part(), prop::bool::weighted(0.1))
}

fn acts(span_us: i64) -> impl Strategy<Value = Vec<Act>> {
    let class = || prop::sample::select(Class::ALL.to_vec());
    let clock = || -1_000_000_000_000..1_000_000_000_000_i64;
    let wait = move || prop_oneof![0..span_us / 4, 0..span_us * 2];
    let act = prop_oneof![
        6 => (class(), prop::collection::vec(way(), 1..12)).prop_map(|(class, ways)| Act::Call(class, ways)),
        3 => wait().prop_map(Act::Wait),
        3 => class().prop_map(Act::WaitFor),
        1 => (wait(), clock()).prop_map(|(down_us, clock_us)| Act::Restart { down_us, clock_us }),
        1 => clock().prop_map(|clock_us| Act::Move { clock_us }),
        1 => way().prop_map(Act::Zombies),
        1 => any::<bool>().prop_map(Act::Tell),
        2 => Just(Act::Write),
    ];
    prop::collection::vec(act, 1..24)
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let window = (4_u32..40, 3_i64..100);
    let reserves = (0_u8..40, 0_u8..40, any::<bool>());
    (prop::collection::vec(window, 1..4), 0_i64..3, reserves).prop_map(
        |(windows, travel_s, (live, others, is_polled))| Limits {
            windows: windows
                .into_iter()
                .enumerate()
                // Windows are told apart by their lengths.
                .map(|(at, (calls, seconds))| {
                    one(calls, seconds * 4 + i64::try_from(at).unwrap_or(0), travel_s).windows[0]
                })
                .collect(),
            reserves: Reserves {
                live_percent: live,
                others_percent: others,
                is_polled,
            },
        },
    )
}

fn play(world: &mut World, acts: &[Act], span_us: i64) {
    for act in acts {
        match act {
            Act::Call(class, ways) => {
                for way in ways {
                    world.call(*class, *way);
                }
            }
            Act::Wait(us) => world.wait(*us),
            Act::WaitFor(class) => {
                if world.wait_for(*class, span_us * 2) && !world.call(*class, (500, 500, false)) {
                    world.faults.push(format!("{class:?} was promised room"));
                }
            }
            Act::Restart { down_us, clock_us } => world.restart(*down_us, *clock_us),
            Act::Move { clock_us } => world.move_away(*clock_us),
            Act::Zombies(way) => world.zombies_call(*way),
            Act::Tell(is_telling) => world.is_telling = *is_telling,
            Act::Write => world.write(),
        }
    }
    world.wait(span_us * 2);
}

/// Without restarts: what is told of others is known to the process that heard it.
fn undisturbed(acts: Vec<Act>) -> Vec<Act> {
    let is_quiet = |act: &Act| matches!(act, Act::Call(..) | Act::Wait(_) | Act::WaitFor(_));
    acts.into_iter().filter(is_quiet).collect()
}

/// The longest interval over which a limit counts.
fn span_us(limits: &Limits) -> i64 {
    limits
        .windows
        .iter()
        .map(|limit| limit.window_us + limit.travel_us)
        .max()
        .unwrap_or(0)
}

/// How far apart others' calls are when they stay within what is kept for them.
fn spacing_us(limits: &Limits) -> Option<i64> {
    let spacing = limits.windows.iter().map(|limit| {
        let kept = limits.reserves.others(i64::from(limit.calls));
        (kept > 0).then(|| limit.window_us / kept + 1)
    });
    spacing.collect::<Option<Vec<_>>>()?.into_iter().max()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    /// No window of the shop, fixed or sliding, ever counts more than its limit, whatever happens.
    #[test]
    fn no_window_is_ever_exceeded(
        (limits, acts) in any_limits().prop_flat_map(|limits| {
            let span_us = span_us(&limits);
            (Just(limits), acts(span_us))
        }),
        offsets in prop::collection::vec(0_i64..400_000_000, 3),
        has_others: bool,
    ) {
        let span_us = span_us(&limits);
        let spacing_us = spacing_us(&limits).filter(|_| has_others);
        let mut world = World::new(limits, &offsets);
        if let Some(spacing_us) = spacing_us {
            world.others(spacing_us, span_us * 20 / spacing_us);
        }
        play(&mut world, &acts, span_us);
        prop_assert!(world.faults.is_empty(), "{:?}", world.faults);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    /// When others spend more than is kept for them, no call that begins after an answer told of it goes over the limit.
    #[test]
    fn what_others_spend_is_respected_once_it_is_told(
        calls in 10_u32..40,
        crowd in 1_i64..40,
        (before, after) in (acts(63 * SECOND), acts(63 * SECOND)),
        offset in 0_i64..60_000_000,
    ) {
        let limits = one(calls, 60, 3);
        let mut world = World::new(limits, &[offset]);
        let quiet = undisturbed(before);
        play(&mut world, &quiet, 63 * SECOND);
        world.crowd(crowd);
        let quiet = undisturbed(after);
        play(&mut world, &quiet, 63 * SECOND);
        prop_assert!(world.faults.is_empty(), "{:?}", world.faults);
    }
}
