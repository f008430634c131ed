//! Carts by their age.

use schakel_core::delivery::ObjectKind;
use schakel_core::entity::Quote;
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Content, Held, RecordKey, RecordKind};

use super::make::{SHOP, TENANT, at, customer, entity, order_row, version};
use super::on_both;
use crate::Store;
use crate::rows::RecordRow;

on_both! {
    carts_are_found_by_their_age_a_few_at_a_time,
    carts_of_nobody_are_counted_by_their_age,
}

/// A cart that last changed at a second, of a customer or of nobody.
fn cart(remote_id: i64, second: i64, owner: Option<i64>) -> RecordRow {
    let quote = Quote {
        updated_at: Some(at(second)),
        ..Quote::default()
    };
    RecordRow {
        held: Held {
            live: Some((version(second), EventId(3), Content::Quote(Box::new(quote)))),
            ..Held::empty(RecordKey::new(SHOP, RecordKind::Quote, remote_id))
        },
        owner: owner.map(customer),
        ref_id: 0,
        label: String::new(),
        is_historic: false,
    }
}

async fn put(store: &Store, rows: &[RecordRow]) {
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn carts_are_found_by_their_age_a_few_at_a_time(store: Store) {
    // Two of one moment, one that changes later on, an order, and one of another shop.
    let mut other = cart(9, 10, None);
    other.held.key.connection = ConnectionId(11);
    let rows = [
        cart(3, 10, None),
        cart(1, 20, Some(1)),
        cart(2, 20, None),
        cart(4, 5, None),
        cart(5, 30, None),
        order_row(7, 1, 0),
        other,
    ];
    put(&store, &rows).await;
    put(&store, &[cart(4, 40, None)]).await;
    let read = async |after: (i64, i64), until: i64, limit| {
        let place = ((at(after.0), after.1), at(until));
        store.carts_between(TENANT, SHOP, place, limit).await.unwrap()
    };
    assert_eq!(read((0, 0), 20, 2).await, [(at(10), 3), (at(20), 1)]);
    assert_eq!(read((20, 1), 20, 2).await, [(at(20), 2)]);
    assert_eq!(read((20, i64::MAX), 29, 2).await, []);
    assert_eq!(read((20, i64::MAX), 99, 9).await, [(at(30), 5), (at(40), 4)]);
}

async fn carts_of_nobody_are_counted_by_their_age(store: Store) {
    let mut gone = cart(3, 10, None);
    gone.held.tombstone = Some((version(50), EventId(4)));
    let mut back = cart(6, 60, None);
    back.held.tombstone = Some((version(50), EventId(4)));
    let rows = [
        cart(1, 10, None),
        cart(2, 30, None),
        gone,
        cart(4, 10, Some(1)),
        cart(5, 10, None),
        back,
    ];
    put(&store, &rows).await;
    let mut tx = store.write().await.unwrap();
    // A checkout told whose it is.
    tx.put_entities(TENANT, &[entity(1, ObjectKind::Quote, 5, 1)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let count = async |until| {
        let counted = store.count_nobodys_carts(TENANT, SHOP, at(until)).await;
        counted.unwrap()
    };
    assert_eq!(count(0).await, (3, 0));
    assert_eq!(count(10).await, (2, 1));
    assert_eq!(count(99).await, (0, 3));
}
