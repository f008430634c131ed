//! Tokens and paths (copernica.md §11 no. 1-15).

use http::{Request, StatusCode};
use serde_json::json;

use super::*;

/// A call with a wrong or missing token on v2 is answered with 400 and `Invalid access token`, whatever else is
/// wrong with it.
///
/// Fidelity: copernica.md 1 — exact
#[tokio::test]
async fn c001_bad_token_comes_before_every_other_check() {
    let world = World::new().await;
    for path in [
        "/v2/PROFILE/1?access_token=wrong",
        "/v2/profile/1",
        "/v2/database/99?access_token=",
    ] {
        let answer = world.call("GET", path, "", Vec::new()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.json(),
            json!({"error": {"message": "Invalid access token"}}),
            "{path}"
        );
    }
}

/// On v3 the same message stands behind a prefix.
///
/// Fidelity: copernica.md 2 — exact
#[tokio::test]
async fn c002_v3_puts_a_prefix_before_the_message() {
    let world = World::new().await;
    let answer = world
        .call("GET", "/v3/identity?access_token=wrong", "", Vec::new())
        .await;
    assert_eq!(
        answer.message(),
        "Copernica REST API Error 400: Invalid access token"
    );
    let answer = world
        .call("GET", "/v3/identity?access_token=sandbox-token", "", Vec::new())
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// v4 refuses a call without a bearer token or with one that is over its time.
///
/// Fidelity: copernica.md 3 — approximated: the status is not documented; 401, and 400 by switch
#[tokio::test]
async fn c003_v4_refuses_without_or_with_an_old_bearer_token() {
    for (v4_auth_400, status) in [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::BAD_REQUEST)] {
        let world = World::with(Options {
            v4_auth_400,
            ..Options::default()
        })
        .await;
        assert_eq!(world.get("identity").await.status, StatusCode::OK);
        let request = Request::get("/v4/identity?access_token=sandbox-token");
        let response = world
            .send(request.body(Body::empty()).expect("well formed"))
            .await;
        assert_eq!(response.status(), status);
        world.pass_seconds(24 * 60 * 60);
        assert_eq!(world.get("identity").await.status, status);
    }
}

/// The authentication host gives a bare JWT for an access token, good for 24 hours.
///
/// Fidelity: copernica.md 4 — approximated: the host is the path /authenticate, and the signature is not that of Copernica
#[tokio::test]
async fn c004_authentication_gives_a_bare_token_good_for_a_day() {
    use base64::Engine;
    let world = World::new().await;
    let parts: Vec<&str> = world.bearer.split('.').collect();
    assert_eq!(parts.len(), 3);
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(parts[1])
        .expect("base64url");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(payload["exp"], json!(NOON / 1_000_000 + 86_400));
    // Two tokens live at once; a tampered one does not.
    let other = World {
        bearer: world.log_in("sandbox-token").await,
        ..clone(&world)
    };
    assert_ne!(other.bearer, world.bearer);
    assert_eq!(world.get("identity").await.status, StatusCode::OK);
    assert_eq!(other.get("identity").await.status, StatusCode::OK);
    let forged = World {
        bearer: format!("{}x", world.bearer),
        ..clone(&world)
    };
    assert_eq!(forged.get("identity").await.status, StatusCode::UNAUTHORIZED);
    world.simulator.expire_bearer_tokens();
    assert_eq!(world.get("identity").await.status, StatusCode::UNAUTHORIZED);
}

fn clone(world: &World) -> World {
    World {
        simulator: world.simulator.clone(),
        clock: world.clock.clone(),
        bearer: world.bearer.clone(),
    }
}

/// Path segments have a case: a wrong one is an `Invalid method`.
///
/// Fidelity: copernica.md 5 — exact
#[tokio::test]
async fn c005_paths_are_case_sensitive() {
    let world = World::new().await;
    for path in [
        "PROFILE/1",
        "",
        "profiles",
        "database/1/bogus",
        "database/1/PROFILES",
    ] {
        assert_eq!(world.get(path).await.message(), "Invalid method", "{path}");
    }
}

/// A path that ends before its id names the missing element, and empty segments at the end do not count.
///
/// Fidelity: copernica.md 6 — exact
#[tokio::test]
async fn c006_short_paths_name_the_missing_element() {
    let world = World::new().await;
    for path in [
        "database",
        "database/",
        "database//",
        "profile",
        "collection/",
        "subprofile",
    ] {
        let wanted = "Invalid request, element 1 is missing in 'directory' path";
        assert_eq!(world.get(path).await.message(), wanted, "{path}");
    }
}

/// The subprofiles of a profile cannot be asked for without a collection.
///
/// Fidelity: copernica.md 7 — exact
#[tokio::test]
async fn c007_subprofiles_need_a_collection() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let answer = world.get(&format!("profile/{id}/subprofiles")).await;
    assert_eq!(
        answer.message(),
        "Invalid request, element 3 is missing in 'directory' path"
    );
}

/// Each kind of entity has its own message for an id that is unknown, zero, negative or text, and that message
/// comes first.
///
/// Fidelity: copernica.md 8 — exact
#[tokio::test]
async fn c008_unknown_ids_have_a_message_per_entity() {
    let world = World::new().await;
    for (entity, wanted) in [
        ("database", "No database with supplied ID"),
        ("collection", "No collection with given ID"),
        ("profile", "No entity with supplied ID"),
        ("subprofile", "No subprofile with supplied ID"),
    ] {
        for rest in ["99984", "0", "-1", "bogus/path", "99984/bogus"] {
            let answer = world.get(&format!("{entity}/{rest}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(answer.message(), wanted, "{entity}/{rest}");
        }
    }
}

/// A database can be named instead of numbered, in any case.
///
/// Fidelity: copernica.md 9 — exact
#[tokio::test]
async fn c009_databases_have_names_in_any_case() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let list = world.get("database/ShOp/profiles").await.json();
    assert_eq!(list["data"][0]["ID"], json!(id.to_string()));
    assert_eq!(
        world.get("collection/Orders").await.message(),
        "No collection with given ID"
    );
}

/// Behind an entity an unknown segment is an `Invalid method`; behind its fields it is ignored.
///
/// Fidelity: copernica.md 10 — exact
#[tokio::test]
async fn c010_further_segments_matter_only_behind_an_entity() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "Janssen"})).await;
    assert_eq!(
        world.get(&format!("profile/{id}/bogus")).await.message(),
        "Invalid method"
    );
    assert_eq!(
        world.get(&format!("profile/{id}/fields/bogus")).await.json()["LastName"],
        "Janssen"
    );
    world
        .post(&format!("profile/{id}/subprofiles/1/bogus"), json!({}))
        .await
        .created();
}

/// Segments behind a list are ignored.
///
/// Fidelity: copernica.md 11 — exact
#[tokio::test]
async fn c011_a_list_ignores_what_stands_behind_it() {
    let world = World::new().await;
    world.profile(json!({})).await;
    let list = world.get("database/1/profiles/bogus/path").await.json();
    assert_eq!(list, world.get("database/1/profiles").await.json());
    assert_eq!(list["count"], 1);
}

/// A single field, the intentions and the copy of a database cannot be read.
///
/// Fidelity: copernica.md 12 — exact
#[tokio::test]
async fn c012_some_paths_cannot_be_read() {
    let world = World::new().await;
    for path in ["database/1/field/1", "database/1/intentions", "database/1/copy"] {
        assert_eq!(world.get(path).await.message(), "Invalid method", "{path}");
    }
}

/// What came with v3 is not there on v2, and `identity` is longest on v3 (copernica.md §1.1, §9.2).
#[tokio::test]
async fn versions_differ_in_what_they_offer() {
    let world = World::new().await;
    let put = "collection/1/subprofiles?fields[]=order_id==7";
    for (method, path) in [("POST", "imports"), ("PUT", put), ("GET", "import/1")] {
        let answer = world.v2(method, path, Some(json!({}))).await;
        assert_eq!(answer.message(), "Invalid method", "{method} {path}");
    }
    assert_eq!(world.put(put, json!({})).await.status, StatusCode::NO_CONTENT);
    let keys = |answer: Answer| answer.json().as_object().expect("an object").len();
    assert_eq!(keys(world.v2("GET", "identity", None).await), 4);
    assert_eq!(keys(world.get("identity").await), 4);
    let token = "/v3/identity?access_token=sandbox-token";
    let on_v3 = world.call("GET", token, "", Vec::new()).await.json();
    for key in ["customer", "usedBy", "license"] {
        assert!(on_v3.get(key).is_some(), "{key}");
    }
}

/// The prefix of a message on v3 has the status of its answer.
#[tokio::test]
async fn the_prefix_of_v3_names_the_status() {
    let world = World::new().await;
    for (path, wanted) in [("nowhere", 400), ("datarequest/9/data", 404)] {
        let path = format!("/v3/{path}?access_token=sandbox-token");
        let answer = world.call("GET", &path, "", Vec::new()).await;
        assert_eq!(answer.status.as_u16(), wanted, "{answer:?}");
        let prefix = format!("Copernica REST API Error {wanted}: ");
        assert!(answer.message().starts_with(&prefix), "{answer:?}");
    }
}

/// Subprofiles are not created on the collection.
///
/// Fidelity: copernica.md 13 — exact
#[tokio::test]
async fn c013_a_collection_takes_no_new_subprofiles() {
    let world = World::new().await;
    assert_eq!(
        world.post("collection/1/subprofiles", json!({})).await.message(),
        "Invalid method"
    );
}

/// A POST to a single database or collection counts as a PUT and creates nothing.
///
/// Fidelity: copernica.md 14 — exact
#[tokio::test]
async fn c014_post_on_an_entity_is_a_put() {
    let world = World::new().await;
    for path in ["database/1", "collection/1"] {
        for answer in [
            world.v2("POST", path, None).await,
            world.v4("POST", path, None).await,
        ] {
            assert!(answer.status.is_success(), "{answer:?}");
            assert_eq!(answer.header("x-created"), None);
        }
    }
}

/// A path without a version is answered like v2, unless that is switched off.
///
/// Fidelity: copernica.md 15 — exact
#[tokio::test]
async fn c015_a_path_without_version_is_v2() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let path = format!("/profile/{id}?access_token=sandbox-token");
    assert_eq!(
        world.call("GET", &path, "", Vec::new()).await.status,
        StatusCode::OK
    );
    let strict = World::with(Options {
        allow_unversioned: false,
        ..Options::default()
    })
    .await;
    strict.profile(json!({})).await;
    assert_eq!(
        strict.call("GET", &path, "", Vec::new()).await.message(),
        "Invalid method"
    );
}
