//! The rows that pass the border of the store: plain values, no driver type.

mod budget;
mod deliver;
mod fetch;
mod health;
mod walk;

pub use budget::{BudgetDay, BudgetRow, GuestAnswer, GuestCall, GuestRow, Written};
pub use deliver::{
    AttemptRow, Claim, Claimed, DeadFilter, DeadLetter, DeliveryCount, DeliveryRow, Outcome, Settle,
};
pub use fetch::{AfterFetch, ClaimedFetch, EndedFetch, FetchRow, Hold, Wanted};
pub use health::HealthRow;
pub use walk::{Piece, WalkPage};

use schakel_core::delivery::ObjectKind;
use schakel_core::event::{Event, EventState};
use schakel_core::id::{ConnectionId, EntityId, EventId, RelationId, TenantId};
use schakel_core::identity::Node;
use schakel_core::problem::Problem;
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;

/// What became of an event that was offered to the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored.
    New,
    /// It was held already; only counted.
    Duplicate,
}

/// What apply decided about one event.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Which event.
    pub event: EventId,
    /// Where it stands now; not `Waiting`.
    pub state: EventState,
    /// What was wrong with it, repaired or not.
    pub problems: Vec<Problem>,
}

/// How much of the inbox one batch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// At most this many events.
    pub events: usize,
    /// At most this many bytes of bodies; the first event is read whatever its size.
    pub bytes: usize,
}

/// The next events to apply.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// Those that can be read, in their order.
    pub events: Vec<Event>,
    /// Those that are not what was received (I3), each with what is wrong: they harm no other.
    pub damaged: Vec<(EventId, String)>,
}

/// A record with the columns by which others find it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// The record.
    pub held: Held,
    /// The record it belongs to: an order's or cart's customer, a shipment's or invoice's order.
    pub owner: Option<RecordKey>,
    /// A second thing it refers to: an order's cart. 0 for none.
    pub ref_id: i64,
    /// What a person calls it: an order's number. Empty for none; the store keeps its first 64 characters.
    pub label: String,
    /// Whether the hub first knew it from history (mission F4). What is stored first stays.
    pub is_historic: bool,
}

/// Between which moments ([`Held::moment`]) the things of one owner are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The owner, such as a customer.
    pub owner: RecordKey,
    /// Later than this; `None` for all up to the end, also those of which the source said no moment.
    pub after: Option<Timestamp>,
    /// Not later than this.
    pub until: Timestamp,
}

/// A person's number and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationRow {
    /// The number.
    pub id: RelationId,
    /// The scope in which it is unique: a shop's connection, or 0 for the account.
    pub scope: i64,
    /// The number it leads to since a merge; `None` for a living one.
    pub alias_of: Option<RelationId>,
    /// Whether a merge into it waits for confirmation: no sink hears of it.
    pub is_unconfirmed: bool,
    /// Whether the hub first knew this person from history (mission F4). What is stored first stays.
    pub is_historic: bool,
    /// When it placed the newest order by which its carts were planned; `None` while there was none.
    pub ordered_at: Option<Timestamp>,
    /// When its desired state was first made.
    pub created_at: Timestamp,
    /// When its desired state last changed.
    pub updated_at: Timestamp,
}

/// Names one golden thing below a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    /// The source connection.
    pub connection: ConnectionId,
    /// What it is; never a relation.
    pub kind: ObjectKind,
    /// The source's id of it.
    pub remote_id: i64,
}

impl EntityKey {
    /// Names the thing of `kind` that `record` tells of.
    #[must_use]
    pub const fn of(record: &RecordKey, kind: ObjectKind) -> Self {
        Self {
            connection: record.connection,
            kind,
            remote_id: record.remote_id,
        }
    }
}

/// A golden thing below a relation: hub-owned values, kept beside the golden record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityRow {
    /// The hub's number of it.
    pub id: EntityId,
    /// Its name.
    pub key: EntityKey,
    /// Whose it is.
    pub relation: RelationId,
    /// The source id of the thing it stands under: an order row's order. 0 for none.
    pub parent_id: i64,
    /// The source id of a thing it shows: an order row's product. 0 for none.
    pub ref_id: i64,
    /// The number that the hub shows of it (CustomerGroupID, OrderID of the hub), never given twice; 0 for none.
    pub number: i64,
    /// When its desired state was first made.
    pub created_at: Timestamp,
    /// When its desired state last changed.
    pub updated_at: Timestamp,
}

/// One merge or split, for the people who ask why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRow {
    /// Time-ordered id.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// `merge` or `split`.
    pub kind: String,
    /// The number that went on.
    pub relation: RelationId,
    /// The number that was merged into it, or that parted from it.
    pub other: RelationId,
    /// The event that did it.
    pub event: EventId,
    /// The key by which, such as `email:jan@example.org`; empty for a split.
    pub match_key: String,
    /// The record that brought it.
    pub record: RecordKey,
}

/// An event as `explain` shows it.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Where it stands.
    pub state: EventState,
    /// What was wrong with it.
    pub problems: Vec<ProblemRow>,
}

/// One problem as it is stored: a newer version may have written a code that this one does not know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct ProblemRow {
    /// The code.
    pub code: String,
    /// Where, as a path in the source's words.
    pub field: String,
}

/// A quarantined event as lists show it: all but what it says. Words as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideRow {
    /// Which event.
    pub event: EventId,
    /// Through which connection it came.
    pub connection: ConnectionId,
    /// How it came.
    pub origin: String,
    /// The stream in the source's words.
    pub stream: String,
    /// The canonical kind; `None` for streams that are not used.
    pub kind: Option<String>,
    /// The thing's id in the source; 0 when there is none.
    pub remote_id: i64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The code for which it was set aside.
    pub reason: String,
    /// Everything that was wrong with it.
    pub problems: Vec<ProblemRow>,
    /// Size of its body, in bytes.
    pub body_bytes: i64,
}

/// The numbers of the inbox of one connection (F1).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct InboxCounts {
    /// Accepted: stored or counted as a repeat.
    pub received: i64,
    /// Applied.
    pub applied: i64,
    /// Repeats, not stored again.
    pub duplicate: i64,
    /// Overtaken by a newer version.
    pub superseded: i64,
    /// Set aside.
    pub quarantined: i64,
    /// Stored, not applied yet.
    pub waiting: i64,
    /// Erased by right of a person.
    pub erased: i64,
    /// Refused at the door: never stored, not part of the sum.
    pub rejected: i64,
}

impl InboxCounts {
    /// Tells whether received = applied + duplicate + superseded + quarantined + waiting + erased (F1).
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.received
            == self.applied + self.duplicate + self.superseded + self.quarantined + self.waiting + self.erased
    }
}

/// A configured connection as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub name: String,
    /// The connector it uses.
    pub connector: String,
}

/// Kinds of records that `owned` may look for.
pub type Kinds<'a> = &'a [RecordKind];

/// A node to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutNode {
    /// The node.
    pub node: Node,
    /// Whether its match keys differ from the stored ones; if not, only the node itself is written.
    pub is_keys_changed: bool,
}

/// Which quarantined events a person looks at or releases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// Only these; `None` for all.
    pub events: Option<Vec<EventId>>,
    /// Only those set aside for this reason; `None` for all.
    pub reason: Option<String>,
    /// Only those of this connection; `None` for all.
    pub connection: Option<ConnectionId>,
}

/// How many relations there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RelationCounts {
    /// Numbers that are persons of their own.
    pub living: i64,
    /// Numbers that lead to another number.
    pub aliases: i64,
    /// Living ones whose merge waits for confirmation.
    pub unconfirmed: i64,
}
