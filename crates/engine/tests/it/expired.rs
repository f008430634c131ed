//! Carts whose time ends while nothing comes in: the running hub ends them by its clock.

use std::time::Duration;

use schakel_core::limits;
use schakel_engine::apply::{self, Fence, Stepped};
use schakel_engine::report::{self, CartLine, NobodysCart, Presets, Probe};
use schakel_engine::supervise;
use schakel_testkit::wait_until;
use serde_json::{Value, json};

use crate::carts::{say, with_everything};
use crate::payloads::{at, customer, quote};
use crate::world::{SINK, SOURCE, World};

const HOUR_MS: i64 = 3_600_000;

/// A hub whose carts end after a day, with a cart of Jan, one of nobody, and one of which a checkout says that it is Els's,
/// whom nobody knows.
async fn world() -> World {
    let mut world = World::with(|hub| {
        with_everything(hub);
        hub.routes[0].has_quote_rows = false;
        hub.routes[0].carts.expires_ms = 24 * HOUR_MS;
    })
    .await;
    for (name, connector, id) in [("shop", "lightspeed", SOURCE), ("crm", "copernica", SINK)] {
        let named = world
            .hub
            .store
            .ensure_connection(world.hub.tenant, name, connector, id);
        named.await.unwrap();
    }
    let jan = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &jan).await;
    for (id, owner) in [(70, 11), (71, 0), (72, 0)] {
        world.webhook("quotes/created", id, &quote(id, owner, 5)).await;
    }
    let checkout = json!({"id": 500, "created_at": at(1), "updated_at": at(6), "order_id": "", "step": "customer",
        "customer": {"id": "", "email": "els@example.org"}, "quote": {"id": "72"}});
    say(&world, &("checkouts", 500, checkout)).await;
    world.run_until_idle().await;
    world
}

fn shown(world: &World) -> Vec<Vec<String>> {
    world.subprofiles("Quotes", &["QuoteID", "QuoteStatus", "BookerzQuotesDeleted"])
}

async fn counted(world: &World) -> Vec<CartLine> {
    let (store, now) = (&world.hub.store, world.hub.clock.now());
    let status = report::status(store, world.hub.tenant, &Probe::default(), now).await;
    status.unwrap().carts
}

/// Waits, beside the tasks of the hub, until the carts are shown and counted so; says what they are when they never are.
fn until(world: &World, carts: &[[&str; 4]], counts: (i64, i64)) {
    let runtime = tokio::runtime::Handle::current();
    let line = |line: &CartLine| (line.waiting, line.expired);
    let look = || {
        let lines = runtime.block_on(counted(world));
        (shown(world), lines.iter().map(line).collect::<Vec<_>>())
    };
    let shall: Vec<Vec<String>> = carts
        .iter()
        .map(|cart| cart.map(str::to_owned).to_vec())
        .collect();
    let is_so = || look() == (shall.clone(), vec![counts]);
    let is_seen = tokio::task::block_in_place(|| wait_until(Duration::from_secs(30), is_so));
    let seen = tokio::task::block_in_place(look);
    assert!(is_seen, "{seen:?} instead of {carts:?} {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_that_are_left_alone_end_by_the_clock_and_are_told_as_expired() {
    let world = world().await;
    let running = supervise::start(&world.hub, true);
    until(&world, &[["1", "70", "Open", "No"]], (2, 0));

    world.clock.advance_ms(25 * HOUR_MS);
    until(&world, &[["1", "70", "Expired", "No"]], (0, 2));
    let said = counted(&world).await[0].expired_until.clone().unwrap();
    assert!(said.starts_with("2026-05-12T12"), "{said}");
    let explained = report::explain(world.reader(&Presets::default()), "jan@example.org", 9)
        .await
        .unwrap();
    let cart = &explained[0].carts[0];
    let since: Vec<&str> = cart.expired_at.values().map(String::as_str).collect();
    assert_eq!((cart.remote_id, since), (70, vec!["2026-05-13T10:00:05.000000Z"]));

    // Whoever becomes known later gets his cart as what it is.
    let els: Value = customer(12, "registered", "els@example.org", 30);
    world.webhook("customers/created", 12, &els).await;
    until(
        &world,
        &[["1", "70", "Expired", "No"], ["2", "72", "Expired", "No"]],
        (0, 1),
    );
    // One that changes is a new wish.
    world.webhook("quotes/updated", 71, &now(&world, 71)).await;
    until(
        &world,
        &[["1", "70", "Expired", "No"], ["2", "72", "Expired", "No"]],
        (1, 0),
    );
    running.stop().await;
    world.assert_nothing_double();
}

/// A cart of nobody that changes now.
fn now(world: &World, id: i64) -> Value {
    let mut cart = quote(id, 0, 5);
    cart["updatedAt"] = json!(world.hub.clock.now().to_string());
    cart
}

/// What `explain` says of the cart `id`: whose it is, or what nobody's is like.
async fn explained(world: &World, id: i64) -> (Vec<i64>, Vec<NobodysCart>) {
    let id = id.to_string();
    let people = report::explain(world.reader(&Presets::default()), &id, 9)
        .await
        .unwrap();
    let carts = report::nobodys_carts(world.reader(&Presets::default()), &id, 9)
        .await
        .unwrap();
    (people.iter().map(|person| person.relation).collect(), carts)
}

#[tokio::test]
async fn a_cart_of_nobody_is_explained_by_its_id() {
    let mut world = world().await;
    assert_eq!(
        apply::end_carts(&world.hub, Fence::Alone).await.unwrap().events,
        0
    );
    let (people, carts) = explained(&world, 70).await;
    assert_eq!((people, carts.len()), (vec![1], 0), "it is Jan's");

    let (people, carts) = explained(&world, 71).await;
    assert_eq!((people.len(), carts.len()), (0, 1));
    let cart = &carts[0];
    assert_eq!((cart.cart_of_nobody, cart.connection.as_str()), (71, "shop"));
    assert_eq!(cart.waits_since.as_deref(), Some("2026-05-12T10:00:05.000000Z"));
    let end = ("crm".to_owned(), "2026-05-13T10:00:05.000000Z".to_owned());
    assert_eq!(cart.ends_at, [end].into());
    assert_eq!(cart.is_expired, [("crm".to_owned(), false)].into());
    assert_eq!(
        (cart.checkouts.len(), cart.events.len(), cart.is_deleted),
        (0, 1, false)
    );

    let (_, carts) = explained(&world, 72).await;
    let checkout = &carts[0].checkouts[0];
    assert_eq!(
        (checkout.remote_id, checkout.customer, checkout.has_email),
        (500, None, true)
    );
    assert!(
        !serde_json::to_string(&carts).unwrap().contains("els@"),
        "whom it names is not told"
    );
    assert_eq!(
        explained(&world, 500).await,
        (vec![], carts),
        "the checkout leads to it"
    );

    world.clock.advance_ms(25 * HOUR_MS);
    apply::end_carts(&world.hub, Fence::Alone).await.unwrap();
    let (_, carts) = explained(&world, 71).await;
    assert_eq!(carts[0].is_expired, [("crm".to_owned(), true)].into());

    let els: Value = customer(12, "registered", "els@example.org", 30);
    world.webhook("customers/created", 12, &els).await;
    world.run_until_idle().await;
    let (people, carts) = explained(&world, 72).await;
    assert_eq!((people, carts.len()), (vec![2], 0), "it is Els's now");
    assert_eq!(explained(&world, 500).await, (vec![2], vec![]));
    let (people, carts) = explained(&world, 99).await;
    assert_eq!((people.len(), carts.len()), (0, 0), "no such cart");
}

#[tokio::test]
async fn many_carts_of_one_moment_end_a_batch_at_a_time_and_each_once() {
    let world = world().await;
    let many = i64::try_from(limits::APPLY_BATCH).unwrap() + 7;
    for id in 1_000..1_000 + many {
        world.webhook("quotes/created", id, &quote(id, 0, 5)).await;
    }
    world.apply().await;
    let ended = async || apply::end_carts(&world.hub, Fence::Alone).await.unwrap();
    assert_eq!(ended().await, Stepped::default());
    world.clock.advance_ms(24 * HOUR_MS);
    let first = ended().await;
    // The only cart that a sink shows has the lowest id.
    assert_eq!((first.events, first.deliveries), (limits::APPLY_BATCH, 1));
    let second = ended().await;
    assert_eq!((second.events, second.deliveries), (10, 0));
    assert_eq!(counted(&world).await[0].expired, many + 2);
    assert_eq!(ended().await, Stepped::default());
}
