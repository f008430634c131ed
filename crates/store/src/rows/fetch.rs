//! Rows of fetches: what is wanted of a source, and who asks for it.

use schakel_core::connector::Class;
use schakel_core::event::Event;
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;

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

/// How the fetch of one thing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// When it is asked for next; `None` once it was answered.
    pub due_at: Option<Timestamp>,
    /// It is not asked for before; another one after each answer, each failure and each time it was put off.
    pub not_before: Timestamp,
    /// Since when the source says that there is no such thing.
    pub missing_since: Option<Timestamp>,
    /// Why it failed the last time; empty when it did not.
    pub error: String,
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

/// A fetch that came to an end, as the worker that claimed it says.
#[derive(Debug, Clone)]
pub struct EndedFetch {
    /// What was wanted.
    pub row: FetchRow,
    /// When its claim ends; see [`Hold::until`].
    pub until: Timestamp,
    /// What becomes of it.
    pub after: AfterFetch,
    /// The answer, where it counts.
    pub event: Option<Event>,
}
