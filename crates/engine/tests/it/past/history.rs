//! History: everything there once was reaches the account, once, within the budget, whatever happens on the way.

use schakel_core::walk::Job;
use schakel_sandbox::lightspeed::traffic;

use super::world::{Past, Setting};

/// Steps that no history of a test needs.
pub const STEPS: usize = 3_000;

fn past(customers: u64, orders: u64) -> traffic::Past {
    traffic::Past {
        customers,
        orders,
        rows_per_order: 3,
        days: 365,
        seed: 5,
    }
}

/// A world whose shop has a past.
pub async fn shop(customers: u64, orders: u64, setting: Setting) -> Past {
    let world = Past::open(setting).await;
    world.shop.fill(&past(customers, orders));
    world
}

/// A world whose history is read.
pub async fn known(customers: u64, orders: u64, setting: Setting) -> Past {
    let mut world = shop(customers, orders, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    world
}

/// Runs to the end: every walk is done, the account is like the shop, and nothing was marked deleted.
pub async fn ends_like_the_shop(world: &mut Past) {
    world.run(STEPS).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn everything_there_once_was_reaches_the_account_with_the_fewest_calls() {
    let mut world = shop(100, 300, Setting::default()).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(world.column("Orders", "OrderID").len(), 300);
    assert_eq!(world.column("OrderRows", "OrderRowID").len(), 900);
    assert_eq!(
        world.asked()["GET orders/{id}/products"],
        300,
        "a call for the rows of each order"
    );
    // Pages of 250, a count before and after each list, and the rows.
    let pages: u64 = world.calls() - 300;
    assert!(pages <= 30, "{:?}", world.asked());
}

#[tokio::test]
async fn kills_at_every_turn_lose_nothing_and_double_nothing() {
    let mut world = shop(60, 260, Setting::default()).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    for kill in 0..50_usize {
        for _ in 0..(kill * 7 % 11) {
            let wait = world.step().await;
            if wait > 0 {
                world.clock.advance_ms(wait.min(1_000_000) / 1_000 + 1);
            }
        }
        world = world.restarted().await;
    }
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(world.column("Orders", "OrderID").len(), 260);
    assert_eq!(world.column("OrderRows", "OrderRowID").len(), 780);
    for (collection, key) in [("Orders", "OrderID"), ("OrderRows", "OrderRowID")] {
        assert_eq!(
            world.account.duplicate_subprofiles(collection, &[key]),
            0,
            "{collection} are double"
        );
    }
}
