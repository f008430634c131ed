//! Small worlds: a few records of two shops, a few addresses, and versions of all of them in any order.

use std::ops::Range;

use bytes::Bytes;
use proptest::prelude::*;

use crate::entity::{
    Address, Amount, Customer, LanguageName, Order, OrderRow, Person, RowsSeen, Subscription,
};
use crate::event::{Action, Event, Origin, Trust};
use crate::id::{ConnectionId, EventId, TenantId};
use crate::record::{Content, Rank, Record, RecordKey, RecordKind};
use crate::time::Timestamp;

/// Addresses: two spellings of one, two others, one that is blocked, and none.
pub(crate) const EMAILS: [&str; 6] = [
    "jan@example.org",
    " Jan@Example.ORG",
    "els@example.org",
    "kim@example.org",
    "info@example.org",
    "",
];

const NAMES: [&str; 3] = ["", "Jan", "Els"];

/// Every thing that a small world may speak of.
pub(crate) fn things() -> [RecordKey; 9] {
    [
        customer(1, 1),
        customer(1, 2),
        customer(1, 3),
        customer(2, 1),
        subscription(1, 1),
        subscription(1, 2),
        subscription(2, 1),
        order(1, 1),
        order(1, 2),
    ]
}

/// Names a customer.
pub(crate) const fn customer(shop: i64, id: i64) -> RecordKey {
    RecordKey::new(ConnectionId(shop), RecordKind::Customer, id)
}

/// Names a subscription.
pub(crate) const fn subscription(shop: i64, id: i64) -> RecordKey {
    RecordKey::new(ConnectionId(shop), RecordKind::Subscription, id)
}

/// Names an order.
pub(crate) const fn order(shop: i64, id: i64) -> RecordKey {
    RecordKey::new(ConnectionId(shop), RecordKind::Order, id)
}

/// Gives the moment `seconds` after the beginning of a world.
pub(crate) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_780_000_000_000_000 + seconds * 1_000_000)
}

/// Makes an event; `ordinal` 0 is a webhook, any other a fetch.
pub(crate) fn event(id: i64, key: RecordKey, ordinal: i64) -> Event {
    Event {
        id: EventId(id),
        tenant: TenantId(1),
        connection: key.connection,
        origin: if ordinal == 0 {
            Origin::Webhook
        } else {
            Origin::Fetch
        },
        class: crate::connector::Class::Live,
        trust: Trust::Payload,
        stream: key.kind.as_str().to_owned(),
        kind: Some(key.kind),
        action: Action::Updated,
        remote_id: key.remote_id,
        ordinal,
        status: 0,
        floor: Timestamp::ZERO,
        received_at: at(1_000),
        asked_at: None,
        headers: "{}".to_owned(),
        body: Bytes::new(),
    }
}

/// Makes a record of a changed thing, as a webhook (`ordinal` 0) or a fetch says it.
pub(crate) fn said(id: i64, key: RecordKey, seconds: i64, ordinal: i64, content: Content) -> Record {
    Record::said(key, &event(id, key, ordinal), at(seconds), Rank::Changed, content)
}

/// Makes the record that a thing is gone.
pub(crate) fn gone(id: i64, key: RecordKey, seconds: i64, ordinal: i64) -> Record {
    Record::gone(key, &event(id, key, ordinal), at(seconds))
}

/// Makes a registered account with an address, made at `created` seconds.
pub(crate) fn account(email: &str, created: i64) -> Content {
    Content::Customer(Box::new(Customer {
        person: Person {
            email: email.to_owned(),
            ..Person::default()
        },
        customer_type: "registered".to_owned(),
        created_at: Some(at(created)),
        ..Customer::default()
    }))
}

/// Makes a confirmed subscription with an address, made at `created` seconds.
pub(crate) fn subscriber(email: &str, created: i64) -> Content {
    Content::Subscription(Box::new(Subscription {
        email: email.to_owned(),
        is_confirmed: true,
        created_at: Some(at(created)),
        ..Subscription::default()
    }))
}

/// One thing that a source says, in small numbers, so that a failing case is short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// Which thing, see [`things`].
    pub thing: usize,
    /// Source time of the version.
    pub seconds: i64,
    /// 0: gone by webhook, 1: gone by fetch, 2–4: fetched, 5: embedded, 6: created, others: changed.
    pub how: u8,
    /// Which address, see [`EMAILS`].
    pub email: usize,
    /// Everything else, bit by bit.
    pub flavour: u16,
}

/// Draws `count` observations.
pub(crate) fn draws(count: Range<usize>) -> impl Strategy<Value = Vec<Draw>> {
    let one = (0..things().len(), 0i64..6, 0u8..10, 0..EMAILS.len(), any::<u16>());
    let one = one.prop_map(|(thing, seconds, how, email, flavour)| Draw {
        thing,
        seconds,
        how,
        email,
        flavour,
    });
    proptest::collection::vec(one, count)
}

/// Turns draws into records; the place in the list gives event and fetch ordinal. Some payloads come twice.
pub(crate) fn records(draws: &[Draw]) -> Vec<Record> {
    let mut records = Vec::with_capacity(draws.len());
    for (index, draw) in draws.iter().enumerate() {
        let id = i64::try_from(index).unwrap() + 1;
        let record = draw.record(id, id);
        if draw.flavour & 0x8000 != 0 && record.version.ordinal == 0 {
            records.push(draw.record(id + 100, id));
        }
        records.push(record);
    }
    records
}

impl Draw {
    fn record(&self, event_id: i64, ordinal: i64) -> Record {
        let key = things()[self.thing];
        let is_fetch = (1..5).contains(&self.how);
        let event = event(event_id, key, if is_fetch { ordinal } else { 0 });
        if self.how < 2 {
            return Record::gone(key, &event, at(self.seconds));
        }
        let rank = match self.how {
            5 => Rank::Embedded,
            6 => Rank::Created,
            _ => Rank::Changed,
        };
        Record::said(key, &event, at(self.seconds), rank, self.content(key))
    }

    fn bits(&self, from: u32, count: u32) -> usize {
        usize::from((self.flavour >> from) & ((1 << count) - 1))
    }

    fn is(&self, bit: u32) -> bool {
        self.bits(bit, 1) == 1
    }

    fn created_at(&self) -> Option<Timestamp> {
        let seconds = i64::try_from(self.bits(0, 3)).unwrap();
        (seconds < 7).then(|| at(seconds))
    }

    fn content(&self, key: RecordKey) -> Content {
        match key.kind {
            RecordKind::Subscription => Content::Subscription(Box::new(Subscription {
                email: EMAILS[self.email].to_owned(),
                firstname: NAMES[self.bits(4, 2) % 3].to_owned(),
                language: self.language(),
                is_confirmed: self.bits(6, 2) > 0,
                created_at: self.created_at(),
                ..Subscription::default()
            })),
            RecordKind::Order => Content::Order(Box::new(self.order())),
            _ => Content::Customer(Box::new(Customer {
                person: self.person(),
                customer_type: ["registered", "registered", "guest", "visitor"][self.bits(3, 2)].to_owned(),
                is_confirmed: self.is(5),
                created_at: self.created_at(),
                updated_at: Some(at(self.seconds)),
                ..Customer::default()
            })),
        }
    }

    fn language(&self) -> LanguageName {
        LanguageName {
            code: ["", "nl", "de", ""][self.bits(8, 2)].to_owned(),
            title: ["", "Nederlands", "", "Deutsch"][self.bits(8, 2)].to_owned(),
        }
    }

    fn person(&self) -> Person {
        Person {
            email: EMAILS[self.email].to_owned(),
            firstname: NAMES[self.bits(6, 2) % 3].to_owned(),
            middlename: if self.is(12) {
                "van".to_owned()
            } else {
                String::new()
            },
            lastname: NAMES[self.bits(8, 2) % 3].to_owned(),
            phone: ["", "020-1", "020-2", ""][self.bits(10, 2)].to_owned(),
            is_company: self.is(9),
            company_name: ["", "Bakkerij"][self.bits(12, 1)].to_owned(),
            company_vat_number: ["", "NL1", "NL2", ""][self.bits(10, 2)].to_owned(),
            billing: Address {
                street: ["", "Kade"][self.bits(13, 1)].to_owned(),
                country_code: ["NL", "BE"][self.bits(7, 1)].to_owned(),
                ..Address::default()
            },
            language: self.language(),
            ..Person::default()
        }
    }

    fn order(&self) -> Order {
        let row = |id: i64| OrderRow {
            id,
            quantity_ordered: Amount(self.bits(4, 2).to_string()),
            ..OrderRow::default()
        };
        let is_listed = self.bits(10, 2) > 0;
        let ids = (1..4).filter(|id| is_listed && self.is(5 + u32::try_from(*id).unwrap()));
        Order {
            customer_id: [0, 0, 1, 3][self.bits(3, 2)],
            created_at: self.created_at(),
            person: self.person(),
            rows: ids.map(row).collect(),
            rows_seen: if is_listed { RowsSeen::Now } else { RowsSeen::Never },
            ..Order::default()
        }
    }
}

/// A source of small choices that a seed determines (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Choice(pub u64);

impl Choice {
    /// Gives a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Puts `records` in another order, says some of them again, and cuts the whole into batches.
    pub fn arrange<T: Clone>(&mut self, records: &[T]) -> Vec<Vec<T>> {
        let mut all = records.to_vec();
        for _ in 0..self.below(4) {
            if !records.is_empty() {
                all.push(records[self.below(records.len())].clone());
            }
        }
        for index in (1..all.len()).rev() {
            all.swap(index, self.below(index + 1));
        }
        let mut batches = vec![Vec::new()];
        for record in all {
            if self.below(3) == 0 {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(record);
        }
        batches
    }
}
