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

#[tokio::test]
async fn c016_c017_pages_have_100_rows_and_1000_at_most() {
    let world = World::new().await;
    for _ in 0..1005 {
        world.profile(json!({})).await;
    }
    let usual = world.get("database/1/profiles").await.json();
    assert_eq!((&usual["limit"], &usual["count"]), (&json!(100), &json!(100)));
    assert_eq!(usual["total"], json!(1005));
    let widest = world.get("database/1/profiles?limit=5000&start=2").await.json();
    assert_eq!(
        (&widest["count"], &widest["data"][0]["ID"]),
        (&json!(1000), &json!("3"))
    );
    assert_eq!(world.listed("start=1000").await, [1001, 1002, 1003, 1004, 1005]);
}

#[tokio::test]
async fn c018_c019_negative_windows_are_echoed_and_empty() {
    let (world, _) = three().await;
    for (name, value) in [("limit", -2), ("start", -2)] {
        let list = world
            .get(&format!("database/1/profiles?{name}={value}"))
            .await
            .json();
        assert_eq!(list[name], json!(value));
        assert_eq!(
            (&list["count"], &list["data"], &list["total"]),
            (&json!(0), &json!([]), &json!(3))
        );
    }
    assert_eq!(
        world.get("database/1/profiles?limit=x").await.json()["limit"],
        json!(0)
    );
}

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

#[tokio::test]
async fn c022_to_c027_filters() {
    let (world, [one, two, three]) = three().await;
    let all = vec![one, two, three];
    for (query, wanted) in [
        ("fields[]=unknown==x", all.clone()),
        ("fields[]=LastName%20==Muit", all.clone()),
        ("fields[]=LastName", all.clone()),
        ("fields=LastName==Muit", all.clone()),
        ("fields[]=LastName==%20Muit", vec![]),
        ("fields[]=Score==%206", vec![one, three]),
        ("fields[]=+LASTNAME==mUIT+", vec![one]),
        ("fields[]=Score==", vec![two]),
        ("fields[]=Birthday==", vec![one, two]),
        ("fields[]=Birthday>1980-01-01", vec![three]),
        ("fields[]=Score==6&fields[]=LastName==zeeman", vec![three]),
        ("fields[0]=LastName==Muit", vec![one]),
        ("fields%5B1%5D=LastName%3D%3DMuit", vec![one]),
        ("fields[]=LastName<>Muit", vec![two, three]),
        ("fields[]=LastName>b", vec![one, three]),
        ("fields[]=LastName=~%25EE%25", vec![three]),
        ("fields[]=LastName!~_uit", vec![two, three]),
        ("fields[]=Newsletter==Yes", vec![two]),
        ("fields[]=Newsletter==yes", vec![]),
        ("fields[]=Rate>1.2", vec![one]),
        ("fields[]=ID>=2", vec![two, three]),
        ("fields[]=id==2", vec![two]),
        ("fields[]=id<3&fields[]=id>1", vec![two]),
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
async fn c022_an_indexed_filter_finds_what_a_walk_finds() {
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
