//! What the sink has no place for waits by itself.

use schakel_core::delivery::{DeliveryState, ObjectKind};

use super::deliver::end;
use super::make::{SINK, TENANT, at, child, claim, confirmed, ids, profile, settle};
use super::on_both;
use super::outbox::{read, write};
use crate::Store;
use crate::rows::{Claim, Claimed, DeliveryRow};

on_both! {
    what_has_no_place_is_put_aside_and_holds_up_nothing_else,
}

/// More than are put aside at once.
const ORDERS: i64 = 1_300;

/// Claims as a worker does whose sink has no place for some kinds.
async fn take_but(store: &Store, unplaced: &[ObjectKind]) -> Vec<Claimed> {
    let claim = Claim {
        unplaced: unplaced.to_vec(),
        ..claim(1_000, 3)
    };
    store
        .deliver_step(TENANT, SINK, &[], Some(&claim), &mut ids())
        .await
        .unwrap()
}

async fn what_has_no_place_is_put_aside_and_holds_up_nothing_else(store: Store) {
    use DeliveryState::{Clean, Parent, Ready, Unplaced};
    use ObjectKind::{Order, OrderRow, QuoteRow, Relation};
    // All are due before the profile, as when the place went away afterwards.
    let due = |row: DeliveryRow, second| DeliveryRow {
        state: Ready,
        due_at: at(second),
        ..row
    };
    let orders: Vec<DeliveryRow> = (10..10 + ORDERS)
        .map(|id| due(child(id, Order, 1, 1), 5))
        .collect();
    write(&store, &orders).await;
    write(&store, &[due(profile(1), 6), due(child(9, OrderRow, 10, 1), 5)]).await;
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.extend(take_but(&store, &[Order, OrderRow]).await);
    }
    assert_eq!(claimed.len(), 1, "the profile goes: {claimed:?}");
    end(&store, &[settle(&claimed[0], 1_000, confirmed(101, None))]).await;
    let states = || async {
        let mut states = Vec::new();
        for (kind, object) in [(Relation, 1), (Order, 10), (Order, 9 + ORDERS), (OrderRow, 9)] {
            states.push(read(&store, kind, object).await.state);
        }
        states
    };
    assert_eq!(states().await, [Clean, Unplaced, Unplaced, Unplaced]);
    let due = store.next_due(TENANT, SINK).await.unwrap();
    assert_eq!(due, None, "nobody passes over it again and again");
    let counts = store.delivery_counts(TENANT).await.unwrap();
    let aside = counts.iter().filter(|count| count.state == Unplaced);
    let aside: Vec<_> = aside.map(|count| (count.kind, count.count)).collect();
    assert_eq!(aside, [(Order, ORDERS), (OrderRow, 1)]);

    assert!(!store.let_place(TENANT, SINK, &[Order, OrderRow]).await.unwrap());
    while store.let_place(TENANT, SINK, &[QuoteRow]).await.unwrap() {}
    assert_eq!(states().await, [Clean, Ready, Ready, Parent], "parents first");
    assert_eq!(take_but(&store, &[]).await.len(), 3);
}
