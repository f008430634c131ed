//! Webhooks (copernica.md §11 no. 77-80), received and checked the way §8.4 asks for.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use schakel_sandbox::copernica::WebhookFaults;
use schakel_sandbox::door::{Receiver, Served, serve};
use tokio::net::TcpListener;

use super::*;

/// One message as it came in.
#[derive(Debug, Clone)]
struct Message {
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Message {
    fn pairs(&self) -> Vec<(String, String)> {
        let plain = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        String::from_utf8_lossy(&self.body)
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (plain(name), plain(value)))
            .collect()
    }

    fn get(&self, name: &str) -> Option<String> {
        let found = self.pairs().into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).expect("the header is there");
        value.to_str().expect("a header is text").to_owned()
    }

    /// Gives one part of the header `Signature`.
    fn signed(&self, name: &str) -> String {
        let signature = self.header("signature");
        let rest = signature.split_once(&format!("{name}=\"")).expect("the part").1;
        rest.split_once('"').expect("its end").0.to_owned()
    }

    /// Checks what a receiver must check, at `now` seconds since 1970; says what is wrong.
    fn check(&self, record: &str, now: i64) -> Result<(), &'static str> {
        let date = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", self.header("date"))
            .and_then(|parts| parts.to_datetime())
            .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
            .map_err(|_| "date")?;
        if now - date.timestamp().as_second() > 60 {
            return Err("date");
        }
        let sum = ring::digest::digest(&ring::digest::SHA256, &self.body);
        if self.header("digest") != format!("SHA-256={}", STANDARD.encode(sum.as_ref())) {
            return Err("digest");
        }
        if !self.signed("keyId").ends_with(".copernica.com") {
            return Err("key");
        }
        let names = self.signed("headers");
        let lines: Vec<String> = names
            .split(' ')
            .map(|name| match name {
                "(request-target)" => format!("{name}: post {}", self.target),
                name => format!("{name}: {}", self.header(name)),
            })
            .collect();
        let public = record.split_once("p=").ok_or("record")?.1;
        let public = STANDARD.decode(public).map_err(|_| "record")?;
        // What verifies here wants the numbers of the key, without the head that says "RSA".
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..]);
        let signature = STANDARD
            .decode(self.signed("signature"))
            .map_err(|_| "signature")?;
        key.verify(lines.join("\n").as_bytes(), &signature)
            .map_err(|_| "signature")
    }
}

type Inbox = Arc<Mutex<Vec<Message>>>;

async fn receive(State(inbox): State<Inbox>, request: Request<Body>) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the body is whole");
    let target = parts.uri.path_and_query().expect("a path").as_str().to_owned();
    inbox.lock().expect("nobody panics").push(Message {
        target,
        headers: parts.headers,
        body: body.to_vec(),
    });
    StatusCode::OK
}

/// A world whose webhooks go to a receiver.
struct Told {
    world: World,
    inbox: Inbox,
    handler: String,
    _served: Served,
}

impl Told {
    async fn about(triggers: &[&str], options: Options) -> Self {
        let world = World::with(options).await;
        let inbox = Inbox::default();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inbox));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let served = serve(listener, router).expect("the listener has an address");
        let handler = format!("http://{}/hook?token=abc", served.addr);
        for trigger in triggers {
            world
                .post("webhooks", json!({"handler": handler, "trigger": trigger}))
                .await
                .created();
        }
        Self {
            world,
            inbox,
            handler,
            _served: served,
        }
    }

    /// Delivers what waits and gives everything that came in since the last time.
    async fn messages(&self) -> Vec<Message> {
        self.world.simulator.deliver_webhooks().await;
        std::mem::take(&mut *self.inbox.lock().expect("nobody panics"))
    }

    fn now(&self) -> i64 {
        use schakel_sandbox::door::SimClock;
        self.world.clock.now_us() / 1_000_000
    }
}

/// A webhook is a form that says what happened, to which row, when, and what it holds now.
///
/// Fidelity: copernica.md 77 — approximated: the example and the table of the reference differ; absent keys follow the table
#[tokio::test]
async fn c077_a_webhook_is_a_form_with_what_happened() {
    let told = Told::about(&["create", "update", "delete"], Options::default()).await;
    let id = told.world.profile(json!({"Email": "a@example.org"})).await;
    told.world.pass_seconds(5);
    let path = format!("profile/{id}");
    told.world
        .put(&path, json!({"fields": {"LastName": "de Vries"}}))
        .await;
    told.world
        .put(&path, json!({"fields": {"LastName": "de Vries"}}))
        .await;
    let order = told.world.order(id, json!({"order_id": 7})).await;
    told.world.delete(&format!("subprofile/{order}")).await;
    told.world.delete(&path).await;
    let messages = told.messages().await;
    let types: Vec<String> = messages.iter().filter_map(|each| each.get("type")).collect();
    assert_eq!(types, ["create", "update", "create", "delete", "delete"]);
    let update = &messages[1];
    assert_eq!(update.header("content-type"), "application/x-www-form-urlencoded");
    for (name, wanted) in [
        ("parameters[LastName]", "de Vries"),
        ("timestamp", "2024-05-02 11:30:20"),
        ("time", "1714642220"),
        ("profile", "1"),
        ("database", "1"),
        ("created", "2024-05-02 11:30:15"),
        ("modified", "2024-05-02 11:30:20"),
        ("fields[LastName]", "de Vries"),
        ("fields[Email]", "a@example.org"),
    ] {
        assert_eq!(update.get(name).as_deref(), Some(wanted), "{name}");
    }
    assert_eq!(update.get("parameters[Email]"), None);
    let row = &messages[2];
    assert_eq!(
        (row.get("subprofile"), row.get("profile"), row.get("collection")),
        (Some("1".into()), Some("1".into()), Some("1".into()))
    );
    assert_eq!(messages[4].get("modified"), None);
}

/// A webhook is signed over its target, date, account, nonce and digest; a changed body, an old date and a
/// foreign signature are told apart.
///
/// Fidelity: copernica.md 78 — approximated: the key is one of the sandbox, given by its control port instead of the DNS
#[tokio::test]
async fn c078_a_signature_can_be_checked_and_a_wrong_one_told_apart() {
    let told = Told::about(&["create"], Options::default()).await;
    let record = told.world.simulator.webhook_key().record;
    told.world.profile(json!({})).await;
    let message = told.messages().await.remove(0);
    assert_eq!(message.check(&record, told.now()), Ok(()));
    assert_eq!(message.header("x-nonce").len(), 16);
    assert_eq!(message.check(&record, told.now() + 61), Err("date"));
    let mut changed = message.clone();
    changed.body.push(b'x');
    assert_eq!(changed.check(&record, told.now()), Err("digest"));
    let elsewhere = Message {
        target: "/other".to_owned(),
        ..message
    };
    assert_eq!(elsewhere.check(&record, told.now()), Err("signature"));
    for (faults, wanted) in [
        (
            WebhookFaults {
                forge: 100,
                ..WebhookFaults::default()
            },
            vec![Err("signature"), Ok(())],
        ),
        (
            WebhookFaults {
                stale: 100,
                ..WebhookFaults::default()
            },
            vec![Err("date")],
        ),
    ] {
        told.world.simulator.set_webhook_faults(faults);
        told.world.profile(json!({})).await;
        let checked: Vec<Result<(), &str>> = told
            .messages()
            .await
            .iter()
            .map(|message| message.check(&record, told.now()))
            .collect();
        assert_eq!(checked, wanted);
    }
}

/// Changes made through the API are told as well; messages may come twice, late, in another order, in floods,
/// or not at all.
///
/// Fidelity: copernica.md 79 — approximated: whether the real account retries, and in which order it sends, is not known
#[tokio::test]
async fn c079_writes_echo_and_messages_come_twice_late_and_in_floods() {
    let told = Told::about(&["create"], Options::default()).await;
    let simulator = &told.world.simulator;
    // A call of the API is told like an edit by hand, and an import tells each of its rows.
    let rows: Vec<Value> = (1..=50).map(|id| json!({"CustomerId": id})).collect();
    let import = json!({"database": 1, "action": "add", "source": rows});
    told.world.post("imports", import).await.created();
    told.world.pass_seconds(1);
    let ids = |messages: &[Message]| -> Vec<u32> {
        messages
            .iter()
            .filter_map(|message| message.get("profile")?.parse().ok())
            .collect()
    };
    let flood = ids(&told.messages().await);
    assert_eq!(flood, (1..=50).collect::<Vec<u32>>());
    simulator.set_webhook_faults(WebhookFaults {
        duplicate: 100,
        ..WebhookFaults::default()
    });
    told.world.profile(json!({})).await;
    let twice = told.messages().await;
    assert_eq!(ids(&twice), [51, 51]);
    assert_ne!(twice[0].header("x-nonce"), twice[1].header("x-nonce"));
    simulator.set_webhook_faults(WebhookFaults {
        reorder: 50,
        ..WebhookFaults::default()
    });
    for _ in 0..20 {
        told.world.profile(json!({})).await;
    }
    let order = ids(&told.messages().await);
    assert!(!order.is_sorted(), "{order:?}");
    let mut sorted = order;
    sorted.sort_unstable();
    assert_eq!(sorted, (52..72).collect::<Vec<u32>>());
    simulator.set_webhook_faults(WebhookFaults {
        lose: 100,
        ..WebhookFaults::default()
    });
    told.world.profile(json!({})).await;
    assert!(told.messages().await.is_empty());
    assert_eq!(simulator.webhook_counts().lost, 1);
}

/// The account is named in a header with a hyphen or, by switch, an underscore.
///
/// Fidelity: copernica.md 80 — exact
#[tokio::test]
async fn c080_the_account_is_named_with_either_mark() {
    for (account_underscore, wanted) in [(false, "account-1"), (true, "account_1")] {
        let options = Options {
            account_underscore,
            ..Options::default()
        };
        let told = Told::about(&["create"], options).await;
        told.world.profile(json!({})).await;
        assert_eq!(told.messages().await[0].header("x-copernica-id"), wanted);
    }
}

#[tokio::test]
async fn webhooks_are_registered_changed_and_deleted() {
    let told = Told::about(&[], Options::default()).await;
    let world = &told.world;
    let hook = json!({"handler": told.handler, "trigger": "update", "callers": ["ms"], "database": 1,
                      "collection": 1});
    assert_eq!(world.post("webhooks", hook).await.created(), 1);
    let wanted = json!({"ID": "1", "handler": told.handler, "trigger": "update", "callers": ["ms"]});
    assert_eq!(world.get("webhook/1").await.json(), wanted);
    assert_eq!(world.get("webhooks").await.json()["data"], json!([wanted]));
    let profile = world.profile(json!({})).await;
    let order = world.order(profile, json!({"order_id": 1})).await;
    world
        .put(&format!("profile/{profile}"), json!({"fields": {"Score": 1}}))
        .await;
    world
        .put(&format!("subprofile/{order}"), json!({"fields": {"Score": 1}}))
        .await;
    let messages = told.messages().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].get("subprofile").as_deref(), Some("1"));
    for bad in [
        json!({"handler": "nowhere", "trigger": "update"}),
        json!({"handler": told.handler, "trigger": "unsubscribe"}),
        json!({"handler": told.handler, "trigger": "create", "database": 9}),
    ] {
        assert_eq!(world.post("webhooks", bad).await.status, StatusCode::BAD_REQUEST);
    }
    world.put("webhook/1", json!({"trigger": "create"})).await;
    assert_eq!(world.get("webhook/1").await.json()["trigger"], "create");
    world.delete("webhook/1").await;
    assert_eq!(
        world.get("webhook/1").await.message(),
        "No webhook with supplied ID"
    );
}

#[tokio::test]
async fn failed_deliveries_are_in_a_log_file() {
    let world = World::new().await;
    // A port where nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let handler = format!("http://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    let hook = json!({"handler": handler, "trigger": "create"});
    world.post("webhooks", hook).await.created();
    world.profile(json!({})).await;
    world.simulator.deliver_webhooks().await;
    assert_eq!(world.get("logfiles").await.json(), json!(["2024-05-02"]));
    let names = world
        .get("logfiles?date=2024-05-02&type=feedback-loop-errors")
        .await;
    let name = names.json()[0].as_str().expect("one name").to_owned();
    let rows = world.get(&format!("logfile/{name}/json")).await.json();
    let wanted = json!([{"time": "2024-05-02 11:30:15", "response": "0", "recipient": handler}]);
    assert_eq!(rows, wanted);
    let csv = world.get(&format!("logfile/{name}/csv")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv"));
    assert!(csv.body.starts_with(b"time,response,recipient\n2024"));
    let xml = world.get(&format!("logfile/{name}/xml")).await;
    assert!(String::from_utf8_lossy(&xml.body).contains("<response>0</response>"));
    assert_eq!(
        world.get("logfile/other/json").await.status,
        StatusCode::BAD_REQUEST
    );
}

/// A name and a password in the address of a receiver are for its door, not part of its host.
#[tokio::test]
async fn credentials_in_an_address_become_basic() {
    let told = Told::about(&[], Options::default()).await;
    let handler = told.handler.replace("http://", "http://naam:ge%40heim@");
    let hook = json!({"handler": handler, "trigger": "create"});
    told.world.post("webhooks", hook).await.created();
    told.world.profile(json!({})).await;
    let message = told.messages().await.remove(0);
    let host = told
        .handler
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next());
    assert_eq!(Some(message.header("host").as_str()), host);
    let basic = format!("Basic {}", STANDARD.encode("naam:ge@heim"));
    assert_eq!(message.header("authorization"), basic);
    let record = told.world.simulator.webhook_key().record;
    assert_eq!(message.check(&record, told.now()), Ok(()));
}

/// A change of interests is an update; the same ones again are none.
#[tokio::test]
async fn interests_that_change_are_told() {
    let told = Told::about(&["update"], Options::default()).await;
    let interest = json!({"name": "news"});
    told.world.post("database/1/interests", interest).await.created();
    let profile = told.world.profile(json!({})).await;
    let path = format!("profile/{profile}/interests");
    for (body, count) in [
        (json!({"news": true}), 1),
        (json!({"news": true}), 0),
        (json!({"news": false}), 1),
    ] {
        let answer = told.world.post(&path, body.clone()).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(told.messages().await.len(), count, "{body}");
    }
    let put = json!({"fields": {}, "interests": ["news"]});
    told.world.put(&format!("profile/{profile}"), put).await;
    assert_eq!(told.messages().await.len(), 1);
}

/// Opens a receiver that answers only once another one got `count` messages.
async fn late_receiver(inbox: &Inbox, count: usize) -> Served {
    let inbox = Arc::clone(inbox);
    let router = Router::new().fallback(move || {
        let inbox = Arc::clone(&inbox);
        async move {
            while inbox.lock().expect("nobody panics").len() < count {
                tokio::task::yield_now().await;
            }
            StatusCode::OK
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    serve(listener, router).expect("the listener has an address")
}

#[tokio::test]
async fn a_silent_receiver_holds_nobody_else_up() {
    let told = Told::about(&[], Options::default()).await;
    let late = late_receiver(&told.inbox, 3).await;
    for handler in [format!("http://{}/", late.addr), told.handler.clone()] {
        let hook = json!({"handler": handler, "trigger": "create"});
        told.world.post("webhooks", hook).await.created();
    }
    for _ in 0..3 {
        told.world.profile(json!({})).await;
    }
    let messages = told.messages().await;
    let ids: Vec<String> = messages.iter().filter_map(|each| each.get("profile")).collect();
    assert_eq!(ids, ["1", "2", "3"], "the order of one receiver stays");
    let counts = told.world.simulator.webhook_counts();
    assert_eq!((counts.accepted, counts.refused), (6, 0));
}

#[tokio::test]
async fn the_deliverer_finds_new_work_by_itself() {
    let told = Told::about(&["create"], Options::default()).await;
    let work = async {
        for count in 1..3 {
            told.world.profile(json!({})).await;
            while told.inbox.lock().expect("nobody panics").len() < count {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        () = told.world.simulator.run_webhooks() => panic!("it goes on for ever"),
        () = work => {}
    }
    assert!(told.world.simulator.webhook_counts().accepted > 0);
}

/// A delivery that fails in itself ends alone: the next message for the same receiver is delivered.
#[tokio::test]
async fn a_delivery_that_panics_keeps_nothing_else_away() {
    let told = Told::about(&["create"], Options::default()).await;
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    told.world
        .simulator
        .deliver_in_process(Receiver::new(move |_request| {
            let number = {
                let mut calls = counted.lock().expect("nobody panics");
                *calls += 1;
                *calls
            };
            async move {
                assert!(number > 1, "the first one panics");
                Some(StatusCode::OK)
            }
        }));
    told.world.profile(json!({})).await;
    told.world.profile(json!({})).await;
    told.world.simulator.deliver_webhooks().await;
    assert_eq!(*calls.lock().expect("nobody panics"), 2);
    assert_eq!(told.world.simulator.webhook_counts().accepted, 1);
}
