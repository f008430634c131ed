//! Rows of walks: what one step over a list brings.

use schakel_core::event::Event;
use schakel_core::id::EventId;
use schakel_core::record::RecordKey;
use schakel_core::walk::{Finding, Walk};

use super::FetchRow;

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
    /// Things whose wishes were held back until a list brings them: it did.
    pub brought: Vec<RecordKey>,
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
            brought: Vec::new(),
        }
    }
}
