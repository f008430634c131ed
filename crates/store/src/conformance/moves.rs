//! Parents before children, profiles that are made anew, profiles that go.

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::DeliveryId;

use super::deliver::{end, take};
use super::make::{SINK, TENANT, at, changed, child, confirmed, profile, settle};
use super::on_both;
use super::outbox::{read, write};
use crate::rows::{DeliveryRow, Outcome};
use crate::{Elsewhere, Store};

on_both! {
    children_wait_for_their_parents,
    held_rows_become_ready_in_time,
    a_profile_made_anew_takes_everything_under_it_along,
    a_child_in_flight_is_sent_again_under_the_new_profile,
    what_was_written_under_a_removed_profile_waits_for_it,
    a_profile_goes_when_the_last_child_has_left,
    a_profile_without_children_goes_at_once,
    a_profile_that_shall_go_during_its_attempt_is_held,
    a_profile_that_comes_back_lets_its_children_go,
    a_split_after_a_merge_leaves_nothing_behind,
    profiles_under_other_ids_are_forgotten_with_what_stood_there,
    a_write_that_is_out_does_not_bring_a_forgotten_id_back,
    in_a_new_place_all_is_delivered_as_if_nothing_ever_was,
}

async fn states(store: &Store, objects: &[(ObjectKind, i64)]) -> Vec<DeliveryState> {
    let mut states = Vec::new();
    for (kind, object) in objects {
        states.push(read(store, *kind, *object).await.state);
    }
    states
}

const FAMILY: [(ObjectKind, i64); 3] = [
    (ObjectKind::Relation, 1),
    (ObjectKind::Order, 2),
    (ObjectKind::OrderRow, 3),
];

fn family() -> [DeliveryRow; 3] {
    [
        profile(1),
        child(2, ObjectKind::Order, 1, 1),
        child(3, ObjectKind::OrderRow, 2, 1),
    ]
}

/// Delivers everything that can be delivered; objects get the remote ids 101, 102, …
async fn deliver_all(store: &Store, now: i64) {
    loop {
        let claimed = take(store, now, 9).await;
        if claimed.is_empty() {
            return;
        }
        let settles: Vec<_> = claimed
            .iter()
            .map(|one| settle(one, now, confirmed(100 + one.object, one.root_remote_id)))
            .collect();
        end(store, &settles).await;
    }
}

async fn children_wait_for_their_parents(store: Store) {
    write(&store, &family()).await;
    use DeliveryState::{Claimed, Clean, Parent, Ready};
    let claimed = take(&store, 9, 9).await;
    assert_eq!(states(&store, &FAMILY).await, [Claimed, Parent, Parent]);
    end(&store, &[settle(&claimed[0], 9, confirmed(101, None))]).await;
    assert_eq!(states(&store, &FAMILY).await, [Clean, Ready, Parent]);
    let claimed = take(&store, 9, 9).await;
    assert_eq!(claimed[0].root_remote_id, Some(101));
    end(&store, &[settle(&claimed[0], 9, confirmed(102, Some(101)))]).await;
    assert_eq!(states(&store, &FAMILY).await, [Clean, Clean, Ready]);
    deliver_all(&store, 9).await;
    let row = read(&store, ObjectKind::OrderRow, 3).await;
    assert_eq!((row.remote_id, row.remote_parent), (Some(103), Some(101)));
}

async fn held_rows_become_ready_in_time(store: Store) {
    let held = |row: DeliveryRow| DeliveryRow {
        state: DeliveryState::Held,
        due_at: at(30),
        ..row
    };
    let rows = [
        held(profile(1)),
        held(child(2, ObjectKind::Order, 1, 1)),
        held(profile(4)),
    ];
    write(&store, &rows).await;
    assert!(take(&store, 29, 9).await.is_empty());
    let claimed = take(&store, 30, 9).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(
        read(&store, ObjectKind::Order, 2).await.state,
        DeliveryState::Parent
    );
}

async fn a_profile_made_anew_takes_everything_under_it_along(store: Store) {
    write(&store, &family()).await;
    deliver_all(&store, 9).await;
    // Somebody deleted the profile in the sink; with the next change it is made anew.
    write(&store, &[changed(&profile(1))]).await;
    let claimed = take(&store, 20, 9).await;
    let anew = Outcome::Confirmed {
        remote_id: Some(555),
        remote_parent: None,
        is_created: true,
    };
    end(&store, &[settle(&claimed[0], 21, anew)]).await;
    use DeliveryState::{Clean, Parent, Ready};
    assert_eq!(states(&store, &FAMILY).await, [Clean, Ready, Parent]);
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!((order.confirmed_version, order.confirmed_digest), (0, None));
    assert_eq!((order.remote_id, order.remote_parent), (None, Some(101)));
    assert_eq!((order.due_at, order.since), (at(21), at(21)));
    let claimed = take(&store, 21, 9).await;
    assert_eq!(
        (claimed[0].root_remote_id, claimed[0].is_known),
        (Some(555), false)
    );
    assert!(claimed[0].is_uncertain, "it may still stand under the former one");
}

async fn what_was_written_under_a_removed_profile_waits_for_it(store: Store) {
    write(&store, &family()).await;
    deliver_all(&store, 9).await;
    let second = DeliveryRow {
        state: DeliveryState::Ready,
        ..child(4, ObjectKind::Order, 1, 1)
    };
    write(&store, &[second]).await;
    let claimed = take(&store, 20, 9).await;
    end(&store, &[settle(&claimed[0], 21, Outcome::Orphaned)]).await;
    use DeliveryState::{Parent, Ready};
    assert_eq!(
        states(&store, &FAMILY).await,
        [Ready, Parent, Parent],
        "none is lost"
    );
    let second = read(&store, ObjectKind::Order, 4).await;
    assert_eq!((second.state, second.confirmed_version), (Parent, 0));
    let claimed = take(&store, 21, 9).await;
    assert_eq!(claimed.len(), 1, "parents before children");
    assert!(
        claimed[0].remote_id.is_none() && claimed[0].is_uncertain,
        "its id is dead; who holds the number now is looked up"
    );
    let anew = Outcome::Confirmed {
        remote_id: Some(555),
        remote_parent: None,
        is_created: true,
    };
    end(&store, &[settle(&claimed[0], 22, anew)]).await;
    let claimed = take(&store, 22, 9).await;
    assert_eq!(claimed.len(), 2);
    assert!(
        claimed
            .iter()
            .all(|one| one.root_remote_id == Some(555) && one.is_uncertain),
        "what nobody sees is looked up and removed"
    );
}

async fn a_child_in_flight_is_sent_again_under_the_new_profile(store: Store) {
    write(&store, &family()).await;
    deliver_all(&store, 9).await;
    write(
        &store,
        &[changed(&profile(1)), changed(&child(2, ObjectKind::Order, 1, 1))],
    )
    .await;
    let claimed = take(&store, 20, 9).await;
    assert_eq!(claimed.len(), 2);
    let anew = Outcome::Confirmed {
        remote_id: Some(555),
        remote_parent: None,
        is_created: true,
    };
    end(&store, &[settle(&claimed[0], 21, anew)]).await;
    // It went out under the profile that is no more.
    end(&store, &[settle(&claimed[1], 22, confirmed(102, Some(101)))]).await;
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!(
        (order.state, order.confirmed_version, order.remote_parent),
        (DeliveryState::Ready, 0, Some(101))
    );
    let claimed = take(&store, 22, 1).await;
    assert!(claimed[0].is_uncertain, "it stands under the former profile");
    let again = Outcome::Again { due_at: at(23) };
    end(&store, &[settle(&claimed[0], 22, again)]).await;
    deliver_all(&store, 23).await;
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!(
        (order.state, order.remote_parent),
        (DeliveryState::Clean, Some(555))
    );
}

/// Wishes profile 1 away, as a merge does.
fn leaving(version: i64, due: i64) -> DeliveryRow {
    DeliveryRow {
        wish: Wish::Absent,
        state: DeliveryState::Held,
        desired_version: version,
        desired_digest: [99; 16],
        desired: "[]".to_owned(),
        due_at: at(due),
        ..profile(1)
    }
}

async fn a_profile_goes_when_the_last_child_has_left(store: Store) {
    let mut rows = family().to_vec();
    rows.push(profile(7));
    write(&store, &rows).await;
    deliver_all(&store, 9).await;
    let moved = |row: DeliveryRow, parent| DeliveryRow {
        parent: Some(DeliveryId(parent)),
        root: Some(DeliveryId(7)),
        ..changed(&row)
    };
    let merge = [
        leaving(2, 10),
        moved(child(2, ObjectKind::Order, 1, 1), 7),
        moved(child(3, ObjectKind::OrderRow, 2, 1), 2),
    ];
    write(&store, &merge).await;
    let claimed = take(&store, 20, 9).await;
    assert_eq!(claimed.len(), 2, "the profile waits although it is due");
    assert!(claimed.iter().all(|one| one.root_remote_id == Some(107)));
    end(&store, &[settle(&claimed[0], 21, confirmed(102, Some(107)))]).await;
    assert!(take(&store, 21, 9).await.is_empty());
    end(&store, &[settle(&claimed[1], 22, confirmed(103, Some(107)))]).await;
    let claimed = take(&store, 22, 9).await;
    assert_eq!(
        (claimed[0].object, claimed[0].wish, claimed[0].remote_id),
        (1, Wish::Absent, Some(101))
    );
    let gone = Outcome::Confirmed {
        remote_id: None,
        remote_parent: None,
        is_created: false,
    };
    end(&store, &[settle(&claimed[0], 23, gone)]).await;
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((row.state, row.remote_id), (DeliveryState::Clean, None));
}

async fn a_profile_without_children_goes_at_once(store: Store) {
    write(&store, &[profile(1)]).await;
    deliver_all(&store, 9).await;
    write(&store, &[leaving(2, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    assert_eq!((claimed.len(), claimed[0].wish), (1, Wish::Absent));
}

async fn a_profile_that_shall_go_during_its_attempt_is_held(store: Store) {
    write(&store, &family()).await;
    deliver_all(&store, 9).await;
    write(&store, &[changed(&profile(1))]).await;
    let claimed = take(&store, 20, 9).await;
    // Apply leaves the state of a claimed row as it read it.
    let leaving = DeliveryRow {
        state: DeliveryState::Claimed,
        ..leaving(3, 20)
    };
    write(&store, &[leaving]).await;
    let again = Outcome::Again { due_at: at(21) };
    end(&store, &[settle(&claimed[0], 21, again)]).await;
    assert!(take(&store, 22, 9).await.is_empty(), "children stand under it");
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((row.state, row.due_at), (DeliveryState::Held, at(82)));

    // The worker goes away with a claim on a profile that shall go: the same holds.
    let back = DeliveryRow {
        desired_version: 4,
        ..changed(&profile(1))
    };
    write(&store, &[back]).await;
    take(&store, 90, 9).await;
    write(&store, &[super::moves::leaving(5, 90)]).await;
    let recovered = store
        .recover_claims(TENANT, SINK, at(200), "other", true, 1_000)
        .await
        .unwrap();
    assert_eq!(recovered, 1);
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((row.state, row.due_at), (DeliveryState::Held, at(121)));
}

async fn a_profile_that_comes_back_lets_its_children_go(store: Store) {
    write(&store, &[profile(1)]).await;
    deliver_all(&store, 9).await;
    write(&store, &[leaving(2, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    let gone = Outcome::Confirmed {
        remote_id: None,
        remote_parent: None,
        is_created: false,
    };
    end(&store, &[settle(&claimed[0], 11, gone)]).await;
    // A split brings the person back, with an order that waits: the profile was confirmed once, but is not there.
    let back = DeliveryRow {
        desired_version: 3,
        ..profile(1)
    };
    write(&store, &[back, child(2, ObjectKind::Order, 1, 1)]).await;
    deliver_all(&store, 20).await;
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!(
        (order.state, order.remote_parent),
        (DeliveryState::Clean, Some(101))
    );
}

async fn a_split_after_a_merge_leaves_nothing_behind(store: Store) {
    let mut rows = family().to_vec();
    rows.push(profile(7));
    write(&store, &rows).await;
    deliver_all(&store, 9).await;
    let under = |row: DeliveryRow, root, state| DeliveryRow {
        parent: Some(DeliveryId(if row.object == 2 { root } else { 2 })),
        root: Some(DeliveryId(root)),
        state,
        ..row
    };
    let merged = [
        leaving(2, 10),
        under(changed(&rows[1]), 7, DeliveryState::Ready),
        under(changed(&rows[2]), 7, DeliveryState::Ready),
    ];
    write(&store, &merged).await;
    deliver_all(&store, 20).await;
    // The split: the profile is wished again, its things with it, and one that never was in the sink.
    let back = DeliveryRow {
        desired_version: 3,
        ..profile(1)
    };
    let split = [
        back,
        under(changed(&merged[1]), 1, DeliveryState::Parent),
        under(changed(&merged[2]), 1, DeliveryState::Parent),
        child(4, ObjectKind::Order, 1, 1),
    ];
    write(&store, &split).await;
    let claimed = take(&store, 30, 9).await;
    let anew = Outcome::Confirmed {
        remote_id: Some(555),
        remote_parent: None,
        is_created: true,
    };
    end(&store, &[settle(&claimed[0], 31, anew)]).await;
    let claimed = take(&store, 31, 9).await;
    let old: Vec<_> = claimed
        .iter()
        .map(|one| {
            (
                one.object,
                one.root_remote_id,
                one.remote_parent,
                one.is_uncertain,
            )
        })
        .collect();
    assert_eq!(
        old,
        [(2, Some(555), Some(107), true), (4, Some(555), None, false)]
    );
    let settles: Vec<_> = claimed
        .iter()
        .map(|one| settle(one, 32, confirmed(one.object, Some(555))))
        .collect();
    end(&store, &settles).await;
    let claimed = take(&store, 32, 9).await;
    assert_eq!(
        (
            claimed[0].object,
            claimed[0].remote_parent,
            claimed[0].is_uncertain
        ),
        (3, Some(107), true)
    );
}

/// Forgets what [`Store::remembered_elsewhere`] finds.
async fn forget(store: &Store, found: &[(i64, i64)], now: i64) -> usize {
    let lost = store.remembered_elsewhere(TENANT, SINK, found).await.unwrap();
    let setting = ("seen/mail", b"555 9".as_slice());
    let forgotten = store
        .forget_profiles((TENANT, SINK), &lost, setting, at(now))
        .await;
    assert_eq!(store.setting("seen/mail").await.unwrap().unwrap(), b"555 9");
    forgotten.unwrap()
}

async fn profiles_under_other_ids_are_forgotten_with_what_stood_there(store: Store) {
    assert_eq!(store.last_remembered(TENANT, SINK).await.unwrap(), 0);
    write(&store, &family()).await;
    write(&store, &[profile(7), profile(8)]).await;
    deliver_all(&store, 9).await;
    assert_eq!(store.last_remembered(TENANT, SINK).await.unwrap(), 108);
    let found = [(7, 107), (1, 555), (9, 556), (8, 557)];
    let elsewhere = store.remembered_elsewhere(TENANT, SINK, &found).await.unwrap();
    let one = |number, found, remembered| Elsewhere {
        number,
        found,
        remembered,
    };
    assert_eq!(elsewhere, [one(1, 555, 101), one(8, 557, 108)]);
    assert_eq!(forget(&store, &found[..3], 21).await, 1);
    use DeliveryState::{Clean, Parent, Ready};
    assert_eq!(states(&store, &FAMILY).await, [Ready, Parent, Parent]);
    assert_eq!(read(&store, ObjectKind::Relation, 8).await.state, Clean);
    let under = async |numbers: &[i64]| store.states_under(TENANT, SINK, numbers).await.unwrap();
    assert_eq!(under(&[1, 9]).await, [(Parent, 2), (Ready, 1)]);
    assert_eq!(under(&[8, 1]).await, [(Clean, 1), (Parent, 2), (Ready, 1)]);
    assert!(under(&[]).await.is_empty());
    let claimed = take(&store, 21, 9).await;
    assert_eq!(claimed.len(), 1, "parents before children");
    assert!(claimed[0].remote_id.is_none() && claimed[0].is_uncertain);
    end(&store, &[settle(&claimed[0], 22, confirmed(555, None))]).await;
    deliver_all(&store, 22).await;
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!((order.state, order.remote_parent), (Clean, Some(555)));
    // What is remembered changed meanwhile: nobody is forgotten.
    let setting = ("seen/mail", b"555 9".as_slice());
    let late = store
        .forget_profiles((TENANT, SINK), &elsewhere[..1], setting, at(23))
        .await;
    assert_eq!(late.unwrap(), 0);
    assert_eq!(states(&store, &FAMILY).await, [Clean; 3]);
}

async fn a_write_that_is_out_does_not_bring_a_forgotten_id_back(store: Store) {
    write(&store, &family()).await;
    deliver_all(&store, 9).await;
    write(&store, &[changed(&profile(1))]).await;
    let claimed = take(&store, 20, 9).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(forget(&store, &[(1, 555)], 21).await, 1);
    // It hit the other one and says the id that it was given.
    end(&store, &[settle(&claimed[0], 22, confirmed(101, None))]).await;
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!(
        (row.state, row.remote_id, row.confirmed_version),
        (DeliveryState::Ready, None, 0)
    );
    let claimed = take(&store, 22, 9).await;
    assert_eq!(claimed.len(), 1);
    end(&store, &[settle(&claimed[0], 23, confirmed(555, None))]).await;
    deliver_all(&store, 23).await;
    for (kind, object) in &FAMILY[1..] {
        let row = read(&store, *kind, *object).await;
        assert_eq!((row.state, row.remote_parent), (DeliveryState::Clean, Some(555)));
    }
}

async fn in_a_new_place_all_is_delivered_as_if_nothing_ever_was(store: Store) {
    write(&store, &family()).await;
    write(&store, &[profile(7), profile(8)]).await;
    deliver_all(&store, 9).await;
    let gone = DeliveryRow {
        wish: Wish::Absent,
        ..changed(&profile(7))
    };
    write(&store, &[gone]).await;
    let of = (TENANT, SINK);
    let mut pages = Vec::new();
    let mut after = i64::MIN;
    while let Some(last) = store.start_anew(of, after, 2, at(30)).await.unwrap() {
        pages.push(last);
        after = last;
    }
    assert_eq!(pages, [7, 8]);
    use DeliveryState::{Clean, Parent, Ready};
    assert_eq!(states(&store, &FAMILY).await, [Ready, Parent, Parent]);
    let gone = read(&store, ObjectKind::Relation, 7).await;
    assert_eq!(
        (gone.state, gone.remote_id),
        (Clean, None),
        "it is in no new place"
    );
    let order = read(&store, ObjectKind::Order, 2).await;
    assert_eq!((order.remote_id, order.remote_parent), (None, None));
    assert_eq!((order.confirmed_version, order.confirmed_digest), (0, None));
    assert_eq!((order.since, order.due_at), (at(30), at(30)));
    let claimed = take(&store, 30, 9).await;
    assert_eq!(claimed.len(), 2, "parents before children");
    assert!(claimed.iter().all(|one| !one.is_known && !one.is_uncertain));
    let settles: Vec<_> = claimed
        .iter()
        .map(|one| settle(one, 31, confirmed(900 + one.object, None)))
        .collect();
    end(&store, &settles).await;
    deliver_all(&store, 31).await;
    assert_eq!(states(&store, &FAMILY).await, [Clean; 3]);
    let row = read(&store, ObjectKind::OrderRow, 3).await;
    assert_eq!(row.remote_parent, Some(901));
}
