//! Keys that too many share, and keys that are blocked, join nothing (I8).

use proptest::prelude::*;

use super::hub::Hub;
use super::naive::Model;
use super::world::{Choice, account, customer, said, subscriber, subscription};
use crate::identity::{BlockList, MatchKey};
use crate::record::Record;

const SHARED: &str = "balie@example.org";

/// Makes a subscription's record at `seconds`, under the shared address or one of its own.
fn subscribed(id: i64, seconds: i64, is_shared: bool) -> Record {
    let own = format!("kim{id}@example.org");
    let email = if is_shared { SHARED } else { &own };
    said(seconds, subscription(1, id), seconds, 0, subscriber(email, id))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    // Up to twelve subscriptions under one address, in any order and batches; then some leave and come back, again
    // in batches. After every batch the people are those of the naive model.
    #[test]
    fn nine_are_strangers_and_eight_are_one_person(
        count in 7i64..13,
        moves in proptest::collection::vec((1i64..13, 0u8..4), 0..10),
        seed: u64,
    ) {
        let arrivals: Vec<Record> = (1..=count).map(|id| subscribed(id, id, true)).collect();
        let mut batches = Choice(seed).arrange(&arrivals);
        let mut cut = Choice(seed ^ 1);
        for (index, (id, how)) in moves.into_iter().enumerate() {
            let seconds = 100 + i64::try_from(index).unwrap();
            if cut.below(2) == 0 {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(subscribed(id, seconds, how == 0));
        }
        let (mut hub, mut all) = (Hub::default(), Vec::new());
        for batch in batches {
            hub.apply(&batch);
            all.extend(batch);
            prop_assert_eq!(hub.people(), Model::of(&all).people());
        }
    }
}

#[test]
fn falling_from_nine_holders_to_eight_joins_them() {
    let nine: Vec<Record> = (1..=9).map(|id| subscribed(id, id, true)).collect();
    let mut hub = Hub::of(&[nine]);
    assert_eq!(hub.people().len(), 9);
    hub.apply(&[subscribed(9, 10, false)]);
    assert_eq!(hub.people().len(), 2);
    let lowest = hub.nodes.values().map(|node| node.home.unwrap().0).min().unwrap();
    assert_eq!(hub.number(subscription(1, 1)), lowest);
    hub.apply(&[subscribed(9, 11, true)]);
    assert_eq!(hub.people().len(), 9);
}

#[test]
fn blocked_addresses_join_nothing() {
    for email in [
        "info@example.org",
        " INFO@example.org",
        "noreply@example.org",
        "No-Reply@example.org",
        "",
    ] {
        let hub = Hub::of(&[vec![
            said(1, customer(1, 1), 1, 0, account(email, 1)),
            said(2, subscription(1, 1), 2, 0, subscriber(email, 2)),
        ]]);
        assert_eq!(hub.people().len(), 2, "{email}");
    }
    let mut blocked = BlockList::standard();
    blocked.emails.push("winkel@example.org".to_owned());
    for (email, is_blocked) in [
        ("Winkel@example.org", true),
        ("jan@example.org", false),
        ("information@example.org", false),
    ] {
        assert_eq!(
            blocked.blocks(&MatchKey::email(email).unwrap()),
            is_blocked,
            "{email}"
        );
    }
}
