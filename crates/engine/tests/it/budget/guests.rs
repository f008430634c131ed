//! Commands that call a shop beside its hub, or while none runs.

use std::sync::Arc;

use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::connector::{Class, Http, HttpError, Meter};
use schakel_core::time::Clock;
use schakel_engine::budget::{GuestDoor, stored};
use schakel_engine::clock::SystemClock;
use schakel_store::{OpenOptions, Store};

use super::{Hands, Node, SHOP, SPAN_S, Shop, TENANT, call, lite, plan, request};

/// A command beside the hub on the same store.
fn guest(store: &Store, shop: &Arc<Shop>, clock: impl Clock, meter: &KeyLimits) -> GuestDoor {
    GuestDoor::new(
        shop.clone(),
        store.clone(),
        (TENANT, SHOP),
        Arc::new(meter.clone()),
        Arc::new(clock),
    )
}

async fn calls(door: &GuestDoor, class: Class, times: usize) {
    for _ in 0..times {
        assert_eq!(call(door, class).await, Ok(200));
    }
}

#[tokio::test]
async fn commands_and_the_hub_share_one_budget() {
    let (store, _folder) = lite().await;
    let clock = Hands::at(1_000_000, 0);
    let shop = Arc::new(Shop {
        clock: clock.clone(),
        ..Shop::default()
    });
    let hub = Node::new(&store, &shop, &clock, plan());
    let command = guest(&store, &shop, clock.clone(), &plan());
    hub.calls(Class::Live, 3).await;
    command.ask_room(Class::Live, 25).await.unwrap();
    calls(&command, Class::Live, 25).await;
    let (rest, _) = hub.drain(Class::Live).await;
    // What the hub had reserved and used up meanwhile is all that either of them may be wrong about.
    assert_eq!(rest, 270 - 3 - 25);
    assert_eq!(shop.most_in(SPAN_S), 270);
    let Err(HttpError::Spent { retry_after_ms }) = command.ask_room(Class::Sweep, 20).await else {
        panic!("there is no room for a sweep");
    };
    assert!(
        (1..=SPAN_S * 1_000 + 1).contains(&retry_after_ms),
        "{retry_after_ms}"
    );
    assert!(call(&command, Class::Live).await.is_err());
    clock.pass(SPAN_S);
    command.ask_room(Class::Sweep, 20).await.unwrap();
    calls(&command, Class::Sweep, 20).await;
    hub.ledger.release().await.unwrap();
    let days = store.budget_days(TENANT, SHOP).await.unwrap();
    assert_eq!(days[0].calls, [270, 0, 20, 0]);
    store.close().await;
}

#[tokio::test]
async fn what_commands_spend_outlasts_a_kill_of_the_hub() {
    let (store, _folder) = lite().await;
    let clock = Hands::at(1_000_000, 0);
    let shop = Arc::new(Shop::default());
    let command = guest(&store, &shop, clock.clone(), &plan());
    calls(&command, Class::Live, 200).await;
    let held = stored(&store, TENANT, SHOP, &plan().limits(), clock.now()).await;
    assert_eq!(held.unwrap().unwrap().usage.windows[0].spent[0], 200);
    // Nobody counted them before the hub came, and it takes no block before it does.
    let hub = Node::new(&store, &shop, &clock, plan());
    assert_eq!(hub.drain(Class::Live).await.0, 70);
    drop(hub);
    assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), []);
    let again = Node::new(&store, &shop, &clock, plan());
    assert_eq!(again.drain(Class::Live).await.0, 0);
    store.close().await;
}

/// The smallest plan allows twenty a second: the questions of a plan spread over seconds instead of being refused, also
/// beside what a hub had reserved when it was killed.
#[tokio::test]
async fn many_questions_of_a_command_spread_over_seconds() {
    let (store, _folder) = lite().await;
    let clock = SystemClock::new();
    let hands = Hands::at(clock.now().as_micros() / 1_000_000, 0);
    let shop = Arc::new(Shop::default());
    let killed = Node::new(&store, &shop, &hands, KeyLimits::default());
    killed.calls(Class::Live, 1).await;
    drop(killed);
    let command = guest(&store, &shop, clock, &KeyLimits::default());
    command.ask_room(Class::Sweep, 13).await.unwrap();
    calls(&command, Class::Sweep, 13).await;
    let made = store.guests(TENANT, SHOP).await.unwrap();
    let at = |index: usize| made[index].at().as_micros();
    // Eleven of twenty: two are for other programs, two for live calls, five are reserved.
    let most = 11;
    assert!((most..made.len()).all(|last| at(last) - at(last - most) > 1_000_000));
    store.close().await;
}

// `schakel plan` before there is a database, and `schakel setup` in the same second: that failed.
#[tokio::test]
async fn a_refusal_of_a_moment_that_a_command_hears_is_waited_out_and_a_long_one_is_told() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let command = guest(&store, &shop, SystemClock::new(), &plan());
    shop.answer(429, &[("retry-after", "1")]);
    assert_eq!(call(&command, Class::Live).await, Ok(200));
    assert_eq!(shop.calls(), 2);
    assert_eq!(
        store.guests(TENANT, SHOP).await.unwrap().len(),
        3,
        "both calls are counted, and what the first heard"
    );
    shop.answer(429, &[("retry-after", "70")]);
    assert_eq!(call(&command, Class::Live).await, Ok(429));
    store.close().await;
}

/// Plays a story on each database that is there: with the store of the hub, that of commands, and the only clock.
async fn each(story: impl AsyncFn(&Store, &Store, &Hands)) {
    let (store, _folder) = lite().await;
    story(&store, &store, &Hands::at(1_000_000, 500)).await;
    store.close().await;
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let open = async || Store::open(database.url(), OpenOptions::default()).await.unwrap();
    let stores = [open().await, open().await];
    story(&stores[0], &stores[1], &Hands::at(1_000_000, 500)).await;
    for store in stores {
        store.close().await;
    }
}

const ASKED: [(&str, &str); 1] = [("retry-after", "70")];

#[tokio::test]
async fn a_429_that_a_command_hears_stops_the_hub_before_its_next_block() {
    each(async |hub_store, store, clock| {
        let shop = Arc::new(Shop::default());
        let hub = Node::new(hub_store, &shop, clock, plan());
        hub.calls(Class::Live, 3).await;
        let command = guest(store, &shop, clock.clone(), &plan());
        shop.answer(429, &ASKED);
        assert_eq!(call(&command, Class::Live).await, Ok(429));
        assert_eq!(call(&command, Class::Live).await, Err(70_001));
        let other = guest(store, &shop, clock.clone(), &plan());
        assert!(other.ask_room(Class::Live, 1).await.is_err());
        let held = stored(store, TENANT, SHOP, &plan().limits(), clock.now()).await;
        assert_eq!(held.unwrap().unwrap().usage.paused_us, 70_000_000);
        // It may use up what it has written down; until it looks, time passes.
        clock.pass(20);
        assert_eq!(hub.drain(Class::Live).await, (2, 50_001));
        drop(hub);
        let hub = Node::new(hub_store, &shop, clock, plan());
        assert_eq!(hub.drain(Class::Live).await, (0, 50_001), "also after a kill");
        clock.pass(49);
        assert_eq!(hub.drain(Class::Live).await, (0, 1_001));
        clock.pass(1);
        hub.calls(Class::Live, 1).await;
        assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_429_that_a_command_heard_while_no_hub_ran_is_as_old_as_it_is() {
    for (later, calls) in [(69, 0), (70, 1)] {
        each(async |hub_store, store, clock| {
            let shop = Arc::new(Shop::default());
            shop.answer(429, &ASKED);
            let command = guest(store, &shop, clock.clone(), &plan());
            assert_eq!(call(&command, Class::Sweep).await, Ok(429));
            clock.pass(later);
            let hub = Node::new(hub_store, &shop, clock, plan());
            assert_eq!(hub.drain(Class::Live).await.0.min(1), calls, "after {later} s");
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_shop_tells_a_command_is_left_lowers_what_the_hub_may_do() {
    each(async |hub_store, store, clock| {
        let shop = Arc::new(Shop::default());
        let hub = Node::new(hub_store, &shop, clock, plan());
        hub.calls(Class::Live, 7).await;
        // So late that they are in what is told.
        clock.pass(40);
        let command = guest(store, &shop, clock.clone(), &plan());
        for left in ["41/2741/11741", "40/2740/11740"] {
            let told = [
                ("x-ratelimit-limit", "300/3000/12000"),
                ("x-ratelimit-remaining", left),
                ("x-ratelimit-reset", "200/2000/20000"),
            ];
            shop.answer(200, &told);
            assert_eq!(call(&command, Class::Live).await, Ok(200));
        }
        // Other programs use more than is kept for them. A command leaves alone the block of five that the hub has begun.
        assert!(command.ask_room(Class::Live, 36).await.is_err());
        command.ask_room(Class::Live, 35).await.unwrap();
        let (calls, wait_ms) = hub.drain(Class::Live).await;
        // Three of them were reserved; both calls of the command are in the number that it was told.
        assert_eq!((calls, wait_ms), (40, 201_001));
        clock.pass(201);
        assert!(hub.drain(Class::Live).await.0 > 0, "their window is over");
    })
    .await;
}

/// The hub has counted the calls of a command and cannot write down that it did, again and again.
#[tokio::test]
async fn calls_of_commands_count_once_when_the_hub_cannot_write() {
    for is_killed in [false, true] {
        let Some(database) = schakel_testkit::postgres::fresh_database() else {
            return;
        };
        let store = Store::open(database.url(), OpenOptions::default()).await.unwrap();
        let clock = Hands::at(1_000_000, 500);
        let shop = Arc::new(Shop::default());
        let mut hub = Node::new(&store, &shop, &clock, plan());
        hub.calls(Class::Live, 3).await;
        let command = guest(&store, &shop, clock.clone(), &plan());
        calls(&command, Class::Live, 25).await;
        database.refuse_deletes("budget_guest");
        hub.calls(Class::Live, 2).await;
        for _ in 0..3 {
            let refused = hub.door.send(request(Class::Live)).await;
            assert!(matches!(refused, Err(HttpError::NotSent(_))), "{refused:?}");
            calls(&command, Class::Live, 1).await;
        }
        assert_eq!(store.guests(TENANT, SHOP).await.unwrap().len(), 28);
        database.allow_deletes();
        if is_killed {
            hub = Node::new(&store, &shop, &clock, plan());
        }
        let (rest, _) = hub.drain(Class::Live).await;
        assert_eq!(rest, 270 - 5 - 28, "killed: {is_killed}");
        hub.ledger.release().await.unwrap();
        let spent = stored(&store, TENANT, SHOP, &plan().limits(), clock.now()).await;
        assert_eq!(
            spent.unwrap().unwrap().usage.windows[0].spent.iter().sum::<u32>(),
            270
        );
        store.close().await;
    }
}
