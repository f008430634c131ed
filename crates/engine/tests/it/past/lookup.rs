//! Look-ups: what a history of a period or of single parts refers to comes with the fewest calls. The shop counts them.

use std::collections::BTreeSet;

use schakel_core::connector::{Part, Span};
use schakel_core::lookup;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_sandbox::lightspeed::{Access, Kind, Options, Permissions};

use super::history::{STEPS, shop};
use super::world::{Past, Setting};

/// Everything of the last so many days.
fn last(world: &Past, days: i64) -> Span {
    Span {
        created_from: Some(world.clock.now().plus_ms(-days * 86_400_000)),
        ..Span::default()
    }
}

/// How often the shop was asked for `label`.
fn asked(world: &Past, label: &str) -> i64 {
    let calls = world.asked().get(label).copied().unwrap_or(0);
    i64::try_from(calls).unwrap()
}

/// Reads the history of `parts` to its end.
async fn read(world: &mut Past, parts: &[Part], span: Span) {
    world.begin_span(Job::Backfill, parts, span).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
}

/// The customers whose orders are in the account, by what the shop says.
fn buyers(world: &Past) -> BTreeSet<u64> {
    let ids = world.column("Orders", "OrderID").into_iter();
    let order = |id: String| world.shop.order(id.parse().unwrap()).unwrap();
    ids.filter_map(|id| order(id).customer).collect()
}

/// Fails unless the account has the buyers, and beside them those who are new in the period, and nobody else.
async fn assert_people(world: &Past, new: i64) {
    let mut expected = buyers(world);
    let known = world.shop.ids(Kind::Customer);
    expected.extend(known.iter().rev().take(usize::try_from(new).unwrap()));
    let shown = world.column("profile", "CustomerID").into_iter();
    let shown: BTreeSet<u64> = shown.map(|id| id.parse().unwrap()).collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn the_people_and_products_of_a_period_are_found_in_lists_where_they_are_many() {
    let mut world = shop(300, 900, Setting::default()).await;
    let (parts, span) = (world.parts(), last(&world, 60));
    read(&mut world, &parts, span).await;
    let orders = world.column("Orders", "OrderID").len();
    assert!((100..200).contains(&orders), "{orders}");
    assert_eq!(asked(&world, "GET customers/{id}"), 0, "{:?}", world.asked());
    assert_eq!(asked(&world, "GET products/{id}"), 0, "{:?}", world.asked());
    let customers = world.walk(Job::Lookup, Part::Customers).await;
    assert!(
        customers.stored > 2 && customers.seen > customers.stored,
        "{customers:?}"
    );
    // Those who are older than the period, and no others.
    let new = world.walk(Job::Backfill, Part::Customers).await.seen;
    assert_eq!(
        (customers.seen, customers.calls),
        (300 - new, 1 + 2),
        "{customers:?}"
    );
    assert_people(&world, new).await;
}

#[tokio::test]
async fn the_few_people_of_a_short_period_are_asked_for_one_by_one() {
    let mut world = shop(1_000, 1_000, Setting::default()).await;
    let (parts, span) = (world.parts(), last(&world, 1));
    read(&mut world, &parts, span).await;
    let orders = world.column("Orders", "OrderID").len();
    assert!((1..=4).contains(&orders), "{orders}");
    let customers = asked(&world, "GET customers/{id}");
    assert!((1..=4).contains(&customers), "{:?}", world.asked());
    let walks = world.walks().await;
    let of_people = |walk: &&Walk| walk.job == Job::Lookup && walk.part == Part::Customers;
    assert!(
        walks.iter().filter(of_people).all(|walk| walk.seen == 0),
        "no list was read"
    );
    let new = world.walk(Job::Backfill, Part::Customers).await.seen;
    assert_people(&world, new).await;
}

/// Whatever the period: what is missing costs what the rule says, counted at the shop.
#[tokio::test]
async fn what_a_look_up_costs_is_what_the_rule_says() {
    for days in [2, 6, 30, 200] {
        let setting = Setting {
            has_pictures: false,
            has_quotes: false,
            ..Setting::default()
        };
        let mut world = shop(500, 700, setting).await;
        let span = last(&world, days);
        // Without the list of customers: all of them are missing.
        read(&mut world, &[Part::Orders], span).await;
        let missing = i64::try_from(buyers(&world).len()).unwrap();
        let made = i64::try_from(world.calls()).unwrap()
            - asked(&world, "GET orders")
            - asked(&world, "GET orders/count")
            - asked(&world, "GET shop");
        assert_eq!(made, lookup::calls(missing, 500), "{days}: {:?}", world.asked());
        assert_people(&world, 0).await;
    }
}

#[tokio::test]
async fn a_second_history_of_the_same_people_asks_for_nobody() {
    let mut world = shop(100, 300, Setting::default()).await;
    let span = last(&world, 60);
    read(&mut world, &[Part::Orders], span).await;
    let before = world.asked();
    read(&mut world, &[Part::Orders], span).await;
    for label in ["GET customers", "GET customers/count", "GET customers/{id}"] {
        assert_eq!(world.asked().get(label), before.get(label), "{label}");
    }
}

#[tokio::test]
async fn kills_while_things_are_looked_up_lose_nobody() {
    let mut world = shop(300, 600, Setting::default()).await;
    let (parts, span) = (world.parts(), last(&world, 90));
    world.begin_span(Job::Backfill, &parts, span).await;
    let mut is_over = false;
    for kill in 0..200_usize {
        for _ in 0..=(kill % 3) {
            let wait_us = world.step().await;
            world.wait(wait_us);
        }
        is_over = world.walks().await.iter().any(|walk| walk.job == Job::Lookup);
        if is_over && kill % 2 == 0 {
            world = world.restarted().await;
        }
    }
    assert!(is_over, "nothing was looked up meanwhile");
    world.run(STEPS).await;
    world.assert_all_done().await;
    let new = world.walk(Job::Backfill, Part::Customers).await.seen;
    assert_people(&world, new).await;
    assert_eq!(asked(&world, "GET customers/{id}"), 0, "{:?}", world.asked());
}

/// A key that may not read customers stops the look-up; the orders are there all the same, and nobody is marked.
#[tokio::test]
async fn a_refused_section_stops_the_look_up_and_is_not_asked_again_and_again() {
    let mut world = shop(100, 300, Setting::default()).await;
    let key = Options::default().api_key;
    let without = Permissions {
        customers: Access::NONE,
        ..Permissions::default()
    };
    world.shop.set_permissions(&key, without);
    let span = last(&world, 60);
    world.begin_span(Job::Backfill, &[Part::Orders], span).await;
    for _ in 0..300 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    let looked_up = world.walk(Job::Lookup, Part::Customers).await;
    assert_eq!(looked_up.state, WalkState::Stopped, "{looked_up:?}");
    assert_eq!(asked(&world, "GET customers/count"), 1, "{:?}", world.asked());
    world.assert_nothing_deleted();
}
