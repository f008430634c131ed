//! Tokens and structure against scripted answers.

use std::sync::Arc;

use schakel_connectors::copernica::ApiVersion;
use schakel_core::connector::{ConnectorError, HttpError, Lack, Sink, Work};
use schakel_core::delivery::ObjectKind;
use schakel_core::preset::FieldType;

use super::answers::{Answer, Is, PAGE, answer, created, empty, refused, structure};
use super::door::{Script, cx};
use super::{person, sink_at};

/// `{"exp":1780401600}`: a day after the start.
const JWT: &str = "aaa.eyJleHAiOjE3ODA0MDE2MDB9.sig";

fn jwt() -> Answer {
    answer(200, &[], JWT)
}

#[tokio::test]
async fn the_bearer_token_is_fetched_once_and_anew_when_it_is_refused() {
    let script = Script::new([jwt(), structure(), empty(204)]);
    let cx = cx(Arc::clone(&script) as _);
    let sink = sink_at("http://copernica.test", ApiVersion::V4);
    let known = Work {
        remote_id: Some(501),
        ..person(5, "Jan")
    };
    sink.connect(&cx).await.unwrap();
    sink.deliver(&cx, &known).await.unwrap();
    let requests = script.requests();
    assert_eq!(requests[0].body, "access_token=sandbox%2Dtoken");
    assert!(
        requests[1..].iter().all(|call| !call.url.contains("sandbox")),
        "v4 has no token in the URL"
    );
    assert!(
        requests[1..]
            .iter()
            .all(|call| call.headers.contains(&("authorization", format!("Bearer {JWT}"))))
    );
    script.taken();

    script.then([empty(401), jwt(), empty(204)]);
    sink.deliver(&cx, &known).await.unwrap();
    let calls: Vec<String> = script
        .taken()
        .iter()
        .map(|call| call.split('?').next().unwrap().to_owned())
        .collect();
    assert_eq!(calls.len(), 3);
    assert!(calls[1].starts_with("POST /authenticate"), "{calls:?}");

    script.then([refused("Invalid access token"), jwt(), empty(401)]);
    let error = sink.deliver(&cx, &known).await.unwrap_err();
    assert!(
        matches!(error, ConnectorError::Unauthorised(_)),
        "refreshed once, retried once: {error}"
    );
    assert_eq!(script.taken().len(), 3);
}

#[tokio::test]
async fn trouble_at_the_authentication_host_means_that_nothing_was_sent() {
    let unavailable: Is = |error| matches!(error, ConnectorError::Unavailable(_));
    let cases: [(Answer, Is); 5] = [
        (Err(HttpError::Lost("reset".to_owned())), unavailable),
        (answer(503, &[], PAGE), unavailable),
        (answer(200, &[], PAGE), unavailable),
        (answer(429, &[("retry-after", "2")], ""), |error| {
            *error
                == ConnectorError::RateLimited {
                    retry_after_ms: Some(2000),
                }
        }),
        (refused("whatever it says"), |error| {
            matches!(error, ConnectorError::Unauthorised(_))
        }),
    ];
    for (answer, is_right) in cases {
        let script = Script::new([answer]);
        let cx = cx(Arc::clone(&script) as _);
        let error = sink_at("http://copernica.test", ApiVersion::V4)
            .connect(&cx)
            .await
            .unwrap_err();
        assert!(is_right(&error), "{error}");
        assert!(!error.to_string().contains("sandbox-token"));
    }
}

#[tokio::test]
async fn a_structure_that_lacks_something_is_refused_by_name() {
    let Ok(whole) = structure() else {
        panic!("the script holds an answer")
    };
    let text = String::from_utf8(whole.body.to_vec()).unwrap();
    for (from, to, wanted) in [
        (
            "\"RelationID\",\"type\":\"integer\"",
            "\"RelationID\",\"type\":\"text\"",
            "missing RelationID (is text, must be integer)",
        ),
        ("\"FirstName\"", "\"Voornaam\"", "missing FirstName"),
        ("WebShop", "another", "no database `webshop`"),
    ] {
        let script = Script::new([answer(200, &[], text.replacen(from, to, 1))]);
        let cx = cx(Arc::clone(&script) as _);
        let error = sink_at("http://copernica.test", ApiVersion::V3)
            .connect(&cx)
            .await
            .unwrap_err();
        assert_eq!(error, ConnectorError::Structure(wanted.to_owned()));
    }
    let unconnected = sink_at("http://copernica.test", ApiVersion::V3);
    let error = unconnected
        .deliver(&cx(Script::new([])), &person(5, "Jan"))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectorError::Structure(_)));
}

#[tokio::test]
async fn what_a_collection_lacks_is_told_of_its_kind_and_hinders_no_other() {
    let Ok(whole) = structure() else {
        panic!("the script holds an answer")
    };
    let text = String::from_utf8(whole.body.to_vec()).unwrap();
    let missing = |kind, missing: &str| Lack {
        kind,
        missing: vec![missing.to_owned()],
    };
    for (from, to, wanted) in [
        (
            "\"name\":\"Quotes\"",
            "\"name\":\"Carts\"",
            missing(ObjectKind::Quote, "collection Quotes"),
        ),
        (
            "\"OrderID\",\"type\":\"integer\"",
            "\"OrderID\",\"type\":\"text\"",
            missing(ObjectKind::Order, "Orders.OrderID (is text, must be integer)"),
        ),
    ] {
        let script = Script::new([answer(200, &[], text.replacen(from, to, 1)), structure()]);
        let cx = cx(Arc::clone(&script) as _);
        let sink = sink_at("http://copernica.test", ApiVersion::V3);
        assert_eq!(sink.lacking(), [], "nothing is known before it was read");
        sink.connect(&cx).await.unwrap();
        assert_eq!(sink.lacking(), [wanted]);
        sink.connect(&cx).await.unwrap();
        assert_eq!(sink.lacking(), [], "setup made it");
    }
}

#[tokio::test]
async fn a_phone_type_that_is_refused_becomes_a_text_of_fifty() {
    let Ok(whole) = structure() else {
        panic!("the script holds an answer")
    };
    let without = String::from_utf8(whole.body.to_vec())
        .unwrap()
        .replacen("\"Mobile\"", "\"Other\"", 1);
    let script = Script::new([
        answer(200, &[], without),
        refused("Failed to create field"),
        created(70),
    ]);
    let cx = cx(Arc::clone(&script) as _);
    let steps = sink_at("http://copernica.test", ApiVersion::V3)
        .setup(&cx)
        .await
        .unwrap();
    let step = steps.iter().find(|step| step.subject == "Mobile").unwrap();
    assert_eq!(step.note, "as a text of 50: type phone_gsm was refused");
    let calls = script.taken();
    assert!(
        calls[1].contains(FieldType::PhoneGsm.as_str()) && calls[2].contains("\"type\":\"text\""),
        "{calls:?}"
    );
}
