//! P3: numbers are given once, survive merges from the lowest, and stay with the best record (I9). The hub of these
//! tests checks after every batch that numbers are unique, only rise, pass only between records of one person, and
//! that aliases lead to a person in one step.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::hub::Hub;
use super::world::{self, Choice, Draw, EMAILS, account, customer, said, subscriber, subscription};
use crate::identity::SourceClass;
use crate::record::{Content, RecordKey, RecordKind};

/// Gives the content of a customer under another address.
fn moved(hub: &Hub, key: RecordKey, email: &str) -> Content {
    let (_, _, mut content) = hub.held[&key].live.clone().unwrap();
    if let Content::Customer(customer) = &mut content {
        email.clone_into(&mut customer.person.email);
    }
    content
}

/// Makes a hub with what was drawn and one account more.
fn peopled(draws: &[Draw], choice: &mut Choice) -> Hub {
    let mut records = world::records(draws);
    records.push(said(
        90,
        customer(1, 2),
        3,
        0,
        account(EMAILS[choice.below(3)], 3),
    ));
    Hub::of(&choice.arrange(&records))
}

/// Gives the records that are one person with `key`.
fn person(hub: &Hub, key: RecordKey) -> BTreeSet<RecordKey> {
    hub.people()
        .into_iter()
        .find(|person| person.contains(&key))
        .unwrap()
}

fn accounts(hub: &Hub) -> Vec<RecordKey> {
    hub.nodes
        .keys()
        .copied()
        .filter(|key| key.kind == RecordKind::Customer)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn an_edge_that_comes_and_goes_leaves_the_people_as_they_were(
        draws in world::draws(1..10), seed: u64, email in 0..EMAILS.len(),
    ) {
        let mut choice = Choice(seed);
        let mut hub = peopled(&draws, &mut choice);
        let accounts = accounts(&hub);
        let key = accounts[choice.below(accounts.len())];
        let before = hub.people();
        let (there, back) = (moved(&hub, key, EMAILS[email]), hub.held[&key].live.clone().unwrap().2);
        hub.apply(&[said(200, key, 50, 0, there)]);
        hub.apply(&[said(201, key, 60, 0, back)]);
        prop_assert_eq!(hub.people(), before);
    }

    #[test]
    fn a_customer_keeps_the_number_on_a_change_of_address(draws in world::draws(1..10), seed: u64) {
        let mut choice = Choice(seed);
        let mut hub = peopled(&draws, &mut choice);
        for key in accounts(&hub) {
            let others = person(&hub, key).into_iter().filter(|other| *other != key);
            let rivals = others.filter(|other| hub.nodes[other].class == SourceClass::Registered).count();
            if hub.nodes[&key].class != SourceClass::Registered || rivals > 0 {
                continue;
            }
            let number = hub.number(key);
            let content = moved(&hub, key, &format!("elders@{}-{}.example.org", key.connection, key.remote_id));
            hub.apply(&[said(200, key, 50, 0, content)]);
            prop_assert_eq!(hub.number(key), number);
        }
    }

    // Of two persons that become one the lower number survives, whichever came first and whichever moved.
    #[test]
    fn the_lowest_number_survives(draws in world::draws(1..10), seed: u64) {
        let mut choice = Choice(seed);
        let mut hub = peopled(&draws, &mut choice);
        let accounts = accounts(&hub);
        let key = accounts[choice.below(accounts.len())];
        let email = EMAILS[choice.below(3)];
        let target = hub.nodes.values().find(|node| {
            node.key != key && node.keys.iter().any(|other| other.0.ends_with(email.trim()))
        });
        let Some(target) = target.map(|node| node.key) else { return Ok(()) };
        let own = hub.nodes[&key].home;
        let there = hub.number(target);
        hub.apply(&[said(200, key, 50, 0, moved(&hub, key, email))]);
        prop_assert_eq!(hub.number(key), hub.number(target));
        let expected = own.map_or(there, |own| own.0.min(there));
        prop_assert_eq!(hub.number(target), expected);
    }
}

#[test]
fn an_older_subscription_stays_behind_with_a_new_number() {
    let (els, letter) = (customer(1, 1), subscription(1, 1));
    let mut hub = Hub::of(&[
        vec![said(1, letter, 1, 0, subscriber("els@example.org", 1))],
        vec![said(2, els, 2, 0, account("Els@example.org", 2))],
    ]);
    assert_eq!((hub.number(els), hub.number(letter)), (1, 1));
    hub.apply(&[said(3, els, 3, 0, account("els@elders.example.org", 2))]);
    assert_eq!((hub.number(els), hub.number(letter)), (1, 2));
}

// The customer had a number of her own before she came to the address of the older subscription.
#[test]
fn a_customer_who_joined_a_subscription_takes_its_number_along() {
    let (els, letter) = (customer(1, 1), subscription(1, 1));
    let mut hub = Hub::of(&[
        vec![said(1, letter, 1, 0, subscriber("els@example.org", 1))],
        vec![said(2, els, 2, 0, account("kim@example.org", 2))],
    ]);
    assert_eq!((hub.number(els), hub.number(letter)), (2, 1));
    hub.apply(&[said(3, els, 3, 0, account("els@example.org", 2))]);
    assert_eq!((hub.number(els), hub.number(letter)), (1, 1));
    hub.apply(&[said(4, els, 4, 0, account("els@elders.example.org", 2))]);
    assert_eq!((hub.number(els), hub.number(letter)), (1, 2));
}
