//! §9.4: what is told, how it is signed, and what happens when it is not taken.

use md5::{Digest, Md5};
use schakel_sandbox::lightspeed::{
    Buyer, DeletionBody, Kind, Options, ProductChange, WebhookFaults, WebhookOptions,
};

use super::receiver::Receiver;
use super::{World, open, open_with, person, subscription};

fn signature(world: &World, body: &[u8]) -> String {
    let mut digest = Md5::new();
    digest.update(body);
    digest.update(world.shop.options().api_secret.as_bytes());
    hex::encode(digest.finalize())
}

fn hasty(attempts_max: u8) -> Options {
    let webhooks = WebhookOptions {
        attempts_max,
        retry_wait_ms: 1,
        retry_wait_ms_max: 2,
        ..WebhookOptions::default()
    };
    Options {
        webhooks,
        limits: [1_000; 3],
        per_second: 1_000,
        ..Options::default()
    }
}

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
    for (name, value) in [
        ("x-event", "customers/created"),
        ("x-customer-id", &customer.to_string()),
        ("x-shop-id", "297541"),
        ("x-cluster-id", "eu1"),
        ("x-format", "json"),
        ("x-language", "nl"),
        ("x-ratelimit-reset", "263/2063/23663"),
        ("content-type", "application/json"),
        ("x-signature", &signature(&world, &delivery.body)),
    ] {
        assert_eq!(delivery.header(name), value, "{name}");
    }
    assert_eq!(delivery.header("x-request-id").len(), 16);
    let text = delivery.text();
    assert!(text.starts_with(r#"{"customer":{"id":"#) && text.is_ascii());
    assert!(text.contains(r#""firstname":"Zo\u00eb""#));
    assert!(text.contains(r#""link":"http:\/\/api.webshopapp.com\/nl\/orders.json?customer="#));
    assert!(!text.contains("https:"));
}

#[tokio::test]
async fn l075_the_language_is_that_of_the_registration() {
    let world = open();
    let receiver = Receiver::open().await;
    let hook = world.hook("products", "updated", &receiver.address).await;
    let path = format!("/nl/webhooks/{hook}.json");
    world
        .call(http::Method::PUT, &path, r#"{"webhook":{"language":"de"}}"#)
        .await;
    let product = world.shop.ids(Kind::Product)[0];
    world.shop.change_product(&ProductChange {
        product,
        url: None,
        title: None,
        has_image: Some(true),
    });
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    let german = world.get(&format!("/de/products/{product}.json")).await.json();
    let body: serde_json::Value = serde_json::from_slice(&got[0].body).unwrap();
    assert_eq!(got[0].header("x-language"), "de");
    assert_eq!(body["product"]["title"], german["product"]["title"]);
    assert_eq!(body["product"]["images"], false, "l084");
    assert!(body["product"]["image"].get("id").is_none(), "l084");
}

#[tokio::test]
async fn l078_what_is_not_taken_is_sent_again_until_it_is_given_up() {
    let world = open_with(hasty(10));
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    receiver.statuses.lock().unwrap().extend([503, 404, 500]);
    world.customer("nogmaals@example.org");
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|each| each.body == got[0].body));
    assert!(
        got.iter()
            .all(|each| each.header("x-request-id") == got[0].header("x-request-id"))
    );
    let counts = world.shop.webhook_counts();
    assert_eq!(
        (counts.sent, counts.acknowledged, counts.failed_attempts),
        (4, 1, 3)
    );
    receiver.statuses.lock().unwrap().extend([500; 10]);
    world.customer("nooit@example.org");
    world.shop.webhooks_idle().await;
    let counts = world.shop.webhook_counts();
    assert_eq!((counts.sent, counts.given_up, counts.pending), (14, 1, 0));
}

#[tokio::test]
async fn l078_nobody_listening_is_a_failed_attempt() {
    let world = open_with(hasty(3));
    world.hook("customers", "*", "http://127.0.0.1:1/hooks").await;
    world.hook("customers", "*", "https://hub.example/hooks").await;
    world.customer("stil@example.org");
    world.shop.webhooks_idle().await;
    let counts = world.shop.webhook_counts();
    assert_eq!((counts.failed_attempts, counts.given_up), (6, 2));
}

#[tokio::test]
async fn l080_the_body_of_a_deletion_is_a_switch() {
    for (deletion_body, start) in [
        (DeletionBody::Empty, ""),
        (DeletionBody::EmptyList, "[]"),
        (DeletionBody::LastRecord, r#"{"subscription":{"id":"#),
    ] {
        let webhooks = WebhookOptions {
            deletion_body,
            ..WebhookOptions::default()
        };
        let world = open_with(Options {
            webhooks,
            ..Options::default()
        });
        let receiver = Receiver::open().await;
        world.hook("subscriptions", "deleted", &receiver.address).await;
        let id = world.shop.subscribe(subscription("uit@example.org"));
        assert!(world.shop.unsubscribe(id));
        world.shop.webhooks_idle().await;
        let got = receiver.got();
        assert!(got[0].text().starts_with(start), "{deletion_body:?}");
        assert_eq!(got[0].header("x-subscription-id"), id.to_string());
        assert_eq!(got[0].header("x-signature"), signature(&world, &got[0].body));
        assert_eq!(got.len(), 1);
    }
}

#[tokio::test]
async fn l081_faults_of_deliveries() {
    let none = WebhookFaults::default();
    let all = 100;
    let lost = WebhookFaults {
        lost_percent: all,
        ..none
    };
    let duplicated = WebhookFaults {
        duplicated_percent: all,
        ..none
    };
    let delayed = WebhookFaults {
        delayed_percent: all,
        delay_ms_max: 3,
        ..none
    };
    let twice = WebhookFaults {
        send_twice: true,
        ..none
    };
    let wrong = WebhookFaults {
        wrong_signature_percent: all,
        ..none
    };
    let unsigned = WebhookFaults {
        unsigned_percent: all,
        ..none
    };
    for (faults, copies, is_signed) in [
        (lost, 0, true),
        (duplicated, 2, true),
        (delayed, 1, true),
        (twice, 2, true),
        (wrong, 1, false),
        (unsigned, 1, false),
    ] {
        let world = open();
        let receiver = Receiver::open().await;
        world.hook("customers", "*", &receiver.address).await;
        world.shop.set_webhook_faults(faults);
        world.customer("fout@example.org");
        world.shop.webhooks_idle().await;
        let got = receiver.got();
        assert_eq!(got.len(), copies, "{faults:?}");
        for each in got {
            let is_right = each.header("x-signature") == signature(&world, &each.body);
            assert_eq!(is_right, is_signed, "{faults:?}");
            assert_eq!(
                each.headers.contains_key("x-signature"),
                faults.unsigned_percent == 0
            );
        }
    }
}

#[tokio::test]
async fn l081_delays_change_the_order() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    world.shop.set_webhook_faults(WebhookFaults {
        delayed_percent: 50,
        delay_ms_max: 40,
        ..WebhookFaults::default()
    });
    let ids: Vec<String> = (0..40)
        .map(|n| world.customer(&format!("rij.{n}@example.org")).to_string())
        .collect();
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    let mut order: Vec<&str> = got.iter().map(|each| each.header("x-customer-id")).collect();
    assert_ne!(order, ids);
    order.sort_unstable();
    assert_eq!(order, ids);
}

#[tokio::test]
async fn l082_an_inactive_registration_is_silent() {
    let world = open();
    let receiver = Receiver::open().await;
    let hook = world.hook("customers", "*", &receiver.address).await;
    let path = format!("/nl/webhooks/{hook}.json");
    world
        .call(http::Method::PUT, &path, r#"{"webhook":{"isActive":false}}"#)
        .await;
    world.customer("stil@example.org");
    world.shop.webhooks_idle().await;
    assert_eq!(receiver.got().len(), 0);
}

#[tokio::test]
async fn l077_one_purchase_tells_of_everything_it_touches() {
    let options = Options {
        products_with_stock_percent: 100,
        ..hasty(3)
    };
    let world = open_with(options);
    let receiver = Receiver::open().await;
    let groups = [
        "quotes",
        "customers",
        "orders",
        "invoices",
        "shipments",
        "products",
        "variants",
    ];
    for group in groups {
        world.hook(group, "*", &receiver.address).await;
    }
    world.order(Buyer::Guest(person("koop@example.org")));
    world.shop.webhooks_idle().await;
    let mut events = receiver.events();
    events.sort();
    events.dedup();
    let expected = [
        "customers/created",
        "invoices/created",
        "orders/created",
        "products/updated",
        "shipments/created",
        "variants/updated",
    ];
    assert_eq!(events, expected);
}

/// The receiver accepts the connection and then says nothing.
#[tokio::test]
async fn l079_an_answer_that_never_comes_is_a_failed_attempt() {
    let webhooks = WebhookOptions {
        timeout_ms: 5,
        attempts_max: 1,
        ..WebhookOptions::default()
    };
    let world = open_with(Options {
        webhooks,
        ..Options::default()
    });
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hooks", silent.local_addr().unwrap());
    world.hook("customers", "*", &address).await;
    world.customer("stil@example.org");
    world.shop.webhooks_idle().await;
    let counts = world.shop.webhook_counts();
    assert_eq!((counts.sent, counts.failed_attempts, counts.given_up), (1, 1, 1));
}
