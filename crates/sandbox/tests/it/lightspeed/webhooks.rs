//! §9.4: what is told, how it is signed, and what happens when it is not taken.

use md5::{Digest, Md5};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::Buyer;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};

use super::receiver::Receiver;
use super::{keys, open, person};

/// Keys of an order in a webhook, in the order of the captured payload.
const ORDER_TAIL: [&str; 9] = [
    "language",
    "customer",
    "invoices",
    "shipments",
    "products",
    "metafields",
    "quote",
    "events",
    "giftCardsPayment",
];

#[tokio::test]
async fn l071_l072_l073_a_delivery_is_signed_and_written_like_php() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    let customer = world.customer("zoe.proef@example.org");
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let delivery = &got[0];
    assert_eq!(delivery.event(), "customers/created");
    assert_eq!(delivery.header("x-customer-id"), customer.to_string());
    assert_eq!(delivery.header("x-shop-id"), "297541");
    assert_eq!(delivery.header("x-cluster-id"), "eu1");
    assert_eq!(delivery.header("x-format"), "json");
    assert_eq!(delivery.header("x-language"), "nl");
    assert_eq!(delivery.header("x-ratelimit-reset"), "263/2063/23663");
    assert_eq!(delivery.header("content-type"), "application/json");
    let mut digest = Md5::new();
    digest.update(&delivery.body);
    digest.update(world.shop.options().api_secret.as_bytes());
    assert_eq!(delivery.header("x-signature"), hex::encode(digest.finalize()));
    let text = delivery.text();
    assert!(text.starts_with(r#"{"customer":{"id":"#));
    assert!(text.contains(r#""firstname":"Zo\u00eb""#));
    assert!(text.contains(r#""link":"http:\/\/api.webshopapp.com\/nl\/orders.json?customer="#));
    assert!(!text.contains("https:"));
}

#[tokio::test]
async fn l076_orders_carry_their_relations() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("orders", "created", &receiver.address).await;
    world.order(Buyer::Guest(person("gast@example.org")));
    world.shop.webhooks_idle().await;
    let body: serde_json::Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    let order = &body["order"];
    let keys = keys(order);
    assert!(ORDER_TAIL.iter().all(|key| keys.contains(key)), "{keys:?}");
    assert_eq!(order["customer"]["resource"]["embedded"]["type"], "guest");
    assert_eq!(
        order["products"]["resource"]["embedded"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        order["events"]["resource"]["embedded"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn traffic_places_every_order_and_every_delivery_arrives() {
    let world = open();
    let receiver = Receiver::open().await;
    for group in [
        "customers",
        "subscriptions",
        "orders",
        "quotes",
        "shipments",
        "products",
    ] {
        world.hook(group, "*", &receiver.address).await;
    }
    let mut traffic = Generator::new(&world.shop, Seed::new(1), Mix::default());
    traffic.run(300).await;
    world.shop.webhooks_idle().await;
    let counts = world.shop.webhook_counts();
    assert_eq!(world.shop.counts().orders_placed, 300);
    assert_eq!(counts.acknowledged, receiver.got().len() as u64);
    assert_eq!(counts.acknowledged, counts.queued);
    assert_eq!(counts.pending, 0);
}
