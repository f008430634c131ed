//! Subprofiles and removal (copernica.md §11 no. 55-65).

use super::*;

/// On v2 an upsert of a subprofile does not say which one it made (copernica.md §6.3).
#[tokio::test]
async fn an_upsert_on_v2_does_not_tell_the_subprofile() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
    let path = format!("profile/{profile}/subprofiles/1?fields[]=order_id==7&create=1");
    let answer = world.v2("PUT", &path, Some(json!({"order_id": 7}))).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("x-created"), None);
    let location = answer.header("location").expect("a 303 has one");
    assert!(!location.contains("/subprofile/"), "{location}");
    let made: u64 = world.simulator.counts().subprofiles.values().sum();
    assert_eq!(made, 1);
}

/// A subprofile is created from a flat body; a wrapped one creates an empty row.
///
/// Fidelity: copernica.md 55 — exact
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

/// A bad collection creates no subprofile and is named with one message.
///
/// Fidelity: copernica.md 56 — exact
#[tokio::test]
async fn c056_a_bad_collection_makes_no_subprofile() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
    for bad in ["bogus", "0", "-1", "99"] {
        let answer = world
            .post(&format!("profile/{profile}/subprofiles/{bad}"), json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.message(), "Subprofile could not be created", "{bad}");
    }
}

/// The collection of a profile can be named in any case.
///
/// Fidelity: copernica.md 57 — exact
#[tokio::test]
async fn c057_a_collection_of_a_profile_has_a_name_too() {
    let world = World::new().await;
    let profile = world.profile(json!({})).await;
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

/// A removed profile still takes new subprofiles.
///
/// Fidelity: copernica.md 58 — exact
#[tokio::test]
async fn c058_a_removed_profile_takes_subprofiles() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    world.delete(&format!("profile/{id}")).await;
    world.order(id, json!({"order_id": 1})).await;
    assert_eq!(world.simulator.counts().subprofiles["Orders"], 1);
}

/// A PUT to the subprofiles of a profile creates one within that profile, and by switch does not name it.
///
/// Fidelity: copernica.md 59 — exact
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
async fn put_on_a_collection_takes_both_shapes() {
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

/// Removing a profile removes its subprofiles at the same time and no others.
///
/// Fidelity: copernica.md 60 — exact
#[tokio::test]
async fn c060_removal_takes_the_subprofiles_along() {
    let world = World::new().await;
    let (one, two) = (world.profile(json!({})).await, world.profile(json!({})).await);
    let (with, other) = (
        world.order(one, json!({})).await,
        world.order(two, json!({})).await,
    );
    world.pass_seconds(1);
    world.delete(&format!("profile/{one}")).await;
    let removed = async |path: String| world.get(&path).await.json()["removed"].clone();
    let at = removed(format!("profile/{one}")).await;
    assert_eq!(at, json!("2024-05-02 11:30:16"));
    assert_eq!(removed(format!("subprofile/{with}")).await, at);
    assert_eq!(removed(format!("subprofile/{other}")).await, json!(false));
    assert_eq!(world.simulator.counts().subprofiles["Orders"], 1);
}

/// A DELETE is answered with 200 on v2 and 204 on v4, and names what it removed.
///
/// Fidelity: copernica.md 61 — exact
#[tokio::test]
async fn c061_a_delete_names_what_it_deleted() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let order = world.order(id, json!({})).await;
    let answer = world.v2("DELETE", &format!("subprofile/{order}"), None).await;
    assert_eq!(
        (answer.status, answer.header("x-deleted")),
        (StatusCode::OK, Some("subprofile 1"))
    );
    let answer = world.delete(&format!("profile/{id}")).await;
    assert_eq!(
        (answer.status, answer.header("x-deleted")),
        (StatusCode::NO_CONTENT, Some("profile 1"))
    );
}

/// A removed profile can be read: its values are empty and its time of change has not moved.
///
/// Fidelity: copernica.md 62 — exact
#[tokio::test]
async fn c062_a_removed_profile_is_still_there() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "x", "Score": 6})).await;
    let path = format!("profile/{id}");
    let modified = world.get(&path).await.json()["modified"].clone();
    world.pass_seconds(1);
    world.delete(&path).await;
    let answer = world.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    let gone = answer.json();
    assert_eq!(gone["modified"], modified);
    assert_eq!(gone["removed"], "2024-05-02 11:30:16");
    let fields = gone["fields"].as_object().expect("fields");
    assert!(fields.len() == 10 && fields.values().all(|value| value == ""));
}

/// A second DELETE is refused with words of its own, before the rest of the path is looked at.
///
/// Fidelity: copernica.md 63 — exact
#[tokio::test]
async fn c063_a_second_delete_says_so() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let order = world.order(id, json!({})).await;
    world.delete(&format!("profile/{id}")).await;
    for path in [format!("profile/{id}"), format!("profile/{id}/bogus")] {
        let answer = world.delete(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.message(), "This profile has already been removed");
    }
    let message = world.delete(&format!("subprofile/{order}")).await.message();
    assert_eq!(message, "This subprofile has already been removed");
}

/// A PUT to a removed profile succeeds, writes nothing, and moves the time of change when it names a field.
///
/// Fidelity: copernica.md 64 — exact
#[tokio::test]
async fn c064_a_write_to_a_removed_profile_only_moves_it() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    let path = format!("profile/{id}");
    world.delete(&path).await;
    for second in 16..18 {
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
        json!("2024-05-02 11:30:17")
    );
}

/// A delete may be set to do nothing: it succeeds and the row stays.
///
/// Fidelity: copernica.md 65 — exact
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
