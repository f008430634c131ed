//! What is told of a history that is read once more, and of rows that are not counted yet.

use schakel_core::connector::{Part, Span};
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::report::price::{Known, Plan};
use schakel_engine::report::{self, Probe, Progress};

use super::bad_input::NEVER;
use super::forecast::{plan_with, subject};
use super::history::{STEPS, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

const LIMITS: [u32; 3] = [300, 3_000, 12_000];

async fn progress(world: &Past) -> Progress {
    let (store, now) = (&world.hub.store, world.clock.now());
    let told = report::progress(store, TENANT, &subject(LIMITS), (Job::Backfill, &[]), now).await;
    told.unwrap().unwrap()
}

/// What the history of the whole shop costs, by what is known of it.
async fn plan(world: &Past) -> Plan {
    let (store, now) = (&world.hub.store, world.clock.now());
    let known = Known::read(store, TENANT, &subject(LIMITS), now).await.unwrap();
    plan_with(world, LIMITS, Setting::default().walks, &known).await
}

/// How much of the history is read, of how much.
async fn read(world: &Past) -> (i64, i64) {
    let (store, now) = (&world.hub.store, world.clock.now());
    let status = report::status(store, TENANT, &Probe::default(), now)
        .await
        .unwrap();
    let line = &status.walks[0];
    (line.history_seen.unwrap(), line.history_expected)
}

// "6,860 calls of 5,516 are left", and "history read 0 of 0" after it was cancelled.
#[tokio::test]
async fn a_period_that_is_read_once_more_costs_no_more_than_all_and_its_end_loses_nothing() {
    let mut world = shop(10, 30, Setting::default()).await;
    let store = &world.hub.store;
    let named = store
        .ensure_connection(TENANT, "shop", "lightspeed", SOURCE)
        .await;
    named.unwrap();
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    let whole = read(&world).await;
    assert_eq!(whole.0, whole.1);
    assert_eq!(plan(&world).await.calls_left, 0);

    let narrow = Span {
        created_from: Some(world.clock.now().plus_ms(-60 * 24 * 3_600_000)),
        ..Span::default()
    };
    world.begin_span(Job::Backfill, &parts, narrow).await;
    world
        .set(Job::Backfill, &parts, WalkState::Waiting, WalkState::Paused)
        .await;
    let again = plan(&world).await;
    let rows = again
        .parts
        .iter()
        .find(|price| price.part == "order_rows")
        .unwrap();
    assert_eq!(
        (rows.calls, rows.calls_left),
        (30, 0),
        "all are held with their rows"
    );
    assert!(
        again.parts.iter().all(|price| price.calls_left <= price.calls),
        "{again:?}"
    );
    let end = progress(&world).await.end.unwrap();
    assert!(end.calls_left.low < 30.0, "{end:?}");

    world
        .set(Job::Backfill, &parts, WalkState::Paused, WalkState::Cancelled)
        .await;
    assert_eq!(read(&world).await, whole);
    for part in progress(&world).await.parts {
        assert_eq!(part.share(), Some(1.0), "{part:?}");
        assert_eq!(
            (Some(part.seen), part.period.from.as_ref()),
            (part.expected, None),
            "{part:?}"
        );
    }
}

// It was told to have 441 of 500 rows, and had 598 in the end.
#[tokio::test]
async fn rows_are_counted_once_the_orders_are_applied() {
    let mut world = shop(10, 30, Setting::default()).await;
    world.begin(Job::Backfill, &[Part::Orders, Part::OrderRows]).await;
    for _ in 0..20 {
        world.walk_alone().await;
    }
    assert_eq!(
        world.walk(Job::Backfill, Part::Orders).await.state,
        WalkState::Done
    );
    assert_eq!(world.walk(Job::Backfill, Part::OrderRows).await.expected, None);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    let rows = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(
        (rows.state, rows.expected, rows.seen),
        (WalkState::Done, Some(30), 30)
    );
}
