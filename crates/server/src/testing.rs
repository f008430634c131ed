//! A hub for the tests of this crate: a real store and a real source, no task and no network.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use md5::{Digest, Md5};
use schakel_connectors::lightspeed::{Lightspeed, Settings};
use schakel_core::connector::{BoxFuture, Cx, Http, HttpError, Response};
use schakel_core::id::{ConnectionId, IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::privacy::Secret;
use schakel_core::time::{ManualClock, Timestamp};
use schakel_engine::budget::Ledger;
use schakel_engine::clock::Dice;
use schakel_engine::deliver::guard::Looks;
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::health::Health;
use schakel_engine::hub::{HookAddress, Hub, SourceConnection, Wake, WalkSettings};
use schakel_store::{OpenOptions, Store};
use schakel_testkit::{TempDir, tempdir};
use tower::ServiceExt;

use crate::hooks::{HookPath, HookPaths};

/// The shop of the tests.
pub(crate) const SHOP: i64 = 297_541;
/// The secret that signs its webhooks.
pub(crate) const SECRET: &str = "9e8d7c6b5a4938271605f4e3d2c1b0a9";
/// The way in for its webhooks.
pub(crate) const PATH: &str = "/hooks/3f8a0c1d2e4b5a69788796a5b4c3d2e1";
/// Its connection.
pub(crate) const SOURCE: ConnectionId = ConnectionId(1);

/// The ways into a hub of these tests.
pub(crate) fn paths() -> HookPaths {
    let paths = HookPaths::default();
    paths.set([HookPath {
        path: PATH.to_owned(),
        connection: SOURCE,
        until: None,
    }]);
    paths
}

/// A door that leads nowhere.
struct Walled;

impl Http for Walled {
    fn send(&self, _request: schakel_core::connector::Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async { Err(HttpError::NotSent("there is no network in this test".to_owned())) })
    }
}

/// Makes a hub with one source called `name`; the folder of its database ends with the guard.
pub(crate) async fn hub(name: &str) -> (Arc<Hub>, TempDir) {
    let folder = tempdir();
    let file = folder.path().join("hub.db").display().to_string();
    let store = Store::open(&file, OpenOptions::default()).await.unwrap();
    let tenant = TenantId(1);
    store
        .ensure_connection(tenant, name, "lightspeed", SOURCE)
        .await
        .unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_790_000_000_000_000)));
    let settings = Settings::new(SHOP, Secret::new("key"), Secret::new(SECRET));
    let source = SourceConnection {
        id: SOURCE,
        name: name.to_owned(),
        source: Arc::new(Lightspeed::new(settings)),
        cx: Cx::new(Arc::new(Walled), clock.clone()),
        scope: SOURCE.0,
        fetches: 1,
        walks: WalkSettings::OFF,
        hook_address: HookAddress::default(),
        admission: Admission::default(),
        ledger: Arc::new(Ledger::unmetered(store.clone(), tenant, SOURCE, clock.clone())),
    };
    let hub = Hub {
        store,
        tenant,
        sources: BTreeMap::from([(SOURCE, source)]),
        sinks: BTreeMap::new(),
        routes: Vec::new(),
        blocked: BlockList::standard(),
        hub_key: [7; 32],
        clock,
        dice: Arc::new(Dice::seeded(1)),
        ids: Arc::new(IdMaker::new(1)),
        worker: "test".to_owned(),
        looks: Looks::default(),
        wake: Wake::default(),
        health: Health::default(),
    };
    (Arc::new(hub), folder)
}

/// Signs a body as the shop does (lightspeed-ecom.md §3.1).
pub(crate) fn signature(body: &[u8]) -> String {
    let mut hasher = Md5::new();
    hasher.update(body);
    hasher.update(SECRET);
    hex::encode(hasher.finalize())
}

/// Makes a genuine webhook about a customer.
pub(crate) fn webhook(body: &'static str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header("X-Shop-Id", SHOP.to_string())
        .header("X-Cluster-Id", "eu1")
        .header("X-Event", "customers/updated")
        .header("X-Customer-Id", "7")
        .header("X-Signature", signature(body.as_bytes()))
        .body(Body::from(body))
        .unwrap()
}

/// Sends a request and gives the whole answer.
pub(crate) async fn ask(router: &axum::Router, request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    (
        head.status,
        head.headers,
        body.collect().await.unwrap().to_bytes(),
    )
}
