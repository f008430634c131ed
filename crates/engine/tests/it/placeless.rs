//! A sink without a place for one kind of objects: that kind waits, all else is delivered, and nobody has to restart anything.

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::health::Ailment;
use schakel_core::id::{ConnectionId, DeliveryId};
use schakel_sandbox::copernica::At;
use serde_json::{Value, json};

use crate::carts::{CART, placed, with_everything};
use crate::payloads::{at, customer, quote};
use crate::world::{DATABASE, SINK, World};

const ROWS: At<'_> = At::Collection(DATABASE, "QuoteRows");

/// How many cart rows stand in the account, and how many rows wait for a place.
async fn rows(world: &World) -> (usize, i64) {
    let counts = world.hub.store.delivery_counts(world.hub.tenant).await.unwrap();
    let unplaced = counts
        .iter()
        .filter(|count| count.state == DeliveryState::Unplaced);
    (
        world.subprofiles("QuoteRows", &["QuoteRowID"]).len(),
        unplaced.map(|count| count.count).sum(),
    )
}

async fn ailing(world: &World) -> Vec<(ConnectionId, Ailment, String)> {
    let rows = world
        .hub
        .store
        .health(world.hub.tenant)
        .await
        .unwrap()
        .into_iter();
    rows.map(|row| (row.connection, row.ailment, row.detail))
        .collect()
}

/// Puts a cart of two rows in the shop, of the person 11, and tells of it.
async fn cart(world: &World, second: u32) {
    let link =
        |kind: &str, id: i64| json!({"resource": {"id": id, "url": format!("{kind}/{id}"), "link": ""}});
    let row = |id: i64| {
        json!({"id": id, "quantity": second, "priceExcl": 74.3388, "priceIncl": 89.95, "discountExcl": 0, "discountIncl": 0,
            "product": link("products", 5), "variant": link("variants", 6)})
    };
    let variant = json!({"id": 6, "createdAt": at(0), "updatedAt": at(1), "title": "Messing", "articleCode": "FB-1",
        "sku": "FB-1-M", "ean": "8712345678906", "image": false, "product": link("products", 5)});
    let product = json!({"id": 5, "createdAt": at(0), "updatedAt": at(1), "url": "fietsbel", "title": "Fietsbel", "image": false});
    world.shop_has("/nl/products/5.json", json!({ "product": product }));
    world.shop_has("/nl/variants/6.json", json!({ "variant": variant }));
    world.shop_has("/nl/quotes/70.json", json!({ "quote": quote(70, 11, second) }));
    let products = json!({ "quoteProducts": [row(701), row(702)] });
    world.shop_has("/nl/quotes/70/products.json", products);
    world.webhook("quotes/updated", 70, &quote(70, 11, second)).await;
}

/// Lets everything happen that happens within a minute.
async fn a_minute(world: &mut World) {
    for _ in 0..12 {
        world.run().await;
        world.clock.advance_ms(5_000);
    }
    world.run().await;
}

/// A world in which setup was made before the rows of carts were switched on, and two of them wait: those of a cart of
/// `person`.
async fn without_rows(person: &Value) -> World {
    let mut world = World::with(with_everything).await;
    world.copernica.delete(ROWS).unwrap();
    let sink = &world.hub.sinks[&SINK];
    sink.sink.connect(&sink.cx).await.unwrap();
    world.webhook("customers/created", 11, person).await;
    cart(&world, 5).await;
    a_minute(&mut world).await;
    assert_eq!(world.profiles().len(), 1);
    assert_eq!(world.subprofiles("Quotes", &CART).len(), 1, "its cart is there");
    assert_eq!(rows(&world).await, (0, 2));
    world
}

#[tokio::test]
async fn what_waits_for_a_place_goes_on_as_soon_as_setup_was_heard_of() {
    let mut world = without_rows(&customer(11, "registered", "jan@example.org", 3)).await;
    let sink = &world.hub.sinks[&SINK];
    sink.sink.setup(&sink.cx).await.unwrap();
    world.hub.sinks[&SINK].prepared.set(b"now".to_vec());
    world.run().await;
    assert_eq!(rows(&world).await, (2, 0), "no time went by");
}

// They became dead letters, and nobody could send them again.
#[tokio::test]
async fn what_waits_of_a_kind_that_is_switched_off_waits_until_it_is_switched_on_again() {
    let world = without_rows(&customer(11, "registered", "jan@example.org", 3)).await;
    let mut world = world.switched(|_| {}).await;
    a_minute(&mut world).await;
    assert_eq!(rows(&world).await, (0, 2));
    assert_eq!(ailing(&world).await, [], "nobody wants them now");
    let counts = world.hub.store.delivery_counts(world.hub.tenant).await.unwrap();
    assert!(
        counts.iter().all(|count| count.state != DeliveryState::Dead),
        "{counts:?}"
    );
    let mut world = world.switched(with_everything).await;
    a_minute(&mut world).await;
    assert_eq!(rows(&world).await, (2, 0));
    world.assert_nothing_double();
}

#[tokio::test]
async fn rows_of_carts_without_a_collection_wait_and_the_rest_is_delivered() {
    let person = customer(11, "registered", "jan@example.org", 3);
    let mut world = without_rows(&person).await;
    let told = ailing(&world).await;
    assert_eq!((told.len(), told[0].0, told[0].1), (1, SINK, Ailment::Places));
    assert!(told[0].2.contains("collection QuoteRows"), "{told:?}");

    // New things go on, what waits is changed meanwhile, and nothing is tried in vain.
    let order = placed(900, &person, 6, None);
    world.webhook("orders/created", 900, &order).await;
    cart(&world, 7).await;
    a_minute(&mut world).await;
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 1);
    assert_eq!(rows(&world).await, (0, 2));
    let store = &world.hub.store;
    let waiting = store.page_deliveries(world.hub.tenant, SINK, ObjectKind::QuoteRow, DeliveryId(0), 9);
    for row in waiting.await.unwrap() {
        let attempts = store.attempts_of(world.hub.tenant, row.id, 9).await.unwrap();
        assert_eq!(attempts, [], "nothing is tried in vain");
    }

    // `schakel setup` is another process; the hub sees what it made by itself.
    let sink = &world.hub.sinks[&SINK];
    sink.sink.setup(&sink.cx).await.unwrap();
    world.clock.advance_ms(240_000);
    a_minute(&mut world).await;
    assert_eq!(rows(&world).await, (2, 0));
    assert_eq!(ailing(&world).await, []);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_collection_that_is_removed_meanwhile_holds_up_its_rows_only() {
    let mut world = World::with(with_everything).await;
    let person = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &person).await;
    cart(&world, 5).await;
    world.run_until_idle().await;
    assert_eq!(rows(&world).await, (2, 0));
    world.copernica.delete(ROWS).unwrap();
    cart(&world, 7).await;
    a_minute(&mut world).await;
    world
        .webhook("orders/created", 900, &placed(900, &person, 6, None))
        .await;
    a_minute(&mut world).await;
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 1);
    assert_eq!(rows(&world).await, (0, 2));
    let told = ailing(&world).await;
    assert_eq!((told.len(), told[0].1), (1, Ailment::Places), "{told:?}");
}
