//! Carts by their age.

use schakel_core::delivery::ObjectKind;
use schakel_core::entity::{Checkout, Quote};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Content, Held, RecordKey, RecordKind};

use super::make::{SHOP, TENANT, at, customer, entity, order_row, version};
use super::on_both;
use crate::Store;
use crate::rows::{RecordRow, Window};

on_both! {
    carts_are_found_by_their_age_a_few_at_a_time,
    carts_of_nobody_are_counted_by_their_age,
    carts_of_a_customer_are_found_within_a_time,
    the_newest_order_is_found_without_those_that_are_left_out,
    carts_without_a_customer_are_found_by_their_checkouts,
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

async fn carts_of_a_customer_are_found_within_a_time(store: Store) {
    let mut timeless = cart(5, 0, Some(1));
    if let Some((_, _, Content::Quote(quote))) = &mut timeless.held.live {
        quote.updated_at = None;
    }
    let rows = [
        cart(1, 10, Some(1)),
        cart(2, 20, Some(1)),
        cart(3, 30, Some(1)),
        cart(4, 20, Some(2)),
        timeless,
        cart(6, 20, None),
        order_row(7, 1, 20),
    ];
    put(&store, &rows).await;
    let mut tx = store.write().await.unwrap();
    let mut read = async |windows: &[(i64, Option<i64>, i64)]| {
        let window = |(owner, after, until): &(i64, Option<i64>, i64)| Window {
            owner: customer(*owner),
            after: after.map(at),
            until: at(*until),
        };
        let windows: Vec<Window> = windows.iter().map(window).collect();
        let found = tx.carts_within(TENANT, &windows).await.unwrap();
        let mut ids: Vec<i64> = found.iter().map(|key| key.remote_id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        read(&[(1, Some(10), 20)]).await,
        [2],
        "later than the one, not than the other"
    );
    assert_eq!(read(&[(1, None, 20)]).await, [1, 2, 5]);
    assert_eq!(read(&[(1, Some(20), 99), (2, None, 99)]).await, [3, 4]);
    assert_eq!(read(&[(1, Some(30), 99), (3, None, 99)]).await, [0; 0]);
}

async fn the_newest_order_is_found_without_those_that_are_left_out(store: Store) {
    let placed = |id, customer, second: Option<i64>| {
        let mut row = order_row(id, customer, 0);
        if let Some((_, _, Content::Order(order))) = &mut row.held.live {
            order.created_at = second.map(at);
        }
        row
    };
    let rows = [
        placed(11, 1, Some(5)),
        placed(12, 1, Some(9)),
        placed(13, 1, None),
        placed(14, 2, Some(7)),
        placed(15, 3, None),
        cart(16, 50, Some(1)),
    ];
    put(&store, &rows).await;
    let mut tx = store.write().await.unwrap();
    let owners = [customer(1), customer(2), customer(3), customer(4), customer(1)];
    let mut newest = async |except: &[i64]| {
        let found = tx.newest_orders(TENANT, SHOP, &owners, except).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|(key, at)| (key.remote_id, *at)).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(newest(&[]).await, [(1, at(9)), (2, at(7))]);
    assert_eq!(newest(&[12, 99]).await, [(1, at(5)), (2, at(7))]);
    assert_eq!(newest(&[11, 12, 14]).await, []);
}

async fn carts_without_a_customer_are_found_by_their_checkouts(store: Store) {
    let checkout = |id, cart: i64, owner: Option<i64>, label: &str| {
        let said = Checkout::default();
        RecordRow {
            held: Held {
                live: Some((version(3), EventId(3), Content::Checkout(Box::new(said)))),
                ..Held::empty(RecordKey::new(SHOP, RecordKind::Checkout, id))
            },
            owner: owner.map(customer),
            ref_id: cart,
            label: label.to_owned(),
            is_historic: false,
        }
    };
    let long = "x".repeat(90);
    let rows = [
        cart(1, 10, None),
        cart(2, 10, Some(7)),
        cart(3, 10, None),
        checkout(21, 1, Some(1), "one"),
        checkout(22, 2, Some(1), "one"),
        checkout(23, 3, None, &long),
        checkout(24, 9, Some(1), "one"),
        order_row(25, 1, 3),
    ];
    put(&store, &rows).await;
    let mut tx = store.write().await.unwrap();
    let key = |id| RecordKey::new(SHOP, RecordKind::Quote, id);
    let by_owner = tx.carts_by_owner(TENANT, &[customer(1), customer(2)]).await;
    assert_eq!(by_owner.unwrap(), [key(1)]);
    let labels = |label: &str| [label.to_owned(), "none".to_owned()];
    assert_eq!(tx.carts_by_label(TENANT, &labels("one")).await.unwrap(), [key(1)]);
    assert_eq!(tx.carts_by_label(TENANT, &labels(&long)).await.unwrap(), [key(3)]);
}
