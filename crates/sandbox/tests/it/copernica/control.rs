//! The control port: reading, faults and edits by call, and the pages.

use super::*;

struct Hand(World);

impl Hand {
    async fn new() -> Self {
        Self(World::new().await)
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:1")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .expect("well formed");
        self.answer(request).await
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let router = self.0.simulator.control();
        let response = router.oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the answer is whole");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    async fn read(&self, path: &str) -> Value {
        self.send("GET", &format!("/control/api/{path}"), "", String::new())
            .await
            .json()
    }

    async fn tell(&self, path: &str, body: Value) -> Answer {
        let path = format!("/control/api/{path}");
        self.send("POST", &path, "application/json", body.to_string())
            .await
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.send("GET", path, "", String::new()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        String::from_utf8(answer.body).expect("a page is text")
    }
}

#[tokio::test]
async fn the_account_can_be_looked_into() {
    let hand = Hand::new().await;
    for name in ["Muit", "<b>&amp;", "Zeeman"] {
        hand.0.profile(json!({"LastName": name})).await;
    }
    hand.0.order(1, json!({"order_id": 7})).await;
    assert_eq!(hand.read("state").await["profiles"], 3);
    let databases = hand.read("databases").await;
    assert_eq!(databases["databases"][0]["collections"][0]["name"], "Orders");
    let page = hand.read("databases/shop/profiles?start=1&limit=1").await;
    assert_eq!(
        (&page["total"], &page["profiles"][0]["id"]),
        (&json!(3), &json!(2))
    );
    let found = hand.read("databases/1/profiles?find=ZEE").await;
    assert_eq!(found["profiles"][0]["id"], 3);
    let rows = hand.read("collections/1/subprofiles").await;
    assert_eq!(rows["subprofiles"][0]["fields"]["order_id"], "7");
    let whole = hand.read("profiles/1").await;
    assert_eq!(whole["collections"][0]["subprofiles"][0]["profile"], 1);
    let html = hand.page("/control/databases/1").await;
    assert!(html.contains("&lt;b&gt;&amp;amp;") && !html.contains("<b>"));
    for path in [
        "/control/",
        "/control/collections/1",
        "/control/profiles/1",
        "/control/webhooks",
    ] {
        assert!(!hand.page(path).await.contains("<script"), "{path}");
    }
    let missing = hand.send("GET", "/control/profiles/99", "", String::new()).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn calls_are_logged_without_tokens() {
    let hand = Hand::new().await;
    hand.0.v2("GET", "identity", None).await;
    hand.0.simulator.fail_next(FaultKind::AnswerLost, 1);
    let request = Request::get("/v4/identity")
        .body(Body::empty())
        .expect("well formed");
    hand.0.send(request).await;
    let calls = hand.read("log?limit=2").await;
    let (lost, read) = (&calls["calls"][0], &calls["calls"][1]);
    assert_eq!(
        (&lost["fault"], &lost["status"]),
        (&json!("answer lost"), &json!(null))
    );
    assert_eq!(read["target"], "/v2/identity?access_token=…");
    assert!(!hand.page("/control/log").await.contains("sandbox-token"));
}

#[tokio::test]
async fn faults_are_set_by_call_and_by_click() {
    let hand = Hand::new().await;
    let set = json!({"latency_ms": 5, "latency_percent": 50, "percent": {"429 without Retry-After": 100, "HTML with 200": 0}});
    hand.tell("faults", set).await;
    let faults = hand.read("faults").await;
    assert_eq!(
        (
            &faults["latency_percent"],
            &faults["percent"]["429 without Retry-After"]
        ),
        (&json!(50), &json!(100.0))
    );
    assert_eq!(hand.0.get("identity").await.status, StatusCode::TOO_MANY_REQUESTS);
    let clicked = hand
        .send(
            "POST",
            "/control/api/faults",
            "application/x-www-form-urlencoded",
            "back=%2Fcontrol%2Ffaults&429+without+Retry-After=0&500+before=0".to_owned(),
        )
        .await;
    assert_eq!(
        (clicked.status, clicked.header("location")),
        (StatusCode::SEE_OTHER, Some("/control/faults"))
    );
    hand.tell("faults/next", json!({"kind": "load balancer 503", "count": 2}))
        .await;
    for wanted in [503, 503, 200] {
        assert_eq!(hand.0.get("identity").await.status.as_u16(), wanted);
    }
    assert_eq!(hand.read("faults").await["hits"]["load balancer 503"], 2);
    for bad in [
        json!({"percent": {"slow drip": 101}}),
        json!({"latency_ms": "soon"}),
    ] {
        assert_eq!(hand.tell("faults", bad).await.status, StatusCode::BAD_REQUEST);
    }
    hand.tell("outage", json!({"on": true})).await;
    assert!(hand.0.simulator.outage().is_on());
    hand.tell("outage", json!({"on": "false"})).await;
    assert!(!hand.0.simulator.outage().is_on());
    hand.tell("webhooks", json!({"lose": 7})).await;
    assert_eq!(hand.read("webhooks").await["faults"]["lose"], 7);
    assert!(hand.page("/control/faults").await.contains("load balancer 503"));
    hand.tell("faults", json!({"clear": true})).await;
    assert_eq!(hand.read("faults").await["latency_ms"], 0);
}

#[tokio::test]
async fn every_edit_of_a_person_has_a_call() {
    let hand = Hand::new().await;
    let id = hand.0.profile(json!({"LastName": "12 abc", "Score": 6})).await;
    let order = hand.0.order(id, json!({"Status": "paid"})).await;
    for (path, body) in [
        (
            "fields/rename",
            json!({"database": "shop", "field": "Email", "name": "Mail"}),
        ),
        ("fields/remove", json!({"database": 1, "field": "Score"})),
        (
            "fields/change",
            json!({"database": 1, "field": "LastName", "type": "integer"}),
        ),
        (
            "fields/change",
            json!({"database": 1, "collection": 1, "field": "Status", "type": "text", "length": 2}),
        ),
        (
            "restrictions/add",
            json!({"database": 1, "unique": "CustomerId, ANumber"}),
        ),
        (
            "restrictions/add",
            json!({"database": 1, "field": "CustomerId", "minimum": 5}),
        ),
        ("removal", json!({"database": 1, "removal": "do nothing"})),
        ("subprofiles/remove", json!({"id": order})),
    ] {
        let answer = hand.tell(path, body).await;
        assert_eq!(answer.json(), json!({"done": true}), "{path}");
    }
    let fields = hand.0.fields(id).await;
    assert_eq!((&fields["Mail"], &fields["LastName"]), (&json!(""), &json!("12")));
    assert!(fields.get("Score").is_none());
    let settings = hand.read("databases").await["databases"][0]["settings"].clone();
    let wanted = json!({"removal": "do nothing",
                        "restrictions": ["CustomerId + ANumber unique", "CustomerId at least 5"]});
    assert_eq!(settings, wanted);
    let low = json!({"fields": {"CustomerId": 4}});
    assert_eq!(
        hand.0.post("database/1/profiles", low.clone()).await.message(),
        "Failed to create profile"
    );
    hand.tell("restrictions/clear", json!({"database": 1})).await;
    hand.0.post("database/1/profiles", low).await.created();
    hand.tell("delete", json!({"database": 1, "collection": "Orders"}))
        .await;
    assert_eq!(
        hand.0.get("collection/1").await.message(),
        "No collection with given ID"
    );
    hand.tell("delete", json!({"database": "shop"})).await;
    assert_eq!(hand.0.get("databases").await.json()["total"], 0);
    let answer = hand.tell("delete", json!({"database": "shop"})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    hand.tell("tokens/expire", json!({})).await;
    assert_eq!(hand.0.get("identity").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let hand = Hand::new().await;
    let request = Request::post("/control/api/delete")
        .header(header::HOST, "127.0.0.1:1")
        .header(header::ORIGIN, "https://example.org")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("database=1"))
        .expect("well formed");
    assert_eq!(hand.answer(request).await.status, StatusCode::FORBIDDEN);
    assert_eq!(hand.0.get("databases").await.json()["total"], 1);
}

#[tokio::test]
async fn a_refused_form_is_answered_with_a_page_and_a_refused_call_with_json() {
    let hand = Hand::new().await;
    let path = "/control/api/profiles/remove";
    let form = "application/x-www-form-urlencoded";
    let answer = hand.send("POST", path, form, "id=99".to_owned()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let page = String::from_utf8(answer.body).expect("a page is text");
    assert!(page.contains("there is no such living profile."), "{page}");
    let answer = hand.tell("profiles/remove", json!({"id": 99})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json()["error"]["message"],
        "there is no such living profile"
    );
}
