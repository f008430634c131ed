//! Commands that call a shop beside its hub, or while none runs.

use std::sync::Arc;

use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::connector::{Class, HttpError, Meter};
use schakel_core::time::Clock;
use schakel_engine::budget::{GuestDoor, stored};
use schakel_engine::clock::SystemClock;
use schakel_store::Store;

use super::{Hands, Node, SHOP, SPAN_S, Shop, TENANT, call, lite, plan};

/// A command beside the hub on the same store.
fn guest(store: &Store, shop: &Arc<Shop>, clock: impl Clock, meter: &KeyLimits) -> GuestDoor {
    let limits = meter.limits();
    GuestDoor::new(
        shop.clone(),
        store.clone(),
        (TENANT, SHOP),
        limits,
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
    assert_eq!(store.guest_calls(TENANT, SHOP).await.unwrap(), []);
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
    let made = store.guest_calls(TENANT, SHOP).await.unwrap();
    let at = |index: usize| made[index].made_at.as_micros();
    // Nine of twenty: two are for other programs, four for live calls, five are reserved.
    let most = 9;
    assert!((most..made.len()).all(|last| at(last) - at(last - most) > 1_000_000));
    store.close().await;
}
