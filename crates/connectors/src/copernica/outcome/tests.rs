//! The table of outcomes.

use bytes::Bytes;

use super::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::from(body.to_owned()),
    }
}

fn error(message: &str) -> Response {
    answer(400, &[], &format!("{{\"error\":{{\"message\":\"{message}\"}}}}"))
}

const PAGE: &str = "<html><head><title>Loadbalancer Error</title></head></html>";

#[test]
fn a_put_says_what_it_did_in_every_version() {
    let created = [("x-created", "501")];
    let located = [("x-location", "https://api.example.org/v3/profile/501")];
    for (version, response, expected) in [
        (ApiVersion::V4, answer(204, &[], ""), Written::Changed),
        (
            ApiVersion::V4,
            answer(201, &created, ""),
            Written::Created(Some(501)),
        ),
        (
            ApiVersion::V3,
            answer(201, &located, ""),
            Written::Created(Some(501)),
        ),
        (ApiVersion::V4, answer(201, &[], ""), Written::Created(None)),
        (ApiVersion::V2, answer(200, &[], ""), Written::Changed),
        (
            ApiVersion::V2,
            answer(303, &created, ""),
            Written::Created(Some(501)),
        ),
        (
            ApiVersion::V2,
            answer(303, &[("location", "https://api.example.org/profile/5")], ""),
            Written::Changed,
        ),
    ] {
        assert_eq!(put(version, &response), Ok(expected), "{response:?}");
    }
}

#[test]
fn messages_decide_what_a_400_means() {
    let put = |message: &str| put(ApiVersion::V4, &error(message)).unwrap_err();
    for (message, wanted) in [
        (
            "Invalid access token",
            "credentials refused: Invalid access token",
        ),
        (
            "Copernica REST API Error 400: Invalid access token",
            "credentials refused: Invalid access token",
        ),
        (
            "No database with supplied ID",
            "structure differs: No database with supplied ID",
        ),
        (
            "No collection with given ID",
            "structure differs: No collection with given ID",
        ),
        (
            "URL parameter fields is required",
            "structure differs: URL parameter fields is required",
        ),
        (
            "No entity with supplied ID",
            "not there: No entity with supplied ID",
        ),
        (
            "No subprofile with supplied ID",
            "not there: No subprofile with supplied ID",
        ),
        (
            "This profile has already been removed",
            "not there: This profile has already been removed",
        ),
        (
            "Invalid data provided",
            "refused: HTTP 400: Invalid data provided",
        ),
        (
            "Jan@example.org is not wanted",
            "refused: HTTP 400: (address) is not wanted",
        ),
    ] {
        assert_eq!(put(message).to_string(), wanted);
    }
    for message in ["Failed to create profile", "Subprofile could not be created"] {
        let error = put(message);
        assert!(
            matches!(&error, ConnectorError::Rejected(text) if text.contains("restriction")),
            "{error}"
        );
    }
}

#[test]
fn every_status_has_an_outcome_and_an_unknown_one_is_no_success() {
    for status in 100..1000 {
        let outcome = put(ApiVersion::V4, &answer(status, &[], PAGE));
        let is_right = match status {
            401 => matches!(outcome, Err(ConnectorError::Unauthorised(_))),
            408 | 425 | 429 => matches!(outcome, Err(ConnectorError::RateLimited { .. })),
            300..500 => matches!(outcome, Err(ConnectorError::Rejected(_))),
            _ => matches!(outcome, Err(ConnectorError::Uncertain(_))),
        };
        assert!(is_right, "{status}: {outcome:?}");
    }
}

#[test]
fn a_read_is_never_uncertain() {
    for status in 100..1000 {
        let outcome = document::<serde_json::Value>(&answer(status, &[], PAGE));
        let is_odd = !(200..600).contains(&status);
        assert!(
            is_odd || !matches!(outcome, Err(ConnectorError::Uncertain(_))),
            "{status}: {outcome:?}"
        );
        assert!(outcome.is_err(), "{status}");
    }
    let cut = document::<serde_json::Value>(&answer(200, &[], "{\"data\":["));
    assert!(matches!(cut, Err(ConnectorError::Malformed(_))), "{cut:?}");
}

#[test]
fn a_throttle_names_its_wait() {
    for (headers, wait) in [
        (&[("retry-after", "7")][..], Some(7000)),
        (&[("retry-after", "soon")][..], None),
        (
            &[
                ("date", "Tue, 02 Jun 2026 08:25:03 GMT"),
                ("retry-after", "Tue, 02 Jun 2026 08:25:13 GMT"),
            ][..],
            Some(10_000),
        ),
        (&[][..], None),
    ] {
        let error = put(ApiVersion::V4, &answer(429, headers, PAGE)).unwrap_err();
        assert_eq!(error, ConnectorError::RateLimited { retry_after_ms: wait });
    }
}

#[test]
fn a_delete_is_believed_only_about_the_row_it_was_for() {
    assert_eq!(delete(&answer(204, &[("x-deleted", "profile 5")], ""), 5), Ok(()));
    assert_eq!(delete(&answer(200, &[], ""), 5), Ok(()));
    let other = delete(&answer(204, &[("x-deleted", "profile 6")], ""), 5);
    assert!(matches!(other, Err(ConnectorError::Uncertain(_))));
}

#[test]
fn only_a_refused_token_is_worth_a_new_one() {
    assert!(is_token_refused(&error("Invalid access token")));
    assert!(is_token_refused(&answer(401, &[], "")));
    let forbidden = |message: &str| answer(403, &[], &format!("{{\"error\":{{\"message\":\"{message}\"}}}}"));
    assert!(is_token_refused(&forbidden("Invalid access token")));
    assert!(!is_token_refused(&forbidden("You may not edit this profile")));
    assert!(!is_token_refused(&answer(403, &[], PAGE)));
    assert!(!is_token_refused(&error("Failed to create profile")));
    assert!(!is_token_refused(&answer(204, &[], "")));
}
