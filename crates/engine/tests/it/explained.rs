//! Whom and what `explain` finds by the number of an order.

use schakel_core::time::Clock;
use schakel_engine::report::{self, Presets};
use serde_json::json;

use crate::payloads::{customer, plain_order};
use crate::world::{SINK, SOURCE, World};

/// A world whose connections have names, as those of a process do.
async fn named() -> World {
    let world = World::new().await;
    let named = world
        .hub
        .store
        .ensure_connection(world.hub.tenant, "shop", "lightspeed", SOURCE);
    named.await.unwrap();
    world
}

/// The persons whom `who` names, and the states of what was set aside about it.
async fn found(world: &World, who: &str) -> (Vec<i64>, Vec<&'static str>) {
    let people = report::explain(world.reader(&Presets::default()), who, 9)
        .await
        .unwrap();
    let aside = report::set_aside(world.reader(&Presets::default()), who, 9)
        .await
        .unwrap();
    let people = people.iter().map(|person| person.relation).collect();
    (people, aside.iter().map(|event| event.state).collect())
}

#[tokio::test]
async fn an_order_leads_to_its_person_also_without_an_address() {
    let mut world = named().await;
    let person = customer(11, "registered", "", 5);
    let order = plain_order(71, &person, 1, 6);
    let label = order["number"].as_str().unwrap().to_owned();
    world.webhook("customers/created", 11, &person).await;
    world.webhook("orders/created", 71, &order).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    let number = world.profiles()[0].0;
    assert_eq!(found(&world, "71").await, (vec![number], vec![]));
    assert_eq!(found(&world, &label).await, (vec![number], vec![]));
    assert_eq!(found(&world, "72").await, (vec![], vec![]));
}

#[tokio::test]
async fn an_order_that_was_set_aside_is_told() {
    let mut world = named().await;
    world
        .webhook("orders/created", 71, &json!({ "id": "no number" }))
        .await;
    world.run_until_idle().await;
    assert_eq!(found(&world, "71").await, (vec![], vec!["quarantined"]));
}

#[tokio::test]
async fn a_person_is_found_by_the_number_of_the_customer_and_by_a_former_address() {
    let mut world = named().await;
    // The shop has two accounts with one address, which both change later. Their numbers are no numbers of persons here.
    let both = async |world: &World, event: &str, email: &str, updated: u32| {
        for id in [4_711, 4_712] {
            let account = customer(id, "registered", email, updated);
            world.shop_has(
                &format!("/nl/customers/{id}.json"),
                json!({ "customer": account }),
            );
            world.webhook(event, id, &account).await;
        }
    };
    for (id, email) in [(4_711, "j@example.org"), (4_712, "piet@example.org")] {
        world.customer(id, "registered", email, 4).await;
    }
    world.run_until_idle().await;
    both(&world, "customers/updated", "jan@example.org", 5).await;
    world.customer(4_713, "registered", "eva@example.org", 5).await;
    world.run_until_idle().await;
    let jan = found(&world, "jan@example.org").await.0;
    assert_eq!(jan.len(), 1);
    assert_eq!(found(&world, "4712").await.0, jan);
    assert_eq!(found(&world, "customer 4711").await.0, jan);
    assert_ne!(found(&world, "4713").await.0, jan);
    assert!(found(&world, "customer 4714").await.0.is_empty());
    both(&world, "customers/updated", "new@example.org", 7).await;
    world.run_until_idle().await;
    assert_eq!(found(&world, "new@example.org").await.0, jan);
    assert_eq!(
        found(&world, "jan@example.org").await.0,
        jan,
        "by what joined them"
    );
}

#[tokio::test]
async fn a_former_address_that_joined_nobody_leads_to_its_person() {
    let mut world = named().await;
    world.customer(11, "registered", "jan@example.org", 5).await;
    world.run_until_idle().await;
    let jan = found(&world, "jan@example.org").await.0;
    world.customer(11, "registered", "new@example.org", 6).await;
    world.run_until_idle().await;
    let of = async |world: &World, who: &str| {
        let people = report::explain(world.reader(&Presets::default()), who, 9)
            .await
            .unwrap();
        let people = people.iter().map(|one| (one.relation, one.is_former_address));
        people.collect::<Vec<_>>()
    };
    assert_eq!(of(&world, "JAN@example.org").await, [(jan[0], true)]);
    assert_eq!(of(&world, "new@example.org").await, [(jan[0], false)]);
    // Somebody else has it now: both are meant, the present one first.
    world.customer(12, "registered", "jan@example.org", 7).await;
    world.run_until_idle().await;
    let [(piet, false), former] = of(&world, "jan@example.org").await[..] else {
        panic!("two have or had it");
    };
    assert_ne!(piet, jan[0]);
    assert_eq!(former, (jan[0], true));
}

/// What a sink holds is known by what it confirmed, and by the last look for what was done there by hand.
#[tokio::test]
async fn of_a_sink_is_said_when_it_was_last_known_what_it_holds() {
    let mut world = named().await;
    let sink = &world.hub.sinks[&SINK];
    let ensured = world
        .hub
        .store
        .ensure_connection(world.hub.tenant, &sink.name, "copernica", SINK);
    ensured.await.unwrap();
    world.customer(11, "registered", "jan@example.org", 5).await;
    world.run_until_idle().await;
    let at = world.clock.now();
    world.clock.advance_ms(86_400_000);
    let people = report::explain(world.reader(&Presets::default()), "jan@example.org", 9)
        .await
        .unwrap();
    let view = &people[0].sinks[0];
    let (confirmed, looked) = (
        view.confirmed_at.clone().unwrap(),
        view.looked_at.clone().unwrap(),
    );
    assert!(
        view.is_confirmed && confirmed <= at.to_string() && looked <= confirmed,
        "{view:?}"
    );
}
