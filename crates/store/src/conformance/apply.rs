//! Records, entities, problems: what one transaction of apply reads and writes.

use schakel_core::delivery::ObjectKind;
use schakel_core::entity::RowsSeen;
use schakel_core::id::{ConnectionId, EntityId, EventId, RelationId, TenantId};
use schakel_core::problem::{Code, Problem};
use schakel_core::record::{Content, RecordKey, RecordKind};

use super::make::{SHOP, TENANT, at, customer, customer_row, entity, order, order_row, relation, version};
use super::on_both;
use crate::rows::EntityRow;
use crate::{Store, StoreError};

on_both! {
    records_come_back_whole,
    a_newer_record_replaces_the_older,
    records_are_found_by_owner_reference_and_label,
    a_long_label_is_cut,
    what_was_historic_first_stays_so,
    rows_are_due_until_they_are_known_at_the_newest_version,
    an_owner_stands_in_the_same_connection,
    entities_keep_their_id,
    entities_are_found_by_relation_and_reference,
    problems_belong_to_the_record_that_is_held,
    nothing_is_kept_without_a_commit,
    of_two_rows_with_one_key_the_last_counts,
    empty_lists_are_fine,
}

fn sorted<T: Clone, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(key);
    rows
}

async fn records_come_back_whole(store: Store) {
    let rows: Vec<_> = (1..=300)
        .map(|id| {
            if id % 2 == 0 {
                customer_row(id, "jan@example.org")
            } else {
                order_row(id, 4, 9)
            }
        })
        .collect();
    let keys: Vec<RecordKey> = rows.iter().map(|row| row.held.key).collect();
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    let inside = tx.records(TENANT, &keys).await.unwrap();
    assert_eq!(
        sorted(&inside, |row| row.held.key),
        sorted(&rows, |row| row.held.key)
    );
    tx.commit().await.unwrap();
    let outside = store.read_records(TENANT, &keys).await.unwrap();
    assert_eq!(
        sorted(&outside, |row| row.held.key),
        sorted(&rows, |row| row.held.key)
    );
    assert!(store.read_records(TenantId(2), &keys).await.unwrap().is_empty());
}

async fn a_newer_record_replaces_the_older(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[customer_row(1, "jan@example.org")])
        .await
        .unwrap();
    let mut gone = customer_row(1, "piet@example.org");
    gone.held.tombstone = None;
    gone.held.fetched = None;
    gone.label = "C1".to_owned();
    tx.put_records(TENANT, std::slice::from_ref(&gone)).await.unwrap();
    assert_eq!(tx.records(TENANT, &[customer(1)]).await.unwrap(), [gone]);
}

async fn a_long_label_is_cut(store: Store) {
    // Too varied to be compressed to what an index takes.
    let long: String = (0..9_000_u32)
        .filter_map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000))
        .collect();
    let row = crate::rows::RecordRow {
        label: long.clone(),
        ..order_row(11, 1, 5)
    };
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[row]).await.unwrap();
    tx.commit().await.unwrap();
    let found = store.find_orders_by_label(TENANT, &long).await.unwrap();
    assert_eq!(found.len(), 1);
    let expected: String = long.chars().take(64).collect();
    assert_eq!(found[0].label, expected);
}

async fn records_are_found_by_owner_reference_and_label(store: Store) {
    let rows = [
        customer_row(1, "jan@example.org"),
        order_row(11, 1, 5),
        order_row(12, 1, 6),
        order_row(13, 2, 5),
        order_row(14, 0, 0),
    ];
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    let ids = |rows: Vec<crate::rows::RecordRow>| {
        let mut ids: Vec<i64> = rows.iter().map(|row| row.held.key.remote_id).collect();
        ids.sort_unstable();
        ids
    };
    let both = [customer(1), customer(2)];
    assert_eq!(
        ids(tx.owned(TENANT, &[RecordKind::Order], &both).await.unwrap()),
        [11, 12, 13]
    );
    let carts = tx.owned(TENANT, &[RecordKind::Quote], &both).await.unwrap();
    assert!(carts.is_empty());
    let referring = tx
        .referring(TENANT, RecordKind::Order, SHOP, &[5, 99])
        .await
        .unwrap();
    assert_eq!(ids(referring), [11, 13]);
    // 0 means none, so nothing refers to it.
    let none = tx.referring(TENANT, RecordKind::Order, SHOP, &[0]).await.unwrap();
    assert!(none.is_empty());
    tx.commit().await.unwrap();
    let found = store.find_orders_by_label(TENANT, "ORD00012").await.unwrap();
    assert_eq!(ids(found), [12]);
    assert!(store.find_orders_by_label(TENANT, "").await.unwrap().is_empty());
}

async fn rows_are_due_until_they_are_known_at_the_newest_version(store: Store) {
    // Orders 1 to 4: never listed, listed at an older version, listed at this one, gone; a customer has none.
    let listed = |id, seen| {
        let mut row = order_row(id, 1, 0);
        if let Some((_, _, Content::Order(order))) = &mut row.held.live {
            order.rows_seen = seen;
        }
        row
    };
    let mut gone = listed(4, RowsSeen::Never);
    gone.held.tombstone = Some((version(9), EventId(9)));
    let rows = [
        listed(1, RowsSeen::Never),
        listed(2, RowsSeen::At(version(4))),
        listed(3, RowsSeen::At(version(5))),
        gone,
        customer_row(5, "jan@example.org"),
    ];
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    tx.commit().await.unwrap();
    let due = async |below, limit| {
        let due = store
            .rows_due(TENANT, SHOP, RecordKind::Order, below, limit)
            .await;
        due.unwrap()
    };
    assert_eq!(due(None, 9).await, [(2, EventId(3)), (1, EventId(3))]);
    assert_eq!(due(None, 1).await, [(2, EventId(3))]);
    assert_eq!(due(Some(2), 9).await, [(1, EventId(3))]);
    let count = async |kind| store.count_rows_due(TENANT, SHOP, kind).await.unwrap();
    assert_eq!(count(RecordKind::Order).await, 2);
    assert_eq!(count(RecordKind::Customer).await, 0);

    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[listed(2, RowsSeen::At(version(5)))])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(due(None, 9).await, [(1, EventId(3))]);
}

async fn what_was_historic_first_stays_so(store: Store) {
    // Mission F4: neither a later write of the record nor one of the relation changes the mark.
    for is_historic in [true, false] {
        let id = if is_historic { 1 } else { 2 };
        let record = |is_historic| crate::rows::RecordRow {
            is_historic,
            ..order_row(id, 1, 0)
        };
        let person = |is_historic| crate::rows::RelationRow {
            is_historic,
            ..relation(id)
        };
        for mark in [is_historic, !is_historic] {
            let mut tx = store.write().await.unwrap();
            tx.put_records(TENANT, &[record(mark)]).await.unwrap();
            tx.put_relations(TENANT, &[person(mark)]).await.unwrap();
            tx.commit().await.unwrap();
        }
        let held = store.read_records(TENANT, &[order(id)]).await.unwrap();
        assert_eq!(held[0].is_historic, is_historic);
        let held = store.relation_row(TENANT, RelationId(id)).await.unwrap().unwrap();
        assert_eq!(held.is_historic, is_historic);
    }
}

async fn an_owner_stands_in_the_same_connection(store: Store) {
    let mut row = order_row(11, 1, 5);
    row.owner = Some(RecordKey::new(ConnectionId(99), RecordKind::Customer, 1));
    let mut tx = store.write().await.unwrap();
    let refused = tx.put_records(TENANT, &[row]).await;
    assert!(matches!(
        refused,
        Err(StoreError::Contradiction { table: "record", .. })
    ));
}

async fn entities_keep_their_id(store: Store) {
    let mut tx = store.write().await.unwrap();
    let unnumbered = entity(100, ObjectKind::Order, 7, 1);
    let first = EntityRow {
        number: 5,
        ..unnumbered
    };
    tx.put_entities(TENANT, &[unnumbered]).await.unwrap();
    tx.put_entities(TENANT, &[first]).await.unwrap();
    let moved = EntityRow {
        id: EntityId(200),
        number: 6,
        relation: RelationId(2),
        updated_at: at(9),
        ..first
    };
    tx.put_entities(TENANT, &[moved]).await.unwrap();
    let held = tx.entities(TENANT, &[first.key]).await.unwrap();
    assert_eq!(
        held,
        [EntityRow {
            id: first.id,
            number: 5,
            ..moved
        }]
    );
    tx.commit().await.unwrap();
    let by_id = store
        .read_entities(TENANT, &[EntityId(100), EntityId(200)])
        .await
        .unwrap();
    assert_eq!(by_id, held);
}

async fn entities_are_found_by_relation_and_reference(store: Store) {
    let row = |id, parent_id, ref_id| EntityRow {
        parent_id,
        ref_id,
        ..entity(id, ObjectKind::OrderRow, id, 1)
    };
    let rows = [
        entity(1, ObjectKind::Order, 7, 1),
        row(2, 7, 70),
        row(3, 7, 71),
        row(4, 8, 70),
        entity(5, ObjectKind::Order, 9, 2),
    ];
    let mut tx = store.write().await.unwrap();
    tx.put_entities(TENANT, &rows).await.unwrap();
    let ids = |rows: Vec<EntityRow>| {
        let mut ids: Vec<i64> = rows.iter().map(|row| row.id.0).collect();
        ids.sort_unstable();
        ids
    };
    let showing = tx
        .entities_showing(TENANT, SHOP, ObjectKind::OrderRow, &[70])
        .await
        .unwrap();
    assert_eq!(ids(showing), [2, 4]);
    tx.commit().await.unwrap();
    let read = store.read_entities_of(TENANT, RelationId(1)).await.unwrap();
    assert_eq!(ids(read), [1, 2, 3, 4]);
}

async fn problems_belong_to_the_record_that_is_held(store: Store) {
    let cut = Problem::new(Code::Cut, "customer.firstname");
    let bad = Problem::new(Code::BadEmail, "customer.email");
    let note = async |problems: Vec<Problem>| {
        let mut tx = store.write().await.unwrap();
        let other = (customer(2), vec![cut.clone()]);
        tx.note_problems(TENANT, &[(customer(1), problems), other])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    note(vec![cut.clone(), bad.clone(), cut.clone()]).await;
    let codes = async |key| {
        let rows = store.problems_of(TENANT, key).await.unwrap();
        rows.into_iter().map(|row| row.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(customer(1)).await, ["bad_email", "cut"]);
    note(Vec::new()).await;
    assert!(codes(customer(1)).await.is_empty());
    assert_eq!(codes(customer(2)).await, ["cut"]);
}

async fn nothing_is_kept_without_a_commit(store: Store) {
    // As after a crash in the middle of apply: the next one starts from what was there before.
    store
        .insert_events(&[super::make::event(1, 1, "a")])
        .await
        .unwrap();
    let before = store.inbox_counts(TENANT, None, None).await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[order_row(1, 1, 0)]).await.unwrap();
    tx.put_relations(TENANT, &[relation(1)]).await.unwrap();
    tx.put_entities(TENANT, &[entity(1, ObjectKind::Order, 1, 1)])
        .await
        .unwrap();
    tx.put_deliveries(TENANT, &[super::make::profile(1)])
        .await
        .unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 1).await.unwrap(), 1);
    let applied = super::make::finished(1, schakel_core::event::EventState::Applied);
    tx.finish_events(TENANT, &[applied]).await.unwrap();
    drop(tx);

    assert_eq!(store.inbox_counts(TENANT, None, None).await.unwrap(), before);
    assert!(store.read_records(TENANT, &[order(1)]).await.unwrap().is_empty());
    assert!(store.relation_row(TENANT, RelationId(1)).await.unwrap().is_none());
    assert!(store.delivery_counts(TENANT).await.unwrap().is_empty());
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.next_numbers(TENANT, "relation", 1).await.unwrap(), 1);
}

async fn of_two_rows_with_one_key_the_last_counts(store: Store) {
    let mut tx = store.write().await.unwrap();
    let last = customer_row(1, "second@example.org");
    tx.put_records(TENANT, &[customer_row(1, "first@example.org"), last.clone()])
        .await
        .unwrap();
    assert_eq!(
        tx.records(TENANT, &[customer(1), customer(1)]).await.unwrap(),
        [last]
    );
}

async fn empty_lists_are_fine(store: Store) {
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &[]).await.unwrap();
    tx.put_nodes(TENANT, 1, &[]).await.unwrap();
    tx.put_deliveries(TENANT, &[]).await.unwrap();
    tx.finish_events(TENANT, &[]).await.unwrap();
    tx.want_fetches(TENANT, &[]).await.unwrap();
    assert!(tx.records(TENANT, &[]).await.unwrap().is_empty());
    assert!(tx.owned(TENANT, &[], &[customer(1)]).await.unwrap().is_empty());
    assert!(tx.nodes(TENANT, 1, &[]).await.unwrap().is_empty());
    assert!(tx.match_key_counts(TENANT, 1, &[]).await.unwrap().is_empty());
    tx.commit().await.unwrap();
}
