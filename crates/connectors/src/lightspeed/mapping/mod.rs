//! From an event to records: pure, total and repeatable.
//!
//! A payload is judged by [`strict_json`], read by `wire` and mapped field by field here. One order payload says
//! something about several things, each at its own version: the order with its rows, and the customer, cart,
//! shipments and invoices that it embeds. What is wrong becomes a [`Problem`](schakel_core::problem::Problem),
//! never an error; problems name the field and never hold the value.

mod carts;
mod codes;
mod decimal;
mod order;
mod person;
mod read;
mod rest;
mod text;
mod totals;

use schakel_core::connector::Normalised;
use schakel_core::entity::{Memberships, Row};
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::limits;
use schakel_core::problem::Code;
use schakel_core::record::{Content, Rank, Record, RecordKey, RecordKind};
use schakel_core::time::{Timestamp, Zone};

pub(super) use self::read::moment;
use self::read::{Notes, Place, Reader};
use super::wire::{
    self, Beside, CheckoutWire, CustomerWire, Enveloped, InvoiceWire, Maybe, OrderWire, ProductWire,
    QuoteWire, Raw, ShipmentWire, Stamps, SubscriptionWire, VariantWire, Wire,
};
use crate::util::strict_json;

/// Most values in a fetched answer: an order with all its rows has more than a webhook may have.
const FETCHED_NODES: usize = 4 * limits::JSON_NODES;

/// Turns `event` into records, wishes and problems. Times without an offset are wall time of `zone`.
pub(super) fn normalise(event: &Event, zone: &Zone) -> Normalised {
    let Some(kind) = event.kind else {
        return Normalised::default();
    };
    let mut job = Job {
        event,
        zone,
        notes: Notes::default(),
        records: Vec::new(),
        wanted: Vec::new(),
        order_id: 0,
    };
    job.run(kind);
    if job.notes.is_quarantine() {
        job.records.clear();
        job.wanted.clear();
    }
    Normalised {
        records: job.records,
        wanted: job.wanted,
        problems: job.notes.0,
    }
}

/// One event on its way to records.
struct Job<'e> {
    event: &'e Event,
    zone: &'e Zone,
    notes: Notes,
    records: Vec<Record>,
    wanted: Vec<(RecordKind, i64)>,
    /// The order that embeds what is mapped now; 0 outside an order.
    order_id: i64,
}

/// The two times, read.
#[derive(Debug, Clone, Copy)]
struct Moments {
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
}

impl Moments {
    /// The source's time of last change; the creation counts when that is missing.
    fn changed(self) -> Option<Timestamp> {
        self.updated.or(self.created)
    }
}

impl<'e> Job<'e> {
    fn run(&mut self, kind: RecordKind) {
        let event = self.event;
        // What a list brings is as good as the answer to a fetch of each thing.
        let is_asked = event.origin != Origin::Webhook;
        if is_asked && event.status == 404 {
            self.gone(kind);
            return;
        }
        let is_hint = !is_asked && (event.trust == Trust::Hint || event.action == Action::Deleted);
        if is_hint && event.remote_id > 0 {
            self.wanted.push((kind, event.remote_id));
            return;
        }
        let nodes_max = if is_asked {
            FETCHED_NODES
        } else {
            limits::JSON_NODES
        };
        let json = match strict_json::check_with(&event.body, nodes_max) {
            Ok(json) => json,
            // A deletion may come without a body; then only the id is missing.
            Err(_) if event.body.is_empty() => return self.notes.add(Code::NoId, Place::at("body"), "id"),
            Err(_) => return self.notes.add(Code::BadJson, Place::at("body"), ""),
        };
        match kind {
            RecordKind::Customer => self.one::<CustomerWire<'_>>(json, is_hint),
            RecordKind::Subscription => self.one::<SubscriptionWire<'_>>(json, is_hint),
            RecordKind::Order => self.one::<OrderWire<'_>>(json, is_hint),
            RecordKind::Quote => self.one::<QuoteWire<'_>>(json, is_hint),
            RecordKind::Shipment => self.one::<ShipmentWire<'_>>(json, is_hint),
            RecordKind::Invoice => self.one::<InvoiceWire<'_>>(json, is_hint),
            RecordKind::Product => self.one::<ProductWire<'_>>(json, is_hint),
            RecordKind::Variant => self.one::<VariantWire<'_>>(json, is_hint),
            RecordKind::Groups => self.groups(json),
            RecordKind::Checkout => match wire::parse_bare::<CheckoutWire<'_>>(json) {
                Some(record) => self.record(&record, is_hint),
                None => self.notes.add(Code::BadShape, Place::at(CheckoutWire::KEY), ""),
            },
        }
    }

    /// Reads the groups of the customer that was asked for. They have no times: they are as old as the
    /// question, which the engine gives as floor.
    fn groups(&mut self, json: &str) {
        let place = Place::at(wire::GROUPS_KEY);
        let Ok(Maybe(Some(answer))) = serde_json::from_str::<Maybe<wire::GroupsWire<'_>>>(json) else {
            return self.notes.add(Code::BadShape, place, "");
        };
        let mut memberships = Memberships::default();
        for (index, wire) in answer.memberships.0.into_iter().flatten().enumerate() {
            let place = Place::item(wire::GROUPS_KEY, index);
            let mut reader = self.reader(place);
            let (id, group) = (reader.id("id", wire.id), reader.id("group", wire.group.id()));
            if id == 0 || group == 0 {
                self.notes.add(Code::LeftOut, place, "group");
                continue;
            }
            let number = memberships.groups.entry(group).or_insert(id);
            *number = id.min(*number);
        }
        let key = RecordKey::new(self.event.connection, RecordKind::Groups, self.event.remote_id);
        let content = Content::Groups(Box::new(memberships));
        let at = self.asked_at();
        self.records
            .push(Record::said(key, self.event, at, Rank::Changed, content));
    }

    /// A fetch found nothing: the thing is gone, since the time that the engine gave as floor.
    fn gone(&mut self, kind: RecordKind) {
        if self.event.remote_id <= 0 {
            return self.notes.add(Code::NoId, Place::at("path"), "id");
        }
        let at = self.asked_at();
        let key = RecordKey::new(self.event.connection, kind, self.event.remote_id);
        self.records.push(Record::gone(key, self.event, at));
    }

    /// Dates what has no time of its own: by the floor, or by the receipt when there is none.
    fn asked_at(&self) -> Timestamp {
        match self.event.floor {
            Timestamp::ZERO => self.event.received_at,
            floor => floor,
        }
    }

    /// Reads one record in its envelope.
    fn one<'a, R: Mapped<'a>>(&mut self, json: &'a str, is_hint: bool) {
        let place = Place::at(R::KEY);
        let Some(envelope) = wire::parse::<R>(json) else {
            return self.notes.add(Code::BadJson, Place::at("body"), "");
        };
        let Maybe(Some(mut record)) = envelope.record else {
            return self.notes.add(Code::BadShape, place, "");
        };
        record.put_beside(envelope.beside);
        self.record(&record, is_hint);
    }

    /// Puts down what the event's own record says; of a hint only the id is used.
    fn record<'a, R: Mapped<'a>>(&mut self, record: &R, is_hint: bool) {
        let place = Place::at(R::KEY);
        let Some(id) = self.main_id(place, record.stamps().id) else {
            return;
        };
        if is_hint {
            self.wanted.push((R::KIND, id));
            return;
        }
        let rank = Rank::of(self.event.action);
        if record.map(self, place, id, rank).is_none() {
            self.notes.add(Code::NoVersion, place, "updatedAt");
        }
    }

    /// The id of the event's own record: that of the body, which the header must not contradict.
    fn main_id(&mut self, place: Place, raw: Raw<'_>) -> Option<i64> {
        let said = self.reader(place).id("id", raw);
        let known = self.event.remote_id;
        let code = match (said, known) {
            (0, 1..) => return Some(known),
            (1.., i64::MIN..=0) => return Some(said),
            (1.., _) if said == known => return Some(said),
            (1.., _) => Code::IdMismatch,
            _ => Code::NoId,
        };
        self.notes.add(code, place, "id");
        None
    }

    fn reader(&mut self, place: Place) -> Reader<'_> {
        Reader {
            notes: &mut self.notes,
            place,
            zone: self.zone,
            received_at: self.event.received_at,
        }
    }

    fn moments(&mut self, place: Place, stamps: Stamps<'_>) -> Moments {
        let mut reader = self.reader(place);
        Moments {
            created: reader.time("createdAt", stamps.created_at),
            updated: reader.time("updatedAt", stamps.updated_at),
        }
    }

    /// Puts down what the payload says about one thing; `None` when it has no time, so no version.
    fn said(&mut self, id: i64, moments: Moments, rank: Rank, content: Content) -> Option<()> {
        let capped = moments.changed()?.min(self.event.received_at);
        // The floor is about the thing that was fetched, not about what it embeds.
        let at = if rank == Rank::Embedded {
            capped
        } else {
            capped.max(self.event.floor)
        };
        let key = RecordKey::new(self.event.connection, content.kind(), id);
        self.records
            .push(Record::said(key, self.event, at, rank, content));
        Some(())
    }
}

/// A wire record that can be mapped.
trait Mapped<'a>: Wire<'a> + Enveloped {
    /// The canonical kind.
    const KIND: RecordKind;

    /// Its id and its times, as written.
    fn stamps(&self) -> Stamps<'a>;

    /// Takes the rows that stand beside it, if any; only orders and carts have some.
    fn put_beside(&mut self, _beside: Beside<'a>) {}

    /// Puts down what it says in `job`; `None` when it has no version.
    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()>;
}

/// Maps the rows of a thing, each id once: pages of a listing may overlap.
fn distinct<W, R: Row>(
    job: &mut Job<'_>,
    path: &'static str,
    wires: &[W],
    row: impl Fn(&mut Reader<'_>, &W) -> R,
) -> Vec<R> {
    if wires.len() > limits::ORDER_ROWS {
        job.notes.add(Code::TooManyRows, Place::at(path), "");
        return Vec::new();
    }
    let mut rows: Vec<R> = Vec::with_capacity(wires.len());
    for (index, wire) in wires.iter().enumerate() {
        let place = Place::item(path, index);
        let row = row(&mut job.reader(place), wire);
        if row.id() == 0 {
            job.notes.add(Code::NoId, place, "id");
        } else if rows.iter().all(|held| held.id() != row.id()) {
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests;
