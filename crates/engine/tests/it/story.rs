//! One order's way: profile, order and rows, once, with the fewest calls.

use serde_json::json;

use crate::payloads::{NewOrder, customer, order, plain_order, quote, row};
use crate::world::World;

#[tokio::test]
async fn an_order_becomes_one_profile_with_its_order_and_rows() {
    let mut world = World::new().await;
    world.looked().await;
    let before = world.copernica.counts().calls;
    let person = customer(11, "registered", "Jan@Example.org", 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 3, 6))
        .await;
    world.run_until_idle().await;

    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0].1, "Jan@Example.org");
    assert_eq!(profiles[0].3, 11);
    assert_eq!(
        world.subprofiles("Orders", &["OrderID", "OrderNumber"]),
        [["1", "900", "ORD00900"]]
    );
    assert_eq!(
        world.subprofiles("OrderRows", &["OrderRowID", "OrderID"]).len(),
        3
    );
    // One per profile, one per order, one per row: the least there is.
    assert_eq!(world.copernica.counts().calls - before, 5);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_webhook_that_comes_twice_costs_nothing() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    let payload = plain_order(900, &person, 1, 6);
    world.webhook("orders/created", 900, &payload).await;
    world.run_until_idle().await;
    let calls = world.copernica.counts().calls;
    world.webhook("orders/created", 900, &payload).await;
    // The same content under another action is no repeat, but has nothing new to say.
    world.webhook("orders/paid", 900, &payload).await;
    world.run_until_idle().await;
    assert_eq!(world.copernica.counts().calls, calls);
    let inbox = world.inbox().await;
    assert_eq!((inbox.received, inbox.duplicate, inbox.waiting), (3, 1, 0));
}

#[tokio::test]
async fn an_older_message_that_comes_late_takes_nothing_back() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    let mut newer = plain_order(900, &person, 1, 9);
    newer["status"] = json!("completed");
    world.webhook("orders/updated", 900, &newer).await;
    world.run_until_idle().await;
    let calls = world.copernica.counts().calls;
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 1, 6))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Orders", &["Status"]), [["1", "completed"]]);
    assert_eq!(world.copernica.counts().calls, calls);
    assert_eq!(world.inbox().await.superseded, 1);
}

#[tokio::test]
async fn a_row_that_left_its_order_is_marked_whatever_arrives_first() {
    for is_late in [false, true] {
        let mut world = World::new().await;
        let person = customer(11, "registered", "jan@example.org", 5);
        let first = plain_order(900, &person, 2, 6);
        let second = plain_order(900, &person, 1, 8);
        let (a, b) = if is_late {
            (&second, &first)
        } else {
            (&first, &second)
        };
        world.webhook("orders/created", 900, a).await;
        world.run_until_idle().await;
        world.webhook("orders/updated", 900, b).await;
        world.run_until_idle().await;
        let rows = world.subprofiles("OrderRows", &["OrderRowID", "BookerzOrderRowsDeleted"]);
        assert_eq!(
            rows,
            [["1", "9000", "No"], ["1", "9001", "Yes"]],
            "late: {is_late}"
        );
    }
}

#[tokio::test]
async fn rows_get_their_picture_by_one_fetch_per_product() {
    let mut world = World::new().await;
    world.shop_has(
        "/nl/products/5.json",
        json!({"product": {"id": 5, "createdAt": "2026-05-01T00:00:00+02:00", "updatedAt": "2026-05-01T00:00:00+02:00",
            "url": "fietsbel", "title": "Fietsbel", "image": {"thumb": "https://cdn.example.org/t.jpg",
            "src": "https://cdn.example.org/f.jpg"}}}),
    );
    let person = customer(11, "registered", "jan@example.org", 5);
    for id in [900, 901] {
        let rows = vec![row(id * 10, 5), row(id * 10 + 1, 5)];
        let payload = order(&NewOrder {
            id,
            customer: Some(person.clone()),
            email: "jan@example.org".to_owned(),
            rows,
            quote: None,
            updated: 6,
            status: "new".to_owned(),
        });
        world.webhook("orders/created", id, &payload).await;
    }
    world.looked().await;
    let before = world.copernica.counts().calls;
    // The clock stands still: once the picture is there, no row waits any longer.
    world.run().await;
    let rows = world.subprofiles("OrderRows", &["ProductURL", "ThumbnailURL"]);
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter()
            .all(|row| row[1] == "fietsbel" && row[2] == "https://cdn.example.org/t.jpg")
    );
    assert_eq!(world.asked(), ["/nl/products/5.json"]);
    assert_eq!(
        world.copernica.counts().calls - before,
        1 + 2 + 4,
        "no row is sent twice for its picture"
    );
}

#[tokio::test]
async fn a_cart_is_closed_when_its_order_comes() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    world.webhook("quotes/updated", 70, &quote(70, 11, 5)).await;
    world.webhook("quotes/updated", 71, &quote(71, 0, 5)).await;
    world.run_until_idle().await;
    let fields = ["QuoteID", "BookerzQuotesDeleted"];
    assert_eq!(
        world.subprofiles("Quotes", &fields),
        [["1", "70", "No"]],
        "an anonymous cart belongs to nobody"
    );
    let payload = order(&NewOrder {
        id: 900,
        customer: Some(person),
        email: "jan@example.org".to_owned(),
        rows: vec![],
        quote: Some(quote(70, 11, 7)),
        updated: 8,
        status: "new".to_owned(),
    });
    world.webhook("orders/created", 900, &payload).await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Quotes", &fields), [["1", "70", "Yes"]]);
    assert_eq!(
        world.subprofiles("Orders", &["QuoteRecoveryHash"])[0][1],
        format!("{:032x}", 70)
    );
}

#[tokio::test]
async fn a_profile_removed_by_hand_comes_back_with_its_orders() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 2, 6))
        .await;
    world.run_until_idle().await;
    let id = world.copernica.find_profiles("schakel", "RelationID", "1")[0];
    assert!(world.copernica.remove_profile(id));
    let mut changed = customer(11, "registered", "jan@example.org", 9);
    changed["phone"] = json!("020 0000000");
    world.webhook("customers/updated", 11, &changed).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 1);
    assert_eq!(world.subprofiles("OrderRows", &["OrderID"]).len(), 2);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_new_order_under_a_profile_removed_by_hand_brings_everything_back() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 2, 6))
        .await;
    world.run_until_idle().await;
    let id = world.copernica.find_profiles("schakel", "RelationID", "1")[0];
    assert!(world.copernica.remove_profile(id));
    world.clock.advance_ms(3_600_000);
    // Nothing about the person changes, so nothing of him is written.
    world
        .webhook("orders/created", 901, &plain_order(901, &person, 1, 7))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    let orders = world.subprofiles("Orders", &["OrderID"]);
    assert_eq!(orders, [["1", "900"], ["1", "901"]]);
    assert_eq!(world.subprofiles("OrderRows", &["OrderID"]).len(), 3);
    world.assert_nothing_double();
}

#[tokio::test]
async fn a_cart_of_a_customer_that_nobody_told_of_fetches_him() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.shop_has("/nl/customers/11.json", json!({"customer": person}));
    world.webhook("quotes/updated", 70, &quote(70, 11, 5)).await;
    world.run_until_idle().await;
    assert_eq!(world.asked(), ["/nl/customers/11.json"]);
    assert_eq!(world.subprofiles("Quotes", &["QuoteID"]), [["1", "70"]]);
}

#[tokio::test]
async fn a_product_whose_stock_moves_touches_no_order() {
    let mut world = World::new().await;
    let product = |second: u32, url: &str| {
        json!({"id": 5, "createdAt": crate::payloads::at(0), "updatedAt": crate::payloads::at(second), "url": url,
            "title": "Fietsbel", "image": false})
    };
    world
        .webhook("products/updated", 5, &product(1, "fietsbel"))
        .await;
    let payload = order(&NewOrder {
        id: 900,
        customer: Some(customer(11, "registered", "jan@example.org", 5)),
        email: "jan@example.org".to_owned(),
        rows: vec![row(9000, 5)],
        quote: None,
        updated: 6,
        status: "new".to_owned(),
    });
    world.webhook("orders/created", 900, &payload).await;
    world.run_until_idle().await;
    let calls = world.copernica.counts().calls;
    world
        .webhook("products/updated", 5, &product(8, "fietsbel"))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.copernica.counts().calls, calls);
    world
        .webhook("products/updated", 5, &product(9, "fietsbel-messing"))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.copernica.counts().calls, calls + 1);
    assert_eq!(
        world.subprofiles("OrderRows", &["ProductURL"])[0][1],
        "fietsbel-messing"
    );
}

#[tokio::test]
async fn the_language_of_a_guest_is_that_of_his_newest_order_whatever_came_first() {
    for is_together in [true, false] {
        let mut world = World::new().await;
        let guest = customer(12, "guest", "gast@example.org", 4);
        world.webhook("customers/created", 12, &guest).await;
        if !is_together {
            world.run_until_idle().await;
        }
        world
            .webhook("orders/created", 900, &plain_order(900, &guest, 1, 5))
            .await;
        world.run_until_idle().await;
        assert_eq!(
            world
                .copernica
                .find_profiles("schakel", "LanguageISO2", "nl")
                .len(),
            1,
            "together: {is_together}"
        );
    }
}
