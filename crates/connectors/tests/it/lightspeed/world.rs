//! What the tests of the Lightspeed source share: a shop, events made of samples, a scripted network.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use md5::{Digest, Md5};
use schakel_connectors::lightspeed::{Lightspeed, Settings};
use schakel_core::connector::{
    BoxFuture, Cx, Http, HttpError, Item, Method, Normalised, Received, Refused, Request, Response, Source,
    Webhook,
};
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::privacy::Secret;
use schakel_core::record::RecordKind;
use schakel_core::time::{ManualClock, Timestamp};
use serde_json::Value;

/// The secret with which the samples are signed.
pub const SECRET: &str = "fedcba9876543210fedcba9876543210";
/// The key of the samples' shop.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
/// The samples' shop.
pub const SHOP: i64 = 297_541;

/// Settings of the samples' shop.
pub fn settings() -> Settings {
    Settings::new(SHOP, Secret::new(KEY), Secret::new(SECRET))
}

/// The samples' shop as a source.
pub fn shop() -> Lightspeed {
    Lightspeed::new(settings())
}

/// When everything in the tests is received, unless said otherwise: after all samples.
pub fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2026-05-13T12:00:00+02:00").unwrap()
}

/// Reads the fixture `name`.
pub fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/lightspeed/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all fixtures that start with `start`, in order.
pub fn fixtures(start: &str) -> Vec<String> {
    let folder = format!("{}/fixtures/lightspeed", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(start))
        .collect();
    names.sort();
    names
}

/// Headers of a delivery of `event` about the record `id`, with the right signature of `body`.
pub fn signed(event: &str, id_header: &str, id: &str, body: &[u8]) -> Vec<(String, String)> {
    let signature = hex::encode(Md5::new_with_prefix(body).chain_update(SECRET).finalize());
    [
        ("x-shop-id", "297541"),
        ("x-cluster-id", "eu1"),
        ("x-event", event),
        ("x-format", "json"),
        ("x-language", "nl"),
        (id_header, id),
        ("x-signature", &signature),
    ]
    .iter()
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect()
}

/// The event that the intake makes of what a source received.
pub fn stored(received: Received, body: Bytes) -> Event {
    Event {
        id: EventId(1),
        tenant: TenantId(1),
        connection: ConnectionId(7),
        origin: Origin::Webhook,
        class: schakel_core::connector::Class::Live,
        trust: received.trust,
        stream: received.stream,
        kind: received.kind,
        action: received.action,
        remote_id: received.remote_id,
        ordinal: 0,
        status: 0,
        floor: Timestamp::ZERO,
        received_at: noon(),
        asked_at: None,
        headers: received.headers,
        body,
    }
}

/// The event that a fetch stores.
pub fn fetched(kind: RecordKind, remote_id: i64, status: u16, body: impl Into<Bytes>) -> Event {
    Event {
        id: EventId(2),
        tenant: TenantId(1),
        connection: ConnectionId(7),
        origin: Origin::Fetch,
        class: schakel_core::connector::Class::Live,
        trust: Trust::Payload,
        stream: kind.as_str().to_owned(),
        kind: Some(kind),
        action: Action::Other,
        remote_id,
        ordinal: 5,
        status,
        floor: Timestamp::ZERO,
        received_at: noon(),
        asked_at: None,
        headers: "{}".to_owned(),
        body: body.into(),
    }
}

/// The event that an item of a list stores: history and sweep alike.
pub fn listed(kind: RecordKind, item: &Item, origin: Origin) -> Event {
    Event {
        origin,
        ..fetched(kind, item.remote_id, 200, item.body.clone())
    }
}

/// Takes a signed delivery of `event` through receive and normalise.
pub fn deliver(event: &str, body: impl Into<Bytes>) -> Normalised {
    let body = body.into();
    let headers = signed(event, "x-nothing-id", "0", &body);
    let received = take(&shop(), &headers, &body).expect("a signed delivery is taken in");
    shop().normalise(&stored(received, body))
}

/// Gives one request to `source`.
pub fn take(source: &Lightspeed, headers: &[(String, String)], body: &Bytes) -> Result<Received, Refused> {
    source.receive(&Webhook { headers, body })
}

/// The codes of what was noted.
pub fn codes(normalised: &Normalised) -> Vec<&'static str> {
    normalised
        .problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect()
}

/// The order of the sample delivery, changed by `change`, as a body.
pub fn order_with(change: impl FnOnce(&mut Value)) -> Bytes {
    let sample: Value = serde_json::from_str(&fixture("webhook-delivery-orders-created.json")).unwrap();
    let mut body = sample["body"].clone();
    change(&mut body["order"]);
    body.to_string().into()
}

/// A network that answers from a script, in order, and remembers what was asked.
#[derive(Default)]
pub struct Script {
    answers: Mutex<Vec<Result<Response, HttpError>>>,
    asked: Mutex<Vec<Request>>,
}

impl Script {
    /// Starts with the answers that will be given.
    pub fn new(answers: Vec<Result<Response, HttpError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().rev().collect()),
            asked: Mutex::default(),
        })
    }

    /// The calls made, as method and address below the host.
    pub fn calls(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let line = |request: &Request| {
            let path = request.url.strip_prefix("https://api.webshopapp.com/").unwrap();
            format!("{} {path}", request.method.as_str())
        };
        asked.iter().map(line).collect()
    }

    /// The requests made.
    pub fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Http for Script {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        assert!(request.method != Method::Get || request.body.is_empty());
        self.asked.lock().unwrap().push(request);
        let answer = self
            .answers
            .lock()
            .unwrap()
            .pop()
            .expect("a call beyond the script");
        Box::pin(async move { answer })
    }
}

/// The doors, with `script` as network.
pub fn doors(script: &Arc<Script>) -> Cx {
    Cx::new(
        Arc::clone(script) as Arc<dyn Http>,
        Arc::new(ManualClock::at(noon())),
    )
}

/// An answer with `status` and `body`.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Result<Response, HttpError> {
    answer_with(status, &[], body)
}

/// An answer with headers.
pub fn answer_with(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Response, HttpError> {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Ok(Response {
        status,
        headers,
        body: body.into(),
    })
}
