//! Single things that can't be read: they are set aside or left with their number, are asked for anew where that may
//! help, and hold up nothing else.

use schakel_core::connector::Part;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::walk::Stepped;
use schakel_sandbox::lightspeed::Kind;

use super::bad_input::{NEVER, begun};
use super::history::{STEPS, ends_like_the_shop};
use super::world::{Past, Setting, TENANT};

/// Rows of which one has no id: the order is set aside with them.
const UNREADABLE: (u16, &str) = (200, r#"{"orderProducts":[{"quantityOrdered":1}]}"#);

/// How often the rows of an order were asked for, of all orders.
fn row_calls(world: &Past) -> u64 {
    world.asked()["GET orders/{id}/products"]
}

fn rows_of(id: u64) -> String {
    format!("/orders/{id}/products.json")
}

/// The orders whose rows the account has.
fn with_rows(world: &Past) -> Vec<String> {
    let mut orders = world.column("OrderRows", "OrderID");
    orders.dedup();
    orders
}

/// Goes on until the walk over rows waits before its next pass; false when it ends instead.
async fn waits_between_passes(world: &mut Past) -> bool {
    for _ in 0..20_000 {
        let wait_us = world.step().await;
        let walk = world.walk(Job::Backfill, Part::OrderRows).await;
        if !walk.is_open() {
            return false;
        }
        // Nothing else makes it wait for minutes: the source answers.
        let rest_us = walk.wait_us(world.clock.now());
        if rest_us > 60_000_000 && wait_us > 0 {
            world.clock.advance_ms(rest_us / 1_000 + 1);
            return true;
        }
        if wait_us > 0 {
            world.wait(wait_us);
        }
    }
    panic!("it does not end: {:?}", world.walks().await);
}

#[tokio::test]
async fn orders_whose_rows_cannot_be_read_are_set_aside_and_end_the_history_with_their_number() {
    let mut world = begun(20, 60, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    let poison = [orders[3], orders[30], orders[59]];
    for id in poison {
        world.answer(&rows_of(id), u32::MAX, UNREADABLE);
    }
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(walk.note.starts_with("3 orders give no rows"), "{}", walk.note);
    // A pass that read the others, and four without progress.
    assert_eq!(row_calls(&world), 60 + 3 * 4);
    let aside = world.hub.store.quarantine_groups(TENANT).await.unwrap();
    assert_eq!(
        aside.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(),
        ["no_id"]
    );
    world.run(STEPS).await;
    assert_eq!(with_rows(&world).len(), 57);
    assert_eq!(world.orders().len(), 60, "the orders themselves are there");
    world.assert_nothing_deleted();
}

/// Nobody has to begin a history anew for what is solved.
#[tokio::test]
async fn orders_that_gave_no_rows_are_named_and_no_longer_told_once_none_lacks_them() {
    let mut world = begun(10, 30, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    let poison = [orders[3], orders[20]];
    for id in poison {
        // As often as the passes ask, and never after that.
        world.answer(&rows_of(id), 1 + 4, UNREADABLE);
    }
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    let named = format!("2 orders give no rows ({}, {});", poison[1], poison[0]);
    assert!(walk.note.starts_with(&named), "{}", walk.note);
    world.run(STEPS).await;
    let walk = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(walk.state, WalkState::Stopped, "nothing changed yet");
    world.clock.advance_ms(3_600_000);
    // A sweep of what changed meets them all.
    world.shop.cancel_order(poison[0]);
    world.begin(Job::Sweep, &[Part::Orders]).await;
    world.run(STEPS).await;
    let walk = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!((walk.state, walk.note.as_str()), (WalkState::Done, ""));
    assert_eq!(with_rows(&world).len(), 30);
}

#[tokio::test]
async fn every_order_less_gives_the_others_four_more_passes() {
    let mut world = begun(20, 40, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    // The first is readable in the third pass, the second in the seventh, the last one never.
    for (id, times) in [(orders[3], 2), (orders[20], 6), (orders[39], u32::MAX)] {
        world.answer(&rows_of(id), times, UNREADABLE);
    }
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(walk.note.starts_with("1 order gives no rows"), "{}", walk.note);
    assert_eq!(row_calls(&world), 37 + 3 + 7 + (7 + 4));
    world.run(STEPS).await;
    assert_eq!(with_rows(&world).len(), 39);
}

#[tokio::test]
async fn rows_that_are_refused_hold_up_no_other_and_what_is_left_can_be_read_later() {
    let mut world = begun(20, 40, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    // Beside others it costs a call; alone it is tried six times in each pass, since it may lie at the shop.
    let times = 1 + 6 * 4;
    world.answer(
        &rows_of(orders[7]),
        times,
        (422, r#"{"error":{"code":422,"message":"no"}}"#),
    );
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(walk.note.starts_with("1 order gives no rows"), "{}", walk.note);
    assert!(walk.note.contains("when it changes"), "{}", walk.note);
    world.resume(Job::Backfill, &[Part::OrderRows]).await;
    ends_like_the_shop(&mut world).await;
}

#[tokio::test]
async fn what_one_pass_left_is_read_by_the_next_at_once_while_there_is_progress() {
    let mut world = begun(20, 40, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    world.answer(&rows_of(orders[35]), 1, (409, "{}"));
    assert!(
        !waits_between_passes(&mut world).await,
        "after a pass with progress"
    );
    world.assert_all_done().await;
    assert_eq!(row_calls(&world), 41);
}

#[tokio::test]
async fn what_is_asked_for_as_a_whole_is_left_alone_while_that_is_under_way() {
    let mut world = begun(20, 60, Setting::default()).await;
    world.run_until((Job::Backfill, Part::Shipments), NEVER).await;
    for id in &world.shop.ids(Kind::Order)[10..40] {
        world.shop.delete_order(*id);
    }
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert_eq!((walk.state, walk.doubted), (WalkState::Done, 30), "{walk:?}");
    world.run(STEPS).await;
    assert_eq!(row_calls(&world), 60, "each was asked for its rows once");
    assert_eq!(
        world.asked()["GET orders/{id}"],
        60,
        "one 404 is no deletion, two are"
    );
    assert_eq!(with_rows(&world).len(), 30);
}

#[tokio::test]
async fn rows_that_are_not_applied_within_a_minute_are_not_asked_for_at_once_again() {
    let mut world = begun(20, 40, Setting::default()).await;
    while world.walk(Job::Backfill, Part::OrderRows).await.seen == 0 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    let mut rest_us = 0;
    while rest_us < 60_000_000 {
        if let Stepped::Waits(us) = world.walk_alone().await {
            world.wait(us);
        }
        assert!(row_calls(&world) <= 40, "they are asked for while they wait");
        let walk = world.walk(Job::Backfill, Part::OrderRows).await;
        rest_us = walk.wait_us(world.clock.now());
    }
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(row_calls(&world), 40);
}

#[tokio::test]
async fn a_shop_that_is_never_still_does_not_keep_passes_without_progress_going() {
    let mut world = begun(20, 40, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    world.answer(&rows_of(orders[39]), u32::MAX, UNREADABLE);
    let mut waits = 0;
    while waits_between_passes(&mut world).await {
        waits += 1;
        assert!(waits <= 4, "the fewest that were left are as many as before");
        // In every second pass an order that changed is left as well: 1, 2, 1, 2 of them.
        if waits % 2 == 0 {
            let id = orders[waits];
            world.shop.cancel_order(id);
            world.answer(&rows_of(id), 1, (409, "{}"));
            world.begin(Job::Backfill, &[Part::Orders]).await;
            world.run_until((Job::Backfill, Part::Orders), NEVER).await;
        }
    }
    let walk = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(walk.note.starts_with("1 order gives no rows"), "{}", walk.note);
}

#[tokio::test]
async fn an_outage_while_rows_are_read_is_waited_out_however_long_it_takes() {
    let mut world = begun(5, 12, Setting::default()).await;
    world.run_until((Job::Backfill, Part::Shipments), NEVER).await;
    world.answer(".json", 400, (503, ""));
    let walk = world.run_until((Job::Backfill, Part::OrderRows), NEVER).await;
    assert_eq!((walk.state, walk.seen), (WalkState::Done, 12), "{walk:?}");
    world.run(STEPS).await;
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}

/// A world of 30 orders before their rows are read, with an order of which the event was damaged.
async fn damaged() -> (Past, u64) {
    let mut world = begun(20, 30, Setting::default()).await;
    world.run_until((Job::Backfill, Part::Shipments), NEVER).await;
    let id = world.shop.ids(Kind::Order)[11];
    // Only the event begins with the shop's words, and a packed body with its first ones as they are.
    let begin = format!("{{\"order\":{{\"id\":{id},");
    let world = world
        .restarted_after(|bytes| {
            let begin = begin.as_bytes();
            let at = bytes.windows(begin.len()).position(|here| here == begin);
            bytes[at.expect("the event holds its body") + 1] ^= 1;
        })
        .await;
    (world, id)
}

#[tokio::test]
async fn an_order_whose_event_was_damaged_is_asked_for_anew() {
    let (mut world, _) = damaged().await;
    assert_eq!(world.asked().get("GET orders/{id}"), None);
    world.run(STEPS).await;
    world.assert_all_done().await;
    let walk = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!((walk.seen, walk.doubted), (29, 1));
    assert_eq!(world.asked()["GET orders/{id}"], 1);
    assert_eq!(row_calls(&world), 30, "its rows come with it");
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn an_order_that_is_asked_for_as_a_whole_is_left_alone_however_long_that_takes() {
    let (mut world, id) = damaged().await;
    let tries = 3;
    world.answer(&format!("/orders/{id}.json"), tries, (503, ""));
    let mut passes = 0;
    while waits_between_passes(&mut world).await {
        passes += 1;
    }
    world.run(STEPS).await;
    let walk = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(
        (walk.state, walk.seen, walk.doubted),
        (WalkState::Done, 29, 1),
        "{walk:?}"
    );
    assert!(passes > 1, "it took longer than a pass waits");
    assert_eq!(world.asked()["GET orders/{id}"], u64::from(tries) + 1);
    assert_eq!(row_calls(&world), 30, "29 and the one that came with the whole");
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
}
