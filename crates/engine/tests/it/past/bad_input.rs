//! Whatever goes wrong while lists are read: it is said, it is waited out or stops one part, and nothing is marked
//! deleted for it.

use schakel_core::connector::{Part, Span};
use schakel_core::health::Ailment;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{Access, Kind, Options, Permissions, RestFault, RestFaults, Window};

use super::history::{STEPS, ends_like_the_shop, shop};
use super::world::{Past, Setting};

/// Waits for the end.
pub const NEVER: &str = "a note that no walk has";

/// A world whose history is begun.
pub async fn begun(customers: u64, orders: u64, setting: Setting) -> Past {
    let world = shop(customers, orders, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world
}

/// Goes on until a page of orders was read.
pub async fn until_orders(world: &mut Past) {
    while world.walk(Job::Backfill, Part::Orders).await.seen == 0 {
        let wait_us = world.step().await;
        if wait_us > 0 {
            world.wait(wait_us);
        }
    }
}

#[tokio::test]
async fn rows_that_shift_while_pages_are_read_lose_nothing() {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = begun(40, 260, setting).await;
    let mut traffic = Generator::new(&world.shop, Seed::new(3), Mix::lively());
    until_orders(&mut world).await;
    let old = world.shop.ids(Kind::Order);
    for at in [3, 100, 255] {
        world.shop.delete_order(old[at]);
    }
    for _ in 0..5 {
        traffic.story();
    }
    world.run(STEPS).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
}

#[tokio::test]
async fn counts_that_lie_stop_a_history_with_the_reason_and_the_next_walk_is_done() {
    let mut world = begun(30, 40, Setting::default()).await;
    world.shop.set_count_offset("orders", 3);
    world.run(STEPS).await;
    let walk = world.walk(Job::Backfill, Part::Orders).await;
    assert_eq!(walk.state, WalkState::Stopped);
    assert!(walk.note.contains("counts 43 and lists 40"), "{}", walk.note);
    let customers = world.walk(Job::Backfill, Part::Customers).await;
    assert_eq!(customers.state, WalkState::Done);
    world.assert_like_the_shop();
    world.assert_nothing_deleted();

    world.shop.set_count_offset("orders", 0);
    world.resume(Job::Backfill, &[Part::Orders]).await;
    world.begin(Job::Reconcile, &[Part::Orders]).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
}

// Twelve minutes for each list whose count lies, in which nothing else was read.
#[tokio::test]
async fn a_list_that_waits_for_its_count_holds_up_no_other() {
    let mut world = begun(30, 40, Setting::default()).await;
    world.shop.set_count_offset("customers", 3);
    let note = "the shop counts 33, 30 were read; counted again every two minutes, 1 of 3 times, then its ids are compared";
    let customers = world.run_until((Job::Backfill, Part::Customers), note).await;
    assert_eq!(customers.note, note);
    let began = world.clock.now();
    let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(orders.state, WalkState::Done);
    let customers = world.walk(Job::Backfill, Part::Customers).await;
    assert_eq!((customers.is_open(), customers.note.as_str()), (true, note));
    assert!(world.clock.now() < began.plus_ms(120_000));
    world.run(STEPS).await;
    let customers = world.walk(Job::Backfill, Part::Customers).await;
    assert_eq!(customers.state, WalkState::Stopped, "{customers:?}");
    assert!(
        world.clock.now() > began.plus_ms(11 * 60_000),
        "it was counted as often as before"
    );
    world.assert_like_the_shop();
}

#[tokio::test]
async fn an_order_that_goes_between_the_list_and_its_rows_is_marked_after_two_404s() {
    let mut world = begun(30, 40, Setting::default()).await;
    let gone = world.shop.ids(Kind::Order)[7];
    world.run_until((Job::Backfill, Part::Shipments), NEVER).await;
    world.shop.delete_order(gone);
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(
        world.deleted("Orders", "OrderID", "BookerzOrderIsDeleted"),
        [gone.to_string()]
    );
    world.assert_like_the_shop();
}

#[tokio::test]
async fn orders_whose_rows_are_404_for_ever_end_the_history_with_their_number() {
    let mut world = begun(5, 6, Setting::default()).await;
    world.run_until((Job::Backfill, Part::Shipments), NEVER).await;
    let faults = vec![(RestFault::OrderNotFound, 100.0)];
    world.shop.set_rest_faults(RestFaults {
        latency_ms: 0,
        percent: faults,
    });
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert!(!walk.is_open() && walk.expected >= Some(walk.seen), "{walk:?}");
}

#[tokio::test]
async fn a_shop_that_refuses_for_a_day_is_waited_out() {
    let setting = Setting {
        limits: [200, 400, 800],
        ..Setting::default()
    };
    let mut world = begun(20, 30, setting).await;
    for _ in 0..4 {
        world.step().await;
    }
    world.shop.use_up(Window::Day);
    let begun_at = world.clock.now();
    // The history says so at the first refusal, and only the part that met it.
    while !world.walks().await.iter().any(|walk| !walk.note.is_empty()) {
        world.step().await;
    }
    let walks = world.walks().await;
    let said: Vec<&str> = walks
        .iter()
        .map(|walk| walk.note.as_str())
        .filter(|note| !note.is_empty())
        .collect();
    assert!(
        said.len() == 1 && said[0].starts_with("throttled, asked to wait"),
        "{said:?}"
    );
    assert!(walks.iter().all(|walk| walk.state != WalkState::Stopped));
    world.assert_nothing_deleted();
    world.run(60_000).await;
    world.assert_all_done().await;
    let waited_h = (world.clock.now().as_micros() - begun_at.as_micros()) / 3_600_000_000;
    assert!((1..=25).contains(&waited_h), "{waited_h} hours");
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn a_wall_clock_that_jumps_a_day_either_way_stops_nothing() {
    for hours in [24, -24] {
        let mut world = begun(20, 60, Setting::default()).await;
        until_orders(&mut world).await;
        world.set_wrong(hours);
        for _ in 0..20 {
            let wait_us = world.step().await;
            world.wait(wait_us);
        }
        world.set_wrong(0);
        let back_at = world.clock.now();
        world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
        world.assert_all_done().await;
        assert!(
            world.clock.now() < back_at.plus_ms(3_600_000),
            "it waited for the clock"
        );
        // Deliveries that were put off by the wrong clock.
        world.clock.advance_ms(24 * 3_600_000);
        world.run(STEPS).await;
        world.assert_like_the_shop();
        world.assert_nothing_deleted();
    }
}

#[tokio::test]
async fn a_language_that_is_switched_off_is_said_and_waited_out() {
    let mut world = begun(30, 60, Setting::default()).await;
    until_orders(&mut world).await;
    assert!(world.shop.set_language_active("nl", false));
    let orders = world.run_until((Job::Backfill, Part::Orders), "not active").await;
    assert!(orders.is_open(), "{orders:?}");
    for _ in 0..200 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    world.assert_nothing_deleted();
    let told = world.hub.store.health(world.hub.tenant).await.unwrap();
    assert_eq!((told.len(), told[0].ailment), (1, Ailment::Language), "{told:?}");
    assert!(told[0].detail.contains("`nl`"), "{told:?}");
    assert!(world.shop.set_language_active("nl", true));
    ends_like_the_shop(&mut world).await;
    let told = world.hub.store.health(world.hub.tenant).await.unwrap();
    assert_eq!(told, [], "struck out by the first answer");
}

#[tokio::test]
async fn a_section_that_is_withdrawn_half_way_stops_its_parts_until_it_is_given_back() {
    let mut world = begun(60, 60, Setting::default()).await;
    until_orders(&mut world).await;
    let key = Options::default().api_key;
    let without = Permissions {
        orders: Access::NONE,
        ..Permissions::default()
    };
    world.shop.set_permissions(&key, without);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    let orders = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(orders.state, WalkState::Stopped);
    assert!(orders.note.contains("orders"), "{}", orders.note);
    let customers = world.walk(Job::Backfill, Part::Customers).await;
    assert_eq!(customers.state, WalkState::Done);
    world.assert_nothing_deleted();

    world.shop.set_permissions(&key, Permissions::default());
    let parts = world.parts();
    world.resume(Job::Backfill, &parts).await;
    ends_like_the_shop(&mut world).await;
}

#[tokio::test]
async fn half_read_pages_and_failing_servers_are_read_again() {
    let mut world = begun(40, 60, Setting::default()).await;
    world.shop.set_rest_faults(RestFaults {
        latency_ms: 0,
        percent: vec![
            (RestFault::Half, 15.0),
            (RestFault::ServerError(500), 10.0),
            (RestFault::HtmlOk, 5.0),
        ],
    });
    world.run(60_000).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn a_period_reads_its_part_and_takes_nothing_else_for_missing() {
    let mut world = begun(20, 60, Setting::default()).await;
    world.run(STEPS).await;
    world.shop.set_count_offset("orders", 2);
    let from = world.clock.now().plus_ms(-30 * 24 * 3_600_000);
    let span = Span {
        created_from: Some(from),
        ..Span::default()
    };
    world.begin_span(Job::Backfill, &[Part::Orders], span).await;
    let before = world.asked();
    let walk = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(walk.note.contains("the shop counts"), "{}", walk.note);
    world.shop.set_count_offset("orders", 0);
    for _ in 0..50 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    assert_eq!(
        world.asked().get("GET orders/{id}"),
        before.get("GET orders/{id}"),
        "orders of other times are asked about"
    );
    world.assert_nothing_deleted();
}
