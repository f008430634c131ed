//! The control port: traffic, acts, faults, and looking inside.

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use schakel_sandbox::lightspeed::Kind;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{World, open};

async fn send(world: &World, method: Method, path: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = world.shop.control().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn tell(world: &World, path: &str, body: &Value) -> Value {
    let (status, text) = send(
        world,
        Method::POST,
        &format!("/control/api/{path}"),
        &body.to_string(),
    )
    .await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_act_can_be_done_and_is_done() {
    let world = open();
    let customer = tell(&world, "acts/register", &json!({"email": "hand@example.org"})).await["id"].clone();
    assert_eq!(
        world.shop.person(customer.as_u64().unwrap()).unwrap().email(),
        "hand@example.org"
    );
    tell(
        &world,
        "acts/change_email",
        &json!({"email": "ander@example.org"}),
    )
    .await;
    tell(
        &world,
        "acts/change_customer",
        &json!({"field": "lastname", "value": "Anders"}),
    )
    .await;
    let order = tell(&world, "acts/place_order", &json!({"customer": customer})).await["id"].clone();
    for act in [
        "split_shipment",
        "pay_order",
        "ship_order",
        "refund",
        "file_return",
    ] {
        tell(&world, &format!("acts/{act}"), &json!({"order": order})).await;
    }
    let facts = world.shop.order(order.as_u64().unwrap()).unwrap();
    assert_eq!((facts.payment_status, facts.shipment_status), ("paid", "shipped"));
    for act in [
        "subscribe",
        "confirm",
        "unsubscribe",
        "fill_cart",
        "tie_cart",
        "story",
        "place_order",
        "cancel_order",
        "remove_row",
        "change_product",
        "delete_product",
        "leave_message",
        "delete_customer",
        "delete_order",
    ] {
        tell(&world, &format!("acts/{act}"), &json!({})).await;
    }
    let (status, text) = send(&world, Method::POST, "/control/api/acts/dance", "{}").await;
    assert_eq!(status, 404, "{text}");
    let (status, _) = send(
        &world,
        Method::POST,
        "/control/api/acts/pay_order",
        r#"{"order":1}"#,
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn traffic_is_started_and_stopped() {
    let world = open();
    let started = tell(
        &world,
        "traffic",
        &json!({"rate": 5000, "seed": 2, "deletions": 20}),
    )
    .await;
    assert_eq!(started["is_running"], true);
    while world.shop.counts().orders_placed < 50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        tell(&world, "traffic/stop", &json!({})).await["is_running"],
        false
    );
    let counts = world.shop.counts();
    assert!(counts.orders < counts.orders_placed, "some are deleted");
    let (status, _) = send(&world, Method::POST, "/control/api/traffic", r#"{"rate":0}"#).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn faults_are_set_and_hit() {
    let world = open();
    let set = tell(&world, "faults", &json!({"percent": {"500 before": 100}})).await;
    assert_eq!(set["percent"]["500 before"], 100.0);
    assert_eq!(world.get("/nl/shop.json").await.status, 500);
    let cleared = tell(&world, "faults", &json!({"clear": true})).await;
    assert_eq!(cleared["hits"]["500 before"], 1);
    tell(&world, "faults/next", &json!({"kind": "429", "count": 1})).await;
    assert_eq!(world.get("/nl/shop.json").await.status, 429);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    let hooks = tell(&world, "webhooks", &json!({"lose": 100})).await;
    assert_eq!(hooks["lose"], 100);
    world.hook("customers", "*", "http://127.0.0.1:9/hooks").await;
    world.customer("kwijt@example.org");
    let (_, text) = send(&world, Method::GET, "/control/api/webhooks", "").await;
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["attempts"][0]["outcome"], "lost on purpose");
    let (_, text) = send(&world, Method::GET, "/control/api/log", "").await;
    let log: Value = serde_json::from_str(&text).unwrap();
    let fault = log["calls"]
        .as_array()
        .unwrap()
        .iter()
        .find(|call| call["status"] == 429);
    assert_eq!(fault.unwrap()["fault"], "429");
}

#[tokio::test]
async fn pages_show_what_there_is() {
    let world = open();
    let customer = tell(&world, "acts/register", &json!({"lastname": "<b>Vet</b>"})).await["id"].clone();
    tell(&world, "acts/place_order", &json!({"customer": customer})).await;
    let order = world.shop.ids(Kind::Order)[0];
    for (path, wanted) in [
        ("/control/".to_owned(), "Traffic"),
        ("/control/acts".to_owned(), "Let somebody shop"),
        ("/control/records".to_owned(), "/control/records/brands"),
        ("/control/records/customers".to_owned(), "&lt;b&gt;Vet&lt;/b&gt;"),
        (format!("/control/records/orders/{order}"), "Cancel"),
        (format!("/control/records/orders/{order}/products"), "id"),
        ("/control/faults".to_owned(), "slow drip"),
        ("/control/webhooks".to_owned(), "Newest attempts"),
        ("/control/log".to_owned(), "Calls"),
    ] {
        let (status, text) = send(&world, Method::GET, &path, "").await;
        assert_eq!(status, 200, "{path}");
        assert!(text.contains(wanted), "{path}");
        assert!(!text.contains("<b>Vet"), "{path}");
    }
    let (status, _) = send(&world, Method::GET, "/control/records/nothing", "").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_past_and_switches_are_set_from_outside() {
    let world = open();
    let past = json!({"customers": 30, "orders": 50, "rows": 2, "days": 10, "seed": 3});
    let state = tell(&world, "fill", &past).await;
    assert_eq!(
        (&state["counts"]["customers"], &state["counts"]["order_rows"]),
        (&json!(30), &json!(100))
    );
    tell(&world, "switches/count", &json!({"list": "orders", "by": -1})).await;
    assert_eq!(world.get("/nl/orders/count.json").await.json()["count"], 49);
    let withdrawn = json!({"section": "orders", "read": false, "write": false});
    tell(&world, "switches/permission", &withdrawn).await;
    assert_eq!(world.get("/nl/orders.json").await.status, 403);
    let used = tell(&world, "switches/limits", &json!({"use_up": "day"})).await;
    assert_eq!(used["keys"][0]["left"][2], 0);
    assert_eq!(world.get("/nl/shop.json").await.status, 429);
    tell(&world, "switches/limits", &json!({})).await;
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    let rules = json!({"filter_time_utc": true, "deletion_body": "last record"});
    let rules = tell(&world, "switches/rules", &rules).await;
    assert_eq!(
        rules["rules"],
        json!({"filter_time_utc": true, "limit_strict": false, "refusal_status": 403,
               "deletion_body": "last record"})
    );
    let off = tell(
        &world,
        "switches/language",
        &json!({"language": "nl", "active": false}),
    )
    .await;
    assert_eq!(off["languages"], json!(["en", "de"]));
    assert_eq!(world.get("/nl/shop.json").await.status, 404);
    for (path, body) in [
        ("switches/language", r#"{"language":"xx","active":true}"#),
        (
            "switches/permission",
            r#"{"section":"kitchen","read":true,"write":true}"#,
        ),
        ("switches/limits", r#"{"use_up":"week"}"#),
        ("switches/count", r#"{"list":"orders"}"#),
        ("switches/rules", r#"{"refusal_status":500}"#),
        ("fill", r#"{"orders":100000000}"#),
    ] {
        let (status, _) = send(&world, Method::POST, &format!("/control/api/{path}"), body).await;
        assert!(status.is_client_error(), "{path}");
    }
}
