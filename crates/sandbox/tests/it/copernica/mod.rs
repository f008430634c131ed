//! The Copernica simulator against the fidelity list of copernica.md §11; `c035_…` is its number 35.

mod clients;
mod control;
mod extras;
mod lists;
mod push;
mod routing;
mod snapshot;
mod structure;
mod subprofiles;
mod trouble;
mod values;
mod writes;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response, StatusCode, header};
use schakel_sandbox::copernica::{
    At, ConnectionLost, FaultKind, Faults, HandError, Options, Removal, Restriction, Simulator,
};
use schakel_sandbox::door::HandClock;
use serde_json::{Value, json};
use tower::ServiceExt;

#[test]
fn every_item_of_the_list_has_one_test() {
    let sources = [
        include_str!("lists.rs"),
        include_str!("push.rs"),
        include_str!("routing.rs"),
        include_str!("subprofiles.rs"),
        include_str!("trouble.rs"),
        include_str!("values.rs"),
        include_str!("writes.rs"),
    ];
    let mut items: Vec<usize> = sources
        .iter()
        .flat_map(|source| source.split("/// Fidelity: copernica.md ").skip(1))
        .map(|rest| {
            let (item, rest) = rest.split_once(" — ").expect("an item and its state");
            let test = rest.split_once("async fn c").expect("a test").1;
            assert_eq!(test.get(..3), Some(format!("{item:0>3}").as_str()));
            item.parse().expect("an item is a number")
        })
        .collect();
    items.sort_unstable();
    assert_eq!(items, (1..=80).collect::<Vec<usize>>());
}

/// 2024-05-02 11:30:15 in Amsterdam, in microseconds since 1970.
const NOON: i64 = 1_714_642_215_000_000;

/// One answer, read to the end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    fn message(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .expect("the answer is an error")
            .to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a header is text"))
    }

    fn created(&self) -> u64 {
        let id = self
            .header("x-created")
            .unwrap_or_else(|| panic!("nothing was created: {self:?}"));
        id.parse().expect("an id is a number")
    }
}

/// A simulator with a database `shop` (1) of the fields below, one collection `Orders` (1).
struct World {
    simulator: Simulator,
    clock: HandClock,
    bearer: String,
}

impl World {
    async fn empty(options: Options) -> Self {
        let clock = HandClock::at(NOON);
        let simulator = Simulator::new(options, Arc::new(clock.clone()), 7);
        let mut world = Self {
            simulator,
            clock,
            bearer: String::new(),
        };
        world.bearer = world.log_in("sandbox-token").await;
        world
    }

    async fn with(options: Options) -> Self {
        let world = Self::empty(options).await;
        world.post("databases", json!({"name": "shop"})).await.created();
        for (name, kind, value, index) in [
            ("CustomerId", "integer", "0", true),
            ("Email", "email", "", true),
            ("LastName", "text", "", false),
            ("Score", "integer", "5", false),
            ("ANumber", "integer", "-1", false),
            ("Newsletter", "select", "Yes\nNo*", false),
            ("Birthday", "empty_date", "", false),
            ("Seen", "empty_datetime", "", false),
            ("Since", "date", "", false),
            ("Rate", "float", "0", false),
        ] {
            let field = json!({"name": name, "type": kind, "value": value, "index": index});
            world.post("database/1/fields", field).await.created();
        }
        world
            .post("database/1/collections", json!({"name": "Orders"}))
            .await
            .created();
        for (name, kind) in [("order_id", "integer"), ("Score", "integer"), ("Status", "text")] {
            let field = json!({"name": name, "type": kind, "index": name == "order_id"});
            world.post("collection/1/fields", field).await.created();
        }
        world
    }

    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.simulator
            .router()
            .oneshot(request)
            .await
            .expect("the router never fails")
    }

    async fn call(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.bearer))
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .expect("the request is well formed");
        let (parts, body) = self.send(request).await.into_parts();
        let body = to_bytes(body, usize::MAX)
            .await
            .expect("the answer is whole")
            .to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn log_in(&self, token: &str) -> String {
        let form = format!("access_token={token}").into_bytes();
        let answer = self
            .call("POST", "/authenticate", "application/x-www-form-urlencoded", form)
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        String::from_utf8(answer.body).expect("a bearer token is text")
    }

    /// Calls v4.
    async fn v4(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.call(method, &format!("/v4/{path}"), "application/json", body)
            .await
    }

    /// Calls v2.
    async fn v2(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("/v2/{path}{mark}access_token=sandbox-token");
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.call(method, &path, "application/json", body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.v4("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.v4("POST", path, Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.v4("PUT", path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.v4("DELETE", path, None).await
    }

    /// Makes a profile and gives its id.
    async fn profile(&self, fields: Value) -> u64 {
        self.post("database/1/profiles", json!({ "fields": fields }))
            .await
            .created()
    }

    /// Makes an order of a profile and gives its id.
    async fn order(&self, profile: u64, fields: Value) -> u64 {
        self.post(&format!("profile/{profile}/subprofiles/1"), fields)
            .await
            .created()
    }

    /// Gives the values of a profile as the API shows them.
    async fn fields(&self, profile: u64) -> Value {
        self.get(&format!("profile/{profile}/fields")).await.json()
    }

    /// Gives the ids that a list of profiles shows.
    async fn listed(&self, query: &str) -> Vec<u64> {
        let query = query.replace('<', "%3C").replace('>', "%3E");
        let answer = self.get(&format!("database/1/profiles?{query}")).await.json();
        let data = answer["data"].as_array().expect("a list has data");
        assert_eq!(answer["count"], json!(data.len()));
        data.iter()
            .map(|row| row["ID"].as_str().and_then(|id| id.parse().ok()).expect("an id"))
            .collect()
    }

    fn pass_seconds(&self, seconds: i64) {
        self.clock.advance(seconds * 1_000_000);
    }
}
