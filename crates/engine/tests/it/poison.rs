//! Events that end the process, and orders that turn out to be about nobody: set aside, and nothing else with them.

use std::collections::BTreeSet;

use schakel_core::event::EventState;
use schakel_core::id::EventId;
use schakel_core::limits;
use schakel_engine::apply::{self, Fence, Stepped};
use schakel_store::{Bound, QuarantineFilter, StoreError};
use serde_json::{Value, json};

use crate::payloads::{NewOrder, customer, order, plain_order, row};
use crate::world::World;

/// Gives the ids of what waits, and counts a start of the first `n` as a process does that dies then.
async fn die_with(world: &World, n: usize) -> Vec<EventId> {
    let known: Vec<_> = world.hub.sources.keys().copied().collect();
    let store = &world.hub.store;
    let waiting = store
        .waiting_events(
            world.hub.tenant,
            &known,
            EventId(0),
            Bound {
                events: 9,
                bytes: usize::MAX,
            },
        )
        .await
        .unwrap();
    let ids: Vec<EventId> = waiting.events.iter().map(|event| event.id).collect();
    store.begin_events(world.hub.tenant, &ids[..n]).await.unwrap();
    ids
}

/// Begins as a process does that was just started.
async fn begin(world: &World, fence: Fence) -> Result<Stepped, StoreError> {
    apply::begin(&world.hub, fence, &mut BTreeSet::new()).await
}

async fn state(world: &World, event: EventId) -> EventState {
    let row = world.hub.store.read_event(world.hub.tenant, event).await;
    row.unwrap().unwrap().state
}

#[tokio::test]
async fn an_event_that_ends_the_process_again_and_again_is_set_aside() {
    let world = World::new().await;
    for id in [11, 12] {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world.webhook("customers/created", id, &person).await;
    }
    let mut ids = Vec::new();
    for start in 0..limits::EVENT_STARTS {
        // With both at first, then with the first one alone.
        ids = die_with(&world, if start < 2 { 2 } else { 1 }).await;
    }
    let begun = begin(&world, Fence::Alone).await.unwrap();
    assert_eq!(begun.events, 2);
    assert_eq!(state(&world, ids[0]).await, EventState::Quarantined);
    assert_eq!(state(&world, ids[1]).await, EventState::Applied);
    // A person lets it go on: it starts anew.
    let all = QuarantineFilter::default();
    let released = world.hub.store.release(world.hub.tenant, &all).await;
    assert_eq!(released.unwrap(), 1);
    begin(&world, Fence::Alone).await.unwrap();
    assert_eq!(state(&world, ids[0]).await, EventState::Applied);
    assert_eq!(world.inbox().await.quarantined, 0);
}

/// A fence of an epoch that this process does not have (any more).
const LOST: Fence = Fence::Epoch(99);

#[tokio::test]
async fn a_process_that_cannot_commit_counts_one_start_however_often_it_tries() {
    let world = World::new().await;
    let person = customer(11, "registered", "p@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    // Two processes ended before this one, for whatever reason.
    die_with(&world, 1).await;
    let ids = die_with(&world, 1).await;
    let mut counted = BTreeSet::new();
    for _ in 0..5 {
        let begun = apply::begin(&world.hub, LOST, &mut counted).await.unwrap();
        assert_eq!(begun.events, 0);
    }
    let starts = world.hub.store.event_starts(world.hub.tenant, &ids).await;
    assert_eq!(starts.unwrap()[&ids[0]], 3);
    apply::begin(&world.hub, Fence::Alone, &mut counted)
        .await
        .unwrap();
    assert_eq!(state(&world, ids[0]).await, EventState::Applied);
}

#[tokio::test]
async fn a_process_that_lost_the_right_to_apply_sets_nothing_aside() {
    let world = World::new().await;
    let person = customer(11, "registered", "p@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    let mut ids = Vec::new();
    for _ in 0..limits::EVENT_STARTS {
        ids = die_with(&world, 1).await;
    }
    assert_eq!(begin(&world, LOST).await.unwrap().events, 0);
    assert_eq!(state(&world, ids[0]).await, EventState::Waiting);
    begin(&world, Fence::Alone).await.unwrap();
    assert_eq!(state(&world, ids[0]).await, EventState::Quarantined);
}

/// Tells of an order without an address, of a customer whom the shop does not have; returns the order.
async fn nameless_order(world: &mut World) -> Value {
    let mut nameless = order(&NewOrder {
        id: 900,
        customer: None,
        email: String::new(),
        rows: vec![row(9000, 0)],
        quote: None,
        updated: 6,
        status: "new".to_owned(),
    });
    nameless["customer"] = json!({"resource": {"id": 11, "url": "customers/11", "link": ""}});
    world.webhook("orders/created", 900, &nameless).await;
    world.run_until_idle().await;
    nameless
}

#[tokio::test]
async fn an_order_that_was_set_aside_and_still_is_about_nobody_does_not_vanish_when_it_is_released() {
    let mut world = World::new().await;
    nameless_order(&mut world).await;
    let aside = world.inbox().await.quarantined;
    let all = QuarantineFilter::default();
    let released = world.hub.store.release(world.hub.tenant, &all).await;
    assert_eq!((aside, released.unwrap()), (1, 1));
    world.run_until_idle().await;
    assert_eq!(world.inbox().await.quarantined, 1);
}

#[tokio::test]
async fn an_everyday_step_counts_no_start() {
    let world = World::new().await;
    let person = customer(11, "registered", "p@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    let ids = die_with(&world, 0).await;
    world.apply().await;
    let starts = world
        .hub
        .store
        .event_starts(world.hub.tenant, &ids)
        .await
        .unwrap();
    assert_eq!(starts[&ids[0]], 0);
}

#[tokio::test]
async fn an_order_of_a_lost_customer_without_an_address_waits_in_quarantine() {
    let mut world = World::new().await;
    let mut nameless = nameless_order(&mut world).await;
    assert_eq!(world.profiles(), [], "nobody is made of it");
    let groups = world.hub.store.quarantine_groups(world.hub.tenant).await.unwrap();
    assert_eq!(groups, [("order_without_person".to_owned(), 1)]);
    // The next one of that customer is set aside at once; an order with an address is not held up.
    nameless["updatedAt"] = json!(crate::payloads::at(8));
    world.webhook("orders/updated", 900, &nameless).await;
    let person = customer(12, "registered", "els@example.org", 5);
    world
        .webhook("orders/created", 901, &plain_order(901, &person, 1, 6))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.inbox().await.quarantined, 2);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), [["1", "901"]]);
    // The customer is there after all: his order goes to him.
    let late = customer(11, "registered", "jan@example.org", 9);
    world.webhook("customers/created", 11, &late).await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 2);
    // Nothing is left for a person: the newest event counts, the one before it is overtaken.
    let inbox = world.inbox().await;
    assert_eq!((inbox.quarantined, inbox.superseded), (0, 1));
}

#[tokio::test]
async fn an_order_that_was_set_aside_and_names_an_address_after_all_is_no_longer_listed() {
    let mut world = World::new().await;
    let mut order = nameless_order(&mut world).await;
    assert_eq!(world.inbox().await.quarantined, 1);
    order["email"] = json!("jan@example.org");
    order["updatedAt"] = json!(crate::payloads::at(8));
    world.webhook("orders/updated", 900, &order).await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 1);
    let inbox = world.inbox().await;
    assert_eq!((inbox.quarantined, inbox.superseded), (0, 1));
}
