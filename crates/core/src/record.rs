//! The record: what a source says about one thing at one version, canonical and immutable.

mod answer;
#[cfg(test)]
mod tests;
mod tie;

pub use crate::thing::{RecordKey, RecordKind};
pub use answer::{Asked, Worth, judge};

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use crate::entity::{
    Checkout, Customer, Invoice, Memberships, Order, Product, Quote, RowsSeen, Shipment, Subscription,
    Variant, fold_email,
};
use crate::event::{Action, Event};
use crate::id::EventId;
use crate::time::Timestamp;

/// How a version came to us; breaks ties between payloads of one second (architecture §3, Record).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// Embedded in another record's payload.
    Embedded,
    /// The payload of a `created`.
    Created,
    /// The payload of any later action.
    Changed,
}

impl Rank {
    /// Gives the rank of a payload that came with `action`.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Created => Self::Created,
            Action::Updated | Action::Paid | Action::Shipped | Action::Deleted | Action::Other => {
                Self::Changed
            }
        }
    }

    /// The number in tables.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        match self {
            Self::Embedded => 0,
            Self::Created => 1,
            Self::Changed => 2,
        }
    }

    /// Reads [`Rank::as_i16`] back; unknown numbers are the highest rank.
    #[must_use]
    pub const fn from_i16(number: i16) -> Self {
        match number {
            0 => Self::Embedded,
            1 => Self::Created,
            _ => Self::Changed,
        }
    }
}

/// The version of a record: a total order over everything a source ever says about one thing.
///
/// Compared in the order of its fields: source time, fetch ordinal (0 for payloads), rank, digest of the
/// content. Source: architecture §3, Record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The source's time of last change, capped at the time of receipt, lifted to the event's floor.
    pub at: Timestamp,
    /// 0 for a payload, else the number of our own fetch.
    pub ordinal: i64,
    /// How the payload came.
    pub rank: Rank,
    /// First eight bytes of the BLAKE3 digest of the canonical content.
    pub digest: [u8; 8],
}

/// The canonical content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A customer account or guest.
    Customer(Box<Customer>),
    /// A newsletter subscription.
    Subscription(Box<Subscription>),
    /// An order with its rows.
    Order(Box<Order>),
    /// A shopping cart.
    Quote(Box<Quote>),
    /// A shipment.
    Shipment(Box<Shipment>),
    /// An invoice.
    Invoice(Box<Invoice>),
    /// A product.
    Product(Box<Product>),
    /// A variant.
    Variant(Box<Variant>),
    /// The customer groups of one customer.
    Groups(Box<Memberships>),
    /// An unfinished checkout.
    Checkout(Box<Checkout>),
}

impl Content {
    /// Gives the kind of this content.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Customer(_) => RecordKind::Customer,
            Self::Subscription(_) => RecordKind::Subscription,
            Self::Order(_) => RecordKind::Order,
            Self::Quote(_) => RecordKind::Quote,
            Self::Shipment(_) => RecordKind::Shipment,
            Self::Invoice(_) => RecordKind::Invoice,
            Self::Product(_) => RecordKind::Product,
            Self::Variant(_) => RecordKind::Variant,
            Self::Groups(_) => RecordKind::Groups,
            Self::Checkout(_) => RecordKind::Checkout,
        }
    }

    /// Writes the content as canonical JSON: fields in the order of their definition, empty ones left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = match self {
            Self::Customer(content) => serde_json::to_string(content),
            Self::Subscription(content) => serde_json::to_string(content),
            Self::Order(content) => serde_json::to_string(content),
            Self::Quote(content) => serde_json::to_string(content),
            Self::Shipment(content) => serde_json::to_string(content),
            Self::Invoice(content) => serde_json::to_string(content),
            Self::Product(content) => serde_json::to_string(content),
            Self::Variant(content) => serde_json::to_string(content),
            Self::Groups(content) => serde_json::to_string(content),
            Self::Checkout(content) => serde_json::to_string(content),
        };
        written.expect("canonical nouns hold strings, numbers and lists only, which always serialise")
    }

    /// Reads content of `kind` back from [`Content::to_json`].
    ///
    /// # Errors
    /// When the text was not written by this or an older version.
    pub fn from_json(kind: RecordKind, text: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            RecordKind::Customer => Self::Customer(serde_json::from_str(text)?),
            RecordKind::Subscription => Self::Subscription(serde_json::from_str(text)?),
            RecordKind::Order => Self::Order(serde_json::from_str(text)?),
            RecordKind::Quote => Self::Quote(serde_json::from_str(text)?),
            RecordKind::Shipment => Self::Shipment(serde_json::from_str(text)?),
            RecordKind::Invoice => Self::Invoice(serde_json::from_str(text)?),
            RecordKind::Product => Self::Product(serde_json::from_str(text)?),
            RecordKind::Variant => Self::Variant(serde_json::from_str(text)?),
            RecordKind::Groups => Self::Groups(serde_json::from_str(text)?),
            RecordKind::Checkout => Self::Checkout(serde_json::from_str(text)?),
        })
    }
}

/// Gives the digest of a canonical text, as it stands in a [`Version`].
#[must_use]
pub fn digest8(text: &str) -> [u8; 8] {
    let mut digest = [0; 8];
    digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    digest
}

/// One thing that a source said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// About what.
    pub key: RecordKey,
    /// At which version.
    pub version: Version,
    /// In which event.
    pub event: EventId,
    /// What it says; `None` says that the thing is gone.
    pub content: Option<Content>,
}

impl Record {
    /// Makes a record of what `event` says about `key` at source time `at`; `at` is already capped and lifted.
    ///
    /// The digest is taken here, and the rows of an order or cart get the version at which they were listed.
    #[must_use]
    pub fn said(key: RecordKey, event: &Event, at: Timestamp, rank: Rank, mut content: Content) -> Self {
        let version = Version {
            at,
            ordinal: event.ordinal,
            rank,
            digest: digest8(&content.to_json()),
        };
        let rows_seen = match &mut content {
            Content::Order(order) => Some(&mut order.rows_seen),
            Content::Quote(quote) => Some(&mut quote.rows_seen),
            _ => None,
        };
        if let Some(seen @ RowsSeen::Now) = rows_seen {
            *seen = RowsSeen::At(version);
        }
        Self {
            key,
            version,
            event: event.id,
            content: Some(content),
        }
    }

    /// Makes the record that `key` is gone, as `event` says at `at`.
    #[must_use]
    pub fn gone(key: RecordKey, event: &Event, at: Timestamp) -> Self {
        let version = Version {
            at,
            ordinal: event.ordinal,
            rank: Rank::Changed,
            digest: [0; 8],
        };
        Self {
            key,
            version,
            event: event.id,
            content: None,
        }
    }
}

/// Everything the hub holds of one record: the newest content and the newest tombstone.
///
/// The two are kept apart because a tombstone may arrive before an older payload, whose content (an address,
/// a number) is still the best there is. Each is a maximum, so joining is associative, commutative and
/// idempotent (I7), and older versions need not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// About what.
    pub key: RecordKey,
    /// The newest content with its version and event.
    pub live: Option<(Version, EventId, Content)>,
    /// The newest tombstone with its event. Its time is the latest of any tombstone: a No of consent never gets older.
    pub tombstone: Option<(Version, EventId)>,
    /// The newest answer that we fetched ourselves and that had content: its version and a digest of its match
    /// keys (merge confirmation; see `identity`).
    pub fetched: Option<(Version, [u8; 8])>,
}

impl Held {
    /// Starts with nothing known of `key`.
    #[must_use]
    pub const fn empty(key: RecordKey) -> Self {
        Self {
            key,
            live: None,
            tombstone: None,
            fetched: None,
        }
    }

    /// Tells whether the source's last word is that the thing is gone.
    ///
    /// Of two answers to our own questions the later one counts, whatever times they bear: we know in which order we
    /// asked.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        match (&self.live, &self.tombstone) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((live, ..)), Some((gone, _))) if live.ordinal > 0 && gone.ordinal > 0 => {
                gone.ordinal > live.ordinal
            }
            (Some((live, ..)), Some((gone, _))) => gone.cmp(live) == Ordering::Greater,
        }
    }

    /// Tells whether the rows of an order or cart are not known at its newest version: they are still to be read.
    ///
    /// Of several versions of one second the rows of any count: no source tells these apart. What is gone is not due,
    /// nor is what has no rows.
    #[must_use]
    pub fn are_rows_due(&self) -> bool {
        let Some((version, _, content)) = &self.live else {
            return false;
        };
        let is_seen = match content.rows_seen() {
            None => true,
            Some(RowsSeen::At(seen)) => seen.at == version.at,
            Some(RowsSeen::Never | RowsSeen::Now) => false,
        };
        !is_seen && !self.is_deleted()
    }

    /// Whether it is an order, or a checkout that became one: the cart that it refers to is closed for good
    /// ([`crate::golden::is_closed`]).
    #[must_use]
    pub fn is_order(&self) -> bool {
        match self.live.as_ref().map(|(.., content)| content) {
            Some(Content::Checkout(checkout)) => checkout.order_id > 0,
            _ => self.key.kind == RecordKind::Order,
        }
    }

    /// Gives the moment by which orders and carts of one person are compared ([`crate::golden::is_closed`]): when an
    /// order was placed, when a cart was last changed. `None` for other things, and when the source did not say.
    #[must_use]
    pub fn moment(&self) -> Option<Timestamp> {
        match &self.live.as_ref()?.2 {
            Content::Order(order) => order.created_at,
            Content::Quote(quote) => quote.updated_at.or(quote.created_at),
            _ => None,
        }
    }

    /// Takes in one record; returns whether anything changed.
    ///
    /// For an order or cart the rows of older versions are kept as gone rows, see [`Order::absorb_rows`]. Of one version
    /// in several events the first event counts.
    pub fn absorb(&mut self, record: Record) -> bool {
        let Some(mut content) = record.content else {
            return self.bury(record.version, record.event);
        };
        let mut is_changed = self.note_fetch(&record.version, &content);
        let Some((version, event, held)) = &mut self.live else {
            self.live = Some((record.version, record.event, content));
            return true;
        };
        match record.version.cmp(version) {
            Ordering::Greater => {
                content.keep_rows(held);
                (*version, *event, *held) = (record.version, record.event, content);
                is_changed = true;
            }
            Ordering::Equal => {
                is_changed |= record.event < *event;
                *event = record.event.min(*event);
            }
            Ordering::Less => is_changed |= held.keep_rows(&content),
        }
        is_changed
    }

    /// Joins a tombstone: the latest question counts, and the latest time.
    fn bury(&mut self, version: Version, event: EventId) -> bool {
        let Some((held, held_event)) = self.tombstone else {
            self.tombstone = Some((version, event));
            return true;
        };
        let order = |version: Version, event| (version.ordinal, version.at, Reverse(event));
        let (mut newest, event) = if order(held, held_event) < order(version, event) {
            (version, event)
        } else {
            (held, held_event)
        };
        newest.at = held.at.max(version.at);
        self.tombstone = Some((newest, event));
        self.tombstone != Some((held, held_event))
    }

    fn note_fetch(&mut self, version: &Version, content: &Content) -> bool {
        let is_newer = self
            .fetched
            .as_ref()
            .is_none_or(|(held, _)| (held.ordinal, held) < (version.ordinal, version));
        if version.ordinal == 0 || !is_newer {
            return false;
        }
        self.fetched = Some((*version, content.match_digest()));
        true
    }
}

impl Content {
    /// Keeps the rows of an order or cart, and the groups of a customer, that only another version knows; returns
    /// whether that changed anything.
    fn keep_rows(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Order(order), Self::Order(other)) => order.absorb_rows(other),
            (Self::Quote(quote), Self::Quote(other)) => quote.absorb_rows(other),
            (Self::Groups(groups), Self::Groups(other)) => groups.absorb(other),
            _ => false,
        }
    }

    /// Gives the content without its rows: what a list says of it.
    #[must_use]
    pub fn without_rows(&self) -> Self {
        let mut content = self.clone();
        match &mut content {
            Self::Order(order) => {
                (order.rows_seen, order.rows, order.gone_rows) = (RowsSeen::Never, Vec::new(), Vec::new());
            }
            Self::Quote(quote) => {
                (quote.rows_seen, quote.rows, quote.gone_rows) = (RowsSeen::Never, Vec::new(), Vec::new());
            }
            _ => {}
        }
        content
    }

    /// Tells when the rows were last listed; `None` for a kind that has none.
    #[must_use]
    pub const fn rows_seen(&self) -> Option<RowsSeen> {
        match self {
            Self::Order(order) => Some(order.rows_seen),
            Self::Quote(quote) => Some(quote.rows_seen),
            _ => None,
        }
    }

    /// Gives a digest of the values by which this content joins others (the e-mail address).
    #[must_use]
    pub fn match_digest(&self) -> [u8; 8] {
        match self {
            Self::Customer(customer) => digest8(&fold_email(&customer.person.email)),
            Self::Subscription(subscription) => digest8(&fold_email(&subscription.email)),
            _ => [0; 8],
        }
    }
}
