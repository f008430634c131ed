//! Sweeps: what webhooks did not tell is found, explained, and read for one call a thing.

use std::collections::BTreeMap;

use schakel_core::connector::Part;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState, What, Why};
use schakel_engine::hub::WalkSettings;
use schakel_engine::walk::Stepped;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{Kind, WebhookFaults};

use super::history::{STEPS, known, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

fn every(minutes: i64) -> WalkSettings {
    WalkSettings {
        sweep_ms: minutes * 60_000,
        checkouts_ms: minutes * 60_000,
        ..WalkSettings::OFF
    }
}

async fn findings(world: &Past) -> BTreeMap<(Part, u64), (What, Why)> {
    let found = world.hub.store.findings(TENANT, SOURCE, 1_000).await.unwrap();
    found
        .into_iter()
        .map(|one| {
            let id = u64::try_from(one.remote_id).unwrap();
            ((one.part, id), (one.what, one.why))
        })
        .collect()
}

#[tokio::test]
async fn what_webhooks_did_not_tell_is_found_explained_and_costs_a_call_each() {
    for is_filter_time_utc in [false, true] {
        let setting = Setting {
            has_hooks: true,
            is_filter_time_utc,
            ..Setting::default()
        };
        let mut world = known(20, 30, setting).await;
        world.watching.step().await.unwrap();
        world.clock.advance_ms(4 * 3_600_000);
        world.shop.set_webhook_faults(WebhookFaults {
            lost_percent: 100,
            ..WebhookFaults::default()
        });
        let old = world.shop.ids(Kind::Order);
        let mut traffic = Generator::new(&world.shop, Seed::new(3), Mix::lively());
        let new = traffic.story().unwrap();
        world.clock.advance_ms(20 * 60_000);
        world.shop.cancel_order(old[3]);
        world.shop.cancel_order(old[4]);
        world.clock.advance_ms(11 * 60_000);
        world.shop.cancel_order(old[5]);
        world.shop.deliver_due().await;
        let before = world.asked();
        let parts: Vec<Part> = world
            .parts()
            .into_iter()
            .filter(|part| Job::Sweep.walks(*part))
            .collect();
        let span = schakel_core::walk::sweep_span(None, world.clock.now());
        world.begin_span(Job::Sweep, &parts, span).await;
        world.run(STEPS).await;
        world.assert_all_done().await;
        world.assert_like_the_shop();
        let found = findings(&world).await;
        assert_eq!(found[&(Part::Orders, new)], (What::New, Why::Missed));
        assert_eq!(found[&(Part::Orders, old[3])], (What::Changed, Why::Missed));
        assert_eq!(found[&(Part::Orders, old[5])], (What::Changed, Why::Underway));
        let asked = |label: &str| {
            let count = |asked: &BTreeMap<&'static str, u64>| asked.get(label).copied().unwrap_or(0);
            count(&world.asked()) - count(&before)
        };
        assert_eq!(asked("GET orders"), 1);
        assert_eq!(
            asked("GET orders/{id}/products"),
            4,
            "a call for the rows of each"
        );
        assert_eq!(asked("GET orders/{id}"), 0, "and none for the order itself");
    }
}

#[tokio::test]
async fn sweeps_begin_where_the_last_whole_one_began_for_days() {
    let setting = Setting {
        walks: every(60),
        ..Setting::default()
    };
    let mut world = known(5, 5, setting).await;
    world.run(STEPS).await;
    let mut last = world.walk(Job::Sweep, Part::Orders).await;
    for _ in 0..50 {
        world.clock.advance_ms(3_600_000);
        world.run(STEPS).await;
        let walk = world.walk(Job::Sweep, Part::Orders).await;
        assert_eq!(walk.state, WalkState::Done);
        assert!(walk.started_at > last.started_at);
        // The shop tells the time in whole seconds.
        let from = last.asked_at.plus_ms(-3 * 3_600_000);
        assert!(last.asked_at > last.started_at.plus_ms(-1_000));
        assert_eq!(walk.span.updated_from, Some(from));
        last = walk;
    }
}

#[tokio::test]
async fn a_shop_without_webhooks_is_read_whole_once_and_then_every_five_minutes() {
    let walks = WalkSettings {
        has_history: true,
        ..every(5)
    };
    let setting = Setting {
        walks,
        ..Setting::default()
    };
    let mut world = shop(10, 20, setting).await;
    let mut traffic = Generator::new(&world.shop, Seed::new(3), Mix::lively());
    world.pass(10).await;
    let history = world.walk(Job::Backfill, Part::OrderRows).await;
    assert_eq!(history.state, WalkState::Done, "{history:?}");
    for _ in 0..6 {
        traffic.story();
        let old = world.shop.ids(Kind::Order);
        world.shop.pay_order(old[old.len() - 3]);
        world.pass(8).await;
        world.assert_like_the_shop();
    }
    let found = findings(&world).await;
    assert!(found.values().all(|(_, why)| *why == Why::Untold), "{found:?}");
}

// It was mended and not counted: `sync --wait` said that there were no differences.
#[tokio::test]
async fn what_a_sweep_settles_between_words_of_one_second_is_a_finding() {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = known(5, 6, setting).await;
    let mix = Mix {
        paid_percent: 0,
        cancelled_percent: 0,
        ..Mix::default()
    };
    let order = Generator::new(&world.shop, Seed::new(3), mix).story().unwrap();
    world.run(STEPS).await;
    world.clock.advance_ms(5_000);
    world.shop.pay_order(order);
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    world.shop.cancel_order(order);
    world.run(STEPS).await;
    let span = schakel_core::walk::sweep_span(None, world.clock.now());
    world.begin_span(Job::Sweep, &[Part::Orders], span).await;
    world.run(STEPS).await;
    world.assert_like_the_shop();
    let found = findings(&world).await;
    assert_eq!(
        found,
        BTreeMap::from([((Part::Orders, order), (What::Changed, Why::SameSecond))])
    );
}

// What the list said before the change stayed, since answers outrank payloads of their second.
#[tokio::test]
async fn a_page_that_was_read_before_a_change_of_its_second_hides_no_webhook() {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = known(5, 6, setting).await;
    let customer = world.shop.ids(Kind::Customer)[0];
    let into_second_ms = world.clock.now().as_micros() / 1_000 % 1_000;
    world.clock.advance_ms(5_100 - into_second_ms);
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    world.shop.change_email(customer, "first@example.org");
    let span = schakel_core::walk::sweep_span(None, world.clock.now());
    world.begin_span(Job::Sweep, &[Part::Customers], span).await;
    while world.walk_alone().await == Stepped::Went {}
    let sweep = world.walk(Job::Sweep, Part::Customers).await;
    assert_eq!((sweep.state, sweep.stored), (WalkState::Done, 1), "{sweep:?}");
    world.clock.advance_ms(100);
    world.shop.set_webhook_faults(WebhookFaults::default());
    world.shop.change_email(customer, "second@example.org");
    let before = world.asked();
    world.run(STEPS).await;
    let addresses = world.column("profile", "Email");
    assert!(
        addresses.contains(&"second@example.org".to_owned()),
        "{addresses:?}"
    );
    let asked = |asked: BTreeMap<&'static str, u64>| asked.get("GET customers/{id}").copied().unwrap_or(0);
    assert_eq!(asked(world.asked()) - asked(before), 1);
}
