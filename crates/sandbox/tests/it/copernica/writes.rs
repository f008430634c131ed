//! Writing profiles (copernica.md §11 no. 35-54).

use super::*;

/// A POST creates a profile and names its id in two headers.
///
/// Fidelity: copernica.md 35 — exact
#[tokio::test]
async fn c035_post_creates_and_names_the_id() {
    let world = World::new().await;
    let body = json!({"fields": {"Email": "a@example.org"}});
    let answer = world.post("database/1/profiles", body).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::CREATED, 0));
    assert_eq!(answer.header("x-created"), Some("1"));
    assert_eq!(
        answer.header("x-location"),
        Some("https://api.copernica.com/v4/profile/1")
    );
}

#[tokio::test]
async fn forms_are_read_too() {
    let world = World::new().await;
    let form = b"fields%5BEmail%5D=a%40example.org&fields[LastName]=de+Vries".to_vec();
    let kind = "application/x-www-form-urlencoded";
    let id = world
        .call("POST", "/v4/database/1/profiles", kind, form)
        .await
        .created();
    assert_eq!(world.fields(id).await["LastName"], "de Vries");
}

/// The same POST again creates a second profile.
///
/// Fidelity: copernica.md 36 — exact
#[tokio::test]
async fn c036_post_never_looks_for_a_profile() {
    let world = World::new().await;
    let body = json!({"fields": {"Email": "a@example.org"}});
    assert_eq!(world.post("database/1/profiles", body.clone()).await.created(), 1);
    assert_eq!(world.post("database/1/profiles", body).await.created(), 2);
    assert_eq!(world.simulator.duplicates("shop", &["Email"]), 1);
}

/// Unknown fields, unknown members and a secret in a POST are ignored.
///
/// Fidelity: copernica.md 37 — exact
#[tokio::test]
async fn c037_unknown_names_are_passed_over() {
    let world = World::new().await;
    let body = json!({"fields": {"Bogus": "x", "LastName": "y"}, "bogus": 1, "secret": "s"});
    let id = world.post("database/1/profiles", body).await.created();
    assert_eq!(world.fields(id).await["LastName"], "y");
    assert_ne!(world.get(&format!("profile/{id}")).await.json()["secret"], "s");
    let id = world
        .post("database/1/profiles", json!({"FIELDS": {"LastName": "y"}}))
        .await
        .created();
    assert_eq!(world.fields(id).await["LastName"], "");
}

/// Fields that are no object are refused with `Invalid data provided`.
///
/// Fidelity: copernica.md 38 — exact
#[tokio::test]
async fn c038_fields_must_be_an_object() {
    let world = World::new().await;
    for body in [json!({"fields": true}), json!({"fields": "blah"})] {
        assert_eq!(
            world.post("database/1/profiles", body.clone()).await.message(),
            "Invalid data provided"
        );
        let answer = world.put("database/1/profiles?fields[]=id==1", body).await;
        assert_eq!(answer.message(), "Invalid data provided");
    }
    world
        .post("database/1/profiles", json!({"fields": []}))
        .await
        .created();
}

/// A POST without a body creates a profile of defaults.
///
/// Fidelity: copernica.md 39 — exact
#[tokio::test]
async fn c039_post_without_a_body_takes_the_defaults() {
    let world = World::new().await;
    assert_eq!(world.v4("POST", "database/1/profiles", None).await.created(), 1);
    let fields = world.fields(1).await;
    assert_eq!(
        (&fields["Score"], &fields["Newsletter"]),
        (&json!("5"), &json!("No"))
    );
    assert_eq!(
        (&fields["ANumber"], &fields["Since"]),
        (&json!("-1"), &json!("0000-00-00"))
    );
}

/// Of a field named twice in different cases the last value wins.
///
/// Fidelity: copernica.md 40 — exact
#[tokio::test]
async fn c040_the_last_spelling_of_a_name_wins() {
    let world = World::new().await;
    let body = br#"{"fields":{"laSTNAme":"x","LaSTNAme":"y","LASTNAME":""}}"#;
    let id = world
        .call(
            "POST",
            "/v4/database/1/profiles",
            "application/json",
            body.to_vec(),
        )
        .await
        .created();
    assert_eq!(world.fields(id).await["LastName"], "");
}

/// A PUT with fields that are no object sets the secret and leaves fields and the time of change alone.
///
/// Fidelity: copernica.md 41 — exact
#[tokio::test]
async fn c041_put_passes_over_fields_that_are_no_object() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "x"})).await;
    let path = format!("profile/{id}");
    let before = world.get(&path).await.json();
    world.pass_seconds(5);
    let answer = world.put(&path, json!({"fields": "bogus", "secret": "s"})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let after = world.get(&path).await.json();
    assert_eq!(after["secret"], "s");
    assert_eq!(
        (&after["fields"], &after["modified"]),
        (&before["fields"], &before["modified"])
    );
}

/// A secret keeps ASCII only, and null becomes `1`.
///
/// Fidelity: copernica.md 42 — exact
#[tokio::test]
async fn c042_a_secret_is_made_plain_ascii() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let path = format!("profile/{id}");
    for (given, kept) in [
        (json!("für"), "f?r"),
        (json!(null), "1"),
        (json!([]), "1"),
        (json!(""), ""),
    ] {
        world.put(&path, json!({"secret": given})).await;
        assert_eq!(world.get(&path).await.json()["secret"], kept);
    }
}

/// Null is written as the empty form of the type, not as the default.
///
/// Fidelity: copernica.md 43 — exact
#[tokio::test]
async fn c043_null_is_zero_and_not_the_default() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    assert_eq!(world.fields(id).await["ANumber"], "-1");
    world
        .put(&format!("profile/{id}"), json!({"fields": {"ANumber": null}}))
        .await;
    assert_eq!(world.fields(id).await["ANumber"], "0");
}

/// The time of change moves only when a stored value changes.
///
/// Fidelity: copernica.md 44 — exact
#[tokio::test]
async fn c044_modified_moves_with_stored_values_only() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let path = format!("profile/{id}");
    let modified = async || world.get(&path).await.json()["modified"].clone();
    let before = modified().await;
    world.pass_seconds(5);
    world.put(&path, json!({"fields": {"ANumber": -1.9}})).await;
    assert_eq!(modified().await, before);
    let answer = world
        .put(&format!("{path}/fields"), json!({"LASTNAME": "z"}))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(modified().await, json!("2024-05-02 11:30:20"));
}

/// A PUT of one profile redirects on v2, token included, and is a bare 204 on v3 and v4.
///
/// Fidelity: copernica.md 45 — exact
#[tokio::test]
async fn c045_put_of_one_thing_redirects_on_v2() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let body = Some(json!({"fields": {"LastName": "x"}}));
    let answer = world.v2("PUT", &format!("profile/{id}"), body.clone()).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::SEE_OTHER, 0));
    let wanted = format!("https://api.copernica.com/profile/{id}?access_token=sandbox-token");
    assert_eq!(answer.header("location"), Some(wanted.as_str()));
    let bytes = json!({"fields": {"LastName": "y"}}).to_string().into_bytes();
    let path = format!("/v3/profile/{id}?access_token=sandbox-token");
    let answer = world.call("PUT", &path, "application/json", bytes).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let answer = world.v4("PUT", &format!("profile/{id}"), body).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::NO_CONTENT, None)
    );
}

/// A PUT to many profiles needs a filter.
///
/// Fidelity: copernica.md 46 — exact
#[tokio::test]
async fn c046_put_many_needs_a_filter() {
    let world = World::new().await;
    let answer = world
        .put("database/1/profiles?create=1", json!({"fields": {}}))
        .await;
    assert_eq!(answer.message(), "URL parameter fields is required");
}

/// A PUT to many profiles changes every match, whatever `create` says.
///
/// Fidelity: copernica.md 47 — exact
#[tokio::test]
async fn c047_put_many_changes_every_match() {
    let world = World::new().await;
    for _ in 0..2 {
        world.profile(json!({"CustomerId": 7})).await;
    }
    let path = "database/1/profiles?fields[]=CustomerId==7&create=1";
    let answer = world.put(path, json!({"fields": {"LastName": "x"}})).await;
    assert_eq!(
        (answer.status, answer.header("x-created")),
        (StatusCode::NO_CONTENT, None)
    );
    assert_eq!(world.simulator.find_profiles("shop", "LastName", "x"), [1, 2]);
    let answer = world
        .v2("PUT", path, Some(json!({"fields": {"LastName": "y"}})))
        .await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::OK, None));
}

/// A PUT to many profiles without a match creates one from the body alone when asked to.
///
/// Fidelity: copernica.md 48 — exact
#[tokio::test]
async fn c048_put_many_creates_from_the_body_when_asked() {
    let world = World::new().await;
    let path = "database/1/profiles?fields[]=CustomerId==7&create=1";
    let answer = world.put(path, json!({"fields": {"LastName": "x"}})).await;
    assert_eq!((answer.status, answer.created()), (StatusCode::CREATED, 1));
    assert_eq!(
        answer.header("x-location"),
        Some("https://api.copernica.com/v4/profile/1")
    );
    assert_eq!(world.fields(1).await["CustomerId"], "0");
    let body = json!({"fields": {"CustomerId": "7"}});
    let answer = world.v2("PUT", path, Some(body.clone())).await;
    assert_eq!((answer.status, answer.created()), (StatusCode::SEE_OTHER, 2));
    assert_eq!(
        answer.header("location"),
        Some("https://api.copernica.com/profile/2")
    );
    assert_eq!(world.put(path, body).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.simulator.duplicates("shop", &["CustomerId"]), 0);
}

/// A PUT to many profiles without a match and without `create` does nothing.
///
/// Fidelity: copernica.md 49 — exact
#[tokio::test]
async fn c049_put_many_without_a_match_does_nothing() {
    let world = World::new().await;
    let answer = world
        .put("database/1/profiles?fields[]=CustomerId==7", json!({}))
        .await;
    assert_eq!(
        (answer.status, world.simulator.counts().profiles),
        (StatusCode::NO_CONTENT, 0)
    );
}

/// A PUT to many profiles with unknown names in the filter is refused, or by switch changes every profile.
///
/// Fidelity: copernica.md 50 — approximated: the words of the refusal are not known
#[tokio::test]
async fn c050_put_many_with_unknown_names() {
    let body = json!({"fields": {"LastName": "x"}});
    let path = "database/1/profiles?fields[]=Bogus==7&create=1";
    let world = World::new().await;
    world.profile(json!({})).await;
    assert_eq!(
        world.put(path, body.clone()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(world.fields(1).await["LastName"], "");
    let legacy = World::with(Options {
        legacy_put_many: true,
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        legacy.profile(json!({})).await;
    }
    assert_eq!(legacy.put(path, body).await.status, StatusCode::NO_CONTENT);
    assert_eq!(legacy.simulator.find_profiles("shop", "LastName", "x"), [1, 2, 3]);
}

/// With `async` the answer comes first and the effect later.
///
/// Fidelity: copernica.md 51 — approximated: the delay is a setting, one second unless changed
#[tokio::test]
async fn c051_async_answers_first_and_writes_later() {
    let world = World::new().await;
    let path = "database/1/profiles?fields[]=CustomerId==7&create=1&async=1";
    let answer = world.put(path, json!({"fields": {"CustomerId": 7}})).await;
    assert_eq!(
        (answer.status, answer.header("x-created")),
        (StatusCode::NO_CONTENT, None)
    );
    let counts = world.simulator.counts();
    assert_eq!((counts.profiles, counts.waiting), (0, 1));
    world.pass_seconds(1);
    assert_eq!(world.listed("fields[]=CustomerId==7").await, [1]);
    assert_eq!(world.simulator.counts().waiting, 0);
}

/// One DELETE removes a list of profiles.
///
/// Fidelity: copernica.md 52 — exact
#[tokio::test]
async fn c052_delete_takes_a_list() {
    let world = World::new().await;
    for _ in 0..3 {
        world.profile(json!({})).await;
    }
    let answer = world
        .v4(
            "DELETE",
            "database/1/profiles",
            Some(json!({"profiles": [1, "2", 99]})),
        )
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(world.listed("").await, [3]);
}

fn import(action: &str, rows: &Value) -> Value {
    json!({"database": 1, "name": "hub 1", "action": action,
           "keyFields": ["CustomerId", "Orders.order_id"], "source": rows})
}

/// An import is accepted at once, can be looked up, and applies its rows later.
///
/// Fidelity: copernica.md 53 — approximated: the status after the run and the words of errors are not known; files at a location are not fetched
#[tokio::test]
async fn c053_an_import_is_done_later() {
    let world = World::new().await;
    let old = world.profile(json!({"CustomerId": 7, "LastName": "x"})).await;
    let rows = json!([
        {"CustomerId": "7", "LastName": "y", "Orders.order_id": "1", "Orders.Status": "new"},
        {"CustomerId": "7", "LastName": "y", "Orders.order_id": "2", "Orders.Status": "new"},
        {"CustomerId": "8", "LastName": "z", "Orders.order_id": "", "Orders.Status": ""},
    ]);
    let answer = world.post("imports", import("update or add", &rows)).await;
    assert_eq!((answer.status, answer.created()), (StatusCode::CREATED, 1));
    let wanted = json!({"ID": "1", "name": "hub 1", "type": "add or update", "status": "ready for start",
                        "totallines": "0", "processedLines": "0", "lastrun": false, "nextrun": false,
                        "lasterror": false});
    assert_eq!(world.get("import/1").await.json(), wanted);
    assert_eq!(world.fields(old).await["LastName"], "x");
    world.pass_seconds(1);
    let import = world.get("import/1").await.json();
    assert_eq!(
        (&import["totallines"], &import["processedLines"]),
        (&json!("3"), &json!("3"))
    );
    assert_eq!(
        (&import["lastrun"], &import["lasterror"]),
        (&json!("2024-05-02 11:30:16"), &json!(false))
    );
    assert_eq!(world.fields(old).await["LastName"], "y");
    assert_eq!(world.simulator.find_profiles("shop", "LastName", "z"), [2]);
    assert_eq!(
        world.simulator.find_subprofiles("Orders", "Status", "new"),
        [1, 2]
    );
}

/// An import whose rows differ in their order of keys goes wrong and says so.
///
/// Fidelity: copernica.md 54 — approximated: the words are not known; the rows before the first different one are applied
#[tokio::test]
async fn c054_import_rows_must_have_one_order_of_keys() {
    let world = World::new().await;
    let body = br#"{"database":1,"action":"update or add","keyFields":["CustomerId"],"source":
        [{"CustomerId":"7","LastName":"x"},{"LastName":"y","CustomerId":"8"},{"CustomerId":"9","LastName":"z"}]}"#;
    world
        .call("POST", "/v4/imports", "application/json", body.to_vec())
        .await
        .created();
    world.pass_seconds(1);
    let import = world.get("import/1").await.json();
    assert!(import["lasterror"].is_string(), "{import}");
    assert_eq!(import["processedLines"], "1");
    assert_eq!(world.listed("").await, [1]);
}
