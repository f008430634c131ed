//! A whole hub in one test: real store, real connectors, simulators behind an in-process door, one manual clock.

mod inside;
mod make;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use md5::{Digest, Md5};
use schakel_core::connector::{Class, Cx};
use schakel_core::id::ConnectionId;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::{Clock, ManualClock, Timestamp};
use schakel_engine::apply::{self, Fence};
use schakel_engine::deliver::{Gauge, Loop};
use schakel_engine::fetch;
use schakel_engine::hub::Hub;
use schakel_engine::intake::{self, Entrance, NotAccepted};
use schakel_engine::report::{Presets, Reader};
use schakel_sandbox::copernica::{self as simulated, FaultKind};
use schakel_sandbox::door::SimClock;
use schakel_store::{FetchRow, InboxCounts, Inserted, OpenOptions, Store};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::inside::{Fault, Inside, Refusal};
pub use self::make::{copernica_settings, lightspeed_settings};
use self::make::{hub, living_shop};
use crate::payloads;

/// The shop of every story.
pub const SHOP: i64 = 297_541;
/// The secret that signs its webhooks.
pub const SECRET: &str = "9e8d7c6b5a4938271605f4e3d2c1b0a9";
/// The settle delay of the sink in stories, in milliseconds.
pub const SETTLE_MS: i64 = 30_000;

pub const SOURCE: ConnectionId = ConnectionId(1);
pub const SINK: ConnectionId = ConnectionId(2);
pub const DATABASE: &str = "schakel";

#[derive(Clone)]
struct Shared(ManualClock);

impl SimClock for Shared {
    fn now_us(&self) -> i64 {
        self.0.now().as_micros()
    }
}

/// A hub with a shop and a Copernica account.
pub struct World {
    pub hub: Arc<Hub>,
    pub clock: ManualClock,
    pub copernica: simulated::Simulator,
    shop: Arc<Mutex<BTreeMap<String, Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
    refusal: Refusal,
    fault: Fault,
    entrance: Entrance,
    pub delivery: Loop,
    pub fetching: fetch::Loop,
    _tasks: JoinSet<()>,
    _folder: schakel_testkit::TempDir,
}

impl World {
    /// Starts a hub on an empty embedded database, the sink set up.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a hub that is set up otherwise.
    pub async fn with(change: impl FnOnce(&mut Hub)) -> Self {
        let folder = schakel_testkit::tempdir();
        let url = folder.path().join("hub.db").display().to_string();
        Self::on(&url, folder, change).await
    }

    /// Starts a hub on an empty database of a server.
    pub async fn at_server(url: &str) -> Self {
        Self::on(url, schakel_testkit::tempdir(), |_| {}).await
    }

    /// Stops the hub, lets `harm` change its database file, and starts it again a minute later.
    pub async fn harmed(self, harm: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.hub.store.close().await;
        let file = self._folder.path().join("hub.db");
        let mut bytes = std::fs::read(&file).unwrap();
        harm(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        let started = Self::on(&file.display().to_string(), self._folder, |_| {}).await;
        started.clock.advance_ms(60_000);
        started
    }

    /// Stops the hub and starts it again a minute later before the same account, with the database file that `change` gives
    /// for the one of now; none begins anew.
    pub async fn restarted(self, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Self {
        let Self {
            hub,
            clock,
            copernica,
            _folder: folder,
            ..
        } = self;
        hub.store.close().await;
        let file = folder.path().join("hub.db");
        let before = std::fs::read(&file).unwrap();
        for beside in ["", "-wal", "-shm"] {
            // Those beside it are only there while it is open.
            let _ = std::fs::remove_file(folder.path().join(format!("hub.db{beside}")));
        }
        if let Some(bytes) = change(before) {
            std::fs::write(&file, bytes).unwrap();
        }
        clock.advance_ms(60_000);
        let url = file.display().to_string();
        Self::before(copernica, clock, (&url, folder), |_| {}).await
    }

    /// Stops the hub and starts it again before the same account, set up otherwise.
    pub async fn switched(self, change: impl FnOnce(&mut Hub)) -> Self {
        self.hub.store.close().await;
        let url = self._folder.path().join("hub.db").display().to_string();
        Self::before(self.copernica, self.clock, (&url, self._folder), change).await
    }

    async fn on(url: &str, folder: schakel_testkit::TempDir, change: impl FnOnce(&mut Hub)) -> Self {
        let clock = ManualClock::at(Timestamp::parse_rfc3339("2026-05-12T13:00:00+02:00").unwrap());
        let copernica =
            simulated::Simulator::new(simulated::Options::default(), Arc::new(Shared(clock.clone())), 7);
        Self::before(copernica, clock, (url, folder), change).await
    }

    /// Starts a hub before an account that is there.
    async fn before(
        copernica: simulated::Simulator,
        clock: ManualClock,
        (url, folder): (&str, schakel_testkit::TempDir),
        change: impl FnOnce(&mut Hub),
    ) -> Self {
        let shop = Arc::new(Mutex::new(living_shop()));
        let refusal = Refusal::default();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let fault = Fault::default();
        let door = Inside {
            copernica: copernica.router(),
            shop: shop.clone(),
            asked: asked.clone(),
            refusal: refusal.clone(),
            simulator: copernica.clone(),
            fault: fault.clone(),
        };
        let cx = Cx::new(Arc::new(door), Arc::new(clock.clone()));
        let store = Store::open(url, OpenOptions::default()).await.unwrap();
        let mut hub = hub(store, &clock, cx.clone());
        change(&mut hub);
        let hub = Arc::new(hub);
        let sink = &hub.sinks[&SINK].sink;
        sink.setup(&cx).await.unwrap();
        sink.connect(&cx).await.unwrap();
        let (entrance, writer) = intake::open(&hub);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        let delivery = Loop::new(hub.clone(), SINK, Gauge::default());
        let fetching = fetch::Loop::new(hub.clone(), SOURCE);
        Self {
            hub,
            clock,
            copernica,
            shop,
            asked,
            refusal,
            fault,
            entrance,
            delivery,
            fetching,
            _tasks: tasks,
            _folder: folder,
        }
    }

    /// Sends a webhook, signed as the shop signs.
    pub async fn webhook(&self, event: &str, id: i64, record: &Value) {
        self.webhook_of((SOURCE, SHOP), event, id, record).await;
    }

    /// Tells of a new customer; see [`payloads::customer`].
    pub async fn customer(&self, id: i64, kind: &str, email: &str, updated: u32) {
        let customer = payloads::customer(id, kind, email, updated);
        self.webhook("customers/created", id, &customer).await;
    }

    /// Tells of a new subscription; see [`payloads::subscription`].
    pub async fn subscription(&self, id: i64, email: &str, is_confirmed: bool, created: u32, updated: u32) {
        let subscription = payloads::subscription(id, email, is_confirmed, created, updated);
        self.webhook("subscriptions/created", id, &subscription).await;
    }

    /// Sends a deletion: headers only.
    pub async fn deleted(&self, stream: &str, id: i64) {
        self.raw(&format!("{stream}/deleted"), id, Vec::new())
            .await
            .unwrap();
    }

    /// Sends any bytes with a good signature.
    pub async fn raw(&self, event: &str, id: i64, body: Vec<u8>) -> Result<Inserted, NotAccepted> {
        let mut digest = Md5::new();
        digest.update(&body);
        digest.update(SECRET.as_bytes());
        let signature = hex::encode(digest.finalize());
        self.signed(event, id, body, &signature, SHOP).await
    }

    /// Sends a webhook as somebody recorded it.
    pub async fn verbatim(
        &self,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Result<Inserted, NotAccepted> {
        self.entrance
            .accept(SOURCE, headers, Bytes::from(body), self.clock.now())
            .await
    }

    /// Sends any bytes with any signature.
    pub async fn signed(
        &self,
        event: &str,
        id: i64,
        body: Vec<u8>,
        signature: &str,
        shop: i64,
    ) -> Result<Inserted, NotAccepted> {
        self.at((SOURCE, shop), (event, id), body, signature).await
    }

    /// Sends a webhook of a second shop, which a change of the hub added.
    pub async fn webhook_of(&self, of: (ConnectionId, i64), event: &str, id: i64, record: &Value) {
        let singular = event.split('/').next().unwrap().trim_end_matches('s').to_owned();
        let body = json!({ singular: record }).to_string().into_bytes();
        let mut digest = Md5::new();
        digest.update(&body);
        digest.update(SECRET.as_bytes());
        let signature = hex::encode(digest.finalize());
        self.at(of, (event, id), body, &signature).await.unwrap();
    }

    async fn at(
        &self,
        (source, shop): (ConnectionId, i64),
        (event, id): (&str, i64),
        body: Vec<u8>,
        signature: &str,
    ) -> Result<Inserted, NotAccepted> {
        let singular = event.split('/').next().unwrap().trim_end_matches('s');
        let headers = [
            ("x-event", event.to_owned()),
            ("x-shop-id", shop.to_string()),
            ("x-signature", signature.to_owned()),
            ("x-language", "nl".to_owned()),
            ("x-format", "json".to_owned()),
        ];
        let mut headers: Vec<(String, String)> = headers.map(|(name, value)| (name.to_owned(), value)).into();
        headers.push((format!("x-{singular}-id"), id.to_string()));
        self.entrance
            .accept(source, &headers, Bytes::from(body), self.clock.now())
            .await
    }

    /// Puts an answer at a path of the shop, such as `/nl/customers/1.json`.
    pub fn shop_has(&self, path: &str, body: Value) {
        self.shop.lock().unwrap().insert(path.to_owned(), body);
    }

    /// Takes an answer away: a 404 from now on.
    pub fn shop_lacks(&self, path: &str) {
        self.shop.lock().unwrap().remove(path);
    }

    /// Lets the shop answer everything with a status and a `Retry-After`.
    pub fn shop_refuses(&self, refusal: Option<(u16, u32)>) {
        *self.refusal.lock().unwrap() = refusal;
    }

    /// Gives the paths that the hub asked the shop for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Gives how often the hub asked for a path.
    pub fn asked_for(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == path).count()
    }

    /// Asks for one thing, as the reconciliation does: without any word of the shop.
    pub async fn want(&self, kind: RecordKind, id: i64) {
        self.want_for(Class::Live, kind, id).await;
    }

    /// Asks for one thing, at the cost of `class`.
    pub async fn want_for(&self, class: Class, kind: RecordKind, id: i64) {
        let mut tx = self.hub.store.write().await.unwrap();
        let wish = FetchRow {
            class,
            key: RecordKey::new(SOURCE, kind, id),
            reason: "hint".to_owned(),
            due_at: self.clock.now(),
            attempts: 0,
            wanted: 0,
        };
        tx.want_fetches(self.hub.tenant, &[wish]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Applies what waits, without delivering.
    pub async fn apply(&self) {
        while apply::step(&self.hub, Fence::Alone).await.unwrap().events > 0 {}
    }

    /// Lets the hub look at the numbers that stand in the account, which it does before its first delivery.
    pub async fn looked(&mut self) {
        self.delivery.step().await.unwrap();
    }

    /// Asks the shop for what is wanted and due, as much as goes at once, and waits for all of it; returns how many.
    pub async fn fetch(&mut self) -> usize {
        let tried = self.fetching.step().await.unwrap();
        self.fetching.end().await.unwrap();
        tried
    }

    /// Runs every stage until nothing is left to do now; waits of the future are left alone.
    pub async fn run(&mut self) {
        loop {
            let mut is_busy = apply::step(&self.hub, Fence::Alone).await.unwrap().events > 0;
            is_busy |= self.fetch().await > 0;
            is_busy |= self.delivery.step().await.unwrap();
            if self.delivery.in_flight() > 0 {
                self.delivery.until_answer().await;
                is_busy = true;
            }
            if !is_busy {
                return;
            }
        }
    }

    /// Runs every stage until nothing is left to do at all: moves the clock over every wait.
    pub async fn run_until_idle(&mut self) {
        for _ in 0..500 {
            self.run().await;
            let is_idle = self.open_deliveries().await == 0
                && self.hub.store.fetch_count(self.hub.tenant).await.unwrap() == 0;
            if is_idle {
                return;
            }
            let now = self.clock.now();
            let due = self
                .hub
                .store
                .next_due(self.hub.tenant, SINK)
                .await
                .unwrap()
                .unwrap_or(now);
            let wait_ms = (due.as_micros() - now.as_micros()) / 1000 + 1;
            self.clock.advance_ms(wait_ms.max(5_000));
        }
        panic!(
            "deliveries or fetches are left: {:?}",
            self.hub.store.delivery_counts(self.hub.tenant).await
        );
    }

    /// Gives how many deliveries are neither confirmed nor given up.
    pub async fn open_deliveries(&self) -> i64 {
        let counts = self.hub.store.delivery_counts(self.hub.tenant).await.unwrap();
        counts
            .iter()
            .filter(|count| !matches!(count.state.as_str(), "clean" | "dead"))
            .map(|count| count.count)
            .sum()
    }

    /// What `explain` reads this hub by.
    pub fn reader<'a>(&'a self, presets: &'a Presets) -> Reader<'a> {
        Reader {
            store: &self.hub.store,
            tenant: self.hub.tenant,
            presets,
            is_unconfirmed_enough: false,
        }
    }

    /// Starts a second worker on the same store, as another process would.
    pub fn second_worker(&self) -> Loop {
        Loop::new(self.hub.clone(), SINK, Gauge::default())
    }

    /// Starts a worker whose readings can be seen.
    pub fn seen_worker(&self) -> (Loop, Gauge) {
        let gauge = Gauge::default();
        (Loop::new(self.hub.clone(), SINK, gauge.clone()), gauge)
    }

    /// Forgets the delivery loop with its open calls, as a kill does, and starts it anew.
    pub async fn crash_delivery(&mut self) {
        self.delivery = Loop::new(self.hub.clone(), SINK, Gauge::default());
        self.delivery.recover(true).await.unwrap();
    }

    /// Lets one call to the sink go wrong in this way, after `skipped` others.
    pub fn fail_call(&self, kind: FaultKind, skipped: usize) {
        *self.fault.lock().unwrap() = Some((skipped, kind));
    }

    /// Gives the inbox counters, which must add up and agree with the rows.
    pub async fn inbox(&self) -> InboxCounts {
        let counts = self
            .hub
            .store
            .inbox_counts(self.hub.tenant, None, None)
            .await
            .unwrap();
        assert!(counts.adds_up(), "{counts:?}");
        counts
    }

    /// Gives the living profiles: RelationID, address, newsletter, CustomerID.
    pub fn profiles(&self) -> Vec<(i64, String, String, i64)> {
        let mut profiles = Vec::new();
        self.copernica.for_each_profile(DATABASE, |view| {
            let text = |name: &str| view.get(name).unwrap().into_owned();
            let number = |name: &str| text(name).parse().unwrap();
            profiles.push((
                number("RelationID"),
                text("Email"),
                text("Newsletter"),
                number("CustomerID"),
            ));
        });
        profiles.sort();
        profiles
    }

    /// Gives the living subprofiles of a collection: the values of `fields`, with the RelationID in front.
    pub fn subprofiles(&self, collection: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut owners = BTreeMap::new();
        self.copernica.for_each_profile(DATABASE, |view| {
            owners.insert(view.id, view.get("RelationID").unwrap().into_owned());
        });
        let mut rows = Vec::new();
        self.copernica.for_each_subprofile(collection, |view| {
            let owner = view
                .profile
                .and_then(|id| owners.get(&id).cloned())
                .unwrap_or_default();
            let values = fields.iter().map(|name| view.get(name).unwrap().into_owned());
            rows.push(std::iter::once(owner).chain(values).collect());
        });
        rows.sort();
        rows
    }

    /// Fails when anything in the sink is double.
    pub fn assert_nothing_double(&self) {
        assert_eq!(
            self.copernica.duplicates(DATABASE, &["RelationID"]),
            0,
            "profiles are double"
        );
        for (collection, key) in [
            ("Orders", "OrderID"),
            ("OrderRows", "OrderRowID"),
            ("Quotes", "QuoteID"),
        ] {
            assert_eq!(
                self.copernica.duplicate_subprofiles(collection, &[key]),
                0,
                "{collection} are double"
            );
        }
    }
}
