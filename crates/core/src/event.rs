//! The event: one row of the inbox, exactly as received.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::connector::Class;
use crate::id::{ConnectionId, EventId, TenantId};
use crate::thing::RecordKind;
use crate::time::Timestamp;

/// How an event came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A webhook delivery.
    Webhook,
    /// The answer to a call of our own (200 or 404).
    Fetch,
    /// Read from a list, because it changed lately or was missed.
    Sweep,
    /// Read from a list, as part of the history.
    Backfill,
}

impl Origin {
    /// Every way that this version knows.
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Fetch, Self::Sweep, Self::Backfill];

    /// The word in tables and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Fetch => "fetch",
            Self::Sweep => "sweep",
            Self::Backfill => "backfill",
        }
    }

    /// Gives who pays for what follows from an event: whoever brought it. For an answer it is whoever wanted it asked, see
    /// [`Event::class`]; this is the class of those that nobody else pays for.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Webhook | Self::Fetch => Class::Live,
            Self::Sweep => Class::Sweep,
            Self::Backfill => Class::Backfill,
        }
    }

    /// Reads [`Origin::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

/// How much of an event's content is believed (reliability.md §11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The content is applied as a record at its own version.
    Payload,
    /// The content only says that something changed; the record is fetched.
    Hint,
}

impl Trust {
    /// Every measure that this version knows.
    pub const ALL: [Self; 2] = [Self::Payload, Self::Hint];

    /// The word in tables and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Hint => "hint",
        }
    }

    /// Reads [`Trust::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trust| trust.as_str() == text)
    }
}

/// What the source says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The record is new.
    Created,
    /// The record changed.
    Updated,
    /// An order was paid.
    Paid,
    /// An order was shipped.
    Shipped,
    /// The record is gone.
    Deleted,
    /// An action this version does not know; treated as a change.
    Other,
}

impl Action {
    /// The word in headers, tables and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Deleted => "deleted",
            Self::Other => "other",
        }
    }

    /// Reads a word of the source; unknown ones are [`Action::Other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "created" => Self::Created,
            "updated" => Self::Updated,
            "paid" => Self::Paid,
            "shipped" => Self::Shipped,
            "deleted" => Self::Deleted,
            _ => Self::Other,
        }
    }
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// Stored, not applied yet.
    Waiting,
    /// Its records changed the hub's state, or had nothing to change.
    Applied,
    /// A newer version was held already, or a newer hint covers it.
    Superseded,
    /// Set aside until a person releases it.
    Quarantined,
    /// Its content was erased by right of a person.
    Erased,
}

impl EventState {
    /// Every state that a stored event can have.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Applied,
        Self::Superseded,
        Self::Quarantined,
        Self::Erased,
    ];

    /// The word in tables, counters and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Quarantined => "quarantined",
            Self::Erased => "erased",
        }
    }

    /// Reads [`EventState::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One row of the inbox.
#[derive(Debug, Clone)]
pub struct Event {
    /// Time-ordered id.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Through which connection it came.
    pub connection: ConnectionId,
    /// How it came.
    pub origin: Origin,
    /// Who pays for the calls that follow from it (reliability.md §7).
    pub class: Class,
    /// How much of it is believed.
    pub trust: Trust,
    /// The stream in the source's words, such as `orders`.
    pub stream: String,
    /// The canonical kind of the stream; `None` for streams that the hub takes in but does not use.
    pub kind: Option<RecordKind>,
    /// What happened, by the source.
    pub action: Action,
    /// The record's id by the header (webhook) or the path (fetch); 0 when there is none.
    pub remote_id: i64,
    /// 0 for a webhook; for a fetch the next number of its connection (architecture §3, Record).
    pub ordinal: i64,
    /// HTTP status of a fetched answer (200 or 404); 0 for a webhook.
    pub status: u16,
    /// Time before which this event's version may not lie: the tombstone that a fetch found in our store,
    /// or the `Date` of a 404. [`Timestamp::ZERO`] when there is none.
    pub floor: Timestamp,
    /// When its first copy was received. Used to cap source times in the future, and for nothing else (I6).
    pub received_at: Timestamp,
    /// When the words of an answer were asked for: what was received since may be said later than they are
    /// (docs/adr/0009). `None` for a webhook.
    pub asked_at: Option<Timestamp>,
    /// The request's headers that matter, as one JSON object.
    pub headers: String,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl Event {
    /// Gives the digest under which a repeat of this event is known, or `None` for a hint.
    ///
    /// A repeat of a payload cannot change state, so it may be dropped; a repeat of a hint may tell of a
    /// second change, so it may not (I4).
    #[must_use]
    pub fn dedup_key(&self) -> Option<[u8; 16]> {
        let is_hint = self.trust == Trust::Hint || self.action == Action::Deleted;
        if self.origin != Origin::Webhook || is_hint {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.stream.as_bytes());
        hasher.update(b"/");
        hasher.update(self.action.as_str().as_bytes());
        hasher.update(&self.remote_id.to_be_bytes());
        hasher.update(&self.body);
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Some(key)
    }
}
