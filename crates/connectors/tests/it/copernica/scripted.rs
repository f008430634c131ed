//! Deliveries against scripted answers: which calls the sink makes, and what it makes of each answer.

use std::sync::Arc;

use schakel_connectors::copernica::{ApiVersion, Copernica};
use schakel_core::connector::{Class, ConnectorError, Cx, HttpError, Sink, Work};
use schakel_core::delivery::{Certainty, ObjectKind};

use super::answers::{Answer, Is, PAGE, answer, created, empty, orders, profiles, refused, structure};
use super::door::{Script, cx};
use super::{absent, order, person, sink_at, uncertain};

/// A sink of v3, where every request of the script is one of the API, connected.
async fn connected() -> (Copernica, Arc<Script>, Cx) {
    let script = Script::new([structure()]);
    let cx = cx(Arc::clone(&script) as _);
    let sink = sink_at("http://copernica.test", ApiVersion::V3);
    sink.connect(&cx).await.unwrap();
    assert_eq!(
        script.taken(),
        ["GET /v3/database/webshop?access_token=sandbox%2Dtoken"]
    );
    (sink, script, cx)
}

/// What each delivery asks, without the bodies.
async fn calls_for(
    work: &Work,
    answers: Vec<Answer>,
) -> (Result<(Option<i64>, bool), ConnectorError>, Vec<String>) {
    let (sink, script, cx) = connected().await;
    script.then(answers);
    let receipt = sink
        .deliver(&cx, work)
        .await
        .map(|receipt| (receipt.remote_id, receipt.is_created));
    let calls = script.taken().into_iter().map(|call| {
        let call = call
            .replace("access_token=sandbox%2Dtoken", "token")
            .replace("%5B%5D", "[]")
            .replace("%3D", "=");
        call.split(" {").next().unwrap_or_default().to_owned()
    });
    (receipt, calls.collect())
}

/// A profile that lives.
fn there() -> Answer {
    answer(200, &[], "{\"ID\":\"501\",\"fields\":{},\"removed\":false}")
}

const PUT_PROFILE: &str = "PUT /v3/database/7/profiles?token&fields[]=RelationID==5&create=1";
const GET_PROFILES: &str =
    "GET /v3/database/7/profiles?token&fields[]=RelationID==5&dataonly=true&total=false&limit=100";
const PUT_ORDER: &str =
    "PUT /v3/profile/501/subprofiles/31?token&fields[]=OrderID==42&fields[]=ShopID==24501&create=1";
const GET_PROFILE: &str = "GET /v3/profile/501?token";
const GET_ORDERS: &str = "GET /v3/collection/31/subprofiles?token&fields[]=OrderID==42&fields[]=ShopID==24501&dataonly=true&total=false&limit=100";

#[tokio::test]
async fn an_update_and_a_create_are_one_call_each() {
    let known = Work {
        remote_id: Some(501),
        certainty: Certainty::Known,
        ..person(5, "Jan")
    };
    assert_eq!(
        calls_for(&known, vec![empty(204)]).await,
        (Ok((Some(501), false)), vec![PUT_PROFILE.to_owned()])
    );
    let fresh = person(5, "Jan");
    assert_eq!(
        calls_for(&fresh, vec![created(501)]).await,
        (Ok((Some(501), true)), vec![PUT_PROFILE.to_owned()])
    );
    let row = order(42, "new", 501);
    assert_eq!(
        calls_for(&row, vec![empty(204)]).await,
        (Ok((None, false)), vec![PUT_ORDER.to_owned()])
    );
    // One that is new asks whether its profile still lives, which is not known here.
    let two = || vec![PUT_ORDER.to_owned(), GET_PROFILE.to_owned()];
    assert_eq!(
        calls_for(&row, vec![created(9), there()]).await,
        (Ok((Some(9), true)), two())
    );
    assert_eq!(
        calls_for(&row, vec![empty(201), there()]).await,
        (Ok((None, true)), two())
    );
}

#[tokio::test]
async fn a_profile_that_cannot_be_looked_at_leaves_the_write_uncertain() {
    for lost in [empty(429), empty(502), Err(HttpError::Lost("cut".to_owned()))] {
        let (receipt, _) = calls_for(&order(42, "new", 501), vec![created(9), lost]).await;
        assert!(
            matches!(receipt, Err(ConnectorError::Uncertain(_))),
            "{receipt:?}"
        );
    }
}

#[tokio::test]
async fn twins_are_told_and_the_lowest_counts() {
    let (sink, script, cx) = connected().await;
    script.then([profiles(&[(502, 5), (501, 5), (503, 5)]), empty(204)]);
    let receipt = sink.deliver(&cx, &uncertain(person(5, "Jan"))).await.unwrap();
    assert_eq!((receipt.remote_id, receipt.twins), (Some(501), 2));
    script.then([empty(204), profiles(&[(502, 6), (501, 6)])]);
    let receipt = sink.deliver(&cx, &person(6, "Els")).await.unwrap();
    assert_eq!((receipt.remote_id, receipt.twins), (Some(501), 1));
    // Twins below one profile are ours alone: the later ones go.
    script.taken();
    script.then([orders(&[(91, 501, 42), (90, 501, 42)]), empty(204), empty(204)]);
    let receipt = sink
        .deliver(&cx, &uncertain(order(42, "new", 501)))
        .await
        .unwrap();
    assert_eq!((receipt.remote_id, receipt.twins), (Some(90), 0));
    assert!(script.taken()[2].starts_with("DELETE /v3/subprofile/91?"));
}

#[tokio::test]
async fn an_id_that_the_answer_does_not_name_is_looked_up() {
    let two = || vec![PUT_PROFILE.to_owned(), GET_PROFILES.to_owned()];
    let fresh = person(5, "Jan");
    assert_eq!(
        calls_for(&fresh, vec![empty(204), profiles(&[(502, 5), (501, 5)])]).await,
        (Ok((Some(501), false)), two())
    );
    assert_eq!(
        calls_for(&fresh, vec![empty(201), profiles(&[(501, 5)])]).await,
        (Ok((Some(501), true)), two())
    );
    let (receipt, _) = calls_for(&fresh, vec![empty(201), empty(429)]).await;
    assert!(
        matches!(receipt, Err(ConnectorError::Uncertain(_))),
        "made, so not \"not executed\": {receipt:?}"
    );
    let (receipt, _) = calls_for(&fresh, vec![empty(204), empty(429)]).await;
    assert!(
        matches!(receipt, Err(ConnectorError::RateLimited { .. })),
        "{receipt:?}"
    );
}

#[tokio::test]
async fn an_uncertain_delivery_looks_before_it_writes() {
    let two = || vec![GET_PROFILES.to_owned(), PUT_PROFILE.to_owned()];
    let work = uncertain(person(5, "Jan"));
    assert_eq!(
        calls_for(&work, vec![profiles(&[(501, 5)]), empty(204)]).await,
        (Ok((Some(501), false)), two())
    );
    assert_eq!(
        calls_for(&work, vec![profiles(&[]), created(502)]).await,
        (Ok((Some(502), true)), two())
    );
    // The lost attempt made another profile than the one we knew: the old one was removed with its children.
    let known = Work {
        remote_id: Some(400),
        ..work
    };
    assert_eq!(
        calls_for(&known, vec![profiles(&[(501, 5)]), empty(204)]).await,
        (Ok((Some(501), true)), two())
    );
}

#[tokio::test]
async fn a_moved_subprofile_is_made_anew_and_the_old_one_goes() {
    let moved = Work {
        remote_id: Some(80),
        remote_parent: Some(400),
        ..order(42, "new", 501)
    };
    let answers = vec![
        created(90),
        orders(&[(80, 400, 42), (90, 501, 42)]),
        empty(204),
        there(),
    ];
    let calls = vec![
        PUT_ORDER.to_owned(),
        GET_ORDERS.to_owned(),
        "DELETE /v3/subprofile/80?token".to_owned(),
        GET_PROFILE.to_owned(),
    ];
    assert_eq!(calls_for(&moved, answers).await, (Ok((Some(90), true)), calls));
    // The old parent is gone, and what stood under it.
    let answers = vec![created(90), orders(&[(90, 501, 42)]), there()];
    assert_eq!(calls_for(&moved, answers).await.0, Ok((Some(90), true)));
    let answers = vec![
        created(90),
        orders(&[(80, 400, 42)]),
        refused("This subprofile has already been removed"),
        there(),
    ];
    assert_eq!(calls_for(&moved, answers).await.0, Ok((Some(90), true)));
}

#[tokio::test]
async fn a_removal_is_confirmed_and_what_is_gone_is_success() {
    let gone = || {
        answer(
            200,
            &[],
            "{\"ID\":\"501\",\"fields\":{},\"removed\":\"2026-06-01 14:00:00\"}",
        )
    };
    let work = Work {
        remote_id: Some(501),
        ..absent(person(5, "Jan"))
    };
    let (receipt, calls) = calls_for(
        &work,
        vec![answer(204, &[("x-deleted", "profile 501")], ""), gone()],
    )
    .await;
    assert_eq!(receipt, Ok((Some(501), false)));
    assert_eq!(
        calls,
        ["DELETE /v3/profile/501?token", "GET /v3/profile/501?token"]
    );
    for message in [
        "This profile has already been removed",
        "No entity with supplied ID",
    ] {
        assert_eq!(
            calls_for(&work, vec![refused(message)]).await.0,
            Ok((Some(501), false))
        );
    }
    let (receipt, _) = calls_for(&work, vec![empty(204), there()]).await;
    assert!(
        matches!(&receipt, Err(ConnectorError::Rejected(text)) if text.contains("removal behaviour")),
        "{receipt:?}"
    );
    let unknown = absent(person(5, "Jan"));
    assert_eq!(
        calls_for(&unknown, vec![profiles(&[])]).await,
        (Ok((None, false)), vec![GET_PROFILES.to_owned()])
    );
    let row = absent(order(42, "new", 501));
    let answers = vec![orders(&[(80, 400, 42)]), empty(204), gone()];
    assert_eq!(
        calls_for(&row, answers).await.1[1..],
        ["DELETE /v3/subprofile/80?token", "GET /v3/subprofile/80?token"]
    );
}

#[tokio::test]
async fn a_filter_that_was_passed_over_changes_and_removes_nothing() {
    // The list is everybody: the rows have other keys than the one asked for.
    let everybody = || profiles(&[(500, 4), (501, 5), (502, 6)]);
    for work in [absent(person(5, "Jan")), uncertain(person(5, "Jan"))] {
        let (receipt, calls) = calls_for(&work, vec![everybody()]).await;
        assert!(
            matches!(receipt, Err(ConnectorError::Structure(_))),
            "{receipt:?}"
        );
        assert_eq!(calls, [GET_PROFILES]);
    }
}

#[tokio::test]
async fn nothing_is_sent_with_a_key_that_would_match_strangers() {
    let imported = Work {
        key: vec![("RelationID".into(), 0)],
        ..person(5, "Jan")
    };
    let (receipt, calls) = calls_for(&imported, vec![]).await;
    assert!(matches!(receipt, Err(ConnectorError::Rejected(_))) && calls.is_empty());
    let unknown = Work {
        key: vec![("RelationsID".into(), 5)],
        ..person(5, "Jan")
    };
    let (receipt, calls) = calls_for(&unknown, vec![]).await;
    assert_eq!(
        receipt,
        Err(ConnectorError::Structure(
            "RelationsID is not a field of the preset".to_owned()
        ))
    );
    assert!(calls.is_empty());
    let orphan = Work {
        parent: None,
        ..order(42, "new", 501)
    };
    let (receipt, calls) = calls_for(&orphan, vec![]).await;
    assert!(matches!(receipt, Err(ConnectorError::Missing(_))) && calls.is_empty());
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let lost = || Err(HttpError::Lost("reset".to_owned()));
    let uncertain: Is = |error| matches!(error, ConnectorError::Uncertain(_));
    let cases: [(Answer, Is); 12] = [
        (Err(HttpError::NotSent("refused".to_owned())), |error| {
            matches!(error, ConnectorError::Unavailable(_))
        }),
        (lost(), uncertain),
        (answer(503, &[("content-type", "text/html")], PAGE), uncertain),
        (answer(504, &[], PAGE), uncertain),
        (answer(200, &[("content-type", "text/html")], PAGE), uncertain),
        (empty(500), uncertain),
        (answer(429, &[("retry-after", "3")], ""), |error| {
            *error
                == ConnectorError::RateLimited {
                    retry_after_ms: Some(3000),
                }
        }),
        (
            refused("Copernica REST API Error 400: Invalid access token"),
            |error| matches!(error, ConnectorError::Unauthorised(_)),
        ),
        (refused("No database with supplied ID"), |error| {
            matches!(error, ConnectorError::Structure(_))
        }),
        (refused("No entity with supplied ID"), |error| {
            matches!(error, ConnectorError::Missing(_))
        }),
        (
            refused("Failed to create profile"),
            |error| matches!(error, ConnectorError::Rejected(text) if text.contains("restriction")),
        ),
        (empty(303), |error| matches!(error, ConnectorError::Rejected(_))),
    ];
    for (answer, is_right) in cases {
        let shown = format!("{answer:?}");
        let (receipt, calls) = calls_for(&person(5, "Jan"), vec![answer]).await;
        assert!(is_right(&receipt.unwrap_err()), "{shown}");
        assert_eq!(calls.len(), 1, "no connector retries by itself");
    }
    let (receipt, _) = calls_for(
        &order(42, "new", 501),
        vec![refused("Subprofile could not be created")],
    )
    .await;
    assert!(matches!(receipt, Err(ConnectorError::Rejected(_))));
    let (receipt, _) = calls_for(
        &order(42, "new", 501),
        vec![refused("No entity with supplied ID")],
    )
    .await;
    assert!(
        matches!(receipt, Err(ConnectorError::Missing(_))),
        "the parent does not exist"
    );
}

#[tokio::test]
async fn a_refusal_that_repeats_a_value_does_not_pass_it_on() {
    let work = person(5, "Janneke");
    let (receipt, _) = calls_for(&work, vec![refused("Janneke (Janneke.5@example.org) is spam")]).await;
    let text = receipt.unwrap_err().to_string();
    assert_eq!(text, "refused: HTTP 400: (value) (address) is spam");
}

#[tokio::test]
async fn the_second_version_says_with_a_redirect_what_others_say_with_a_status() {
    let script = Script::new([
        structure(),
        answer(
            303,
            &[
                ("x-created", "501"),
                ("location", "http://copernica.test/profile/501"),
            ],
            "",
        ),
    ]);
    let cx = cx(Arc::clone(&script) as _);
    let sink = sink_at("http://copernica.test", ApiVersion::V2);
    sink.connect(&cx).await.unwrap();
    let receipt = sink.deliver(&cx, &person(5, "Jan")).await.unwrap();
    assert_eq!((receipt.remote_id, receipt.is_created), (Some(501), true));
    script.then([empty(303)]);
    let known = Work {
        remote_id: Some(501),
        ..person(5, "Jan")
    };
    let receipt = sink.deliver(&cx, &known).await.unwrap();
    assert_eq!((receipt.remote_id, receipt.is_created), (Some(501), false));
    assert_eq!(script.taken().len(), 3, "a redirect is never followed");
}

#[tokio::test]
async fn a_retry_is_paid_from_the_budget_of_retries() {
    let (sink, script, cx) = connected().await;
    script.then([empty(204), profiles(&[(501, 5)]), empty(204)]);
    let known = Work {
        remote_id: Some(501),
        ..person(5, "Jan")
    };
    sink.deliver(&cx, &known).await.unwrap();
    sink.deliver(&cx, &uncertain(known)).await.unwrap();
    let classes: Vec<Class> = script.requests().iter().map(|request| request.class).collect();
    assert_eq!(classes, [Class::Live, Class::Retry, Class::Retry]);
}

#[tokio::test]
async fn the_body_is_wrapped_for_profiles_and_flat_for_subprofiles() {
    let (sink, script, cx) = connected().await;
    script.then([created(501), created(90)]);
    sink.deliver(&cx, &person(5, "Jan")).await.unwrap();
    sink.deliver(&cx, &order(42, "new", 501)).await.unwrap();
    let bodies: Vec<serde_json::Value> = script
        .requests()
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["fields"]["RelationID"], 5);
    assert_eq!(bodies[0]["fields"]["FirstName"], "Jan");
    assert_eq!(bodies[0]["fields"]["CompanyName"], "");
    assert_eq!(bodies[0]["fields"].as_object().unwrap().len(), 48);
    assert_eq!(bodies[1]["OrderID"], 42);
    assert_eq!(bodies[1].as_object().unwrap().len(), 32);
    assert!(
        !script
            .requests()
            .iter()
            .any(|request| request.body.windows(4).any(|four| four == b"null"))
    );
}

#[tokio::test]
async fn look_up_gives_every_row_under_the_key() {
    let (sink, script, cx) = connected().await;
    script.then([orders(&[(91, 501, 42), (90, 400, 42)])]);
    let key = order(42, "new", 501).key;
    let states = sink.look_up(&cx, ObjectKind::Order, &key).await.unwrap();
    let shown: Vec<(i64, Option<i64>)> = states
        .iter()
        .map(|state| (state.remote_id, state.parent))
        .collect();
    assert_eq!(shown, [(90, Some(400)), (91, Some(501))]);
    assert!(
        states[0]
            .fields
            .contains(&("OrderID".to_owned(), "42".to_owned()))
    );
}
