//! §9.2: lists.

use http::Method;
use schakel_sandbox::lightspeed::{Buyer, Options};
use serde_json::Value;

use super::{World, open, open_with, person};

fn crowd(world: &World, count: usize) -> Vec<u64> {
    crowd_from(world, 0, count)
}

fn crowd_from(world: &World, first: usize, count: usize) -> Vec<u64> {
    (first..first + count)
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

/// A list holds fifty records unless asked otherwise.
///
/// Fidelity: lightspeed-ecom.md 26 — exact
#[tokio::test]
async fn l026_a_list_holds_fifty() {
    let world = open();
    let all = crowd(&world, 60);
    assert_eq!(ids(&world, "").await, all[..50]);
    assert_eq!(ids(&world, "page=2").await, all[50..]);
}

/// A page holds two hundred and fifty records at most.
///
/// Fidelity: lightspeed-ecom.md 27 — approximated: shortened, or refused by switch: what the platform does is not known
#[tokio::test]
async fn l027_a_page_holds_two_hundred_and_fifty_at_most() {
    let world = open();
    let all = crowd(&world, 260);
    assert_eq!(ids(&world, "limit=250").await, all[..250]);
    assert_eq!(ids(&world, "limit=1000").await, all[..250]);
    assert_eq!(ids(&world, "limit=250&page=2").await, all[250..]);
    let world = open_with(Options {
        is_limit_strict: true,
        ..Options::default()
    });
    assert_eq!(world.get("/nl/customers.json?limit=251").await.status, 400);
    assert_eq!(world.get("/nl/customers.json?limit=250").await.status, 200);
}

/// A page beyond the end is an empty list.
///
/// Fidelity: lightspeed-ecom.md 28 — exact
#[tokio::test]
async fn l028_a_page_beyond_the_end_is_empty() {
    let world = open();
    crowd(&world, 2);
    assert_eq!(
        world.get("/nl/customers.json?page=9").await.text,
        r#"{"customers":[]}"#
    );
}

/// A count obeys the filters of its list.
///
/// Fidelity: lightspeed-ecom.md 29 — exact
#[tokio::test]
async fn l029_a_count_obeys_the_filters() {
    let world = open();
    crowd(&world, 2);
    world.wait_s(10);
    crowd_from(&world, 2, 1);
    for (query, count) in [
        ("", 3),
        ("?updated_at_min=2026-05-12%2017:25:47", 1),
        ("?email=lijst.0%40example.org", 1),
        ("?created_at_max=2026-05-12%2017:25:37", 2),
    ] {
        let answer = world.get(&format!("/nl/customers/count.json{query}")).await;
        assert_eq!(answer.text, format!(r#"{{"count":{count}}}"#), "{query}");
    }
}

/// Bounds of time are inclusive and in the shop's wall time, or in UTC by switch.
///
/// Fidelity: lightspeed-ecom.md 31 — approximated: the zone is not known
#[tokio::test]
async fn l031_times_are_inclusive_wall_time_or_utc() {
    let world = open();
    let early = crowd(&world, 2);
    world.wait_s(10);
    let late = crowd_from(&world, 2, 1);
    assert_eq!(ids(&world, "updated_at_min=2026-05-12%2017:25:47").await, late);
    assert_eq!(ids(&world, "updated_at_max=2026-05-12+17:25:37").await, early);
    assert_eq!(
        ids(&world, "created_at_min=2026-05-12%2017:25:48").await,
        [0_u64; 0]
    );
    assert_eq!(
        world.get("/nl/customers.json?updated_at_min=soon").await.status,
        400
    );
    let world = open_with(Options {
        is_filter_time_utc: true,
        ..Options::default()
    });
    crowd(&world, 1);
    assert_eq!(ids(&world, "updated_at_min=2026-05-12%2015:25:37").await.len(), 1);
    assert_eq!(ids(&world, "updated_at_min=2026-05-12%2015:25:38").await.len(), 0);
}

/// Records after an id come in ascending order without that id.
///
/// Fidelity: lightspeed-ecom.md 30 — approximated: the order is a choice of the reference
#[tokio::test]
async fn l030_since_id_is_exclusive_and_ascending() {
    let world = open();
    let all = crowd(&world, 5);
    assert_eq!(ids(&world, &format!("since_id={}", all[1])).await, all[2..]);
    assert_eq!(ids(&world, "since_id=0&limit=2").await, all[..2]);
    assert_eq!(ids(&world, &format!("since_id={}", all[4])).await, [0_u64; 0]);
}

/// Records hold only the fields that were asked for.
///
/// Fidelity: lightspeed-ecom.md 32 — exact
#[tokio::test]
async fn l032_records_hold_only_the_fields_asked_for() {
    let world = open();
    let customer = crowd(&world, 2)[0];
    let list = world.get("/nl/customers.json?fields=id,email&limit=1").await;
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

/// A parameter nobody knows is ignored.
///
/// Fidelity: lightspeed-ecom.md 33 — approximated: a choice of the reference
#[tokio::test]
async fn l033_an_unknown_parameter_is_ignored() {
    let world = open();
    let all = crowd(&world, 2);
    assert_eq!(ids(&world, "whatever=1&order_by=email").await, all);
}

/// An address finds every record that has it, in any case.
///
/// Fidelity: lightspeed-ecom.md 34 — approximated: ignoring case is a choice of the reference
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

/// The memberships of a stranger are an empty list.
///
/// Fidelity: lightspeed-ecom.md 35 — exact
#[tokio::test]
async fn l035_memberships_of_a_stranger_are_none() {
    let world = open();
    let empty = world.get("/nl/groups/customers.json?customer=999999999").await;
    assert_eq!(empty.text, r#"{"groupsCustomers":[]}"#);
}

/// A membership of strangers is refused.
///
/// Fidelity: lightspeed-ecom.md 36 — approximated: the status is only known to be one of 4xx
#[tokio::test]
async fn l036_a_membership_of_strangers_is_refused() {
    let world = open();
    let customer = crowd(&world, 1)[0];
    let group = world.get("/nl/groups.json").await.json()["groups"][0]["id"].to_string();
    for (group, customer) in [("1", "2"), (&group, "2"), ("1", &customer.to_string())] {
        let body = format!(r#"{{"groupsCustomer":{{"group":{group},"customer":{customer}}}}}"#);
        let refused = world.call(Method::POST, "/nl/groups/customers.json", &body).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"]["code"], 400);
    }
}

/// An unknown id gets an error body.
///
/// Fidelity: lightspeed-ecom.md 37 — exact
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
