//! Waits that outlive the process: how old a budget is, is written down while nobody calls.

use std::sync::Arc;

use schakel_core::connector::{Class, Meter};
use schakel_core::time::Clock;
use schakel_engine::budget::stored;
use schakel_store::Store;

use super::{DAY_S, Hands, Node, Pair, SHOP, SPAN_S, Shop, TENANT, lite, plan};

/// Lets a hub wait for so many seconds, as its loops do.
async fn wait(node: &Node, shop: &Shop, seconds: i64) {
    for _ in 0..seconds {
        node.clock.pass(1);
        shop.clock.pass(1);
        assert!(node.ledger.hold().await.unwrap());
    }
}

/// When the budget was last written, by the clock of who wrote it.
async fn written_at(store: &Store) -> Option<i64> {
    let row = store.budget(TENANT, SHOP).await.unwrap();
    row.map(|row| row.saved_at.as_micros())
}

/// How long a command says that the next live call waits, in microseconds.
async fn shown_us(store: &Store, clock: &Hands) -> i64 {
    let now = clock.now();
    let held = stored(store, TENANT, SHOP, &plan().limits(), now).await;
    held.unwrap().unwrap().usage.wait_us[Class::Live.index()]
}

// Each restart began the wait anew, so that who restarted more often than that waited for ever.
#[tokio::test]
async fn who_is_killed_every_forty_seconds_calls_again_when_the_window_ends() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let mut node = Node::new(&store, &shop, &Hands::at(20 * DAY_S, 1_000), plan());
    assert_eq!(node.drain(Class::Live).await.0, 270);
    let (mut lives, mut calls) = (0, 0);
    while calls == 0 {
        lives += 1;
        assert!(lives < 13, "five minutes and a half of such lives");
        for _ in 0..40 {
            wait(&node, &shop, 1).await;
            calls += node.drain(Class::Live).await.0;
        }
        // Its wall clock is somewhere else each time, and so is the other hand.
        let wall_s = (20 + [-5, 7, 0][lives % 3]) * DAY_S;
        node = Node::new(&store, &shop, &Hands::at(wall_s, 3), plan());
    }
    assert!(shop.most_in(SPAN_S) <= 270, "{}", shop.most_in(SPAN_S));
    store.close().await;
}

#[tokio::test]
async fn the_next_owner_waits_for_the_rest_of_what_the_former_waited_for() {
    Pair::each(async |pair| {
        let (first, second) = (&pair.first, &pair.second);
        assert_eq!(first.drain(Class::Live).await.0, 270);
        for _ in 0..150 {
            pair.pass(2);
            assert!(first.ledger.hold().await.unwrap());
        }
        pair.pass(16);
        assert!(second.ledger.hold().await.unwrap());
        let rest_us = second.ledger.wait_us(Class::Live);
        let least_us = (SPAN_S - 300) * 1_000_000;
        assert!((least_us..least_us + 6_000_000).contains(&rest_us), "{rest_us}");
    })
    .await;
}

/// A command names the end that the hub itself waits for, also after a restart.
#[tokio::test]
async fn what_is_shown_ends_with_the_wait_of_the_hub() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let clock = Hands::at(DAY_S, 0);
    let node = Node::new(&store, &shop, &clock, plan());
    node.drain(Class::Live).await;
    wait(&node, &shop, 100).await;
    drop(node);
    // Down for a minute, of which the hub knows nothing.
    clock.pass(60);
    let node = Node::new(&store, &shop, &Hands::at(DAY_S + 160, 0), plan());
    assert!(node.ledger.hold().await.unwrap());
    assert!(shown_us(&store, &node.clock).await < node.ledger.wait_us(Class::Live));
    for _ in 0..50 {
        wait(&node, &shop, 2).await;
        assert_eq!(
            shown_us(&store, &node.clock).await,
            node.ledger.wait_us(Class::Live)
        );
    }
    store.close().await;
}

#[tokio::test]
async fn a_shop_of_which_nothing_counts_costs_no_writing() {
    let (store, _folder) = lite().await;
    let shop = Arc::new(Shop::default());
    let node = Node::new(&store, &shop, &Hands::at(DAY_S, 0), plan());
    wait(&node, &shop, 600).await;
    assert_eq!(written_at(&store).await, None);
    node.calls(Class::Live, 1).await;
    wait(&node, &shop, 600).await;
    let mut writes = 0;
    for _ in 0..600 {
        let before = written_at(&store).await;
        wait(&node, &shop, 1).await;
        writes += usize::from(written_at(&store).await != before);
    }
    assert_eq!(
        writes, 10,
        "one a minute while its hour and its day count one call"
    );
    store.close().await;
}
