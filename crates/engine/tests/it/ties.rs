//! Two payloads of one second that differ: the shop is asked, once, which of them is true (docs/adr/0009).

use schakel_core::limits;
use schakel_core::record::RecordKind;
use serde_json::{Value, json};

use crate::payloads::{customer, plain_order, quote};
use crate::world::World;

const ORDER: &str = "/nl/orders/900.json";
const CART: &str = "/nl/quotes/70.json";

/// The order 900 of the sixth second with a status.
fn payload(status: &str) -> Value {
    let mut order = plain_order(900, &customer(11, "registered", "jan@example.org", 5), 1, 6);
    order["status"] = json!(status);
    order
}

fn shop_says(world: &World, status: &str) {
    let order = payload(status);
    let rows = order["products"]["resource"]["embedded"].clone();
    world.shop_has(ORDER, json!({ "order": order }));
    world.shop_has("/nl/orders/900/products.json", json!({ "orderProducts": rows }));
}

fn statuses(world: &World) -> Vec<Vec<String>> {
    world.subprofiles("Orders", &["Status"])
}

// The digest of the content decided, and the account kept the status before the last until a sweep came.
#[tokio::test]
async fn the_shop_decides_between_payloads_of_one_second_whatever_their_order() {
    let burst = ["processing_awaiting_shipment", "completed_shipped", "completed"];
    for turn in 0..burst.len() {
        for truth in burst {
            let mut world = World::new().await;
            shop_says(&world, truth);
            for nth in 0..burst.len() {
                let status = burst[(turn + nth) % burst.len()];
                world.webhook("orders/updated", 900, &payload(status)).await;
                world.clock.advance_ms(100);
                world.run().await;
            }
            assert_eq!(world.asked_for(ORDER), 0, "the second is not over yet");
            world.clock.advance_ms(limits::TIE_MS);
            world.run_until_idle().await;
            assert_eq!(statuses(&world), [["1", truth]]);
            assert_eq!(world.asked_for(ORDER), 1, "a burst costs one question");
        }
    }
}

#[tokio::test]
async fn a_payload_that_comes_after_the_answer_of_its_second_is_no_last_word() {
    let mut world = World::new().await;
    shop_says(&world, "completed_shipped");
    for status in ["processing_awaiting_shipment", "completed_shipped"] {
        world.webhook("orders/updated", 900, &payload(status)).await;
    }
    world.run_until_idle().await;
    // What the answer said already costs nothing.
    world
        .webhook("orders/shipped", 900, &payload("completed_shipped"))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.asked_for(ORDER), 1);
    shop_says(&world, "cancelled");
    world.webhook("orders/updated", 900, &payload("cancelled")).await;
    world.run_until_idle().await;
    assert_eq!(statuses(&world), [["1", "cancelled"]]);
    assert_eq!(world.asked_for(ORDER), 2);
}

/// Lets the hub ask for the order, and the shop answer what it says now; the answer is under way.
async fn ask(world: &mut World) {
    world.want(RecordKind::Order, 900).await;
    world.clock.advance_ms(100);
    assert_eq!(world.fetching.step().await.unwrap(), 1);
    world.fetching.until_answer().await;
    world.clock.advance_ms(100);
}

// It outranked the payload of the change that it had not seen, until the thing changed again.
#[tokio::test]
async fn an_answer_that_was_asked_for_before_a_payload_of_its_second_is_no_last_word() {
    let mut world = World::new().await;
    let (made, paid) = ("processing_awaiting_payment", "processing_awaiting_shipment");
    world.webhook("orders/created", 900, &payload(made)).await;
    world.apply().await;
    shop_says(&world, made);
    ask(&mut world).await;
    shop_says(&world, paid);
    world.webhook("orders/paid", 900, &payload(paid)).await;
    world.apply().await;
    world.fetching.end().await.unwrap();
    world.run().await;
    assert_eq!(world.asked_for(ORDER), 1, "the second is not over yet");
    world.clock.advance_ms(limits::TIE_MS);
    world.run_until_idle().await;
    assert_eq!(statuses(&world), [["1", paid]]);
    assert_eq!(world.asked_for(ORDER), 2);
}

#[tokio::test]
async fn an_answer_that_was_asked_for_after_the_payloads_of_its_second_is_the_last_word() {
    let mut world = World::new().await;
    world
        .webhook("orders/paid", 900, &payload("processing_awaiting_shipment"))
        .await;
    world.apply().await;
    shop_says(&world, "cancelled");
    ask(&mut world).await;
    world.run_until_idle().await;
    assert_eq!(statuses(&world), [["1", "cancelled"]]);
    assert_eq!(world.asked_for(ORDER), 1);
}

// The answer for the rows says of the cart what a payload said: it is no younger than that.
#[tokio::test]
async fn rows_that_are_read_for_a_payload_make_it_no_later_word() {
    let mut world = World::with(crate::carts::with_everything).await;
    world.customer(11, "registered", "jan@example.org", 3).await;
    let made = quote(70, 11, 6);
    let mut changed = made.clone();
    changed["recoveryHash"] = json!("f".repeat(32));
    world.shop_has(CART, json!({ "quote": changed }));
    world.shop_has("/nl/quotes/70/products.json", json!({ "quoteProducts": [] }));
    world.webhook("quotes/created", 70, &made).await;
    world.apply().await;
    world.clock.advance_ms(100);
    world.webhook("quotes/updated", 70, &changed).await;
    world.clock.advance_ms(100);
    assert_eq!(world.fetching.step().await.unwrap(), 1, "the rows");
    world.fetching.until_answer().await;
    world.apply().await;
    world.fetching.end().await.unwrap();
    world.run_until_idle().await;
    let url = format!("https://shop.example.org/cart/recover/{}", "f".repeat(32));
    assert_eq!(world.subprofiles("Quotes", &["RecoveryURL"]), [["1", &url]]);
    assert_eq!(world.asked_for(CART), 1, "as a whole, once");
}

#[tokio::test]
async fn what_can_be_ordered_costs_no_question() {
    let mut world = World::new().await;
    world
        .webhook("orders/created", 900, &payload("processing_awaiting_payment"))
        .await;
    world.webhook("orders/paid", 900, &payload("completed")).await;
    world.webhook("orders/updated", 900, &payload("completed")).await;
    world.run_until_idle().await;
    assert_eq!(statuses(&world), [["1", "completed"]]);
    // A later second in the same batch decides by itself.
    let mut newer = payload("completed_shipped");
    newer["updatedAt"] = json!(crate::payloads::at(8));
    world.webhook("orders/updated", 900, &payload("cancelled")).await;
    world.webhook("orders/updated", 900, &newer).await;
    world.run_until_idle().await;
    assert_eq!(statuses(&world), [["1", "completed_shipped"]]);
    assert!(world.asked().is_empty(), "{:?}", world.asked());
}
