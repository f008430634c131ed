//! Nodes, match keys, relations and their log.

use schakel_core::id::{EventId, RelationId, TenantId};
use schakel_core::identity::Node;

use super::make::{SCOPE, TENANT, at, customer, key, node, put, relation};
use super::on_both;
use crate::Store;
use crate::rows::{MergeRow, PutNode, RelationRow};

on_both! {
    nodes_are_found_by_record_key_and_relation,
    changed_keys_replace_the_old_ones,
    a_former_key_leads_to_its_person_and_goes_with_the_record,
    unchanged_keys_are_left_alone,
    removed_nodes_take_their_keys_along,
    counting_stops_at_a_hundred,
    scopes_do_not_meet,
    numbers_are_never_given_twice,
    numbers_skip_what_stands_elsewhere_unless_others_were_given,
    relations_lead_on_and_are_counted,
    merges_are_found_from_both_sides,
}

fn ids(nodes: &[Node]) -> Vec<i64> {
    let mut ids: Vec<i64> = nodes.iter().map(|node| node.key.remote_id).collect();
    ids.sort_unstable();
    ids
}

async fn nodes_are_found_by_record_key_and_relation(store: Store) {
    let jan = node(1, &["jan@example.org", "j@example.org"], 1);
    let jan2 = node(2, &["jan@example.org"], 1);
    let mut piet = node(3, &["piet@example.org"], 0);
    (piet.home, piet.relation) = (None, None);
    let mute = node(4, &[], 4);
    let mut tx = store.write().await.unwrap();
    tx.put_relations(TENANT, &[relation(1)]).await.unwrap();
    let puts = [jan.clone(), jan2, piet.clone(), mute].map(put);
    tx.put_nodes(TENANT, SCOPE, &puts).await.unwrap();

    let read = tx
        .nodes(TENANT, SCOPE, &[customer(1), customer(3), customer(9)])
        .await
        .unwrap();
    let mut read = read;
    read.sort_by_key(|node| node.key);
    assert_eq!(read, [jan, piet]);
    let both = [key("jan@example.org"), key("j@example.org")];
    assert_eq!(
        ids(&tx.nodes_by_keys(TENANT, SCOPE, &both).await.unwrap()),
        [1, 2]
    );
    let of = [RelationId(1), RelationId(4), RelationId(9)];
    assert_eq!(ids(&tx.nodes_of(TENANT, SCOPE, &of).await.unwrap()), [1, 2, 4]);
    let mut counts = tx
        .match_key_counts(
            TENANT,
            SCOPE,
            &[
                key("jan@example.org"),
                key("none@example.org"),
                key("piet@example.org"),
            ],
        )
        .await
        .unwrap();
    counts.sort();
    assert_eq!(
        counts,
        [(key("jan@example.org"), 2), (key("piet@example.org"), 1)]
    );
    tx.commit().await.unwrap();

    assert_eq!(
        ids(&store.read_nodes_of(TENANT, RelationId(1)).await.unwrap()),
        [1, 2]
    );
    let found = store
        .find_relation_by_key(TENANT, &key("jan@example.org"))
        .await
        .unwrap();
    assert_eq!(found, [RelationId(1)]);
    let found = store
        .find_relation_by_key(TENANT, &key("piet@example.org"))
        .await
        .unwrap();
    assert!(found.is_empty());
}

async fn changed_keys_replace_the_old_ones(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_nodes(TENANT, SCOPE, &[put(node(1, &["old@example.org"], 1))])
        .await
        .unwrap();
    tx.put_nodes(TENANT, SCOPE, &[put(node(1, &["new@example.org"], 1))])
        .await
        .unwrap();
    let old = tx
        .nodes_by_keys(TENANT, SCOPE, &[key("old@example.org")])
        .await
        .unwrap();
    assert!(old.is_empty());
    let new = tx
        .nodes_by_keys(TENANT, SCOPE, &[key("new@example.org")])
        .await
        .unwrap();
    assert_eq!(new, [node(1, &["new@example.org"], 1)]);
}

/// Whoever changes an address is found by the former one, which joins nobody, until the record is forgotten.
async fn a_former_key_leads_to_its_person_and_goes_with_the_record(store: Store) {
    let former = async |email: &str| {
        let found = store.find_relations_by_former_key(TENANT, &key(email)).await;
        found.unwrap().into_iter().map(|id| id.0).collect::<Vec<i64>>()
    };
    let write = async |nodes: &[Node]| {
        let mut tx = store.write().await.unwrap();
        let puts: Vec<PutNode> = nodes.iter().cloned().map(put).collect();
        tx.put_nodes(TENANT, SCOPE, &puts).await.unwrap();
        tx.commit().await.unwrap();
    };
    write(&[
        node(1, &["a@example.org", "b@example.org"], 1),
        node(2, &["d@example.org"], 2),
    ])
    .await;
    assert!(former("a@example.org").await.is_empty());
    // Twice, as a change that is applied again.
    for _ in 0..2 {
        write(&[node(1, &["b@example.org", "c@example.org"], 1)]).await;
    }
    write(&[node(2, &["a@example.org"], 2)]).await;
    assert_eq!(former("a@example.org").await, [1]);
    assert!(former("b@example.org").await.is_empty(), "still the present one");
    write(&[node(2, &["b@example.org"], 2), node(1, &["a@example.org"], 3)]).await;
    assert_eq!(former("a@example.org").await, [2, 3], "under the number of now");
    let mut tx = store.write().await.unwrap();
    tx.remove_nodes(TENANT, SCOPE, &[customer(1)]).await.unwrap();
    tx.put_nodes(TENANT, SCOPE, &[put(node(1, &["e@example.org"], 9))])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(former("a@example.org").await, [2], "nothing of it comes back");
}

async fn unchanged_keys_are_left_alone(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_nodes(TENANT, SCOPE, &[put(node(1, &["jan@example.org"], 1))])
        .await
        .unwrap();
    let moved = node(1, &["jan@example.org"], 2);
    let unchanged = PutNode {
        node: moved.clone(),
        is_keys_changed: false,
    };
    tx.put_nodes(TENANT, SCOPE, &[unchanged]).await.unwrap();
    let found = tx
        .nodes_by_keys(TENANT, SCOPE, &[key("jan@example.org")])
        .await
        .unwrap();
    assert_eq!(found, [moved]);
}

async fn removed_nodes_take_their_keys_along(store: Store) {
    let mut tx = store.write().await.unwrap();
    let puts = [node(1, &["jan@example.org"], 1), node(2, &["jan@example.org"], 1)].map(put);
    tx.put_nodes(TENANT, SCOPE, &puts).await.unwrap();
    tx.remove_nodes(TENANT, SCOPE, &[customer(1), customer(7)])
        .await
        .unwrap();
    let counts = tx
        .match_key_counts(TENANT, SCOPE, &[key("jan@example.org")])
        .await
        .unwrap();
    assert_eq!(counts, [(key("jan@example.org"), 1)]);
    assert!(tx.nodes(TENANT, SCOPE, &[customer(1)]).await.unwrap().is_empty());
}

async fn counting_stops_at_a_hundred(store: Store) {
    let mut tx = store.write().await.unwrap();
    let puts: Vec<PutNode> = (1..=150)
        .map(|id| put(node(id, &["info@example.org"], id)))
        .collect();
    tx.put_nodes(TENANT, SCOPE, &puts).await.unwrap();
    let counts = tx
        .match_key_counts(TENANT, SCOPE, &[key("info@example.org")])
        .await
        .unwrap();
    assert_eq!(counts, [(key("info@example.org"), 100)]);
}

async fn scopes_do_not_meet(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_nodes(TENANT, 1, &[put(node(1, &["jan@example.org"], 1))])
        .await
        .unwrap();
    let keys = [key("jan@example.org")];
    assert!(tx.nodes_by_keys(TENANT, 2, &keys).await.unwrap().is_empty());
    assert!(tx.match_key_counts(TENANT, 2, &keys).await.unwrap().is_empty());
    assert!(tx.nodes(TENANT, 2, &[customer(1)]).await.unwrap().is_empty());
}

async fn numbers_are_never_given_twice(store: Store) {
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 3).await.unwrap(), 1);
    assert_eq!(tx.next_numbers(TENANT, "relation", 1).await.unwrap(), 4);
    assert_eq!(tx.next_numbers(TENANT, "other", 2).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 10).await.unwrap(), 5);
    drop(tx);
    for expected in 1..=3 {
        assert_eq!(store.next_number(TENANT, "process").await.unwrap(), expected);
    }
}

async fn numbers_skip_what_stands_elsewhere_unless_others_were_given(store: Store) {
    assert_eq!(store.number_given(TENANT, "relation").await.unwrap(), 0);
    store
        .skip_numbers(TENANT, "relation", (0, 406), "adopted/mail")
        .await
        .unwrap();
    assert_eq!(store.number_given(TENANT, "relation").await.unwrap(), 406);
    assert_eq!(store.next_number(TENANT, "relation").await.unwrap(), 407);
    let late = store
        .skip_numbers(TENANT, "relation", (406, 500), "adopted/mail")
        .await;
    assert!(late.is_err(), "407 was given meanwhile");
    assert_eq!(store.number_given(TENANT, "relation").await.unwrap(), 407);
    let written = store.setting("adopted/mail").await.unwrap();
    assert_eq!(
        written.as_deref(),
        Some(b"406".as_slice()),
        "nothing of it is left"
    );
}

async fn relations_lead_on_and_are_counted(store: Store) {
    let alias = RelationRow {
        alias_of: Some(RelationId(1)),
        updated_at: at(9),
        ..relation(2)
    };
    let unconfirmed = RelationRow {
        is_unconfirmed: true,
        ..relation(3)
    };
    let mut tx = store.write().await.unwrap();
    tx.put_relations(TENANT, &[relation(1), relation(2), relation(3)])
        .await
        .unwrap();
    tx.put_relations(TENANT, &[alias, unconfirmed]).await.unwrap();
    let mut held = tx
        .relations(TENANT, &[RelationId(2), RelationId(3), RelationId(9)])
        .await
        .unwrap();
    held.sort_by_key(|row| row.id);
    assert_eq!(held, [alias, unconfirmed]);
    tx.commit().await.unwrap();
    let counts = store.relation_counts(TENANT).await.unwrap();
    assert_eq!((counts.living, counts.aliases, counts.unconfirmed), (2, 1, 1));
    let row = store.relation_row(TENANT, RelationId(2)).await.unwrap();
    assert_eq!(row, Some(alias));
    for (within, expected) in [
        ((0, 9), Some(3)),
        ((0, 2), Some(2)),
        ((2, 3), Some(3)),
        ((3, 9), None),
        ((0, 0), None),
    ] {
        let found = store.highest_relation(TENANT, within).await.unwrap();
        assert_eq!(found, expected.map(RelationId), "{within:?}, merged ones too");
    }
    let other = store.highest_relation(TenantId(2), (0, 9)).await.unwrap();
    assert_eq!(other, None, "of another tenant");
}

async fn merges_are_found_from_both_sides(store: Store) {
    let merge = |id, relation, other| MergeRow {
        id,
        at: at(id),
        kind: "merge".to_owned(),
        relation: RelationId(relation),
        other: RelationId(other),
        event: EventId(5),
        match_key: "email:jan@example.org".to_owned(),
        record: customer(1),
    };
    let mut tx = store.write().await.unwrap();
    tx.log_merges(TENANT, &[merge(1, 1, 2), merge(2, 3, 1), merge(3, 4, 5)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let of_one = store.merges_of(TENANT, RelationId(1)).await.unwrap();
    assert_eq!(of_one, [merge(1, 1, 2), merge(2, 3, 1)]);
    assert_eq!(store.merge_count(TENANT).await.unwrap(), 3);
}
