//! The calls: what is asked, and what each answer means. The network is a script.

use schakel_connectors::lightspeed::{Lightspeed, Settings};
use schakel_core::connector::{ConnectorError, Fetched, HttpError, Registration, Response, Source};
use schakel_core::limits;
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::Timestamp;
use serde_json::{Value, json};

use super::world::{Script, answer, answer_with, doors, fetched, fixture, noon, settings, shop};

/// Where the owner of a shop switches permissions on.
const WHERE: &str = "switch it on in the back office: Settings, Store settings, Developers";

type Answer = Result<Response, HttpError>;

/// Waits for a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn fetch(kind: RecordKind, id: i64, answers: Vec<Answer>) -> (Result<Fetched, ConnectorError>, Vec<String>) {
    let script = Script::new(answers);
    let result = now(shop().fetch(&doors(&script), kind, id));
    (result, script.calls())
}

/// The status, headers and body of an error fixture.
fn error(name: &str) -> Answer {
    let sample: Value = serde_json::from_str(&fixture(name)).unwrap();
    let headers: Vec<(String, &str)> = sample["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(header, value)| (header.to_lowercase(), value.as_str().unwrap()))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(header, value)| (header.as_str(), *value))
        .collect();
    let status = u16::try_from(sample["status"].as_u64().unwrap()).unwrap();
    answer_with(status, &headers, sample["body"].to_string())
}

#[test]
fn every_kind_is_fetched_from_its_own_path() {
    let kinds = [
        (RecordKind::Customer, "customers", "customer"),
        (RecordKind::Subscription, "subscriptions", "subscription"),
        (RecordKind::Quote, "quotes", "quote"),
        (RecordKind::Shipment, "shipments", "shipment"),
        (RecordKind::Invoice, "invoices", "invoice"),
        (RecordKind::Product, "products", "product"),
        (RecordKind::Variant, "variants", "variant"),
    ];
    for (kind, path, name) in kinds {
        let body = fixture(&format!("{name}.json"));
        let (result, calls) = fetch(kind, 42, vec![answer(200, body.clone())]);
        let result = result.unwrap();
        assert_eq!((result.status, result.body), (200, body.into()));
        assert_eq!(calls, [format!("GET nl/{path}/42.json")]);
    }
}

#[test]
fn an_order_is_fetched_with_all_pages_of_its_rows() {
    let row = |id: usize| json!({ "id": id, "priceIncl": 0.10 });
    let page: Vec<Value> = (1..=250).map(row).collect();
    let answers = vec![
        answer_with(
            200,
            &[("date", "Wed, 13 May 2026 09:59:58 GMT")],
            r#"{"order":{"id":42,"updatedAt":"2026-05-12T10:00:00+02:00","email":"a@example.org","priceIncl":25.10}}"#,
        ),
        answer(200, json!({ "orderProducts": page }).to_string()),
        answer(200, json!({ "orderProducts": [row(250), row(251)] }).to_string()),
    ];
    let (result, calls) = fetch(RecordKind::Order, 42, answers);
    let result = result.unwrap();
    assert_eq!(
        calls,
        [
            "GET nl/orders/42.json",
            "GET nl/orders/42/products.json?limit=250&page=1",
            "GET nl/orders/42/products.json?limit=250&page=2",
        ]
    );
    assert_eq!(result.at, Timestamp::parse_rfc3339("2026-05-13T09:59:58Z"));
    let text = String::from_utf8(result.body.to_vec()).unwrap();
    assert!(
        text.contains("\"priceIncl\":25.10"),
        "literals stay as they were written"
    );

    let normalised = shop().normalise(&fetched(RecordKind::Order, 42, 200, result.body));
    assert!(normalised.problems.is_empty(), "{:?}", normalised.problems);
    let Some(Content::Order(order)) = &normalised.records[0].content else {
        panic!("an order was fetched");
    };
    assert_eq!(
        order.rows.len(),
        251,
        "a row that stands on two pages counts one time"
    );
}

#[test]
fn an_order_without_rows_has_an_empty_list() {
    let order = r#"{"order":{"id":42}}"#;
    let (result, _) = fetch(RecordKind::Order, 42, vec![answer(200, order), answer(200, "{}")]);
    assert_eq!(result.unwrap().body, r#"{"order":{"id":42},"orderProducts":[]}"#);

    let (result, _) = fetch(
        RecordKind::Order,
        42,
        vec![answer(200, order), error("error-404-resource.json")],
    );
    assert!(matches!(result, Err(ConnectorError::Unavailable(_))));
}

#[test]
fn credentials_stand_in_the_header_and_nowhere_else() {
    let script = Script::new(vec![answer(200, fixture("customer.json"))]);
    now(shop().fetch(&doors(&script), RecordKind::Customer, 42)).unwrap();
    let request = &script.requests()[0];
    let (name, value) = &request.headers[0];
    assert_eq!(*name, "authorization");
    // Basic, of the samples' key and secret.
    assert!(value.starts_with("Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY6ZmVkY2Jh"));
    assert!(!request.url.contains('@') && !request.label.contains("42"));
}

#[test]
fn a_404_is_an_answer_unless_the_language_is_off() {
    let (result, _) = fetch(RecordKind::Order, 42, vec![error("error-404-resource.json")]);
    assert_eq!(result.unwrap().status, 404);
    let (result, _) = fetch(RecordKind::Order, 42, vec![error("error-404-language.json")]);
    let Err(ConnectorError::SwitchedOff(text)) = result else {
        panic!("a language that is off is no deletion");
    };
    assert!(text.contains("`nl`"));
}

#[test]
fn each_answer_has_its_meaning() {
    let wait = |ms: i64| ConnectorError::RateLimited {
        retry_after_ms: Some(ms),
    };
    let limited = |headers: &[(&str, &str)]| answer_with(429, headers, "{}");
    let until = "Wed, 13 May 2026 10:00:07 GMT";
    let resets = [
        ("x-ratelimit-remaining", "5/-1/0"),
        ("x-ratelimit-reset", "1/20/300"),
    ];
    let expected = [
        (error("error-429.json"), wait(187_000)),
        (limited(&[("retry-after", "7")]), wait(7_000)),
        (limited(&[("retry-after", until)]), wait(7_000)),
        (
            limited(&[("retry-after", "9999999999")]),
            wait(limits::RETRY_AFTER_MS),
        ),
        (limited(&[("retry-after", "-5")]), wait(0)),
        (limited(&resets), wait(300_000)),
        // Nothing is used up but the second, which has no header.
        (
            limited(&[("x-ratelimit-remaining", "5/400/9000"), resets[1]]),
            wait(1_000),
        ),
        (
            limited(&[("x-ratelimit-remaining", "5"), resets[1]]),
            wait(60_000),
        ),
        (limited(&[]), wait(60_000)),
        (
            error("error-400.json"),
            ConnectorError::Malformed("status 400: section `customers`, Invalid data input".to_owned()),
        ),
        (
            answer(403, "{}"),
            ConnectorError::Rejected(format!("the key has no permission: section `customers`; {WHERE}")),
        ),
        (
            answer(500, "<html>"),
            ConnectorError::Unavailable("unusable answer, status 500".to_owned()),
        ),
        (
            answer(200, "<html>"),
            ConnectorError::Unavailable("unusable answer, status 200".to_owned()),
        ),
        (
            answer(200, r#"{"error":{"code":500}}"#),
            ConnectorError::Unavailable("unusable answer, status 200".to_owned()),
        ),
        (
            Err(HttpError::Lost("cut".to_owned())),
            ConnectorError::Unavailable("cut".to_owned()),
        ),
        (
            Err(HttpError::NotSent("no name".to_owned())),
            ConnectorError::Unavailable("no name".to_owned()),
        ),
    ];
    for (given, expected) in expected {
        let (result, _) = fetch(RecordKind::Customer, 42, vec![given]);
        assert_eq!(result.unwrap_err(), expected);
    }
    assert_eq!(
        noon(),
        Timestamp::parse_http_date("Wed, 13 May 2026 10:00:00 GMT").unwrap()
    );
}

/// A 401 may be about one section, so the key is asked about itself.
#[test]
fn a_refused_key_is_told_from_a_refused_section() {
    let refused = || error("error-401.json");
    let (result, calls) = fetch(RecordKind::Customer, 42, vec![refused(), refused()]);
    assert!(
        matches!(result, Err(ConnectorError::Unauthorised(_))),
        "{result:?}"
    );
    assert!(calls[1].contains("/account/permissions.json"), "{calls:?}");
    let good = answer(200, fixture("account-permissions.json"));
    let (result, _) = fetch(RecordKind::Customer, 42, vec![refused(), good]);
    let section = format!(
        "the key has no permission: section `customers` (status 401, the key itself is good); {WHERE}"
    );
    assert_eq!(result.unwrap_err(), ConnectorError::Rejected(section));
}

#[test]
fn check_reports_every_permission_the_shop_and_the_language() {
    let script = Script::new(vec![
        answer(200, fixture("account-permissions.json")),
        answer(200, fixture("shop.json")),
        answer(200, fixture("languages.json")),
    ]);
    let report = now(shop().check(&doors(&script))).unwrap();
    assert!(report.is_good());
    assert_eq!(report.identity, "www.tulpentandwiel.example (shop 297541, eu1)");
    let lines: Vec<(&str, bool, bool)> = report
        .lines
        .iter()
        .map(|line| (line.subject.as_str(), line.is_required, line.is_granted))
        .collect();
    assert_eq!(
        lines,
        [
            ("content: read", true, true),
            ("products: read", true, true),
            ("customers: read", true, true),
            ("orders: read", true, true),
            ("settings: read", true, true),
            ("tracking: read", true, true),
            ("customers: write", false, true),
            ("shop: 297541", true, true),
            ("the shop's own address joins nobody", false, true),
            ("language: nl", true, true),
        ]
    );
    assert_eq!(
        script.calls(),
        [
            "GET nl/account/permissions.json",
            "GET nl/shop.json",
            "GET nl/languages.json"
        ]
    );
}

#[test]
fn check_names_an_address_of_the_shop_that_would_join_strangers() {
    let own = fixture("shop.json").replace("info@", "Winkel@");
    let line = |settings: Settings| {
        let script = Script::new(vec![
            answer(200, fixture("account-permissions.json")),
            answer(200, own.clone()),
            answer(200, fixture("languages.json")),
        ]);
        let report = now(Lightspeed::new(settings).check(&doors(&script))).unwrap();
        assert!(report.is_good(), "advice only");
        let lines = report.lines.into_iter();
        lines
            .map(|line| (line.subject, line.is_granted, line.note))
            .find(|(subject, ..)| subject.contains("own address"))
    };
    let (_, is_granted, note) = line(settings()).unwrap();
    assert!(
        !is_granted && note.contains("own_addresses = [\"winkel@tulpentandwiel.example\"]"),
        "{note}"
    );
    let told = Settings {
        own_addresses: vec![" WINKEL@tulpentandwiel.example".to_owned()],
        ..settings()
    };
    assert!(line(told).unwrap().1);
}

#[test]
fn check_says_what_is_missing() {
    let mut permissions: Value = serde_json::from_str(&fixture("account-permissions.json")).unwrap();
    permissions["accountPermissions"]["orders"]["read"] = json!(false);
    let mut shop_answer: Value = serde_json::from_str(&fixture("shop.json")).unwrap();
    shop_answer["shop"]["id"] = json!(7);
    let languages =
        json!({ "languages": [{ "code": "en", "isActive": true }, { "code": "nl", "isActive": 0 }] });
    let script = Script::new(vec![
        answer(200, permissions.to_string()),
        answer(200, shop_answer.to_string()),
        answer(200, languages.to_string()),
    ]);
    let report = now(shop().check(&doors(&script))).unwrap();
    let refused: Vec<&str> = report
        .lines
        .iter()
        .filter(|line| !line.is_granted)
        .inspect(|line| assert!(!line.note.is_empty()))
        .map(|line| line.subject.as_str())
        .collect();
    assert_eq!(refused, ["orders: read", "shop: 297541", "language: nl"]);

    let script = Script::new(vec![error("error-404-language.json")]);
    let report = now(shop().check(&doors(&script))).unwrap();
    assert!(!report.is_good());

    let script = Script::new(vec![
        answer(200, fixture("account-permissions.json")),
        error("error-403.json"),
        error("error-403.json"),
    ]);
    let report = now(shop().check(&doors(&script))).unwrap();
    assert!(
        !report.is_good(),
        "a shop that cannot be read is not known to be ours"
    );

    let script = Script::new(vec![error("error-401.json")]);
    assert!(matches!(
        now(shop().check(&doors(&script))),
        Err(ConnectorError::Unauthorised(_))
    ));
}

const ADDRESS: &str = "https://hub.example.com/in/abc";

fn hook(id: i64, group: &str, action: &str, address: &str) -> Value {
    json!({
        "id": id, "isActive": true, "itemGroup": group, "itemAction": action, "format": "json",
        "language": { "id": 1, "code": "nl" }, "address": address,
    })
}

fn register(hooks: &[Value], further: usize) -> (Registration, Asked) {
    let mut answers = vec![answer(200, json!({ "webhooks": hooks }).to_string())];
    answers.extend((0..further).map(|_| answer(201, "{\"webhook\":{\"id\":1}}")));
    let script = Script::new(answers);
    let report = now(shop().register(&doors(&script), ADDRESS)).unwrap();
    let bodies = script
        .requests()
        .iter()
        .map(|request| request.body.clone())
        .collect();
    (report, (script.calls(), bodies))
}

/// The calls made and the bodies sent.
type Asked = (Vec<String>, Vec<bytes::Bytes>);

#[test]
fn missing_webhooks_are_made() {
    let foreign = hook(1, "orders", "*", "https://elsewhere.example.com/");
    let (report, (calls, bodies)) = register(&[foreign], 8);
    assert_eq!(
        (report.kept, report.created, report.removed, report.foreign),
        (0, 8, 0, 1)
    );
    assert_eq!(calls[0], "GET nl/webhooks.json?limit=250&page=1");
    assert!(calls[1..].iter().all(|call| call == "POST nl/webhooks.json"));
    let groups: Vec<String> = bodies[1..]
        .iter()
        .map(|body| {
            let sent: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(sent["webhook"]["address"], ADDRESS);
            assert_eq!(
                (&sent["webhook"]["itemAction"], &sent["webhook"]["language"]),
                (&json!("*"), &json!("nl"))
            );
            sent["webhook"]["itemGroup"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        groups,
        [
            "customers",
            "subscriptions",
            "orders",
            "quotes",
            "shipments",
            "invoices",
            "products",
            "variants"
        ]
    );
}

fn needed() -> Vec<Value> {
    [
        "customers",
        "subscriptions",
        "orders",
        "quotes",
        "shipments",
        "invoices",
        "products",
        "variants",
    ]
    .iter()
    .zip(10..)
    .map(|(group, id)| hook(id, group, "*", ADDRESS))
    .collect()
}

#[test]
fn what_is_right_is_kept_without_a_further_call() {
    let (report, (calls, _)) = register(&needed(), 0);
    assert_eq!(
        (report.kept, report.created, report.removed, report.foreign),
        (8, 0, 0, 0)
    );
    assert_eq!(calls.len(), 1);
}

#[test]
fn our_own_doubles_go_and_those_of_others_stay() {
    let mut hooks = needed();
    hooks.push(hook(2, "orders", "*", "https://elsewhere.example.com/"));
    hooks.push(hook(3, "orders", "*", "https://elsewhere.example.com/"));
    hooks.push(hook(20, "orders", "*", ADDRESS));
    hooks.push(hook(5, "customers", "*", ADDRESS));
    hooks.push(hook(21, "orders", "created", ADDRESS));
    let (report, (calls, _)) = register(&hooks, 3);
    assert_eq!(
        (report.kept, report.created, report.removed, report.foreign),
        (8, 0, 3, 2)
    );
    assert_eq!(
        calls[1..],
        [
            "DELETE nl/webhooks/10.json",
            "DELETE nl/webhooks/20.json",
            "DELETE nl/webhooks/21.json"
        ],
        "the lowest number stays"
    );
}

#[test]
fn one_that_was_switched_off_is_switched_on() {
    let mut hooks = needed();
    hooks[2]["isActive"] = json!(false);
    hooks[3]["language"]["code"] = json!("en");
    let (report, (calls, bodies)) = register(&hooks, 3);
    assert_eq!(
        (report.kept, report.created, report.removed, report.foreign),
        (6, 2, 1, 0)
    );
    assert_eq!(
        calls[1..],
        [
            "PUT nl/webhooks/12.json",
            "POST nl/webhooks.json",
            "DELETE nl/webhooks/13.json"
        ]
    );
    assert_eq!(bodies[1], r#"{"webhook":{"isActive":true}}"#);
}

#[test]
fn all_pages_of_webhooks_are_read() {
    let page = |from: i64| -> Vec<Value> {
        (from..from + 250)
            .map(|id| hook(id, "orders", "*", "https://elsewhere.example.com/"))
            .collect()
    };
    let script = Script::new(vec![
        answer(200, json!({ "webhooks": page(1000) }).to_string()),
        answer(200, json!({ "webhooks": page(1250) }).to_string()),
        answer(200, json!({ "webhooks": needed() }).to_string()),
    ]);
    let report = now(shop().register(&doors(&script), ADDRESS)).unwrap();
    assert_eq!((report.kept, report.created, report.foreign), (8, 0, 500));
}

#[test]
fn a_write_whose_answer_is_lost_is_uncertain() {
    let list = || answer(200, "{}");
    for lost in [Err(HttpError::Lost("cut".to_owned())), answer(502, "<html>")] {
        let script = Script::new(vec![list(), lost]);
        let result = now(shop().register(&doors(&script), ADDRESS));
        assert!(matches!(result, Err(ConnectorError::Uncertain(_))), "{result:?}");
    }
}
