//! The same rules once more, as slowly and plainly as docs/spec/identity.md tells them: every observation is kept,
//! nothing is joined, and no line is shared with the code under test.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::entity::{GoneRow, LanguageName, Order, OrderRow, Person, RowsSeen};
use crate::golden::Relation;
use crate::id::{ConnectionId, EventId};
use crate::record::{Content, Held, Record, RecordKey, Version};
use crate::time::Timestamp;

/// Everything that was said about one thing.
#[derive(Debug, Default)]
struct Said<'a> {
    live: Vec<&'a Record>,
    gone: Vec<&'a Record>,
}

/// All observations, by the thing they are about.
#[derive(Debug)]
pub(super) struct Model<'a>(BTreeMap<RecordKey, Said<'a>>);

/// Compares versions word by word: source time, fetch, rank, digest.
fn compare(a: &Version, b: &Version) -> Ordering {
    let steps = [
        a.at.as_micros().cmp(&b.at.as_micros()),
        a.ordinal.cmp(&b.ordinal),
        a.rank.as_i16().cmp(&b.rank.as_i16()),
        a.digest.as_slice().cmp(b.digest.as_slice()),
    ];
    steps
        .into_iter()
        .find(|step| step.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Gives the newest of `records`; of repeats the one in the first event.
fn newest<'a>(records: &[&'a Record]) -> Option<&'a Record> {
    let mut best: Option<&Record> = None;
    for record in records {
        let is_better = best.is_none_or(|best| match compare(&record.version, &best.version) {
            Ordering::Greater => true,
            Ordering::Equal => record.event.0 < best.event.0,
            Ordering::Less => false,
        });
        if is_better {
            best = Some(record);
        }
    }
    best
}

fn fold(email: &str) -> String {
    email.trim().chars().map(|c| c.to_ascii_lowercase()).collect()
}

impl<'a> Model<'a> {
    pub fn of(records: &'a [Record]) -> Self {
        let mut model: BTreeMap<RecordKey, Said<'a>> = BTreeMap::new();
        for record in records {
            let said = model.entry(record.key).or_default();
            if record.content.is_some() {
                said.live.push(record);
            } else {
                said.gone.push(record);
            }
        }
        Self(model)
    }

    /// What the hub must hold of every thing.
    pub fn held(&self) -> BTreeMap<RecordKey, Held> {
        self.0.iter().map(|(key, said)| (*key, said.held(*key))).collect()
    }

    /// The groups of records that are one person.
    pub fn people(&self) -> BTreeSet<BTreeSet<RecordKey>> {
        let held = self.held();
        let emails: Vec<(RecordKey, String)> = held
            .values()
            .filter_map(|one| Some((one.key, self.email(one)?)))
            .collect();
        let joins = |email: &str| {
            let holders = emails.iter().filter(|(_, other)| other == email).count();
            let local = email.split_once('@').map_or(email, |(local, _)| local);
            let is_blocked = ["info", "noreply", "no-reply", "donotreply"].contains(&local);
            !email.is_empty() && holders <= 8 && !is_blocked
        };
        let mut people: Vec<BTreeSet<RecordKey>> = Vec::new();
        for (index, (key, email)) in emails.iter().enumerate() {
            let before = emails[..index].iter().find(|(_, other)| other == email);
            let group = before.filter(|_| joins(email));
            match group.and_then(|(first, _)| people.iter_mut().find(|group| group.contains(first))) {
                Some(group) => drop(group.insert(*key)),
                None => people.push(BTreeSet::from([*key])),
            }
        }
        people.into_iter().collect()
    }

    /// The folded address of a record of a person; `None` for a thing that is about nobody.
    fn email(&self, held: &Held) -> Option<String> {
        match &held.live.as_ref()?.2 {
            Content::Customer(customer) => Some(fold(&customer.person.email)),
            Content::Subscription(subscription) => Some(fold(&subscription.email)),
            Content::Order(order) => {
                let mut customer = held.key;
                customer.kind = crate::record::RecordKind::Customer;
                customer.remote_id = order.customer_id;
                let said = self.0.get(&customer);
                let is_lost = said.is_some_and(|said| said.live.is_empty() && !said.gone.is_empty());
                let email = fold(&order.person.email);
                ((order.customer_id == 0 || is_lost) && !email.is_empty()).then_some(email)
            }
            _ => None,
        }
    }
}

impl Said<'_> {
    fn held(&self, key: RecordKey) -> Held {
        let live = newest(&self.live).map(|record| (record.version, record.event, self.content(record)));
        let tombstone = self.tombstone();
        let fetched = self.live.iter().filter(|record| record.version.ordinal > 0);
        let last = fetched.max_by(|a, b| a.version.ordinal.cmp(&b.version.ordinal));
        let fetched = last.map(|record| (record.version, seen(record)));
        Held {
            key,
            live,
            tombstone,
            fetched,
        }
    }

    /// The answer to the latest question, with the latest time of all.
    fn tombstone(&self) -> Option<(Version, EventId)> {
        let mut gone = self.gone.clone();
        gone.sort_by_key(|record| {
            (
                -record.version.ordinal,
                std::cmp::Reverse(record.version.at),
                record.event,
            )
        });
        let last = gone.first()?;
        let mut version = last.version;
        version.at = gone.iter().map(|record| record.version.at).max()?;
        Some((version, last.event))
    }

    /// The content of the newest version, with the rows of the newest listing and all others marked as gone.
    fn content(&self, newest: &Record) -> Content {
        let mut content = newest.content.clone().unwrap();
        if let Content::Order(order) = &mut content {
            self.fill_rows(order);
        }
        content
    }

    fn fill_rows(&self, order: &mut Order) {
        let mut listings: Vec<(Version, &[OrderRow])> = Vec::new();
        for record in &self.live {
            if let Some(Content::Order(said)) = &record.content
                && let RowsSeen::At(version) = said.rows_seen
            {
                listings.push((version, &said.rows));
            }
        }
        listings.sort_by(|a, b| compare(&b.0, &a.0));
        let Some((version, rows)) = listings.first() else {
            return;
        };
        order.rows_seen = RowsSeen::At(*version);
        order.rows = rows.to_vec();
        for id in 1..10 {
            let holds = |rows: &[OrderRow]| rows.iter().find(|row| row.id == id).cloned();
            if holds(rows).is_some() {
                continue;
            }
            let last = listings
                .iter()
                .find_map(|(seen, rows)| Some((*seen, holds(rows)?)));
            order
                .gone_rows
                .extend(last.map(|(seen, row)| GoneRow { row, seen }));
        }
    }
}

/// The digest of the address that a fetch saw.
fn seen(record: &Record) -> [u8; 8] {
    let email = match record.content.as_ref() {
        Some(Content::Customer(customer)) => fold(&customer.person.email),
        Some(Content::Subscription(subscription)) => fold(&subscription.email),
        _ => return [0; 8],
    };
    blake3::hash(email.as_bytes()).as_bytes()[..8].try_into().unwrap()
}

/// One source of values of a person.
struct Voice {
    is_living: bool,
    class: u8,
    at: Timestamp,
    key: RecordKey,
    person: Person,
}

impl Voice {
    /// Living before deleted; registered, guest, subscription, order; newer before older; then the lower name.
    fn is_better(&self, other: &Self) -> bool {
        if self.is_living != other.is_living {
            return self.is_living;
        }
        if self.class != other.class {
            return self.class > other.class;
        }
        if self.at != other.at {
            return self.at > other.at;
        }
        self.key < other.key
    }
}

fn is_gone(held: &Held) -> bool {
    match (&held.live, &held.tombstone) {
        (Some((live, ..)), Some((gone, _))) if live.ordinal > 0 && gone.ordinal > 0 => {
            live.ordinal < gone.ordinal
        }
        (Some((live, ..)), Some((gone, _))) => compare(gone, live) == Ordering::Greater,
        (_, gone) => gone.is_some(),
    }
}

/// The golden record, by docs/spec/identity.md.
pub(super) fn golden(
    members: &[&Held],
    order_language: Option<&LanguageName>,
    is_unconfirmed_enough: bool,
) -> Relation {
    let mut voices: Vec<Voice> = Vec::new();
    for held in members {
        let Some(voice) = voice(held) else { continue };
        let place = voices.iter().position(|other| voice.is_better(other));
        voices.insert(place.unwrap_or(voices.len()), voice);
    }
    let people: Vec<&Person> = voices.iter().map(|voice| &voice.person).collect();
    let mut golden = Relation {
        person: person(&people),
        ..Relation::default()
    };
    if golden.person.language.code.is_empty() {
        golden.person.language = order_language.cloned().unwrap_or_default();
    }
    account(&mut golden, members);
    consent(&mut golden, members, is_unconfirmed_enough);
    golden
}

fn voice(held: &Held) -> Option<Voice> {
    let (version, _, content) = held.live.as_ref()?;
    let (class, person) = match content {
        Content::Customer(customer) if customer.customer_type == "registered" => (3, customer.person.clone()),
        Content::Customer(customer) => (2, customer.person.clone()),
        Content::Subscription(subscription) => {
            let mut person = Person::default();
            person.email.clone_from(&subscription.email);
            person.firstname.clone_from(&subscription.firstname);
            person.lastname.clone_from(&subscription.lastname);
            person.language.clone_from(&subscription.language);
            (1, person)
        }
        Content::Order(order) => (0, order.person.clone()),
        _ => return None,
    };
    let is_living = !is_gone(held);
    Some(Voice {
        is_living,
        class,
        at: version.at,
        key: held.key,
        person,
    })
}

fn person(people: &[&Person]) -> Person {
    let mut golden = Person::default();
    for person in people {
        let texts = [
            (&mut golden.email, &person.email),
            (&mut golden.gender, &person.gender),
            (&mut golden.phone, &person.phone),
            (&mut golden.mobile, &person.mobile),
            (&mut golden.birth_date, &person.birth_date),
        ];
        for (golden, said) in texts {
            if golden.is_empty() {
                golden.clone_from(said);
            }
        }
        if golden.firstname.is_empty() && golden.lastname.is_empty() {
            let is_named = !person.firstname.is_empty() || !person.lastname.is_empty();
            if is_named {
                golden.firstname.clone_from(&person.firstname);
                golden.middlename.clone_from(&person.middlename);
                golden.lastname.clone_from(&person.lastname);
            }
        }
        let is_company = person.is_company || !person.company_name.is_empty();
        if !golden.is_company && golden.company_name.is_empty() && is_company {
            golden.is_company = person.is_company;
            golden.company_name.clone_from(&person.company_name);
            golden.company_coc_number.clone_from(&person.company_coc_number);
            golden.company_vat_number.clone_from(&person.company_vat_number);
        }
        if golden.billing.street.is_empty() && !person.billing.street.is_empty() {
            golden.billing.clone_from(&person.billing);
        }
        if golden.language.code.is_empty() && !person.language.code.is_empty() {
            golden.language.clone_from(&person.language);
        }
    }
    golden
}

fn account(golden: &mut Relation, members: &[&Held]) {
    // Living, then registered, then the oldest, then the lowest name: the smallest of these is the account.
    let mut best: Option<(bool, bool, Timestamp, RecordKey)> = None;
    for held in members {
        let Some((version, _, Content::Customer(customer))) = &held.live else {
            continue;
        };
        let made = customer.created_at.unwrap_or(version.at);
        let this = (
            is_gone(held),
            customer.customer_type != "registered",
            made,
            held.key,
        );
        if best.is_some_and(|best| best < this) {
            continue;
        }
        best = Some(this);
        golden.customer_id = held.key.remote_id;
        golden.customer_type.clone_from(&customer.customer_type);
        golden.is_confirmed_customer = customer.is_confirmed;
        golden.customer_created_at = customer.created_at;
        golden.customer_updated_at = customer.updated_at;
        golden.last_online_at = customer.last_online_at;
        golden.is_customer_deleted = is_gone(held);
    }
}

fn consent(golden: &mut Relation, members: &[&Held], is_unconfirmed_enough: bool) {
    let mut all = Vec::new();
    let mut noes: Vec<Timestamp> = Vec::new();
    for held in members {
        let Some((_, _, Content::Subscription(subscription))) = &held.live else {
            continue;
        };
        noes.extend(held.tombstone.as_ref().map(|(version, _)| version.at));
        all.push((*held, &**subscription));
    }
    // A Yes before all others, then a living one, then the youngest, then the lowest name.
    let mut best: Option<(bool, bool, Option<Timestamp>, std::cmp::Reverse<RecordKey>)> = None;
    for (held, subscription) in all {
        let is_proven = subscription.is_confirmed || is_unconfirmed_enough;
        let is_after_every_no = noes
            .iter()
            .all(|no| subscription.created_at.is_some_and(|made| made > *no));
        let is_yes = !is_gone(held) && is_proven && is_after_every_no;
        golden.newsletter |= is_yes;
        if Some(held.key.connection) != home_shop(members) {
            continue;
        }
        let this = (
            is_yes,
            !is_gone(held),
            subscription.created_at,
            std::cmp::Reverse(held.key),
        );
        if best.is_some_and(|best| best > this) {
            continue;
        }
        best = Some(this);
        golden.subscriber_id = held.key.remote_id;
        golden.is_confirmed_subscriber = subscription.is_confirmed;
        golden.subscriber_created_at = subscription.created_at;
    }
}

/// The shop of the best account: living, then registered, then oldest; without one that of the oldest living
/// subscription, of the oldest gone one, of an order likewise.
pub(crate) fn home_shop(members: &[&Held]) -> Option<ConnectionId> {
    let mut candidates = Vec::new();
    for held in members {
        let Some((version, _, content)) = &held.live else {
            continue;
        };
        let (class, made) = match content {
            Content::Customer(customer) => (0, customer.created_at),
            Content::Subscription(subscription) => (1, subscription.created_at),
            Content::Order(order) => (2, order.created_at),
            _ => continue,
        };
        let is_guest =
            matches!(content, Content::Customer(customer) if customer.customer_type != "registered");
        candidates.push((
            class,
            is_gone(held),
            is_guest,
            made.unwrap_or(version.at),
            held.key,
        ));
    }
    candidates.sort_unstable();
    candidates.first().map(|(.., key)| key.connection)
}
