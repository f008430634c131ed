//! Normalising is total and repeatable, whatever stands in the body.

use std::sync::LazyLock;

use proptest::prelude::*;
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::{Timestamp, Zone};
use serde_json::{Value, json};

use super::normalise;

const SAMPLES: [(RecordKind, &str); 6] = [
    (
        RecordKind::Order,
        include_str!("../../../fixtures/lightspeed/webhook-delivery-orders-created.json"),
    ),
    (
        RecordKind::Customer,
        include_str!("../../../fixtures/lightspeed/webhook-delivery-customers-updated.json"),
    ),
    (
        RecordKind::Quote,
        include_str!("../../../fixtures/lightspeed/webhook-delivery-quotes-updated.json"),
    ),
    (
        RecordKind::Product,
        include_str!("../../../fixtures/lightspeed/webhook-delivery-products-updated.json"),
    ),
    (
        RecordKind::Subscription,
        include_str!("../../../fixtures/lightspeed/webhook-delivery-subscriptions-created.json"),
    ),
    (
        RecordKind::Checkout,
        r#"{"body":{"id":"3","created_at":"2026-05-12T08:00:00+00:00","updated_at":"2026-05-12T08:09:00+00:00",
            "order_id":null,"step":"shipment","customer":{"id":4,"email":"kim@example.org"},
            "billing_address":{"email":"kim@example.net"},"quote":{"id":5}}}"#,
    ),
];

/// The bodies of the samples.
static BODIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    SAMPLES
        .iter()
        .map(|(_, text)| serde_json::from_str::<Value>(text).unwrap()["body"].take())
        .collect()
});

fn event(kind: RecordKind, origin: Origin, body: String) -> Event {
    Event {
        id: EventId(1),
        tenant: TenantId(1),
        connection: ConnectionId(1),
        origin,
        class: origin.class(),
        trust: Trust::Payload,
        stream: kind.as_str().to_owned(),
        kind: Some(kind),
        action: Action::Updated,
        remote_id: 0,
        ordinal: 0,
        status: 200,
        floor: Timestamp::ZERO,
        received_at: Timestamp::parse_rfc3339("2026-05-13T12:00:00+02:00").unwrap(),
        asked_at: None,
        headers: String::new(),
        body: body.into(),
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(false)),
        Just(json!(true)),
        Just(json!(null)),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{ "resource": { "id": 3 } }]])),
        Just(json!({ "resource": { "id": false, "embedded": [{ "id": 1 }, 2] } })),
        Just(json!("0000-00-00")),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{1,30}".prop_map(Value::from),
    ]
}

/// Walks down by `path` and puts `odd` where it ends, or takes that field away.
fn mutate(value: &mut Value, path: &[prop::sample::Index], odd: Option<Value>) {
    let (Some(step), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        *value = odd.unwrap_or_default();
        return;
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let key = fields.keys().nth(step.index(fields.len())).cloned().unwrap();
            match (rest, odd) {
                ([], None) => drop(fields.remove(&key)),
                (_, odd) => mutate(&mut fields[&key], rest, odd),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = step.index(items.len());
            mutate(&mut items[at], rest, odd);
        }
        other => *other = odd.unwrap_or_default(),
    }
}

type Change = (Vec<prop::sample::Index>, Option<Value>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let path = proptest::collection::vec(any::<prop::sample::Index>(), 1..8);
    proptest::collection::vec((path, proptest::option::of(odd_value())), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Any sample with any changes: no panic, twice the same, and nothing that a quarantine lets through.
    #[test]
    fn normalising_is_total_and_repeatable(sample in 0..SAMPLES.len(), changes in changes(), origin in 0..Origin::ALL.len()) {
        let (kind, _) = SAMPLES[sample];
        let mut body = BODIES[sample].clone();
        for (path, odd) in changes {
            mutate(&mut body, &path, odd);
        }
        let event = event(kind, Origin::ALL[origin], body.to_string());
        let zone = Zone::amsterdam();
        let (one, other) = (normalise(&event, &zone), normalise(&event, &zone));
        prop_assert_eq!(&one.records, &other.records);
        prop_assert_eq!(&one.wanted, &other.wanted);
        prop_assert_eq!(&one.problems, &other.problems);

        let is_set_aside = one.problems.iter().any(|problem| problem.is_quarantine());
        prop_assert!(!is_set_aside || one.records.is_empty());
        for record in &one.records {
            prop_assert!(record.key.remote_id > 0);
            prop_assert!(record.version.at <= event.received_at);
            let Some(content) = &record.content else { continue };
            // What is kept can be read back, to the letter.
            let read = Content::from_json(record.key.kind, &content.to_json()).unwrap();
            prop_assert_eq!(read.to_json(), content.to_json());
        }
    }

    #[test]
    fn any_bytes_are_survived(body in any::<String>(), kind in 0..RecordKind::ALL.len()) {
        let event = event(RecordKind::ALL[kind], Origin::Webhook, body);
        prop_assert!(normalise(&event, &Zone::amsterdam()).records.is_empty());
    }
}

/// What came because we asked is believed, whatever the connection thinks of webhooks, and may be as large as an answer.
#[test]
fn what_was_asked_for_is_no_hint() {
    let rows: Vec<Value> = (1..=20_000).map(|id| json!({ "id": id, "x": [] })).collect();
    let body = json!({"customer": {"id": 7, "updatedAt": "2026-05-12T10:00:00+02:00"}, "more": rows});
    for origin in Origin::ALL {
        let event = Event {
            trust: Trust::Hint,
            remote_id: 7,
            ..event(RecordKind::Customer, origin, body.to_string())
        };
        let normalised = normalise(&event, &Zone::amsterdam());
        let (said, wanted) = (normalised.records.len(), normalised.wanted.len());
        let expected = if origin == Origin::Webhook { (0, 1) } else { (1, 0) };
        assert_eq!((said, wanted), expected, "{origin:?}: {:?}", normalised.problems);
    }
}

#[test]
fn groups_are_as_old_as_the_question() {
    let event = Event {
        id: EventId(1),
        tenant: TenantId(1),
        connection: ConnectionId(1),
        origin: Origin::Fetch,
        class: schakel_core::connector::Class::Live,
        trust: Trust::Payload,
        stream: "groups/customers".to_owned(),
        kind: Some(RecordKind::Groups),
        action: Action::Updated,
        remote_id: 11,
        ordinal: 1,
        status: 200,
        floor: Timestamp::from_micros(7_000_000),
        received_at: Timestamp::from_micros(90_000_000),
        asked_at: None,
        headers: "{}".to_owned(),
        body: json!({"groupsCustomers": []}).to_string().into(),
    };
    let normalised = normalise(&event, &Zone::amsterdam());
    assert_eq!(normalised.records[0].version.at, event.floor);
}
