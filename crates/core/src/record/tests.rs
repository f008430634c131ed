//! P2: what is held of a record is a maximum, so that repeats and late arrivals change nothing (I7).

use proptest::prelude::*;

use super::*;
use crate::entity::{GoneRow, Row};
use crate::id::ConnectionId;
use crate::identity::tests::world::{self, Choice, Draw, at, gone, order, said, things};

/// Puts all draws on one thing.
fn about(thing: usize, mut draws: Vec<Draw>) -> Vec<Record> {
    for draw in &mut draws {
        draw.thing = thing;
    }
    world::records(&draws)
}

fn join<'a>(records: impl IntoIterator<Item = &'a Record>, key: RecordKey) -> Held {
    let mut held = Held::empty(key);
    for record in records {
        held.absorb(record.clone());
    }
    held
}

/// What a reader sees of a record: the newest content without the rows that only earlier versions had.
fn visible(held: &Held) -> (Version, Content) {
    let (version, _, mut content) = held.live.clone().unwrap();
    if let Content::Order(order) = &mut content {
        order.gone_rows.clear();
    }
    (version, content)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn absorbing_is_associative_commutative_and_idempotent(
        thing in 0..things().len(), draws in world::draws(0..10), seed: u64,
    ) {
        let key = things()[thing];
        let records = about(thing, draws);
        let held = join(&records, key);
        for seed in [seed, !seed] {
            let arranged: Vec<Record> = Choice(seed).arrange(&records).concat();
            prop_assert_eq!(&join(&arranged, key), &held);
        }
        let mut again = held.clone();
        for record in &records {
            prop_assert!(!again.absorb(record.clone()), "a repeat is no change");
        }
        prop_assert_eq!(again, held);
    }

    // What was stored and read again says the same, so that a batch's borders change nothing (I6).
    #[test]
    fn content_survives_its_text(draws in world::draws(1..4)) {
        for record in world::records(&draws) {
            if let Some(content) = record.content {
                let read = Content::from_json(content.kind(), &content.to_json()).unwrap();
                prop_assert_eq!(read, content);
            }
        }
    }

    // The oldest of all observations comes last; a change at second 9 is always among the others.
    #[test]
    fn an_older_observation_revives_no_older_value(
        thing in 0..things().len(), draws in world::draws(1..10), flavour: u16,
    ) {
        let key = things()[thing];
        let newest = Draw { thing, seconds: 9, how: 9, email: 0, flavour };
        let mut records = about(thing, [draws, vec![newest]].concat());
        records.sort_by_key(|record| record.version);
        let (oldest, others) = records.split_first().unwrap();
        let before = join(others, key);
        let mut after = before.clone();
        after.absorb(oldest.clone());
        // A 404 of a later question counts, however old its time.
        let is_later_question = oldest.content.is_none() && oldest.version.ordinal > 0;
        prop_assert!(after.is_deleted() == before.is_deleted() || is_later_question);
        let (seen, was) = (visible(&after), visible(&before));
        let was_unlisted = matches!(&was, (_, Content::Order(order)) if order.rows_seen == RowsSeen::Never);
        prop_assert!(seen == was || was_unlisted, "{seen:?} instead of {was:?}");
    }

    #[test]
    fn rows_of_a_cart_depend_on_no_order(
        said_ids in proptest::collection::vec((1_i64..5, proptest::option::of(proptest::collection::btree_set(1_i64..5, 0..4))), 1..8),
        seed: u64,
    ) {
        let records: Vec<Record> = said_ids
            .iter()
            .zip(1..)
            .map(|((second, ids), event)| match ids {
                Some(ids) => said(event, cart(), *second, 0, cart_listing(&ids.iter().copied().collect::<Vec<_>>())),
                None => said(event, cart(), *second, 0, Content::Quote(Box::default())),
            })
            .collect();
        let held = join(&records, cart());
        let arranged: Vec<Record> = Choice(seed).arrange(&records).concat();
        prop_assert_eq!(&join(&arranged, cart()), &held);
        // Whatever was ever listed is listed or gone, and what the newest listing has is listed.
        let (listed, gone) = rows(&held);
        let ever: std::collections::BTreeSet<i64> = said_ids.iter().flat_map(|(_, ids)| ids.iter().flatten().copied()).collect();
        prop_assert_eq!(listed.iter().chain(&gone).copied().collect::<std::collections::BTreeSet<_>>(), ever);
        prop_assert_eq!(listed.len() + gone.len(), said_ids.iter().flat_map(|(_, ids)| ids.iter().flatten()).collect::<std::collections::BTreeSet<_>>().len());
        let newest = records.iter().filter(|r| matches!(&r.content, Some(Content::Quote(q)) if q.rows_seen != RowsSeen::Never)).max_by_key(|r| r.version);
        if let Some(Content::Quote(quote)) = newest.and_then(|record| record.content.as_ref()) {
            prop_assert_eq!(listed, quote.rows.iter().map(Row::id).collect::<Vec<_>>());
        }
    }
}

fn listing(ids: &[i64]) -> Content {
    let rows = ids.iter().map(|id| crate::entity::OrderRow {
        id: *id,
        ..crate::entity::OrderRow::default()
    });
    Content::Order(Box::new(Order {
        rows: rows.collect(),
        rows_seen: RowsSeen::Now,
        ..Order::default()
    }))
}

fn cart_listing(ids: &[i64]) -> Content {
    let rows = ids.iter().map(|id| crate::entity::QuoteRow {
        id: *id,
        ..crate::entity::QuoteRow::default()
    });
    Content::Quote(Box::new(Quote {
        rows: rows.collect(),
        rows_seen: RowsSeen::Now,
        ..Quote::default()
    }))
}

fn rows(held: &Held) -> (Vec<i64>, Vec<i64>) {
    fn ids<R: Row>(rows: &[R], gone: &[GoneRow<R>]) -> (Vec<i64>, Vec<i64>) {
        let gone = gone.iter().map(|gone| gone.row.id()).collect();
        (rows.iter().map(Row::id).collect(), gone)
    }
    match &held.live {
        Some((_, _, Content::Order(order))) => ids(&order.rows, &order.gone_rows),
        Some((_, _, Content::Quote(quote))) => ids(&quote.rows, &quote.gone_rows),
        _ => (Vec::new(), Vec::new()),
    }
}

#[test]
fn rows_come_go_and_come_back() {
    come_go_and_come_back(order(1, 1), Content::Order(Box::default()), listing);
    come_go_and_come_back(cart(), Content::Quote(Box::default()), cart_listing);
}

const fn cart() -> RecordKey {
    RecordKey::new(ConnectionId(1), RecordKind::Quote, 1)
}

fn come_go_and_come_back(key: RecordKey, without: Content, listing: fn(&[i64]) -> Content) {
    let mut held = Held::empty(key);
    held.absorb(said(3, key, 30, 0, listing(&[2, 3])));
    assert_eq!(rows(&held), (vec![2, 3], vec![]));
    assert!(
        held.absorb(said(1, key, 10, 0, listing(&[1, 2]))),
        "an older listing tells of a row that is gone"
    );
    assert_eq!(rows(&held), (vec![2, 3], vec![1]));
    held.absorb(said(4, key, 40, 0, without));
    assert_eq!(
        rows(&held),
        (vec![2, 3], vec![1]),
        "an answer without rows takes none away"
    );
    held.absorb(said(5, key, 50, 0, listing(&[1])));
    assert_eq!(rows(&held), (vec![1], vec![2, 3]));
}

#[test]
fn ties_of_one_second_have_one_order() {
    let key = world::customer(1, 1);
    let of = |rank, ordinal, email: &str| {
        Record::said(
            key,
            &world::event(1, key, ordinal),
            world::at(1),
            rank,
            world::account(email, 1),
        )
    };
    let ascending = [
        of(Rank::Embedded, 0, "jan@example.org"),
        of(Rank::Created, 0, "els@example.org"),
        of(Rank::Changed, 0, "kim@example.org"),
        of(Rank::Embedded, 7, "bo@example.org"),
        of(Rank::Embedded, 8, "anna@example.org"),
    ];
    for pair in ascending.windows(2) {
        assert!(pair[0].version < pair[1].version);
        for order in [[0, 1], [1, 0]] {
            let held = join(order.map(|index| &pair[index]), key);
            assert_eq!(held.live.map(|(version, ..)| version), Some(pair[1].version));
        }
    }
}

#[test]
fn of_words_in_two_events_the_first_event_counts() {
    let key = world::customer(1, 1);
    let at_event = |id| said(id, key, 1, 0, world::account("jan@example.org", 1));
    for ids in [[4, 9], [9, 4]] {
        let held = join(&ids.map(at_event), key);
        assert_eq!(held.live.map(|(_, event, _)| event), Some(EventId(4)));
    }
}

#[test]
fn of_two_answers_the_later_one_counts_whatever_times_they_bear() {
    let key = world::customer(1, 1);
    let there = |seconds, ordinal| said(1, key, seconds, ordinal, world::account("jan@example.org", 1));
    // A restored shop tells an old time; the tombstone was not applied yet when it was asked again.
    let back = [gone(2, key, 20, 4), there(10, 5)];
    let lost = [there(30, 4), gone(2, key, 20, 5)];
    for order in [[0, 1], [1, 0]] {
        assert!(!join(order.map(|index| &back[index]), key).is_deleted());
        assert!(join(order.map(|index| &lost[index]), key).is_deleted());
    }
    // A payload proves by its time alone, and a tie goes to the question.
    let late = [gone(2, key, 20, 4), there(10, 0)];
    let younger = [gone(2, key, 20, 4), there(21, 0)];
    assert!(join(&late, key).is_deleted());
    assert!(!join(&younger, key).is_deleted());
}

#[test]
fn the_time_of_a_tombstone_never_goes_back() {
    let key = world::customer(1, 1);
    let noes = [gone(1, key, 30, 3), gone(2, key, 20, 7)];
    for order in [[0, 1], [1, 0]] {
        let (version, event) = join(order.map(|index| &noes[index]), key).tombstone.unwrap();
        assert_eq!((version.at, version.ordinal, event), (at(30), 7, EventId(2)));
    }
}
