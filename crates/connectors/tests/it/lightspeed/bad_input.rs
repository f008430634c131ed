//! Bad input: each kind with its outcome, none of them a panic, and none loses another record.

use bytes::Bytes;
use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::connector::{Normalised, Refused, Source};
use schakel_core::entity::{Order, RowsSeen};
use schakel_core::event::{Action, Trust};
use schakel_core::limits;
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::Timestamp;
use serde_json::{Value, json};

use super::world::{
    codes, deliver, fetched, fixture, noon, order_with, settings, shop, signed, stored, take,
};

fn order_of(normalised: &Normalised) -> &Order {
    let order = normalised
        .records
        .iter()
        .find_map(|record| match &record.content {
            Some(Content::Order(order)) => Some(order.as_ref()),
            _ => None,
        });
    order.expect("the order is among the records")
}

#[test]
fn a_wrong_signature_is_refused_and_a_missing_one_is_at_most_a_hint() {
    let body = order_with(|_| {});
    let mut headers = signed("orders/created", "x-order-id", "315968407", &body);
    headers.last_mut().unwrap().1 = "0".repeat(32);
    assert_eq!(take(&shop(), &headers, &body), Err(Refused::Signature));
    headers.pop();
    assert_eq!(take(&shop(), &headers, &body), Err(Refused::Signature));

    let mut trusting = settings();
    trusting.accept_unsigned = true;
    let trusting = Lightspeed::new(trusting);
    let received = take(&trusting, &headers, &body).unwrap();
    assert_eq!(received.trust, Trust::Hint);
    let normalised = trusting.normalise(&stored(received, body.clone()));
    assert!(normalised.records.is_empty());
    assert_eq!(normalised.wanted, vec![(RecordKind::Order, 315_968_407)]);

    headers.push(("x-signature".to_owned(), "0".repeat(32)));
    assert_eq!(take(&trusting, &headers, &body), Err(Refused::Signature));
}

#[test]
fn one_changed_byte_breaks_the_signature() {
    let body = order_with(|_| {});
    let headers = signed("orders/created", "x-order-id", "315968407", &body);
    let changed = Bytes::from([&body[..], b" "].concat());
    assert_eq!(take(&shop(), &headers, &changed), Err(Refused::Signature));
}

#[test]
fn a_secret_that_is_being_replaced_still_fits() {
    let body = order_with(|_| {});
    let headers = signed("orders/created", "x-order-id", "315968407", &body);
    let mut rotated = settings();
    rotated.extra_secrets = vec![rotated.api_secret];
    rotated.api_secret = schakel_core::privacy::Secret::new("newer");
    assert!(take(&Lightspeed::new(rotated), &headers, &body).is_ok());
}

#[test]
fn another_shop_or_cluster_is_refused() {
    let body = order_with(|_| {});
    for (name, value, expected) in [
        ("x-shop-id", "297542", Refused::OtherShop),
        ("x-shop-id", "none", Refused::OtherShop),
        ("x-cluster-id", "us1", Refused::OtherShop),
        ("x-event", "orders", Refused::Headers),
        ("x-event", "../created", Refused::Headers),
        ("x-event", "", Refused::Headers),
    ] {
        let mut headers = signed("orders/created", "x-order-id", "1", &body);
        let header = headers.iter_mut().find(|(header, _)| header == name).unwrap();
        header.1 = value.to_owned();
        assert_eq!(take(&shop(), &headers, &body), Err(expected), "{name}: {value}");
    }
    let mut headers = signed("orders/created", "x-order-id", "1", &body);
    headers.retain(|(name, _)| name != "x-shop-id");
    assert_eq!(take(&shop(), &headers, &body), Err(Refused::Headers));
}

#[test]
fn all_twelve_groups_are_taken_in_and_an_unknown_one_is_set_aside() {
    let groups = [
        ("customers", "x-customer-id", true),
        ("orders", "x-order-id", true),
        ("invoices", "x-invoice-id", true),
        ("shipments", "x-shipment-id", true),
        ("products", "x-product-id", true),
        ("variants", "x-variant-id", true),
        ("quotes", "x-quote-id", true),
        ("subscriptions", "x-subscription-id", true),
        ("reviews", "x-review-id", false),
        ("returns", "x-return-id", false),
        ("tickets", "x-ticket-id", false),
        ("contacts", "x-contact-id", false),
    ];
    for (group, header, is_used) in groups {
        let body = Bytes::from_static(b"[]");
        let headers = signed(&format!("{group}/answered"), header, "4294967299", &body);
        let received = take(&shop(), &headers, &body).unwrap();
        assert_eq!(received.kind.is_some(), is_used, "{group}");
        assert_eq!(
            (received.remote_id, received.action),
            (4_294_967_299, Action::Other)
        );
        if !is_used {
            let normalised = shop().normalise(&stored(received, body));
            assert!(normalised.records.is_empty() && normalised.wanted.is_empty());
            assert!(
                normalised.problems.is_empty(),
                "{group}: {:?}",
                normalised.problems
            );
        }
    }
    let normalised = deliver("gift_cards/created", "{\"giftCard\":{}}");
    assert_eq!(codes(&normalised), ["unknown_item_group"]);
    assert!(normalised.records.is_empty() && normalised.wanted.is_empty());
}

#[test]
fn a_body_that_is_no_json_is_quarantined() {
    let whole = order_with(|_| {});
    let truncated = whole.slice(..whole.len() - 40);
    let nested = Bytes::from("{\"order\":".repeat(100_000));
    let twice = Bytes::from_static(b"{\"order\":{\"id\":1,\"id\":2}}");
    let latin1 = Bytes::from_static(b"{\"order\":{\"id\":1,\"firstname\":\"Zo\xeb\"}}");
    let raw = Bytes::from_static(b"{\"order\":{\"id\":1,\"firstname\":\"Zo\x00\"}}");
    let html = Bytes::from_static(b"<html>");
    for body in [truncated, nested, twice, latin1, raw, html] {
        let normalised = deliver("orders/updated", body);
        assert_eq!(codes(&normalised), ["bad_json"]);
        assert!(normalised.records.is_empty());
    }
}

#[test]
fn a_body_of_another_shape_is_quarantined() {
    for body in [
        r#"{"order":false}"#,
        r#"{"order":null}"#,
        r#"{"order":"x"}"#,
        r#"{"order":[]}"#,
        r#"{"customer":{"id":1}}"#,
        "[]",
        "null",
        "7",
    ] {
        assert_eq!(codes(&deliver("orders/updated", body)), ["bad_shape"], "{body}");
    }
}

#[test]
fn an_id_is_needed_and_the_header_must_agree() {
    assert_eq!(
        codes(&deliver(
            "orders/updated",
            order_with(|order| order["id"] = json!(false))
        )),
        ["no_id"]
    );
    let negative = deliver("orders/updated", order_with(|order| order["id"] = json!(-5)));
    assert_eq!(codes(&negative), ["bad_number", "no_id"]);

    let body = order_with(|_| {});
    let headers = signed("orders/updated", "x-order-id", "7", &body);
    let received = take(&shop(), &headers, &body).unwrap();
    assert_eq!(codes(&shop().normalise(&stored(received, body))), ["id_mismatch"]);
}

#[test]
fn ids_have_64_bits_and_may_be_texts() {
    let id: i64 = 9_007_199_254_740_993;
    for written in [json!(id), json!(id.to_string()), json!([id])] {
        let normalised = deliver(
            "orders/updated",
            order_with(|order| {
                order["id"] = written.clone();
                order["customer"]["resource"]["id"] = written;
            }),
        );
        assert_eq!(codes(&normalised), Vec::<&str>::new());
        assert_eq!(normalised.records[0].key.remote_id, id);
        assert_eq!(order_of(&normalised).customer_id, id);
    }
}

#[test]
fn an_order_needs_a_customer_or_an_address() {
    let without = |email: Value| {
        order_with(|order| {
            order["customer"] = json!(false);
            order["email"] = email;
        })
    };
    let normalised = deliver("orders/created", without(json!("jan@example.org")));
    assert_eq!(codes(&normalised), Vec::<&str>::new());
    assert_eq!(order_of(&normalised).person.email, "jan@example.org");
    assert_eq!(order_of(&normalised).customer_id, 0);

    assert_eq!(
        codes(&deliver("orders/created", without(json!(false)))),
        ["order_without_person"]
    );
    let long = format!("{}@example.org", "a".repeat(288));
    assert_eq!(long.len(), 300);
    let normalised = deliver("orders/created", without(json!(long)));
    assert_eq!(codes(&normalised), ["bad_email", "order_without_person"]);
    assert!(normalised.records.is_empty());
}

#[test]
fn an_address_of_300_characters_is_left_out_and_the_order_goes_on() {
    let long = format!("{}@example.org", "a".repeat(288));
    let normalised = deliver("orders/created", order_with(|order| order["email"] = json!(long)));
    assert_eq!(codes(&normalised), ["bad_email"]);
    assert_eq!(normalised.problems[0].field, "order.email");
    let order = order_of(&normalised);
    assert_eq!(order.person.email, "");
    assert_eq!(order.person.firstname, "Fenna");
    assert_eq!(order.rows.len(), 3);
}

#[test]
fn negative_prices_are_noted_and_kept() {
    let normalised = deliver(
        "orders/created",
        order_with(|order| {
            order["priceIncl"] = json!(-134.85);
            order["products"]["resource"]["embedded"][0]["priceIncl"] = json!(-89.95);
        }),
    );
    assert_eq!(codes(&normalised), ["negative_price", "negative_price"]);
    assert_eq!(normalised.problems[1].field, "order.products[0].priceIncl");
    assert_eq!(order_of(&normalised).price_incl.0, "-134.85");
}

#[test]
fn dates_that_do_not_exist_are_left_out() {
    for (said, expected, noted) in [
        (json!("0000-00-00"), "", false),
        (json!(false), "", false),
        (json!(""), "", false),
        (json!(null), "", false),
        (json!("1988-02-30"), "", true),
        (json!("17-04-1988"), "", true),
        (json!(19_880_417), "", true),
        (json!("1988-04-17T00:00:00+01:00"), "1988-04-17", false),
    ] {
        let normalised = deliver(
            "orders/created",
            order_with(|order| order["birthDate"] = said.clone()),
        );
        assert_eq!(codes(&normalised).contains(&"bad_date"), noted, "{said}");
        assert_eq!(order_of(&normalised).person.birth_date, expected, "{said}");
    }
}

#[test]
fn times_decide_the_version() {
    let at = |change: fn(&mut Value)| deliver("orders/updated", order_with(change));
    let expected = Timestamp::parse_rfc3339("2026-05-12T15:25:37Z").unwrap();

    let normalised = at(|order| order["updatedAt"] = json!("2026-05-12 17:25:37"));
    assert_eq!(
        normalised.records[0].version.at, expected,
        "wall time of the shop"
    );
    let normalised = at(|order| order["updatedAt"] = json!(null));
    assert_eq!(normalised.records[0].version.at, expected, "creation");
    let normalised = at(|order| order["updatedAt"] = json!("0000-00-00 00:00:00"));
    assert_eq!(
        (codes(&normalised).len(), normalised.records[0].version.at),
        (0, expected)
    );

    let normalised = at(|order| order["updatedAt"] = json!("2099-01-01T00:00:00+01:00"));
    assert_eq!(codes(&normalised), ["future_time"]);
    assert_eq!(normalised.records[0].version.at, noon());

    let normalised = at(|order| {
        order["updatedAt"] = json!("yesterday");
        order["createdAt"] = json!(false);
    });
    assert_eq!(codes(&normalised), ["bad_time", "no_version"]);
    assert!(normalised.records.is_empty());
}

#[test]
fn a_country_or_language_that_does_not_exist_is_left_out() {
    let normalised = deliver(
        "orders/created",
        order_with(|order| {
            order["addressBillingCountry"]["code"] = json!("xq");
            order["addressShippingCountry"] = json!(false);
            order["language"]["code"] = json!("qq");
        }),
    );
    assert_eq!(codes(&normalised), ["unknown_country", "unknown_language"]);
    let person = &order_of(&normalised).person;
    assert_eq!(person.billing.country_code, "");
    assert_eq!(person.billing.country_title, "Netherlands, The");
    assert_eq!(person.shipping.country_code, "");
    assert!(person.language.is_empty());
}

/// `false`, `null`, `""`, `[]`, `true`, a number or a text in place of every field, one after the other.
#[test]
fn whatever_stands_in_a_field_the_rest_goes_on() {
    let sample: Value = serde_json::from_str(&fixture("webhook-delivery-orders-created.json")).unwrap();
    let keys: Vec<String> = sample["body"]["order"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for odd in [
        json!(false),
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(true),
        json!(3),
        json!("x"),
    ] {
        for key in keys.iter().filter(|key| *key != "id" && *key != "updatedAt") {
            let normalised = deliver("orders/created", order_with(|order| order[key] = odd.clone()));
            let is_set_aside = normalised.problems.iter().any(|problem| problem.is_quarantine());
            assert!(!is_set_aside, "{key}: {odd}: {:?}", normalised.problems);
            assert_eq!(
                order_of(&normalised).person.lastname,
                if key == "lastname" { text_of(&odd) } else { "Bijl" }
            );
        }
    }
}

fn text_of(odd: &Value) -> &str {
    match odd {
        Value::Number(_) => "3",
        other => other.as_str().unwrap_or_default(),
    }
}

#[test]
fn one_embedded_record_without_a_time_does_not_hold_up_the_others() {
    let normalised = deliver(
        "orders/created",
        order_with(|order| {
            let customer = &mut order["customer"]["resource"]["embedded"];
            customer["updatedAt"] = json!(false);
            customer["createdAt"] = json!(false);
        }),
    );
    assert_eq!(codes(&normalised), ["bad_time"]);
    let kinds: Vec<RecordKind> = normalised.records.iter().map(|record| record.key.kind).collect();
    assert!(!kinds.contains(&RecordKind::Customer) && kinds.contains(&RecordKind::Quote));
    assert_eq!(order_of(&normalised).customer_id, 226_983_501);
}

#[test]
fn rows_that_are_not_in_the_payload_are_wanted_but_not_of_a_fetch() {
    let body = order_with(|order| {
        order["products"]["resource"]
            .as_object_mut()
            .unwrap()
            .remove("embedded");
    });
    let normalised = deliver("orders/created", body.clone());
    assert_eq!(normalised.wanted, vec![(RecordKind::Order, 315_968_407)]);
    assert_eq!(order_of(&normalised).rows_seen, RowsSeen::Never);

    let normalised = shop().normalise(&fetched(RecordKind::Order, 315_968_407, 200, body));
    assert!(normalised.wanted.is_empty());
    assert_eq!(order_of(&normalised).rows_seen, RowsSeen::Never);
}

#[test]
fn rows_need_ids_and_have_a_bound() {
    let row = |id: usize| json!({ "id": id, "quantityOrdered": 1, "priceIncl": 0 });
    let normalised = deliver(
        "orders/created",
        order_with(|order| order["products"]["resource"]["embedded"] = json!([{ "quantityOrdered": 1 }])),
    );
    assert_eq!(codes(&normalised), ["no_id"]);

    let many: Vec<Value> = (1..=limits::ORDER_ROWS + 1).map(row).collect();
    let normalised = deliver(
        "orders/created",
        order_with(|order| order["products"]["resource"]["embedded"] = json!(many)),
    );
    assert_eq!(codes(&normalised), ["too_many_rows"]);

    let doubled = json!([row(1), row(2), row(1)]);
    let normalised = deliver(
        "orders/created",
        order_with(|order| {
            order["products"]["resource"]["embedded"] = doubled;
            order["priceIncl"] = json!(0);
        }),
    );
    assert_eq!(order_of(&normalised).rows.len(), 2);
}

#[test]
fn a_deletion_is_a_hint_whatever_its_body() {
    for body in ["", "[]", "{\"order\":{\"id\":315968407}}", "<gone>"] {
        let body = Bytes::from(body);
        let headers = signed("orders/deleted", "x-order-id", "315968407", &body);
        let received = take(&shop(), &headers, &body).unwrap();
        let normalised = shop().normalise(&stored(received, body));
        assert!(normalised.records.is_empty() && normalised.problems.is_empty());
        assert_eq!(normalised.wanted, vec![(RecordKind::Order, 315_968_407)]);
    }
    assert_eq!(codes(&deliver("orders/deleted", "")), ["no_id"]);
    let named = deliver("orders/deleted", "{\"order\":{\"id\":4294967299}}");
    assert_eq!(named.wanted, vec![(RecordKind::Order, 4_294_967_299)]);
}

#[test]
fn a_404_says_that_the_thing_is_gone() {
    let mut event = fetched(RecordKind::Customer, 42, 404, fixture("error-404-resource.json"));
    let gone = shop().normalise(&event);
    assert_eq!((gone.records.len(), gone.problems.len()), (1, 0));
    assert_eq!(gone.records[0].content, None);
    assert_eq!(gone.records[0].version.at, noon());
    assert_eq!(gone.records[0].version.ordinal, 5);
    event.floor = Timestamp::from_micros(1_000_000);
    assert_eq!(shop().normalise(&event).records[0].version.at, event.floor);
}

#[test]
fn a_floor_lifts_the_fetched_thing_and_nothing_else() {
    let mut event = fetched(RecordKind::Order, 315_968_407, 200, order_with(|_| {}));
    event.floor = noon().plus_ms(5);
    let normalised = shop().normalise(&event);
    assert_eq!(normalised.records[0].version.at, event.floor);
    assert!(
        normalised.records[1..]
            .iter()
            .all(|record| record.version.at < noon())
    );
}

#[test]
fn totals_that_cannot_be_are_noted_and_kept() {
    let normalised = deliver(
        "orders/created",
        order_with(|order| order["priceIncl"] = json!(9999)),
    );
    assert_eq!(codes(&normalised), ["totals_differ"]);
    assert_eq!(order_of(&normalised).price_incl.0, "9999");
}

#[test]
fn control_and_direction_characters_are_taken_out() {
    let normalised = deliver(
        "orders/created",
        order_with(|order| order["firstname"] = json!("Fen\u{202e}na\u{0}\r\nMaria ")),
    );
    assert_eq!(codes(&normalised), ["control_characters"]);
    assert_eq!(order_of(&normalised).person.firstname, "Fenna Maria");
}

#[test]
fn payment_methods_are_found_in_every_form() {
    for (data, expected) in [
        (json!({ "method": "ideal" }), "ideal"),
        (json!([]), ""),
        (json!("{\"method\":\"ideal\"}"), "ideal"),
        (json!("ideal"), ""),
        (json!(false), ""),
    ] {
        let normalised = deliver("orders/created", order_with(|order| order["paymentData"] = data));
        assert_eq!(order_of(&normalised).payment_method, expected);
    }
}

/// Two customers swap addresses: both records stand as said; whoever joins them decides (mission, Identity).
#[test]
fn two_customers_that_swap_addresses_are_both_taken_as_they_say() {
    let customer = |id: i64, email: &str| {
        let text = json!({ "customer": {
            "id": id, "updatedAt": "2026-05-12T10:00:00+02:00", "email": email, "type": "registered",
        }});
        deliver("customers/updated", text.to_string())
    };
    let (one, other) = (customer(1, "b@example.org"), customer(2, "a@example.org"));
    for (normalised, id, email) in [(one, 1, "b@example.org"), (other, 2, "a@example.org")] {
        assert_eq!((normalised.records.len(), normalised.problems.len()), (1, 0));
        assert_eq!(normalised.records[0].key.remote_id, id);
        let Some(Content::Customer(customer)) = &normalised.records[0].content else {
            panic!("a customer says something about a customer");
        };
        assert_eq!(customer.person.email, email);
    }
}

#[test]
fn problems_never_hold_values() {
    let secret = "jan.geheim@@example.org";
    let normalised = deliver(
        "orders/created",
        order_with(|order| {
            order["email"] = json!(secret);
            order["birthDate"] = json!(secret);
            order["weight"] = json!(secret);
            order["addressBillingCountry"]["code"] = json!(secret);
        }),
    );
    assert_eq!(normalised.problems.len(), 4);
    assert!(!format!("{:?}", normalised.problems).contains("geheim"));
}
