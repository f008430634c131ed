//! How much of what the rule allows is used while history always waits.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::model::World;
use super::{SECOND, one, span_us};
use crate::budget::{Limit, Limits, Reserves};
use crate::connector::Class;

/// What disturbs a long run.
#[derive(Debug, Clone)]
struct Run {
    /// How long it is, in microseconds.
    long_us: i64,
    /// A live call every so often, in microseconds.
    live_us: i64,
    /// The program starts again, or moves, every so often, in microseconds.
    restart_us: i64,
    /// How long it is down then, in microseconds.
    down_us: i64,
    /// Every so many calls one is lost; 0 for none.
    lost: usize,
    /// Others make calls within what is kept for them.
    has_others: bool,
}

/// The rule itself, with every start remembered to the microsecond, and a program that never stops.
struct Rule<'l> {
    limits: &'l Limits,
    /// Starts that count, and whether they were live, and how many of them were, by window.
    starts: Vec<(VecDeque<(i64, bool)>, i64)>,
}

impl<'l> Rule<'l> {
    fn new(limits: &'l Limits) -> Self {
        let starts = vec![(VecDeque::new(), 0); limits.windows.len()];
        Self { limits, starts }
    }

    /// When a call of the backfill may start, if no live call starts before.
    fn ready_us(&mut self, now_us: i64) -> i64 {
        let part = |calls: i64, percent: u8| (calls * i64::from(percent) + 99) / 100;
        let reserves = self.limits.reserves;
        let mut ready_us = now_us;
        for (limit, (starts, live)) in self.limits.windows.iter().zip(&mut self.starts) {
            let span_us = limit.window_us + limit.travel_us;
            while let Some((_, is_live)) = starts.pop_front_if(|(at_us, _)| *at_us + span_us <= now_us) {
                *live -= i64::from(is_live);
            }
            let calls = i64::from(limit.calls);
            let all = i64::try_from(starts.len()).unwrap_or(i64::MAX);
            let unused = (part(calls, reserves.live_percent) - *live).max(0);
            if all + unused >= calls - part(calls, reserves.others_percent) {
                let first_us = starts.front().map_or(i64::MAX, |(at_us, _)| at_us + span_us);
                ready_us = ready_us.max(first_us);
            }
        }
        ready_us
    }

    fn start(&mut self, now_us: i64, is_live: bool) {
        for (starts, live) in &mut self.starts {
            starts.push_back((now_us, is_live));
            *live += i64::from(is_live);
        }
    }

    /// How many calls of the backfill start in `long_us` when as many start as may.
    fn allowed(mut self, run: &Run) -> u32 {
        let (mut now_us, mut live_us, mut calls) = (0, 0, 0);
        while now_us < run.long_us {
            if now_us == live_us {
                self.start(now_us, true);
                live_us += run.live_us;
            }
            let ready_us = self.ready_us(now_us);
            if ready_us == now_us {
                self.start(now_us, false);
                calls += 1;
            } else {
                now_us = ready_us.min(live_us);
            }
        }
        calls
    }
}

/// How many calls of the backfill a program starts in the run.
fn made(limits: &Limits, run: &Run) -> World {
    let mut world = World::new(limits.clone(), &[0, 17 * SECOND, 333 * SECOND]);
    let begin_us = world.now_us;
    if let Some(spacing_us) = super::spacing_us(limits).filter(|_| run.has_others) {
        world.others(spacing_us, run.long_us / spacing_us);
    }
    let (mut live_us, mut restart_us, mut serial) = (begin_us, begin_us + run.restart_us, 0);
    while world.now_us < begin_us + run.long_us {
        if world.now_us >= restart_us {
            // Alternately the same machine and another one, each with a clock that says something else.
            let clock_us = (restart_us % 7 - 3) * 86_400 * SECOND;
            if restart_us % 2 == 0 {
                world.restart(run.down_us, clock_us);
            } else {
                world.move_away(clock_us);
            }
            restart_us += run.restart_us;
            // The first call of a hub that starts is the look at its webhooks, which is live.
            world.call(Class::Live, (500, 300, false));
        }
        serial += 1;
        let way = (500, 300, run.lost > 0 && serial % run.lost == 0);
        while world.now_us >= live_us {
            world.call(Class::Live, way);
            live_us += run.live_us;
        }
        if !world.call(Class::Backfill, way) {
            let most_us = live_us.min(restart_us) - world.now_us;
            if !world.wait_for(Class::Backfill, most_us) {
                world.wait(most_us.max(1));
            }
        }
    }
    world
}

fn check(limits: &Limits, run: &Run, tenths: u64) -> Result<(), TestCaseError> {
    let allowed = Rule::new(limits).allowed(run);
    let world = made(limits, run);
    let made = world.made[Class::Backfill.index()];
    prop_assert!(world.faults.is_empty(), "{:?}", world.faults);
    // Reserves are rounded up and buckets against us: a call or two in each window, which is much of a small one.
    let windows = u64::try_from(run.long_us / span_us(limits)).unwrap_or(0);
    prop_assert!(
        (u64::from(made) + windows * 3) * 10 >= u64::from(allowed) * tenths,
        "{made} of {allowed} calls that were allowed"
    );
    Ok(())
}

/// The smallest plan, each of its windows alone, and all of them, each with the limit per second.
#[test]
fn nine_tenths_of_every_window_of_the_smallest_plan_are_used() {
    let long = [
        Limit::long(300, 300),
        Limit::long(3_000, 3_600),
        Limit::long(12_000, 86_400),
    ];
    let alone = long.map(|window| vec![window]);
    for windows in alone.into_iter().chain([long.to_vec()]) {
        let longest_us = windows.iter().map(|window| window.window_us).max().unwrap_or(0);
        // A twelfth of each limit is live, less than the fifth that is kept for it.
        let live = windows
            .iter()
            .map(|window| window.window_us / i64::from(window.calls));
        let run = Run {
            long_us: longest_us * 2,
            live_us: live.max().unwrap_or(0) * 12,
            restart_us: longest_us * 3 / 5 + 1,
            down_us: 20 * SECOND,
            lost: 500,
            has_others: true,
        };
        let limits = Limits {
            windows: windows.iter().copied().chain([Limit::second(20)]).collect(),
            reserves: Reserves::default(),
        };
        check(&limits, &run, 9).unwrap();
    }
}

fn any_run() -> impl Strategy<Value = (Limits, Run)> {
    let windows = prop::collection::vec((60_u32..300, 70_i64..2_000), 1..4);
    let reserves = (10_u8..=30, 0_u8..=20, any::<bool>());
    let disturbances = (12_i64..20, 0_usize..2, 10_i64..20, any::<bool>());
    (windows, reserves, disturbances).prop_map(
        |(windows, (live, others, is_polled), (slow, loss, often, has_others))| {
            let windows = windows.into_iter().enumerate().map(|(at, (calls, seconds))| {
                one(calls, seconds * 4 + i64::try_from(at).unwrap_or(0), 2).windows[0]
            });
            let limits = Limits {
                windows: windows.collect(),
                reserves: Reserves {
                    live_percent: live,
                    others_percent: others,
                    is_polled,
                },
            };
            let span_us = span_us(&limits);
            let spacings = limits
                .windows
                .iter()
                .map(|limit| limit.window_us / i64::from(limit.calls));
            let run = Run {
                long_us: span_us * 4,
                // Live keeps within its reserve, and the answers to it tell after a kill how much time passed.
                live_us: spacings.max().unwrap_or(0) * slow,
                // Kills are in the test of the smallest plan: in windows of a few calls one of them costs a large part.
                restart_us: span_us * often + 1,
                down_us: SECOND,
                lost: loss * 500,
                has_others,
            };
            (limits, run)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Of any windows. Where several have nearly the same length, which no plan has, rounding costs more than a tenth.
    #[test]
    fn most_of_any_windows_is_used_while_history_waits((limits, run) in any_run()) {
        check(&limits, &run, 8)?;
    }
}
