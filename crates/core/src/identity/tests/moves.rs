//! Accounts that meet: a swap of addresses, a webhook that is late, and what a fetch proves (mission, Identity).

use super::hub::Hub;
use super::world::{account, customer, said, subscriber, subscription};
use crate::record::{Record, RecordKey};

const A: RecordKey = customer(1, 1);
const B: RecordKey = customer(1, 2);
const ANNA: &str = "anna@example.org";
const BO: &str = "bo@example.org";

/// The world before: who came first, who is older, whether both also have a newsletter, whether both were fetched.
fn start(variant: u8) -> Vec<Vec<Record>> {
    let is = |bit: u8| variant & (1 << bit) != 0;
    let (age_a, age_b) = if is(0) { (1, 2) } else { (2, 1) };
    let mut accounts = vec![
        vec![said(1, A, 10, 0, account(ANNA, age_a))],
        vec![said(2, B, 10, 0, account(BO, age_b))],
    ];
    if is(1) {
        accounts.reverse();
    }
    let mut batches = Vec::new();
    if is(2) {
        batches.push(vec![said(3, subscription(1, 1), 5, 0, subscriber(ANNA, 1))]);
        batches.push(vec![said(4, subscription(1, 2), 5, 0, subscriber(BO, 1))]);
    }
    batches.extend(accounts);
    if is(3) {
        batches.push(vec![
            said(5, A, 10, 1, account(ANNA, age_a)),
            said(6, B, 10, 2, account(BO, age_b)),
        ]);
    }
    batches
}

/// What is said of the swap: both webhooks, both fetches after it, and a fetch of B from before B's change.
fn swap(variant: u8) -> Vec<Record> {
    let (age_a, age_b) = if variant & 1 == 1 { (1, 2) } else { (2, 1) };
    vec![
        said(11, A, 20, 0, account(BO, age_a)),
        said(12, B, 21, 0, account(ANNA, age_b)),
        said(13, A, 20, 5, account(BO, age_a)),
        said(14, B, 21, 6, account(ANNA, age_b)),
        said(15, B, 10, 4, account(BO, age_b)),
    ]
}

fn permutations(records: &[Record]) -> Vec<Vec<Record>> {
    let Some((first, rest)) = records.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, first.clone());
            all.push(longer);
        }
    }
    all
}

fn run(start: &Hub, records: &[Record], batch: usize) -> Hub {
    let mut hub = start.clone();
    for records in records.chunks(batch) {
        hub.apply(records);
    }
    hub
}

// Every order of the two webhooks and the three fetches, one by one, in pairs and all at once; and every order in
// which one webhook is lost, so that only the fetch tells.
#[test]
fn two_customers_who_swap_addresses_keep_their_numbers() {
    for variant in 0..16 {
        let before = Hub::of(&start(variant));
        let numbers = (before.number(A), before.number(B));
        let all = swap(variant);
        for lost in [None, Some(0), Some(1)] {
            let mut told = all.clone();
            if let Some(lost) = lost {
                told.remove(lost);
            }
            for order in permutations(&told) {
                for batch in [1, 2, 5] {
                    let hub = run(&before, &order, batch);
                    assert_eq!(
                        (hub.number(A), hub.number(B)),
                        numbers,
                        "variant {variant}: {order:?}"
                    );
                    assert!(!hub.is_unconfirmed(A) && !hub.is_unconfirmed(B));
                }
            }
        }
    }
}

// Shown with accounts that were fetched long ago (variants with bit 3) and never.
#[test]
fn a_meeting_is_held_back_until_both_were_fetched_since() {
    for variant in 0..16 {
        let mut hub = Hub::of(&start(variant));
        let numbers = (hub.number(A), hub.number(B));
        assert!(!hub.is_unconfirmed(A) && !hub.is_unconfirmed(B));
        hub.apply(&swap(variant)[..1]);
        assert!(
            hub.is_unconfirmed(A),
            "variant {variant}: a webhook proves no meeting"
        );
        hub.apply(&[swap(variant).swap_remove(2)]);
        assert!(
            hub.is_unconfirmed(A),
            "variant {variant}: the other account was not fetched since"
        );
        hub.confirm(B);
        assert!(!hub.is_unconfirmed(A), "variant {variant}: both were fetched");
        assert_eq!(hub.number(A), numbers.0.min(numbers.1));
        hub.apply(&[swap(variant).swap_remove(1)]);
        assert_eq!(
            (hub.number(A), hub.number(B)),
            numbers,
            "variant {variant}: parted again"
        );
    }
}

#[test]
fn a_late_webhook_parts_accounts_that_only_seemed_to_meet() {
    for variant in 0..16 {
        let mut hub = Hub::of(&start(variant));
        let numbers = (hub.number(A), hub.number(B));
        hub.apply(&swap(variant)[..1]);
        hub.confirm(B);
        assert!(
            hub.is_unconfirmed(B),
            "variant {variant}: only one account was fetched"
        );
        hub.apply(&swap(variant)[1..2]);
        assert_eq!((hub.number(A), hub.number(B)), numbers);
        assert!(!hub.is_unconfirmed(A) && !hub.is_unconfirmed(B));
    }
}

// What does not count as a fetch of both: one that the hub takes in together with the webhook, a later webhook
// about an account that was fetched long ago, and an answer that a later answer contradicts.
#[test]
fn half_a_proof_is_none() {
    let fetched = 3; // The bit of `start` with which both were fetched before.
    let mut hub = Hub::of(&start(1 << fetched));
    let together = [swap(0).swap_remove(4), swap(0).swap_remove(0)];
    hub.apply(&together);
    hub.confirm(A);
    assert!(hub.is_unconfirmed(A), "B's answer may be older than A's change");

    let mut hub = Hub::of(&start(1 << fetched));
    hub.apply(&swap(0)[..1]);
    hub.confirm(A);
    hub.apply(&[said(20, B, 30, 0, account(BO, 1))]);
    assert!(hub.is_unconfirmed(A), "a webhook is no fetch");
    hub.confirm(B);
    assert!(!hub.is_unconfirmed(A));
    hub.apply(&[said(90, A, 10, 90, account(ANNA, 2))]);
    assert!(
        hub.is_unconfirmed(A),
        "the last answer, though of an older version, shows another address"
    );
}

// B is older, so a proven meeting gives it the number; one that only a late webhook suggests takes nothing from A.
#[test]
fn an_account_seen_for_the_first_time_takes_no_number_without_proof() {
    let meeting = [
        vec![said(1, A, 10, 0, account(ANNA, 2))],
        vec![said(2, B, 10, 0, account(ANNA, 1))],
    ];
    let mut parted = Hub::of(&meeting);
    assert!(parted.is_unconfirmed(A));
    parted.apply(&[said(3, B, 20, 0, account(BO, 1))]);
    assert_eq!((parted.number(A), parted.number(B)), (1, 2));
    let mut proven = Hub::of(&meeting);
    proven.confirm(A);
    proven.confirm(B);
    proven.apply(&[said(3, B, 20, 0, account(BO, 1))]);
    assert_eq!((proven.number(A), proven.number(B)), (2, 1));
}

// An account that is gone holds nothing back; when it comes back by a webhook, the meeting must be proven anew.
#[test]
fn a_deleted_account_meets_nobody_until_it_comes_back() {
    let mut hub = Hub::of(&[vec![
        said(1, A, 10, 1, account(ANNA, 1)),
        said(2, B, 10, 0, account(BO, 2)),
        super::world::gone(3, B, 11, 2),
    ]]);
    hub.apply(&[said(4, A, 20, 0, account(BO, 1))]);
    assert!(!hub.is_unconfirmed(A));
    hub.confirm(A);
    hub.apply(&[said(5, B, 30, 0, account(BO, 2))]);
    assert!(hub.is_unconfirmed(A));
    hub.confirm(B);
    assert!(hub.is_unconfirmed(A), "A was fetched only before B came back");
    hub.confirm(A);
    assert!(!hub.is_unconfirmed(A));
}
