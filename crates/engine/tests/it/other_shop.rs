//! A key that opens another shop than the configured one: nothing is read there and nothing registered (A15).

use std::sync::Arc;

use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::{Hub, WalkSettings};
use schakel_engine::walk;
use schakel_engine::watch::Watch;
use serde_json::json;

use crate::payloads::{customer, plain_order};
use crate::world::{SHOP, SOURCE, World, lightspeed_settings};

/// The number that the configuration names by mistake.
const MISTYPED: i64 = SHOP + 1;
/// What a hub asks to learn which shop it is.
const WHO: &str = "/nl/shop.json";

/// Gives a hub whose configuration names another shop, with everything that reads on.
async fn mistaken() -> World {
    World::with(|hub: &mut Hub| {
        let source = hub.sources.get_mut(&SOURCE).unwrap();
        let mut settings = lightspeed_settings();
        settings.shop_id = MISTYPED;
        source.source = Arc::new(Lightspeed::new(settings));
        source.admission = Admission::default();
        source.walks = WalkSettings::default();
        source
            .hook_address
            .set(Some("https://hub.test/hooks/00".to_owned()));
    })
    .await
}

/// Gives a hub whose shop answers 503 from the start.
async fn down_at_start() -> World {
    let world = World::with(|hub: &mut Hub| {
        let source = hub.sources.get_mut(&SOURCE).unwrap();
        source.admission = Admission::default();
        source.walks = WalkSettings::default();
        let address = Some("https://hub.test/hooks/00".to_owned());
        source.hook_address.set(address);
    })
    .await;
    world.shop_refuses(Some((503, 1)));
    world
}

/// Lets every stage that asks the shop something take a few steps.
async fn step_all(world: &mut World, watch: &mut Watch) {
    let walking = walk::Loop::new(world.hub.clone(), SOURCE);
    for _ in 0..5 {
        walking.step().await.unwrap();
        watch.step().await.unwrap();
        world.fetch().await;
    }
}

#[tokio::test]
async fn a_key_of_another_shop_reads_nothing_and_registers_nothing() {
    let mut world = mistaken().await;
    let mut watch = Watch::new(world.hub.clone(), SOURCE);
    let person = customer(11, "registered", "jan@example.org", 5);
    world.shop_has(
        "/nl/orders/900.json",
        json!({"order": plain_order(900, &person, 1, 6)}),
    );
    world.want(RecordKind::Order, 900).await;
    for round in 1..=3 {
        step_all(&mut world, &mut watch).await;
        assert_eq!(
            world.asked(),
            vec![WHO; round],
            "one question, then silence for a while"
        );
        world.clock.advance_ms(10 * 60_000);
    }
    assert_eq!(world.inbox().await.received, 0);
    let walks = world
        .hub
        .store
        .walks(world.hub.tenant, Some(SOURCE))
        .await
        .unwrap();
    let noted = walks.iter().find(|walk| !walk.note.is_empty()).unwrap();
    assert!(
        noted.note.contains("297542") && noted.note.contains("297541"),
        "{}",
        noted.note
    );
    assert!(walks.iter().all(|walk| walk.seen == 0 && walk.calls == 0));
}

#[tokio::test]
async fn once_the_shop_is_the_configured_one_everything_goes_on() {
    let mut world = mistaken().await;
    let mut watch = Watch::new(world.hub.clone(), SOURCE);
    world.want(RecordKind::Customer, 11).await;
    step_all(&mut world, &mut watch).await;
    world.shop_has(
        WHO,
        json!({"shop": {"id": MISTYPED, "mainDomain": "shop.example.org"}}),
    );
    world.clock.advance_ms(10 * 60_000);
    step_all(&mut world, &mut watch).await;
    assert_eq!(world.asked_for(WHO), 2);
    assert!(
        world.asked_for("/nl/customers/11.json") > 0,
        "{:?}",
        world.asked()
    );
    assert!(
        world.asked_for("/nl/webhooks.json?limit=250&page=1") > 0,
        "{:?}",
        world.asked()
    );
}

#[tokio::test]
async fn a_shop_that_cannot_be_asked_yet_is_not_read_either() {
    let mut world = mistaken().await;
    let mut watch = Watch::new(world.hub.clone(), SOURCE);
    world.want(RecordKind::Customer, 11).await;
    world.shop_refuses(Some((503, 1)));
    step_all(&mut world, &mut watch).await;
    assert!(
        world.asked().iter().all(|path| path == WHO),
        "{:?}",
        world.asked()
    );
    world.shop_refuses(None);
    world.clock.advance_ms(10 * 60_000);
    step_all(&mut world, &mut watch).await;
    assert_eq!(world.asked_for("/nl/customers/11.json"), 0);
}

/// However long it was down: a person who starts it again looks at the hub in the next minute, not in a quarter of an hour.
#[tokio::test]
async fn a_shop_that_was_down_when_the_hub_started_is_read_soon_after_it_is_back() {
    let mut world = down_at_start().await;
    let mut watch = Watch::new(world.hub.clone(), SOURCE);
    world.want(RecordKind::Customer, 11).await;
    for _ in 0..60 {
        step_all(&mut world, &mut watch).await;
        world.clock.advance_ms(60_000);
    }
    assert!(world.asked().iter().all(|path| path == WHO));
    world.shop_refuses(None);
    world.clock.advance_ms(limits::RETRY_SOON_CAP_MS);
    step_all(&mut world, &mut watch).await;
    let is_asked = |world: &World, what: &str| world.asked().iter().any(|path| path.starts_with(what));
    assert_eq!(world.asked_for("/nl/customers/11.json"), 1);
    assert!(is_asked(&world, "/nl/customers.json"), "{:?}", world.asked());
    world.clock.advance_ms(60_000);
    step_all(&mut world, &mut watch).await;
    assert!(is_asked(&world, "/nl/webhooks.json"), "{:?}", world.asked());
}
