//! A sick sink, a lost answer, a crash, two workers: nothing lost, nothing double (A13), nothing left over.

use schakel_core::limits;
use schakel_sandbox::copernica::{FaultKind, Faults};
use serde_json::json;

use crate::payloads::{customer, plain_order};
use crate::world::{SETTLE_MS, World};

async fn one_order(world: &World) {
    let person = customer(11, "registered", "jan@example.org", 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 3, 6))
        .await;
}

fn assert_one_of_each(world: &World) {
    assert_eq!(world.profiles().len(), 1);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 1);
    assert_eq!(world.subprofiles("OrderRows", &["OrderRowID"]).len(), 3);
    world.assert_nothing_double();
}

#[tokio::test]
async fn every_kind_of_fault_on_every_object_ends_with_one_of_each() {
    for kind in FaultKind::ALL {
        for skipped in 0..5 {
            let mut world = World::new().await;
            one_order(&world).await;
            world.copernica.set_faults(Faults {
                drip_pause_ms: 1,
                ..Faults::default()
            });
            world.fail_call(kind, skipped);
            world.run_until_idle().await;
            assert_one_of_each(&world);
        }
    }
}

#[tokio::test]
async fn a_sink_that_is_sick_in_every_way_at_once_gets_well() {
    let mut world = World::new().await;
    let sick = Faults {
        drip_pause_ms: 1,
        ..Faults::default()
    };
    world.copernica.set_faults(
        FaultKind::ALL
            .into_iter()
            .fold(sick, |faults, kind| faults.with(kind, 4.0)),
    );
    for id in 0..30 {
        let person = customer(100 + id, "registered", &format!("p{id}@example.org"), 5);
        world
            .webhook("orders/created", 900 + id, &plain_order(900 + id, &person, 2, 6))
            .await;
    }
    world.run_until_idle().await;
    world.copernica.set_faults(Faults::default());
    assert_eq!(world.profiles().len(), 30);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 30);
    assert_eq!(world.subprofiles("OrderRows", &["OrderRowID"]).len(), 60);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_worker_that_dies_between_write_and_answer_makes_no_second_profile() {
    let mut world = World::new().await;
    one_order(&world).await;
    world.apply().await;
    // The sink does everything and every answer is lost with the worker.
    for _ in 0..5 {
        world.copernica.fail_next(FaultKind::AnswerLost, 1);
        world.run().await;
        world.crash_delivery().await;
        world.clock.advance_ms(2 * SETTLE_MS);
    }
    world.run_until_idle().await;
    assert_one_of_each(&world);
}

#[tokio::test]
async fn an_answer_that_the_store_could_not_take_counts_once_and_costs_no_second_call() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let world = World::at_server(database.url()).await;
    world.customer(11, "registered", "jan@example.org", 5).await;
    world.apply().await;
    let (mut worker, gauge) = world.seen_worker();
    while worker.in_flight() == 0 {
        worker.step().await.unwrap();
    }
    worker.until_answer().await;
    let calls = world.copernica.counts().calls;
    database.take_away("delivery");
    assert!(worker.step().await.is_err());
    let limit = gauge.reading().limit;
    for _ in 0..20 {
        assert!(worker.step().await.is_err());
    }
    assert_eq!(gauge.reading().limit, limit, "one answer, one word of the sink");
    // Longer than the claim: nobody else freed it meanwhile.
    world.clock.advance_ms(10 * SETTLE_MS);
    database.bring_back("delivery");
    worker.step().await.unwrap();
    assert_eq!(world.open_deliveries().await, 0);
    assert_eq!(world.copernica.counts().calls, calls);
    assert_eq!(world.profiles().len(), 1);
    world.hub.store.close().await;
}

#[tokio::test]
async fn two_workers_share_the_work_and_double_nothing() {
    let mut world = World::new().await;
    for id in 0..20 {
        let person = customer(100 + id, "registered", &format!("p{id}@example.org"), 5);
        world
            .webhook("orders/created", 900 + id, &plain_order(900 + id, &person, 1, 6))
            .await;
    }
    world.apply().await;
    let mut other = world.second_worker();
    for _ in 0..200 {
        other.step().await.unwrap();
        if other.in_flight() > 0 {
            other.until_answer().await;
        }
        world.run().await;
    }
    other.drain().await.unwrap();
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 20);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 20);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_hundred_changes_during_an_outage_become_one_call_per_object() {
    let mut world = World::new().await;
    one_order(&world).await;
    world.run_until_idle().await;
    let before = world.copernica.counts().calls;
    for second in 10..110 {
        let mut person = customer(11, "registered", "jan@example.org", second);
        person["phone"] = json!(format!("010 {second}"));
        world.webhook("customers/updated", 11, &person).await;
        world.apply().await;
    }
    world.run_until_idle().await;
    assert_eq!(world.copernica.counts().calls - before, 1);
    assert_eq!(
        world.copernica.find_profiles("schakel", "Phone", "010 109").len(),
        1
    );
}

/// Tells of one more person and lets the hub do what it can now; returns how many calls that took.
async fn one_more_person(world: &mut World, id: i64) -> u64 {
    let failed = |world: &World| world.copernica.counts().faults.values().sum::<u64>();
    let before = failed(world);
    let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
    world.webhook("customers/created", id, &person).await;
    world.run().await;
    world.clock.advance_ms(1);
    failed(world) - before
}

#[tokio::test]
async fn a_sink_that_asks_for_a_pause_gets_one_from_all_deliveries() {
    let mut world = World::new().await;
    world.looked().await;
    world.copernica.set_faults(Faults {
        retry_after_s: 60,
        ..Faults::default().with(FaultKind::TooManyRetryAfter, 100.0)
    });
    assert_eq!(one_more_person(&mut world, 11).await, 1);
    assert_eq!(one_more_person(&mut world, 12).await, 0);
    world.clock.advance_ms(59_000);
    assert_eq!(one_more_person(&mut world, 13).await, 0);
    world.copernica.set_faults(Faults::default());
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 3);
}

#[tokio::test]
async fn a_sink_that_is_down_is_left_alone_but_for_one_probe() {
    let mut world = World::new().await;
    world.looked().await;
    let down = Faults::default().with(FaultKind::Overload503, 100.0);
    world.copernica.set_faults(down);
    let failures = i64::from(limits::BREAKER_FAILURES);
    for id in 0..failures {
        assert!(one_more_person(&mut world, 11 + id).await > 0);
    }
    for id in failures..failures + 5 {
        assert_eq!(one_more_person(&mut world, 11 + id).await, 0);
    }
    let closed_us = world.delivery.closed_us();
    assert!(
        closed_us > limits::BREAKER_MS * 900,
        "it is waited for: {closed_us}"
    );
    world.clock.advance_ms(2 * limits::BREAKER_MS);
    assert_eq!(world.delivery.closed_us(), 0);
    assert_eq!(one_more_person(&mut world, 16 + failures).await, 1);
    world.copernica.set_faults(Faults::default());
    world.run_until_idle().await;
    assert_eq!(world.profiles().len() as i64, failures + 6);
    world.assert_nothing_double();
}
