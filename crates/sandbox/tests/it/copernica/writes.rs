//! Profiles, subprofiles and their removal (copernica.md §11 no. 35-65).

use super::*;

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
async fn c035_forms_are_read_too() {
    let world = World::new().await;
    let form = b"fields%5BEmail%5D=a%40example.org&fields[LastName]=de+Vries".to_vec();
    let kind = "application/x-www-form-urlencoded";
    let id = world
        .call("POST", "/v4/database/1/profiles", kind, form)
        .await
        .created();
    assert_eq!(world.fields(id).await["LastName"], "de Vries");
}

#[tokio::test]
async fn c036_c039_post_always_creates() {
    let world = World::new().await;
    let body = json!({"fields": {"Email": "a@example.org"}});
    assert_eq!(world.post("database/1/profiles", body.clone()).await.created(), 1);
    assert_eq!(world.post("database/1/profiles", body).await.created(), 2);
    assert_eq!(world.v4("POST", "database/1/profiles", None).await.created(), 3);
    let fields = world.fields(3).await;
    assert_eq!(
        (&fields["Score"], &fields["Newsletter"]),
        (&json!("5"), &json!("No"))
    );
    assert_eq!(
        (&fields["ANumber"], &fields["Since"]),
        (&json!("-1"), &json!("0000-00-00"))
    );
    assert_eq!(world.simulator.duplicates("shop", &["Email"]), 1);
}

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

#[tokio::test]
async fn c041_c042_secrets_are_set_by_put_only() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "x"})).await;
    let path = format!("profile/{id}");
    let before = world.get(&path).await.json();
    world.pass_seconds(5);
    for (given, kept) in [
        (json!("s"), "s"),
        (json!("für"), "f?r"),
        (json!(null), "1"),
        (json!([]), "1"),
        (json!(""), ""),
    ] {
        let answer = world
            .put(&path, json!({"fields": "bogus", "secret": given}))
            .await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let after = world.get(&path).await.json();
        assert_eq!(after["secret"], kept);
        assert_eq!(
            (&after["fields"], &after["modified"]),
            (&before["fields"], &before["modified"])
        );
    }
}

#[tokio::test]
async fn c043_c044_modified_moves_with_stored_values_only() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let path = format!("profile/{id}");
    let modified = async || world.get(&path).await.json()["modified"].clone();
    let before = modified().await;
    world.pass_seconds(5);
    world.put(&path, json!({"fields": {"ANumber": -1.9}})).await;
    assert_eq!(modified().await, before);
    world.put(&path, json!({"fields": {"ANumber": null}})).await;
    assert_eq!(world.fields(id).await["ANumber"], "0");
    assert_eq!(modified().await, json!("2024-05-02 11:30:20"));
    world.pass_seconds(5);
    let answer = world
        .put(&format!("{path}/fields"), json!({"LASTNAME": "z"}))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(modified().await, json!("2024-05-02 11:30:25"));
}

#[tokio::test]
async fn c045_put_of_one_thing_redirects_on_v2() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let body = Some(json!({"fields": {"LastName": "x"}}));
    let answer = world.v2("PUT", &format!("profile/{id}"), body.clone()).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::SEE_OTHER, 0));
    let wanted = format!("https://api.copernica.com/profile/{id}?access_token=sandbox-token");
    assert_eq!(answer.header("location"), Some(wanted.as_str()));
    let answer = world.v4("PUT", &format!("profile/{id}"), body).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::NO_CONTENT, None)
    );
}

#[tokio::test]
async fn c046_put_many_needs_a_filter() {
    let world = World::new().await;
    let answer = world
        .put("database/1/profiles?create=1", json!({"fields": {}}))
        .await;
    assert_eq!(answer.message(), "URL parameter fields is required");
}

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

#[tokio::test]
async fn c048_c049_put_many_creates_from_the_body_when_asked() {
    let world = World::new().await;
    let answer = world
        .put("database/1/profiles?fields[]=CustomerId==7", json!({}))
        .await;
    assert_eq!(
        (answer.status, world.simulator.counts().profiles),
        (StatusCode::NO_CONTENT, 0)
    );
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

#[tokio::test]
async fn c055_a_wrapped_subprofile_body_stores_nothing() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
    let answer = world
        .post(&format!("profile/{profile}/subprofiles/1"), json!({"Score": 6}))
        .await;
    let location = format!("https://api.copernica.com/v4/subprofile/{}", answer.created());
    assert_eq!(answer.header("x-location"), Some(location.as_str()));
    let empty = world.order(profile, json!({"fields": {"Score": 6}})).await;
    assert_eq!(
        world.get(&format!("subprofile/{empty}/fields")).await.json()["Score"],
        "0"
    );
    let whole = world
        .get(&format!("subprofile/{}", answer.created()))
        .await
        .json();
    assert_eq!(
        (&whole["fields"]["Score"], &whole["profile"]),
        (&json!("6"), &json!(profile.to_string()))
    );
    assert_eq!(
        (&whole["collection"], &whole["removed"]),
        (&json!("1"), &json!(false))
    );
}

#[tokio::test]
async fn c056_c057_collections_of_a_profile_by_id_or_name() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
    for bad in ["bogus", "0", "-1", "99"] {
        let answer = world
            .post(&format!("profile/{profile}/subprofiles/{bad}"), json!({}))
            .await;
        assert_eq!(answer.message(), "Subprofile could not be created", "{bad}");
    }
    world
        .post(&format!("profile/{profile}/subprofiles/OrDers"), json!({}))
        .await
        .created();
    assert_eq!(
        world
            .get(&format!("profile/{profile}/subprofiles/orders"))
            .await
            .json()["count"],
        1
    );
}

#[tokio::test]
async fn c059_subprofile_upsert_stays_within_the_profile() {
    let world = World::new().await;
    let (one, two) = (world.profile(json!({})).await, world.profile(json!({})).await);
    let path = |profile| format!("profile/{profile}/subprofiles/1?fields[]=order_id==7&create=1");
    let body = json!({"order_id": 7, "Status": "new"});
    let answer = world.put(&path(one), body.clone()).await;
    assert_eq!((answer.status, answer.created()), (StatusCode::CREATED, 1));
    let answer = world
        .put(&path(one), json!({"order_id": 7, "Status": "paid"}))
        .await;
    assert_eq!(
        (answer.status, answer.header("x-created")),
        (StatusCode::NO_CONTENT, None)
    );
    assert_eq!(world.put(&path(two), body.clone()).await.created(), 2);
    assert_eq!(
        world
            .simulator
            .duplicate_subprofiles("Orders", &["@profile", "order_id"]),
        0
    );
    assert_eq!(world.simulator.duplicate_subprofiles("Orders", &["order_id"]), 1);
    let answer = world
        .put(
            &format!("profile/{one}/subprofiles/1?fields[]=bogus==7"),
            body.clone(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = world
        .put(&format!("profile/{one}/subprofiles/1"), body.clone())
        .await;
    assert_eq!(answer.message(), "URL parameter fields is required");
    let hiding = World::with(Options {
        hide_subprofile_id: true,
        ..Options::default()
    })
    .await;
    let profile = hiding.profile(json!({})).await;
    let answer = hiding.put(&path(profile), body).await;
    assert_eq!(
        (answer.status, answer.header("x-created")),
        (StatusCode::CREATED, None)
    );
}

#[tokio::test]
async fn c059_put_on_a_collection_takes_both_shapes() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
    let order = world.order(profile, json!({"order_id": 7})).await;
    for (body, wanted) in [
        (json!({"Status": "flat"}), "flat"),
        (json!({"fields": {"Status": "wrapped"}}), "wrapped"),
    ] {
        let answer = world
            .put("collection/1/subprofiles?fields[]=order_id==7", body)
            .await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(
            world.get(&format!("subprofile/{order}/fields")).await.json()["Status"],
            wanted
        );
    }
}

#[tokio::test]
async fn c060_c061_c063_removal_takes_the_subprofiles_along() {
    let world = World::new().await;
    let (one, two) = (world.profile(json!({})).await, world.profile(json!({})).await);
    let (with, other) = (
        world.order(one, json!({})).await,
        world.order(two, json!({})).await,
    );
    world.pass_seconds(1);
    let answer = world.delete(&format!("profile/{one}")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("x-deleted"), Some("profile 1"));
    let removed = world.get(&format!("profile/{one}")).await.json()["removed"].clone();
    assert_eq!(removed, json!("2024-05-02 11:30:16"));
    assert_eq!(
        world.get(&format!("subprofile/{with}")).await.json()["removed"],
        removed
    );
    assert_eq!(
        world.get(&format!("subprofile/{other}")).await.json()["removed"],
        json!(false)
    );
    for path in [format!("profile/{one}"), format!("profile/{one}/bogus")] {
        assert_eq!(
            world.delete(&path).await.message(),
            "This profile has already been removed"
        );
    }
    let message = world.delete(&format!("subprofile/{with}")).await.message();
    assert_eq!(message, "This subprofile has already been removed");
    let answer = world.v2("DELETE", &format!("subprofile/{other}"), None).await;
    assert_eq!(
        (answer.status, answer.header("x-deleted")),
        (StatusCode::OK, Some("subprofile 2"))
    );
    assert_eq!(world.simulator.counts().subprofiles["Orders"], 0);
}

#[tokio::test]
async fn c058_c062_c064_a_removed_profile_is_still_there() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "x", "Score": 6})).await;
    let path = format!("profile/{id}");
    let modified = world.get(&path).await.json()["modified"].clone();
    world.pass_seconds(1);
    world.delete(&path).await;
    let gone = world.get(&path).await.json();
    assert_eq!(gone["modified"], modified);
    let fields = gone["fields"].as_object().expect("fields");
    assert!(fields.len() == 10 && fields.values().all(|value| value == ""));
    for second in 17..19 {
        world.pass_seconds(1);
        let answer = world.put(&path, json!({"fields": {"ANumber": -1}})).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let gone = world.get(&path).await.json();
        assert_eq!(gone["fields"]["ANumber"], "");
        assert_eq!(gone["modified"], json!(format!("2024-05-02 11:30:{second}")));
    }
    world.pass_seconds(1);
    world.put(&path, json!({"fields": []})).await;
    assert_eq!(
        world.get(&path).await.json()["modified"],
        json!("2024-05-02 11:30:18")
    );
    world.order(id, json!({"order_id": 1})).await;
    assert_eq!(world.simulator.counts().subprofiles["Orders"], 1);
}

#[tokio::test]
async fn c065_removal_behaviour_may_keep_the_row() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    world
        .simulator
        .set_removal(At::Database("shop"), Removal::Nothing)
        .expect("there is a shop");
    assert_eq!(
        world.delete(&format!("profile/{id}")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.get(&format!("profile/{id}")).await.json()["removed"],
        json!(false)
    );
}

#[tokio::test]
async fn interests_are_switched_on_and_off() {
    let world = World::new().await;
    for name in ["news", "sales"] {
        world
            .post("database/1/interests", json!({"name": name, "group": "mail"}))
            .await
            .created();
    }
    let body = json!({"fields": {}, "interests": ["News", "bogus"]});
    let id = world.post("database/1/profiles", body).await.created();
    let path = format!("profile/{id}");
    assert_eq!(world.get(&path).await.json()["interests"], json!(["news"]));
    world
        .put(&path, json!({"interests": {"sales": 1, "news": 0}}))
        .await;
    assert_eq!(
        world.get(&format!("{path}/interests")).await.json(),
        json!(["sales"])
    );
    world.post(&format!("{path}/interests"), json!(["news"])).await;
    assert_eq!(
        world.get(&format!("{path}/interests?return=ids")).await.json(),
        json!(["1", "2"])
    );
    world.put(&format!("{path}/interests"), json!(["news"])).await;
    let objects = world
        .get(&format!("{path}/interests?return=objects"))
        .await
        .json();
    assert_eq!(objects, json!([{"ID": "1", "name": "news", "group": "mail"}]));
}
