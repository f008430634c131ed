//! History: everything there once was reaches the account, once, within the budget, whatever happens on the way.

use schakel_core::connector::Part;
use schakel_core::walk::{Job, WalkState};
use schakel_sandbox::lightspeed::traffic;

use super::world::{Past, Setting};

/// Steps that no history of a test needs.
const STEPS: usize = 3_000;

pub fn past(customers: u64, orders: u64) -> traffic::Past {
    traffic::Past {
        customers,
        orders,
        rows_per_order: 3,
        days: 365,
        seed: 5,
    }
}

async fn shop(customers: u64, orders: u64, setting: Setting) -> Past {
    let world = Past::open(setting).await;
    world.shop.fill(&past(customers, orders));
    world
}

#[tokio::test]
async fn everything_there_once_was_reaches_the_account_with_the_fewest_calls() {
    let mut world = shop(600, 1_000, Setting::default()).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(world.column("Orders", "OrderID").len(), 1_000);
    assert_eq!(world.column("OrderRows", "OrderRowID").len(), 3_000);
    assert_eq!(
        world.asked()["GET orders/{id}/products"],
        1_000,
        "a call for the rows of each order"
    );
    // Pages of 250, a count before and after each list, and the rows.
    let pages: u64 = world.calls() - 1_000;
    assert!(pages <= 40, "{:?}", world.asked());
}

#[tokio::test]
async fn kills_at_every_turn_lose_nothing_and_double_nothing() {
    let mut world = shop(300, 500, Setting::default()).await;
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
    assert_eq!(world.column("Orders", "OrderID").len(), 500);
    assert_eq!(world.column("OrderRows", "OrderRowID").len(), 1_500);
    for (collection, key) in [("Orders", "OrderID"), ("OrderRows", "OrderRowID")] {
        assert_eq!(
            world.account.duplicate_subprofiles(collection, &[key]),
            0,
            "{collection} are double"
        );
    }
}

#[tokio::test]
async fn a_section_that_is_withdrawn_stops_its_part_and_no_other() {
    use schakel_sandbox::lightspeed::{Access, Options, Permissions};
    let mut world = shop(100, 100, Setting::default()).await;
    let permissions = Permissions {
        orders: Access::NONE,
        ..Permissions::default()
    };
    world
        .shop
        .set_permissions(&Options::default().api_key, permissions);
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    let orders = world.walk(Job::Backfill, Part::Orders).await;
    assert_eq!(orders.state, WalkState::Stopped);
    assert!(orders.note.contains("orders"), "{}", orders.note);
    assert_eq!(
        world.walk(Job::Backfill, Part::Customers).await.state,
        WalkState::Done
    );
    assert!(
        world
            .column("profile", "BookerzCustomerIsDeleted")
            .iter()
            .all(|deleted| deleted != "Yes")
    );
}
