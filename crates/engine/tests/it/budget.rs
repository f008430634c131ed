//! The ledger of calls and its door, on a real store: what is written down before a call, what restarts, other
//! workers, clocks and answers may do to it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::budget::Reserves;
use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Meter, Method, Request, Response};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::{Clock, Timestamp};
use schakel_engine::budget::{BudgetDoor, Ledger, Owner, stored};
use schakel_store::{OpenOptions, Store};
use schakel_testkit::TempDir;

mod ages;
mod guests;
mod lone;

const TENANT: TenantId = TenantId(1);
const SHOP: ConnectionId = ConnectionId(7);
const DAY_S: i64 = 86_400;
/// W + D of the shortest window, in seconds.
const SPAN_S: i64 = 335;

/// A clock whose wall may jump while its other hand goes on.
#[derive(Clone, Default)]
struct Hands {
    wall: Arc<AtomicI64>,
    steady: Arc<AtomicI64>,
}

impl Hands {
    fn at(wall_s: i64, steady_s: i64) -> Self {
        let hands = Self::default();
        hands.wall.store(wall_s * 1_000_000, Ordering::SeqCst);
        hands.steady.store(steady_s * 1_000_000, Ordering::SeqCst);
        hands
    }

    fn pass(&self, seconds: i64) {
        self.jump(seconds);
        self.steady.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    fn jump(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> i64 {
        self.steady.load(Ordering::SeqCst)
    }
}

/// A shop that notes when it is called, by a clock of its own.
#[derive(Default)]
struct Shop {
    clock: Hands,
    starts: Mutex<Vec<i64>>,
    answers: Mutex<VecDeque<Response>>,
    /// The store in which every call must be written down when it arrives.
    audited: Option<Store>,
}

impl Shop {
    fn answer(&self, status: u16, headers: &[(&str, &str)]) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.answers.lock().unwrap().push_back(Response {
            status,
            headers: headers.collect(),
            body: Bytes::new(),
        });
    }

    fn calls(&self) -> usize {
        self.starts.lock().unwrap().len()
    }

    /// The most calls in any interval of `seconds`.
    fn most_in(&self, seconds: i64) -> usize {
        let starts = self.starts.lock().unwrap();
        let within = |from: &i64| {
            let is_in = |at: &&i64| (*from..from + seconds * 1_000_000).contains(*at);
            starts.iter().filter(is_in).count()
        };
        starts.iter().map(within).max().unwrap_or(0)
    }
}

impl Http for Shop {
    fn send(&self, _request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            self.starts.lock().unwrap().push(self.clock.monotonic_us());
            if let Some(store) = &self.audited {
                let spent = written_down(store).await;
                assert!(spent >= self.calls(), "{spent} of {} calls", self.calls());
            }
            let plain = Response {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
            };
            Ok(self.answers.lock().unwrap().pop_front().unwrap_or(plain))
        })
    }
}

/// The calls that the store knows of, at the age at which they were written.
async fn written_down(store: &Store) -> usize {
    let row = store.budget(TENANT, SHOP).await.unwrap().unwrap();
    let limits = plan().limits();
    let held = stored(store, TENANT, SHOP, &limits, row.saved_at).await;
    let usage = held.unwrap().unwrap().usage;
    usage.windows[0].spent.iter().map(|calls| *calls as usize).sum()
}

/// The smallest plan, without a limit per second that counts.
fn plan() -> KeyLimits {
    KeyLimits {
        windows: Some([300, 3_000, 12_000]),
        per_second: 10_000,
        reserves: Reserves::default(),
    }
}

/// One process that calls the shop.
struct Node {
    clock: Hands,
    ledger: Arc<Ledger>,
    door: BudgetDoor,
}

impl Node {
    fn new(store: &Store, shop: &Arc<Shop>, clock: &Hands, meter: KeyLimits) -> Self {
        Self::one_of(store, shop, clock, meter, None)
    }

    /// One of several workers when it has a name.
    fn one_of(store: &Store, shop: &Arc<Shop>, clock: &Hands, meter: KeyLimits, name: Option<&str>) -> Self {
        let owner = Owner {
            tenant: TENANT,
            connection: SHOP,
            worker: name.unwrap_or_default().to_owned(),
            is_alone: name.is_none(),
        };
        let ledger = Ledger::new(store.clone(), owner, Arc::new(clock.clone()), Arc::new(meter));
        let ledger = Arc::new(ledger);
        Self {
            clock: clock.clone(),
            door: BudgetDoor::new(shop.clone(), ledger.clone()),
            ledger,
        }
    }

    /// Makes a call; gives the wait in milliseconds when there is no room.
    async fn call(&self, class: Class) -> Result<u16, i64> {
        call(&self.door, class).await
    }

    async fn calls(&self, class: Class, times: usize) {
        for _ in 0..times {
            assert_eq!(self.call(class).await, Ok(200));
        }
    }

    /// Calls until there is no room; how often, and the wait in milliseconds.
    async fn drain(&self, class: Class) -> (usize, i64) {
        let mut calls = 0;
        loop {
            match self.call(class).await {
                Ok(_) => calls += 1,
                Err(wait_ms) => return (calls, wait_ms),
            }
        }
    }
}

fn request(class: Class) -> Request {
    Request {
        method: Method::Get,
        url: "https://shop.test/orders.json".to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout_ms: 30_000,
        class,
        label: "GET orders",
    }
}

/// Makes a call through a door; gives the wait in milliseconds when there is no room.
async fn call(door: &impl Http, class: Class) -> Result<u16, i64> {
    match door.send(request(class)).await {
        Ok(response) => Ok(response.status),
        Err(HttpError::Spent { retry_after_ms }) => Err(retry_after_ms),
        Err(error) => panic!("{error}"),
    }
}

async fn lite() -> (Store, TempDir) {
    let folder = schakel_testkit::tempdir();
    let url = format!("sqlite://{}", folder.path().join("hub.db").display());
    (Store::open(&url, OpenOptions::default()).await.unwrap(), folder)
}

#[tokio::test]
async fn every_call_is_written_down_before_it_is_made() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop {
        audited: Some(store.clone()),
        ..Shop::default()
    });
    let node = Node::new(&store, &shop, &Hands::at(1_000_000, 0), plan());
    let (backfill, _) = node.drain(Class::Backfill).await;
    let (live, wait_ms) = node.drain(Class::Live).await;
    assert_eq!((backfill, live), (210, 60));
    assert_eq!((shop.calls(), wait_ms), (270, SPAN_S * 1_000 + 1));
    store.close().await;
}

#[tokio::test]
async fn what_was_written_down_before_a_kill_counts_as_spent() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let clock = Hands::at(1_000_000, 50);
    let killed = Node::new(&store, &shop, &clock, plan());
    killed.calls(Class::Live, 7).await;
    drop(killed);
    // Its blocks are of five; the second of them was begun.
    let clock = Hands::at(1_000_000, 0);
    let node = Node::new(&store, &shop, &clock, plan());
    assert!(node.ledger.hold().await.unwrap());
    assert_eq!(node.ledger.room(Class::Live), 270 - 10);
    clock.pass(SPAN_S);
    assert_eq!(node.ledger.room(Class::Live), 270);
    // One that ends in peace gives back what it did not use.
    node.calls(Class::Live, 2).await;
    node.ledger.release().await.unwrap();
    let next = Node::new(&store, &shop, &Hands::at(1_000_000, 0), plan());
    assert!(next.ledger.hold().await.unwrap());
    assert_eq!(next.ledger.room(Class::Live), 270 - 2);
    store.close().await;
}

#[tokio::test]
async fn a_wall_clock_that_jumps_a_day_makes_no_room_and_takes_none() {
    for jump in [DAY_S, -DAY_S] {
        let (store, _folder) = lite().await;
        let shop = Arc::new(Shop::default());
        let clock = Hands::at(20 * DAY_S, 1_000);
        let node = Node::new(&store, &shop, &clock, plan());
        assert_eq!(node.drain(Class::Live).await.0, 270);
        clock.jump(jump);
        assert_eq!(node.drain(Class::Live).await, (0, SPAN_S * 1_000 + 1));
        // It starts again: the other hand begins anew, too.
        let clock = Hands::at(20 * DAY_S + jump, 5);
        let node = Node::new(&store, &shop, &clock, plan());
        clock.pass(SPAN_S - 1);
        assert!(node.ledger.hold().await.unwrap());
        let (early, wait_ms) = node.drain(Class::Live).await;
        assert_eq!(early, 0, "read now, as old as it was when it was written");
        clock.jump(-jump);
        clock.pass(wait_ms / 1_000);
        assert_eq!(node.drain(Class::Live).await.0, 270);
        store.close().await;
    }
}

#[tokio::test]
async fn headers_lower_and_raise_the_limits() {
    for (limits, left, room) in [
        ("100/1000/4000", "99/999/3999", 89),
        ("600/6000/24000", "599/5999/23999", 539),
        // Others have spent more than is kept for them.
        ("300/3000/12000", "40/2740/11740", 40),
        // The hour is nearly over: it binds.
        ("300/3000/12000", "299/12/11999", 12),
    ] {
        let (store, _folder) = lite().await;
        let shop = Arc::new(Shop::default());
        let node = Node::new(&store, &shop, &Hands::at(DAY_S, 0), plan());
        shop.answer(
            200,
            &[
                ("x-ratelimit-limit", limits),
                ("x-ratelimit-remaining", left),
                ("x-ratelimit-reset", "200/2000/20000"),
            ],
        );
        node.calls(Class::Live, 1).await;
        assert_eq!(node.ledger.room(Class::Live), room, "{limits} {left}");
        assert_eq!(node.drain(Class::Live).await.0, room as usize);
        store.close().await;
    }
}

// The store went on showing the limits of before for as long as there was no room for a block.
#[tokio::test]
async fn limits_that_were_lowered_are_written_down_although_no_block_fits_into_them() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let clock = Hands::at(DAY_S, 0);
    let node = Node::new(&store, &shop, &clock, plan());
    let tells = |limits, left| {
        let reset = ("x-ratelimit-reset", "200/2000/20000");
        shop.answer(
            200,
            &[
                ("x-ratelimit-limit", limits),
                ("x-ratelimit-remaining", left),
                reset,
            ],
        );
    };
    let shown = async || {
        let held = stored(&store, TENANT, SHOP, &plan().limits(), clock.now()).await;
        let windows = held.unwrap().unwrap().usage.windows;
        [0, 1, 2].map(|at| (windows[at].limit, windows[at].left.unwrap()))
    };
    tells("600/20000/100000", "599/19999/99999");
    node.calls(Class::Backfill, 1).await;
    assert_eq!(shown().await[1].0, 20_000);
    tells("200/1000/3000", "150/10/900");
    node.calls(Class::Backfill, 1).await;
    assert!(node.call(Class::Backfill).await.is_err());
    let now = shown().await;
    assert_eq!(now.map(|(limit, _)| limit), [200, 1_000, 3_000]);
    assert!(now[1].1 <= 10, "{now:?}");
    // What others use beside the hub is known to whoever starts after it as well.
    tells("200/1000/3000", "140/2/800");
    node.calls(Class::Live, 1).await;
    let now = shown().await;
    assert!(now[1].1 <= 2, "{now:?}");
    drop(node);
    let again = Node::new(&store, &shop, &clock, plan());
    assert!(again.call(Class::Backfill).await.is_err());
    store.close().await;
}

#[tokio::test]
async fn a_429_stops_all_calls_for_as_long_as_it_asks_also_after_a_restart() {
    let told = [
        ("x-ratelimit-limit", "300/3000/12000"),
        ("x-ratelimit-remaining", "-1/2700/9800"),
        ("x-ratelimit-reset", "187/1987/23587"),
    ];
    let asked = [("retry-after", "7")];
    for (headers, seconds) in [(&asked[..], 7), (&told[..], 187), (&[][..], 60)] {
        let (store, _folder) = lite().await;
        let shop = Arc::new(Shop::default());
        let clock = Hands::at(DAY_S, 0);
        let node = Node::new(&store, &shop, &clock, plan());
        shop.answer(429, headers);
        assert_eq!(node.call(Class::Backfill).await, Ok(429));
        for class in Class::ALL {
            let wait_ms = node.call(class).await.unwrap_err();
            assert!(wait_ms >= seconds * 1_000, "{class:?} waits {wait_ms} ms");
        }
        let limits = plan().limits();
        let held = stored(&store, TENANT, SHOP, &limits, clock.now()).await;
        assert_eq!(held.unwrap().unwrap().usage.paused_us, seconds * 1_000_000);
        let clock = Hands::at(DAY_S, 0);
        let again = Node::new(&store, &shop, &clock, plan());
        assert!(again.call(Class::Live).await.is_err());
        clock.pass(seconds - 1);
        assert!(again.call(Class::Live).await.is_err());
        assert_eq!(shop.calls(), 1);
        // What was told of the window may be two seconds longer.
        clock.pass(3);
        assert_eq!(again.call(Class::Live).await, Ok(200));
        store.close().await;
    }
}

#[tokio::test]
async fn without_limits_calls_are_only_counted() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let none = KeyLimits {
        windows: None,
        ..plan()
    };
    let node = Node::new(&store, &shop, &Hands::at(DAY_S, 0), none);
    node.calls(Class::Backfill, 600).await;
    assert_eq!(node.ledger.room(Class::Backfill), u32::MAX);
    let counted = async || {
        let days = store.budget_days(TENANT, SHOP).await.unwrap();
        days.iter()
            .map(|day| day.calls[Class::Backfill.index()])
            .sum::<i64>()
    };
    assert_eq!(counted().await, 500, "they are written by the hundreds");
    node.ledger.release().await.unwrap();
    assert_eq!(counted().await, 600);
    store.close().await;
}

/// Two workers on one database, and the shop that both call.
struct Pair {
    shop: Arc<Shop>,
    first: Node,
    second: Node,
    stores: [Store; 2],
}

impl Pair {
    /// Runs a story on each database that is there. On SQLite both workers are in one process, as the loops of a hub are
    /// that was stopped and started again within it.
    async fn each(story: impl AsyncFn(&Self)) {
        let (store, _folder) = lite().await;
        Self::of([store.clone(), store]).play(&story).await;
        let Some(database) = schakel_testkit::postgres::fresh_database() else {
            return;
        };
        let open = || Store::open(database.url(), OpenOptions::default());
        let stores = [open().await.unwrap(), open().await.unwrap()];
        Self::of(stores).play(&story).await;
    }

    fn of(stores: [Store; 2]) -> Self {
        let shop = Arc::new(Shop::default());
        let node = |at: usize, name, steady_s| {
            let clock = Hands::at(DAY_S, steady_s);
            Node::one_of(&stores[at], &shop, &clock, plan(), Some(name))
        };
        let (first, second) = (node(0, "first", 9_000), node(1, "second", 3));
        Self {
            shop,
            first,
            second,
            stores,
        }
    }

    fn pass(&self, seconds: i64) {
        for clock in [&self.shop.clock, &self.first.clock, &self.second.clock] {
            clock.pass(seconds);
        }
    }

    async fn row(&self) -> String {
        let row = self.stores[0].budget(TENANT, SHOP).await.unwrap();
        row.unwrap().saved
    }

    /// # Panics
    /// When any window ever saw more than its limit without what is kept for others.
    async fn play(self, story: &impl AsyncFn(&Self)) {
        story(&self).await;
        assert!(self.shop.most_in(300) <= 270, "{}", self.shop.most_in(300));
        for store in self.stores {
            store.close().await;
        }
    }
}

#[tokio::test]
async fn the_next_owner_goes_on_when_the_lease_of_the_first_has_ended() {
    Pair::each(async |pair| {
        let (first, second) = (&pair.first, &pair.second);
        first.calls(Class::Live, 7).await;
        assert_eq!(second.call(Class::Live).await, Err(5_001), "another has it");
        assert_eq!(second.ledger.room(Class::Live), 0);
        // Renewed in time, it stays where it is.
        pair.pass(11);
        first.calls(Class::Live, 1).await;
        pair.pass(11);
        assert_eq!(second.call(Class::Live).await, Err(5_001));
        pair.pass(5);
        let (calls, _) = second.drain(Class::Live).await;
        assert!((255..=262).contains(&calls), "{calls}");
        assert_eq!(first.call(Class::Live).await, Err(5_001));
        // The second one dies; the first goes on, and no sooner than the calls of both allow.
        for _ in 0..40 {
            pair.pass(20);
            first.drain(Class::Backfill).await;
        }
        assert!(pair.shop.calls() > 8 + calls + 210);
    })
    .await;
}

#[tokio::test]
async fn a_former_owner_that_knows_of_nothing_writes_nothing_and_starts_only_what_is_written_down() {
    Pair::each(async |pair| {
        let (first, second) = (&pair.first, &pair.second);
        first.calls(Class::Live, 7).await;
        // The second one's wall clock is a day ahead, so that it takes what the first one still has.
        second.clock.jump(DAY_S);
        let (calls, _) = second.drain(Class::Live).await;
        let written = pair.row().await;
        let before = pair.shop.calls();
        let (rest, wait_ms) = first.drain(Class::Live).await;
        assert_eq!((rest, wait_ms), (3, 5_001), "the rest of its block");
        assert_eq!((calls, pair.shop.calls()), (260, before + 3));
        assert_eq!(pair.row().await, written);
        first.ledger.release().await.unwrap();
        assert_eq!(pair.row().await, written);
        assert_eq!(
            first.call(Class::Live).await,
            Err(5_001),
            "it gave back no lease of another"
        );
        for _ in 0..30 {
            pair.pass(14);
            second.drain(Class::Live).await;
            first.drain(Class::Live).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_owner_that_ends_in_peace_hands_over_at_once() {
    Pair::each(async |pair| {
        pair.first.calls(Class::Live, 7).await;
        pair.first.ledger.release().await.unwrap();
        assert_eq!(pair.second.drain(Class::Live).await.0, 270 - 7);
    })
    .await;
}
