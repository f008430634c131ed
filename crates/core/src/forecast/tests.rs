//! The forecast against the budget itself, on a clock that only jumps.

mod model;
mod others;

use proptest::prelude::*;

use self::model::Model;
use super::*;
use crate::budget::{Limit, Limits, Reserves};
use crate::connector::{Class, Part};

const DAY_US: i64 = 86_400_000_000;

fn limits(day: u32) -> Limits {
    Limits {
        windows: vec![
            Limit::long(day / 40, 300),
            Limit::long(day / 4, 3_600),
            Limit::long(day, 86_400),
            Limit::second(20),
        ],
        reserves: Reserves::default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn load(calls: i64, live_per_day: f64) -> Load {
    Load {
        calls: Range::exact(calls as f64),
        live: Range::around(live_per_day, 5.0),
        ..Load::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever live traffic spends, a history ends within the range given at its start.
    #[test]
    fn a_history_ends_within_the_range(
        day in 240_u32..1_600,
        calls in 1_i64..5_000,
        live_percent in 0_u32..60,
        seed in any::<u64>(),
    ) {
        let limits = limits(day);
        let live = f64::from(day) * f64::from(live_percent) / 100.0;
        let said = forecast(&Window::all(&limits, None), &load(calls, live));
        let end_us = Model::new(&limits, live, seed).read(calls);
        prop_assert!(said.earliest_us <= end_us && end_us <= said.latest_us, "{said:?}, it ended at {end_us}");
    }

    /// Half-way, with windows that are spent already, the range still holds.
    #[test]
    fn the_range_holds_half_way_too(day in 240_u32..1_200, before in 1_i64..3_000, calls in 1_i64..3_000, seed in any::<u64>()) {
        let limits = limits(day);
        let live = f64::from(day) / 10.0;
        let mut model = Model::new(&limits, live, seed);
        let begun_us = model.read(before);
        let usage = model.usage();
        let load = Load { wait_us: usage.wait_us[Class::Backfill.index()], ..load(calls, live) };
        let said = forecast(&Window::all(&limits, Some(&usage)), &load);
        let took_us = model.read(calls) - begun_us;
        prop_assert!(said.earliest_us <= took_us && took_us <= said.latest_us, "{said:?}, it took {took_us}");
    }
}

/// The case that the goal names: 250,000 orders of 100,000 customers under 300/3,000/12,000. Scaled down by ten in calls
/// and limits alike, so that a slow machine is through in seconds.
#[test]
fn weeks_are_told_within_a_fifth_and_the_day_binds() {
    let calls: i64 = [
        (Part::Customers, 100_000),
        (Part::Orders, 250_000),
        (Part::OrderRows, 250_000),
        (Part::Shipments, 250_000),
    ]
    .map(|(part, things)| history_calls(part, things))
    .iter()
    .sum();
    let limits = limits(1_200);
    let said = forecast(&Window::all(&limits, None), &load(calls / 10, 150.0));
    let end_us = Model::new(&limits, 150.0, 7).read(calls / 10);
    assert!(
        said.earliest_us <= end_us && end_us <= said.latest_us,
        "{said:?}, {end_us}"
    );
    assert!(
        (said.latest_us - said.earliest_us) * 5 <= end_us,
        "{said:?}, {end_us}"
    );
    assert_eq!(said.binding_us, Some(DAY_US));
    assert!((20 * DAY_US..40 * DAY_US).contains(&end_us));
}

#[test]
fn what_fits_into_the_windows_waits_for_none() {
    let windows = Window::all(&limits(12_000), None);
    let said = forecast(&windows, &load(5, 0.0));
    assert_eq!((said.earliest_us, said.binding_us), (0, None));
    let said = forecast(&windows, &load(1_000, 0.0));
    assert_eq!(
        said.binding_us,
        Some(300_000_000),
        "a thousand calls wait for the five minutes only"
    );
    assert_eq!(forecast(&[], &load(1_000, 0.0)).binding_us, None);
}

/// A shop of some hundred orders beside the sweeps of a day: what the day's window has to spare says nothing of the five
/// minutes.
#[test]
fn a_small_history_ends_no_sooner_than_its_five_minutes_let_it() {
    let windows = Window::all(&limits(12_000), None);
    let swept = Load {
        sweep: Range::around(800.0, 25.0),
        ..load(683, 0.0)
    };
    let said = forecast(&windows, &swept);
    let period_us = windows[0].window_us + windows[0].travel_us;
    assert!(
        (3 * period_us..4 * period_us).contains(&said.earliest_us),
        "210 in each five minutes: {said:?}"
    );
    assert!(said.latest_us < 5 * period_us, "{said:?}");
    assert_eq!(said.binding_us, Some(300_000_000));
}

#[test]
fn what_stands_still_ends_later_and_not_sooner() {
    let windows = Window::all(&limits(12_000), None);
    let moving = forecast(&windows, &load(5, 0.0));
    let still_us = Range {
        low: 60_000_000.0,
        high: 720_000_000.0,
    };
    let still = forecast(
        &windows,
        &Load {
            still_us,
            ..load(5, 0.0)
        },
    );
    assert_eq!(still.earliest_us, moving.earliest_us + 60_000_000);
    assert!(
        still.latest_us >= moving.latest_us + 720_000_000,
        "{still:?} {moving:?}"
    );
}

#[test]
fn a_price_is_never_below_the_least_possible_one_and_near_to_it() {
    for part in Part::ALL {
        for things in [0, 1, 249, 250, 251, 100_000] {
            let (price, least) = (history_calls(part, things), least_calls(part, things));
            assert!(
                least <= price && price <= least + 3,
                "{part:?} {things}: {price} for {least}"
            );
        }
    }
    assert_eq!(
        (
            history_calls(Part::Orders, 600),
            history_calls(Part::OrderRows, 600)
        ),
        (5, 600)
    );
}

#[test]
fn what_is_switched_on_costs_what_it_touches() {
    let traffic = Traffic {
        orders: 700.0,
        customers: 300.0,
        quotes: 2_000.0,
        products: 5.0,
    };
    let plain = live_calls(Wants::default(), traffic);
    let of = |wants| live_calls(wants, traffic) - plain;
    assert_eq!(
        plain,
        tie_calls(Wants::default(), traffic),
        "payloads bring everything else"
    );
    assert!((plain - 56.0).abs() < 1e-9, "28 orders of 700, two calls each");
    let groups = Wants {
        has_groups: true,
        ..Wants::default()
    };
    let rows = Wants {
        has_quotes: true,
        has_quote_rows: true,
        ..Wants::default()
    };
    assert!((of(groups) - 1_000.0).abs() < 1e-9);
    assert!((of(rows) - 2_000.0).abs() < 1e-9);
    let hints = Wants {
        is_hint: true,
        ..Wants::default()
    };
    let no_products = Wants {
        has_pictures: false,
        ..hints
    };
    assert!(
        (of(hints) - of(no_products) - 5.0).abs() < 1e-9,
        "a hint of a product is fetched"
    );
    let polling = Wants {
        is_polling: true,
        ..Wants::default()
    };
    assert_eq!(live_calls(polling, traffic), 0.0, "sweeps list them");
    let hinted = Wants {
        is_hint: true,
        ..polling
    };
    assert_eq!(live_calls(hinted, traffic), 0.0, "there is nobody to hint");
    assert!((reconcile_calls(&[250_000, 0], 7 * 86_400_000) - 1_004.0 / 7.0).abs() < 1e-9);
}

#[test]
fn each_list_is_swept_at_its_own_pace() {
    let traffic = Traffic {
        orders: 700.0,
        ..Traffic::default()
    };
    let pace = Pace {
        sweep_ms: 300_000,
        checkouts_ms: 900_000,
        reconcile_ms: 0,
    };
    let polling = Wants {
        is_polling: true,
        ..Wants::default()
    };
    let lists = [Part::Customers, Part::Orders, Part::Checkouts];
    let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-9, "{one} {other}");
    close(
        sweep_calls(polling, lists, pace, traffic),
        288.0 * 2.0 + 96.0 + 2_100.0,
    );
    close(
        sweep_calls(Wants::default(), lists, pace, traffic),
        24.0 + 288.0 * 2.0 + 96.0,
    );
    let checkouts_only = Pace { sweep_ms: 0, ..pace };
    close(sweep_calls(polling, lists, checkouts_only, traffic), 96.0);
    close(
        sweep_calls(Wants::default(), lists, Pace::default(), traffic),
        24.0,
    );
}

#[test]
fn the_tightest_window_says_how_much_a_day_has() {
    let window = |window_us, calls| Window {
        window_us,
        travel_us: 0,
        calls,
        reserve_live: calls / 5,
        reserve_others: calls / 10,
        others: calls / 10,
        burst: 0,
        spent: 9,
    };
    assert_eq!(room_per_day(&[]), None);
    let day = window(DAY_US, 1_000);
    assert_eq!(room_per_day(&[window(DAY_US / 24, 100), day]), Some(700.0));
    let full = Window { others: 900, ..day };
    assert_eq!(room_per_day(&[full]), Some(0.0));
}
