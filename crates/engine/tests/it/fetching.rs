//! One step of fetching: what goes wrong with one thing is about that thing alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use schakel_core::connector::{BoxFuture, Class, Cx, Http, HttpError, Request, Response};
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_store::Hold;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::payloads::{customer, quote};
use crate::world::{SOURCE, World};

/// A door that keeps one path's answer back until it is let go, and counts what is out.
struct Slow {
    inner: Arc<dyn Http>,
    path: &'static str,
    let_go: Arc<Semaphore>,
    out: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Http for Slow {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let out = self.out.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(out, Ordering::Relaxed);
            if request.url.ends_with(self.path) {
                let _ = self.let_go.acquire().await.unwrap();
            }
            // So that those that are asked together are out together.
            tokio::task::yield_now().await;
            let answer = self.inner.send(request).await;
            self.out.fetch_sub(1, Ordering::Relaxed);
            answer
        })
    }
}

#[tokio::test]
async fn a_slow_answer_keeps_one_place_and_no_other() {
    let let_go = Arc::new(Semaphore::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (kept, counted) = (let_go.clone(), most.clone());
    let mut world = World::with(|hub| {
        let source = hub.sources.get_mut(&SOURCE).unwrap();
        source.fetches = 3;
        let door = Slow {
            inner: source.cx.http.clone(),
            path: "/nl/customers/11.json",
            let_go: kept,
            out: Arc::default(),
            most: counted,
        };
        source.cx = Cx::new(Arc::new(door), hub.clock.clone());
    })
    .await;
    let customers = 11..=18;
    for id in customers.clone() {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world.shop_has(&format!("/nl/customers/{id}.json"), json!({ "customer": person }));
        world.want(RecordKind::Customer, id).await;
    }
    let (hub, tenant) = (world.hub.clone(), world.hub.tenant);
    let left = async || hub.store.fetch_count(tenant).await.unwrap();
    loop {
        world.fetching.step().await.unwrap();
        if left().await == 1 {
            break;
        }
        world.fetching.until_answer().await;
    }
    assert_eq!(world.asked_for("/nl/customers/11.json"), 0, "it is still out");
    let_go.add_permits(1);
    world.fetching.end().await.unwrap();
    assert_eq!(left().await, 0);
    assert_eq!(
        most.load(Ordering::Relaxed),
        3,
        "more than the shop may be asked at once"
    );
    world.run().await;
    assert_eq!(world.profiles().len(), customers.count());
}

#[tokio::test]
async fn a_store_that_failed_costs_no_answer_and_no_wait() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let mut world = World::at_server(database.url()).await;
    assert_eq!(world.fetch().await, 0);
    let (hub, tenant) = (world.hub.clone(), world.hub.tenant);
    let wanted = async |world: &World, id: i64| {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world.shop_has(&format!("/nl/customers/{id}.json"), json!({ "customer": person }));
        world.want(RecordKind::Customer, id).await;
    };
    // A claim whose answer is lost: the store has it, and the loop knows nothing of it.
    wanted(&world, 12).await;
    let hold = Hold {
        owner: hub.worker.clone(),
        until: hub.clock.now().plus_ms(120_000),
    };
    let lost = (Class::Live, 9);
    let lost = hub
        .store
        .claim_fetches(tenant, SOURCE, hub.clock.now(), lost, &hold)
        .await;
    assert_eq!(lost.unwrap().len(), 1);
    wanted(&world, 11).await;
    assert_eq!(world.fetching.step().await.unwrap(), 1);
    database.take_away("wanted_fetch");
    assert!(world.fetching.end().await.is_err());
    assert!(world.fetching.step().await.is_err());
    database.bring_back("wanted_fetch");
    assert_eq!(world.fetch().await, 1, "the one that nobody knew of");
    assert_eq!(hub.store.fetch_count(tenant).await.unwrap(), 0);
    for id in [11, 12] {
        assert_eq!(world.asked_for(&format!("/nl/customers/{id}.json")), 1, "{id}");
    }
    world.run().await;
    assert_eq!(world.profiles().len(), 2);
    hub.store.close().await;
}

/// What a check of the shop asks for first.
const CHECK: &str = "/nl/account/permissions.json";

/// A door that fails on our side when it is asked for one path, and passes the rest on.
struct Broken {
    inner: Arc<dyn Http>,
    path: &'static str,
}

impl Http for Broken {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            assert!(!request.url.ends_with(self.path), "a fault of ours");
            self.inner.send(request).await
        })
    }
}

#[tokio::test]
async fn a_fetch_that_fails_on_our_side_goes_back_and_the_others_go_on() {
    let mut world = World::with(|hub| {
        let source = hub.sources.get_mut(&SOURCE).unwrap();
        let door = Broken {
            inner: source.cx.http.clone(),
            path: "/nl/customers/12.json",
        };
        source.cx = Cx::new(Arc::new(door), hub.clock.clone());
    })
    .await;
    for id in [11, 12, 13] {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world.shop_has(&format!("/nl/customers/{id}.json"), json!({ "customer": person }));
        world.want(RecordKind::Customer, id).await;
    }
    world.run().await;
    assert_eq!(world.profiles().len(), 2);
    let (hub, tenant) = (world.hub.clone(), world.hub.tenant);
    let left = async || hub.store.fetch_count(tenant).await.unwrap();
    assert_eq!(left().await, 1);
    // It is not held as a claim until that ends: it waits for its next attempt.
    let asked = world.asked().len();
    world.clock.advance_ms(limits::RETRY_CAP_MS);
    assert_eq!(world.fetch().await, 1);
    assert_eq!((left().await, world.asked().len()), (1, asked));
}

#[tokio::test]
async fn one_check_is_enough_for_all_that_a_step_misses() {
    let mut world = World::new().await;
    for id in [11, 12, 13] {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        world.webhook("customers/created", id, &person).await;
    }
    world.run_until_idle().await;
    for id in [11, 12, 13] {
        world.want(RecordKind::Customer, id).await;
    }
    world.run().await;
    assert_eq!(world.asked_for(CHECK), 0);
    world.clock.advance_ms(limits::GONE_AGAIN_MS);
    assert_eq!(world.fetch().await, 3);
    assert_eq!(world.asked_for(CHECK), 1, "a sign of life");
    world.run().await;
    let marked = world
        .copernica
        .find_profiles("schakel", "BookerzCustomerIsDeleted", "Yes");
    assert_eq!(marked.len(), 3);
    // Nor is one that failed repeated for each; and a good one of an earlier step proves nothing any more.
    world.shop_lacks(CHECK);
    for id in [14, 15, 16] {
        world.want(RecordKind::Customer, id).await;
    }
    world.run().await;
    world.clock.advance_ms(limits::GONE_AGAIN_MS);
    assert_eq!(world.fetch().await, 3);
    assert_eq!(world.asked_for(CHECK), 2);
    assert_eq!(world.hub.store.fetch_count(world.hub.tenant).await.unwrap(), 3);
}

#[tokio::test]
async fn what_an_answer_leads_to_is_paid_for_by_who_wanted_the_answer() {
    let mut world = World::new().await;
    // A history asked for one cart, a webhook tells of another: both wait when apply looks.
    world.shop_has("/nl/quotes/1.json", json!({ "quote": quote(1, 11, 5) }));
    world.want_for(Class::Backfill, RecordKind::Quote, 1).await;
    assert_eq!(world.fetch().await, 1);
    world.webhook("quotes/created", 2, &quote(2, 12, 5)).await;
    world.apply().await;
    let hold = Hold {
        owner: "the test".to_owned(),
        until: world.hub.clock.now().plus_ms(60_000),
    };
    // What a history misses is held back.
    let now = world.hub.clock.now().plus_ms(limits::HELD_BACK_MS);
    for (class, customer) in [(Class::Live, 12), (Class::Sweep, 0), (Class::Backfill, 11)] {
        let claimed = world
            .hub
            .store
            .claim_fetches(world.hub.tenant, SOURCE, now, (class, 99), &hold)
            .await
            .unwrap();
        let customers: Vec<i64> = claimed
            .iter()
            .map(|claimed| claimed.row.key)
            .filter(|key| key.kind == RecordKind::Customer)
            .map(|key| key.remote_id)
            .collect();
        let expected = if customer > 0 { vec![customer] } else { Vec::new() };
        assert_eq!(customers, expected, "{class:?}");
    }
}
