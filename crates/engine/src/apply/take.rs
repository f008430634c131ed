//! Takes events in: normalises them and joins what they say into the records that the hub holds.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::connector::Normalised;
use schakel_core::event::{Action, Event, EventState, Origin};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::identity::Node;
use schakel_core::limits;
use schakel_core::lists::Lists;
use schakel_core::problem::{Code, Problem};
use schakel_core::record::{Content, Held, Rank, Record, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{FetchRow, Finished, RecordRow, StoreError, WriteTx};

use crate::hub::Hub;
use crate::normalise;
use crate::plan::columns;

/// What a batch of events said, joined into the records.
#[derive(Debug, Default)]
pub(super) struct Taken {
    rows: BTreeMap<RecordKey, Option<RecordRow>>,
    /// Records that changed, with the first event that changed them.
    pub changed: BTreeMap<RecordKey, EventId>,
    /// Products and variants that were said anew with the same content (their stock changes all day): written, but
    /// nothing follows.
    pub rewritten: BTreeSet<RecordKey>,
    /// Customers of whom the hub knew only that they are gone, before this batch.
    pub was_lost: BTreeSet<RecordKey>,
    /// Orders of customers that are lost, or were until now.
    pub orders_of_lost: BTreeMap<RecordKey, EventId>,
    /// When the oldest event about each changed record was received.
    pub since: BTreeMap<RecordKey, Timestamp>,
    /// When the oldest event of the batch was received.
    pub since_any: Timestamp,
    /// Events of orders that turned out to be about nobody: their customer is lost and they name no address.
    pub nameless: Vec<EventId>,
    /// Orders that may have been about nobody until this batch: they named no address and no customer that is known.
    pub was_nameless: BTreeSet<RecordKey>,
    /// Orders that were about nobody and are about somebody now, each with the event that counts.
    pub named: Vec<(RecordKey, EventId)>,
    /// What became of each event.
    pub finished: Vec<Finished>,
    /// Things to fetch.
    pub wanted: Vec<FetchRow>,
    /// Customers to whom something belonged that now belongs to another.
    pub former_owners: BTreeSet<RecordKey>,
    /// Carts that a checkout named until this batch.
    pub former_carts: BTreeSet<RecordKey>,
    /// Things that this batch tells of for the first time, in an answer to a question of ours.
    new_by_fetch: BTreeSet<RecordKey>,
    /// Things that payloads of their own told of.
    told: BTreeSet<RecordKey>,
    /// Things of which two words of one second differ: that second, and when the later one of them was received.
    ties: BTreeMap<RecordKey, (Timestamp, Timestamp)>,
    /// Since when the hub reads the lists of each source from which something new came otherwise than by a webhook.
    read_since: BTreeMap<ConnectionId, Timestamp>,
}

/// Normalises every event with its connection's source; pure.
pub(super) fn normalise_all(hub: &Hub, events: &[Event]) -> Vec<Normalised> {
    let one = |event: &Event| match hub.sources.get(&event.connection) {
        Some(source) => normalise::normalise(&*source.source, event),
        None => Normalised {
            problems: vec![Problem::new(Code::BadShape, "connection")],
            ..Normalised::default()
        },
    };
    events.iter().map(one).collect()
}

/// Joins the records of `events` into what the store holds and writes what changed.
pub(super) async fn absorb(
    hub: &Hub,
    tx: &mut WriteTx,
    events: &[Event],
    normalised: Vec<Normalised>,
) -> Result<Taken, StoreError> {
    let mut taken = Taken {
        since_any: events
            .iter()
            .map(|event| event.received_at)
            .min()
            .unwrap_or_default(),
        ..Taken::default()
    };
    let keys: BTreeSet<RecordKey> = normalised
        .iter()
        .flat_map(|n| n.records.iter().map(|r| r.key))
        .collect();
    taken.load(hub, tx, keys).await?;
    taken.look_up_since(hub, events, &normalised).await?;
    taken.was_lost = taken
        .rows
        .keys()
        .filter(|key| taken.is_lost(key))
        .copied()
        .collect();
    taken.was_nameless = taken
        .rows
        .values()
        .flatten()
        .filter(|row| names_nobody(row))
        .map(|row| row.held.key)
        .collect();
    for (event, normalised) in events.iter().zip(normalised) {
        taken.take(hub, event, normalised);
    }
    taken.doubt_late_payloads(hub);
    taken.settle_ties(hub);
    // The first reason wins: a deletion that the source tells of is a witness of its own.
    taken.wanted.sort_by_key(|row| row.reason != "deleted");
    let changed: Vec<RecordRow> = taken
        .changed
        .keys()
        .chain(&taken.rewritten)
        .filter_map(|key| taken.rows.get(key)?.clone())
        .collect();
    tx.put_records(hub.tenant, &changed).await?;
    Ok(taken)
}

impl Taken {
    /// Loads records that are not loaded yet.
    pub async fn load(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        keys: BTreeSet<RecordKey>,
    ) -> Result<(), StoreError> {
        let missing: Vec<RecordKey> = keys
            .into_iter()
            .filter(|key| !self.rows.contains_key(key))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = tx.records(hub.tenant, &missing).await?;
        self.rows.extend(missing.into_iter().map(|key| (key, None)));
        for row in rows {
            self.rows.insert(row.held.key, Some(row));
        }
        Ok(())
    }

    /// Keeps a row that was loaded otherwise, unless a changed one is here.
    pub fn keep(&mut self, row: RecordRow) {
        if names_nobody(&row) {
            self.was_nameless.insert(row.held.key);
        }
        let slot = self.rows.entry(row.held.key).or_default();
        if slot.is_none() {
            *slot = Some(row);
        }
    }

    /// Gives a record that the hub holds.
    pub fn held(&self, key: &RecordKey) -> Option<&Held> {
        self.rows.get(key)?.as_ref().map(|row| &row.held)
    }

    /// Tells whether the hub first knew a thing from history.
    pub fn is_historic(&self, key: &RecordKey) -> bool {
        let row = self.rows.get(key).and_then(Option::as_ref);
        row.is_some_and(|row| row.is_historic)
    }

    /// Tells whether the hub did not know a thing before this batch, and asked for it.
    pub fn is_new_by_fetch(&self, key: &RecordKey) -> bool {
        self.new_by_fetch.contains(key)
    }

    /// Looks up since when the hub reads the lists of the sources of `events`, where that decides what is history.
    async fn look_up_since(
        &mut self,
        hub: &Hub,
        events: &[Event],
        normalised: &[Normalised],
    ) -> Result<(), StoreError> {
        let is_new = |said: &Normalised| {
            let mut keys = said.records.iter().map(|record| record.key);
            keys.any(|key| self.rows.get(&key).is_none_or(Option::is_none))
        };
        let asked = events
            .iter()
            .zip(normalised)
            .filter(|(event, said)| matches!(event.origin, Origin::Sweep | Origin::Fetch) && is_new(said));
        let connections: BTreeSet<ConnectionId> = asked.map(|(event, _)| event.connection).collect();
        for connection in connections {
            let text = hub
                .store
                .checkpoint(hub.tenant, connection, Lists::CHECKPOINT)
                .await?;
            if let Some(lists) = Lists::read(text.as_deref()) {
                self.read_since.insert(connection, lists.since);
            }
        }
        Ok(())
    }

    /// Tells whether something last changed before the hub first read the lists of its source.
    pub fn is_of_before(&self, key: &RecordKey, changed: Timestamp) -> bool {
        let since = self.read_since.get(&key.connection);
        since.is_some_and(|since| changed < *since)
    }

    /// Tells whether what an event says of a thing that the hub did not know is history (mission F4): it came with one, or
    /// a walk found it and it last changed before the first. A webhook tells of what somebody does now. A person who had
    /// to be asked for is as historic as what he did, which is decided later.
    fn is_past(&self, event: &Event, record: &Record) -> bool {
        let is_person = matches!(record.key.kind, RecordKind::Customer | RecordKind::Subscription);
        match event.origin {
            Origin::Backfill => true,
            Origin::Webhook => false,
            Origin::Fetch if is_person => false,
            Origin::Sweep | Origin::Fetch => self.is_of_before(&record.key, record.version.at),
        }
    }

    /// Hands the rows of some connections over to planning.
    pub fn hand_over(&mut self, members: &BTreeSet<ConnectionId>) -> BTreeMap<RecordKey, Option<RecordRow>> {
        let (theirs, others) = std::mem::take(&mut self.rows)
            .into_iter()
            .partition(|(key, _)| members.contains(&key.connection));
        self.rows = others;
        theirs
    }

    /// Gives the customer that an order names.
    pub fn customer_of(&self, key: &RecordKey) -> Option<RecordKey> {
        (key.kind == RecordKind::Order)
            .then(|| self.rows.get(key)?.as_ref()?.owner)
            .flatten()
    }

    /// Gives the cart that an order came from, or that a checkout names.
    pub fn quote_of(&self, key: &RecordKey) -> Option<RecordKey> {
        let id = self.rows.get(key)?.as_ref()?.ref_id;
        (id > 0).then(|| RecordKey::new(key.connection, RecordKind::Quote, id))
    }

    /// Tells whether all that is known of a thing is that it is gone.
    pub fn is_lost(&self, key: &RecordKey) -> bool {
        self.held(key)
            .is_some_and(|held| held.live.is_none() && held.tombstone.is_some())
    }

    /// Tells whether the customer that an order names is lost.
    pub fn is_customer_lost(&self, order: &RecordKey) -> bool {
        self.customer_of(order)
            .is_some_and(|customer| self.is_lost(&customer))
    }

    /// Notes whether an order is about somebody, by itself (a node) or by its customer. One that the shop does not know the
    /// customer of waits in quarantine until it is (mission, Where the seeds are silent).
    pub fn note_person(&mut self, order: &RecordKey, is_node: bool) {
        let Some((_, event, _)) = self.held(order).and_then(|held| held.live.as_ref()) else {
            return;
        };
        let event = *event;
        if !is_node && self.is_customer_lost(order) {
            self.nameless.push(event);
        } else if self.was_nameless.contains(order) {
            self.named.push((*order, event));
        }
    }

    fn take(&mut self, hub: &Hub, event: &Event, normalised: Normalised) {
        let Normalised {
            records,
            wanted,
            problems,
        } = normalised;
        if problems.iter().any(Problem::is_quarantine) {
            self.finished.push(Finished {
                event: event.id,
                state: EventState::Quarantined,
                problems,
            });
            return;
        }
        let is_silent = records.is_empty();
        let mut is_changed = false;
        for record in records {
            is_changed |= self.join(hub, event, record);
        }
        for (kind, remote_id) in wanted {
            let key = RecordKey::new(event.connection, kind, remote_id);
            let is_told = event.origin == Origin::Webhook
                && event.action == Action::Deleted
                && event.kind == Some(kind);
            let reason = if is_told { "deleted" } else { "hint" };
            self.want(hub, key, reason, event.class);
        }
        let state = if is_changed || is_silent {
            EventState::Applied
        } else {
            EventState::Superseded
        };
        self.finished.push(Finished {
            event: event.id,
            state,
            problems,
        });
    }

    /// Asks about things that a payload older than their tombstone tells of: it undoes no deletion, since late
    /// messages are everyday, but it may be a thing that came back with an old time.
    fn doubt_late_payloads(&mut self, hub: &Hub) {
        for key in std::mem::take(&mut self.told) {
            if self.held(&key).is_some_and(Held::is_deleted) {
                self.want(hub, key, "hint", Class::Live);
            }
        }
    }

    /// Asks which of the words of one second is true, once that second is over. Only about what is read of the source at all,
    /// and not where a word of a later second came meanwhile.
    fn settle_ties(&mut self, hub: &Hub) {
        for (key, (at, received_at)) in std::mem::take(&mut self.ties) {
            let live = self.held(&key).and_then(|held| held.live.as_ref());
            let is_newest = live.is_some_and(|(version, ..)| version.at == at);
            if is_newest {
                let due_at = received_at.plus_ms(limits::TIE_MS);
                self.want_at(hub, due_at, (key, Class::Live), "tie");
            }
        }
    }

    fn want(&mut self, hub: &Hub, key: RecordKey, reason: &str, class: Class) {
        self.want_at(hub, hub.clock.now(), (key, class), reason);
    }

    /// Wants a thing, unless nothing is done with its kind: that an invoice, or a product without pictures, is gone changes
    /// nothing anywhere, and costs no calls (A9).
    fn want_at(&mut self, hub: &Hub, due_at: Timestamp, (key, class): (RecordKey, Class), reason: &str) {
        let source = hub.sources.get(&key.connection);
        let is_read = source.is_some_and(|source| {
            let mut parts = hub.parts_of(source).into_iter();
            parts.any(|part| part.kind() == key.kind)
        });
        if !is_read {
            return;
        }
        self.wanted.push(FetchRow {
            key,
            reason: reason.to_owned(),
            due_at,
            attempts: 0,
            wanted: 0,
            class,
        });
    }

    fn join(&mut self, hub: &Hub, event: &Event, record: Record) -> bool {
        let key = record.key;
        if event.origin == Origin::Webhook && record.version.rank > Rank::Embedded {
            self.told.insert(key);
        }
        let is_past = self.is_past(event, &record);
        let slot = self.rows.entry(key).or_default();
        if slot.is_none() && event.origin == Origin::Fetch {
            self.new_by_fetch.insert(key);
        }
        let row = slot.get_or_insert_with(|| RecordRow {
            held: Held::empty(key),
            owner: None,
            ref_id: 0,
            label: String::new(),
            is_historic: is_past,
        });
        let (owner, ref_id) = (row.owner, row.ref_id);
        let shown = shown_content(&row.held);
        if row.held.is_tie(&record, event.asked_at) {
            // The payload beside an answer may have come just now, however long the answer waited.
            let later = event.asked_at.map_or(event.received_at, |_| hub.clock.now());
            self.ties.insert(key, (record.version.at, later));
        }
        if !row.held.absorb(record) {
            // Unless this very event said what is held: it was applied, set aside after all and let go again.
            let own = row
                .held
                .live
                .as_ref()
                .is_some_and(|(_, said, _)| *said == event.id);
            if own && !row.held.is_deleted() {
                self.note_change(key, event);
                return true;
            }
            return false;
        }
        let is_shown_same = shown.is_some() && shown == shown_content(&row.held);
        if let Some((_, _, content)) = &row.held.live {
            (row.owner, row.ref_id, row.label) = columns(hub, key, content);
        }
        if owner != row.owner {
            self.former_owners.extend(owner);
        }
        if key.kind == RecordKind::Checkout && ref_id > 0 && ref_id != row.ref_id {
            let cart = RecordKey::new(key.connection, RecordKind::Quote, ref_id);
            self.former_carts.insert(cart);
        }
        if is_shown_same {
            self.rewritten.insert(key);
            return true;
        }
        self.note_change(key, event);
        true
    }

    fn note_change(&mut self, key: RecordKey, event: &Event) {
        self.changed.entry(key).or_insert(event.id);
        let since = self.since.entry(key).or_insert(event.received_at);
        *since = (*since).min(event.received_at);
    }
}

/// Tells whether an order is about nobody unless its customer is known.
fn names_nobody(row: &RecordRow) -> bool {
    row.held.key.kind == RecordKind::Order && row.held.live.is_some() && Node::of(&row.held, true).is_none()
}

/// Gives what orders show of a product or variant; `None` for other things, and for those that are gone.
fn shown_content(held: &Held) -> Option<Content> {
    match &held.live {
        Some((_, _, content @ (Content::Product(_) | Content::Variant(_)))) if !held.is_deleted() => {
            Some(content.clone())
        }
        _ => None,
    }
}
