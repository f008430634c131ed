//! A transaction before its write lock: others write meanwhile, and what it wrote is read back.

use schakel_core::id::RelationId;

use super::make::{SCOPE, SINK, TENANT, customer, customer_row, event, node, profile, put, relation};
use super::on_both;
use crate::error::StoreError;
use crate::{Inserted, Store};

on_both! {
    others_write_before_the_lock_is_taken,
    what_is_kept_aside_is_read_back,
    what_is_kept_aside_is_written_with_the_rest,
    numbers_that_somebody_else_took_fail_the_commit,
    a_transaction_without_writes_commits,
}

async fn others_write_before_the_lock_is_taken(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[customer_row(1, "jan@example.org")])
        .await
        .unwrap();
    // With the lock taken this would wait for the transaction that waits for this.
    let stored = store.insert_events(&[event(1, 1, "a")]).await.unwrap();
    assert_eq!(stored, [Inserted::New]);
    tx.commit().await.unwrap();
    assert_eq!(store.read_records(TENANT, &[customer(1)]).await.unwrap().len(), 1);
}

async fn what_is_kept_aside_is_read_back(store: Store) {
    let mut tx = store.write().await.unwrap();
    let old = [
        node(1, &["jan@example.org"], 1),
        node(2, &["piet@example.org"], 2),
    ];
    tx.put_relations(TENANT, &[relation(1), relation(2)])
        .await
        .unwrap();
    tx.put_nodes(TENANT, SCOPE, &old.map(put)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.write().await.unwrap();
    let moved = node(1, &["jan@example.org"], 2);
    tx.put_nodes(TENANT, SCOPE, &[put(moved.clone())]).await.unwrap();
    tx.remove_nodes(TENANT, SCOPE, &[customer(2)]).await.unwrap();
    let mut alias = relation(1);
    alias.alias_of = Some(RelationId(2));
    tx.put_relations(TENANT, &[alias]).await.unwrap();

    let both = [customer(1), customer(2)];
    assert_eq!(
        tx.nodes(TENANT, SCOPE, &both).await.unwrap(),
        std::slice::from_ref(&moved)
    );
    assert!(
        tx.nodes_of(TENANT, SCOPE, &[RelationId(1)])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        tx.nodes_of(TENANT, SCOPE, &[RelationId(2)]).await.unwrap(),
        [moved]
    );
    let mut rows = tx
        .relations(TENANT, &[RelationId(1), RelationId(2)])
        .await
        .unwrap();
    rows.sort_by_key(|row| row.id);
    assert_eq!(rows, [alias, relation(2)]);
}

async fn what_is_kept_aside_is_written_with_the_rest(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_relations(TENANT, &[relation(1)]).await.unwrap();
    tx.put_nodes(TENANT, SCOPE, &[put(node(1, &["jan@example.org"], 1))])
        .await
        .unwrap();
    assert!(store.relation_row(TENANT, RelationId(1)).await.unwrap().is_none());
    tx.put_deliveries(TENANT, &[profile(1)]).await.unwrap();
    assert_eq!(tx.deliveries(TENANT, SINK, &[]).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(
        store.relation_row(TENANT, RelationId(1)).await.unwrap(),
        Some(relation(1))
    );
    assert_eq!(store.read_nodes_of(TENANT, RelationId(1)).await.unwrap().len(), 1);
}

async fn numbers_that_somebody_else_took_fail_the_commit(store: Store) {
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 2).await.unwrap(), 1);
    assert_eq!(store.next_number(TENANT, "relation").await.unwrap(), 1);
    tx.put_relations(TENANT, &[relation(1), relation(2)])
        .await
        .unwrap();
    let lost = tx.commit().await.unwrap_err();
    assert!(
        matches!(lost, StoreError::WrongRows { table: "number", .. }),
        "{lost}"
    );
    assert!(store.relation_row(TENANT, RelationId(1)).await.unwrap().is_none());
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 1).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(store.next_number(TENANT, "relation").await.unwrap(), 3);
}

async fn a_transaction_without_writes_commits(store: Store) {
    let mut tx = store.write().await.unwrap();
    assert!(tx.records(TENANT, &[customer(1)]).await.unwrap().is_empty());
    tx.commit().await.unwrap();
}
