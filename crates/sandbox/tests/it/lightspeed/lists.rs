//! §9.2: lists.

use http::Method;
use schakel_sandbox::lightspeed::Buyer;
use serde_json::Value;

use super::{World, open, person};

fn crowd(world: &World, count: usize) -> Vec<u64> {
    (0..count)
        .map(|n| world.customer(&format!("lijst.{n}@example.org")))
        .collect()
}

async fn ids(world: &World, query: &str) -> Vec<u64> {
    let answer = world.get(&format!("/nl/customers.json?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    json["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn l026_l027_l028_pages_hold_fifty_and_at_most_two_hundred_and_fifty() {
    let world = open();
    let all = crowd(&world, 260);
    assert_eq!(ids(&world, "").await, all[..50]);
    assert_eq!(ids(&world, "limit=250").await, all[..250]);
    assert_eq!(ids(&world, "limit=1000").await.len(), 250);
    assert_eq!(ids(&world, "limit=250&page=2").await, all[250..]);
    assert_eq!(
        world.get("/nl/customers.json?page=9").await.text,
        r#"{"customers":[]}"#
    );
}

#[tokio::test]
async fn l029_l031_times_are_inclusive_wall_time_and_counts_obey_them() {
    let world = open();
    let early = crowd(&world, 2);
    world.wait_s(10);
    let late = crowd(&world, 1);
    assert_eq!(ids(&world, "updated_at_min=2026-05-12%2017:25:47").await, late);
    assert_eq!(ids(&world, "updated_at_max=2026-05-12+17:25:37").await, early);
    assert_eq!(
        ids(&world, "created_at_min=2026-05-12%2017:25:48").await,
        [0_u64; 0]
    );
    let count = world
        .get("/nl/customers/count.json?updated_at_min=2026-05-12%2017:25:47")
        .await;
    assert_eq!(count.text, r#"{"count":1}"#);
    assert_eq!(
        world.get("/nl/customers.json?updated_at_min=soon").await.status,
        400
    );
}

#[tokio::test]
async fn l030_since_id_is_exclusive_and_ascending() {
    let world = open();
    let all = crowd(&world, 5);
    assert_eq!(ids(&world, &format!("since_id={}", all[1])).await, all[2..]);
    assert_eq!(ids(&world, "since_id=0&limit=2").await, all[..2]);
    assert_eq!(ids(&world, &format!("since_id={}", all[4])).await, [0_u64; 0]);
}

#[tokio::test]
async fn l032_l033_records_hold_only_the_fields_asked_for() {
    let world = open();
    let customer = crowd(&world, 2)[0];
    let list = world
        .get("/nl/customers.json?fields=id,email&whatever=1&limit=1")
        .await;
    assert_eq!(
        list.text,
        format!(r#"{{"customers":[{{"id":{customer},"email":"lijst.0@example.org"}}]}}"#)
    );
    let both = world.get("/nl/customers.json?fields=email").await;
    assert_eq!(both.json()["customers"].as_array().unwrap().len(), 2);
    let one = world
        .get(&format!("/nl/customers/{customer}.json?fields=email"))
        .await;
    assert_eq!(one.text, r#"{"customer":{"email":"lijst.0@example.org"}}"#);
}

#[tokio::test]
async fn l034_an_address_finds_the_account_and_the_guest() {
    let world = open();
    let account = world.customer("Dubbel@example.org");
    world.order(Buyer::Guest(person("dubbel@EXAMPLE.org")));
    crowd(&world, 3);
    let found = ids(&world, "email=dubbel%40example.org").await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], account);
}

#[tokio::test]
async fn l035_l036_memberships_of_strangers_are_none() {
    let world = open();
    let empty = world.get("/nl/groups/customers.json?customer=999999999").await;
    assert_eq!(empty.text, r#"{"groupsCustomers":[]}"#);
    let body = r#"{"groupsCustomer":{"group":1,"customer":2}}"#;
    let refused = world.call(Method::POST, "/nl/groups/customers.json", body).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn l037_an_unknown_id_is_an_error_body() {
    let world = open();
    for path in [
        "/nl/customers/1.json",
        "/nl/orders/1/products.json",
        "/nl/customers/x.json",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json()["error"]["request"], path);
    }
}

#[tokio::test]
async fn orders_can_be_found_by_customer_number_and_status() {
    let world = open();
    let customer = world.customer("zoek@example.org");
    let first = world.order(Buyer::Customer(customer));
    world.order(Buyer::Guest(person("ander@example.org")));
    world.shop.cancel_order(first);
    let found = |json: &Value| {
        json["orders"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    for filter in [
        format!("customer={customer}"),
        "number=ORD00001".to_owned(),
        "status=cancelled".to_owned(),
    ] {
        let answer = world.get(&format!("/nl/orders.json?{filter}")).await;
        assert_eq!(found(&answer.json()), [first], "{filter}");
    }
    let shipments = world
        .get(&format!("/nl/shipments.json?order={first}"))
        .await
        .json();
    assert_eq!(shipments["shipments"].as_array().unwrap().len(), 1);
    let rows = world
        .get(&format!("/nl/orders/{first}/products/count.json"))
        .await;
    assert_eq!(rows.text, r#"{"count":2}"#);
}
