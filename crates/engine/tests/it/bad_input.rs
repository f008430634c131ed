//! Bad input: each kind has its expected outcome, and none costs another record.

use std::collections::BTreeMap;
use std::time::Duration;

use schakel_core::connector::Refused;
use schakel_core::problem::Code;
use schakel_engine::intake::NotAccepted;
use schakel_store::rows::QuarantineFilter;
use serde_json::{Value, json};

use crate::payloads::{NewOrder, customer, order, plain_order, row};
use crate::world::{DATABASE, SHOP, World};

/// Sends a good order beside the bad input; it must arrive whatever happened to the other.
async fn neighbour(world: &mut World) {
    let person = customer(77, "registered", "buur@example.org", 5);
    world
        .webhook("orders/created", 977, &plain_order(977, &person, 1, 6))
        .await;
    world.run_until_idle().await;
    assert_eq!(
        world
            .copernica
            .find_profiles("schakel", "Email", "buur@example.org")
            .len(),
        1
    );
    world.inbox().await;
}

async fn quarantined(world: &World) -> Vec<String> {
    let rows = world
        .hub
        .store
        .quarantined(world.hub.tenant, &QuarantineFilter::default(), 100, 0)
        .await
        .unwrap();
    rows.iter()
        .flat_map(|row| row.problems.iter().map(|problem| problem.code.clone()))
        .collect()
}

#[tokio::test]
async fn what_is_not_genuine_is_refused_and_counted_but_never_stored() {
    let mut world = World::new().await;
    let body = br#"{"order":{"id":1}}"#.to_vec();
    let wrong = "0".repeat(32);
    for (signature, shop, expected) in [
        (wrong.as_str(), SHOP, Refused::Signature),
        ("", SHOP, Refused::Signature),
        ("zz", SHOP, Refused::Signature),
        (wrong.as_str(), SHOP + 1, Refused::OtherShop),
    ] {
        let answer = world
            .signed("orders/created", 1, body.clone(), signature, shop)
            .await;
        let Err(NotAccepted::Refused(refused)) = answer else {
            panic!("{answer:?}")
        };
        // Which of two reasons is named first does not matter; the sender never learns it.
        assert!(
            refused == expected || refused == Refused::Signature,
            "{refused:?}"
        );
    }
    // Refusals are counted in memory and written now and then.
    while world.inbox().await.rejected < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let inbox = world.inbox().await;
    assert_eq!((inbox.received, inbox.rejected), (0, 4));
    neighbour(&mut world).await;
}

#[tokio::test]
async fn bodies_that_are_no_proper_json_are_set_aside_word_for_word() {
    let mut deep = vec![b'['; 100_000];
    deep.extend(vec![b']'; 100_000]);
    let bodies: Vec<Vec<u8>> = vec![
        br#"{"order":{"id":1,"updatedAt":"2026"#.to_vec(),
        deep,
        b"{\"order\":{\"id\":1,\"number\":\"\xff\xfe\"}}".to_vec(),
        br#"{"order":{"id":1,"id":2}}"#.to_vec(),
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        br#"{"order":"text"}"#.to_vec(),
    ];
    let mut world = World::new().await;
    for (index, body) in bodies.iter().enumerate() {
        let id = i64::try_from(index).unwrap() + 1;
        world.raw("orders/created", id, body.clone()).await.unwrap();
    }
    neighbour(&mut world).await;
    let rows = world
        .hub
        .store
        .quarantined(world.hub.tenant, &QuarantineFilter::default(), 100, 0)
        .await
        .unwrap();
    assert_eq!(rows.len(), bodies.len());
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for row in &rows {
        let read = world.hub.store.read_event(world.hub.tenant, row.event).await;
        kept.push(read.unwrap().unwrap().event.body.to_vec());
    }
    let mut sent = bodies;
    kept.sort();
    sent.sort();
    assert!(kept == sent, "the bodies are kept byte for byte");
}

#[tokio::test]
async fn streams_that_are_not_used_have_no_effect_and_unknown_ones_are_set_aside() {
    let mut world = World::new().await;
    for stream in [
        "reviews", "returns", "tickets", "contacts", "invoices", "onbekend",
    ] {
        let record = json!({"id": 5, "createdAt": "2026-05-12T12:00:00+02:00", "updatedAt": "2026-05-12T12:00:00+02:00"});
        world.webhook(&format!("{stream}/created"), 5, &record).await;
    }
    neighbour(&mut world).await;
    let inbox = world.inbox().await;
    assert_eq!((inbox.received, inbox.applied), (7, 6));
    assert_eq!((inbox.quarantined, inbox.waiting), (1, 0));
    assert_eq!(quarantined(&world).await, [Code::UnknownItemGroup.as_str()]);
}

fn lone_order(change: impl FnOnce(&mut Value)) -> Value {
    let mut payload = order(&NewOrder {
        id: 900,
        customer: None,
        email: "los@example.org".to_owned(),
        rows: vec![row(9000, 0)],
        quote: None,
        updated: 6,
        status: "new".to_owned(),
    });
    change(&mut payload);
    payload
}

#[tokio::test]
async fn an_order_without_a_person_waits_in_quarantine() {
    let long = format!("{}@example.org", "x".repeat(300));
    for email in [
        json!(""),
        json!(false),
        json!(null),
        json!("geen adres"),
        json!(long),
    ] {
        let mut world = World::new().await;
        let payload = lone_order(|order| order["email"] = email.clone());
        world.webhook("orders/created", 900, &payload).await;
        neighbour(&mut world).await;
        assert!(
            quarantined(&world)
                .await
                .contains(&Code::OrderWithoutPerson.as_str().to_owned()),
            "{email}"
        );
        assert!(
            world
                .subprofiles("Orders", &["OrderID"])
                .iter()
                .all(|row| row[1] != "900")
        );
    }
}

#[tokio::test]
async fn an_address_of_300_characters_is_left_out_and_the_order_stays_with_its_customer() {
    let mut world = World::new().await;
    let long = format!("{}@example.org", "x".repeat(300));
    let person = customer(11, "registered", &long, 5);
    world
        .webhook("orders/created", 900, &plain_order(900, &person, 1, 6))
        .await;
    neighbour(&mut world).await;
    let profiles = world.profiles();
    assert!(
        profiles
            .iter()
            .any(|profile| profile.1.is_empty() && profile.3 == 11),
        "{profiles:?}"
    );
    assert_eq!(world.subprofiles("Orders", &["OrderID"]).len(), 2);
}

/// What the account shows of an order for each odd value, the neighbour's order beside it.
#[tokio::test]
async fn odd_values_are_repaired_by_rule_and_the_order_arrives() {
    let cases: [(&str, Value, &str, &str); 7] = [
        ("priceIncl", json!(-134.85), "PriceIncl", "-134.85"),
        // How Copernica shows a time that is empty.
        (
            "createdAt",
            json!("0000-00-00"),
            "CreatedAt",
            "0000-00-00 00:00:00",
        ),
        ("shipments", json!(false), "TrackingCode", ""),
        ("quote", json!(false), "QuoteRecoveryHash", ""),
        ("paymentData", json!([]), "PaymentMethod", ""),
        (
            "referralId",
            json!(4_611_686_018_427_387_904_i64),
            "ReferralID",
            "4611686018427387904",
        ),
        ("status", json!(false), "Status", ""),
    ];
    for (field, value, shown, expected) in cases {
        let mut world = World::new().await;
        let odd = lone_order(|order| order[field] = value.clone());
        world.webhook("orders/created", 900, &odd).await;
        neighbour(&mut world).await;
        assert_eq!(quarantined(&world).await, [""; 0], "{field} {value}");
        let orders = world.subprofiles("Orders", &["OrderID", "PriceExcl", shown]);
        let of = |id: &str| {
            orders
                .iter()
                .find(|row| row[1] == id)
                .unwrap_or_else(|| panic!("{orders:?}"))
        };
        assert_eq!(orders.len(), 2, "{field} {value}");
        assert_eq!(
            (of("900")[2].as_str(), of("900")[3].as_str()),
            ("111.45", expected),
            "{field} {value}"
        );
        assert_eq!(of("977")[2], "111.45", "{field} {value}");
    }
}

/// What the account shows of a person for each odd value, the neighbour beside it.
#[tokio::test]
async fn odd_values_of_a_person_are_repaired_by_rule_and_the_person_arrives() {
    let nowhere = json!({"id": 999, "code": "xq", "code3": "xqq", "title": "Nergens"});
    let cases: [(&str, Value, &str, &str); 5] = [
        ("birthDate", json!("0000-00-00"), "BirthDate", ""),
        (
            "addressBillingCountry",
            nowhere.clone(),
            "AddressBillingCountryISO2",
            "",
        ),
        (
            "addressBillingCountry",
            nowhere,
            "AddressBillingCountryTitle",
            "Nergens",
        ),
        ("language", json!(false), "LanguageISO2", ""),
        ("gender", json!("x".repeat(40)), "Gender", ""),
    ];
    for (field, value, shown, expected) in cases {
        let mut world = World::new().await;
        let mut person = customer(11, "registered", "jan@example.org", 5);
        person[field] = value.clone();
        world.webhook("customers/created", 11, &person).await;
        neighbour(&mut world).await;
        assert_eq!(quarantined(&world).await, [""; 0], "{field} {value}");
        let mut seen = BTreeMap::new();
        world.copernica.for_each_profile(DATABASE, |view| {
            let text = |name: &str| view.get(name).unwrap().into_owned();
            seen.insert(text("Email"), (text("LastName"), text(shown)));
        });
        let expected = ("Achternaam11".to_owned(), expected.to_owned());
        assert_eq!(seen["jan@example.org"], expected, "{field} {value}");
        assert_eq!(seen["buur@example.org"].0, "Achternaam77", "{field} {value}");
    }
}

#[tokio::test]
async fn ids_over_32_bits_arrive_whole() {
    let mut world = World::new().await;
    let big = 9_007_199_254_740_993_i64;
    let person = customer(big, "registered", "groot@example.org", 5);
    let mut payload = plain_order(900, &person, 0, 6);
    payload["id"] = json!(big + 2);
    world.webhook("orders/created", big + 2, &payload).await;
    neighbour(&mut world).await;
    assert!(world.profiles().iter().any(|profile| profile.3 == big));
    assert!(
        world
            .subprofiles("Orders", &["OrderID"])
            .iter()
            .any(|row| row[1] == (big + 2).to_string())
    );
}

#[tokio::test]
async fn an_id_in_the_header_that_is_not_the_body_s_is_set_aside() {
    let mut world = World::new().await;
    world.webhook("orders/created", 901, &lone_order(|_| {})).await;
    neighbour(&mut world).await;
    assert_eq!(quarantined(&world).await, [Code::IdMismatch.as_str()]);
}
