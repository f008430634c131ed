//! The forecast beside other programs on the same key.

use proptest::prelude::*;

use super::model::Model;
use super::*;

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// Limits of which the day's may be far above what the others let through.
fn loose(day: u32, looser: u32) -> Limits {
    let mut limits = limits(day);
    limits.windows[2] = Limit::long(day * looser, 86_400);
    limits
}

/// Tells when so many calls end, from what the hub knows at that moment; and when they did.
fn told_and_true(model: &mut Model, limits: &Limits, (calls, live): (i64, f64)) -> (Forecast, i64) {
    model.ask();
    let (usage, begun_us) = (model.usage(), model.read(0));
    let load = Load {
        wait_us: usage.wait_us[Class::Backfill.index()],
        ..load(calls, live)
    };
    let said = forecast(&Window::all(limits, Some(&usage)), &load);
    (said, model.read(calls) - begun_us)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Other programs that spend all the time: what they took so far tells what they will take.
    #[test]
    fn what_others_spend_all_the_time_they_go_on_to_spend(
        (day, looser) in (400_u32..1_600, 1_u32..6),
        calls in 1_i64..3_000,
        others_percent in 0_u32..40,
        begun_us in (3 * HOUR_US)..DAY_US,
        seed in any::<u64>(),
    ) {
        let limits = loose(day, looser);
        let live = f64::from(day) / 20.0;
        let others = f64::from(day * looser) * f64::from(others_percent) / 100.0;
        let mut model = Model::new(&limits, live, seed).beside(&limits, others);
        model.pass(begun_us);
        let (said, took_us) = told_and_true(&mut model, &limits, (calls, live));
        prop_assert!(said.earliest_us <= took_us && took_us <= said.latest_us, "{said:?}, it took {took_us}");
    }

    /// A burst of other programs fills the windows in which it falls, and no later ones.
    #[test]
    fn a_burst_of_others_is_waited_out_once(
        (day, looser) in (400_u32..1_600, 1_u32..6),
        calls in 1_i64..3_000,
        burst_percent in 0_i64..=100,
        (burst_us, later_us) in (0..DAY_US, 0..HOUR_US),
        seed in any::<u64>(),
    ) {
        let limits = loose(day, looser);
        let live = f64::from(day) / 20.0;
        let mut model = Model::new(&limits, live, seed).beside(&limits, 0.0);
        model.pass(burst_us);
        model.burst(i64::from(limits.windows[0].calls) * burst_percent / 100);
        model.pass(burst_us + later_us);
        let (said, took_us) = told_and_true(&mut model, &limits, (calls, live));
        prop_assert!(said.earliest_us <= took_us && took_us <= said.latest_us, "{said:?}, it took {took_us}");
    }
}

/// Another program took nearly all of five minutes, once: five minutes later there is room for everything.
#[test]
fn a_burst_delays_a_small_history_by_its_own_window_only() {
    let limits = limits(12_000);
    for burst_us in [
        30 * MINUTE_US,
        12 * HOUR_US + 20 * MINUTE_US,
        23 * HOUR_US + 59 * MINUTE_US,
    ] {
        let mut model = Model::new(&limits, 0.0, 1).beside(&limits, 0.0);
        model.pass(burst_us + 20_000_000);
        model.burst(250);
        let (said, took_us) = told_and_true(&mut model, &limits, (100, 0.0));
        assert!(
            said.earliest_us <= took_us && took_us <= said.latest_us,
            "{said:?}, {took_us}"
        );
        assert!(said.latest_us <= 8 * MINUTE_US, "{said:?}, it took {took_us}");
    }
}

/// What is seen in every window, hour after hour, is no burst.
#[test]
fn a_steady_program_takes_its_part_of_each_window() {
    let limits = loose(12_000, 8);
    let mut model = Model::new(&limits, 0.0, 1).beside(&limits, 288.0 * 100.0);
    model.pass(4 * HOUR_US + 32 * MINUTE_US);
    model.ask();
    let windows = Window::all(&limits, Some(&model.usage()));
    assert!((90..=150).contains(&windows[0].others), "100 of 300: {windows:?}");
    assert!(
        (1_100..=1_400).contains(&windows[1].others),
        "1,200 of 3,000: {windows:?}"
    );
}
