//! Wishes of a history that are held back: counted, paid after all, or brought by a list.

use std::collections::BTreeMap;

use schakel_core::connector::{Class, Part, Span};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::walk::{Job, Walk};

use super::make::{SHOP, TENANT, at, hold};
use super::on_both;
use crate::Store;
use crate::rows::{FetchRow, WalkPage};

on_both! {
    what_a_history_holds_back_is_counted_by_kind,
    what_is_brought_forward_is_due_at_once,
    what_a_list_brought_is_wished_no_more_unless_somebody_else_does,
}

fn key(kind: RecordKind, remote_id: i64) -> RecordKey {
    RecordKey::new(SHOP, kind, remote_id)
}

fn wish(kind: RecordKind, remote_id: i64, (due, class): (i64, Class)) -> FetchRow {
    FetchRow {
        key: key(kind, remote_id),
        reason: kind.as_str().to_owned(),
        due_at: at(due),
        attempts: 0,
        wanted: 0,
        class,
    }
}

const HELD: (i64, Class) = (1_000, Class::Backfill);

async fn want(store: &Store, rows: &[FetchRow]) {
    let mut tx = store.write().await.unwrap();
    tx.want_fetches(TENANT, rows).await.unwrap();
    tx.commit().await.unwrap();
}

/// Three customers and a product that are held back, and others that are not.
async fn some(store: &Store) {
    let customers = (1..=3).map(|id| wish(RecordKind::Customer, id, HELD));
    let mut wishes: Vec<FetchRow> = customers.collect();
    wishes.push(wish(RecordKind::Product, 1, HELD));
    wishes.push(wish(RecordKind::Customer, 4, (5, Class::Backfill)));
    wishes.push(wish(RecordKind::Customer, 5, (1_000, Class::Live)));
    want(store, &wishes).await;
}

async fn held(store: &Store, now: i64) -> Vec<(RecordKind, i64)> {
    held_up_to(store, now, 9).await
}

/// Counts no further than to `most`.
async fn held_up_to(store: &Store, now: i64, most: i64) -> Vec<(RecordKind, i64)> {
    let kinds = [(RecordKind::Customer, most), (RecordKind::Product, most)];
    let held: BTreeMap<_, _> = store.held_back(TENANT, SHOP, at(now), &kinds).await.unwrap();
    held.into_iter().collect()
}

/// Takes what is due for a history.
async fn take(store: &Store, now: i64) -> Vec<i64> {
    let claimed = store
        .claim_fetches(
            TENANT,
            SHOP,
            at(now),
            (Class::Backfill, 9),
            &hold("worker", 2_000),
        )
        .await
        .unwrap();
    claimed.iter().map(|claimed| claimed.row.key.remote_id).collect()
}

async fn what_a_history_holds_back_is_counted_by_kind(store: Store) {
    some(&store).await;
    let all = [(RecordKind::Customer, 3), (RecordKind::Product, 1)];
    let mut found = held(&store, 10).await;
    found.sort();
    assert_eq!(found, all);
    let mut found = held_up_to(&store, 10, 2).await;
    found.sort();
    let few = [(RecordKind::Customer, 2), (RecordKind::Product, 1)];
    assert_eq!(found, few, "counted no further than asked");
    assert!(
        store
            .held_back(TENANT, SHOP, at(10), &[])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(take(&store, 10).await, [4], "what is due is not held back");
    assert_eq!(held(&store, 1_000).await, [], "held back no longer than that");
    // Somebody else needs one of them now.
    want(&store, &[wish(RecordKind::Customer, 1, (10, Class::Live))]).await;
    assert!(held(&store, 10).await.contains(&(RecordKind::Customer, 2)));
}

async fn what_is_brought_forward_is_due_at_once(store: Store) {
    some(&store).await;
    let of = (SHOP, RecordKind::Customer);
    assert_eq!(store.bring_forward(TENANT, of, at(20)).await.unwrap(), 3);
    assert_eq!(held(&store, 20).await, [(RecordKind::Product, 1)]);
    assert_eq!(take(&store, 20).await, [4, 1, 2, 3]);
}

async fn what_a_list_brought_is_wished_no_more_unless_somebody_else_does(store: Store) {
    some(&store).await;
    want(&store, &[wish(RecordKind::Customer, 2, (10, Class::Live))]).await;
    let walk = Walk::new(SHOP, Job::Lookup, Part::Customers, Span::default(), at(30));
    store
        .begin_walks(TENANT, std::slice::from_ref(&walk))
        .await
        .unwrap();
    let mut page = WalkPage::bare(walk.clone(), walk);
    page.brought = (1..=5).map(|id| key(RecordKind::Customer, id)).collect();
    assert!(store.store_page(TENANT, page).await.unwrap());
    assert_eq!(held(&store, 30).await, [(RecordKind::Product, 1)]);
    assert_eq!(take(&store, 30).await, [4], "it was due already");
    let live = (Class::Live, 9);
    let claimed = store
        .claim_fetches(TENANT, SHOP, at(30), live, &hold("worker", 2_000))
        .await
        .unwrap();
    assert_eq!(claimed[0].row.key.remote_id, 2, "somebody else waits for it");
}
