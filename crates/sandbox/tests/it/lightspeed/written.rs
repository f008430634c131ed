//! §5: what a write may change and nothing else depends on comes back as it was sent.

use http::Method;
use schakel_sandbox::lightspeed::{Buyer, Kind};
use serde_json::{Value, json};

use super::{World, open, person};

/// Writes members of a record and expects them in the answer and when it is read.
async fn comes_back(world: &World, path: &str, envelope: &str, sent: &Value) {
    let body = json!({ envelope: sent }).to_string();
    let path = format!("/nl/{path}.json");
    let put = world.call(Method::PUT, &path, &body).await;
    assert_eq!(put.status, 200, "{path}: {}", put.text);
    for answer in [put.json(), world.get(&path).await.json()] {
        for (key, value) in sent.as_object().unwrap() {
            assert_eq!(&answer[envelope][key], value, "{path} {key}");
        }
    }
}

#[tokio::test]
async fn what_is_written_comes_back() {
    let world = open();
    let order = world.order(Buyer::Guest(person("terug@example.org")));
    let facts = world.shop.order(order).unwrap();
    let notify =
        json!({"doNotifyShipped": false, "doNotifyTrackingCode": false, "doNotifyReadyForPickup": true});
    let path = format!("shipments/{}", facts.shipment);
    comes_back(&world, &path, "shipment", &notify).await;
    let path = format!("invoices/{}", facts.invoice);
    let notify = json!({"doNotifyNew": true, "doNotifyPaid": true});
    comes_back(&world, &path, "invoice", &notify).await;
    let sent = json!({"referralId": "vriend-7", "paymentId": "pickup", "shipmentId": "core|1|2",
                      "doNotifyCancelled": true});
    comes_back(&world, &format!("orders/{order}"), "order", &sent).await;
    let customer = world.customer("vriend@example.org");
    let sent = json!({"referralId": "vriend-7"});
    comes_back(&world, &format!("customers/{customer}"), "customer", &sent).await;
    let quote = world
        .call(Method::POST, "/nl/quotes.json", r#"{"quote":{}}"#)
        .await;
    let path = format!("quotes/{}", quote.json()["quote"]["id"]);
    let sent = json!({"referralId": "vriend-7", "isLocked": true, "discountCouponCode": "LENTE10"});
    comes_back(&world, &path, "quote", &sent).await;
    let variant = world.shop.ids(Kind::Variant)[0];
    let sent = json!({"hs": "61091000", "stockTracking": "enabled", "stockAlert": 3, "oldPriceIncl": 19.95,
                      "oldPriceExcl": 16.4876, "unitUnit": "kg", "weightValue": "1.500", "weightUnit": "kg"});
    comes_back(&world, &format!("variants/{variant}"), "variant", &sent).await;
}

#[tokio::test]
async fn variants_are_found_by_their_hs_code() {
    let world = open();
    let variant = world.shop.ids(Kind::Variant)[0];
    let sent = json!({"hs": "61091000"});
    comes_back(&world, &format!("variants/{variant}"), "variant", &sent).await;
    for (code, count) in [("61091000", 1), ("7", 0)] {
        let list = world.get(&format!("/nl/variants.json?hs={code}")).await;
        assert_eq!(list.json()["variants"].as_array().unwrap().len(), count, "{code}");
    }
}

#[tokio::test]
async fn the_tax_of_a_variant_can_be_written() {
    let world = open();
    let path = format!("/nl/variants/{}.json", world.shop.ids(Kind::Variant)[0]);
    let body = r#"{"variant":{"tax":1207267,"priceExcl":100}}"#;
    let low = world.call(Method::PUT, &path, body).await.json();
    assert_eq!(low["variant"]["tax"]["resource"]["id"], 1_207_267);
    assert_eq!(low["variant"]["priceIncl"], 109);
    let unknown = world.call(Method::PUT, &path, r#"{"variant":{"tax":7}}"#).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
}
