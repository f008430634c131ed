//! §9.3: writes.

use http::Method;
use schakel_sandbox::lightspeed::{Access, Buyer, Permissions, Rules};
use serde_json::Value;

use super::receiver::Receiver;
use super::{World, open, person};

async fn post(world: &World, path: &str, body: &str) -> Value {
    let answer = world.call(Method::POST, path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

/// A customer is created with an id and answered whole.
///
/// Fidelity: lightspeed-ecom.md 53 — exact
#[tokio::test]
async fn l053_a_customer_is_created() {
    let world = open();
    let body =
        r#"{"customer":{"email":"nieuw@example.org","firstname":"N","lastname":"Ieuw","isCompany":true}}"#;
    let json = post(&world, "/nl/customers.json", body).await;
    let customer = &json["customer"];
    assert_eq!(customer["type"], "registered");
    assert_eq!(customer["isCompany"], true);
    let path = format!("/nl/customers/{}.json", customer["id"]);
    assert_eq!(world.get(&path).await.json(), json);
    for needed in ["email", "firstname", "lastname"] {
        let body = body.replace(&format!("\"{needed}\""), "\"other\"");
        let refused = world.call(Method::POST, "/nl/customers.json", &body).await;
        assert_eq!(refused.status, 400, "{needed}");
    }
    assert_eq!(world.shop.counts().customers, 1);
}

/// A body without its envelope or without what is needed is refused.
///
/// Fidelity: lightspeed-ecom.md 54 — exact
#[tokio::test]
async fn l054_incomplete_bodies_are_refused() {
    let world = open();
    for body in [
        "{}",
        r#"{"email":"a@example.org"}"#,
        r#"{"customer":{"firstname":"A","lastname":"B"}}"#,
        r#"{"customer":{"firstname":"A","lastname":"B","email":"b@example.org","language":"xx"}}"#,
        "not json",
    ] {
        let answer = world.call(Method::POST, "/nl/customers.json", body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.message(), "Invalid data input");
    }
    assert_eq!(world.shop.counts().customers, 0);
}

/// An address belongs to one account.
///
/// Fidelity: lightspeed-ecom.md 55 — approximated: 422 is a choice of the reference between 400 and 422
#[tokio::test]
async fn l055_an_address_belongs_to_one_account() {
    let world = open();
    world.customer("bezet@example.org");
    world.order(Buyer::Guest(person("vrij@example.org")));
    let body =
        |email: &str| format!(r#"{{"customer":{{"firstname":"A","lastname":"B","email":"{email}"}}}}"#);
    let taken = world
        .call(Method::POST, "/nl/customers.json", &body("BEZET@example.org"))
        .await;
    assert_eq!(taken.status, 422);
    assert_eq!(taken.json()["error"]["code"], 422);
    let free = world
        .call(Method::POST, "/nl/customers.json", &body("vrij@example.org"))
        .await;
    assert_eq!(free.status, 201, "that of a guest is free");
}

/// A form with bracket names is read like JSON.
///
/// Fidelity: lightspeed-ecom.md 56 — exact
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

/// Only the field that was sent changes, and the time of change.
///
/// Fidelity: lightspeed-ecom.md 57 — exact
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

/// A deletion is answered with nothing, is final and is told.
///
/// Fidelity: lightspeed-ecom.md 58 — exact
#[tokio::test]
async fn l058_a_deletion_is_final() {
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

/// A write through the API is told like any other change.
///
/// Fidelity: lightspeed-ecom.md 83 — approximated: a choice of the reference
#[tokio::test]
async fn l083_a_write_comes_back_as_an_echo() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("customers", "updated", &receiver.address).await;
    let customer = world.customer("echo@example.org");
    let path = format!("/nl/customers/{customer}.json");
    world
        .call(Method::PUT, &path, r#"{"customer":{"phone":"1"}}"#)
        .await;
    world.shop.webhooks_idle().await;
    assert_eq!(receiver.events(), ["customers/updated"]);
    assert!(receiver.got()[0].text().contains(r#""phone":"1""#));
}

/// Codes are written and objects are read back.
///
/// Fidelity: lightspeed-ecom.md 59 — exact
#[tokio::test]
async fn l059_codes_are_written_and_objects_read() {
    let world = open();
    let customer = world.customer("code@example.org");
    let path = format!("/nl/customers/{customer}.json");
    let body = r#"{"customer":{"language":"de","addressBillingCountry":"be"}}"#;
    let json = world.call(Method::PUT, &path, body).await.json();
    assert_eq!(json["customer"]["language"]["locale"], "de_DE");
    assert_eq!(json["customer"]["addressBillingCountry"]["code3"], "bel");
    assert_eq!(json["customer"]["addressShippingCountry"]["code"], "nl");
}

/// A membership is made with links and without times.
///
/// Fidelity: lightspeed-ecom.md 60 — exact
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

/// A shipment that is shipped takes the order with it.
///
/// Fidelity: lightspeed-ecom.md 61 — approximated: how much follows is a choice of the reference
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

/// An order that is paid takes its invoice with it.
///
/// Fidelity: lightspeed-ecom.md 62 — approximated: how much follows is a choice of the reference
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

/// A credit makes a credit invoice and raises what was refunded.
///
/// Fidelity: lightspeed-ecom.md 63 — approximated: the answer's body and the sign of the amounts are not known
#[tokio::test]
async fn l063_a_credit_gives_pieces_back() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("invoices", "created", &receiver.address).await;
    let order = world.order(Buyer::Guest(person("terug@example.org")));
    let facts = world.shop.order(order).unwrap();
    let body = |count: u32| {
        format!(
            r#"{{"credit":{{"creditPayment":false,"creditShipment":false,"notifyNew":false,"updateStock":true,"orderProducts":[{{"id":{},"quantity":{count}}}]}}}}"#,
            facts.rows[1].id
        )
    };
    let path = format!("/nl/orders/{order}/credit.json");
    assert_eq!(world.call(Method::POST, &path, &body(3)).await.status, 400);
    let credit = post(&world, &path, &body(1)).await["credit"].clone();
    assert_eq!(credit["isCreditNote"], true);
    assert_eq!(credit["invoice"]["resource"]["id"], facts.invoice);
    let price = facts.rows[1].price_incl_e4 as f64 / 10_000.0;
    assert_eq!(credit["priceIncl"].as_f64(), Some(-price));
    let invoice = world
        .get(&format!("/nl/invoices/{}.json", facts.invoice))
        .await
        .json();
    assert_eq!(invoice["invoice"]["creditNote"]["resource"]["id"], credit["id"]);
    let rows = world
        .get(&format!("/nl/orders/{order}/products.json"))
        .await
        .json();
    assert_eq!(rows["orderProducts"][1]["quantityRefunded"], 1);
    let both = world
        .get(&format!("/nl/invoices.json?order={order}"))
        .await
        .json();
    assert_eq!(both["invoices"].as_array().unwrap().len(), 2);
    let items = world
        .get(&format!("/nl/invoices/{}/items.json", credit["id"]))
        .await
        .json();
    assert_eq!(items["invoiceItems"].as_array().unwrap().len(), 1);
    world.shop.webhooks_idle().await;
    assert_eq!(receiver.events(), ["invoices/created", "invoices/created"]);
}

/// A stock that is set leaves a movement of the difference.
///
/// Fidelity: lightspeed-ecom.md 64 — approximated: the channel of the movement and what is told are choices of the reference
#[tokio::test]
async fn l064_stock_moves_by_the_difference() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("variants", "updated", &receiver.address).await;
    let variant = world.shop.ids(schakel_sandbox::lightspeed::Kind::Variant)[0];
    let path = format!("/nl/variants/{variant}.json");
    let before = world.get(&path).await.json()["variant"]["stockLevel"]
        .as_i64()
        .unwrap();
    let body = r#"{"variant":{"stockLevel":4}}"#;
    let answer = world.call(Method::PUT, &path, body).await;
    assert_eq!(answer.json()["variant"]["stockLevel"], 4);
    let moved = world
        .get(&format!("/nl/variants/movements.json?variant={variant}"))
        .await
        .json();
    assert_eq!(moved["variantsMovements"][0]["stockLevelChange"], 4 - before);
    world.shop.webhooks_idle().await;
    assert_eq!(receiver.events(), ["variants/updated"]);
}

/// The same registration twice is two registrations and two deliveries.
///
/// Fidelity: lightspeed-ecom.md 65 — exact
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

fn registration(group: &str, action: &str, language: &str, address: &str) -> String {
    format!(
        r#"{{"webhook":{{"isActive":true,"itemGroup":"{group}","itemAction":"{action}","language":"{language}","format":"json","address":"{address}"}}}}"#
    )
}

/// A registration for a group that does not exist is refused.
///
/// Fidelity: lightspeed-ecom.md 66 — approximated: 400 is a choice of the reference
#[tokio::test]
async fn l066_a_group_that_does_not_exist_is_refused() {
    let world = open();
    let good = "http://127.0.0.1:9/hooks";
    for (group, action, language, address) in [
        ("checkouts", "*", "nl", good),
        ("groups", "*", "nl", good),
        ("customers", "paid", "nl", good),
        ("orders", "opened", "nl", good),
        ("orders", "*", "xx", good),
        ("orders", "*", "nl", "hooks/relative"),
    ] {
        let body = registration(group, action, language, address);
        assert_eq!(
            world.call(Method::POST, "/nl/webhooks.json", &body).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(world.get("/nl/webhooks.json").await.text, r#"{"webhooks":[]}"#);
}

/// The language of a registration may be written in capitals.
///
/// Fidelity: lightspeed-ecom.md 67 — exact
#[tokio::test]
async fn l067_a_language_may_be_written_large() {
    let world = open();
    let body = registration("orders", "paid", "NL", "http://127.0.0.1:9/hooks");
    let json = post(&world, "/nl/webhooks.json", &body).await;
    assert_eq!(json["webhook"]["language"]["code"], "nl");
    assert_eq!(json["webhook"]["language"]["locale"], "nl_NL");
}

#[tokio::test]
async fn a_registration_is_changed_and_removed() {
    let world = open();
    let body = registration("orders", "paid", "nl", "http://127.0.0.1:9/hooks");
    let json = post(&world, "/nl/webhooks.json", &body).await;
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

#[tokio::test]
async fn a_form_may_be_as_deep_as_its_json() {
    let world = open();
    let form = "set%5Bname%5D=Maten&set[options][0][name]=Maat&set[options][0][values][]=S&set[options][0][values][]=M";
    let key = world.shop.options();
    let pair = format!("{}:{}", key.api_key, key.api_secret);
    let kind = "application/x-www-form-urlencoded";
    let made = world
        .call_as(&pair, Method::POST, "/nl/sets.json", kind, form)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        made.json()["set"]["options"],
        serde_json::json!([{"name": "Maat", "values": ["S", "M"]}])
    );
}

#[tokio::test]
async fn rules_that_nobody_knows_are_chosen_while_it_runs() {
    let world = open();
    assert_eq!(world.get("/nl/orders.json?limit=1000").await.status, 200);
    world.shop.set_rules(Rules {
        is_limit_strict: true,
        refusal_status: 401,
        ..world.shop.rules()
    });
    assert_eq!(world.get("/nl/orders.json?limit=1000").await.status, 400);
    let key = world.shop.options().api_key.clone();
    world.shop.set_permissions(
        &key,
        Permissions {
            orders: Access::NONE,
            ..Permissions::default()
        },
    );
    assert_eq!(world.get("/nl/orders.json").await.status, 401);
}
