//! What ails a connection is written down by whoever sees it, and struck out by the first call that works.

use std::time::Duration;

use schakel_core::connector::{Class, Part};
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::hub::Hub;
use schakel_engine::supervise;
use schakel_engine::walk::Stepped;
use schakel_sandbox::copernica::{FaultKind, Faults};
use schakel_sandbox::lightspeed::{Kind, Window};
use schakel_store::HealthRow;
use schakel_testkit::wait_until;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::gate::{Through, gated};
use crate::past::history::{STEPS, shop};
use crate::past::world::{Past, Setting};
use crate::payloads::customer;
use crate::world::{SINK, SOURCE, World};

/// A generous end for what is waited for.
const END: Duration = Duration::from_secs(60);

/// What ails the connections of `hub`.
async fn rows(hub: &Hub) -> Vec<HealthRow> {
    hub.store.health(hub.tenant).await.unwrap()
}

/// Which connections ail, and of what.
async fn ailing(hub: &Hub) -> Vec<(ConnectionId, Ailment)> {
    let rows = rows(hub).await.into_iter();
    rows.map(|row| (row.connection, row.ailment)).collect()
}

async fn one_more_person(world: &mut World, id: i64) {
    let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
    world.webhook("customers/created", id, &person).await;
    world.run().await;
    world.clock.advance_ms(1);
}

/// A token that is refused and an account that cannot be reached are told while the hub tries to connect, and the hub's own
/// readings say that nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_cannot_be_connected_is_told_until_it_can() {
    let (world, shut) = gated().await;
    *shut.lock().unwrap() = Through::Nothing;
    let running = supervise::start(&world.hub, true);
    let now = || block_in_place(|| Handle::current().block_on(ailing(&world.hub)));
    assert!(wait_until(END, || now() == [(SINK, Ailment::Unreachable)]));
    let reading = running.gauges[0].1.reading();
    assert!(reading.is_blocked && reading.limit > 0, "{reading:?}");
    let row = rows(&world.hub).await.remove(0);
    assert!(row.detail.contains("the cable is out"), "{row:?}");
    assert!(row.next_at > row.since, "{row:?}");
    *shut.lock().unwrap() = Through::All;
    assert!(wait_until(END, || now().is_empty()));
    assert!(wait_until(END, || !running.gauges[0].1.reading().is_blocked));
    running.stop().await;

    *shut.lock().unwrap() = Through::Status(401);
    let running = supervise::start(&world.hub, true);
    assert!(wait_until(END, || now() == [(SINK, Ailment::Credentials)]));
    running.stop().await;
}

#[tokio::test]
async fn a_sink_that_goes_down_under_load_is_told_once_and_struck_out_when_it_is_back() {
    let mut world = World::new().await;
    world.looked().await;
    world
        .copernica
        .set_faults(Faults::default().with(FaultKind::Overload503, 100.0));
    let failures = i64::from(limits::BREAKER_FAILURES);
    for id in 0..failures {
        assert_eq!(ailing(&world.hub).await, [], "failure {id} says nothing yet");
        one_more_person(&mut world, 11 + id).await;
    }
    let told = rows(&world.hub).await;
    assert_eq!(ailing(&world.hub).await.len(), 1, "{told:?}");
    assert!(
        told[0].connection == SINK && told[0].next_at > world.clock.now(),
        "{told:?}"
    );
    for id in failures..failures + 5 {
        one_more_person(&mut world, 11 + id).await;
        assert_eq!(
            rows(&world.hub).await,
            told,
            "nothing is written while nothing is tried"
        );
    }
    world.clock.advance_ms(2 * limits::BREAKER_MS);
    one_more_person(&mut world, 16 + failures).await;
    let again = rows(&world.hub).await;
    assert!(
        again[0].since == told[0].since && again[0].next_at > told[0].next_at,
        "the probe failed: {again:?}"
    );
    world.copernica.set_faults(Faults::default());
    world.run_until_idle().await;
    assert_eq!(ailing(&world.hub).await, []);
}

#[tokio::test]
async fn a_token_that_is_withdrawn_under_load_is_told_until_it_works() {
    let (mut world, shut) = gated().await;
    *shut.lock().unwrap() = Through::Status(401);
    one_more_person(&mut world, 11).await;
    assert_eq!(ailing(&world.hub).await, [(SINK, Ailment::Credentials)]);
    // The structure is read anew after a block, and that fails too.
    world.clock.advance_ms(10 * limits::BLOCK_MS);
    world.run().await;
    let row = rows(&world.hub).await.remove(0);
    assert!(row.next_at > world.clock.now(), "{row:?}");
    *shut.lock().unwrap() = Through::All;
    world.run_until_idle().await;
    assert_eq!(ailing(&world.hub).await, []);
}

/// Lets `seconds` go by in which one delivery is tried again and again.
async fn try_for(world: &mut World, seconds: i64) {
    for _ in 0..seconds {
        world.clock.advance_ms(1_000);
        world.run().await;
    }
}

// One order in the night is too little to break the flow, and was tried for hours without a word.
#[tokio::test]
async fn a_sink_that_is_away_is_told_also_while_only_one_delivery_waits_for_it() {
    let (mut world, shut) = gated().await;
    world.looked().await;
    *shut.lock().unwrap() = Through::Nothing;
    one_more_person(&mut world, 11).await;
    try_for(&mut world, limits::DOUBT_MS / 1_000 - 2).await;
    assert_eq!(ailing(&world.hub).await, [], "one lost call is no outage");
    try_for(&mut world, 20).await;
    let row = rows(&world.hub).await.remove(0);
    assert_eq!((row.connection, row.ailment), (SINK, Ailment::Unreachable));
    assert!(
        row.next_at > world.clock.now() && row.detail.contains("the cable is out"),
        "{row:?}"
    );
    // It answers again, and only takes no writes: nothing ails it as a whole.
    *shut.lock().unwrap() = Through::Reads;
    try_for(&mut world, 20).await;
    assert_eq!(ailing(&world.hub).await, []);
    *shut.lock().unwrap() = Through::All;
    world.run_until_idle().await;
    assert_eq!(ailing(&world.hub).await, []);
    assert_eq!(world.profiles().len(), 1);
}

#[tokio::test]
async fn one_delivery_that_fails_for_long_ails_no_sink_that_answers() {
    let (mut world, shut) = gated().await;
    world.looked().await;
    *shut.lock().unwrap() = Through::Reads;
    one_more_person(&mut world, 11).await;
    try_for(&mut world, 3 * limits::DOUBT_MS / 1_000).await;
    assert_eq!(ailing(&world.hub).await, []);
    *shut.lock().unwrap() = Through::All;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
}

// Nobody calls such a sink, so what ailed it stood for ever.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_ails_a_sink_to_which_no_route_leads_any_more() {
    let world = World::with(|hub| hub.routes.clear()).await;
    let noted = |connection, ailment| HealthRow {
        connection,
        ailment,
        detail: "as it was when a route led there".to_owned(),
        since: world.clock.now(),
        next_at: world.clock.now().plus_ms(1_000),
    };
    let of_another_process = noted(ConnectionId(99), Ailment::Unreachable);
    for row in [
        noted(SINK, Ailment::Unreachable),
        noted(SINK, Ailment::Places),
        of_another_process.clone(),
    ] {
        world.hub.store.put_health(world.hub.tenant, &row).await.unwrap();
    }
    let running = supervise::start(&world.hub, true);
    let now = || block_in_place(|| Handle::current().block_on(rows(&world.hub)));
    assert!(wait_until(END, || now() == std::slice::from_ref(&of_another_process)));
    running.stop().await;
}

#[tokio::test]
async fn a_key_that_the_shop_refuses_is_told_by_the_first_fetch() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.shop_has("/nl/customers/11.json", json!({ "customer": person }));
    world.shop_refuses(Some((401, 0)));
    world.want(RecordKind::Customer, 11).await;
    world.run().await;
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Credentials)]);
    world.shop_refuses(None);
    world.run_until_idle().await;
    assert_eq!(ailing(&world.hub).await, []);
}

#[tokio::test]
async fn an_outage_of_the_shop_is_told_when_it_is_left_alone() {
    let mut world = World::new().await;
    world.shop_refuses(Some((503, 0)));
    let failures = i64::from(limits::BREAKER_FAILURES);
    for id in 1..=failures {
        assert_eq!(ailing(&world.hub).await, []);
        world.want(RecordKind::Customer, id).await;
        world.run().await;
        world.clock.advance_ms(1);
    }
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Unreachable)]);
}

async fn walking() -> Past {
    let world = shop(3, 5, Setting::default()).await;
    world.begin(Job::Backfill, &[Part::Customers]).await;
    world
}

#[tokio::test]
async fn a_walk_tells_of_a_refused_key_at_once_and_of_an_outage_when_it_lasts() {
    for (status, times, ailment) in [(401, 1, Ailment::Credentials), (503, 3, Ailment::Unreachable)] {
        let mut world = walking().await;
        world.answer("/customers", times, (status, "{}"));
        // A key that is refused is refused everywhere.
        world.answer("/account/permissions", times, (status, "{}"));
        for time in 0..times {
            assert_eq!(ailing(&world.hub).await, [], "after {time} times {status}");
            // Over every wait: for the budget, and after a failure.
            while world.walk(Job::Backfill, Part::Customers).await.failures == i64::from(time) {
                let wait_us = world.step().await;
                world.wait(wait_us);
            }
        }
        assert_eq!(ailing(&world.hub).await, [(SOURCE, ailment)]);
        world.run(STEPS).await;
        assert_eq!(ailing(&world.hub).await, []);
        world.assert_all_done().await;
    }
}

/// An hour whose calls are used up is news while something waits to be fetched, and over with the first call after it.
#[tokio::test]
async fn calls_that_are_used_up_are_told_while_something_waits_to_be_fetched() {
    let mut world = walking().await;
    world.run(STEPS).await;
    let known = world.shop.ids(Kind::Customer)[0];
    world.shop.use_up(Window::Hour);
    world.want(RecordKind::Customer, known).await;
    world.step().await;
    world.step().await;
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Busy)]);
    world.run(STEPS).await;
    assert_eq!(ailing(&world.hub).await, []);
}

/// A history that waits for its share says nothing of the hub's calls; that others took the rest meanwhile is news, also when
/// the note of the history stays what it was.
#[tokio::test]
async fn calls_that_are_used_up_are_told_while_only_a_history_waits() {
    let setting = Setting {
        limits: [100, 60, 6_000],
        ..Setting::default()
    };
    let mut world = shop(3, 40, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    let rows = (Job::Backfill, Part::OrderRows);
    let note = world
        .run_until(rows, "the limit of an hour leaves it no call")
        .await
        .note;
    assert_eq!(ailing(&world.hub).await, [], "live calls have room");
    let source = &world.hub.sources[&SOURCE];
    world.shop.use_up(Window::Hour);
    let _last = source.source.connect(&source.cx.for_class(Class::Live)).await;
    assert_eq!(source.ledger.room(Class::Live), 0);
    assert!(matches!(world.walk_alone().await, Stepped::Waits(_)));
    assert_eq!(world.walk(rows.0, rows.1).await.note, note);
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Busy)]);
}

/// A section that the key may not read stops its list, which its walk tells; the shop itself works.
#[tokio::test]
async fn a_list_that_stops_ails_nothing_else() {
    for status in [401, 403] {
        let mut world = walking().await;
        world.answer("/customers", 9, (status, "{}"));
        world.run(STEPS).await;
        assert_eq!(ailing(&world.hub).await, []);
        let walk = world.walk(Job::Backfill, Part::Customers).await;
        assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
        assert!(walk.note.contains("section `customers`"), "{walk:?}");
    }
}

#[tokio::test]
async fn the_watch_tells_of_a_refused_key_at_once_and_of_an_outage_at_the_second_look() {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = shop(1, 1, setting).await;
    world.answer("/webhooks", 1, (401, "{}"));
    world.answer("/account/permissions", 1, (401, "{}"));
    world.watching.step().await.unwrap();
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Credentials)]);
    world.clock.advance_ms(600_000);
    world.watching.step().await.unwrap();
    assert_eq!(ailing(&world.hub).await, []);
    world.answer("/webhooks", 2, (503, "{}"));
    world.clock.advance_ms(3_600_000);
    world.watching.step().await.unwrap();
    assert_eq!(ailing(&world.hub).await, [], "one lost look is no outage");
    world.clock.advance_ms(60_000);
    world.watching.step().await.unwrap();
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Unreachable)]);
}

/// A key that may do all but look at webhooks: calls that work strike nothing out, a look that works does.
#[tokio::test]
async fn webhooks_that_cannot_be_looked_after_ail_beside_calls_that_work() {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = shop(3, 5, setting).await;
    world.answer("/webhooks", 1, (403, "{}"));
    world.watching.step().await.unwrap();
    let row = rows(&world.hub).await.remove(0);
    assert_eq!((row.connection, row.ailment), (SOURCE, Ailment::Webhooks));
    assert!(
        row.detail.contains("settings") && row.next_at > row.since,
        "{row:?}"
    );
    world.begin(Job::Backfill, &[Part::Customers]).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(ailing(&world.hub).await, [(SOURCE, Ailment::Webhooks)]);
    world.clock.advance_ms(600_000);
    world.watching.step().await.unwrap();
    assert_eq!(ailing(&world.hub).await, []);
}
