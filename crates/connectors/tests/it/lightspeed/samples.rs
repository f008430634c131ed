//! Every sample through receive and normalise, against snapshots.

use bytes::Bytes;
use schakel_core::connector::{Normalised, Source};
use schakel_core::record::RecordKind;
use serde_json::{Value, json};

use super::world::{codes, fetched, fixture, fixtures, shop, stored, take};

/// What an event turned into, as a reader of the snapshot wants to see it.
fn view(normalised: &Normalised) -> Value {
    let records: Vec<Value> = normalised
        .records
        .iter()
        .map(|record| {
            json!({
                "kind": record.key.kind,
                "id": record.key.remote_id,
                "at": record.version.at.to_string(),
                "ordinal": record.version.ordinal,
                "rank": record.version.rank,
                "content": record.content.as_ref().map(|content| {
                    serde_json::from_str::<Value>(&content.to_json()).unwrap()
                }),
            })
        })
        .collect();
    json!({
        "records": records,
        "wanted": normalised.wanted,
        "problems": normalised.problems,
    })
}

#[test]
fn every_sample_delivery_becomes_its_snapshot() {
    let names = fixtures("webhook-delivery-");
    assert_eq!(names.len(), 16);
    for name in names {
        let sample: Value = serde_json::from_str(&fixture(&name)).unwrap();
        let headers: Vec<(String, String)> = sample["request"]["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(header, value)| (header.to_lowercase(), value.as_str().unwrap().to_owned()))
            .collect();
        let body = Bytes::from(sample["request"]["body_raw"].as_str().unwrap().to_owned());
        let received = take(&shop(), &headers, &body).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let kept: Value = serde_json::from_str(&received.headers).unwrap();
        let about = json!({
            "stream": received.stream,
            "kind": received.kind,
            "action": received.action,
            "remote_id": received.remote_id,
            "trust": received.trust,
            "headers": kept,
        });
        let normalised = shop().normalise(&stored(received, body));
        let snapshot = json!({ "received": about, "normalised": view(&normalised) });
        insta::assert_json_snapshot!(name.trim_end_matches(".json"), snapshot);
    }
}

#[test]
fn every_sample_answer_becomes_its_snapshot() {
    let answers = [
        ("customer", RecordKind::Customer),
        ("customer-guest", RecordKind::Customer),
        ("subscription", RecordKind::Subscription),
        ("order", RecordKind::Order),
        ("order-guest-cancelled-discounted", RecordKind::Order),
        ("quote", RecordKind::Quote),
        ("quote-abandoned-anonymous", RecordKind::Quote),
        ("shipment", RecordKind::Shipment),
        ("invoice", RecordKind::Invoice),
        ("product", RecordKind::Product),
        ("variant", RecordKind::Variant),
    ];
    for (name, kind) in answers {
        let body = fixture(&format!("{name}.json"));
        let parsed: Value = serde_json::from_str(&body).unwrap();
        let id = parsed[kind.as_str()]["id"].as_i64().unwrap();
        let normalised = shop().normalise(&fetched(kind, id, 200, body));
        insta::assert_json_snapshot!(format!("answer-{name}"), view(&normalised));
    }
}

/// The webhook and the fetch say the same about the order; only the version differs.
#[test]
fn an_order_with_fetched_rows_says_what_its_webhook_says() {
    let order: Value = serde_json::from_str(&fixture("order.json")).unwrap();
    let rows: Value = serde_json::from_str(&fixture("order-products.json")).unwrap();
    let body = json!({ "order": order["order"], "orderProducts": rows["orderProducts"] });
    let id = order["order"]["id"].as_i64().unwrap();
    let normalised = shop().normalise(&fetched(RecordKind::Order, id, 200, body.to_string()));
    assert_eq!(codes(&normalised), Vec::<&str>::new());
    insta::assert_json_snapshot!("answer-order-with-rows", view(&normalised));
}

#[test]
fn no_snapshot_holds_what_must_not_be_kept() {
    for name in fixtures("webhook-delivery-") {
        let sample: Value = serde_json::from_str(&fixture(&name)).unwrap();
        let headers: Vec<(String, String)> = sample["request"]["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(header, value)| (header.to_lowercase(), value.as_str().unwrap().to_owned()))
            .collect();
        let body = Bytes::from(sample["request"]["body_raw"].as_str().unwrap().to_owned());
        let received = take(&shop(), &headers, &body).unwrap();
        let signature = sample["request"]["headers"]["X-Signature"].as_str().unwrap();
        assert!(!received.headers.contains(signature));
        let text = view(&shop().normalise(&stored(received, body))).to_string();
        for secret in ["203.0.113.24", "Mozilla", "nationalId"] {
            assert!(!text.contains(secret), "{name} keeps {secret}");
        }
    }
}
