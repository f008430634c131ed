//! The watch: registrations are mended, silence is noticed, and the gap is read.

use schakel_core::connector::{Class, Part};
use schakel_core::rhythm::Watched;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Walk, WalkState, Why};
use schakel_sandbox::lightspeed::{Access, Kind, Options, Permissions, WebhookFaults};

use super::history::{STEPS, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

async fn watched(world: &Past) -> Watched {
    let text = world
        .hub
        .store
        .checkpoint(TENANT, SOURCE, Watched::CHECKPOINT)
        .await
        .unwrap();
    Watched::read(text.as_deref())
}

async fn hooked() -> Past {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = shop(10, 20, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.watching.step().await.unwrap();
    world
}

/// What was found about orders, and why.
async fn reasons(world: &Past) -> Vec<(u64, Why)> {
    let found = world.hub.store.findings(TENANT, SOURCE, 1_000).await.unwrap();
    let of_orders = found.iter().filter(|one| one.part == Part::Orders);
    of_orders
        .map(|one| (u64::try_from(one.remote_id).unwrap(), one.why))
        .collect()
}

/// The numbers of the registrations.
async fn registrations(world: &Past) -> Vec<String> {
    let (_, text) = world.shop_call("GET", "/nl/webhooks.json", "").await;
    let mut ids: Vec<String> = text
        .split("{\"id\":")
        .skip(1)
        .filter(|part| part.contains("itemGroup"))
        .map(|part| part.split(',').next().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// Lets an hour pass in which the watch runs; a hub that stands still for as long is a gap.
async fn an_hour(world: &mut Past) {
    for _ in 0..12 {
        world.clock.advance_ms(300_000);
        world.watching.step().await.unwrap();
    }
}

#[tokio::test]
async fn the_first_look_is_no_incident_and_a_good_one_changes_nothing() {
    let mut world = hooked().await;
    let first = watched(&world).await;
    assert!(first.good_at.is_some() && first.since.is_some());
    an_hour(&mut world).await;
    let second = watched(&world).await;
    assert!(second.good_at > first.good_at);
    assert_eq!((second.mended, second.suspicions), (0, 0));
    assert!(world.walks().await.iter().all(|walk| walk.job == Job::Backfill));
    assert_eq!(registrations(&world).await.len(), 8);
}

#[tokio::test]
async fn registrations_that_are_missing_off_or_double_are_mended_and_the_gap_is_read() {
    let mut world = hooked().await;
    let good_at = watched(&world).await.good_at.unwrap();
    let ids = registrations(&world).await;
    let (status, _) = world
        .shop_call("DELETE", &format!("/nl/webhooks/{}.json", ids[2]), "")
        .await;
    assert!(status < 300);
    let off = r#"{"webhook":{"isActive":false}}"#;
    let (status, _) = world
        .shop_call("PUT", &format!("/nl/webhooks/{}.json", ids[0]), off)
        .await;
    assert!(status < 300);
    let orders = world.shop.ids(Kind::Order);
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    world.shop.cancel_order(orders[1]);
    an_hour(&mut world).await;
    let after = watched(&world).await;
    assert_eq!((after.mended, after.suspicions), (1, 0));
    assert_eq!(registrations(&world).await.len(), 8);
    let sweep = world.walk(Job::Sweep, Part::Orders).await;
    assert_eq!(
        sweep.span.updated_from,
        Some(good_at.plus_ms(-3 * 3_600_000)),
        "since they were last good"
    );
    world.run(STEPS).await;
    world.assert_like_the_shop();
    assert_eq!(reasons(&world).await, [(orders[1], Why::Gap)]);

    let double = r#"{"webhook":{"isActive":true,"itemGroup":"orders","itemAction":"*","language":"nl","format":"json","address":"https://hub.test/hooks/1"}}"#;
    let (status, _) = world.shop_call("POST", "/nl/webhooks.json", double).await;
    assert!(status < 300);
    let swept_at = world.walk(Job::Sweep, Part::Orders).await.started_at;
    an_hour(&mut world).await;
    assert_eq!(registrations(&world).await.len(), 8);
    assert_eq!(watched(&world).await.mended, 2);
    let sweep = world.walk(Job::Sweep, Part::Orders).await;
    assert_eq!(sweep.started_at, swept_at, "nothing was lost by a double");
}

/// No list tells what was deleted; webhooks that fail every day do not cost the ids of all lists each time.
#[tokio::test]
async fn what_was_deleted_in_a_gap_is_looked_for_at_once_and_once_a_day() {
    let mut world = hooked().await;
    let lose = |world: &Past| {
        world.shop.set_webhook_faults(WebhookFaults {
            lost_percent: 100,
            ..WebhookFaults::default()
        });
    };
    for (round, began) in [(0, true), (1, false)] {
        let ids = registrations(&world).await;
        for id in &ids {
            let path = format!("/nl/webhooks/{id}.json");
            assert!(world.shop_call("DELETE", &path, "").await.0 < 300);
        }
        lose(&world);
        let gone = world.shop.ids(Kind::Order)[0];
        world.shop.delete_order(gone);
        let before = world.clock.now();
        an_hour(&mut world).await;
        let walks = world.walks().await;
        let begun = |walk: &&Walk| walk.job == Job::Reconcile && walk.started_at > before;
        assert_eq!(walks.iter().any(|walk| begun(&walk)), began, "round {round}");
        world.run(STEPS).await;
        let marked = world.deleted("Orders", "OrderID", "BookerzOrderIsDeleted");
        assert_eq!(marked.contains(&gone.to_string()), began, "round {round}");
    }
}

/// How a hub misses what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// It is stopped and started.
    Stopped,
    /// Its machine is suspended, or its database away.
    StoodStill,
    /// It is stopped, and learns its address only after its first look.
    AddressLater,
}

/// Shops give a webhook up that nobody answered, and no list tells what was deleted.
#[tokio::test]
async fn what_happened_while_no_hub_watched_is_read_and_a_restart_costs_nothing() {
    use Absence::{AddressLater, StoodStill, Stopped};
    let hours = 2 * 3_600_000;
    for (how, asleep_ms) in [
        (Stopped, 5 * 60_000),
        (Stopped, hours),
        (StoodStill, 5 * 60_000),
        (StoodStill, hours),
        (AddressLater, hours),
    ] {
        let mut world = hooked().await;
        let has_gap = asleep_ms == hours;
        world.shop.set_webhook_faults(WebhookFaults {
            lost_percent: 100,
            ..WebhookFaults::default()
        });
        let gone = world.shop.ids(Kind::Order)[0];
        world.shop.delete_order(gone);
        world.clock.advance_ms(asleep_ms);
        let before = world.clock.now();
        if how != StoodStill {
            world = world.restarted().await;
        }
        if how == AddressLater {
            let address = world.hub.sources[&SOURCE].hook_address.clone();
            let known = address.get();
            address.set(None);
            world.watching.step().await.unwrap();
            address.set(known);
        }
        world.watching.step().await.unwrap();
        world.watching.step().await.unwrap();
        let walks = world.walks().await;
        let begun = |job| {
            walks
                .iter()
                .any(|walk| walk.job == job && walk.started_at >= before)
        };
        let told = (how, asleep_ms);
        assert_eq!(
            (begun(Job::Sweep), begun(Job::Reconcile)),
            (has_gap, has_gap),
            "{told:?}"
        );
        world.run(STEPS).await;
        let marked = world.deleted("Orders", "OrderID", "BookerzOrderIsDeleted");
        assert_eq!(marked.contains(&gone.to_string()), has_gap, "{told:?} {marked:?}");
        assert_eq!(watched(&world).await.unread_from, None, "{told:?}");
    }
}

/// Lets the watch know two days of a shop that is busy around the clock.
async fn busy(world: &mut Past) {
    let mut known = watched(world).await;
    let now = world.clock.now();
    for quarter in (0..(8 * 24 * 4)).rev() {
        let at = now.plus_ms(-quarter * 900_000);
        known.note(known.heard, at);
        known.rhythm.note(20, at);
    }
    (known.heard_at, known.awake_at) = (Some(now), Some(now));
    let mut tx = world.hub.store.write().await.unwrap();
    tx.put_checkpoint(TENANT, SOURCE, Watched::CHECKPOINT, &known.to_text())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn silence_begins_the_sweep_of_exactly_the_gap_also_when_nobody_may_look() {
    for may_look in [true, false] {
        let mut world = hooked().await;
        busy(&mut world).await;
        let heard_at = world.clock.now();
        world.shop.set_webhook_faults(WebhookFaults {
            lost_percent: 100,
            ..WebhookFaults::default()
        });
        if !may_look {
            let without = Permissions {
                settings: Access::NONE,
                ..Permissions::default()
            };
            world.shop.set_permissions(&Options::default().api_key, without);
        }
        let orders = world.shop.ids(Kind::Order);
        world.shop.cancel_order(orders[1]);
        for _ in 0..40 {
            world.clock.advance_ms(60_000);
            world.watching.step().await.unwrap();
        }
        let after = watched(&world).await;
        assert_eq!(after.suspicions, 1, "once, and then it is left for an hour");
        let sweep = world.walk(Job::Sweep, Part::Orders).await;
        assert_eq!(
            sweep.span.updated_from,
            Some(heard_at.plus_ms(-3 * 3_600_000)),
            "since the last one came"
        );
        world.run(STEPS).await;
        world.assert_like_the_shop();
        assert_eq!(reasons(&world).await, [(orders[1], Why::Gap)]);
    }
}

#[tokio::test]
async fn a_gap_that_was_read_is_not_read_again_while_the_silence_goes_on() {
    let mut world = hooked().await;
    busy(&mut world).await;
    let heard_at = world.clock.now();
    let mut began = Vec::new();
    for _ in 0..3 * 60 {
        world.clock.advance_ms(60_000);
        world.watching.step().await.unwrap();
        let walks = world.walks().await;
        let sweep = walks
            .iter()
            .find(|walk| (walk.job, walk.part) == (Job::Sweep, Part::Orders));
        if let Some(sweep) =
            sweep.filter(|sweep| began.last() != Some(&(sweep.started_at, sweep.span.updated_from)))
        {
            began.push((sweep.started_at, sweep.span.updated_from));
            world.run(STEPS).await;
        }
    }
    assert_eq!(watched(&world).await.suspicions, 3, "once an hour");
    let back = |at: Timestamp| Some(at.plus_ms(-3 * 3_600_000));
    let expected = [back(heard_at), back(began[0].0), back(began[1].0)];
    assert_eq!(began.iter().map(|(_, from)| *from).collect::<Vec<_>>(), expected);
    // A sweep of the gap that did not come to its end reads it once more.
    world
        .set(Job::Sweep, &[Part::Orders], WalkState::Done, WalkState::Stopped)
        .await;
    for _ in 0..61 {
        world.clock.advance_ms(60_000);
        world.watching.step().await.unwrap();
    }
    let sweep = world.walk(Job::Sweep, Part::Orders).await;
    assert_eq!(
        sweep.span.updated_from,
        back(heard_at),
        "it did not read what it began with"
    );
}

// They counted as what nothing explains, although the shop tells of deletions as of changes.
#[tokio::test]
async fn a_deletion_that_no_webhook_told_was_missed_or_fell_into_a_gap() {
    let mut world = hooked().await;
    let orders = world.shop.ids(Kind::Order);
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    an_hour(&mut world).await;
    world.shop.delete_order(orders[3]);
    compare(&mut world).await;
    assert_eq!(reasons(&world).await, [(orders[3], Why::Missed)]);

    // No hub runs for an hour, and the webhook is not sent again.
    world.shop.delete_order(orders[5]);
    world.clock.advance_ms(3_600_000);
    world = world.restarted().await;
    world.watching.step().await.unwrap();
    world.clock.advance_ms(60_000);
    compare(&mut world).await;
    assert_eq!(
        reasons(&world).await,
        [(orders[5], Why::Gap), (orders[3], Why::Missed)]
    );
    // What goes after the comparison that followed the gap has nothing to do with it.
    world.shop.delete_order(orders[7]);
    world.clock.advance_ms(3_600_000);
    compare(&mut world).await;
    assert_eq!(reasons(&world).await[0], (orders[7], Why::Missed));
}

async fn compare(world: &mut Past) {
    world.begin(Job::Reconcile, &[Part::Orders]).await;
    world.run(STEPS).await;
}

#[tokio::test]
async fn the_first_look_after_a_start_is_a_live_call_and_the_others_are_not() {
    let mut world = shop(
        5,
        5,
        Setting {
            has_hooks: true,
            limits: [100, 1_000, 10_000],
            ..Setting::default()
        },
    )
    .await;
    let spent = |world: &Past| {
        let usage = world.hub.sources[&SOURCE].ledger.usage().unwrap();
        usage.windows[2].spent
    };
    let [live, _, sweep, _] = spent(&world);
    world.watching.step().await.unwrap();
    assert_eq!(spent(&world), [live + 1, 0, sweep, 0]);
    an_hour(&mut world).await;
    assert_eq!(spent(&world), [live + 1, 0, sweep + 1, 0]);
    world = world.restarted().await;
    assert!(world.hub.sources[&SOURCE].ledger.hold().await.unwrap());
    let [live, _, sweep, _] = spent(&world);
    world.watching.step().await.unwrap();
    let [live_after, _, sweep_after, _] = spent(&world);
    assert_eq!((live_after, sweep_after), (live + 1, sweep), "live again");
    // Sweeps have no room at all; the first look goes on all the same.
    let mut world = shop(
        5,
        5,
        Setting {
            has_hooks: true,
            limits: [16, 1_000, 10_000],
            ..Setting::default()
        },
    )
    .await;
    let ledger = world.hub.sources[&SOURCE].ledger.clone();
    let room = |class| ledger.room(class);
    assert!(
        room(Class::Sweep) < 4 && room(Class::Live) >= 4,
        "{:?}",
        Class::ALL.map(room)
    );
    world.watching.step().await.unwrap();
    assert!(watched(&world).await.good_at.is_some());
}

#[tokio::test]
async fn a_gap_takes_nothing_from_a_sweep_that_is_open_and_leaves_a_halted_one() {
    let mut world = hooked().await;
    busy(&mut world).await;
    let long_ago = world.clock.now().plus_ms(-5 * 24 * 3_600_000);
    let span = schakel_core::connector::Span {
        updated_from: Some(long_ago),
        ..schakel_core::connector::Span::default()
    };
    world
        .begin_span(Job::Sweep, &[Part::Orders, Part::Customers], span)
        .await;
    world
        .set(
            Job::Sweep,
            &[Part::Customers],
            WalkState::Waiting,
            WalkState::Paused,
        )
        .await;
    for _ in 0..40 {
        world.clock.advance_ms(60_000);
        world.watching.step().await.unwrap();
    }
    assert_eq!(watched(&world).await.suspicions, 1);
    let orders = world.walk(Job::Sweep, Part::Orders).await;
    assert_eq!(orders.span.updated_from, Some(long_ago));
    let customers = world.walk(Job::Sweep, Part::Customers).await;
    assert_eq!(customers.state, WalkState::Paused);
}

#[tokio::test]
async fn without_an_address_or_room_the_shop_is_not_asked() {
    let mut world = shop(5, 5, Setting::default()).await;
    world.watching.step().await.unwrap();
    an_hour(&mut world).await;
    assert_eq!(world.calls(), 0);
    let setting = Setting {
        has_hooks: true,
        limits: [12, 50, 100],
        ..Setting::default()
    };
    let mut world = shop(5, 5, setting).await;
    let before = world.calls();
    world.watching.step().await.unwrap();
    assert_eq!(world.calls(), before);
    let never: Option<Timestamp> = None;
    assert_eq!(watched(&world).await.good_at, never);
}
