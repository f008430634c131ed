//! What a reconciliation compares by itself: what histories read to its end.

use schakel_core::connector::{Part, Span};
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::hub::WalkSettings;
use schakel_engine::report::{self, Probe};
use schakel_sandbox::lightspeed::{Access, Options, Permissions};

use super::bad_input::{NEVER, begun, until_orders};
use super::history::shop;
use super::world::{Past, SOURCE, Setting, TENANT};

const DAY_MIN: i64 = 24 * 60;

fn weekly() -> Setting {
    Setting {
        walks: WalkSettings {
            reconcile_ms: 7 * DAY_MIN * 60_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    }
}

/// The lists that were compared by themselves, after so many days.
async fn compared(world: &mut Past, days: i64) -> Vec<Part> {
    world.clock.advance_ms(days * DAY_MIN * 60_000);
    world.pass(10).await;
    let walks = world.walks().await.into_iter();
    let walks = walks.filter(|walk| walk.job == Job::Reconcile);
    walks
        .map(|walk| {
            assert_eq!(walk.state, WalkState::Done, "{walk:?}");
            walk.part
        })
        .collect()
}

async fn set(world: &Past, part: Part, from: WalkState, to: WalkState) {
    assert_eq!(world.set(Job::Backfill, &[part], from, to).await, 1);
}

#[tokio::test]
async fn a_history_that_was_cancelled_or_paused_half_way_is_not_compared() {
    for to in [WalkState::Cancelled, WalkState::Paused] {
        let mut world = begun(30, 300, weekly()).await;
        until_orders(&mut world).await;
        let half = world.walk(Job::Backfill, Part::Orders).await;
        assert_eq!(half.seen, 250, "half-way");
        set(&world, Part::Orders, WalkState::Running, to).await;
        world.pass(10).await;
        assert_eq!(compared(&mut world, 6).await, [], "it is not time yet");
        assert_eq!(
            compared(&mut world, 1).await,
            [Part::Customers, Part::Subscriptions, Part::Quotes]
        );
        assert_eq!(world.walk(Job::Backfill, Part::Orders).await.seen, 250);
        world.assert_nothing_deleted();
    }
}

#[tokio::test]
async fn a_history_that_a_refused_section_stopped_is_not_compared() {
    let mut world = begun(30, 300, weekly()).await;
    until_orders(&mut world).await;
    let key = Options::default().api_key;
    let without = Permissions {
        orders: Access::NONE,
        ..Permissions::default()
    };
    world.shop.set_permissions(&key, without);
    let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(orders.state, WalkState::Stopped);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    world.shop.set_permissions(&key, Permissions::default());
    let compared = compared(&mut world, 8).await;
    assert!(!compared.contains(&Part::Orders), "{compared:?}");
    assert!(compared.contains(&Part::Customers), "{compared:?}");
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn a_history_that_was_read_to_its_end_is_compared_although_the_shop_contradicted_itself() {
    let mut world = begun(30, 40, weekly()).await;
    world.shop.set_count_offset("orders", 3);
    let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(orders.state, WalkState::Stopped);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    world.shop.set_count_offset("orders", 0);
    let compared = compared(&mut world, 8).await;
    assert!(compared.contains(&Part::Orders), "{compared:?}");
}

/// What was created in the last so many days, up to another so many days ago.
fn of_days(world: &Past, from: i64, to: Option<i64>) -> Span {
    let now = world.clock.now();
    let ago = |days: i64| now.plus_ms(-days * DAY_MIN * 60_000);
    Span {
        created_from: Some(ago(from)),
        created_to: to.map(|to| ago(to).plus_ms(-1_000)),
        updated_from: None,
    }
}

#[tokio::test]
async fn whatever_is_begun_or_cancelled_later_all_that_was_read_is_compared() {
    for is_cancelled in [true, false] {
        let mut world = begun(30, 40, weekly()).await;
        world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
        let narrow = of_days(&world, 30, None);
        world.begin_span(Job::Backfill, &[Part::Orders], narrow).await;
        if is_cancelled {
            set(&world, Part::Orders, WalkState::Waiting, WalkState::Cancelled).await;
        } else {
            let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
            assert_eq!((orders.state, orders.span), (WalkState::Done, narrow));
            assert!(orders.seen < 40, "{}", orders.seen);
        }
        let compared = compared(&mut world, 8).await;
        assert!(compared.contains(&Part::Orders), "{compared:?}");
        let orders = world.walk(Job::Reconcile, Part::Orders).await;
        assert_eq!((orders.span, orders.listed), (Span::default(), 40));
    }
}

#[tokio::test]
async fn of_several_periods_the_newest_is_compared_and_neighbours_are_one() {
    let mut world = shop(30, 40, weekly()).await;
    let oldest = of_days(&world, 250, Some(200));
    let (older, newer) = (of_days(&world, 100, Some(50)), of_days(&world, 50, None));
    for span in [newer, oldest, older] {
        world.begin_span(Job::Backfill, &[Part::Orders], span).await;
        let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
        assert_eq!(orders.state, WalkState::Done);
    }
    let joined = Span {
        created_to: None,
        ..older
    };
    let read = world.walk(Job::Backfill, Part::Orders).await.read;
    assert_eq!(read.all(), [oldest, joined]);
    assert_eq!(compared(&mut world, 8).await, [Part::Orders]);
    assert_eq!(world.walk(Job::Reconcile, Part::Orders).await.span, joined);
    world.assert_nothing_deleted();
}

// It stood in the numbers for ever as the list that was swept longest ago.
#[tokio::test]
async fn a_list_that_no_route_wants_any_more_is_not_the_one_that_was_swept_longest_ago() {
    let setting = Setting {
        walks: WalkSettings {
            sweep_ms: 600_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = shop(3, 3, setting).await;
    let store = &world.hub.store;
    store
        .ensure_connection(TENANT, "shop", "lightspeed", SOURCE)
        .await
        .unwrap();
    world.pass(1).await;
    let line = async |world: &Past| {
        let (store, now) = (&world.hub.store, world.clock.now());
        let status = report::status(store, TENANT, &Probe::default(), now).await;
        let line = status.unwrap().walks.remove(0);
        (line.swept_at.unwrap(), line.swept_part.unwrap())
    };
    let before = line(&world).await;
    world = world.restarted_with(|setting| setting.has_pictures = false).await;
    world.pass(21).await;
    let (swept_at, part) = line(&world).await;
    assert!(swept_at > before.0 && part != "products", "{swept_at} {part}");
    world = world.restarted_with(|setting| setting.has_pictures = true).await;
    world.walk_alone().await;
    assert_eq!(line(&world).await, (before.0, "products"), "it is wanted again");
}
