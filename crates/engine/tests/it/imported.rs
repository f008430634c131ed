//! A profile that somebody removed in Copernica and imported again: the same number under another id.

use axum::body::Body;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::payloads::{customer, plain_order};
use crate::world::World;

/// One person with one order of two rows, delivered; returns the id of the profile.
async fn one_person(world: &mut World) -> u64 {
    let person = customer(11, "registered", "jan@example.org", 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 2, 6))
        .await;
    world.run_until_idle().await;
    world.copernica.find_profiles("schakel", "RelationID", "1")[0]
}

/// Removes the profile and imports what an export of it held; returns its new id.
async fn import_again(world: &World, id: u64) -> u64 {
    let fields = world.copernica.profile(id).unwrap();
    assert!(world.copernica.remove_profile(id));
    let call = axum::http::Request::post("/v3/database/schakel/profiles?access_token=sandbox-token")
        .header("content-type", "application/json")
        .body(Body::from(json!({ "fields": fields }).to_string()))
        .unwrap();
    let answer = world.copernica.router().oneshot(call).await.unwrap();
    assert_eq!(answer.status(), 201);
    let living = world.copernica.find_profiles("schakel", "RelationID", "1");
    assert_eq!(living.len(), 1);
    assert_ne!(living[0], id);
    living[0]
}

fn with_phone(mut person: Value) -> Value {
    person["phone"] = json!("020 0000000");
    person
}

/// Everything stands once, under the living profile.
fn assert_all_stand_under(world: &World, living: u64) {
    assert_eq!(
        world.copernica.find_profiles("schakel", "RelationID", "1"),
        [living]
    );
    assert_eq!(
        world.subprofiles("Orders", &["OrderID"]),
        [["1", "900"], ["1", "901"]]
    );
    assert_eq!(world.subprofiles("OrderRows", &["OrderID"]).len(), 3);
    world.assert_nothing_double();
}

#[tokio::test]
async fn an_order_after_an_import_stands_under_the_living_profile() {
    for minutes in [1, 60] {
        let mut world = World::new().await;
        let former = one_person(&mut world).await;
        let living = import_again(&world, former).await;
        world.clock.advance_ms(minutes * 60_000);
        let changed = with_phone(customer(11, "registered", "jan@example.org", 9));
        world.webhook("customers/updated", 11, &changed).await;
        world.run_until_idle().await;
        world
            .webhook("orders/created", 901, &plain_order(901, &changed, 1, 10))
            .await;
        world.run_until_idle().await;
        assert_all_stand_under(&world, living);
    }
}

#[tokio::test]
async fn an_order_finds_the_imported_profile_after_a_restart() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    let living = import_again(&world, former).await;
    let mut world = world.restarted(Some).await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world
        .webhook("orders/created", 901, &plain_order(901, &person, 1, 7))
        .await;
    world.run_until_idle().await;
    assert_all_stand_under(&world, living);
}
