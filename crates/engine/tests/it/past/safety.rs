//! The safety net holds when a clock runs ahead, a list comes back empty, a part is switched on later, or something
//! cannot be read.

use schakel_core::connector::Part;
use schakel_core::event::{Event, Origin};
use schakel_core::id::EventId;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Clock;
use schakel_core::walk::{FINDINGS_KEPT_MS, Job, Phase, WalkState};
use schakel_engine::hub::WalkSettings;
use schakel_engine::walk::Stepped;
use schakel_sandbox::lightspeed::{Kind, RestFault, WebhookFaults};
use schakel_store::RecordRow;

use super::history::{STEPS, known, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

/// Most missing things of one transaction (`engine::walk`).
const AT_ONCE: i64 = 500;

fn key(kind: RecordKind, id: i64) -> RecordKey {
    RecordKey::new(SOURCE, kind, id)
}

fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap()
}

/// Lets the hub hold customers that no list shows: `count` from each of `firsts` on.
async fn hold_unlisted(world: &Past, firsts: [i64; 2], count: i64) {
    let listed = key(RecordKind::Customer, signed(world.shop.ids(Kind::Customer)[0]));
    let store = &world.hub.store;
    let like = store.read_records(TENANT, &[listed]).await.unwrap().remove(0);
    let ids = firsts.into_iter().flat_map(|first| first..first + count);
    let rows: Vec<RecordRow> = ids
        .map(|id| {
            let mut row = like.clone();
            row.held.key = key(RecordKind::Customer, id);
            row
        })
        .collect();
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_list_that_lost_nearly_all_is_noted_in_bounded_steps_and_nobody_is_asked_before_consent() {
    let mut world = known(5, 6, Setting::default()).await;
    let last = signed(*world.shop.ids(Kind::Customer).last().unwrap());
    // Below what is listed, so that a page must be looked at again, and above the end of the list.
    hold_unlisted(&world, [1, last + 1], 1_100).await;
    let part = (Job::Reconcile, Part::Customers);
    world.begin(part.0, &[part.1]).await;
    let store = world.hub.store.clone();
    let pieces = async || store.count_pieces(TENANT, SOURCE, part).await.unwrap();
    let wishes = async || store.fetch_count(TENANT).await.unwrap();
    let mut before = 0;
    while world.walk(part.0, part.1).await.is_open() {
        let wait_us = world.step().await;
        let noted = pieces().await;
        assert!(noted - before <= AT_ONCE, "{before} and then {noted}");
        assert_eq!(wishes().await, 0);
        before = noted;
        world.wait(wait_us);
    }
    let walk = world.walk(part.0, part.1).await;
    assert_eq!((walk.state, walk.phase), (WalkState::Stopped, Phase::Accept));
    assert!(walk.note.contains("2200 of 22"), "{}", walk.note);
    assert_eq!(walk.listed, signed(world.shop.ids(Kind::Customer).len() as u64));
    assert_eq!(store.findings(TENANT, SOURCE, 9).await.unwrap(), []);

    world.resume(part.0, &[part.1]).await;
    let mut before = 0;
    while world.walk(part.0, part.1).await.is_open() {
        world.walk_alone().await;
        let wished = wishes().await;
        assert!(wished - before <= AT_ONCE, "{before} and then {wished}");
        before = wished;
        world.wait(1);
    }
    assert_eq!((wishes().await, pieces().await), (2_200, 0));
    let walk = world.walk(part.0, part.1).await;
    assert_eq!((walk.state, walk.doubted), (WalkState::Done, 2_200), "{walk:?}");
    let found = store.finding_counts(TENANT, SOURCE).await.unwrap();
    assert_eq!(found, [("customers/missing/untold".to_owned(), 2_200)]);
}

#[tokio::test]
async fn what_changes_while_the_hub_s_clock_runs_ahead_is_swept_all_the_same() {
    let hour = WalkSettings {
        sweep_ms: 3_600_000,
        ..WalkSettings::OFF
    };
    let setting = Setting {
        walks: hour,
        ..Setting::default()
    };
    let mut world = known(5, 8, setting).await;
    world.set_wrong(24);
    world.run(STEPS).await;
    let orders = world.shop.ids(Kind::Order);
    for is_ahead in [true, false] {
        world.clock.advance_ms(3_600_000);
        world.shop.cancel_order(orders[usize::from(is_ahead)]);
        // Longer than the overlap, before the next sweep.
        world.clock.advance_ms(5 * 3_600_000);
        world.set_wrong(if is_ahead { 24 } else { 0 });
        world.run(STEPS).await;
        // Deliveries that were put off by the wrong clock.
        world.clock.advance_ms(30 * 60_000);
        world.run(STEPS).await;
        world.assert_like_the_shop();
    }
}

#[tokio::test]
async fn a_part_that_is_switched_on_later_gets_its_history_by_itself_and_only_that() {
    let setting = Setting {
        walks: WalkSettings {
            has_history: true,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = shop(6, 8, setting).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    let before = world.walks().await;
    assert!(before.iter().all(|walk| walk.part != Part::Groups));
    let mut world = world.restarted_with(|setting| setting.has_groups = true).await;
    world.walk_alone().await;
    assert!(world.walk(Job::Backfill, Part::Groups).await.is_open());
    world.run(STEPS).await;
    world.assert_all_done().await;
    let mut after = world.walks().await;
    after.retain(|walk| walk.part != Part::Groups);
    assert_eq!(after, before, "the others are left");
    // Once: also when it is switched off and on again.
    let done = world.walk(Job::Backfill, Part::Groups).await;
    let world = world.restarted_with(|setting| setting.has_groups = false).await;
    world.walk_alone().await;
    let mut world = world.restarted_with(|setting| setting.has_groups = true).await;
    world.run(STEPS).await;
    assert_eq!(world.walk(Job::Backfill, Part::Groups).await, done);
}

#[tokio::test]
async fn what_a_person_left_out_of_a_history_stays_left_out() {
    let setting = Setting {
        walks: WalkSettings {
            has_history: true,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = shop(3, 3, setting).await;
    world.begin(Job::Backfill, &[Part::Orders]).await;
    world.run(STEPS).await;
    let mut world = world.restarted().await;
    world.run(STEPS).await;
    let walks = world.walks().await.into_iter();
    let history = walks.filter(|walk| walk.job == Job::Backfill);
    assert_eq!(history.map(|walk| walk.part).collect::<Vec<_>>(), [Part::Orders]);
}

#[tokio::test]
async fn what_a_list_shows_again_and_cannot_be_read_is_set_aside_once() {
    let setting = Setting {
        walks: WalkSettings {
            sweep_ms: 600_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = known(4, 6, setting).await;
    world.clock.advance_ms(4 * 3_600_000);
    world.run(STEPS).await;
    let order = world.shop.ids(Kind::Order)[2];
    world.shop.cancel_order(order);
    let changed = "/nl/orders.json?updated_at_min=2026-05-12%2017:00:00";
    let (_, list) = world.shop_call("GET", changed, "").await;
    let odd = list.replacen(&format!("\"id\":{order}"), "\"id\":\"none\"", 1);
    assert_ne!(list, odd);
    world.answer("/orders.json", 99, (200, &odd));
    let rows = |world: &Past| world.asked().get("GET orders/{id}/products").copied();
    let before = (
        rows(&world),
        world.walk(Job::Sweep, Part::Orders).await.started_at,
    );
    for _ in 0..4 {
        world.clock.advance_ms(600_000);
        world.run(STEPS).await;
    }
    assert!(world.walk(Job::Sweep, Part::Orders).await.started_at > before.1);
    let store = &world.hub.store;
    let counts = store
        .inbox_counts(TENANT, Some(SOURCE), Some(Origin::Sweep))
        .await
        .unwrap();
    assert_eq!(counts.quarantined, 1);
    let found = store.findings(TENANT, SOURCE, 99).await.unwrap();
    let found = found.iter().filter(|one| one.part == Part::Orders);
    assert_eq!(found.count(), 1);
    assert_eq!(rows(&world), before.0, "rows make it no better");
}

#[tokio::test]
async fn what_was_there_before_the_hub_is_history_whoever_finds_it() {
    let setting = Setting {
        has_hooks: true,
        walks: WalkSettings {
            sweep_ms: 3_600_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = shop(8, 12, setting).await;
    world.walk_alone().await;
    let (customers, old) = (world.shop.ids(Kind::Customer), world.shop.ids(Kind::Order));
    let parts = [Part::Customers, Part::Orders];
    world.begin(Job::Reconcile, &parts).await;
    world.run(STEPS).await;
    // And what happens later is none, also where its webhook is lost.
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    world.clock.advance_ms(3_600_000);
    let mut traffic = schakel_sandbox::lightspeed::traffic::Generator::new(
        &world.shop,
        schakel_sandbox::door::Seed::new(3),
        schakel_sandbox::lightspeed::traffic::Mix::lively(),
    );
    let new = traffic.story().unwrap();
    world.clock.advance_ms(3_600_000);
    world.run(STEPS).await;
    let store = &world.hub.store;
    let is_historic = async |kind, ids: &[u64]| {
        let keys: Vec<RecordKey> = ids.iter().map(|id| key(kind, signed(*id))).collect();
        let rows = store.read_records(TENANT, &keys).await.unwrap();
        assert_eq!(rows.len(), ids.len());
        let marks: std::collections::BTreeSet<bool> = rows.iter().map(|row| row.is_historic).collect();
        marks.into_iter().collect::<Vec<bool>>()
    };
    assert_eq!(is_historic(RecordKind::Order, &old).await, [true]);
    assert_eq!(is_historic(RecordKind::Order, &[new]).await, [false]);
    let mut persons = std::collections::BTreeMap::new();
    for id in &customers {
        let mut tx = store.write().await.unwrap();
        let node = key(RecordKind::Customer, signed(*id));
        for node in tx.nodes(TENANT, 1, &[node]).await.unwrap() {
            persons.insert(node.relation.unwrap(), *id);
        }
    }
    assert!(!persons.is_empty());
    for person in persons.into_keys() {
        let row = store.relation_row(TENANT, person).await.unwrap().unwrap();
        assert!(row.is_historic, "{row:?}");
    }
}

#[tokio::test]
async fn every_call_of_a_reconciliation_is_counted_also_for_pages_that_bring_nothing() {
    let world = known(12, 3, Setting::default()).await;
    let customers: Vec<RecordKey> = world.shop.ids(Kind::Customer)[..6]
        .iter()
        .map(|id| key(RecordKind::Customer, signed(*id)))
        .collect();
    // The hub takes them for gone, and the shop lists them.
    let mut rows = world.hub.store.read_records(TENANT, &customers).await.unwrap();
    for row in &mut rows {
        let (version, event, _) = row.held.live.clone().unwrap();
        let later = schakel_core::record::Version {
            at: version.at.plus_ms(1_000),
            ordinal: version.ordinal + 1,
            ..version
        };
        row.held.tombstone = Some((later, event));
    }
    let mut tx = world.hub.store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    tx.commit().await.unwrap();
    world.begin(Job::Reconcile, &[Part::Customers]).await;
    let before = world.calls();
    while world.walk(Job::Reconcile, Part::Customers).await.phase == Phase::Ids {
        world.walk_alone().await;
    }
    let walk = world.walk(Job::Reconcile, Part::Customers).await;
    assert_eq!(walk.doubted, 6, "{walk:?}");
    assert_eq!(u64::try_from(walk.calls).unwrap(), world.calls() - before);
}

#[tokio::test]
async fn a_walk_that_waits_for_the_hub_says_so() {
    let world = shop(3, 3, Setting::default()).await;
    world.begin(Job::Backfill, &[Part::Customers]).await;
    while world.walk(Job::Backfill, Part::Customers).await.seen == 0 {
        world.walk_alone().await;
    }
    let backlog: Vec<Event> = (1..=2_000)
        .map(|id| Event {
            id: EventId(id),
            tenant: TENANT,
            connection: SOURCE,
            origin: Origin::Webhook,
            class: schakel_core::connector::Class::Live,
            trust: schakel_core::event::Trust::Payload,
            stream: "orders".to_owned(),
            kind: Some(RecordKind::Order),
            action: schakel_core::event::Action::Updated,
            remote_id: id,
            ordinal: 0,
            status: 200,
            floor: schakel_core::time::Timestamp::ZERO,
            received_at: world.clock.now(),
            asked_at: None,
            headers: "{}".to_owned(),
            body: bytes::Bytes::from_static(b"{}"),
        })
        .collect();
    let turn = world.hub.store.intake().await.unwrap();
    turn.insert(&schakel_store::NewEvent::all(backlog)).await.unwrap();
    for (seconds, says) in [(0, false), (4, false), (2, true)] {
        world.clock.advance_ms(seconds * 1_000);
        assert!(matches!(world.walk_alone().await, Stepped::Waits(_)));
        let walk = world.walk(Job::Backfill, Part::Customers).await;
        assert_eq!(walk.note.contains("the hub is behind"), says, "{walk:?}");
        assert!(walk.is_open());
    }
}

// It stood there as if it went on, for hours.
#[tokio::test]
async fn a_walk_whose_budget_is_used_up_says_which_limit_binds_and_until_when() {
    let setting = Setting {
        limits: [100, 60, 30],
        has_quotes: false,
        has_pictures: false,
        ..Setting::default()
    };
    let mut world = shop(3, 40, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    let walk = world
        .run_until(
            (Job::Backfill, Part::OrderRows),
            "the limit of a day leaves it no call before 2026-05-1",
        )
        .await;
    assert!(walk.is_open() && walk.seen > 0, "{walk:?}");
    let note = walk.note.clone();
    assert!(
        note.ends_with(" UTC; `schakel budget` shows who spent them"),
        "{note}"
    );
    world.clock.advance_ms(1_000);
    world.walk_alone().await;
    let again = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(again.note, note, "it stays, to the minute");

    // The same of a shop that refuses, and of limits that leave nothing.
    let mut world = shop(3, 3, Setting::default()).await;
    world.shop.fail_next(RestFault::TooManySeconds(600), 1);
    world.want_order(world.shop.ids(Kind::Order)[0]).await;
    world.begin(Job::Backfill, &[Part::Customers]).await;
    let walk = world
        .run_until((Job::Backfill, Part::Customers), "left alone")
        .await;
    assert!(
        walk.note
            .contains("the shop asked to be left alone until 2026-05-12"),
        "{walk:?}"
    );
    let limits = Setting {
        limits: [100, 60, 2],
        ..Setting::default()
    };
    let mut world = shop(3, 3, limits).await;
    world.begin(Job::Backfill, &[Part::Customers]).await;
    let walk = world
        .run_until((Job::Backfill, Part::Customers), "reserves")
        .await;
    assert!(
        walk.note
            .starts_with("the limit of a day is so low that its reserves"),
        "{walk:?}"
    );
}

// Without webhooks nobody asked the shop anything before there was room, so its clock was not heard, and a budget that was used
// up long before the restart stayed so for a whole window.
#[tokio::test]
async fn a_budget_that_was_used_up_long_before_a_restart_holds_no_walk_up() {
    let setting = Setting {
        limits: [60, 600, 6_000],
        ..Setting::default()
    };
    let mut world = shop(3, 80, setting).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    let note = "the limit of five minutes leaves it no call";
    world.run_until((Job::Backfill, Part::OrderRows), note).await;
    let backfill = schakel_core::connector::Class::Backfill;
    world.clock.advance_ms(3_600_000);
    world = world.restarted_with(|setting| setting.is_admitted = false).await;
    assert!(world.hub.sources[&SOURCE].ledger.hold().await.unwrap());
    assert_eq!(
        world.hub.sources[&SOURCE].ledger.room(backfill),
        0,
        "no wall clock is believed"
    );
    assert_eq!(world.walk_alone().await, Stepped::Went);
}

#[tokio::test]
async fn findings_older_than_they_are_kept_go_with_the_next_sweep() {
    let setting = Setting {
        walks: WalkSettings {
            sweep_ms: 600_000,
            ..WalkSettings::OFF
        },
        ..Setting::default()
    };
    let mut world = known(4, 6, setting).await;
    let orders = world.shop.ids(Kind::Order);
    let left = async |world: &Past| {
        let found = world.hub.store.findings(TENANT, SOURCE, 99).await.unwrap();
        found.iter().filter(|one| one.part == Part::Orders).count()
    };
    for (order, wait_ms, expected) in [
        (0, 600_000, 1),
        (1, FINDINGS_KEPT_MS - 1_200_000, 2),
        (2, 1_200_000, 2),
    ] {
        world.clock.advance_ms(wait_ms);
        world.shop.cancel_order(orders[order]);
        world.clock.advance_ms(600_000);
        world.run(STEPS).await;
        assert_eq!(left(&world).await, expected, "after order {order}");
    }
    let counts = world.hub.store.finding_counts(TENANT, SOURCE).await.unwrap();
    let ever = counts.iter().find(|(name, _)| name == "orders/changed/untold");
    assert_eq!(ever.map(|(_, count)| *count), Some(3));
}
