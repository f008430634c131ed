//! Survivorship and consent: P2's second half, and the rules of docs/spec/identity.md case by case.

use proptest::prelude::*;

use super::{Relation, relation};
use crate::entity::{Address, Customer, Person, Subscription};
use crate::identity::tests::world::{self, at, customer, event, gone, said, subscription};
use crate::record::{Content, Held, Rank, Record, RecordKey};
use crate::time::Timestamp;

fn held(records: &[Record]) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    for record in records {
        let place = all.iter().position(|held| held.key == record.key);
        let place = place.unwrap_or_else(|| {
            all.push(Held::empty(record.key));
            all.len() - 1
        });
        all[place].absorb(record.clone());
    }
    all
}

fn golden(records: &[Record]) -> Relation {
    let held = held(records);
    relation(&held.iter().collect::<Vec<_>>(), None, false)
}

fn letter(id: i64, seconds: i64, created: i64, is_confirmed: bool) -> Record {
    let content = Subscription {
        email: "els@example.org".to_owned(),
        is_confirmed,
        created_at: Some(at(created)),
        ..Subscription::default()
    };
    said(
        seconds,
        subscription(1, id),
        seconds,
        0,
        Content::Subscription(Box::new(content)),
    )
}

fn made_at(record: &Record) -> Option<(bool, Timestamp)> {
    match record.content.as_ref() {
        Some(Content::Subscription(one)) => Some((one.is_confirmed, one.created_at?)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    // Whatever is said of a person whose golden record says No: only a living, confirmed subscription that was made
    // after every No of that person makes it a Yes, or one without any No.
    #[test]
    fn consent_never_rises_without_proof(draws in world::draws(1..15)) {
        let mut records = world::records(&draws);
        let last = records.pop().unwrap();
        let (before, after) = (held(&records), held(&[records, vec![last.clone()]].concat()));
        let newsletter = |held: &[Held]| relation(&held.iter().collect::<Vec<_>>(), None, false).newsletter;
        if !newsletter(&before) && newsletter(&after) {
            let noes = after.iter().filter(|held| matches!(held.live, Some((_, _, Content::Subscription(_)))));
            let mut noes = noes.filter_map(|held| held.tombstone.as_ref().map(|(version, _)| version.at));
            let is_confirmed = matches!(&last.content, Some(Content::Subscription(one)) if one.is_confirmed);
            prop_assert!(is_confirmed, "{last:?}");
            prop_assert!(noes.all(|no| made_at(&last).is_some_and(|(_, made)| made > no)), "{last:?}");
        }
    }

    #[test]
    fn merging_a_yes_with_a_younger_no_gives_no(draws in world::draws(0..10), seconds in 7i64..20) {
        let mut records = world::records(&draws);
        records.push(letter(7, 6, 6, true));
        records.push(letter(8, 6, 6, true));
        records.push(gone(900, subscription(1, 8), seconds, 0));
        prop_assert!(!golden(&records).newsletter);
    }
}

#[test]
fn consent_follows_the_ledger_of_yes_and_no() {
    let no = |id, seconds| gone(seconds, subscription(1, id), seconds, 0);
    let cases = [
        ("never said anything", vec![], false),
        ("confirmed", vec![letter(1, 10, 10, true)], true),
        ("not confirmed", vec![letter(1, 10, 10, false)], false),
        ("unsubscribed", vec![letter(1, 10, 10, true), no(1, 20)], false),
        (
            "another, older Yes is left",
            vec![letter(1, 10, 10, true), letter(2, 12, 12, true), no(1, 20)],
            false,
        ),
        (
            "a new, confirmed one",
            vec![letter(1, 10, 10, true), no(1, 20), letter(2, 30, 30, true)],
            true,
        ),
        (
            "a new one, not confirmed",
            vec![letter(1, 10, 10, true), no(1, 20), letter(2, 30, 30, false)],
            false,
        ),
        (
            "made in the second of the No",
            vec![letter(1, 10, 10, true), no(1, 20), letter(2, 30, 20, true)],
            false,
        ),
        (
            "the old one is there again",
            vec![letter(1, 10, 10, true), no(1, 20), letter(1, 30, 10, true)],
            false,
        ),
        (
            "the old one is there again beside an older Yes",
            vec![
                letter(2, 9, 9, true),
                letter(1, 10, 10, true),
                no(1, 20),
                letter(1, 30, 10, true),
            ],
            false,
        ),
    ];
    for (name, records, expected) in cases {
        assert_eq!(golden(&records).newsletter, expected, "{name}");
    }
}

#[test]
fn who_unsubscribed_keeps_his_number_of_subscriber() {
    let records = [letter(1, 10, 10, true), gone(20, subscription(1, 1), 20, 0)];
    let golden = golden(&records);
    assert_eq!((golden.subscriber_id, golden.newsletter), (1, false));
}

fn person(key: RecordKey, seconds: i64, ordinal: i64, kind: &str, person: Person) -> Record {
    let content = Customer {
        person,
        customer_type: kind.to_owned(),
        created_at: Some(at(1)),
        ..Customer::default()
    };
    let content = Content::Customer(Box::new(content));
    Record::said(key, &event(1, key, ordinal), at(seconds), Rank::Changed, content)
}

fn named(first: &str, last: &str) -> Person {
    Person {
        firstname: first.to_owned(),
        lastname: last.to_owned(),
        ..Person::default()
    }
}

#[test]
fn the_best_source_that_says_something_names_the_person() {
    let registered = |named| person(customer(1, 1), 10, 0, "registered", named);
    let guest = |seconds, named| person(customer(1, 2), seconds, 0, "guest", named);
    let cases = [
        (
            "class before time",
            vec![registered(named("Els", "Kade")), guest(20, named("E.", "K."))],
            "Els Kade",
        ),
        (
            "nothing said gives way",
            vec![registered(named("", "")), guest(20, named("E.", "K."))],
            "E. K.",
        ),
        (
            "names are one block",
            vec![registered(named("", "Kade")), guest(20, named("Els", "K."))],
            " Kade",
        ),
        (
            "newer before older",
            vec![
                guest(20, named("Els", "Kade")),
                person(customer(1, 3), 21, 0, "guest", named("Elsa", "Kade")),
            ],
            "Elsa Kade",
        ),
        (
            "deleted last",
            vec![
                registered(named("Els", "Kade")),
                gone(2, customer(1, 1), 30, 0),
                guest(5, named("E.", "K.")),
            ],
            "E. K.",
        ),
    ];
    for (name, records, expected) in cases {
        let golden = golden(&records).person;
        assert_eq!(
            format!("{} {}", golden.firstname, golden.lastname),
            expected,
            "{name}"
        );
    }
}

// Versions of different records have nothing to say to each other but their time: how often the hub fetched one
// of them must not decide whose name survives (I7).
#[test]
fn a_fetch_gives_no_record_an_advantage_over_another() {
    let one = person(customer(1, 1), 10, 0, "guest", named("Els", "Kade"));
    for ordinal in [0, 9] {
        let other = person(customer(1, 2), 10, ordinal, "guest", named("Elsa", "Kade"));
        assert_eq!(golden(&[one.clone(), other]).person.firstname, "Els");
    }
}

#[test]
fn an_address_is_never_put_together_from_two() {
    let address = |street: &str, city: &str| Person {
        billing: Address {
            street: street.to_owned(),
            city: city.to_owned(),
            ..Address::default()
        },
        ..Person::default()
    };
    let records = [
        person(customer(1, 1), 10, 0, "registered", address("Kade", "")),
        person(customer(1, 2), 20, 0, "guest", address("Dijk", "Delft")),
    ];
    let golden = golden(&records).person;
    assert_eq!(
        (golden.billing.street.as_str(), golden.billing.city.as_str()),
        ("Kade", "")
    );
}

#[test]
fn the_account_shown_is_living_then_registered_then_the_oldest() {
    let account = |id: i64, kind: &str, created: Option<i64>| {
        let content = Customer {
            customer_type: kind.to_owned(),
            created_at: created.map(at),
            ..Customer::default()
        };
        said(id, customer(1, id), 50, 0, Content::Customer(Box::new(content)))
    };
    let gone_one = gone(9, customer(1, 1), 60, 0);
    let cases = [
        (
            "oldest",
            vec![
                account(1, "registered", Some(9)),
                account(2, "registered", Some(8)),
            ],
            2,
            false,
        ),
        (
            "registered",
            vec![account(1, "registered", Some(9)), account(2, "guest", Some(8))],
            1,
            false,
        ),
        (
            "living",
            vec![
                account(1, "registered", Some(8)),
                gone_one.clone(),
                account(2, "guest", Some(9)),
            ],
            2,
            false,
        ),
        (
            "none left",
            vec![account(1, "registered", Some(8)), gone_one],
            1,
            true,
        ),
        (
            "age not said",
            vec![account(1, "guest", None), account(2, "guest", Some(8))],
            2,
            false,
        ),
    ];
    for (name, records, id, is_deleted) in cases {
        let golden = golden(&records);
        assert_eq!(
            (golden.customer_id, golden.is_customer_deleted),
            (id, is_deleted),
            "{name}"
        );
    }
}
