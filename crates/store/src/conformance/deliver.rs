//! Claiming and settling: I11 to I14, I21.

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::id::DeliveryId;

use super::make::{
    NO_ATTEMPT, SHOP, SINK, TENANT, at, changed, child, claim, confirmed, ids, profile, settle,
};
use super::on_both;
use super::outbox::{read, write};
use crate::Store;
use crate::rows::{Claim, Claimed, DeadFilter, DeliveryRow, Outcome, Settle};

on_both! {
    due_rows_are_claimed_earliest_first,
    an_attempt_is_recorded_before_it_is_sent,
    a_confirmation_makes_the_row_clean,
    a_newer_version_goes_out_after_the_older,
    a_version_that_went_back_costs_no_call,
    failures_wait_and_are_counted,
    an_outage_counts_no_faults,
    a_stale_worker_changes_nothing,
    a_repeated_settlement_changes_nothing,
    claims_of_the_gone_become_uncertain,
    a_living_claim_is_left_alone,
    a_claim_of_which_nobody_heard_is_free_at_once,
    dead_letters_are_redriven,
    an_idle_step_does_nothing,
    many_are_claimed_and_settled_in_one_step,
}

pub(super) async fn take(store: &Store, now: i64, limit: usize) -> Vec<Claimed> {
    let mut next = ids();
    store
        .deliver_step(TENANT, SINK, &[], Some(&claim(now, limit)), &mut next)
        .await
        .unwrap()
}

pub(super) async fn end(store: &Store, settles: &[Settle]) {
    store
        .deliver_step(TENANT, SINK, settles, None, &mut ids())
        .await
        .unwrap();
}

async fn due_rows_are_claimed_earliest_first(store: Store) {
    let rows = [profile(30), profile(10), profile(20), profile(99)];
    write(&store, &rows).await;
    let claimed = take(&store, 50, 2).await;
    let objects: Vec<i64> = claimed.iter().map(|claimed| claimed.object).collect();
    assert_eq!(objects, [10, 20]);
    let claimed = take(&store, 50, 9).await;
    assert_eq!(claimed.len(), 1, "the last one is not due");
    let first = &claimed[0];
    assert_eq!(first.desired, profile(30).desired);
    assert_eq!((first.version, first.digest, first.since), (1, [1; 16], at(30)));
    assert!(!first.is_known && !first.is_uncertain && first.root_remote_id.is_none());
}

async fn an_attempt_is_recorded_before_it_is_sent(store: Store) {
    write(&store, &[profile(1)]).await;
    let claimed = take(&store, 9, 1).await;
    let attempts = store.attempts_of(TENANT, claimed[0].id, 10).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].id, attempts[0].version), (claimed[0].attempt, 1));
    assert_eq!((attempts[0].started_at, attempts[0].ended_at), (at(9), None));
    assert_eq!(attempts[0].outcome, "");
    let mut failed = settle(&claimed[0], 12, Outcome::Again { due_at: at(12) });
    failed.error = "connection refused".to_owned();
    failed.calls = 3;
    end(&store, &[failed]).await;
    take(&store, 13, 1).await;
    let attempts = store.attempts_of(TENANT, claimed[0].id, 10).await.unwrap();
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.outcome.as_str(), attempt.calls))
        .collect();
    assert_eq!(outcomes, [("", 0), ("again", 3)]);
    assert_eq!(attempts[1].error, "connection refused");
    assert_eq!(attempts[1].ended_at, Some(at(12)));
}

async fn a_confirmation_makes_the_row_clean(store: Store) {
    write(&store, &[profile(1)]).await;
    let claimed = take(&store, 9, 1).await;
    end(&store, &[settle(&claimed[0], 10, confirmed(77, None))]).await;
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((row.state, row.confirmed_version), (DeliveryState::Clean, 1));
    assert_eq!((row.confirmed_digest, row.remote_id), (Some([1; 16]), Some(77)));
    assert!(take(&store, 99, 9).await.is_empty());
}

async fn a_newer_version_goes_out_after_the_older(store: Store) {
    write(&store, &[profile(1)]).await;
    let first = take(&store, 9, 1).await;
    write(&store, &[changed(&profile(1))]).await;
    end(&store, &[settle(&first[0], 10, confirmed(77, None))]).await;
    let second = take(&store, 11, 1).await;
    assert_eq!((second[0].version, second[0].is_known), (2, true));
    // The sink need not name the object again.
    let done = Outcome::Confirmed {
        remote_id: None,
        remote_parent: None,
        is_created: false,
    };
    end(&store, &[settle(&second[0], 12, done)]).await;
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!(
        (row.state, row.confirmed_version, row.remote_id),
        (DeliveryState::Clean, 2, Some(77))
    );
}

async fn a_version_that_went_back_costs_no_call(store: Store) {
    write(&store, &[profile(1)]).await;
    let claimed = take(&store, 9, 1).await;
    let back = DeliveryRow {
        desired_version: 3,
        ..profile(1)
    };
    write(&store, &[back]).await;
    end(&store, &[settle(&claimed[0], 10, confirmed(77, None))]).await;
    let row = read(&store, ObjectKind::Relation, 1).await;
    assert_eq!((row.state, row.confirmed_version), (DeliveryState::Clean, 1));
}

async fn failures_wait_and_are_counted(store: Store) {
    write(&store, &[profile(1)]).await;
    let outcomes = [
        (Outcome::Again { due_at: at(20) }, 20, (1, 0, false)),
        (Outcome::Fault { due_at: at(30) }, 30, (2, 1, false)),
        (Outcome::Uncertain { due_at: at(40) }, 40, (3, 1, true)),
        (Outcome::Fault { due_at: at(50) }, 50, (4, 2, true)),
    ];
    let mut claimed = take(&store, 10, 1).await;
    for (outcome, due, expected) in outcomes {
        end(&store, &[settle(&claimed[0], 11, outcome)]).await;
        assert!(take(&store, due - 1, 1).await.is_empty());
        claimed = take(&store, due, 1).await;
        let row = &claimed[0];
        assert_eq!((row.attempts, row.faults, row.is_uncertain), expected);
    }
    end(&store, &[settle(&claimed[0], 51, confirmed(7, None))]).await;
    write(&store, &[changed(&profile(1))]).await;
    let row = &take(&store, 60, 1).await[0];
    assert_eq!((row.attempts, row.faults, row.is_uncertain), (0, 0, false));
}

async fn an_outage_counts_no_faults(store: Store) {
    write(&store, &[profile(1)]).await;
    for round in 0..20 {
        let claimed = take(&store, 10 + round, 1).await;
        let again = Outcome::Again {
            due_at: at(11 + round),
        };
        end(&store, &[settle(&claimed[0], 10 + round, again)]).await;
    }
    let row = &take(&store, 99, 1).await[0];
    assert_eq!((row.attempts, row.faults), (20, 0));
}

async fn a_stale_worker_changes_nothing(store: Store) {
    write(&store, &[profile(1)]).await;
    let old = take(&store, 9, 1).await;
    store
        .recover_claims(TENANT, SINK, at(100), "other", true, 0)
        .await
        .unwrap();
    let new = take(&store, 200, 1).await;
    assert_ne!(old[0].attempt, new[0].attempt);
    let before = read(&store, ObjectKind::Relation, 1).await;
    for outcome in [
        confirmed(5, None),
        Outcome::Dead,
        Outcome::Again { due_at: at(1) },
    ] {
        end(&store, &[settle(&old[0], 201, outcome)]).await;
    }
    let mut stranger = settle(&new[0], 201, Outcome::Dead);
    stranger.attempt = NO_ATTEMPT;
    end(&store, &[stranger]).await;
    assert_eq!(read(&store, ObjectKind::Relation, 1).await, before);
    let attempts = store.attempts_of(TENANT, old[0].id, 10).await.unwrap();
    assert_eq!(
        (attempts[0].outcome.as_str(), attempts[1].outcome.as_str()),
        ("", "lost")
    );
}

async fn a_repeated_settlement_changes_nothing(store: Store) {
    // As after a commit whose answer was lost.
    write(&store, &[profile(1)]).await;
    let claimed = take(&store, 9, 1).await;
    let done = settle(&claimed[0], 10, confirmed(77, None));
    end(&store, &[done.clone(), done.clone()]).await;
    write(&store, &[changed(&profile(1))]).await;
    let before = read(&store, ObjectKind::Relation, 1).await;
    end(&store, &[done]).await;
    assert_eq!(read(&store, ObjectKind::Relation, 1).await, before);
}

async fn claims_of_the_gone_become_uncertain(store: Store) {
    write(&store, &[profile(1), profile(2)]).await;
    take(&store, 9, 1).await;
    take(&store, 20, 1).await;
    // The first lease ended at 39, the second goes on to 50: a process that is gone sent nothing after now.
    let recovered = store
        .recover_claims(TENANT, SINK, at(45), "restarted", false, 10_000)
        .await
        .unwrap();
    assert_eq!(recovered, 2);
    let due = [
        read(&store, ObjectKind::Relation, 1).await,
        read(&store, ObjectKind::Relation, 2).await,
    ];
    assert_eq!(
        due.map(|row| (row.state, row.due_at)),
        [(DeliveryState::Ready, at(49)), (DeliveryState::Ready, at(55))]
    );
    let claimed = take(&store, 60, 9).await;
    assert!(claimed.iter().all(|row| row.is_uncertain && row.attempts == 1));
}

async fn a_living_claim_is_left_alone(store: Store) {
    write(&store, &[profile(1), profile(2)]).await;
    take(&store, 9, 1).await;
    let recover = async |now, owner, only_expired| {
        store
            .recover_claims(TENANT, SINK, at(now), owner, only_expired, 0)
            .await
            .unwrap()
    };
    assert_eq!(recover(38, "other", true).await, 0);
    assert_eq!(recover(38, "worker", false).await, 0);
    assert_eq!(recover(39, "other", true).await, 1);
    assert_eq!(recover(39, "other", true).await, 0);
    // A worker that lost an attempt of its own, as by a panic, gets it back like any other.
    assert_eq!(take(&store, 40, 9).await.len(), 2);
    assert_eq!(recover(69, "worker", true).await, 0);
    assert_eq!(recover(70, "worker", true).await, 2);
}

async fn a_claim_of_which_nobody_heard_is_free_at_once(store: Store) {
    write(&store, &[profile(1), profile(2), profile(3)]).await;
    let before = read(&store, ObjectKind::Relation, 1).await;
    let claimed = take(&store, 50, 3).await;
    let [first, second, third] = [0, 1, 2].map(|at| claimed[at].attempt);
    // One came back meanwhile, and of another the content changed.
    end(&store, &[settle(&claimed[1], 51, confirmed(72, None))]).await;
    write(&store, &[changed(&profile(3))]).await;
    let settled = read(&store, ObjectKind::Relation, 2).await;
    let unsent = [first, second, NO_ATTEMPT];
    assert_eq!(store.free_unsent(TENANT, &unsent, at(60)).await.unwrap(), 1);
    assert_eq!(
        read(&store, ObjectKind::Relation, 1).await,
        before,
        "as if never claimed"
    );
    assert_eq!(read(&store, ObjectKind::Relation, 2).await, settled);
    assert_eq!(
        read(&store, ObjectKind::Relation, 3).await.state,
        DeliveryState::Claimed,
        "it may have been sent"
    );
    assert_eq!(store.free_unsent(TENANT, &[third], at(60)).await.unwrap(), 1);
    let again = take(&store, 60, 9).await;
    let seen: Vec<_> = again
        .iter()
        .map(|row| (row.object, row.version, row.attempts, row.is_uncertain))
        .collect();
    assert_eq!(seen, [(1, 1, 0, false), (3, 2, 0, false)]);
    let attempts = store.attempts_of(TENANT, claimed[0].id, 10).await.unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["", "unsent"]);
}

async fn dead_letters_are_redriven(store: Store) {
    let mut rows: Vec<DeliveryRow> = (1..=4).map(profile).collect();
    rows.push(DeliveryRow {
        state: DeliveryState::Ready,
        ..child(5, ObjectKind::Order, 1, 1)
    });
    write(&store, &rows).await;
    let claimed = take(&store, 9, 9).await;
    let settles: Vec<Settle> = claimed
        .iter()
        .map(|claimed| Settle {
            error: format!("refused {}", claimed.object),
            ..settle(claimed, 10, Outcome::Dead)
        })
        .collect();
    end(&store, &settles).await;
    let all = DeadFilter::default();
    let dead = store.dead_letters(TENANT, None, &all, 2).await.unwrap();
    assert_eq!(dead.len(), 2);
    assert_eq!(
        (dead[0].delivery.id, dead[0].error.as_str(), dead[0].at),
        (DeliveryId(5), "refused 5", at(10))
    );
    let filtered = async |sink, kind, ids: Option<Vec<i64>>| {
        let filter = DeadFilter {
            deliveries: ids.map(|ids| ids.into_iter().map(DeliveryId).collect()),
            kind,
            ..DeadFilter::default()
        };
        let dead = store.dead_letters(TENANT, sink, &filter, 9).await.unwrap();
        dead.iter().map(|dead| dead.delivery.id.0).collect::<Vec<_>>()
    };
    assert_eq!(filtered(Some(SINK), None, None).await, [5, 4, 3, 2, 1]);
    assert_eq!(filtered(Some(SHOP), None, None).await, [] as [i64; 0]);
    assert_eq!(filtered(None, Some(ObjectKind::Order), None).await, [5]);
    assert_eq!(filtered(None, None, Some(vec![2, 99, 4])).await, [4, 2]);
    let redrive = async |deliveries: Option<Vec<i64>>, kind| {
        let filter = DeadFilter {
            deliveries: deliveries.map(|ids| ids.into_iter().map(DeliveryId).collect()),
            kind,
            due_at: at(20),
        };
        store.redrive(TENANT, SINK, &filter).await.unwrap()
    };
    assert_eq!(redrive(Some(vec![1, 99]), None).await, 1);
    assert_eq!(redrive(Some(vec![2]), Some(ObjectKind::Order)).await, 0);
    assert_eq!(redrive(None, Some(ObjectKind::Order)).await, 1);
    assert_eq!(redrive(None, None).await, 3);
    assert_eq!(redrive(None, None).await, 0);
    assert!(
        store
            .dead_letters(TENANT, None, &all, 9)
            .await
            .unwrap()
            .is_empty()
    );
    // The order's profile was never confirmed, so it waits again.
    assert_eq!(
        read(&store, ObjectKind::Order, 5).await.state,
        DeliveryState::Parent
    );
    let claimed = take(&store, 20, 9).await;
    assert_eq!(claimed.len(), 4);
    assert!(claimed.iter().all(|row| row.faults == 0 && row.attempts == 0));
}

async fn an_idle_step_does_nothing(store: Store) {
    write(&store, &[profile(50)]).await;
    // A writer in the way shows that the step takes no lock: it would wait for the end of this transaction.
    let tx = store.write().await.unwrap();
    assert!(take(&store, 9, 9).await.is_empty());
    let none = store
        .deliver_step(TENANT, SINK, &[], None, &mut ids())
        .await
        .unwrap();
    assert!(none.is_empty());
    drop(tx);
}

async fn many_are_claimed_and_settled_in_one_step(store: Store) {
    let rows: Vec<DeliveryRow> = (1..=700).map(profile).collect();
    write(&store, &rows).await;
    let mut next = ids();
    let all = Claim {
        limit: 700,
        ..claim(1000, 0)
    };
    let claimed = store
        .deliver_step(TENANT, SINK, &[], Some(&all), &mut next)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 700);
    let settles: Vec<Settle> = claimed
        .iter()
        .map(|claimed| settle(claimed, 1001, confirmed(claimed.object, None)))
        .collect();
    store
        .deliver_step(TENANT, SINK, &settles, Some(&all), &mut next)
        .await
        .unwrap();
    let counts = store.delivery_counts(TENANT).await.unwrap();
    assert_eq!(
        (counts.len(), counts[0].state, counts[0].count),
        (1, DeliveryState::Clean, 700)
    );
}
