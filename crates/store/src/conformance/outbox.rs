//! The outbox as apply and pages see it.

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::id::DeliveryId;

use super::make::{SINK, TENANT, at, changed, child, claim, confirmed, ids, profile, settle};
use super::on_both;
use crate::Store;
use crate::rows::{DeliveryRow, Outcome};

on_both! {
    deliveries_come_back_whole,
    a_new_version_replaces_the_desired_part_only,
    an_older_cause_stays_until_the_row_is_clean,
    an_open_attempt_keeps_its_row,
    an_uncertain_row_is_neither_clean_nor_early,
    new_content_forgets_old_faults,
    counts_follow_the_states,
    pages_cover_a_kind_once,
    the_earliest_due_time_is_found,
    the_highest_object_that_was_tried_is_known,
}

pub(super) async fn write(store: &Store, rows: &[DeliveryRow]) {
    let mut tx = store.write().await.unwrap();
    tx.put_deliveries(TENANT, rows).await.unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn read(store: &Store, kind: ObjectKind, object: i64) -> DeliveryRow {
    let rows = store
        .deliveries_of(TENANT, SINK, &[(kind, object)])
        .await
        .unwrap();
    rows.into_iter().next().unwrap()
}

async fn deliveries_come_back_whole(store: Store) {
    let mut rows: Vec<DeliveryRow> = (1..=130).map(profile).collect();
    rows.push(child(200, ObjectKind::Order, 1, 1));
    // A row that was imported with what the sink holds.
    rows.push(DeliveryRow {
        state: DeliveryState::Clean,
        confirmed_version: 1,
        confirmed_digest: Some([1; 16]),
        remote_id: Some(55),
        remote_parent: Some(44),
        ..child(201, ObjectKind::Order, 1, 1)
    });
    write(&store, &rows).await;
    let objects: Vec<_> = rows.iter().map(|row| (row.kind, row.object)).collect();
    let mut tx = store.write().await.unwrap();
    let mut inside = tx.deliveries(TENANT, SINK, &objects).await.unwrap();
    inside.sort_by_key(|row| row.id);
    assert_eq!(inside, rows);
}

async fn a_new_version_replaces_the_desired_part_only(store: Store) {
    write(&store, &[profile(1)]).await;
    let mut next = ids();
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 5)), &mut next)
        .await
        .unwrap();
    let done = settle(&claimed[0], 10, confirmed(77, None));
    store
        .deliver_step(TENANT, SINK, &[done], None, &mut next)
        .await
        .unwrap();
    let newer = DeliveryRow {
        id: DeliveryId(999),
        parent: Some(DeliveryId(5)),
        due_at: at(50),
        since: at(50),
        ..changed(&profile(1))
    };
    write(&store, std::slice::from_ref(&newer)).await;
    let held = read(&store, ObjectKind::Relation, 1).await;
    let expected = DeliveryRow {
        id: DeliveryId(1),
        confirmed_version: 1,
        confirmed_digest: Some([1; 16]),
        remote_id: Some(77),
        ..newer
    };
    assert_eq!(held, expected);
}

async fn an_older_cause_stays_until_the_row_is_clean(store: Store) {
    write(&store, &[profile(5)]).await;
    let newer = DeliveryRow {
        since: at(50),
        ..changed(&profile(5))
    };
    write(&store, std::slice::from_ref(&newer)).await;
    assert_eq!(read(&store, ObjectKind::Relation, 5).await.since, at(5));
    let older = DeliveryRow {
        since: at(2),
        ..changed(&newer)
    };
    write(&store, std::slice::from_ref(&older)).await;
    assert_eq!(read(&store, ObjectKind::Relation, 5).await.since, at(2));
    let clean = DeliveryRow {
        state: DeliveryState::Clean,
        ..older.clone()
    };
    write(&store, &[clean]).await;
    let next = DeliveryRow {
        since: at(60),
        ..changed(&older)
    };
    write(&store, &[next]).await;
    assert_eq!(read(&store, ObjectKind::Relation, 5).await.since, at(60));
}

async fn an_open_attempt_keeps_its_row(store: Store) {
    write(&store, &[profile(1)]).await;
    let mut next = ids();
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 5)), &mut next)
        .await
        .unwrap();
    let newer = DeliveryRow {
        state: DeliveryState::Held,
        due_at: at(90),
        ..changed(&profile(1))
    };
    write(&store, &[newer]).await;
    assert_eq!(
        read(&store, ObjectKind::Relation, 1).await.state,
        DeliveryState::Claimed
    );
    let again = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(20, 5)), &mut next)
        .await
        .unwrap();
    assert!(again.is_empty(), "one attempt in flight per object (I11)");
    // Settling puts the row where apply wanted it meanwhile.
    let done = settle(&claimed[0], 21, confirmed(77, None));
    store
        .deliver_step(TENANT, SINK, &[done], None, &mut next)
        .await
        .unwrap();
    let held = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((held.state, held.due_at), (DeliveryState::Held, at(90)));
    assert_eq!((held.desired_version, held.confirmed_version), (2, 1));
}

async fn an_uncertain_row_is_neither_clean_nor_early(store: Store) {
    let row = DeliveryRow {
        confirmed_version: 1,
        confirmed_digest: Some([1; 16]),
        ..changed(&profile(1))
    };
    write(&store, std::slice::from_ref(&row)).await;
    let mut next = ids();
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 5)), &mut next)
        .await
        .unwrap();
    let lost = settle(&claimed[0], 10, Outcome::Uncertain { due_at: at(70) });
    store
        .deliver_step(TENANT, SINK, &[lost], None, &mut next)
        .await
        .unwrap();
    // The desired state goes back to what was confirmed, but the sink may hold version 2 by now.
    let back = DeliveryRow {
        desired_version: 3,
        desired_digest: [1; 16],
        state: DeliveryState::Clean,
        due_at: at(11),
        ..row
    };
    write(&store, &[back]).await;
    let held = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((held.state, held.due_at), (DeliveryState::Ready, at(70)));
    let early = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(69, 5)), &mut next)
        .await
        .unwrap();
    assert!(early.is_empty());
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(70, 5)), &mut next)
        .await
        .unwrap();
    assert!(claimed[0].is_uncertain && claimed[0].is_known);
    assert_eq!((claimed[0].version, claimed[0].attempts), (3, 1));
}

async fn new_content_forgets_old_faults(store: Store) {
    write(&store, &[profile(1)]).await;
    let mut next = ids();
    for _ in 0..2 {
        let claimed = store
            .deliver_step(TENANT, SINK, &[], Some(&claim(9, 5)), &mut next)
            .await
            .unwrap();
        let fault = settle(&claimed[0], 9, Outcome::Fault { due_at: at(9) });
        store
            .deliver_step(TENANT, SINK, &[fault], None, &mut next)
            .await
            .unwrap();
    }
    write(&store, &[changed(&profile(1))]).await;
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 5)), &mut next)
        .await
        .unwrap();
    assert_eq!((claimed[0].faults, claimed[0].attempts), (0, 2));
    // Newer content that came in while the old one was refused is not to blame either.
    write(&store, &[changed(&changed(&profile(1)))]).await;
    let dead = settle(&claimed[0], 9, Outcome::Dead);
    let claimed = store
        .deliver_step(TENANT, SINK, &[dead], Some(&claim(9, 5)), &mut next)
        .await
        .unwrap();
    assert_eq!((claimed[0].version, claimed[0].faults), (3, 0));
}

async fn counts_follow_the_states(store: Store) {
    let held = DeliveryRow {
        state: DeliveryState::Held,
        due_at: at(500),
        ..profile(4)
    };
    let rows = [
        profile(1),
        profile(2),
        profile(3),
        held,
        child(5, ObjectKind::Order, 1, 1),
        child(6, ObjectKind::Order, 2, 2),
    ];
    write(&store, &rows).await;
    write(&store, &rows).await;
    let mut next = ids();
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 3)), &mut next)
        .await
        .unwrap();
    let settles = [
        settle(&claimed[0], 10, confirmed(71, None)),
        settle(&claimed[1], 10, Outcome::Dead),
    ];
    store
        .deliver_step(TENANT, SINK, &settles, None, &mut next)
        .await
        .unwrap();
    let counts = store.delivery_counts(TENANT).await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.kind, count.state, count.count))
        .collect();
    use DeliveryState::{Claimed, Clean, Dead, Held, Parent, Ready};
    use ObjectKind::{Order, Relation};
    let expected = [
        (Relation, Clean, 1),
        (Relation, Held, 1),
        (Relation, Claimed, 1),
        (Relation, Dead, 1),
        (Order, Parent, 1),
        (Order, Ready, 1),
    ];
    assert_eq!(counts, expected);
}

async fn pages_cover_a_kind_once(store: Store) {
    // Ids and objects in opposite orders: a page follows the objects.
    let mut rows: Vec<DeliveryRow> = (1..=25)
        .map(|id| DeliveryRow {
            object: 100 - id,
            ..profile(id)
        })
        .collect();
    rows.push(child(30, ObjectKind::Order, 1, 1));
    write(&store, &rows).await;
    let mut objects = Vec::new();
    let mut after = DeliveryId(0);
    loop {
        let page = store
            .page_deliveries(TENANT, SINK, ObjectKind::Relation, after, 10)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        objects.extend(page.iter().map(|row| row.object));
    }
    assert_eq!(objects, (75..100).collect::<Vec<i64>>());
}

async fn the_earliest_due_time_is_found(store: Store) {
    assert_eq!(store.next_due(TENANT, SINK).await.unwrap(), None);
    let held = DeliveryRow {
        state: DeliveryState::Held,
        ..profile(3)
    };
    write(&store, &[profile(8), held, child(1, ObjectKind::Order, 8, 8)]).await;
    assert_eq!(store.next_due(TENANT, SINK).await.unwrap(), Some(at(3)));
}

async fn the_highest_object_that_was_tried_is_known(store: Store) {
    let highest = async || {
        let found = store.highest_tried(TENANT, SINK, ObjectKind::Relation).await;
        found.unwrap()
    };
    assert_eq!(highest().await, 0);
    write(&store, &[profile(1), profile(2), profile(3)]).await;
    assert_eq!(highest().await, 0, "what is only planned was not tried");
    let mut next = ids();
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&claim(9, 2)), &mut next)
        .await
        .unwrap();
    let tried = claimed.iter().map(|one| one.object).max().unwrap();
    assert_eq!(
        (highest().await, claimed.len()),
        (tried, 2),
        "a claim may have been sent"
    );
    let done = settle(&claimed[0], 10, confirmed(77, None));
    store
        .deliver_step(TENANT, SINK, &[done], None, &mut next)
        .await
        .unwrap();
    assert_eq!(highest().await, tried);
    let other = store.highest_tried(TENANT, schakel_core::id::ConnectionId(99), ObjectKind::Relation);
    assert_eq!(other.await.unwrap(), 0);
}
