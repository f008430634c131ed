//! A hub beside a whole simulated shop with a past, both on one manual clock, and a simulated account; no sockets.

mod hooks;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use schakel_connectors::copernica;
use schakel_connectors::lightspeed::{self, KeyLimits, Lightspeed};
use schakel_core::connector::{Class, Cx, Http, Part, Span};
use schakel_core::id::{ConnectionId, IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::preset::Preset;
use schakel_core::privacy::Secret;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::{Clock, ManualClock, Timestamp, Zone};
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::apply::{self, Fence};
use schakel_engine::budget::{BudgetDoor, Ledger, Owner};
use schakel_engine::clock::Dice;
use schakel_engine::deliver::guard::Looks;
use schakel_engine::deliver::{Gauge, Loop};
use schakel_engine::fetch;
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::health::Health;
use schakel_engine::hub::{
    CartRule, HookAddress, Hub, Prepared, Route, SinkConnection, SourceConnection, Wake, WalkSettings,
};
use schakel_engine::intake;
use schakel_engine::walk::{self, Stepped};
use schakel_engine::watch::Watch;
use schakel_sandbox::copernica as account;
use schakel_sandbox::door::{Seed, SimClock};
use schakel_sandbox::lightspeed::{self as shop, Simulator};
use schakel_store::{FetchRow, OpenOptions, Store};
use tokio::task::JoinSet;
use tower::ServiceExt;

use self::hooks::{Hooks, Told, receiver};
use super::doors::{Doors, Line};

pub const TENANT: TenantId = TenantId(1);
pub const SOURCE: ConnectionId = ConnectionId(1);
pub const SINK: ConnectionId = ConnectionId(2);
pub const DATABASE: &str = "schakel";
/// The key and secret of `shop::Options::default`, as a header has them.
const CREDENTIALS: &str =
    "Basic NWIxZDBjN2U5ZjJhNDgzNmExYjJjM2Q0ZTVmNjA3MTg6OWU4ZDdjNmI1YTQ5MzgyNzE2MDVmNGUzZDJjMWIwYTk=";
/// Where the shop sends its webhooks.
const ADDRESS: &str = "https://hub.test/hooks/1";

/// The hub's clock, as the simulators see it.
#[derive(Clone)]
struct Shared(ManualClock);

impl SimClock for Shared {
    fn now_us(&self) -> i64 {
        self.0.now().as_micros()
    }
}

/// The hub's clock: what the shop's shows, but its wall part can be set wrong.
#[derive(Clone)]
struct Own(ManualClock, Arc<AtomicI64>);

impl Clock for Own {
    fn now(&self) -> Timestamp {
        self.0.now().plus_ms(self.1.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> i64 {
        self.0.monotonic_us()
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
    /// Whether webhooks are registered at the first start.
    pub has_hooks: bool,
    /// How the shop reads times in filters.
    pub is_filter_time_utc: bool,
    /// Whether customer groups are wanted.
    pub has_groups: bool,
    /// Whether carts are.
    pub has_quotes: bool,
    /// Whether their rows are.
    pub has_quote_rows: bool,
    /// Whether pictures are.
    pub has_pictures: bool,
    /// Most calls for rows at once.
    pub fetches: usize,
    /// Whether anything is delivered.
    pub has_sink: bool,
    /// Whether the shop showed who it is before the hub starts.
    pub is_admitted: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            limits: [100_000, 1_000_000, 10_000_000],
            per_second: 100_000,
            walks: WalkSettings::OFF,
            has_hooks: false,
            is_filter_time_utc: false,
            has_groups: false,
            has_quotes: true,
            has_quote_rows: false,
            has_pictures: true,
            fetches: 8,
            has_sink: true,
            is_admitted: true,
        }
    }
}

/// The hub, the shop and the account.
pub struct Past {
    pub hub: Arc<Hub>,
    pub clock: ManualClock,
    pub shop: Simulator,
    pub account: account::Simulator,
    line: Line,
    pub watching: Watch,
    wrong_ms: Arc<AtomicI64>,
    hooks: Hooks,
    told: Told,
    _intake: JoinSet<()>,
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
            is_filter_time_utc: setting.is_filter_time_utc,
            products: 20,
            ..shop::Options::default()
        };
        let shop = Simulator::new(options, shared.clone(), Seed::new(7));
        let account = account::Simulator::new(account::Options::default(), shared, 7);
        let folder = schakel_testkit::tempdir();
        let hooks = Hooks::default();
        let told = Told::default();
        shop.deliver_in_process(receiver(&hooks, &told, &clock));
        let world = Self::start(
            (setting, 1),
            folder,
            (clock, Arc::default(), hooks, Line::default(), told),
            shop,
            account,
        )
        .await;
        if world.setting.has_hooks {
            let source = &world.hub.sources[&SOURCE];
            source.source.register(&source.cx, ADDRESS).await.unwrap();
        }
        world
    }

    /// Kills the hub wherever it is, and starts it again on the same database.
    pub async fn restarted(self) -> Self {
        self.restarted_after(|_| {}).await
    }

    /// Kills the hub wherever it is, does something to its database file, and starts it again.
    pub async fn restarted_after(self, harm: impl FnOnce(&mut Vec<u8>)) -> Self {
        let Self {
            hub,
            clock,
            shop,
            account,
            setting,
            starts,
            folder,
            wrong_ms,
            hooks,
            line,
            told,
            ..
        } = self;
        drop((
            self.walking,
            self.watching,
            self.fetching,
            self.delivery,
            self._intake,
        ));
        *hooks.lock().unwrap() = None;
        hub.store.close().await;
        let file = folder.path().join("hub.db");
        let mut bytes = std::fs::read(&file).unwrap();
        harm(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        Self::start(
            (setting, starts + 1),
            folder,
            (clock, wrong_ms, hooks, line, told),
            shop,
            account,
        )
        .await
    }

    async fn start(
        (setting, starts): (Setting, u16),
        folder: schakel_testkit::TempDir,
        (clock, wrong_ms, hooks, line, told): (ManualClock, Arc<AtomicI64>, Hooks, Line, Told),
        shop: Simulator,
        account: account::Simulator,
    ) -> Self {
        let doors: Arc<dyn Http> = Arc::new(Doors {
            shop: shop.router(),
            account: account.router(),
            line: line.clone(),
        });
        let url = folder.path().join("hub.db").display().to_string();
        let store = Store::open(&url, OpenOptions::default()).await.unwrap();
        let own = Own(clock.clone(), wrong_ms.clone());
        let hub = Arc::new(hub(&setting, starts, store, &own, doors));
        let (entrance, writer) = intake::open(&hub);
        *hooks.lock().unwrap() = Some(entrance);
        let mut intake = JoinSet::new();
        intake.spawn(writer.run());
        if let Some(sink) = hub.sinks.get(&SINK) {
            sink.sink.setup(&sink.cx).await.unwrap();
            sink.sink.connect(&sink.cx).await.unwrap();
        }
        hub.store
            .recover_fetches(TENANT, SOURCE, &hub.worker)
            .await
            .unwrap();
        let delivery = Loop::new(hub.clone(), SINK, Gauge::default());
        delivery.recover(true).await.unwrap();
        Self {
            watching: Watch::new(hub.clone(), SOURCE),
            wrong_ms,
            hooks,
            told,
            _intake: intake,
            walking: walk::Loop::new(hub.clone(), SOURCE),
            fetching: fetch::Loop::new(hub.clone(), SOURCE),
            delivery,
            hub,
            clock,
            shop,
            account,
            line,
            setting,
            starts,
            folder,
        }
    }

    /// Begins a history of everything that the route wants.
    pub async fn begin(&self, job: Job, parts: &[Part]) {
        self.begin_span(job, parts, Span::default()).await;
    }

    /// Begins walks over a part of the lists.
    pub async fn begin_span(&self, job: Job, parts: &[Part], span: Span) {
        let now = self.hub.clock.now();
        let walks: Vec<Walk> = parts
            .iter()
            .map(|part| Walk::new(SOURCE, job, *part, span, now))
            .collect();
        self.hub.store.begin_walks(TENANT, &walks).await.unwrap();
    }

    /// Changes walks that are in the state `from`, as a person does; returns how many.
    pub async fn set(&self, job: Job, parts: &[Part], from: WalkState, to: WalkState) -> u64 {
        let store = &self.hub.store;
        store
            .set_walks(TENANT, SOURCE, job, parts, (&[from], to))
            .await
            .unwrap()
    }

    /// Resumes walks that stopped.
    pub async fn resume(&self, job: Job, parts: &[Part]) {
        self.set(job, parts, WalkState::Stopped, WalkState::Waiting).await;
    }

    /// The parts of this world's route.
    pub fn parts(&self) -> Vec<Part> {
        self.hub.parts_of(&self.hub.sources[&SOURCE])
    }

    /// Runs every stage once; returns how long nothing can happen, in microseconds, 0 while something can.
    pub async fn step(&mut self) -> i64 {
        self.shop.deliver_due().await;
        let mut is_busy = apply::step(&self.hub, Fence::Alone).await.unwrap().events > 0;
        is_busy |= self.fetching.step().await.unwrap() > 0;
        self.fetching.end().await.unwrap();
        is_busy |= self.delivery.step().await.unwrap();
        if self.delivery.in_flight() > 0 {
            self.delivery.until_answer().await;
            is_busy = true;
        }
        let wait_us = match self.walking.step().await.unwrap() {
            Stepped::Went => 0,
            Stepped::Idle(us) | Stepped::Waits(us) => us.max(1_000),
        };
        if is_busy { 0 } else { wait_us }
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
            self.wait(wait_us);
        }
        let walks: Vec<String> = self
            .walks()
            .await
            .iter()
            .map(|walk| format!("{walk:?}"))
            .collect();
        panic!("it does not end: {}", walks.join("\n"));
    }

    /// Moves the clock over a wait, or the first five seconds of it.
    pub fn wait(&self, wait_us: i64) {
        self.clock.advance_ms(wait_us.min(5_000_000) / 1_000 + 1);
    }

    /// Runs for so many minutes of the clock, every stage and the watch once in each half minute and whenever there is
    /// something to do.
    pub async fn pass(&mut self, minutes: i64) {
        let end = self.clock.now().plus_ms(minutes * 60_000);
        while self.clock.now() < end {
            while self.step().await == 0 {}
            self.watching.step().await.unwrap();
            self.clock.advance_ms(30_000);
        }
        while self.step().await == 0 {}
    }

    /// Asks for one order, as a hint does.
    pub async fn want_order(&self, id: u64) {
        self.want(RecordKind::Order, id).await;
    }

    /// Asks for one thing, as a hint does.
    pub async fn want(&self, kind: RecordKind, id: u64) {
        let wish = FetchRow {
            class: Class::Live,
            key: RecordKey::new(SOURCE, kind, i64::try_from(id).unwrap()),
            reason: "hint".to_owned(),
            due_at: self.clock.now(),
            attempts: 0,
            wanted: 0,
        };
        let mut tx = self.hub.store.write().await.unwrap();
        tx.want_fetches(TENANT, &[wish]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Sets the wall part of the hub's clock wrong by so many hours.
    pub fn set_wrong(&self, hours: i64) {
        self.wrong_ms.store(hours * 3_600_000, Ordering::SeqCst);
    }

    /// Calls the shop as somebody else with the same key; gives the status and the body.
    pub async fn shop_call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let call = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", CREDENTIALS)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.shop.router().oneshot(call).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Runs until the walk is no longer open, or shows `note`; moves the clock over every wait.
    pub async fn run_until(&mut self, (job, part): (Job, Part), note: &str) -> Walk {
        for _ in 0..20_000 {
            let wait_us = self.step().await;
            let walk = self.walk(job, part).await;
            if !walk.is_open() || walk.note.contains(note) {
                return walk;
            }
            if wait_us > 0 {
                self.wait(wait_us);
            }
        }
        panic!("it does not end: {:?}", self.walk(job, part).await);
    }

    async fn is_idle(&self) -> bool {
        let store = &self.hub.store;
        let open = self.walks().await.iter().any(Walk::is_open);
        let deliveries = store.delivery_counts(TENANT).await.unwrap();
        let owed = deliveries
            .iter()
            .any(|count| !matches!(count.state.as_str(), "clean" | "dead"));
        let underway = self.setting.has_hooks && self.shop.webhook_counts().pending > 0;
        !open && !owed && !underway && store.fetch_count(TENANT).await.unwrap() == 0
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

    /// How often the shop was asked, by label, since the first start.
    pub fn asked(&self) -> BTreeMap<&'static str, u64> {
        self.line.asked()
    }

    /// Has the next so many calls of the hub whose path contains `path` answered so, in the place of the shop.
    pub fn answer(&self, path: &str, times: u32, answer: (u16, &str)) {
        self.line.answer(path, times, answer);
    }

    /// How many versions of things called `name` webhooks told of, and forgets them.
    pub fn told(&self, name: &str) -> usize {
        let mut told = self.told.lock().unwrap();
        let before = told.len();
        told.retain(|(of, ..), _| of != name);
        before - told.len()
    }

    /// How many deletions webhooks told of, and forgets them.
    pub fn told_deleted(&self) -> usize {
        self.told(hooks::DELETED)
    }

    /// Of how many things called `name` webhooks said different things of one second.
    pub fn told_twice(&self, name: &str) -> u64 {
        let told = self.told.lock().unwrap();
        let twice = told
            .iter()
            .filter(|((of, ..), said)| of == name && said.len() > 1);
        twice.count() as u64
    }

    /// How often the shop was asked in all.
    pub fn calls(&self) -> u64 {
        self.asked().values().sum()
    }
}

fn hub(setting: &Setting, starts: u16, store: Store, clock: &Own, doors: Arc<dyn Http>) -> Hub {
    let mut preset = Preset::bookerz();
    if setting.has_quote_rows {
        preset = preset.with_quote_rows().unwrap();
    }
    let preset = Arc::new(preset);
    let source = source(setting, &store, clock, doors.clone());
    let route = Route {
        source: SOURCE,
        sink: SINK,
        preset: preset.clone(),
        shop_id: source.source.shop_id(),
        is_unconfirmed_enough: false,
        has_pictures: setting.has_pictures,
        has_quotes: setting.has_quotes,
        has_quote_rows: setting.has_quote_rows,
        carts: CartRule::default(),
        has_groups: setting.has_groups,
        zone: Zone::amsterdam(),
        hold_ms: 30_000,
    };
    Hub {
        store,
        tenant: TENANT,
        sources: BTreeMap::from([(SOURCE, source)]),
        sinks: BTreeMap::from_iter(setting.has_sink.then(|| (SINK, sink(preset, clock, doors)))),
        routes: setting.has_sink.then_some(route).into_iter().collect(),
        blocked: BlockList::standard(),
        hub_key: [7; 32],
        clock: Arc::new(clock.clone()),
        dice: Arc::new(Dice::seeded(11)),
        ids: Arc::new(IdMaker::new(starts)),
        worker: format!("worker-{starts}"),
        looks: Looks::default(),
        wake: Wake::default(),
        health: Health::default(),
    }
}

fn source(setting: &Setting, store: &Store, clock: &Own, doors: Arc<dyn Http>) -> SourceConnection {
    let known = shop::Options::default();
    let (key, secret) = (Secret::new(known.api_key), Secret::new(known.api_secret));
    let shop_id = i64::try_from(known.shop_id).unwrap();
    let mut settings = lightspeed::Settings::new(shop_id, key, secret);
    settings.base_url = "https://shop.test/".to_owned();
    let owner = Owner {
        tenant: TENANT,
        connection: SOURCE,
        worker: "worker-1".to_owned(),
        is_alone: true,
    };
    let meter = Arc::new(KeyLimits {
        windows: Some(setting.limits),
        per_second: setting.per_second,
        ..KeyLimits::default()
    });
    let own: Arc<dyn Clock> = Arc::new(clock.clone());
    let ledger = Arc::new(Ledger::new(store.clone(), owner, own.clone(), meter));
    let hook_address = HookAddress::default();
    hook_address.set(setting.has_hooks.then(|| ADDRESS.to_owned()));
    SourceConnection {
        id: SOURCE,
        name: "shop".to_owned(),
        source: Arc::new(Lightspeed::new(settings)),
        cx: Cx::new(Arc::new(BudgetDoor::new(doors, ledger.clone())), own),
        scope: 1,
        fetches: setting.fetches,
        walks: setting.walks,
        hook_address,
        ledger,
        admission: if setting.is_admitted {
            Admission::shown()
        } else {
            Admission::default()
        },
    }
}

fn sink(preset: Arc<Preset>, clock: &Own, doors: Arc<dyn Http>) -> SinkConnection {
    let settings: copernica::Settings = serde_json::from_value(serde_json::json!({
        "base_url": "https://account.test", "auth_url": "https://account.test/authenticate",
        "access_token": "sandbox-token", "database": DATABASE,
    }))
    .unwrap();
    SinkConnection {
        id: SINK,
        name: "copernica".to_owned(),
        sink: Arc::new(copernica::Copernica::new(settings, preset)),
        cx: Cx::new(doors, Arc::new(clock.clone())),
        settle_ms: 30_000,
        attempt_ms: 20_000,
        concurrency: 8,
        prepared: Prepared::default(),
    }
}
