//! Which lists a reconciliation compares by itself: those that were read as a whole.

use schakel_core::connector::Part;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::hub::WalkSettings;
use schakel_sandbox::lightspeed::{Access, Options, Permissions};

use super::bad_input::{NEVER, begun, until_orders};
use super::world::{Past, Setting};

const DAY_MIN: i64 = 24 * 60;

fn weekly() -> Setting {
    Setting {
        walks: WalkSettings {
            reconcile_ms: 7 * DAY_MIN * 60_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    }
}

/// The lists that were compared by themselves, after so many days.
async fn compared(world: &mut Past, days: i64) -> Vec<Part> {
    world.clock.advance_ms(days * DAY_MIN * 60_000);
    world.pass(10).await;
    let walks = world.walks().await.into_iter();
    let walks = walks.filter(|walk| walk.job == Job::Reconcile);
    walks
        .map(|walk| {
            assert_eq!(walk.state, WalkState::Done, "{walk:?}");
            walk.part
        })
        .collect()
}

async fn set(world: &Past, part: Part, from: WalkState, to: WalkState) {
    assert_eq!(world.set(Job::Backfill, &[part], from, to).await, 1);
}

#[tokio::test]
async fn a_history_that_was_cancelled_or_paused_half_way_is_not_compared() {
    for to in [WalkState::Cancelled, WalkState::Paused] {
        let mut world = begun(30, 300, weekly()).await;
        until_orders(&mut world).await;
        let half = world.walk(Job::Backfill, Part::Orders).await;
        assert_eq!(half.seen, 250, "half-way");
        set(&world, Part::Orders, WalkState::Running, to).await;
        world.pass(10).await;
        assert_eq!(compared(&mut world, 6).await, [], "it is not time yet");
        assert_eq!(
            compared(&mut world, 1).await,
            [Part::Customers, Part::Subscriptions, Part::Quotes]
        );
        assert_eq!(world.walk(Job::Backfill, Part::Orders).await.seen, 250);
        world.assert_nothing_deleted();
    }
}

#[tokio::test]
async fn a_history_that_a_refused_section_stopped_is_not_compared() {
    let mut world = begun(30, 300, weekly()).await;
    until_orders(&mut world).await;
    let key = Options::default().api_key;
    let without = Permissions {
        orders: Access::NONE,
        ..Permissions::default()
    };
    world.shop.set_permissions(&key, without);
    let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(orders.state, WalkState::Stopped);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    world.shop.set_permissions(&key, Permissions::default());
    let compared = compared(&mut world, 8).await;
    assert!(!compared.contains(&Part::Orders), "{compared:?}");
    assert!(compared.contains(&Part::Customers), "{compared:?}");
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn a_history_that_was_read_to_its_end_is_compared_although_the_shop_contradicted_itself() {
    let mut world = begun(30, 40, weekly()).await;
    world.shop.set_count_offset("orders", 3);
    let orders = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(orders.state, WalkState::Stopped);
    world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    world.shop.set_count_offset("orders", 0);
    let compared = compared(&mut world, 8).await;
    assert!(compared.contains(&Part::Orders), "{compared:?}");
}
