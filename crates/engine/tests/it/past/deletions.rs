//! Reconciliation: what went without a word is found, asked about twice and marked; much of it waits for a person.

use schakel_core::connector::Part;
use schakel_core::walk::{Job, Phase, Walk, WalkState, What, Why};
use schakel_engine::walk::Stepped;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{Kind, RestFault, RestFaults, WebhookFaults};

use super::history::{STEPS, known, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

async fn reconcile(world: &mut Past) {
    let parts: Vec<Part> = world
        .parts()
        .into_iter()
        .filter(|part| Job::Reconcile.walks(*part))
        .collect();
    world.begin(Job::Reconcile, &parts).await;
    world.run(STEPS).await;
}

fn gone(world: &Past) -> [Vec<String>; 2] {
    [
        world.deleted("profile", "CustomerID", "BookerzCustomerIsDeleted"),
        world.deleted("Orders", "OrderID", "BookerzOrderIsDeleted"),
    ]
}

#[tokio::test]
async fn what_went_without_a_word_is_marked_and_nothing_else() {
    let mut world = known(20, 30, Setting::default()).await;
    let (customers, orders) = (world.shop.ids(Kind::Customer), world.shop.ids(Kind::Order));
    world.shop.delete_customer(customers[4]);
    world.shop.delete_order(orders[7]);
    let before = world.asked();
    reconcile(&mut world).await;
    world.assert_all_done().await;
    assert_eq!(
        gone(&world),
        [vec![customers[4].to_string()], vec![orders[7].to_string()]]
    );
    let asked = world.asked();
    assert_eq!(
        asked["GET orders/{id}"] - before.get("GET orders/{id}").copied().unwrap_or(0),
        2,
        "one 404 is no deletion"
    );
    world.assert_like_the_shop();
}

// A reconciliation begun behind a history took what waited to be applied for unknown, and asked for each order by itself.
#[tokio::test]
async fn what_waits_to_be_applied_is_not_missing() {
    let mut world = shop(20, 30, Setting::default()).await;
    world.begin(Job::Backfill, &[Part::Customers, Part::Orders]).await;
    while world.walk_alone().await == Stepped::Went {}
    let orders = world.walk(Job::Backfill, Part::Orders).await;
    assert_eq!((orders.state, orders.stored), (WalkState::Done, 30));
    world
        .begin(Job::Reconcile, &[Part::Customers, Part::Orders])
        .await;
    world.walk_alone().await;
    let compared = world.walk(Job::Reconcile, Part::Customers).await;
    assert_eq!(compared.note, "what was read is being applied");
    assert_eq!((compared.has_failed(), compared.waits), (false, 1));
    world.run(STEPS).await;
    world.assert_all_done().await;
    let orders = world.walk(Job::Reconcile, Part::Orders).await;
    assert_eq!((orders.listed, orders.doubted), (30, 0));
    assert_eq!(world.asked().get("GET orders/{id}"), None);
    let found = world.hub.store.findings(TENANT, SOURCE, 1_000).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn what_is_missed_by_a_passing_404_comes_to_nothing() {
    let mut world = known(5, 6, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    // It is held for gone by nobody, and listed; its fetch meets one of the passing 404s.
    world.shop.cancel_order(orders[2]);
    world.shop.fail_next(RestFault::OrderNotFound, 1);
    reconcile(&mut world).await;
    world.assert_all_done().await;
    world.assert_nothing_deleted();
    world.assert_like_the_shop();
}

#[tokio::test]
async fn what_came_and_changed_without_a_word_is_asked_for_with_its_rows_and_delivered() {
    // Many differences are cheaper to read as a page elsewhere; of orders no list has the rows.
    let mut world = known(20, 30, Setting::default()).await;
    let old = world.shop.ids(Kind::Order);
    world.clock.advance_ms(24 * 3_600_000);
    let mut traffic = Generator::new(&world.shop, Seed::new(3), Mix::lively());
    let new: Vec<u64> = std::iter::from_fn(|| Some(traffic.story()))
        .flatten()
        .take(5)
        .collect();
    for id in &old[10..12] {
        world.shop.cancel_order(*id);
    }
    world.clock.advance_ms(3_600_000);
    let before = world.asked();
    reconcile(&mut world).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
    world.assert_nothing_deleted();
    let asked = |label: &str| world.asked()[label] - before.get(label).copied().unwrap_or(0);
    assert_eq!(
        (asked("GET orders"), asked("GET orders/{id}")),
        (1, 7),
        "ids, and each"
    );
    let walk = world.walk(Job::Reconcile, Part::Orders).await;
    assert_eq!((walk.listed, walk.stored, walk.doubted), (35, 0, 7));
    let found = world.hub.store.findings(TENANT, SOURCE, 1_000).await.unwrap();
    let of = |what| {
        let found = found
            .iter()
            .filter(|one| one.part == Part::Orders && one.what == what);
        let mut ids: Vec<u64> = found.map(|one| u64::try_from(one.remote_id).unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(of(What::New), new);
    assert_eq!(of(What::Changed), old[10..12]);
}

// Of an order that was deleted a second ago it was told that its webhook never came.
#[tokio::test]
async fn a_deletion_counts_as_missed_only_when_its_webhook_had_time_to_come() {
    for is_lost in [false, true] {
        let setting = Setting {
            has_hooks: true,
            ..Setting::default()
        };
        let mut world = known(20, 30, setting).await;
        let orders = world.shop.ids(Kind::Order);
        // A webhook tells that the shop has some, and the watch notes it.
        world.shop.cancel_order(orders[3]);
        world.run(STEPS).await;
        world.watching.step().await.unwrap();
        world.clock.advance_ms(3_600_000);
        world.shop.set_webhook_faults(WebhookFaults {
            lost_percent: if is_lost { 100 } else { 0 },
            delayed_percent: if is_lost { 0 } else { 100 },
            delay_ms_max: 8 * 60_000,
            ..WebhookFaults::default()
        });
        world.shop.delete_order(orders[7]);
        world.begin(Job::Reconcile, &[Part::Orders]).await;
        world
            .run_until((Job::Reconcile, Part::Orders), "1 are not listed any more")
            .await;
        world.run(STEPS).await;
        world.assert_all_done().await;
        assert_eq!(gone(&world)[1], [orders[7].to_string()]);
        let found = world.hub.store.findings(TENANT, SOURCE, 1_000).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .filter(|one| one.job == Job::Reconcile)
            .map(|one| (one.remote_id, one.what, one.why))
            .collect();
        let missed = (i64::try_from(orders[7]).unwrap(), What::Missing, Why::Missed);
        assert_eq!(found, if is_lost { vec![missed] } else { vec![] });
        let asked = world.asked();
        let calls = if is_lost { 2 } else { 1 };
        assert_eq!(
            asked["GET orders/{id}"], calls,
            "a webhook is a witness, one 404 is none"
        );
        assert_eq!(
            asked.get("GET invoices/{id}"),
            None,
            "nothing is made of invoices"
        );
    }
}

#[tokio::test]
async fn many_missing_things_wait_for_consent() {
    let mut world = known(10, 60, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    for id in &orders[5..30] {
        world.shop.delete_order(*id);
    }
    reconcile(&mut world).await;
    let walk = world.walk(Job::Reconcile, Part::Orders).await;
    assert_eq!((walk.state, walk.phase), (WalkState::Stopped, Phase::Accept));
    assert!(
        walk.note.contains("25 of 60 are not listed any more"),
        "{}",
        walk.note
    );
    assert!(
        walk.note.contains("`schakel reconcile --accept-deletions`"),
        "{}",
        walk.note
    );
    world.assert_nothing_deleted();
    world.resume(Job::Reconcile, &[Part::Orders]).await;
    world.run(STEPS).await;
    assert_eq!(gone(&world)[1].len(), 25);
    world.assert_all_done().await;
    world.assert_like_the_shop();
}

#[tokio::test]
async fn what_the_shop_lists_again_is_no_longer_marked() {
    let mut world = known(10, 12, Setting::default()).await;
    let orders = world.shop.ids(Kind::Order);
    // The shop answers 404 for long enough that the order is marked, and then has it again.
    let faults = RestFaults {
        latency_ms: 0,
        percent: vec![(RestFault::OrderNotFound, 100.0)],
    };
    world.want_order(orders[3]).await;
    world.shop.set_rest_faults(faults);
    world.run(STEPS).await;
    assert_eq!(gone(&world)[1], [orders[3].to_string()]);
    world.shop.set_rest_faults(RestFaults::default());
    reconcile(&mut world).await;
    world.assert_all_done().await;
    world.assert_nothing_deleted();
    world.assert_like_the_shop();
}

/// A membership in the shop; gives its number.
pub async fn join(world: &Past, group: &str, customer: u64) -> String {
    let body = format!(r#"{{"groupsCustomer":{{"group":{group},"customer":{customer}}}}}"#);
    let (status, answer) = world.shop_call("POST", "/nl/groups/customers.json", &body).await;
    assert_eq!(status, 201, "{answer}");
    id_of(&answer)
}

/// The number that an answer gives what was made.
pub fn id_of(answer: &str) -> String {
    let rest = answer.split_once("\"id\":").unwrap().1;
    rest.split(',').next().unwrap().to_owned()
}

#[tokio::test]
async fn memberships_that_ended_are_found_also_of_who_is_in_no_group_any_more() {
    let setting = Setting {
        has_groups: true,
        ..Setting::default()
    };
    let mut world = shop(12, 12, setting).await;
    let body = r#"{"group":{"title":"Trade"}}"#;
    let (_, answer) = world.shop_call("POST", "/nl/groups.json", body).await;
    let one = id_of(&answer);
    let (_, answer) = world.shop_call("POST", "/nl/groups.json", body).await;
    let two = id_of(&answer);
    let customers = world.shop.ids(Kind::Customer);
    let alone = join(&world, &one, customers[2]).await;
    let first = join(&world, &one, customers[5]).await;
    join(&world, &two, customers[5]).await;
    join(&world, &two, customers[9]).await;
    let last = join(&world, &one, customers[11]).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    let ended = |world: &Past| {
        world
            .deleted("CustomerGroups", "GroupID", "BookerzCustomerGroupsDeleted")
            .len()
    };
    assert_eq!(ended(&world), 0);
    for membership in [alone, first, last] {
        let path = format!("/nl/groups/customers/{membership}.json");
        let (status, _) = world.shop_call("DELETE", &path, "").await;
        assert!(status < 300, "{status}");
    }
    reconcile(&mut world).await;
    world.assert_all_done().await;
    assert_eq!(ended(&world), 3);
    // Nothing more is asked about them the next time.
    let before = world.calls();
    reconcile(&mut world).await;
    world.assert_all_done().await;
    assert!(world.calls() - before < 20, "{}", world.calls() - before);
    let open: Vec<Walk> = world.walks().await;
    assert!(open.iter().all(|walk| walk.note.is_empty()), "{open:?}");
}

#[tokio::test]
async fn what_is_asked_for_already_is_found_once_however_often_it_is_looked_at() {
    let mut world = known(20, 30, Setting::default()).await;
    let gone = world.shop.ids(Kind::Order)[7];
    world.shop.delete_order(gone);
    // The question about it stays open.
    world.answer(&format!("/orders/{gone}.json"), u32::MAX, (503, "away"));
    for _ in 0..3 {
        world.begin(Job::Reconcile, &[Part::Orders]).await;
        let walk = world
            .run_until((Job::Reconcile, Part::Orders), "a note that no walk has")
            .await;
        assert_eq!(walk.state, WalkState::Done);
        world.clock.advance_ms(1_000);
    }
    let store = &world.hub.store;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 1);
    let counts = store.finding_counts(TENANT, SOURCE).await.unwrap();
    assert_eq!(
        counts.iter().map(|(_, count)| count).sum::<i64>(),
        1,
        "{counts:?}"
    );
}
