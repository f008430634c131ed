//! §9.3: writes.

use http::Method;
use schakel_sandbox::lightspeed::Buyer;
use serde_json::Value;

use super::receiver::Receiver;
use super::{World, open, person};

async fn post(world: &World, path: &str, body: &str) -> Value {
    let answer = world.call(Method::POST, path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn l053_l059_a_customer_is_created_and_codes_become_objects() {
    let world = open();
    let body = r#"{"customer":{"email":"nieuw@example.org","firstname":"N","lastname":"Ieuw",
        "language":"de","addressBillingCountry":"be","gender":"male","isCompany":true}}"#;
    let json = post(&world, "/nl/customers.json", body).await;
    let customer = &json["customer"];
    assert_eq!(customer["type"], "registered");
    assert_eq!(customer["language"]["locale"], "de_DE");
    assert_eq!(customer["addressBillingCountry"]["code3"], "bel");
    assert_eq!(customer["gender"], "male");
    assert_eq!(world.shop.counts().customers, 1);
}

#[tokio::test]
async fn l054_l055_incomplete_and_taken_are_refused() {
    let world = open();
    world.customer("bezet@example.org");
    for (body, status) in [
        (r#"{"email":"a@example.org"}"#, 400),
        (r#"{"customer":{"firstname":"A","lastname":"B"}}"#, 400),
        (
            r#"{"customer":{"firstname":"A","lastname":"B","email":"BEZET@example.org"}}"#,
            422,
        ),
        (
            r#"{"customer":{"firstname":"A","lastname":"B","email":"b@example.org","language":"xx"}}"#,
            400,
        ),
        ("not json", 400),
    ] {
        let answer = world.call(Method::POST, "/nl/customers.json", body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    assert_eq!(world.shop.counts().customers, 1);
    let empty = world.call(Method::POST, "/nl/customers.json", "{}").await;
    assert_eq!(empty.message(), "Invalid data input");
}

#[tokio::test]
async fn l056_forms_are_read_like_json() {
    let world = open();
    let options = world.shop.options();
    let pair = format!("{}:{}", options.api_key, options.api_secret);
    let body = "customer[firstname]=A+B&customer%5Blastname%5D=C&customer[email]=f%40example.org&customer[isCompany]=1";
    let kind = "application/x-www-form-urlencoded";
    let answer = world
        .call_as(&pair, Method::POST, "/nl/customers.json", kind, body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["customer"]["firstname"], "A B");
    assert_eq!(answer.json()["customer"]["isCompany"], true);
}

#[tokio::test]
async fn l057_only_the_field_that_was_sent_changes() {
    let world = open();
    let customer = world.customer("deel@example.org");
    let path = format!("/nl/customers/{customer}.json");
    let before = world.get(&path).await.json();
    world.wait_s(5);
    let answer = world
        .call(Method::PUT, &path, r#"{"customer":{"phone":"+31 6 1"}}"#)
        .await;
    assert_eq!(answer.status, 200);
    let mut after = world.get(&path).await.json();
    assert_eq!(after["customer"]["phone"], "+31 6 1");
    assert_eq!(after["customer"]["updatedAt"], "2026-05-12T17:25:42+02:00");
    after["customer"]["phone"] = before["customer"]["phone"].clone();
    after["customer"]["updatedAt"] = before["customer"]["updatedAt"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn l058_l083_a_deletion_is_told_and_final() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "*", &receiver.address).await;
    let customer = world.customer("weg@example.org");
    let path = format!("/nl/customers/{customer}.json");
    let answer = world.call(Method::DELETE, &path, "").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 404);
    world.shop.webhooks_idle().await;
    let mut events = receiver.events();
    events.sort();
    assert_eq!(events, ["customers/created", "customers/deleted"]);
}

#[tokio::test]
async fn l060_memberships_are_made_and_ended() {
    let world = open();
    let customer = world.customer("groep@example.org");
    let group =
        post(&world, "/nl/groups.json", r#"{"group":{"title":"Proef"}}"#).await["group"]["id"].to_string();
    let body = format!(r#"{{"groupsCustomer":{{"group":{group},"customer":{customer}}}}}"#);
    let json = post(&world, "/nl/groups/customers.json", &body).await;
    let membership = &json["groupsCustomer"];
    assert_eq!(membership["customer"]["resource"]["id"], customer);
    assert!(membership.get("createdAt").is_none());
    let listed = world
        .get(&format!("/nl/groups/customers.json?customer={customer}"))
        .await
        .json();
    assert_eq!(listed["groupsCustomers"].as_array().unwrap().len(), 1);
    let path = format!("/nl/groups/customers/{}.json", membership["id"]);
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(
        world.get("/nl/groups/customers/count.json").await.text,
        r#"{"count":0}"#
    );
}

#[tokio::test]
async fn l061_shipping_cascades() {
    let world = open();
    let receiver = Receiver::open().await;
    for group in ["orders", "shipments"] {
        world.hook(group, "*", &receiver.address).await;
    }
    let order = world.order(Buyer::Guest(person("pakket@example.org")));
    let shipment = world.shop.order(order).unwrap().shipment;
    let body = r#"{"shipment":{"status":"shipped","trackingCode":"3SPROEF1"}}"#;
    let path = format!("/nl/shipments/{shipment}.json");
    assert_eq!(world.call(Method::PUT, &path, body).await.status, 200);
    let facts = world.shop.order(order).unwrap();
    assert_eq!(
        (facts.shipment_status, facts.status),
        ("shipped", "completed_shipped")
    );
    assert_eq!(facts.tracking_code, "3SPROEF1");
    let rows = world
        .get(&format!("/nl/orders/{order}/products.json"))
        .await
        .json();
    assert_eq!(rows["orderProducts"][1]["quantityShipped"], 2);
    let events = world
        .get(&format!("/nl/orders/events.json?order={order}"))
        .await
        .json();
    assert_eq!(events["ordersEvents"].as_array().unwrap().len(), 5);
    world.shop.webhooks_idle().await;
    let mut told = receiver.events();
    told.sort();
    let expected = [
        "orders/created",
        "orders/shipped",
        "orders/updated",
        "shipments/created",
        "shipments/updated",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn l062_payment_cascades() {
    let world = open();
    let receiver = Receiver::open().await;
    for group in ["orders", "invoices"] {
        world.hook(group, "*", &receiver.address).await;
    }
    let order = world.order(Buyer::Guest(person("betaal@example.org")));
    let body = r#"{"order":{"paymentStatus":"paid","memo":"contant"}}"#;
    let answer = world
        .call(Method::PUT, &format!("/nl/orders/{order}.json"), body)
        .await;
    assert_eq!(answer.json()["order"]["paymentStatus"], "paid");
    assert_eq!(answer.json()["order"]["status"], "processing_awaiting_shipment");
    assert_eq!(answer.json()["order"]["memo"], "contant");
    let invoice = world.shop.order(order).unwrap().invoice;
    let invoice = world.get(&format!("/nl/invoices/{invoice}.json")).await.json();
    assert_eq!(invoice["invoice"]["status"], "paid");
    world.shop.webhooks_idle().await;
    let mut told = receiver.events();
    told.sort();
    let expected = [
        "invoices/created",
        "invoices/updated",
        "orders/created",
        "orders/paid",
        "orders/updated",
    ];
    assert_eq!(told, expected);
    let refused = r#"{"order":{"status":"sold"}}"#;
    assert_eq!(
        world
            .call(Method::PUT, &format!("/nl/orders/{order}.json"), refused)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn l064_stock_is_set() {
    let world = open();
    let variant = world.shop.ids(schakel_sandbox::lightspeed::Kind::Variant)[0];
    let body = r#"{"variant":{"stockLevel":-4,"priceIncl":12.5}}"#;
    let answer = world
        .call(Method::PUT, &format!("/nl/variants/{variant}.json"), body)
        .await;
    assert_eq!(answer.json()["variant"]["stockLevel"], -4);
    assert_eq!(answer.json()["variant"]["priceIncl"], 12.5);
}

#[tokio::test]
async fn l065_the_same_registration_twice_delivers_twice() {
    let world = open();
    let receiver = Receiver::open().await;
    let first = world.hook("customers", "created", &receiver.address).await;
    let second = world.hook("customers", "created", &receiver.address).await;
    assert_ne!(first, second);
    world.customer("dubbel@example.org");
    world.shop.webhooks_idle().await;
    assert_eq!(receiver.events(), ["customers/created", "customers/created"]);
}

#[tokio::test]
async fn l066_l067_registrations_are_checked() {
    let world = open();
    let body = |group: &str, action: &str, language: &str, address: &str| {
        format!(
            r#"{{"webhook":{{"isActive":true,"itemGroup":"{group}","itemAction":"{action}","language":"{language}","format":"json","address":"{address}"}}}}"#
        )
    };
    let good = "http://127.0.0.1:9/hooks";
    for (group, action, language, address) in [
        ("checkouts", "*", "nl", good),
        ("customers", "paid", "nl", good),
        ("orders", "opened", "nl", good),
        ("orders", "*", "xx", good),
        ("orders", "*", "nl", "hooks/relative"),
    ] {
        let body = body(group, action, language, address);
        assert_eq!(
            world.call(Method::POST, "/nl/webhooks.json", &body).await.status,
            400,
            "{body}"
        );
    }
    let json = post(&world, "/nl/webhooks.json", &body("orders", "paid", "NL", good)).await;
    assert_eq!(json["webhook"]["language"]["code"], "nl");
    let path = format!("/nl/webhooks/{}.json", json["webhook"]["id"]);
    let off = world
        .call(Method::PUT, &path, r#"{"webhook":{"isActive":false}}"#)
        .await
        .json();
    assert_eq!(off["webhook"]["isActive"], false);
    assert_eq!(off["webhook"]["itemAction"], "paid");
    assert_eq!(world.get("/nl/webhooks/count.json").await.text, r#"{"count":1}"#);
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(world.get("/nl/webhooks.json").await.text, r#"{"webhooks":[]}"#);
}

#[tokio::test]
async fn subscriptions_are_written_through_the_api() {
    let world = open();
    let body = r#"{"subscription":{"email":"Post@example.org","language":"nl","isConfirmed":false}}"#;
    let json = post(&world, "/nl/subscriptions.json", body).await;
    let path = format!("/nl/subscriptions/{}.json", json["subscription"]["id"]);
    let on = world
        .call(Method::PUT, &path, r#"{"subscription":{"isConfirmed":true}}"#)
        .await
        .json();
    assert_eq!(on["subscription"]["isConfirmed"], true);
    assert_eq!(on["subscription"]["email"], "Post@example.org");
    let refused = world
        .call(Method::POST, "/nl/subscriptions.json", r#"{"subscription":{}}"#)
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(world.get(&path).await.status, 404);
}
