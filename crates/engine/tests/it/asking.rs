//! What the shop answers when it is asked, and what is believed of it: deletions, old answers, refusals.

use schakel_core::limits;
use schakel_core::record::RecordKind;
use serde_json::json;

use crate::payloads::{customer, subscription};
use crate::world::World;

const CUSTOMER: &str = "/nl/customers/11.json";

/// A hub that knows customer 11, and a shop that has him.
async fn one_customer() -> World {
    let mut world = World::new().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.webhook("customers/created", 11, &person).await;
    world.run_until_idle().await;
    world.shop_has(CUSTOMER, json!({ "customer": person }));
    world
}

fn is_marked(world: &World) -> bool {
    let marked = world
        .copernica
        .find_profiles("schakel", "BookerzCustomerIsDeleted", "Yes");
    !marked.is_empty()
}

#[tokio::test]
async fn one_404_marks_nothing_and_a_second_one_minutes_later_does() {
    let mut world = one_customer().await;
    world.shop_lacks(CUSTOMER);
    world.want(RecordKind::Customer, 11).await;
    world.run().await;
    world.clock.advance_ms(limits::GONE_AGAIN_MS - 1);
    // Told again, it is asked again, but that is still the same moment of weakness.
    world.want(RecordKind::Customer, 11).await;
    world.run().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (2, false));
    world.clock.advance_ms(1);
    world.run().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (3, true));
    assert_eq!(world.asked_for("/nl/shop.json"), 1, "a sign of life");
}

#[tokio::test]
async fn a_404_of_a_moment_marks_nothing_ever() {
    let mut world = one_customer().await;
    world.shop_lacks(CUSTOMER);
    world.want(RecordKind::Customer, 11).await;
    world.run().await;
    let person = customer(11, "registered", "jan@example.org", 5);
    world.shop_has(CUSTOMER, json!({ "customer": person }));
    world.run_until_idle().await;
    // The wait starts anew with the next one.
    world.shop_lacks(CUSTOMER);
    world.want(RecordKind::Customer, 11).await;
    world.run().await;
    assert!(!is_marked(&world));
}

#[tokio::test]
async fn a_deletion_that_the_shop_tells_of_needs_one_404() {
    let mut world = one_customer().await;
    world.shop_lacks(CUSTOMER);
    world.deleted("customers", 11).await;
    world.run().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (1, true));
}

#[tokio::test]
async fn a_told_deletion_that_is_not_there_yet_is_found_a_few_minutes_later() {
    let mut world = one_customer().await;
    world.deleted("customers", 11).await;
    world.run().await;
    assert!(!is_marked(&world));
    world.shop_lacks(CUSTOMER);
    world.run_until_idle().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (2, true));
}

#[tokio::test]
async fn a_shop_that_has_nothing_at_all_has_not_deleted_everybody() {
    let mut world = one_customer().await;
    for path in [CUSTOMER, "/nl/shop.json", "/nl/account/permissions.json"] {
        world.shop_lacks(path);
    }
    world.want(RecordKind::Customer, 11).await;
    for _ in 0..20 {
        world.run().await;
        world.clock.advance_ms(limits::GONE_AGAIN_MS);
    }
    assert!(!is_marked(&world));
    assert!(world.asked_for(CUSTOMER) > 3, "it goes on asking");
    world.shop_refuses(Some((401, 0)));
    world.clock.advance_ms(limits::RETRY_CAP_MS);
    world.run().await;
    assert!(!is_marked(&world));
}

#[tokio::test]
async fn who_came_back_with_an_old_time_is_found_by_asking() {
    let mut world = one_customer().await;
    world.shop_lacks(CUSTOMER);
    world.deleted("customers", 11).await;
    world.run_until_idle().await;
    assert!(is_marked(&world));
    // The shop was restored: the time of the last change lies before the deletion. The message alone undoes nothing.
    let person = customer(11, "registered", "jan@example.org", 6);
    world.webhook("customers/updated", 11, &person).await;
    world.run_until_idle().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (2, true));
    world.shop_has(CUSTOMER, json!({ "customer": person }));
    let person = customer(11, "registered", "jan@example.org", 7);
    world.webhook("customers/updated", 11, &person).await;
    world.run_until_idle().await;
    assert_eq!((world.asked_for(CUSTOMER), is_marked(&world)), (3, false));
}

#[tokio::test]
async fn asking_about_the_gone_overrules_no_younger_yes() {
    let mut world = World::new().await;
    let old = |second| subscription(21, "jan@example.org", true, 3, second);
    world.webhook("subscriptions/created", 21, &old(3)).await;
    world.deleted("subscriptions", 21).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles()[0].2, "No");
    let mut new = subscription(22, "jan@example.org", true, 3, 3);
    new["createdAt"] = json!("2026-05-12T13:00:30+02:00");
    new["updatedAt"] = new["createdAt"].clone();
    world.clock.advance_ms(60_000);
    world.webhook("subscriptions/created", 22, &new).await;
    world.run_until_idle().await;
    assert_eq!(world.profiles()[0].2, "Yes");
    world.webhook("subscriptions/updated", 21, &old(4)).await;
    world.run_until_idle().await;
    assert_eq!(world.asked_for("/nl/subscriptions/21.json"), 2);
    assert_eq!(world.profiles()[0].2, "Yes");
}

#[tokio::test]
async fn accounts_that_meet_are_confirmed_although_the_shop_answers_with_an_old_copy() {
    let mut world = one_customer().await;
    let other = customer(12, "registered", "jan@example.org", 5);
    world.shop_has("/nl/customers/12.json", json!({ "customer": other }));
    // The hub heard of a change at second 9; the copy of the shop that answers stands at second 5.
    let changed = customer(11, "registered", "jan@example.org", 9);
    world.webhook("customers/updated", 11, &changed).await;
    world.webhook("customers/created", 12, &other).await;
    world.run_until_idle().await;
    assert_eq!(world.asked_for(CUSTOMER), 1 + limits::STALE_ANSWERS as usize);
    let profiles = world.profiles();
    assert_eq!(profiles.len(), 1, "{profiles:?}");
    let counts = world.hub.store.relation_counts(world.hub.tenant).await.unwrap();
    assert_eq!(counts.unconfirmed, 0);
}

#[tokio::test]
async fn a_shop_that_asks_for_a_pause_gets_one_from_all_fetches() {
    let mut world = World::new().await;
    for id in 11..31 {
        world.want(RecordKind::Customer, id).await;
    }
    world.shop_refuses(Some((429, 60)));
    world.run().await;
    let asked = world.asked().len();
    assert!(asked <= 4, "one round of {asked} calls");
    world.clock.advance_ms(59_000);
    world.run().await;
    assert_eq!(world.asked().len(), asked);
    world.shop_refuses(None);
    world.run_until_idle().await;
    assert!(world.asked().len() >= 20);
}

#[tokio::test]
async fn a_shop_that_is_down_is_probed_by_one_call_at_a_time() {
    let mut world = World::new().await;
    world.shop_refuses(Some((503, 0)));
    for id in 0..i64::from(limits::BREAKER_FAILURES) {
        world.want(RecordKind::Customer, 11 + id).await;
        world.run().await;
        world.clock.advance_ms(1);
    }
    let asked = world.asked().len();
    for id in 91..99 {
        world.want(RecordKind::Customer, id).await;
    }
    world.run().await;
    assert_eq!(world.asked().len(), asked, "it is left alone");
    world.clock.advance_ms(2 * limits::BREAKER_MS);
    world.run().await;
    assert_eq!(world.asked().len(), asked + 1);
    world.shop_refuses(None);
    world.run_until_idle().await;
}

#[tokio::test]
async fn things_of_two_kinds_under_one_number_are_two_things() {
    let mut world = World::new().await;
    world.shop_refuses(Some((503, 0)));
    for kind in [RecordKind::Customer, RecordKind::Order] {
        world.want(kind, 11).await;
    }
    for _ in 0..limits::BREAKER_FAILURES {
        world.clock.advance_ms(limits::RETRY_CAP_MS);
        world.run().await;
    }
    let asked = world.asked().len();
    world.want(RecordKind::Customer, 12).await;
    world.run().await;
    assert_eq!(world.asked().len(), asked, "it is left alone");
}
