//! One step of fetching: what goes wrong with one thing is about that thing alone.

use std::sync::Arc;

use schakel_core::connector::{BoxFuture, Class, Cx, Http, HttpError, Request, Response};
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_store::Hold;
use serde_json::json;

use crate::payloads::{customer, quote};
use crate::world::{SOURCE, World};

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
    let left = async || world.hub.store.fetch_count(world.hub.tenant).await.unwrap();
    assert_eq!(left().await, 1);
    // It is not held as a claim until that ends: it waits for its next attempt.
    let asked = world.asked().len();
    world.clock.advance_ms(limits::RETRY_CAP_MS);
    assert_eq!(world.fetching.step().await.unwrap(), 1);
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
    assert_eq!(world.fetching.step().await.unwrap(), 3);
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
    assert_eq!(world.fetching.step().await.unwrap(), 3);
    assert_eq!(world.asked_for(CHECK), 2);
    assert_eq!(world.hub.store.fetch_count(world.hub.tenant).await.unwrap(), 3);
}

#[tokio::test]
async fn what_an_answer_leads_to_is_paid_for_by_who_wanted_the_answer() {
    let mut world = World::new().await;
    // A history asked for one cart, a webhook tells of another: both wait when apply looks.
    world.shop_has("/nl/quotes/1.json", json!({ "quote": quote(1, 11, 5) }));
    world.want_for(Class::Backfill, RecordKind::Quote, 1).await;
    assert_eq!(world.fetching.step().await.unwrap(), 1);
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
