//! Databases, collections, fields, and what a person changes by hand (copernica.md §4).

use super::*;

#[tokio::test]
async fn databases_and_collections_are_made_read_and_renamed() {
    let world = World::empty(Options::default()).await;
    let answer = world
        .post(
            "databases",
            json!({"name": "crm", "description": "d", "archived": true}),
        )
        .await;
    assert_eq!((answer.status, answer.created()), (StatusCode::CREATED, 1));
    assert_eq!(
        answer.header("x-location"),
        Some("https://api.copernica.com/v4/database/1")
    );
    for bad in [json!({"name": "CRM"}), json!({"name": "a b"}), json!({})] {
        assert_eq!(world.post("databases", bad).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(
        world
            .put("database/crm", json!({"description": "e"}))
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let database = world.get("database/CRM").await.json();
    assert_eq!(
        (&database["description"], &database["archived"]),
        (&json!("e"), &json!(true))
    );
    world
        .post("database/crm/collections", json!({"name": "Order_Rows"}))
        .await
        .created();
    for bad in [json!({"name": "order_rows"}), json!({"name": "Rows2"}), json!({})] {
        assert_eq!(
            world.post("database/1/collections", bad).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    world.put("collection/1", json!({"name": "Rows"})).await;
    let collection = world.get("collection/1").await.json();
    assert_eq!(
        (&collection["name"], &collection["database"]),
        (&json!("Rows"), &json!("1"))
    );
    assert_eq!(
        world.get("database/1/collections").await.json()["data"][0],
        collection
    );
}

#[tokio::test]
async fn fields_of_every_type_are_made_changed_and_deleted() {
    let world = World::empty(Options::default()).await;
    world.post("databases", json!({"name": "crm"})).await.created();
    let types = [
        "integer",
        "float",
        "date",
        "empty_date",
        "datetime",
        "empty_datetime",
        "text",
        "email",
        "phone",
        "phone_fax",
        "phone_gsm",
        "select",
        "big",
        "foreign_key",
    ];
    for (at, kind) in types.iter().enumerate() {
        let field = json!({"name": format!("F{at}"), "type": kind, "value": "", "length": 50, "lock": true});
        assert_eq!(
            world.post("database/1/fields", field).await.created(),
            at as u64 + 1
        );
    }
    let list = world.get("database/1/fields").await.json();
    let seen: Vec<&str> = list["data"]
        .as_array()
        .expect("data")
        .iter()
        .filter_map(|f| f["type"].as_str())
        .collect();
    assert_eq!(seen, types);
    assert_eq!(list["data"][6]["length"], json!("50"));
    assert_eq!(list["data"][6]["lock"], json!(true));
    let answer = world
        .put("database/1/field/7", json!({"name": "Renamed", "length": 20}))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(
        world
            .put("database/1/field/7", json!({"length": 20}))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    let field = world.get("database/1/fields").await.json()["data"][6].clone();
    assert_eq!(
        (&field["ID"], &field["name"], &field["length"]),
        (&json!("7"), &json!("Renamed"), &json!("20"))
    );
    let answer = world.delete("database/1/field/renamed").await;
    assert_eq!(
        (answer.status, answer.header("x-deleted")),
        (StatusCode::NO_CONTENT, Some("field 7"))
    );
    assert_eq!(
        world.delete("database/1/field/7").await.message(),
        "Failed to get the field"
    );
    let message = world
        .post("database/1/field", json!({"name": "x"}))
        .await
        .message();
    assert_eq!(message, "No field id supplied for the field");
}

#[tokio::test]
async fn impossible_fields_are_refused() {
    let world = World::new().await;
    for (name, kind) in [
        ("lastname", "text"),
        ("id", "text"),
        ("Code", "text"),
        ("1st", "text"),
        ("with space", "text"),
        ("", "text"),
        ("Other", "string"),
        ("Second", "email"),
    ] {
        let answer = world
            .post("database/1/fields", json!({"name": name, "type": kind}))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {kind}");
    }
    let big = json!({"name": "Long", "type": "big", "index": true});
    assert_eq!(
        world.post("database/1/fields", big).await.status,
        StatusCode::BAD_REQUEST
    );
    for at in 0..62 {
        let field = json!({"name": format!("I{at}"), "type": "text", "index": true});
        world.post("database/1/fields", field).await.created();
    }
    let field = json!({"name": "I63", "type": "text", "index": true});
    assert_eq!(
        world.post("database/1/fields", field).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn options_come_back_with_crlf() {
    for (star_in_definitions, wanted) in [(true, "Yes\r\nNo*"), (false, "Yes\r\nNo")] {
        let world = World::with(Options {
            star_in_definitions,
            ..Options::default()
        })
        .await;
        assert_eq!(
            world.get("database/1/fields").await.json()["data"][5]["value"],
            wanted
        );
    }
}

#[tokio::test]
async fn identity_and_consumption() {
    let world = World::new().await;
    assert_eq!(world.get("identity").await.json()["id"], "1");
    let answer = world
        .get("consumption?begin=2024-01-01&end=2024-02-01")
        .await
        .json();
    assert!(answer["apicalls"].as_u64() > Some(10), "{answer}");
    assert_eq!(world.get("consumption").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn intentions_need_a_destination() {
    let world = World::new().await;
    world
        .put("database/1/intentions", json!({"email": true, "sms": true}))
        .await;
    let wanted = json!({"email": true, "sms": false, "fax": false, "pdf": false});
    assert_eq!(world.get("database/1").await.json()["intentions"], wanted);
}

#[tokio::test]
async fn a_person_edits_the_account() {
    let world = World::new().await;
    let shop = At::Database("shop");
    let id = world
        .profile(json!({"LastName": "12 abc", "Email": "a@example.org", "Score": 6}))
        .await;
    let order = world.order(id, json!({"Status": "paid", "Score": 3})).await;
    world
        .simulator
        .rename_field(shop, "Email", "Mail")
        .expect("there is a field");
    world
        .simulator
        .remove_field(shop, "Score")
        .expect("there is a field");
    world
        .simulator
        .change_field(shop, "LastName", "integer", None)
        .expect("there is a type");
    let fields = world.fields(id).await;
    assert_eq!(
        (&fields["Mail"], &fields["LastName"]),
        (&json!("a@example.org"), &json!("12"))
    );
    assert!(fields.get("Score").is_none() && fields.get("Email").is_none());
    let orders = At::Collection("shop", "Orders");
    world
        .simulator
        .change_field(orders, "Status", "text", Some(2))
        .expect("there is a field");
    assert_eq!(
        world.get(&format!("subprofile/{order}/fields")).await.json()["Status"],
        "pa"
    );
    assert!(world.simulator.remove_subprofile(order) && !world.simulator.remove_subprofile(order));
    world.simulator.delete(orders).expect("there is a collection");
    assert_eq!(
        world.get("collection/1").await.message(),
        "No collection with given ID"
    );
    assert_eq!(
        world.get(&format!("subprofile/{order}")).await.message(),
        "No subprofile with supplied ID"
    );
    assert!(world.simulator.remove_profile(id) && !world.simulator.remove_profile(id));
    world.simulator.delete(shop).expect("there is a database");
    assert_eq!(
        world.get(&format!("profile/{id}")).await.message(),
        "No entity with supplied ID"
    );
}

#[tokio::test]
async fn inspection_sees_living_rows() {
    let world = World::new().await;
    let id = world.profile(json!({"CustomerId": 7})).await;
    world.order(id, json!({"order_id": 1})).await;
    let mut seen = Vec::new();
    world.simulator.for_each_subprofile("orders", |row| {
        seen.push((row.profile, row.get("ORDER_ID").map(|value| value.into_owned())));
    });
    assert_eq!(seen, [(Some(id), Some("1".to_owned()))]);
    let profile = world.simulator.profile(id).expect("it lives");
    assert_eq!((profile["CustomerId"].as_str(), profile.len()), ("7", 10));
    let counts = world.simulator.counts();
    assert_eq!(
        (counts.profiles, counts.subprofiles["Orders"], counts.rows_created),
        (1, 1, 2)
    );
    assert_eq!(counts.calls_by_kind["POST database/profiles"], 1);
}

#[tokio::test]
async fn a_locked_field_is_edited_through_the_api_only() {
    let world = World::new().await;
    let shop = At::Database("shop");
    world
        .post(
            "database/1/fields",
            json!({"name": "Locked", "type": "text", "lock": true}),
        )
        .await
        .created();
    assert_eq!(
        world.simulator.remove_field(shop, "Locked"),
        Err(HandError::Locked)
    );
    world
        .simulator
        .unlock_field(shop, "Locked")
        .expect("there is a field");
    world
        .simulator
        .remove_field(shop, "Locked")
        .expect("it is no longer locked");
    assert_eq!(
        world.simulator.remove_field(shop, "Locked"),
        Err(HandError::Unknown)
    );
}
