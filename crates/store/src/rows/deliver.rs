//! Rows of the outbox: deliveries, claims, attempts and what was given up.

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, TenantId};
use schakel_core::time::Timestamp;

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
    /// Kinds that the sink has no place for: what is due of them is put aside instead, see [`crate::Store::let_place`].
    pub unplaced: Vec<ObjectKind>,
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
    /// How it ended: `confirmed`, `again`, `uncertain`, `fault`, `dead`, `lost` (its worker went away), `unsent` (its worker never
    /// heard of it); empty while
    /// it is open.
    pub outcome: String,
    /// What the other side said; empty for a confirmation.
    pub error: String,
    /// Calls it took.
    pub calls: u32,
}
