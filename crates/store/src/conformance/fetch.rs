//! Fetches: wished, claimed, answered.

use schakel_core::event::Origin;
use schakel_core::id::{ConnectionId, EventId, TenantId};

use super::make::{SHOP, TENANT, answer, at, order, wanted};
use super::on_both;
use crate::Store;
use crate::rows::FetchRow;

on_both! {
    a_second_wish_joins_the_first,
    due_fetches_are_claimed_once,
    an_answer_goes_into_the_inbox_with_a_number,
    a_wish_during_a_fetch_makes_another_one,
    a_failed_fetch_waits,
    fetches_of_the_gone_are_given_again,
    many_answers_are_stored_at_once,
}

async fn want(store: &Store, rows: &[FetchRow]) {
    let mut tx = store.write().await.unwrap();
    tx.want_fetches(TENANT, rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn take(store: &Store, now: i64, limit: usize) -> Vec<FetchRow> {
    store
        .claim_fetches(TENANT, SHOP, at(now), limit, "worker", at(now + 30))
        .await
        .unwrap()
}

async fn a_second_wish_joins_the_first(store: Store) {
    want(&store, &[wanted(1, 20), wanted(1, 10), wanted(2, 5)]).await;
    want(&store, &[wanted(1, 15), wanted(2, 3)]).await;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 2);
    let claimed = take(&store, 50, 9).await;
    let rows: Vec<_> = claimed
        .iter()
        .map(|row| (row.key, row.due_at, row.wanted))
        .collect();
    assert_eq!(rows, [(order(2), at(3), 2), (order(1), at(10), 2)]);
}

async fn due_fetches_are_claimed_once(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 20), wanted(3, 30)]).await;
    assert!(take(&store, 9, 9).await.is_empty());
    assert_eq!(take(&store, 25, 1).await[0].key, order(1));
    assert_eq!(take(&store, 25, 9).await.len(), 1);
    assert!(take(&store, 25, 9).await.is_empty());
    let elsewhere = store
        .claim_fetches(TENANT, ConnectionId(99), at(90), 9, "worker", at(99))
        .await
        .unwrap();
    assert!(elsewhere.is_empty());
    assert_eq!(store.fetch_count(TenantId(2)).await.unwrap(), 0);
}

async fn an_answer_goes_into_the_inbox_with_a_number(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    store
        .finish_fetches(TENANT, vec![(claimed[0].clone(), answer(1, 1))])
        .await
        .unwrap();
    store
        .finish_fetches(TENANT, vec![(claimed[1].clone(), answer(2, 2))])
        .await
        .unwrap();
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), 9)
        .await
        .unwrap();
    let ordinals: Vec<_> = waiting
        .iter()
        .map(|event| (event.ordinal, event.origin))
        .collect();
    assert_eq!(ordinals, [(1, Origin::Fetch), (2, Origin::Fetch)]);
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
    let counts = store
        .inbox_counts(TENANT, Some(SHOP), Some(Origin::Fetch))
        .await
        .unwrap();
    assert_eq!((counts.received, counts.waiting), (2, 2));
}

async fn a_wish_during_a_fetch_makes_another_one(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let first = take(&store, 10, 9).await;
    want(&store, &[wanted(1, 12)]).await;
    assert!(take(&store, 12, 9).await.is_empty(), "it is running");
    store
        .finish_fetches(TENANT, vec![(first[0].clone(), answer(1, 1))])
        .await
        .unwrap();
    // What was said while the first one ran may not be in its answer (I4).
    let second = take(&store, 12, 9).await;
    assert_eq!(second[0].wanted, 2);
    store
        .finish_fetches(TENANT, vec![(second[0].clone(), answer(2, 1))])
        .await
        .unwrap();
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
}

async fn a_failed_fetch_waits(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    store
        .retry_fetch(TENANT, &claimed[0], at(40), "HTTP 503")
        .await
        .unwrap();
    assert!(take(&store, 39, 9).await.is_empty());
    let claimed = take(&store, 40, 9).await;
    assert_eq!((claimed[0].attempts, claimed[0].wanted), (1, 1));
}

async fn fetches_of_the_gone_are_given_again(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 11)]).await;
    take(&store, 10, 1).await;
    assert!(take(&store, 10, 9).await.is_empty());
    let claimed = take(&store, 40, 9).await;
    assert_eq!(claimed.len(), 2, "the lease of the first one has passed");
    assert_eq!(claimed[0].attempts, 1);
    let freed = async |owner| store.recover_fetches(TENANT, SHOP, owner).await.unwrap();
    assert_eq!(freed("worker").await, 0);
    assert_eq!(freed("restarted").await, 2);
    assert_eq!(take(&store, 41, 9).await.len(), 2);
}

async fn many_answers_are_stored_at_once(store: Store) {
    let rows: Vec<FetchRow> = (1..=300).map(|id| wanted(id, 10)).collect();
    want(&store, &rows).await;
    let claimed = take(&store, 10, 400).await;
    assert_eq!(claimed.len(), 300);
    want(&store, &[wanted(5, 10)]).await;
    let answers = claimed
        .into_iter()
        .map(|row| {
            let id = row.key.remote_id;
            (row, answer(id, id))
        })
        .collect();
    store.finish_fetches(TENANT, answers).await.unwrap();
    store.finish_fetches(TENANT, Vec::new()).await.unwrap();
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), 400)
        .await
        .unwrap();
    let mut ordinals: Vec<i64> = waiting.iter().map(|event| event.ordinal).collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, (1..=300).collect::<Vec<i64>>());
    assert_eq!(
        take(&store, 10, 9).await.len(),
        1,
        "the one that was wanted again"
    );
}
