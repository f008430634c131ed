//! RelationIDs in an account that the database never gave: nobody is written over (A13), whatever became of the database.

use std::time::Duration;

use schakel_core::connector::Cx;
use schakel_engine::deliver::guard::{self, Adopted, Giving, Place, Strange};
use schakel_engine::supervise;
use schakel_sandbox::copernica::FaultKind;
use schakel_testkit::wait_until;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::payloads::{customer, plain_order};
use crate::world::{SINK, World};

/// A generous end for what is waited for.
const END: Duration = Duration::from_secs(60);

/// Lets person `id` place an order, without applying it.
async fn order_of(world: &World, id: i64) {
    let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
    world
        .webhook("orders/created", 900 + id, &plain_order(900 + id, &person, 1, 6))
        .await;
}

/// A hub that delivered these persons with an order each.
async fn filled(persons: impl IntoIterator<Item = i64>) -> World {
    let mut world = World::new().await;
    for id in persons {
        order_of(&world, id).await;
        world.run_until_idle().await;
    }
    world
}

/// RelationID, address, newsletter, CustomerID.
type Profile = (i64, String, String, i64);

/// Everything that stands in the account.
fn account(world: &World) -> (Vec<Profile>, Vec<Vec<String>>) {
    (world.profiles(), world.subprofiles("Orders", &["OrderID"]))
}

/// Asks the hub's own door what stands in the account, and whether it may go on above that.
async fn adopt(world: &World) -> Adopted {
    let sink = &world.hub.sinks[&SINK];
    let place = Place {
        store: &world.hub.store,
        tenant: world.hub.tenant,
        name: &sink.name,
        id: Some(SINK),
    };
    let cx: &Cx = &sink.cx;
    guard::adopt(&place, sink.sink.as_ref(), cx)
        .await
        .unwrap_or_else(|error| panic!("{error:?}"))
}

fn giving(world: &World) -> Giving {
    world.hub.looks.giving([SINK])
}

/// How often the account was asked for profiles.
fn looks(world: &World) -> u64 {
    let counts = world.copernica.counts().calls_by_kind;
    counts.get("GET database/profiles").copied().unwrap_or(0)
}

/// Lets the hub do what it can for half an hour.
async fn half_an_hour(world: &mut World) {
    for _ in 0..30 {
        world.run().await;
        world.clock.advance_ms(60_000);
    }
}

#[tokio::test]
async fn a_database_that_was_lost_writes_over_nobody_and_says_so() {
    let world = filled([11, 12, 13]).await;
    let before = account(&world);
    let mut world = world.restarted(|_| None).await;
    // The same shop, told in another order: every number would be another person's.
    for id in [13, 12, 11, 14] {
        order_of(&world, id).await;
    }
    let (mut worker, gauge) = world.seen_worker();
    worker.step().await.unwrap();
    assert_eq!(giving(&world), Giving::Held);
    assert!(gauge.reading().is_blocked);
    half_an_hour(&mut world).await;
    assert_eq!(account(&world), before);
    assert_eq!(world.inbox().await.applied, 4, "everything else goes on");
    assert_eq!(
        world
            .hub
            .store
            .highest_tried(
                world.hub.tenant,
                SINK,
                schakel_core::delivery::ObjectKind::Relation
            )
            .await
            .unwrap(),
        0
    );
}

/// The running hub: as long as adopting is possible persons get no numbers, so that events wait and adopting stays possible;
/// after it they are applied without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_number_until_it_is_decided_what_stands_there() {
    let world = filled([11, 12, 13]).await;
    let before = account(&world);
    let world = world.restarted(|_| None).await;
    for id in [13, 14] {
        order_of(&world, id).await;
    }
    let now = |world: &World| {
        block_in_place(|| {
            Handle::current().block_on(async {
                let inbox = world.inbox().await;
                let given = world
                    .hub
                    .store
                    .number_given(world.hub.tenant, guard::NUMBERS)
                    .await;
                (inbox.waiting, inbox.applied, given.unwrap())
            })
        })
    };
    let running = supervise::start(&world.hub, true);
    assert!(wait_until(END, || giving(&world) == Giving::Held));
    world.clock.advance_ms(3_600_000);
    let polls = looks(&world) + 2;
    assert!(wait_until(END, || {
        world.clock.advance_ms(60_000);
        looks(&world) >= polls
    }));
    assert_eq!(now(&world), (2, 0, 0), "events wait however often it was looked");
    assert!(matches!(adopt(&world).await, Adopted::Above(_)));
    assert!(wait_until(END, || {
        world.clock.advance_ms(1_000);
        now(&world).1 == 2 && world.profiles().len() == 5
    }));
    running.stop().await;
    assert_eq!(account(&world).0[..3], before.0);
}

#[tokio::test]
async fn an_adopted_account_keeps_its_profiles_and_new_ones_come_above() {
    let world = filled([11, 12, 13]).await;
    let before = account(&world);
    let mut world = world.restarted(|_| None).await;
    world.delivery.step().await.unwrap();
    let found = Strange {
        highest: 3,
        known: 0,
        given: 0,
        taken: 0,
    };
    assert_eq!(adopt(&world).await, Adopted::Above(found));
    for id in [13, 12, 14] {
        order_of(&world, id).await;
        world.apply().await;
    }
    half_an_hour(&mut world).await;
    let (profiles, orders) = account(&world);
    assert_eq!(profiles[..3], before.0, "the old profiles are left alone");
    let new: Vec<(i64, &str)> = profiles[3..].iter().map(|one| (one.0, one.1.as_str())).collect();
    assert_eq!(
        new,
        [
            (4, "p13@example.org"),
            (5, "p12@example.org"),
            (6, "p14@example.org")
        ]
    );
    assert_eq!(orders.len(), before.1.len() + 3);
    assert!(before.1.iter().all(|order| orders.contains(order)), "{orders:?}");
    // Also after the next start.
    let mut world = world.restarted(Some).await;
    order_of(&world, 15).await;
    half_an_hour(&mut world).await;
    assert_eq!(world.profiles().len(), 7);
    assert_eq!(
        (adopt(&world).await, giving(&world)),
        (Adopted::Nothing, Giving::Free)
    );
}

#[tokio::test]
async fn adopting_is_refused_once_somebody_has_a_number_of_another() {
    let world = filled([11, 12, 13]).await;
    let mut world = world.restarted(|_| None).await;
    order_of(&world, 12).await;
    world.apply().await;
    let found = Strange {
        highest: 3,
        known: 0,
        given: 1,
        taken: 1,
    };
    assert_eq!(adopt(&world).await, Adopted::TooLate(found));
    let given = world
        .hub
        .store
        .number_given(world.hub.tenant, guard::NUMBERS)
        .await;
    assert_eq!(given.unwrap(), 1, "nothing was changed");
    let before = account(&world);
    half_an_hour(&mut world).await;
    assert_eq!(account(&world), before);
}

#[tokio::test]
async fn an_older_copy_writes_over_nobody_who_came_after_it() {
    let mut copy = Vec::new();
    let world = filled([11, 12]).await;
    let mut world = world
        .restarted(|bytes| {
            copy.clone_from(&bytes);
            Some(bytes)
        })
        .await;
    order_of(&world, 13).await;
    world.run_until_idle().await;
    let before = account(&world);
    let mut world = world.restarted(|_| Some(copy)).await;
    world.delivery.step().await.unwrap();
    assert_eq!(giving(&world), Giving::Held);
    half_an_hour(&mut world).await;
    assert_eq!(account(&world), before);
    let found = Strange {
        highest: 3,
        known: 2,
        given: 2,
        taken: 0,
    };
    assert_eq!(adopt(&world).await, Adopted::Above(found));
    order_of(&world, 14).await;
    order_of(&world, 12).await;
    half_an_hour(&mut world).await;
    let profiles = world.profiles();
    assert_eq!(profiles[..3], before.0);
    assert_eq!((profiles[3].0, profiles[3].1.as_str()), (4, "p14@example.org"));
    world.assert_nothing_double();
}

/// Two accounts, an older copy: once the numbers went on above those of the first, the second is decided on as before.
#[tokio::test]
async fn adopting_one_account_leaves_the_way_open_for_the_next() {
    let world = filled([11, 12, 13, 14]).await;
    let before = account(&world);
    let mut world = world.restarted(|_| None).await;
    let (store, tenant) = (&world.hub.store, world.hub.tenant);
    let above_the_first = store.skip_numbers(tenant, guard::NUMBERS, (0, 6), "adopted/other");
    above_the_first.await.unwrap();
    order_of(&world, 15).await;
    world.apply().await;
    world.delivery.step().await.unwrap();
    assert_eq!(
        giving(&world),
        Giving::Free,
        "new numbers are above the strange ones"
    );
    let found = Strange {
        highest: 4,
        known: 0,
        given: 7,
        taken: 0,
    };
    assert_eq!(adopt(&world).await, Adopted::Above(found));
    half_an_hour(&mut world).await;
    let profiles = world.profiles();
    assert_eq!(profiles[..4], before.0);
    assert_eq!((profiles[4].0, profiles[4].1.as_str()), (7, "p15@example.org"));
}

#[tokio::test]
async fn a_good_account_costs_two_calls_for_each_start() {
    let world = filled([11, 12]).await;
    assert_eq!(looks(&world), 2, "the highest number, and once the highest id");
    let mut other = world.second_worker();
    other.step().await.unwrap();
    assert_eq!(looks(&world), 3);
    let mut world = world.restarted(Some).await;
    order_of(&world, 13).await;
    world.run_until_idle().await;
    assert_eq!(
        (looks(&world), giving(&world)),
        (5, Giving::Free),
        "the highest number, and who was made there meanwhile"
    );
    assert_eq!(world.profiles().len(), 3);
    half_an_hour(&mut world).await;
    assert_eq!(looks(&world), 5);
}

#[tokio::test]
async fn while_the_account_cannot_be_looked_at_nothing_is_delivered() {
    let mut world = World::new().await;
    order_of(&world, 11).await;
    world.fail_call(FaultKind::Overload503, 0);
    world.run().await;
    assert_eq!((world.profiles().len(), giving(&world)), (0, Giving::Unknown));
    world.run_until_idle().await;
    assert_eq!((world.profiles().len(), giving(&world)), (1, Giving::Free));
}
