//! A profile that somebody removed in Copernica and imported again: the same number under another id.

use axum::body::Body;
use schakel_core::connector::ConnectorError;
use schakel_core::health::Ailment;
use schakel_core::time::{Clock, Timestamp};
use schakel_engine::deliver::guard::{LookError, Place};
use schakel_engine::deliver::newcomers::{self, Account};
use schakel_sandbox::copernica::FaultKind;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::payloads::{customer, plain_order};
use crate::world::{SINK, World};

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
    let living = import(world, fields).await;
    assert_eq!(
        world.copernica.find_profiles("schakel", "RelationID", "1"),
        [living]
    );
    assert_ne!(living, id);
    living
}

/// Imports a profile; returns its id.
async fn import(world: &World, fields: impl serde::Serialize) -> u64 {
    let call = axum::http::Request::post("/v3/database/schakel/profiles?access_token=sandbox-token")
        .header("content-type", "application/json")
        .body(Body::from(json!({ "fields": fields }).to_string()))
        .unwrap();
    let answer = world.copernica.router().oneshot(call).await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["x-created"].to_str().unwrap().parse().unwrap()
}

fn with_phone(mut person: Value) -> Value {
    person["phone"] = json!("020 0000000");
    person
}

/// Lets the hub work until it looked for profiles that were imported, however little it delivered.
async fn a_look_later(world: &mut World) {
    world.run_until_idle().await;
    world.clock.advance_ms(12 * 3_600_000);
    world.run_until_idle().await;
}

/// Person 11 places another order of one row, which changes the profile when `person` says anything new.
async fn order_again(world: &World, id: i64, person: &Value) {
    world
        .webhook("orders/created", id, &plain_order(id, person, 1, 10))
        .await;
}

/// How often the account was asked for profiles.
fn lists(world: &World) -> u64 {
    let counts = world.copernica.counts().calls_by_kind;
    counts.get("GET database/profiles").copied().unwrap_or(0)
}

/// Looks as a command does.
async fn look_now(world: &World) -> Result<Vec<i64>, LookError> {
    let (hub, sink) = (&world.hub, &world.hub.sinks[&SINK]);
    let account = Account {
        place: Place {
            store: &hub.store,
            tenant: hub.tenant,
            name: &sink.name,
            id: Some(SINK),
        },
        sink: sink.sink.as_ref(),
        cx: &sink.cx,
        preset: Some(&hub.routes[0].preset),
    };
    newcomers::look_now(&account).await
}

async fn last_look(world: &World) -> Option<Timestamp> {
    let sink = &world.hub.sinks[&SINK];
    newcomers::last_look(&world.hub.store, &sink.name).await.unwrap()
}

/// What ails connections.
async fn ailments(world: &World) -> Vec<Ailment> {
    let rows = world.hub.store.health(world.hub.tenant).await.unwrap();
    rows.iter().map(|row| row.ailment).collect()
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

/// The write of the profile hits the imported one and does not say so; nor does it matter when nothing is written at all.
#[tokio::test]
async fn an_order_after_an_import_stands_under_the_living_profile() {
    for (minutes, is_written) in [(1, true), (60, true), (1, false), (60, false)] {
        let mut world = World::new().await;
        let former = one_person(&mut world).await;
        let living = import_again(&world, former).await;
        world.clock.advance_ms(minutes * 60_000);
        let mut person = customer(11, "registered", "jan@example.org", 5);
        if is_written {
            person = with_phone(customer(11, "registered", "jan@example.org", 9));
            world.webhook("customers/updated", 11, &person).await;
            world.run_until_idle().await;
        }
        order_again(&world, 901, &person).await;
        a_look_later(&mut world).await;
        assert_all_stand_under(&world, living);
    }
}

#[tokio::test]
async fn an_import_without_any_order_after_it_brings_the_orders_back() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    order_again(&world, 901, &customer(11, "registered", "jan@example.org", 5)).await;
    world.run_until_idle().await;
    let living = import_again(&world, former).await;
    assert!(
        world
            .subprofiles("Orders", &["OrderID"])
            .iter()
            .all(|row| row[0] != "1"),
        "they went with the profile"
    );
    a_look_later(&mut world).await;
    assert_all_stand_under(&world, living);
}

/// Every start looks, however short ago the last look was and however little was delivered since.
#[tokio::test]
async fn an_order_finds_the_imported_profile_after_a_restart() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    order_again(&world, 901, &customer(11, "registered", "jan@example.org", 5)).await;
    a_look_later(&mut world).await;
    let living = import_again(&world, former).await;
    let mut world = world.restarted(Some).await;
    world.run_until_idle().await;
    assert_all_stand_under(&world, living);
}

/// A hub that is started over and over asks once a minute; one that begins anew knows from where on without a list.
#[tokio::test]
async fn starts_in_a_row_cost_one_list_a_minute() {
    let mut world = World::new().await;
    one_person(&mut world).await;
    world.clock.advance_ms(60_000);
    world.run_until_idle().await;
    assert_eq!(lists(&world), 2, "the highest number, and the highest id");
    for _ in 0..3 {
        world.crash_delivery().await;
        world.run_until_idle().await;
    }
    let before = lists(&world);
    for _ in 0..6 {
        world.clock.advance_ms(20_000);
        world.crash_delivery().await;
        world.run_until_idle().await;
    }
    assert_eq!(
        lists(&world) - before,
        6 + 2,
        "each start looks at the numbers, each minute at the ids"
    );
}

/// What was imported while no process ran is found at the start.
#[tokio::test]
async fn a_restart_goes_on_from_the_last_look() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    order_again(&world, 901, &customer(11, "registered", "jan@example.org", 5)).await;
    world.run_until_idle().await;
    let living = import_again(&world, former).await;
    world.clock.advance_ms(3_600_000);
    let mut world = world.restarted(Some).await;
    world.run_until_idle().await;
    assert_all_stand_under(&world, living);
}

#[tokio::test]
async fn a_second_profile_of_one_number_moves_nothing() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    let twin = import(&world, world.copernica.profile(former).unwrap()).await;
    assert_ne!(twin, former);
    world.clock.advance_ms(12 * 3_600_000);
    let before = world.copernica.counts().calls;
    world.run_until_idle().await;
    assert_eq!(
        world.copernica.counts().calls - before,
        2,
        "a list, and a look at the number"
    );
    assert_eq!(world.open_deliveries().await, 0);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), [["1", "900"]]);
}

/// More than one step looks at; one list shows them all.
#[tokio::test]
async fn many_that_were_imported_at_once_are_all_found() {
    let mut world = World::new().await;
    for id in 1..=30 {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world
            .webhook("orders/created", 900 + id, &plain_order(900 + id, &person, 1, 6))
            .await;
    }
    world.run_until_idle().await;
    let orders = world.subprofiles("Orders", &["OrderID"]);
    let mut former = Vec::new();
    world
        .copernica
        .for_each_profile("schakel", |view| former.push(view.id));
    for id in former {
        let fields = world.copernica.profile(id).unwrap();
        assert!(world.copernica.remove_profile(id));
        import(&world, fields).await;
    }
    assert_ne!(world.subprofiles("Orders", &["OrderID"]), orders);
    a_look_later(&mut world).await;
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), orders);
    assert_eq!(world.profiles().len(), 30);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_look_that_fails_holds_up_nothing_and_is_tried_again() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    let living = import_again(&world, former).await;
    world.clock.advance_ms(12 * 3_600_000);
    let before = lists(&world);
    world.fail_call(FaultKind::Overload503, 0);
    order_again(&world, 901, &customer(11, "registered", "jan@example.org", 5)).await;
    world.run_until_idle().await;
    for _ in 0..3 {
        world.clock.advance_ms(60_000);
        world.run_until_idle().await;
    }
    assert!(lists(&world) > before);
    assert_all_stand_under(&world, living);
}

/// Who asks for it needs no patience: a look at once, beside a hub, which delivers what it finds.
#[tokio::test]
async fn whoever_asks_for_a_look_gets_one_at_once() {
    let mut world = World::new().await;
    let former = one_person(&mut world).await;
    order_again(&world, 901, &customer(11, "registered", "jan@example.org", 5)).await;
    a_look_later(&mut world).await;
    assert!(look_now(&world).await.unwrap().is_empty());
    let living = import_again(&world, former).await;
    assert_eq!(look_now(&world).await.unwrap(), [1]);
    assert!(look_now(&world).await.unwrap().is_empty(), "told once");
    world.run_until_idle().await;
    assert_all_stand_under(&world, living);
    assert_eq!(last_look(&world).await, Some(world.clock.now()));
}

/// Looking into another account would find nobody, and forget everybody.
#[tokio::test]
async fn in_a_place_that_was_not_filled_nobody_is_looked_for() {
    let mut world = World::new().await;
    one_person(&mut world).await;
    let (setting, hub) = (b"elsewhere".as_slice(), &world.hub);
    hub.store.put_setting("into/copernica", setting).await.unwrap();
    let refused = look_now(&world).await.unwrap_err();
    assert!(
        matches!(refused, LookError::Sink(ConnectorError::Moved(_))),
        "{refused:?}"
    );
}

/// It is told where other ailments are, as long as it lasts; one failure alone is not.
#[tokio::test]
async fn looks_that_fail_again_and_again_are_told() {
    let mut world = World::new().await;
    one_person(&mut world).await;
    a_look_later(&mut world).await;
    let person = customer(11, "registered", "jan@example.org", 5);
    order_again(&world, 901, &person).await;
    world.run_until_idle().await;
    world.clock.advance_ms(12 * 3_600_000);
    let mut told = Vec::new();
    for _ in 0..3 {
        world.fail_call(FaultKind::Overload503, 0);
        world.run_until_idle().await;
        told.push(ailments(&world).await);
        world.clock.advance_ms(120_000);
    }
    assert_eq!(told, [vec![], vec![], vec![Ailment::Look]]);
    world.run_until_idle().await;
    assert_eq!(ailments(&world).await, []);
}

#[tokio::test]
async fn while_nothing_is_delivered_nobody_is_looked_for() {
    let mut world = World::new().await;
    one_person(&mut world).await;
    a_look_later(&mut world).await;
    let before = world.copernica.counts().calls;
    for _ in 0..5 {
        a_look_later(&mut world).await;
    }
    assert_eq!(world.copernica.counts().calls, before);
}
