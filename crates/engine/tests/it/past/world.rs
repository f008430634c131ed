//! A hub beside a whole simulated shop with a past, both on one manual clock, and a simulated account; no sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use schakel_connectors::copernica;
use schakel_connectors::lightspeed::{self, KeyLimits, Lightspeed};
use schakel_core::connector::{BoxFuture, Cx, Http, HttpError, Part, Request, Response, Sink, Span};
use schakel_core::id::{ConnectionId, IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::preset::Preset;
use schakel_core::privacy::Secret;
use schakel_core::time::{Clock, ManualClock, Timestamp, Zone};
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::apply::{self, Fence};
use schakel_engine::budget::{BudgetDoor, Ledger, Owner};
use schakel_engine::clock::Dice;
use schakel_engine::deliver::{Gauge, Loop};
use schakel_engine::fetch;
use schakel_engine::hub::{
    CartRule, HookAddress, Hub, Route, SinkConnection, SourceConnection, Wake, WalkSettings,
};
use schakel_engine::walk::{self, Stepped};
use schakel_sandbox::copernica as account;
use schakel_sandbox::door::{Seed, SimClock};
use schakel_sandbox::lightspeed::{self as shop, Simulator};
use schakel_store::{OpenOptions, Store};
use tower::ServiceExt;

pub const TENANT: TenantId = TenantId(1);
pub const SOURCE: ConnectionId = ConnectionId(1);
pub const SINK: ConnectionId = ConnectionId(2);
const DATABASE: &str = "schakel";

/// The hub's clock, as the simulators see it.
#[derive(Clone)]
struct Shared(ManualClock);

impl SimClock for Shared {
    fn now_us(&self) -> i64 {
        self.0.now().as_micros()
    }
}

/// Reaches both simulators without a socket, and notes what the shop was asked.
struct Doors {
    shop: Router,
    account: Router,
    asked: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Http for Doors {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let (router, path) = match request.url.strip_prefix("https://shop.test") {
                Some(path) => {
                    *self.asked.lock().unwrap().entry(request.label).or_default() += 1;
                    (&self.shop, path.to_owned())
                }
                None => (
                    &self.account,
                    request.url.trim_start_matches("https://account.test").to_owned(),
                ),
            };
            let mut call = axum::http::Request::builder()
                .method(request.method.as_str())
                .uri(path);
            for (name, value) in &request.headers {
                call = call.header(*name, value);
            }
            let call = call.body(Body::from(request.body)).unwrap();
            let lost = |_| HttpError::Lost("cut off".to_owned());
            let answer = router
                .clone()
                .oneshot(call)
                .await
                .map_err(|never| match never {})?;
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, usize::MAX).await.map_err(lost)?;
            let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
            let headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)));
            Ok(Response {
                status: head.status.as_u16(),
                headers: headers.collect(),
                body,
            })
        })
    }
}

/// How a world is to be.
pub struct Setting {
    /// Limits of the shop per five minutes, hour and day; the hub knows the same.
    pub limits: [u32; 3],
    /// Limit per second.
    pub per_second: u32,
    /// What is walked by itself.
    pub walks: WalkSettings,
    /// Whether customer groups are wanted.
    pub has_groups: bool,
    /// Most calls for rows at once.
    pub fetches: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            limits: [100_000, 1_000_000, 10_000_000],
            per_second: 100_000,
            walks: WalkSettings::OFF,
            has_groups: false,
            fetches: 8,
        }
    }
}

/// The hub, the shop and the account.
pub struct Past {
    pub hub: Arc<Hub>,
    pub clock: ManualClock,
    pub shop: Simulator,
    pub account: account::Simulator,
    asked: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    walking: walk::Loop,
    fetching: fetch::Loop,
    delivery: Loop,
    setting: Setting,
    starts: u16,
    folder: schakel_testkit::TempDir,
}

impl Past {
    /// Opens a hub of a new shop, on an empty database.
    pub async fn open(setting: Setting) -> Self {
        let clock = ManualClock::at(Timestamp::parse_rfc3339("2026-05-12T13:00:00+02:00").unwrap());
        let shared = Arc::new(Shared(clock.clone()));
        let options = shop::Options {
            limits: setting.limits,
            per_second: setting.per_second,
            ..shop::Options::default()
        };
        let shop = Simulator::new(options, shared.clone(), Seed::new(7));
        let account = account::Simulator::new(account::Options::default(), shared, 7);
        let folder = schakel_testkit::tempdir();
        Self::start((setting, 1), folder, clock, shop, account).await
    }

    /// Kills the hub wherever it is, and starts it again on the same database.
    pub async fn restarted(self) -> Self {
        let Self {
            hub,
            clock,
            shop,
            account,
            setting,
            starts,
            folder,
            ..
        } = self;
        drop((self.walking, self.fetching, self.delivery));
        hub.store.close().await;
        Self::start((setting, starts + 1), folder, clock, shop, account).await
    }

    async fn start(
        (setting, starts): (Setting, u16),
        folder: schakel_testkit::TempDir,
        clock: ManualClock,
        shop: Simulator,
        account: account::Simulator,
    ) -> Self {
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let doors: Arc<dyn Http> = Arc::new(Doors {
            shop: shop.router(),
            account: account.router(),
            asked: asked.clone(),
        });
        let url = folder.path().join("hub.db").display().to_string();
        let store = Store::open(&url, OpenOptions::default()).await.unwrap();
        let hub = Arc::new(hub(&setting, starts, store, &clock, doors));
        let sink = &hub.sinks[&SINK];
        sink.sink.setup(&sink.cx).await.unwrap();
        sink.sink.connect(&sink.cx).await.unwrap();
        hub.store
            .recover_fetches(TENANT, SOURCE, &hub.worker)
            .await
            .unwrap();
        let delivery = Loop::new(hub.clone(), SINK, Gauge::default());
        delivery.recover(true).await.unwrap();
        Self {
            walking: walk::Loop::new(hub.clone(), SOURCE),
            fetching: fetch::Loop::new(hub.clone(), SOURCE),
            delivery,
            hub,
            clock,
            shop,
            account,
            asked,
            setting,
            starts,
            folder,
        }
    }

    /// Begins a history of everything that the route wants.
    pub async fn begin(&self, job: Job, parts: &[Part]) {
        let now = self.clock.now();
        let walks: Vec<Walk> = parts
            .iter()
            .map(|part| Walk::new(SOURCE, job, *part, Span::default(), now))
            .collect();
        self.hub.store.begin_walks(TENANT, &walks).await.unwrap();
    }

    /// The parts of this world's route.
    pub fn parts(&self) -> Vec<Part> {
        walk::parts_of(&self.hub, &self.hub.sources[&SOURCE])
    }

    /// Runs every stage once; returns how long nothing can happen, in microseconds, 0 while something can.
    pub async fn step(&mut self) -> i64 {
        let mut is_busy = apply::step(&self.hub, Fence::Alone).await.unwrap().events > 0;
        is_busy |= self.fetching.step().await.unwrap() > 0;
        is_busy |= self.delivery.step().await.unwrap();
        if self.delivery.in_flight() > 0 {
            self.delivery.until_answer().await;
            is_busy = true;
        }
        let wait_us = match self.walking.step().await.unwrap() {
            Stepped::Went => 0,
            Stepped::Idle(us) | Stepped::Waits(us) => us,
        };
        if is_busy { 0 } else { wait_us.max(1_000) }
    }

    /// Runs until no walk is open and all is delivered; moves the clock over every wait. At most `steps` steps.
    pub async fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            let wait_us = self.step().await;
            if wait_us == 0 {
                continue;
            }
            if self.is_idle().await {
                return;
            }
            self.clock.advance_ms(wait_us.min(5_000_000) / 1_000 + 1);
        }
        let walks: Vec<String> = self
            .walks()
            .await
            .iter()
            .map(|walk| format!("{walk:?}"))
            .collect();
        panic!("it does not end: {}", walks.join("\n"));
    }

    async fn is_idle(&self) -> bool {
        let store = &self.hub.store;
        let open = self.walks().await.iter().any(Walk::is_open);
        let deliveries = store.delivery_counts(TENANT).await.unwrap();
        let owed = deliveries
            .iter()
            .any(|count| !matches!(count.state.as_str(), "clean" | "dead"));
        !open && !owed && store.fetch_count(TENANT).await.unwrap() == 0
    }

    /// Gives the walks.
    pub async fn walks(&self) -> Vec<Walk> {
        self.hub.store.walks(TENANT, None).await.unwrap()
    }

    /// Gives one walk.
    pub async fn walk(&self, job: Job, part: Part) -> Walk {
        let mut walks = self.walks().await.into_iter();
        walks.find(|walk| walk.job == job && walk.part == part).unwrap()
    }

    /// Fails unless every walk came to its end.
    pub async fn assert_all_done(&self) {
        for walk in self.walks().await {
            assert_eq!(walk.state, WalkState::Done, "{walk:#?}");
        }
    }

    /// How often the shop was asked, by label, since the start.
    pub fn asked(&self) -> BTreeMap<&'static str, u64> {
        self.asked.lock().unwrap().clone()
    }

    /// How often the shop was asked in all.
    pub fn calls(&self) -> u64 {
        self.asked().values().sum()
    }

    /// What one column of a collection holds, sorted; `profile` for the profiles themselves.
    pub fn column(&self, collection: &str, field: &str) -> Vec<String> {
        let mut values = Vec::new();
        if collection == "profile" {
            self.account.for_each_profile(DATABASE, |view| {
                values.push(view.get(field).unwrap().into_owned())
            });
        } else {
            self.account.for_each_subprofile(collection, |view| {
                values.push(view.get(field).unwrap().into_owned())
            });
        }
        values.sort();
        values
    }
}

fn hub(setting: &Setting, starts: u16, store: Store, clock: &ManualClock, doors: Arc<dyn Http>) -> Hub {
    let preset = Arc::new(Preset::bookerz());
    let known = shop::Options::default();
    let (key, secret) = (Secret::new(known.api_key), Secret::new(known.api_secret));
    let shop_id = i64::try_from(known.shop_id).unwrap();
    let mut settings = lightspeed::Settings::new(shop_id, key, secret);
    settings.base_url = "https://shop.test/".to_owned();
    let sink_settings: copernica::Settings = serde_json::from_value(serde_json::json!({
        "base_url": "https://account.test", "auth_url": "https://account.test/authenticate",
        "access_token": "sandbox-token", "database": DATABASE,
    }))
    .unwrap();
    let sink: Arc<dyn Sink> = Arc::new(copernica::Copernica::new(sink_settings, preset.clone()));
    let owner = Owner {
        tenant: TENANT,
        connection: SOURCE,
        worker: "worker-1".to_owned(),
        is_alone: true,
    };
    let meter = KeyLimits {
        windows: Some(setting.limits),
        per_second: setting.per_second,
        ..KeyLimits::default()
    };
    let ledger = Arc::new(Ledger::new(
        store.clone(),
        owner,
        Arc::new(clock.clone()),
        Arc::new(meter),
    ));
    let metered: Arc<dyn Http> = Arc::new(BudgetDoor::new(doors.clone(), ledger.clone()));
    let source = SourceConnection {
        id: SOURCE,
        name: "shop".to_owned(),
        source: Arc::new(Lightspeed::new(settings)),
        cx: Cx::new(metered, Arc::new(clock.clone())),
        scope: 1,
        fetches: setting.fetches,
        walks: setting.walks,
        hook_address: HookAddress::default(),
        ledger,
    };
    let sink = SinkConnection {
        id: SINK,
        name: "copernica".to_owned(),
        sink,
        cx: Cx::new(doors, Arc::new(clock.clone())),
        settle_ms: 30_000,
        attempt_ms: 20_000,
        concurrency: 8,
    };
    let route = Route {
        source: SOURCE,
        sink: SINK,
        preset,
        shop_id,
        is_unconfirmed_enough: false,
        has_quotes: true,
        has_quote_rows: false,
        carts: CartRule::default(),
        has_groups: setting.has_groups,
        zone: Zone::amsterdam(),
        hold_ms: 30_000,
    };
    Hub {
        store,
        tenant: TENANT,
        sources: BTreeMap::from([(SOURCE, source)]),
        sinks: BTreeMap::from([(SINK, sink)]),
        routes: vec![route],
        blocked: BlockList::standard(),
        hub_key: [7; 32],
        clock: Arc::new(clock.clone()),
        dice: Arc::new(Dice::seeded(11)),
        ids: Arc::new(IdMaker::new(starts)),
        worker: format!("worker-{starts}"),
        wake: Wake::default(),
    }
}
