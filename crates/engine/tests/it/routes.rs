//! What a route may ask for: customer groups, the hub's own order numbers, several shops as one.

use std::sync::Arc;

use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::id::ConnectionId;
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::{HookAddress, Hub, Route, SourceConnection, WalkSettings};
use serde_json::{Value, json};

use crate::payloads::{NewOrder, customer, order, plain_order, row, subscription};
use crate::world::{SHOP, SOURCE, World, lightspeed_settings};

const OTHER: (ConnectionId, i64) = (ConnectionId(3), 4711);

/// Adds the shop `shop` as the connection `id` to one scope with the first, with a route to the same sink.
fn add_shop(hub: &mut Hub, id: ConnectionId, shop: i64) {
    let first = hub.sources.get_mut(&SOURCE).unwrap();
    first.scope = 0;
    let mut settings = lightspeed_settings();
    settings.shop_id = shop;
    let second = SourceConnection {
        id,
        name: format!("shop {shop}"),
        source: Arc::new(Lightspeed::new(settings)),
        cx: first.cx.clone(),
        scope: 0,
        fetches: 4,
        ledger: first.ledger.clone(),
        walks: WalkSettings::OFF,
        hook_address: HookAddress::default(),
        admission: Admission::shown(),
    };
    hub.sources.insert(id, second);
    let route = Route {
        source: id,
        shop_id: shop,
        ..hub.routes[0].clone()
    };
    hub.routes.push(route);
}

fn groups(customer: i64, memberships: &[(i64, i64)]) -> Value {
    let link =
        |kind: &str, id: i64| json!({"resource": {"id": id, "url": format!("{kind}/{id}"), "link": ""}});
    let rows: Vec<Value> = memberships
        .iter()
        .map(|(id, group)| json!({"id": id, "group": link("groups", *group), "customer": link("customers", customer)}))
        .collect();
    json!({ "groupsCustomers": rows })
}

fn calls_for_groups(world: &World) -> Vec<String> {
    let asked = world.asked().into_iter();
    asked.filter(|path| path.contains("groups")).collect()
}

#[tokio::test]
async fn without_pictures_no_product_is_asked_for_and_no_row_waits_for_one() {
    let mut world = World::with(|hub| hub.routes[0].has_pictures = false).await;
    let placed = order(&NewOrder {
        id: 412,
        customer: None,
        email: "jan@example.org".to_owned(),
        rows: vec![row(4120, 5)],
        quote: None,
        updated: 5,
        status: "processing_awaiting_payment".to_owned(),
    });
    world.webhook("orders/created", 412, &placed).await;
    world.run().await;
    let rows = world.subprofiles("OrderRows", &["ProductTitle", "ThumbnailURL"]);
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row[2].is_empty()),
        "{rows:?}"
    );
    let products = world
        .asked()
        .into_iter()
        .filter(|path| path.contains("products/"));
    assert_eq!(products.count(), 0);
}

#[tokio::test]
async fn a_sink_to_which_no_route_leads_is_left_alone() {
    let fed = async |change: fn(&mut Hub)| World::with(change).await.hub.fed_sinks().count();
    assert_eq!(fed(|_| ()).await, 1);
    assert_eq!(
        fed(|hub| add_shop(hub, OTHER.0, OTHER.1)).await,
        1,
        "one for two shops"
    );
    assert_eq!(fed(|hub| hub.routes.clear()).await, 0);
}

const GROUP_FIELDS: [&str; 3] = ["CustomerGroupID", "GroupID", "BookerzCustomerGroupsDeleted"];

#[tokio::test]
async fn groups_cost_nothing_until_a_route_asks_for_them() {
    let mut world = World::new().await;
    world.shop_has("/nl/groups/customers.json", groups(11, &[(5, 100)]));
    let jan = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &jan).await;
    world.run_until_idle().await;
    assert!(world.asked().is_empty(), "{:?}", world.asked());
    assert!(world.subprofiles("CustomerGroups", &GROUP_FIELDS).is_empty());
}

#[tokio::test]
async fn a_membership_keeps_its_number_when_somebody_leaves_and_comes_back() {
    let mut world = World::with(|hub| hub.routes[0].has_groups = true).await;
    let said = |updated| customer(11, "registered", "jan@example.org", updated);
    world.shop_has("/nl/groups/customers.json", groups(11, &[(5, 100), (6, 200)]));
    world.webhook("customers/created", 11, &said(5)).await;
    world.run_until_idle().await;
    let rows = || [["1", "1", "100", "No"], ["1", "2", "200", "No"]];
    assert_eq!(world.subprofiles("CustomerGroups", &GROUP_FIELDS), rows());
    let call = "/nl/groups/customers.json?customer=11&limit=250&page=1";
    assert_eq!(calls_for_groups(&world), [call]);

    world.webhook("customers/updated", 11, &said(5)).await;
    let order = plain_order(900, &said(5), 1, 6);
    world.webhook("orders/created", 900, &order).await;
    world.run_until_idle().await;
    assert_eq!(calls_for_groups(&world).len(), 1, "one call for one version");

    world.shop_has("/nl/groups/customers.json", groups(11, &[(6, 200)]));
    world.clock.advance_ms(3_600_000);
    let later = |minutes: i64| {
        let mut said = said(5);
        said["updatedAt"] = json!(format!("2026-05-12T14:{minutes:02}:00+02:00"));
        said
    };
    world.webhook("customers/updated", 11, &later(0)).await;
    world.clock.advance_ms(3_600_000);
    world.run_until_idle().await;
    let left = [["1", "1", "100", "Yes"], ["1", "2", "200", "No"]];
    assert_eq!(world.subprofiles("CustomerGroups", &GROUP_FIELDS), left);

    world.shop_has("/nl/groups/customers.json", groups(11, &[(6, 200), (9, 100)]));
    let mut back = later(0);
    back["updatedAt"] = json!("2026-05-12T15:30:00+02:00");
    world.clock.advance_ms(7_200_000);
    world.webhook("customers/updated", 11, &back).await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("CustomerGroups", &GROUP_FIELDS), rows());
    assert_eq!(calls_for_groups(&world).len(), 3);
    world.assert_nothing_double();
}

#[tokio::test]
async fn groups_move_with_their_customer_and_end_with_him() {
    let mut world = World::with(|hub| hub.routes[0].has_groups = true).await;
    let letter = subscription(21, "nieuw@example.org", true, 3, 3);
    world.webhook("subscriptions/created", 21, &letter).await;
    world.run_until_idle().await;
    world.shop_has("/nl/groups/customers.json", groups(12, &[(5, 100)]));
    let jan = customer(12, "registered", "oud@example.org", 4);
    world.webhook("customers/created", 12, &jan).await;
    world.run_until_idle().await;
    let rows = world.subprofiles("CustomerGroups", &GROUP_FIELDS);
    assert_eq!(rows, [["2", "1", "100", "No"]]);
    let moved = customer(12, "registered", "nieuw@example.org", 9);
    world.webhook("customers/updated", 12, &moved).await;
    world.run_until_idle().await;
    let rows = world.subprofiles("CustomerGroups", &GROUP_FIELDS);
    assert_eq!(rows, [["1", "1", "100", "No"]]);
    world.deleted("customers", 12).await;
    world.run_until_idle().await;
    let rows = world.subprofiles("CustomerGroups", &GROUP_FIELDS);
    assert_eq!(rows, [["1", "1", "100", "Yes"]]);
}

#[tokio::test]
async fn everybodys_groups_are_never_taken_for_those_of_one() {
    let mut world = World::with(|hub| hub.routes[0].has_groups = true).await;
    world.shop_has("/nl/groups/customers.json", groups(99, &[(5, 100)]));
    let jan = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &jan).await;
    world.run().await;
    assert_eq!(calls_for_groups(&world).len(), 1);
    assert!(world.subprofiles("CustomerGroups", &GROUP_FIELDS).is_empty());
}

#[tokio::test]
async fn orders_and_rows_carry_the_hubs_number_where_a_route_says_so() {
    let mut world = World::with(|hub| {
        let preset = hub.routes[0].preset.with_hub_order_numbers();
        hub.routes[0].preset = Arc::new(preset);
    })
    .await;
    let jan = customer(11, "registered", "jan@example.org", 5);
    for (id, updated) in [(900, 6), (977, 7), (900, 8)] {
        world
            .webhook("orders/updated", id, &plain_order(id, &jan, 1, updated))
            .await;
        world.run_until_idle().await;
    }
    let orders = world.subprofiles("Orders", &["OrderID", "OrderNumber"]);
    assert_eq!(orders, [["1", "1", "ORD00900"], ["1", "2", "ORD00977"]]);
    let rows = world.subprofiles("OrderRows", &["OrderID", "OrderRowID"]);
    assert_eq!(rows, [["1", "1", "9000"], ["1", "2", "9770"]]);
    world.assert_nothing_double();
}

/// ShopID, CustomerID and SubscriberID of every profile.
fn homes(world: &World) -> Vec<[String; 3]> {
    let mut homes = Vec::new();
    world.copernica.for_each_profile(crate::world::DATABASE, |view| {
        homes.push(["ShopID", "CustomerID", "SubscriberID"].map(|name| view.get(name).unwrap().into_owned()));
    });
    homes
}

#[tokio::test]
async fn the_numbers_of_a_person_of_two_shops_come_from_one_home() {
    let mut world = World::with(|hub| add_shop(hub, OTHER.0, OTHER.1)).await;
    let letter = subscription(21, "jan@example.org", true, 3, 3);
    world.webhook("subscriptions/created", 21, &letter).await;
    world.run_until_idle().await;
    assert_eq!(homes(&world), [[SHOP.to_string(), "0".into(), "21".into()]]);

    let guest = customer(31, "guest", "jan@example.org", 4);
    world.webhook_of(OTHER, "customers/created", 31, &guest).await;
    world.run_until_idle().await;
    let at_other = ["4711".to_owned(), "31".into(), "0".into()];
    assert_eq!(homes(&world), [at_other]);

    let account = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &account).await;
    world.run_until_idle().await;
    assert_eq!(homes(&world), [[SHOP.to_string(), "11".into(), "21".into()]]);
    // Another word of the other shop takes nothing of it away.
    world
        .webhook_of(
            OTHER,
            "customers/updated",
            31,
            &customer(31, "guest", "jan@example.org", 6),
        )
        .await;
    world.run_until_idle().await;
    assert_eq!(homes(&world), [[SHOP.to_string(), "11".into(), "21".into()]]);
}
