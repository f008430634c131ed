//! `explain` through the program: whom an address, a number of a person or an order names, and what it says when that is
//! nobody, more than one, or something that was set aside.

use std::time::Duration;

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::hooks::{addresses, deliver_of};
use crate::process::{DATABASE, Hub, Outside};

/// A generous end, in looks that each start the program.
const LOOKS: Duration = Duration::from_secs(5);
/// The number of two orders.
const LABEL: &str = "LOS0001";

/// A person in the account with one of its orders.
#[derive(Debug, Clone)]
struct Buyer {
    relation: u32,
    email: String,
    order: String,
    number: String,
}

/// Somebody with an order who stands in the account.
fn buyer(outside: &Outside) -> Option<Buyer> {
    let mut people = Vec::new();
    outside.account.for_each_profile(DATABASE, |view| {
        let relation: u32 = view.get("RelationID").unwrap().parse().unwrap();
        people.push((view.id, relation, view.get("Email").unwrap().into_owned()));
    });
    let mut found = None;
    outside.account.for_each_subprofile("Orders", |view| {
        let mut owners = people.iter().filter(|(id, ..)| view.profile == Some(*id));
        if let Some((_, relation, email)) = owners.find(|(.., email)| !email.is_empty()) {
            found = Some(Buyer {
                relation: *relation,
                email: email.clone(),
                order: view.get("OrderID").unwrap().into_owned(),
                number: view.get("OrderNumber").unwrap().into_owned(),
            });
        }
    });
    found
}

/// Asks in JSON, and gives the relations that were named.
fn relations(outside: &Outside, who: &str) -> Vec<u64> {
    let (said, exit) = outside.ask(&["explain", who]);
    let all = said.as_array().unwrap();
    assert_eq!(exit, if all.is_empty() { 3 } else { 0 }, "{who}: {said}");
    all.iter().map(|one| one["relation"].as_u64().unwrap()).collect()
}

/// Asks in words.
fn told(outside: &Outside, who: &str) -> String {
    String::from_utf8(outside.run(&["explain", who]).stdout).unwrap()
}

/// A hub that delivered some orders, and somebody who placed one.
async fn delivered(seed: u64) -> (Outside, Hub, Buyer) {
    let outside = Outside::start(seed, "").await;
    let hub = block_in_place(|| {
        outside.run(&["setup"]);
        outside.serve()
    });
    let mut generator = Generator::new(&outside.shop, Seed::new(seed), Mix::default());
    generator.run(10).await;
    outside.shop.webhooks_idle().await;
    let mut found = None;
    let is_there = block_in_place(|| {
        wait_until(LOOKS, || {
            found = buyer(&outside);
            let (status, _) = outside.ask(&["status"]);
            found.is_some() && status["inbox"]["waiting"] == 0
        })
    });
    assert!(is_there, "nobody with an order stands in the account");
    (outside, hub, found.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_a_number_and_an_order_lead_to_the_same_person() {
    let (outside, _hub, buyer) = delivered(71).await;
    block_in_place(|| {
        let relation = buyer.relation.to_string();
        let upper = buyer.email.to_uppercase();
        for who in [&buyer.email, &upper, &relation, &buyer.order, &buyer.number] {
            assert_eq!(
                relations(&outside, who),
                [u64::from(buyer.relation)],
                "{who} of {buyer:?}"
            );
            let said = told(&outside, who);
            assert!(said.starts_with(&format!("Relation {relation} is ")), "{said}");
            for part in [
                &buyer.email,
                "Newsletter: ",
                "mail: profile ",
                "Records:",
                "Events, newest first:",
            ] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
        let (said, _) = outside.ask(&["explain", &relation, "--events", "1"]);
        assert_eq!(said[0]["events"].as_array().unwrap().len(), 1, "{said}");
        assert_eq!(said[0]["sinks"][0]["connection"], "mail", "{said}");
    });
}

/// A number of orders of two people names both, a RelationID its person before all else, and what is nobody's is a finding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_two_names_both_and_one_of_nobody_is_a_finding() {
    let (outside, _hub, buyer) = delivered(72).await;
    block_in_place(|| {
        for nobody in ["nobody@example.org", "4000000000", "no such thing"] {
            let (said, exit) = outside.ask(&["explain", nobody]);
            assert_eq!((said, exit), (json!([]), 3), "{nobody}");
        }
        let hook = addresses(&outside).remove(0);
        for (id, email) in [(buyer.relation, "een@example.org"), (7200, "twee@example.org")] {
            let order = order_of_a_guest(id, email);
            assert_eq!(deliver_of(&outside, &hook, ("orders/created", id), &order), "200");
        }
        let are_both = wait_until(LOOKS, || relations(&outside, LABEL).len() == 2);
        assert!(are_both, "{:?}", relations(&outside, LABEL));
        let said = told(&outside, LABEL);
        assert!(
            said.contains("een@example.org") && said.contains("twee@example.org"),
            "{said}"
        );
        let relation = buyer.relation.to_string();
        assert_eq!(relations(&outside, &relation), [u64::from(buyer.relation)]);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_set_aside_is_named_with_the_reason() {
    let outside = Outside::start(73, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let _hub = outside.serve();
        let hook = addresses(&outside).remove(0);
        let broken = r#"{"order":{"id":7100,"email":"los@example.org""#;
        assert_eq!(
            deliver_of(&outside, &hook, ("orders/created", 7100), broken),
            "200"
        );
        let mut said = (Value::Null, 0);
        let is_told = wait_until(LOOKS, || {
            said = outside.ask(&["explain", "7100"]);
            said.0[0]["set_aside"]["state"] == "quarantined"
        });
        assert!(is_told, "{}", said.0);
        let aside = &said.0[0]["set_aside"];
        assert_eq!(
            (said.1, &aside["problems"]),
            (3, &json!(["bad_json body"])),
            "{aside}"
        );
        assert!(!said.0.to_string().contains("example.org"), "{}", said.0);
    });
}

/// An order under the same number as others, of a guest without an account.
fn order_of_a_guest(id: u32, email: &str) -> String {
    let at = "2026-05-12T12:00:06+02:00";
    let order = json!({
        "id": id, "createdAt": at, "updatedAt": at, "number": LABEL, "status": "new", "channel": "main",
        "priceExcl": 111.45, "priceIncl": 134.85, "email": email, "firstname": "Gast", "middlename": "",
        "lastname": "Besteller", "paymentStatus": "not_paid", "shipmentStatus": "not_shipped", "language": false,
        "customer": false, "quote": false, "shipments": false,
        "products": { "resource": { "id": false, "url": format!("orders/{id}/products"), "link": "", "embedded": [] } },
    });
    json!({ "order": order }).to_string()
}
