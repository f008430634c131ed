//! What the fidelity list leaves out: copies, unsubscribing, selections, OAuth, data requests, imports as text.

use super::*;

#[tokio::test]
async fn a_database_is_copied() {
    let world = World::new().await;
    let id = world.profile(json!({"LastName": "x", "CustomerId": 7})).await;
    world.order(id, json!({"order_id": 1})).await;
    let options = json!({"collections": true, "profiles": true, "subprofiles": true});
    let copy = world
        .post("database/1/copy", json!({"name": "twin", "options": options}))
        .await;
    assert_eq!((copy.status, copy.created()), (StatusCode::CREATED, 2));
    assert_eq!(world.simulator.find_profiles("twin", "LastName", "x"), [2]);
    let orders = world.get("profile/2/subprofiles/Orders").await.json();
    assert_eq!(
        (&orders["count"], &orders["data"][0]["collection"]),
        (&json!(1), &json!("2"))
    );
    let bare = world
        .post("database/1/copy", json!({"name": "bare"}))
        .await
        .created();
    let bare = world.get(&format!("database/{bare}")).await.json();
    assert_eq!(
        (&bare["fields"]["total"], &bare["collections"]["total"]),
        (&json!(10), &json!(0))
    );
    let answer = world.post("database/1/copy", json!({"name": "SHOP"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn unsubscribing_does_what_was_set() {
    let world = World::new().await;
    let id = world.profile(json!({"Newsletter": "Yes", "CustomerId": 7})).await;
    let nothing = json!({"behavior": "nothing", "fields": []});
    assert_eq!(world.get("database/1/unsubscribe").await.json(), nothing);
    let update = json!({"behavior": "update", "fields": {"Newsletter": "No"}});
    world.put("database/1/unsubscribe", update.clone()).await;
    assert_eq!(world.get("database/1/unsubscribe").await.json(), update);
    let answer = world.put(&format!("profile/{id}/unsubscribe"), json!([])).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(world.fields(id).await["Newsletter"], "No");
    world
        .put("database/1/unsubscribe", json!({"behavior": "remove"}))
        .await;
    let answer = world.put("database/1/unsubscribes", json!({})).await;
    assert_eq!(answer.message(), "URL parameter fields is required");
    world
        .put("database/1/unsubscribes?fields[]=CustomerId==7", json!({}))
        .await;
    assert!(world.listed("").await.is_empty());
}

#[tokio::test]
async fn a_delete_may_unsubscribe() {
    let world = World::new().await;
    let id = world.profile(json!({"Newsletter": "Yes"})).await;
    let order = world.order(id, json!({})).await;
    let update = json!({"behavior": "update", "fields": {"Newsletter": "No"}});
    world.put("database/1/unsubscribe", update).await;
    for at in [At::Database("shop"), At::Collection("shop", "Orders")] {
        world
            .simulator
            .set_removal(at, Removal::Unsubscribe)
            .expect("it is there");
    }
    world.delete(&format!("subprofile/{order}")).await;
    world.delete(&format!("profile/{id}")).await;
    assert_eq!(world.fields(id).await["Newsletter"], "No");
    assert_eq!(world.simulator.counts().subprofiles["Orders"], 1);
}

#[tokio::test]
async fn selections_hold_what_fitted_when_they_were_built() {
    let world = World::new().await;
    world.profile(json!({"LastName": "Muit", "Score": 6})).await;
    world.profile(json!({"LastName": "Aalders", "Score": 2})).await;
    let view = world
        .post("database/1/views", json!({"name": "High"}))
        .await
        .created();
    let rule = world
        .post(&format!("view/{view}/rules"), json!({"name": "score"}))
        .await
        .created();
    let condition = json!({"type": "field", "comparison": "more", "field": "Score", "value": "5"});
    let path = format!("rule/{rule}/conditions");
    let condition = world.post(&path, condition).await.created();
    let ids = async || world.get(&format!("view/{view}/profileids")).await.json();
    assert_eq!(ids().await, json!(["1"]));
    world.profile(json!({"Score": 9})).await;
    assert_eq!(ids().await, json!(["1"]));
    world.post(&format!("view/{view}/rebuild"), json!({})).await;
    assert_eq!(ids().await, json!(["1", "3"]));
    world.delete("profile/1").await;
    assert_eq!(ids().await, json!(["3"]));
    world
        .put(&format!("condition/field/{condition}"), json!({"value": "1"}))
        .await;
    let pattern = json!({"comparison": "regexp", "field": "LastName", "value": "^M"});
    assert_eq!(world.post(&path, pattern.clone()).await.status, 400);
    let path = format!("condition/field/{condition}");
    assert_eq!(world.put(&path, pattern).await.status, 400);
    let list = world.get(&format!("view/{view}/profiles")).await.json();
    assert_eq!((&list["count"], &list["total"]), (&json!(2), &json!(2)));
    world
        .put(&format!("rule/{rule}"), json!({"inverted": true}))
        .await;
    assert_eq!(ids().await, json!([]));
    let shown = world.get(&format!("view/{view}")).await.json();
    assert_eq!(
        (&shown["parent-type"], &shown["has-rules"], &shown["last-built"]),
        (&json!("database"), &json!(true), &json!("2024-05-02 11:30:15"))
    );
    let child = json!({"name": "Within"});
    world.post(&format!("view/{view}/views"), child).await.created();
    assert_eq!(
        world.get(&format!("view/{view}")).await.json()["has-children"],
        json!(true)
    );
    world.delete(&format!("view/{view}")).await;
    assert_eq!(world.get("database/1/views").await.json()["total"], 0);
}

#[tokio::test]
async fn miniselections_hold_subprofiles() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    world.order(id, json!({"order_id": 1, "Status": "paid"})).await;
    world.order(id, json!({"order_id": 2, "Status": "new"})).await;
    let mini = world
        .post("collection/1/miniviews", json!({"name": "Paid"}))
        .await
        .created();
    let rule = world
        .post(&format!("miniview/{mini}/minirules"), json!({}))
        .await
        .created();
    let condition = json!({"comparison": "equals", "field": "Status", "value": "paid"});
    world
        .post(&format!("minirule/{rule}/conditions"), condition)
        .await
        .created();
    let ids = world.get(&format!("miniview/{mini}/subprofileids")).await.json();
    assert_eq!(ids, json!(["1"]));
    assert_eq!(
        world.get(&format!("miniview/{mini}/profiles")).await.message(),
        "Invalid method"
    );
    assert_eq!(
        world.get("miniview/99").await.message(),
        "No miniview with supplied ID"
    );
}

#[tokio::test]
async fn data_is_requested_and_ready_later() {
    let world = World::new().await;
    let id = world.profile(json!({"Email": "a@example.org"})).await;
    let request = world
        .post(&format!("profile/{id}/datarequest"), json!({}))
        .await
        .created();
    let status = world.get(&format!("datarequest/{request}/status")).await.json();
    assert_eq!(status, json!({"status": "pending"}));
    let early = world.get(&format!("datarequest/{request}/data")).await;
    assert_eq!(early.status, StatusCode::NOT_FOUND);
    world.pass_seconds(1);
    let status = world.get(&format!("datarequest/{request}/status")).await.json();
    assert_eq!(
        (&status["status"], &status["content-type"]),
        (&json!("available"), &json!("application/json"))
    );
    let data = world.get(&format!("datarequest/{request}/data")).await.json();
    assert_eq!(data["data"][0]["fields"]["Email"], "a@example.org");
    let request = world
        .post("email/A@example.org/datarequest", json!({}))
        .await
        .created();
    world.pass_seconds(1);
    let data = world.get(&format!("datarequest/{request}/data")).await.json();
    assert_eq!(data["info"]["type"], "email");
    assert_eq!(data["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_profile_has_no_files_and_no_mailings() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    for path in ["files", "ms/emailings", "publisher/destinations"] {
        let list = world.get(&format!("profile/{id}/{path}")).await.json();
        assert_eq!(list["total"], 0, "{path}");
    }
    let answer = world.get(&format!("profile/{id}/file/1/json")).await;
    assert_eq!(answer.message(), "No file with supplied ID");
}

#[tokio::test]
async fn an_application_gets_a_token() {
    let world = World::new().await;
    let back = "https%3A%2F%2Fhub.example.org%2Fback";
    let ask = |state: &str| {
        format!("/nl/authorize?client_id=sandbox-client&redirect_uri={back}&state={state}&response_type=code")
    };
    let short = world.call("GET", &ask("short"), "", Vec::new()).await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    let answer = world.call("GET", &ask("0123456789abcdef"), "", Vec::new()).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let place = answer.header("location").expect("an address").to_owned();
    let (start, code) = place.split_once("&code=").expect("a code");
    assert_eq!(start, "https://hub.example.org/back?state=0123456789abcdef");
    let path = |secret: &str| {
        format!("/v4/token?client_id=sandbox-client&client_secret={secret}&redirect_uri={back}&code={code}")
    };
    let wrong = world.call("GET", &path("wrong"), "", Vec::new()).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let answer = world.call("GET", &path("sandbox-secret"), "", Vec::new()).await;
    let token = answer.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert_eq!(token.len(), 32);
    world.log_in(&token).await;
    let again = world.call("GET", &path("sandbox-secret"), "", Vec::new()).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

async fn import(world: &World, body: Value) -> Value {
    let id = world.post("imports", body).await.created();
    world.pass_seconds(1);
    world.get(&format!("import/{id}")).await.json()
}

#[tokio::test]
async fn imports_take_text_and_do_every_action() {
    let world = World::new().await;
    world
        .post("database/1/interests", json!({"name": "news"}))
        .await
        .created();
    let csv = "CustomerId;LastName;Birthday;interest.news\n7;\"de Vries\";nonsense;Yes\n8;;;No\n";
    let body = json!({"database": "shop", "action": "add", "format": "csv", "delimiter": ";", "source": csv});
    assert_eq!(import(&world, body).await["lasterror"], json!(false));
    let one = world.get("profile/1").await.json();
    assert_eq!(
        (&one["fields"]["LastName"], &one["fields"]["Birthday"]),
        (&json!("de Vries"), &json!("0000-00-00"))
    );
    assert_eq!(one["interests"], json!(["news"]));
    let with = |action: &str, source: Value| json!({"database": 1, "action": action, "keyFields": ["CustomerId"], "source": source});
    let rows = json!([{"CustomerId": 7, "LastName": "x"}, {"CustomerId": 9, "LastName": "y"}]);
    import(&world, with("update", rows.clone())).await;
    assert_eq!(world.listed("").await, [1, 2]);
    assert_eq!(world.fields(1).await["LastName"], "x");
    let rows = json!([{"CustomerId": 7, "LastName": "z"}, {"CustomerId": 9, "LastName": "y"}]);
    import(&world, with("ignore or add", rows)).await;
    assert_eq!(world.fields(1).await["LastName"], "x");
    assert_eq!(world.listed("").await, [1, 2, 3]);
    let mut body = with("update or add", json!([{"CustomerId": 7, "LastName": ""}]));
    body["ignoreEmptyFields"] = json!(true);
    body["removeMissing"] = json!("true");
    import(&world, body).await;
    assert_eq!(world.listed("").await, [1]);
    assert_eq!(world.fields(1).await["LastName"], "x");
    import(&world, with("delete", json!([{"CustomerId": 7}]))).await;
    assert!(world.listed("").await.is_empty());
    let wrong = import(&world, with("update", json!([{"LastName": "x"}]))).await;
    assert_eq!(wrong["lasterror"], "No key fields supplied");
    let answer = world
        .post("imports", json!({"database": 1, "action": "explode"}))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
