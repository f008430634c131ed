//! §9.4: what is told, how it is signed, and what happens when it is not taken.

use md5::{Digest, Md5};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{
    Buyer, Cart, DeletionBody, Kind, Options, ProductChange, WebhookFaults, WebhookOptions,
};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;

use super::receiver::{Received, Receiver};
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

/// Registers for customers, makes one and returns what was delivered, with the customer's id.
async fn one_delivery(world: &World) -> (Received, u64) {
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    let customer = world.customer("zoe.proef@example.org");
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    (got[0].clone(), customer)
}

/// A delivery says in its headers what it is about.
///
/// Fidelity: lightspeed-ecom.md 71 — exact
#[tokio::test]
async fn l071_a_delivery_says_what_it_is() {
    let world = open();
    let (delivery, customer) = one_delivery(&world).await;
    for (name, value) in [
        ("x-event", "customers/created"),
        ("x-customer-id", &customer.to_string()),
        ("x-shop-id", "297541"),
        ("x-cluster-id", "eu1"),
        ("x-format", "json"),
        ("x-language", "nl"),
        ("x-ratelimit-reset", "263/2063/23663"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(delivery.header(name), value, "{name}");
    }
    assert_eq!(delivery.header("x-request-id").len(), 16);
    for name in ["x-signature", "x-ratelimit-limit", "x-ratelimit-remaining"] {
        assert_ne!(delivery.header(name), "", "{name}");
    }
}

/// The signature is the MD5 of the body and the secret, of the secret alone for an empty body.
///
/// Fidelity: lightspeed-ecom.md 72 — exact
#[tokio::test]
async fn l072_the_signature_is_md5_of_body_and_secret() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    let customer = world.customer("merk@example.org");
    assert!(world.shop.delete_customer(customer));
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    for delivery in &got {
        assert_eq!(delivery.header("x-signature"), signature(&world, &delivery.body));
    }
    assert!(got.iter().any(|delivery| delivery.body.is_empty()));
}

/// A body is written the way PHP writes it, with plain links.
///
/// Fidelity: lightspeed-ecom.md 73 — exact
#[tokio::test]
async fn l073_a_body_is_written_like_php() {
    let (delivery, _) = one_delivery(&open()).await;
    let text = delivery.text();
    assert!(text.starts_with(r#"{"customer":{"id":"#) && text.is_ascii());
    assert!(text.contains(r#""firstname":"Zo\u00eb""#));
    assert!(text.contains(r#""link":"http:\/\/api.webshopapp.com\/nl\/orders.json?customer="#));
    assert!(!text.contains("https:"));
}

/// A registration for every action is told the action that happened.
///
/// Fidelity: lightspeed-ecom.md 74 — exact
#[tokio::test]
async fn l074_a_star_is_never_told() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    let customer = world.customer("ster@example.org");
    world.shop.change_email(customer, "zon@example.org");
    world.shop.delete_customer(customer);
    world.shop.webhooks_idle().await;
    let mut events = receiver.events();
    events.sort();
    assert_eq!(
        events,
        ["customers/created", "customers/deleted", "customers/updated"]
    );
}

/// The language of a delivery is that of its registration.
///
/// Fidelity: lightspeed-ecom.md 75 — exact
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
}

/// A product is told with its picture, without its id and without the list of pictures.
///
/// Fidelity: lightspeed-ecom.md 84 — exact
#[tokio::test]
async fn l084_a_product_delivery_has_no_images() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("products", "updated", &receiver.address).await;
    let product = world.shop.ids(Kind::Product)[0];
    world.shop.change_product(&ProductChange {
        product,
        url: None,
        title: None,
        has_image: Some(true),
    });
    world.shop.webhooks_idle().await;
    let body: serde_json::Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    assert_eq!(body["product"]["images"], false);
    assert!(body["product"]["image"]["src"].is_string());
    assert!(body["product"]["image"].get("id").is_none());
}

/// What is not taken is sent again, ten times at most.
///
/// Fidelity: lightspeed-ecom.md 78 — approximated: the waits between attempts are not known
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

/// A shop goes on selling while its webhooks are refused.
#[tokio::test]
async fn refused_webhooks_do_not_stop_the_traffic() {
    let mut options = hasty(10);
    options.webhooks.pending_soft_limit = 4;
    (options.webhooks.retry_wait_ms, options.webhooks.retry_wait_ms_max) = (3_600_000, 3_600_000);
    let world = open_with(options);
    let receiver = Receiver::open().await;
    world.hook("orders", "*", &receiver.address).await;
    receiver.statuses.lock().unwrap().extend([404; 1_000]);
    let (stop, stopped) = watch::channel(false);
    let mut traffic = Generator::new(&world.shop, Seed::new(6), Mix::default());
    let enough = async {
        while world.shop.counts().orders_placed < 30 {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    tokio::join!(traffic.run_rate(1_000, stopped), enough);
    assert!(world.shop.webhook_counts().pending > 4);
}

#[tokio::test]
async fn nobody_listening_is_a_failed_attempt() {
    let world = open_with(hasty(3));
    world.hook("customers", "*", "http://127.0.0.1:1/hooks").await;
    world.hook("customers", "*", "https://hub.example/hooks").await;
    world.customer("stil@example.org");
    world.shop.webhooks_idle().await;
    let counts = world.shop.webhook_counts();
    assert_eq!((counts.failed_attempts, counts.given_up), (6, 2));
}

/// A deletion names its record in a header, and its body is a switch.
///
/// Fidelity: lightspeed-ecom.md 80 — approximated: the platform's body is not known
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

/// Deliveries are doubled, reordered, lost, delayed, forged and unsigned on demand.
///
/// Fidelity: lightspeed-ecom.md 81 — exact
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
async fn delays_change_the_order() {
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
    assert!((1..=40).contains(&world.shop.webhook_counts().delayed));
}

#[tokio::test]
async fn a_stranger_sends_once_and_keeps_nothing_away() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    world.shop.set_webhook_faults(WebhookFaults {
        forged_too_percent: 100,
        ..WebhookFaults::default()
    });
    world.customer("echt@example.org");
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    let (right, wrong): (Vec<_>, Vec<_>) = got
        .iter()
        .partition(|each| each.header("x-signature") == signature(&world, &each.body));
    assert_eq!((right.len(), wrong.len()), (1, 1));
    assert!(String::from_utf8_lossy(&wrong[0].body).contains("echt@forged.example.org"));
    let counts = world.shop.webhook_counts();
    assert_eq!((counts.sent, counts.queued, counts.acknowledged), (1, 1, 1));
    assert_eq!(
        (counts.forged, counts.forgeries_refused),
        (1, 0),
        "this receiver takes everything"
    );
}

/// An inactive registration hears nothing, and too many failures may switch one off.
///
/// Fidelity: lightspeed-ecom.md 82 — approximated: whether the platform does so is not known; it is an option
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
    let mut options = hasty(1);
    options.webhooks.deactivate_after = Some(2);
    let world = open_with(options);
    let hook = world.hook("customers", "*", &receiver.address).await;
    let path = format!("/nl/webhooks/{hook}.json");
    for (n, is_active) in [(1, true), (2, false)] {
        receiver.statuses.lock().unwrap().push(500);
        world.customer(&format!("stuk.{n}@example.org"));
        world.shop.webhooks_idle().await;
        let json = world.get(&path).await.json();
        assert_eq!(json["webhook"]["isActive"], is_active, "{n}");
    }
}

/// One purchase from a cart tells of everything that it touches, each once, with the newest figures.
///
/// Fidelity: lightspeed-ecom.md 77 — approximated: the exact sequence is not known
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
    let told = async || {
        world.shop.webhooks_idle().await;
        let mut events = receiver.events();
        events.sort();
        events.dedup();
        events
    };
    let cart = world.shop.fill_cart(&Cart::default());
    assert_eq!(told().await, ["quotes/created"]);
    let order = world.order_from(Buyer::Guest(person("koop@example.org")), Some(cart));
    let expected = [
        "customers/created",
        "invoices/created",
        "orders/created",
        "products/updated",
        "quotes/created",
        "quotes/updated",
        "shipments/created",
        "variants/updated",
    ];
    assert_eq!(told().await, expected);
    let of_order = |delivery: &&Received| delivery.event() == "orders/created";
    let got = receiver.got();
    assert_eq!(got.iter().filter(of_order).count(), 1);
    let about = got.iter().find(of_order).unwrap();
    assert_eq!(about.header("x-order-id"), order.to_string());
    let body: serde_json::Value = serde_json::from_str(about.text()).unwrap();
    assert_eq!(body["order"]["quote"]["resource"]["id"], cart);
    assert!(world.shop.pay_order(order));
    let paid = told().await;
    for event in ["orders/paid", "orders/updated", "invoices/updated"] {
        assert!(paid.iter().any(|known| known == event), "{event}");
    }
}

/// An answer that comes too late counts as none; a slow one within the limit is taken.
///
/// Fidelity: lightspeed-ecom.md 79 — approximated: the platform's limit is not known; it is an option
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
    // One that takes its time is waited for, however many others were lost before.
    let slow = open();
    slow.shop
        .deliver_in_process(schakel_sandbox::door::Receiver::new(|_| async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            Some(http::StatusCode::ACCEPTED)
        }));
    slow.hook("customers", "*", "http://slow.example/hooks").await;
    slow.customer("traag@example.org");
    assert_eq!(slow.shop.deliver_due().await, 1);
    let counts = slow.shop.webhook_counts();
    assert_eq!(
        (counts.acknowledged, counts.failed_attempts, counts.pending),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn a_receiver_on_https_is_greeted_with_tls() {
    let world = open_with(hasty(1));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/hooks", listener.local_addr().unwrap());
    world.hook("customers", "*", &address).await;
    world.customer("geheim@example.org");
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut first = [0; 3];
    stream.read_exact(&mut first).await.unwrap();
    // A handshake record of TLS begins so; the certificate that never comes is a failed attempt.
    assert_eq!(first[..2], [0x16, 0x03]);
    drop(stream);
    world.shop.webhooks_idle().await;
    assert_eq!(world.shop.webhook_counts().given_up, 1);
}
