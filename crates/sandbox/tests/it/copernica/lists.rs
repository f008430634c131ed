//! Paging, filtering, ordering (copernica.md §11 no. 16-34).

use super::*;

async fn three() -> (World, [u64; 3]) {
    let world = World::new().await;
    let one = world
        .profile(json!({"LastName": "Muit", "Score": 6, "Rate": 1.5}))
        .await;
    let two = world
        .profile(json!({"LastName": "Aalders", "Score": 0, "Newsletter": "Yes"}))
        .await;
    let three = world
        .profile(json!({"LastName": "Zeeman", "Score": 6, "Birthday": "1980-02-03"}))
        .await;
    (world, [one, two, three])
}

/// A list shows 100 rows unless another limit is asked for, and echoes the limit.
///
/// Fidelity: copernica.md 16 — exact
#[tokio::test]
async fn c016_a_page_has_100_rows_unless_asked() {
    let world = World::new().await;
    for _ in 0..105 {
        world.profile(json!({})).await;
    }
    let usual = world.get("database/1/profiles").await.json();
    assert_eq!((&usual["limit"], &usual["count"]), (&json!(100), &json!(100)));
    assert_eq!(usual["total"], json!(105));
    assert_eq!(world.listed("start=100").await, [101, 102, 103, 104, 105]);
}

/// A list shows 1000 rows at most on the normal host.
///
/// Fidelity: copernica.md 17 — approximated: which limit is echoed then is not known; here it is 1000
#[tokio::test]
async fn c017_a_page_has_1000_rows_at_most() {
    let world = World::new().await;
    for _ in 0..1005 {
        world.profile(json!({})).await;
    }
    let widest = world.get("database/1/profiles?limit=5000&start=2").await.json();
    assert_eq!(
        (&widest["count"], &widest["data"][0]["ID"]),
        (&json!(1000), &json!("3"))
    );
    assert_eq!(world.listed("start=1000").await, [1001, 1002, 1003, 1004, 1005]);
}

async fn is_echoed_and_empty(name: &str) {
    let (world, _) = three().await;
    let list = world.get(&format!("database/1/profiles?{name}=-2")).await.json();
    assert_eq!(list[name], json!(-2));
    assert_eq!(
        (&list["count"], &list["data"], &list["total"]),
        (&json!(0), &json!([]), &json!(3))
    );
}

/// A negative limit is echoed and shows no rows; the total is real.
///
/// Fidelity: copernica.md 18 — exact
#[tokio::test]
async fn c018_a_negative_limit_is_echoed_and_shows_nothing() {
    is_echoed_and_empty("limit").await;
    let (world, _) = three().await;
    let list = world.get("database/1/profiles?limit=x").await.json();
    assert_eq!(list["limit"], json!(0));
}

/// A negative start is echoed and shows no rows; the total is real.
///
/// Fidelity: copernica.md 19 — exact
#[tokio::test]
async fn c019_a_negative_start_is_echoed_and_shows_nothing() {
    is_echoed_and_empty("start").await;
}

/// The total is left out when the parameter is not one of the words and numbers for true.
///
/// Fidelity: copernica.md 20 — exact
#[tokio::test]
async fn c020_total_is_a_truth_value() {
    let (world, _) = three().await;
    for (value, has_total) in [
        ("total=false", false),
        ("total=thisisfalse", false),
        ("total=0", false),
        ("total=0.5", false),
        ("total=TRue", true),
        ("total=yes", true),
        ("total=2", true),
        ("total=-1", true),
        ("total[]=0", true),
        ("", true),
    ] {
        let list = world.get(&format!("database/1/profiles?{value}")).await.json();
        assert_eq!(list.get("total").is_some(), has_total, "{value}");
    }
}

/// Parameter names in another case are ignored.
///
/// Fidelity: copernica.md 21 — exact
#[tokio::test]
async fn c021_parameter_names_are_case_sensitive() {
    let (world, _) = three().await;
    let list = world
        .get("database/1/profiles?FIELds[]=LastName==Muit&LIMIT=1&TOTAL=false")
        .await
        .json();
    assert_eq!(
        (&list["count"], &list["total"], &list["limit"]),
        (&json!(3), &json!(3), &json!(100))
    );
}

/// A filter on a field that does not exist is ignored when reading.
///
/// Fidelity: copernica.md 22 — exact
#[tokio::test]
async fn c022_a_filter_on_an_unknown_name_is_ignored() {
    let (world, all) = three().await;
    for query in [
        "fields[]=unknown==x",
        "fields[]=LastName",
        "fields=LastName==Muit",
    ] {
        assert_eq!(world.listed(query).await, all, "{query}");
    }
}

/// Spaces around the operator belong to the name and to a text value; a number is trimmed.
///
/// Fidelity: copernica.md 23 — exact
#[tokio::test]
async fn c023_a_space_before_the_operator_belongs_to_the_name() {
    let (world, all) = three().await;
    assert_eq!(world.listed("fields[]=LastName%20==Muit").await, all);
    assert!(world.listed("fields[]=LastName==%20Muit").await.is_empty());
    assert_eq!(world.listed("fields[]=Score==%206").await, [all[0], all[2]]);
}

/// The whole expression is trimmed; names and text values are compared without regard to case.
///
/// Fidelity: copernica.md 24 — exact
#[tokio::test]
async fn c024_a_filter_is_trimmed_and_knows_no_case() {
    let (world, [one, two, _]) = three().await;
    assert_eq!(world.listed("fields[]=+LASTNAME==mUIT+").await, [one]);
    // The options of a select do know it.
    assert_eq!(world.listed("fields[]=Newsletter==Yes").await, [two]);
    assert!(world.listed("fields[]=Newsletter==yes").await.is_empty());
}

/// A comparison with nothing matches the empty form of the type.
///
/// Fidelity: copernica.md 25 — exact
#[tokio::test]
async fn c025_nothing_equals_the_empty_form() {
    let (world, [one, two, _]) = three().await;
    assert_eq!(world.listed("fields[]=Score==").await, [two]);
    assert_eq!(world.listed("fields[]=Birthday==").await, [one, two]);
}

/// Several filters must all be met.
///
/// Fidelity: copernica.md 26 — exact
#[tokio::test]
async fn c026_conditions_are_all_to_be_met() {
    let (world, [_, two, three]) = three().await;
    assert_eq!(
        world.listed("fields[]=Score==6&fields[]=LastName==zeeman").await,
        [three]
    );
    assert_eq!(world.listed("fields[]=id<3&fields[]=id>1").await, [two]);
}

/// Filters may be numbered and percent-encoded.
///
/// Fidelity: copernica.md 27 — exact
#[tokio::test]
async fn c027_filters_may_be_numbered_and_encoded() {
    let (world, [one, ..]) = three().await;
    for query in [
        "fields[]=LastName==Muit",
        "fields[0]=LastName==Muit",
        "fields%5B1%5D=LastName%3D%3DMuit",
    ] {
        assert_eq!(world.listed(query).await, [one], "{query}");
    }
}

#[tokio::test]
async fn filters_compare_in_every_way() {
    let (world, [one, two, three]) = three().await;
    let all = vec![one, two, three];
    for (query, wanted) in [
        ("fields[]=Birthday>1980-01-01", vec![three]),
        ("fields[]=LastName<>Muit", vec![two, three]),
        ("fields[]=LastName>b", vec![one, three]),
        ("fields[]=LastName=~%25EE%25", vec![three]),
        ("fields[]=LastName!~_uit", vec![two, three]),
        ("fields[]=Rate>1.2", vec![one]),
        ("fields[]=ID>=2", vec![two, three]),
        ("fields[]=id==2", vec![two]),
        ("fields[]=modified>=2024-05-02%2011:30:15", all.clone()),
        ("fields[]=modified>2024-05-02%2011:30:15", vec![]),
    ] {
        assert_eq!(world.listed(query).await, wanted, "{query}");
    }
    let secret = world.get(&format!("profile/{two}")).await.json()["secret"].clone();
    let secret = secret.as_str().expect("a secret is text");
    assert_eq!(secret.len(), 28);
    assert_eq!(world.listed(&format!("fields[]=code=={secret}")).await, [two]);
}

#[tokio::test]
async fn an_indexed_filter_finds_what_a_walk_finds() {
    let world = World::new().await;
    for customer in [7, 8, 7, 0, 9] {
        world
            .profile(json!({"CustomerId": customer, "Email": format!("P{customer}@example.org")}))
            .await;
    }
    assert_eq!(world.listed("fields[]=CustomerId==7").await, [1, 3]);
    assert_eq!(world.listed("fields[]=CustomerId==").await, [4]);
    assert_eq!(world.listed("fields[]=Email==p8@EXAMPLE.org").await, [2]);
    world.put("profile/1", json!({"fields": {"CustomerId": 9}})).await;
    world.put("profile/4", json!({"fields": {"CustomerId": 7}})).await;
    world.delete("profile/3").await;
    assert_eq!(world.listed("fields[]=CustomerId==7").await, [4]);
    assert_eq!(world.listed("fields[]=CustomerId==9&fields[]=id>1").await, [5]);
}

/// Only `desc` and `descending` turn the order around; an unknown order is that of the ids.
///
/// Fidelity: copernica.md 28 — exact
#[tokio::test]
async fn c028_orders() {
    let (world, [one, two, three]) = three().await;
    world.pass_seconds(1);
    world
        .put(&format!("profile/{one}"), json!({"fields": {"Score": 1}}))
        .await;
    for (query, wanted) in [
        ("order=descending", [three, two, one]),
        ("order=DESC", [three, two, one]),
        ("order=descendin", [one, two, three]),
        ("order[]=desc", [one, two, three]),
        ("orderby=bogus", [one, two, three]),
        ("orderby=LASTname", [two, one, three]),
        ("orderby=3", [two, one, three]),
        ("orderby=Score&order=desc", [three, one, two]),
        ("orderby=modified", [two, three, one]),
    ] {
        assert_eq!(world.listed(query).await, wanted, "{query}");
    }
    let mut random = world.listed("orderby=random").await;
    random.sort_unstable();
    assert_eq!(random, [one, two, three]);
}

/// Removed rows are neither listed nor counted.
///
/// Fidelity: copernica.md 29 — exact
#[tokio::test]
async fn c029_removed_rows_are_never_listed() {
    let (world, [one, two, three]) = three().await;
    world.delete(&format!("profile/{two}")).await;
    let list = world.get("database/1/profiles").await.json();
    assert_eq!((&list["count"], &list["total"]), (&json!(2), &json!(2)));
    assert!(world.listed(&format!("fields[]=id=={two}")).await.is_empty());
    assert!(world.listed("fields[]=Score==").await.is_empty());
    assert_eq!(
        world.get("database/1/profileids").await.json(),
        json!([one.to_string(), three.to_string()])
    );
}

/// Lists of profiles on v3 and v4 name the id to go on from.
///
/// Fidelity: copernica.md 30 — approximated: what stands there when no row follows is not known; here it is one more than the last id
#[tokio::test]
async fn c030_profile_lists_say_where_to_go_on() {
    let (world, [_, two, _]) = three().await;
    let list = world.get("database/1/profiles?limit=2").await;
    assert_eq!(list.json()["nextid"], json!(two + 1));
    let keys = String::from_utf8(list.body).expect("JSON is text");
    let places: Vec<usize> = ["start", "limit", "count", "data", "nextid", "total"]
        .iter()
        .map(|key| keys.find(&format!("\"{key}\"")).expect("every key is there"))
        .collect();
    assert!(places.is_sorted(), "{keys}");
    assert!(
        world
            .v2("GET", "database/1/profiles", None)
            .await
            .json()
            .get("nextid")
            .is_none()
    );
}

/// With `dataonly` the database, the dates of creation and removal and the secret are left out.
///
/// Fidelity: copernica.md 31 — exact
#[tokio::test]
async fn c031_dataonly_drops_four_members() {
    let (world, [one, ..]) = three().await;
    let order = world.order(one, json!({})).await;
    let members = |value: &Value| {
        value
            .as_object()
            .map(|row| row.keys().cloned().collect::<Vec<String>>())
            .expect("an object")
    };
    let list = world.get("database/1/profiles?dataonly=true").await.json();
    assert_eq!(
        members(&list["data"][0]),
        ["ID", "fields", "interests", "modified"]
    );
    let list = world.get("collection/1/subprofiles?dataonly=yes").await.json();
    assert_eq!(
        members(&list["data"][0]),
        ["ID", "collection", "fields", "modified", "profile"]
    );
    let whole = world.get(&format!("subprofile/{order}")).await.json();
    let wanted = [
        "ID",
        "collection",
        "created",
        "fields",
        "modified",
        "profile",
        "removed",
        "secret",
    ];
    assert_eq!(members(&whole), wanted);
}

/// A list of profile ids is a bare array of texts.
///
/// Fidelity: copernica.md 32 — exact
#[tokio::test]
async fn c032_profileids_are_a_bare_array_of_texts() {
    let (world, _) = three().await;
    assert_eq!(
        world.get("database/1/profileids").await.json(),
        json!(["1", "2", "3"])
    );
    assert_eq!(
        world.get("database/1/profileids?limit=1&start=1").await.json(),
        json!(["2"])
    );
    assert_eq!(world.get("collection/1/subprofileids").await.json(), json!([]));
}

/// A database embeds its fields, interests and collections with limits of 1000, the fields of a collection with
/// 100.
///
/// Fidelity: copernica.md 33 — exact
#[tokio::test]
async fn c033_databases_embed_their_lists() {
    let world = World::new().await;
    let list = world.get("databases").await.json();
    let shop = &list["data"][0];
    assert_eq!(
        (&list["total"], &shop["ID"], &shop["name"]),
        (&json!(1), &json!("1"), &json!("shop"))
    );
    assert_eq!(shop["fields"]["limit"], json!(1000));
    assert_eq!(shop["interests"]["limit"], json!(1000));
    assert_eq!(shop["collections"]["limit"], json!(1000));
    assert_eq!(shop["collections"]["data"][0]["fields"]["limit"], json!(100));
    assert_eq!(shop["collections"]["data"][0]["database"], json!("1"));
    assert_eq!(shop["created"], json!("2024-05-02 11:30:15"));
    let wanted = json!({"email": false, "sms": false, "fax": false, "pdf": false});
    assert_eq!(shop["intentions"], wanted);
}

/// The streaming host answers a long list in pieces without a length.
///
/// Fidelity: copernica.md 34 — approximated: the host is told by a `Host` header that begins with `rest.`
#[tokio::test]
async fn c034_the_streaming_host_sends_long_lists_in_pieces() {
    let world = World::new().await;
    for _ in 0..1010 {
        world.profile(json!({})).await;
    }
    let request = Request::get("/v4/database/1/profiles?limit=5000")
        .header(header::HOST, "rest.copernica.com")
        .header(header::AUTHORIZATION, format!("Bearer {}", world.bearer));
    let response = world
        .send(request.body(Body::empty()).expect("well formed"))
        .await;
    assert!(response.headers().get(header::CONTENT_LENGTH).is_none());
    let body = to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("the answer is whole");
    let list: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&list["count"], &list["limit"]), (&json!(1010), &json!(5000)));
}
