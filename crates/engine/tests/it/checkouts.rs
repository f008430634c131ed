//! Stories of carts that name no customer, and of the checkouts that tell whose they are.

use serde_json::{Value, json};

use crate::carts::{CART, Message, ends_alike, ends_alike_in, placed, say};
use crate::payloads::{at, customer, quote, subscription};
use crate::world::World;

/// A checkout of a cart, last changed at a second, by whom `who` says.
fn checkout(id: i64, cart: i64, second: u32, who: &Value) -> Message {
    let mut said = json!({"id": id, "created_at": at(1), "updated_at": at(second), "order_id": "", "step": "customer",
        "customer": {"id": "", "email": ""}, "quote": {"id": cart.to_string()}});
    for (key, value) in who.as_object().unwrap() {
        match key.as_str() {
            "order_id" => said[key] = value.clone(),
            _ => said["customer"][key] = value.clone(),
        }
    }
    ("checkouts", id, said)
}

fn cart(id: i64) -> Message {
    ("quotes/created", id, quote(id, 0, 5))
}

fn person(id: i64, email: &str, second: u32) -> Message {
    ("customers/updated", id, customer(id, "registered", email, second))
}

/// The carts that are shown as open.
fn is_open(row: &[String]) -> bool {
    row[1] == "No"
}

async fn told(world: &mut World, messages: &[Message]) -> Vec<Vec<String>> {
    for message in messages {
        say(world, message).await;
    }
    world.run_until_idle().await;
    world.subprofiles("Quotes", &CART)
}

#[tokio::test]
async fn a_checkout_brings_a_cart_to_its_person_whatever_arrives_first() {
    let jan = customer(11, "registered", "jan@example.org", 3);
    let messages = [
        ("customers/created", 11, jan.clone()),
        (
            "subscriptions/created",
            21,
            subscription(21, "els@example.org", true, 3, 4),
        ),
        cart(70),
        checkout(500, 70, 6, &json!({"email": " Jan@Example.ORG "})),
        // Begun by one and ended by another: the newest counts, so no order of Jan closes it.
        cart(71),
        checkout(501, 71, 7, &json!({"email": "els@example.org"})),
        checkout(502, 71, 6, &json!({"email": "jan@example.org"})),
        cart(72),
        checkout(
            503,
            72,
            7,
            &json!({"email": "els@example.org", "order_id": "999"}),
        ),
        // Nobody whom the hub knows, and nobody at all.
        cart(73),
        checkout(504, 73, 7, &json!({"email": "piet@example.org", "id": "13"})),
        cart(74),
        ("orders/created", 900, placed(900, &jan, 20, None)),
    ];
    ends_alike(&messages, &[["70", "Yes"], ["71", "No"], ["72", "Yes"]]).await;
}

#[tokio::test]
async fn a_cart_follows_the_customer_of_its_checkout_when_persons_merge() {
    let jan = customer(11, "registered", "jan@example.org", 3);
    let messages = [
        ("customers/created", 11, jan.clone()),
        (
            "customers/created",
            12,
            customer(12, "guest", "kim@example.org", 4),
        ),
        (
            "customers/updated",
            12,
            customer(12, "guest", "jan@example.org", 30),
        ),
        cart(70),
        checkout(500, 70, 6, &json!({"id": 12, "email": "piet@example.org"})),
        ("orders/created", 900, placed(900, &jan, 20, None)),
    ];
    ends_alike(&messages, &[["70", "Yes"]]).await;
}

#[tokio::test]
async fn a_cart_follows_the_address_of_its_checkout() {
    let messages = [
        person(11, "jan@example.org", 3),
        person(11, "els@example.org", 30),
        person(12, "jan@example.org", 40),
        person(13, "kim@example.org", 3),
        person(13, "piet@example.org", 30),
        cart(70),
        checkout(500, 70, 6, &json!({"email": "jan@example.org"})),
        cart(71),
        checkout(501, 71, 6, &json!({"email": "els@example.org"})),
        cart(72),
        checkout(502, 72, 6, &json!({"email": "kim@example.org"})),
        // Corrected: another cart, another address.
        cart(73),
        checkout(503, 73, 6, &json!({"email": "piet@example.org"})),
        cart(74),
        checkout(503, 74, 8, &json!({"email": "piet@example.org"})),
    ];
    // One that was shown under somebody whose it is not any more stands there as closed.
    ends_alike_in(&messages, &[["70", "No"], ["71", "No"], ["74", "No"]], is_open).await;
}

#[tokio::test]
async fn a_cart_waits_for_its_person_and_stands_closed_when_it_is_nobodys_any_more() {
    let mut world = World::new().await;
    let begun = checkout(500, 70, 6, &json!({"email": "jan@example.org"}));
    assert!(told(&mut world, &[begun, cart(70)]).await.is_empty());
    assert_eq!(
        world.copernica.find_profiles("schakel", "RelationID", "1").len(),
        0
    );
    assert_eq!(
        told(&mut world, &[person(11, "jan@example.org", 3)]).await,
        [["1", "70", "No"]]
    );
    assert_eq!(
        told(&mut world, &[person(11, "els@example.org", 30)]).await,
        [["1", "70", "Yes"]]
    );
    // Somebody else with the address appears: the cart is his.
    assert_eq!(
        told(&mut world, &[person(12, "jan@example.org", 40)]).await,
        [["2", "70", "No"]]
    );
    world.assert_nothing_double();
}

#[tokio::test]
async fn an_address_that_belongs_to_nobody_brings_no_cart() {
    let mut world = World::new().await;
    let messages = [
        person(11, "info@example.org", 3),
        cart(70),
        checkout(500, 70, 6, &json!({"email": "info@example.org"})),
    ];
    assert!(told(&mut world, &messages).await.is_empty());
}

#[tokio::test]
async fn a_checkout_that_became_an_order_closes_the_cart_of_a_customer_too() {
    let messages = [
        person(11, "jan@example.org", 3),
        ("quotes/created", 70, quote(70, 11, 5)),
        ("quotes/created", 71, quote(71, 11, 5)),
        checkout(500, 70, 6, &json!({"order_id": 999})),
        checkout(501, 71, 6, &json!({"email": "els@example.org"})),
    ];
    ends_alike(&messages, &[["70", "Yes"], ["71", "No"]]).await;
}
