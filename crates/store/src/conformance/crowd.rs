//! Many at once: senders, workers, transactions that are given up.

use std::collections::BTreeSet;

use schakel_core::connector::{Class, Part, Span};
use schakel_core::event::EventState;
use schakel_core::walk::{Job, Walk};
use tokio::task::JoinSet;

use super::make::{SHOP, SINK, TENANT, answer, at, claim, event, finished, hold, ids, profile, wanted};
use super::on_both;
use super::outbox::write;
use crate::Store;
use crate::rows::{AfterFetch, Claim, DeliveryRow, EndedFetch, Inserted, WalkPage};

on_both! {
    a_thousand_senders_at_once_lose_nothing,
    workers_never_claim_the_same_row,
    a_cancelled_transaction_leaves_nothing_behind,
    a_page_and_the_end_of_fetches_never_wait_for_each_other,
}

async fn a_thousand_senders_at_once_lose_nothing(store: Store) {
    let mut senders = JoinSet::new();
    for id in 1..=1000 {
        let store = store.clone();
        // Every fourth is a repeat of the one before it.
        let thing = if id % 4 == 0 { id - 1 } else { id };
        senders.spawn(async move { store.insert_events(&[event(id, thing, "x")]).await.unwrap() });
    }
    let answers: Vec<Inserted> = senders.join_all().await.into_iter().flatten().collect();
    let new = answers.iter().filter(|answer| **answer == Inserted::New).count();
    assert_eq!((answers.len(), new), (1000, 750));
    let counts = store.inbox_counts(TENANT, None, None).await.unwrap();
    assert_eq!(
        (counts.received, counts.duplicate, counts.waiting),
        (1000, 250, 750)
    );
    assert_eq!(counts, store.inbox_audit(TENANT, None, None).await.unwrap());
}

async fn workers_never_claim_the_same_row(store: Store) {
    let rows: Vec<DeliveryRow> = (1..=400).map(profile).collect();
    write(&store, &rows).await;
    let mut workers = JoinSet::new();
    for worker in 0..8_i64 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claim = Claim {
                    owner: format!("worker {worker}"),
                    ..claim(1000, 17)
                };
                let claimed = store
                    .deliver_step(TENANT, SINK, &[], Some(&claim), &mut ids())
                    .await
                    .unwrap();
                if claimed.is_empty() {
                    // Another worker may hold the last rows locked; they are its.
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|claimed| claimed.id));
            }
        });
    }
    let claimed = workers.join_all().await.concat();
    let distinct: BTreeSet<_> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), distinct.len()), (400, 400));
}

async fn a_cancelled_transaction_leaves_nothing_behind(store: Store) {
    // A task that is dropped at any of its awaits, as when a request is cancelled.
    for steps in 0..12 {
        let mut task = Box::pin(async {
            let mut tx = store.write().await.unwrap();
            tx.insert_events(&[event(1000 + steps, 1, "lost")]).await.unwrap();
            tx.finish_events(TENANT, &[finished(1000 + steps, EventState::Applied)])
                .await
                .unwrap();
            std::future::pending::<()>().await;
        });
        for _ in 0..steps {
            tokio::select! {
                biased;
                () = &mut task => {}
                () = tokio::task::yield_now() => {}
            }
        }
        drop(task);
    }
    assert_eq!(
        store.insert_events(&[event(1, 1, "lost")]).await.unwrap(),
        [Inserted::New]
    );
    let counts = store.inbox_counts(TENANT, None, None).await.unwrap();
    assert_eq!((counts.received, counts.waiting, counts.applied), (1, 1, 0));
    assert_eq!(counts, store.inbox_audit(TENANT, None, None).await.unwrap());
}

/// Both write wishes and number events: in one order, or PostgreSQL ends one of them.
async fn a_page_and_the_end_of_fetches_never_wait_for_each_other(store: Store) {
    let wishes: Vec<_> = (1..=32).map(|thing| wanted(thing, 5)).collect();
    let mut walk = Walk::new(SHOP, Job::Reconcile, Part::Orders, Span::default(), at(1));
    store
        .begin_walks(TENANT, std::slice::from_ref(&walk))
        .await
        .unwrap();
    let mut id = 0;
    for round in 1..=40 {
        let mut page = WalkPage::bare(walk.clone(), walk.clone());
        page.after.calls += 1;
        walk = page.after.clone();
        page.wanted.clone_from(&wishes);
        let mut tx = store.write().await.unwrap();
        tx.want_fetches(TENANT, &wishes).await.unwrap();
        tx.commit().await.unwrap();
        let hold = hold("worker", round * 100 + 50);
        let claimed = store
            .claim_fetches(TENANT, SHOP, at(round * 100), (Class::Live, 99), &hold)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 32);
        let mut next = || {
            id += 1;
            answer(id, 1)
        };
        page.events = (0..32).map(|_| next()).collect();
        let answers: Vec<EndedFetch> = claimed
            .into_iter()
            .map(|one| EndedFetch {
                row: one.row,
                until: hold.until,
                after: AfterFetch::Done,
                event: Some(next()),
            })
            .collect();
        let end = store.finish_fetches(TENANT, &hold.owner, &answers, at(round * 100));
        let (stored, ended) = tokio::join!(store.store_page(TENANT, page), end);
        assert!(stored.unwrap());
        ended.unwrap();
    }
}
