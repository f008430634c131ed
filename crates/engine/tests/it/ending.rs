//! The delivery loop at its edges: what never reaches the sink, and the end of the process.

use std::time::Duration;

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::DeliveryId;
use schakel_core::time::Clock;
use schakel_engine::supervise;
use schakel_store::DeliveryRow;
use schakel_testkit::wait_until;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::gate::{Through, gated};
use crate::payloads::customer;
use crate::world::{SINK, World};

/// A generous end for what is waited for.
const END: Duration = Duration::from_secs(60);

/// Deliveries whose stored values fit no table of the preset.
async fn misfits(world: &World, n: i64) {
    let now = world.clock.now();
    let rows: Vec<DeliveryRow> = (1..=n)
        .map(|id| DeliveryRow {
            id: DeliveryId(id),
            sink: SINK,
            kind: ObjectKind::Relation,
            object: id,
            parent: None,
            root: None,
            state: DeliveryState::Ready,
            due_at: now,
            wish: Wish::Present,
            desired_version: 1,
            desired_digest: [1; 16],
            desired: "[]".to_owned(),
            confirmed_version: 0,
            confirmed_digest: None,
            remote_id: None,
            remote_parent: None,
            since: now,
        })
        .collect();
    let mut tx = world.hub.store.write().await.unwrap();
    tx.put_deliveries(world.hub.tenant, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_never_reached_the_sink_says_nothing_of_it() {
    let world = World::new().await;
    misfits(&world, 12).await;
    let (mut worker, gauge) = world.seen_worker();
    let calls = world.copernica.counts().calls;
    for _ in 0..12 {
        worker.step().await.unwrap();
        if worker.in_flight() > 0 {
            worker.until_answer().await;
        }
    }
    worker.step().await.unwrap();
    assert_eq!(
        world.copernica.counts().calls - calls,
        3,
        "a new worker looks at the account, the numbers and the ids there, and that is all"
    );
    assert_eq!(
        gauge.reading().limit,
        1,
        "the sink did not show that it can take more"
    );
    let attempts = world
        .hub
        .store
        .attempts_of(world.hub.tenant, DeliveryId(1), 9)
        .await
        .unwrap();
    assert_eq!((attempts.len(), attempts[0].calls), (1, 0));
}

#[tokio::test]
async fn an_answer_that_is_back_already_is_settled_before_the_end() {
    let world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    world.apply().await;
    let (mut worker, _) = world.seen_worker();
    worker.step().await.unwrap();
    worker.until_answer().await;
    assert_eq!((worker.in_flight(), world.open_deliveries().await), (0, 1));
    worker.end().await.unwrap();
    assert_eq!(world.open_deliveries().await, 0);
}

#[tokio::test]
async fn a_call_that_is_out_is_waited_for_at_the_end() {
    let world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    world.apply().await;
    let (mut worker, _) = world.seen_worker();
    worker.step().await.unwrap();
    assert_eq!(worker.in_flight(), 1);
    worker.end().await.unwrap();
    assert_eq!((worker.in_flight(), world.open_deliveries().await), (0, 0));
}

// An attempt may take three minutes; who stopped the hub waited for all of them, or killed it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_answers_nothing_keeps_no_process_from_ending() {
    let (world, door) = gated().await;
    let running = supervise::start(&world.hub, true);
    *door.lock().unwrap() = Through::NoAnswers;
    world.customer(11, "registered", "jan@example.org", 5).await;
    let is_out = || world.profiles().len() == 1 && running.gauges[0].1.reading().in_flight == 1;
    assert!(block_in_place(|| wait_until(END, is_out)));
    let ended = tokio::time::timeout(END, running.stop()).await;
    assert!(ended.is_ok(), "it does not end");

    *door.lock().unwrap() = Through::All;
    let running = supervise::start(&world.hub, true);
    let is_delivered = || {
        world.clock.advance_ms(world.hub.sinks[&SINK].settle_ms);
        block_in_place(|| Handle::current().block_on(world.open_deliveries())) == 0
    };
    assert!(wait_until(END, is_delivered), "what was left is not looked at");
    running.stop().await;
    assert_eq!(world.profiles().len(), 1);
    world.assert_nothing_double();
}
