//! The rows that pass the border of the store: plain values, no driver type.

mod budget;

pub use budget::{BudgetDay, BudgetRow, GuestCall, Written};

use schakel_core::connector::Class;
use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::event::{Event, EventState};
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, EntityId, EventId, RelationId, TenantId};
use schakel_core::identity::Node;
use schakel_core::problem::Problem;
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Finding, Walk};

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

/// When something happened to a record, without the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The record.
    pub key: RecordKey,
    /// The record it belongs to.
    pub owner: RecordKey,
    /// When ([`Held::moment`]); `None` when the source did not say.
    pub at: Option<Timestamp>,
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

/// One row of the outbox, the part that apply reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its id.
    pub id: DeliveryId,
    /// The sink connection.
    pub sink: ConnectionId,
    /// What kind of object.
    pub kind: ObjectKind,
    /// The object: a relation's number, or the entity's id.
    pub object: i64,
    /// The delivery that must be confirmed before this one may start.
    pub parent: Option<DeliveryId>,
    /// The delivery of the profile under which it shall stand; `None` for profiles.
    pub root: Option<DeliveryId>,
    /// Where it stands. Apply leaves `Claimed` alone: settling sees the newer version.
    pub state: DeliveryState,
    /// When it may be claimed (`Ready`) or becomes ready by itself (`Held`).
    pub due_at: Timestamp,
    /// Whether the object shall be there.
    pub wish: Wish,
    /// Rises with every change of the desired state.
    pub desired_version: i64,
    /// Digest of what counts of the desired state.
    pub desired_digest: [u8; 16],
    /// The values, one JSON array in the order of the preset's table.
    pub desired: String,
    /// The version last confirmed; 0 for never.
    pub confirmed_version: i64,
    /// The digest last confirmed.
    pub confirmed_digest: Option<[u8; 16]>,
    /// The object's id in the sink, when known.
    pub remote_id: Option<i64>,
    /// The parent's id in the sink under which it stands there, when known.
    pub remote_parent: Option<i64>,
    /// When the oldest event that this desired state owes itself to was received; for latencies.
    pub since: Timestamp,
}

/// A delivery that a worker may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Which delivery.
    pub id: DeliveryId,
    /// The attempt that was recorded for it.
    pub attempt: AttemptId,
    /// What kind of object.
    pub kind: ObjectKind,
    /// The object: a relation's number, or the entity's id.
    pub object: i64,
    /// Whether the object shall be there.
    pub wish: Wish,
    /// The version that is sent.
    pub version: i64,
    /// Its digest.
    pub digest: [u8; 16],
    /// The values, one JSON array.
    pub desired: String,
    /// The object's id in the sink, when known.
    pub remote_id: Option<i64>,
    /// The parent under which it stands in the sink, when known.
    pub remote_parent: Option<i64>,
    /// The id in the sink of the profile under which it shall stand; `None` for profiles.
    pub root_remote_id: Option<i64>,
    /// Whether it was confirmed before.
    pub is_known: bool,
    /// Whether an earlier attempt may have been executed.
    pub is_uncertain: bool,
    /// Attempts in a row that did not confirm, this one not counted.
    pub attempts: u32,
    /// Faults of the item in a row.
    pub faults: u32,
    /// When the oldest event behind it was received.
    pub since: Timestamp,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink holds what was sent.
    Confirmed {
        /// The object's id in the sink, when the sink said it.
        remote_id: Option<i64>,
        /// The parent under which it stands there.
        remote_parent: Option<i64>,
        /// Whether the sink made a new object.
        is_created: bool,
    },
    /// Written under a profile that somebody removed in the sink: the profile is to be made anew, and everything under it
    /// with it, this object included.
    Orphaned,
    /// Not executed; try again at `due_at`.
    Again {
        /// When.
        due_at: Timestamp,
    },
    /// May have been executed; look before creating, not before `due_at`.
    Uncertain {
        /// When.
        due_at: Timestamp,
    },
    /// A fault of the item; try again at `due_at`.
    Fault {
        /// When.
        due_at: Timestamp,
    },
    /// Given up until a person redrives it.
    Dead,
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which attempt.
    pub attempt: AttemptId,
    /// The version that was sent.
    pub version: i64,
    /// Its digest.
    pub digest: [u8; 16],
    /// How it ended.
    pub outcome: Outcome,
    /// What the other side said, without personal data; empty for a confirmation.
    pub error: String,
    /// Calls it took.
    pub calls: u32,
    /// When it ended.
    pub at: Timestamp,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose work.
    pub tenant: TenantId,
    /// For which sink.
    pub sink: ConnectionId,
    /// At most this many.
    pub limit: usize,
    /// Now.
    pub now: Timestamp,
    /// Who claims: unique per process start.
    pub owner: String,
    /// Until when the claim holds; afterwards another worker treats the attempt as uncertain.
    pub lease_until: Timestamp,
}

/// A thing to fetch from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRow {
    /// Which thing.
    pub key: RecordKey,
    /// Why: `customer`, `product` or `quote` that is missing; `hint`, `confirm` or `deleted` (told by the source), which
    /// make another fetch when one is running.
    pub reason: String,
    /// When it may start.
    pub due_at: Timestamp,
    /// Attempts in a row without an answer.
    pub attempts: u32,
    /// Rises with every wish; a wish during a running fetch makes another one (I4).
    pub wanted: i64,
    /// Who it is made for; of several wishes the one that goes first.
    pub class: Class,
}

/// The right of a worker to run some fetches; lost when another worker gets them after `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The worker.
    pub owner: String,
    /// When others may get them.
    pub until: Timestamp,
}

/// A fetch that a worker may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedFetch {
    /// What is wanted.
    pub row: FetchRow,
    /// Answers in a row that were taken in and doubted.
    pub doubts: u32,
    /// When the first of the answers in a row found nothing; `None` when the last one found something.
    pub missing_since: Option<Timestamp>,
}

/// What becomes of a fetch that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterFetch {
    /// It is done.
    Done,
    /// It is asked again: the answer was taken in and is doubted.
    Doubted {
        /// When.
        again_at: Timestamp,
    },
    /// It is asked again: nothing was found, which is not believed yet.
    Missing {
        /// When the first of the answers in a row found nothing.
        since: Timestamp,
        /// When it is asked again.
        again_at: Timestamp,
    },
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

/// How many deliveries of one sink stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCount {
    /// The sink.
    pub sink: ConnectionId,
    /// What kind of object.
    pub kind: ObjectKind,
    /// Where.
    pub state: DeliveryState,
    /// How many.
    pub count: i64,
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

/// Which dead letters a person looks at or redrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Only these; `None` for all.
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Only this kind; `None` for all.
    pub kind: Option<ObjectKind>,
    /// When they may be claimed.
    pub due_at: Timestamp,
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

/// A delivery that was given up, with the words of its last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// What the sink said at the end; empty when nothing was noted.
    pub error: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// One try to pay a delivery, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The version that was sent.
    pub version: i64,
    /// Whether the object should be there.
    pub wish: Wish,
    /// When it was recorded, before it was sent.
    pub started_at: Timestamp,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<Timestamp>,
    /// How it ended: `confirmed`, `again`, `uncertain`, `fault`, `dead`, `lost` (its worker went away); empty while
    /// it is open.
    pub outcome: String,
    /// What the other side said; empty for a confirmation.
    pub error: String,
    /// Calls it took.
    pub calls: u32,
}

/// A piece of a thing that a list brings one by one: one membership of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The thing, such as the customer.
    pub remote_id: i64,
    /// The piece, word for word.
    pub body: bytes::Bytes,
}

/// What one step of a walk brought (T4).
#[derive(Debug, Clone)]
pub struct WalkPage {
    /// The walk as it was read before the step.
    pub before: Walk,
    /// The walk as it is after it.
    pub after: Walk,
    /// Things that were read; the store numbers them.
    pub events: Vec<Event>,
    /// Things to be asked for one by one.
    pub wanted: Vec<FetchRow>,
    /// Pieces to be put together later.
    pub pieces: Vec<Piece>,
    /// Things whose pieces were put together, as ranges of their ids, both ends included.
    pub gathered: Vec<(i64, i64)>,
    /// Differences that were found, each with a number of its own.
    pub findings: Vec<(EventId, Finding)>,
}

impl WalkPage {
    /// A step that brought nothing but the walk's new place.
    #[must_use]
    pub const fn bare(before: Walk, after: Walk) -> Self {
        Self {
            before,
            after,
            events: Vec::new(),
            wanted: Vec::new(),
            pieces: Vec::new(),
            gathered: Vec::new(),
            findings: Vec::new(),
        }
    }
}
