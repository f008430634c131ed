//! §9.3: from a cart to an order through the API.

use http::Method;
use schakel_sandbox::lightspeed::Kind;
use serde_json::Value;

use super::{World, open};

/// The body of the sample checkout-create-request.json, in short.
const GUEST: &str = r#"{"mode":"guest","customer":{"email":"sam.gast@example.net","firstname":"Sam","lastname":"Gast"},
    "billing_address":{"name":"Sam Gast","address1":"Teststraat","number":"27","zipcode":"1234 AB","city":"Voorbeeldstad","country":"nl"},
    "newsletter":true}"#;

async fn open_checkout(world: &World) -> String {
    let made = world.call(Method::POST, "/nl/checkouts.json", GUEST).await;
    assert_eq!(made.status, 201, "{}", made.text);
    format!("/nl/checkouts/{}", made.json()["id"])
}

/// Brings a checkout of one product so far that it can become an order.
pub async fn ready_checkout(world: &World) -> String {
    let checkout = open_checkout(world).await;
    let goods = format!(r#"{{"variant_id":{}}}"#, world.shop.ids(Kind::Variant)[0]);
    world
        .call(Method::POST, &format!("{checkout}/products.json"), &goods)
        .await;
    let chosen = r#"{"shipment_method":"core|85518|424529","payment_method":{"id":"pickup"},"terms":1,
        "shipping_address":{"name":"Sam Gast","address1":"Teststraat","number":"27","zipcode":"1234 AB","city":"Voorbeeldstad","country":"nl"}}"#;
    let changed = world.call(Method::PUT, &format!("{checkout}.json"), chosen).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    checkout
}

/// A checkout goes from its first product to its order without envelopes.
///
/// Fidelity: lightspeed-ecom.md 68 — approximated: the keys of the errors other than those of addresses are invented
#[tokio::test]
async fn l068_a_checkout_becomes_an_order() {
    let world = open();
    let checkout = open_checkout(&world).await;
    let variant = world.shop.ids(Kind::Variant)[0];
    let goods = format!(r#"{{"variant_id":{variant},"quantity":2}}"#);
    let row = world
        .call(Method::POST, &format!("{checkout}/products.json"), &goods)
        .await;
    assert_eq!(row.status, 201, "{}", row.text);
    assert_eq!(row.json()["variant_id"], variant);
    let validate = format!("{checkout}/validate.json");
    let errors = world.get(&validate).await.json();
    assert_eq!(errors["validated"], false);
    assert_eq!(errors["errors"]["shipping_address.address1.required"], "required");
    assert_eq!(errors["errors"]["shipment_method.required"], "required");
    assert_eq!(errors["errors"]["terms.required"], "required");
    let order = format!("{checkout}/order.json");
    assert_eq!(world.call(Method::POST, &order, "").await.status, 400);
    let methods = world
        .get(&format!("{checkout}/shipment_methods.json"))
        .await
        .json();
    let chosen = format!(
        r#"{{"shipment_method":{},"payment_method":{{"id":"pickup"}},"terms":1,
            "shipping_address":{{"name":"Sam Gast","address1":"Teststraat","number":"27","zipcode":"1234 AB","city":"Voorbeeldstad","country":"nl"}}}}"#,
        methods[0]["id"]
    );
    let changed = world
        .call(Method::PUT, &format!("{checkout}.json"), &chosen)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(
        world.get(&validate).await.text,
        r#"{"validated":true,"errors":[]}"#
    );
    let made = world.call(Method::POST, &order, "").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert!(made["payment_url"].is_string() && made["payment_provider"].is_string());
    let facts = world.shop.order(made["order_id"].as_u64().unwrap()).unwrap();
    assert_eq!(facts.person.email(), "sam.gast@example.net");
    assert_eq!(facts.rows[0].quantity, 2);
    let bare = world.get(&format!("{checkout}.json")).await;
    assert!(bare.text.starts_with(r#"{"id":"#), "no envelope: {}", bare.text);
    assert_eq!(bare.json()["order_id"], made["order_id"]);
    assert_eq!(bare.json()["created_at"], "2026-05-12T15:25:37+00:00");
    let list: Value = world.get("/nl/checkouts.json").await.json();
    assert_eq!(list[0]["quote"]["id"], facts.quote.unwrap());
    assert_eq!(world.get("/nl/checkouts/count.json").await.text, r#"{"count":1}"#);
}

/// Payment methods wait for a shipment method.
///
/// Fidelity: lightspeed-ecom.md 69 — approximated: an error is a choice of the reference between an error and an empty list
#[tokio::test]
async fn l069_payment_waits_for_a_shipment_method() {
    let world = open();
    let checkout = open_checkout(&world).await;
    let payment = format!("{checkout}/payment_methods.json");
    let refused = world.get(&payment).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], 400);
    let body = r#"{"shipment_method":"core|85518|424529"}"#;
    world.call(Method::PUT, &format!("{checkout}.json"), body).await;
    assert_eq!(world.get(&payment).await.json()[1]["id"], "pickup");
}

/// A cart that is converted to an order stays readable.
///
/// Fidelity: lightspeed-ecom.md 70 — approximated: what a cart needs for it is not known
#[tokio::test]
async fn l070_a_converted_cart_stays() {
    let world = open();
    let customer = world.customer("om@example.org");
    let body = format!(r#"{{"quote":{{"customer":{customer}}}}}"#);
    let quote = world.call(Method::POST, "/nl/quotes.json", &body).await;
    assert_eq!(quote.status, 201, "{}", quote.text);
    let path = format!("/nl/quotes/{}", quote.json()["quote"]["id"]);
    let convert = format!("{path}/convert.json");
    let empty = world.call(Method::POST, &convert, r#"{"order":{}}"#).await;
    assert_eq!(empty.status, 400, "there is nothing in it");
    let variant = world.shop.ids(Kind::Variant)[0];
    let row = format!(r#"{{"quoteProduct":{{"variant":{variant},"quantity":1}}}}"#);
    let row = world
        .call(Method::POST, &format!("{path}/products.json"), &row)
        .await;
    assert_eq!(row.status, 201, "{}", row.text);
    let row = format!("{path}/products/{}.json", row.json()["quoteProduct"]["id"]);
    let more = world
        .call(Method::PUT, &row, r#"{"quoteProduct":{"quantity":3}}"#)
        .await;
    assert_eq!(more.json()["quoteProduct"]["quantity"], 3);
    let order = world.call(Method::POST, &convert, r#"{"order":{}}"#).await;
    assert_eq!(order.status, 201, "{}", order.text);
    let order = order.json();
    assert_eq!(
        order["order"]["quote"]["resource"]["id"],
        quote.json()["quote"]["id"]
    );
    let left = world.get(&format!("{path}.json")).await.json();
    assert_eq!(
        left["quote"]["recoveryHash"],
        quote.json()["quote"]["recoveryHash"]
    );
    assert_eq!(left["quote"]["productsQuantity"], 3);
}
