//! Many at once: senders, workers, transactions that are given up.

use std::collections::BTreeSet;

use schakel_core::event::EventState;
use tokio::task::JoinSet;

use super::make::{SINK, TENANT, claim, event, finished, ids, profile};
use super::on_both;
use super::outbox::write;
use crate::Store;
use crate::rows::{Claim, DeliveryRow, Inserted};

on_both! {
    a_thousand_senders_at_once_lose_nothing,
    workers_never_claim_the_same_row,
    a_cancelled_transaction_leaves_nothing_behind,
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
