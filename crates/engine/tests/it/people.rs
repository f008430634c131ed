//! Who is one person, in the sink: guests, subscribers, merges, swaps.

use serde_json::json;

use crate::payloads::{NewOrder, customer, order, plain_order, row, subscription};
use crate::world::World;

#[tokio::test]
async fn account_guest_subscriber_and_bare_order_with_one_address_are_one_person() {
    let mut world = World::new().await;
    world.customer(11, "registered", "jan@example.org", 5).await;
    world.subscription(21, "JAN@example.org", true, 3, 3).await;
    let guest = customer(12, "guest", "Jan@Example.org", 6);
    world
        .webhook("orders/created", 900, &plain_order(900, &guest, 1, 7))
        .await;
    let bare = order(&NewOrder {
        id: 901,
        customer: None,
        email: " jan@EXAMPLE.org".to_owned(),
        rows: vec![row(9010, 0)],
        quote: None,
        updated: 7,
        status: "new".to_owned(),
    });
    world.webhook("orders/created", 901, &bare).await;
    world.run_until_idle().await;
    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!((profiles[0].2.as_str(), profiles[0].3), ("Yes", 11));
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 2);
    world.assert_nothing_double();
}

#[tokio::test]
async fn an_address_of_the_shop_itself_makes_nobody_one_person() {
    let own = ["Winkel@Example.org".to_owned()];
    let mut world = World::with(|hub| hub.blocked = hub.blocked.clone().with_own(&own)).await;
    for id in [11, 12] {
        world.customer(id, "guest", "winkel@example.org", 5).await;
    }
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 2);
}

#[tokio::test]
async fn a_person_who_turns_out_to_be_one_moves_under_the_lowest_number() {
    let mut world = World::new().await;
    let guest = customer(12, "guest", "oud@example.org", 4);
    world.subscription(21, "nieuw@example.org", true, 3, 3).await;
    world.run_until_idle().await;
    world
        .webhook("orders/created", 900, &plain_order(900, &guest, 2, 5))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 2);
    // The guest's address changes to that of the subscription: relation 2 merges into relation 1.
    world
        .webhook(
            "customers/updated",
            12,
            &customer(12, "guest", "nieuw@example.org", 9),
        )
        .await;
    world.run_until_idle().await;
    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1, "{profiles:?}");
    assert_eq!(
        (profiles[0].0, profiles[0].1.as_str(), profiles[0].3),
        (1, "nieuw@example.org", 12)
    );
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), [["1", "900"]]);
    assert_eq!(
        world.subprofiles("OrderRows", &["OrderID"]),
        [["1", "900"], ["1", "900"]]
    );
    world.assert_nothing_double();
    assert_eq!(world.hub.store.merge_count(world.hub.tenant).await.unwrap(), 1);
}

#[tokio::test]
async fn people_who_part_again_take_their_orders_along() {
    let mut world = World::new().await;
    world.subscription(21, "een@example.org", true, 3, 3).await;
    world.run_until_idle().await;
    let guest = customer(12, "guest", "twee@example.org", 4);
    world
        .webhook("orders/created", 900, &plain_order(900, &guest, 2, 5))
        .await;
    world.run_until_idle().await;
    world
        .webhook(
            "customers/updated",
            12,
            &customer(12, "guest", "een@example.org", 9),
        )
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    world
        .webhook(
            "customers/updated",
            12,
            &customer(12, "guest", "drie@example.org", 12),
        )
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 2);
    let owner = world
        .profiles()
        .into_iter()
        .find(|profile| profile.3 == 12)
        .unwrap()
        .0
        .to_string();
    assert_eq!(
        world.subprofiles("Orders", &["OrderID"]),
        [[owner.as_str(), "900"]]
    );
    assert_eq!(
        world.subprofiles("OrderRows", &["OrderID"]),
        [[owner.as_str(), "900"], [owner.as_str(), "900"]]
    );
    world.assert_nothing_double();
}

#[tokio::test]
async fn two_customers_who_swap_addresses_keep_their_numbers_in_any_order() {
    for first in [11, 12] {
        let mut world = World::new().await;
        world.customer(11, "registered", "a@example.org", 5).await;
        world.run_until_idle().await;
        world.customer(12, "registered", "b@example.org", 5).await;
        world.run_until_idle().await;
        let one = customer(11, "registered", "b@example.org", 9);
        let two = customer(12, "registered", "a@example.org", 9);
        world.shop_has("/nl/customers/11.json", json!({"customer": one}));
        world.shop_has("/nl/customers/12.json", json!({"customer": two}));
        let other = if first == 11 { (12, &two) } else { (11, &one) };
        let first = if first == 11 { (11, &one) } else { (12, &two) };
        world.webhook("customers/updated", first.0, first.1).await;
        world.run_until_idle().await;
        let swapped = [(1, "b@example.org", 11), (2, "a@example.org", 12)];
        let seen = |world: &World| {
            world
                .profiles()
                .into_iter()
                .map(|(id, email, _, customer)| (id, email, customer))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            seen(&world),
            swapped.map(|(id, email, customer)| (id, email.to_owned(), customer))
        );
        world.webhook("customers/updated", other.0, other.1).await;
        world.run_until_idle().await;
        assert_eq!(
            seen(&world),
            swapped.map(|(id, email, customer)| (id, email.to_owned(), customer))
        );
        assert_eq!(
            world.copernica.counts().rows_removed,
            0,
            "no profile was removed on the way"
        );
    }
}

#[tokio::test]
async fn accounts_that_really_share_an_address_merge_after_both_were_fetched() {
    let mut world = World::new().await;
    world.customer(11, "registered", "a@example.org", 5).await;
    world.customer(12, "registered", "b@example.org", 5).await;
    world.run_until_idle().await;
    let one = customer(11, "registered", "b@example.org", 9);
    world.webhook("customers/updated", 11, &one).await;
    world.apply().await;
    assert_eq!(world.profiles().len(), 2, "no sink hears of it before the fetch");
    world.shop_has("/nl/customers/11.json", json!({"customer": one}));
    world.shop_has(
        "/nl/customers/12.json",
        json!({"customer": customer(12, "registered", "b@example.org", 5)}),
    );
    world.run_until_idle().await;
    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1, "{profiles:?}");
    assert_eq!((profiles[0].0, profiles[0].1.as_str()), (1, "b@example.org"));
    let mut asked = world.asked();
    asked.sort();
    assert_eq!(asked, ["/nl/customers/11.json", "/nl/customers/12.json"]);
}

#[tokio::test]
async fn a_customer_who_moves_keeps_his_number_and_the_old_subscription_gets_one() {
    let mut world = World::new().await;
    world.subscription(21, "oud@example.org", true, 3, 3).await;
    world.run_until_idle().await;
    world.customer(11, "registered", "oud@example.org", 5).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    world
        .webhook(
            "customers/updated",
            11,
            &customer(11, "registered", "nieuw@example.org", 9),
        )
        .await;
    world.run_until_idle().await;
    let profiles = world.profiles();
    let of = |number: i64| profiles.iter().find(|profile| profile.0 == number).unwrap();
    assert_eq!((of(1).1.as_str(), of(1).3), ("nieuw@example.org", 11));
    assert_eq!(
        (of(2).1.as_str(), of(2).3, of(2).2.as_str()),
        ("oud@example.org", 0, "Yes")
    );
}

#[tokio::test]
async fn an_unsubscribe_is_confirmed_by_a_fetch_and_stays_a_no() {
    let mut world = World::new().await;
    world.customer(11, "registered", "jan@example.org", 5).await;
    world.subscription(21, "jan@example.org", true, 3, 3).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles()[0].2, "Yes");
    world.deleted("subscriptions", 21).await;
    world.run_until_idle().await;
    assert_eq!(world.asked(), ["/nl/subscriptions/21.json"]);
    assert_eq!(world.profiles()[0].2, "No");
    // The same old subscription told again by a late message is no proof of a new Yes.
    world
        .webhook(
            "subscriptions/updated",
            21,
            &subscription(21, "jan@example.org", true, 3, 4),
        )
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles()[0].2, "No");
}

#[tokio::test]
async fn a_deletion_that_the_shop_does_not_confirm_marks_nothing() {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    world.shop_has("/nl/customers/11.json", json!({"customer": person}));
    world.run_until_idle().await;
    world.deleted("customers", 11).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 1);
    let marks = world
        .copernica
        .find_profiles("schakel", "BookerzCustomerIsDeleted", "Yes");
    assert!(marks.is_empty());
}

#[tokio::test]
async fn an_order_of_a_customer_that_the_shop_lost_goes_by_its_address() {
    let mut world = World::new().await;
    let mut payload = plain_order(900, &customer(11, "registered", "jan@example.org", 5), 1, 6);
    payload["customer"] = json!({"resource": {"id": 11, "url": "customers/11", "link": ""}});
    world.webhook("orders/created", 900, &payload).await;
    world.run_until_idle().await;
    assert_eq!(world.asked_for("/nl/customers/11.json"), 2, "one 404 is no proof");
    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0].1, "jan@example.org");
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), [["1", "900"]]);
}
