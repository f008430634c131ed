//! The outbox's words and rules: desired state, attempts, what follows an outcome, how many calls at
//! once, and when none.

mod aimd;
mod breaker;
mod decide;
mod value;

pub use aimd::{Aimd, Pressure};
pub use breaker::{Breaker, Flow, Signal};
pub use decide::{Decision, block_wait_ms, connect_wait_ms, decide, retry_wait_ms};
pub use value::Value;

use serde::{Deserialize, Serialize};

/// What kind of object a delivery is about, in the order parents before children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A person.
    Relation,
    /// An order of a person.
    Order,
    /// A row of an order.
    OrderRow,
    /// A cart of a person.
    Quote,
    /// A row of a cart.
    QuoteRow,
    /// A membership of a customer group.
    CustomerGroup,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Relation,
        Self::Order,
        Self::OrderRow,
        Self::Quote,
        Self::QuoteRow,
        Self::CustomerGroup,
    ];

    /// The word in tables, presets and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relation => "relation",
            Self::Order => "order",
            Self::OrderRow => "order_row",
            Self::Quote => "quote",
            Self::QuoteRow => "quote_row",
            Self::CustomerGroup => "customer_group",
        }
    }

    /// Gives the kind of object that must be confirmed before one of this kind is sent, beside the person.
    #[must_use]
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::OrderRow => Some(Self::Order),
            Self::QuoteRow => Some(Self::Quote),
            Self::Relation | Self::Order | Self::Quote | Self::CustomerGroup => None,
        }
    }

    /// Reads [`ObjectKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whether an object shall be in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// It shall be there with its fields.
    Present,
    /// It shall be gone (a relation that was merged into another).
    Absent,
}

/// What is known about earlier attempts of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Never sent, or every attempt was certainly not executed.
    Fresh,
    /// Confirmed before: the object stands in the sink under its remote id.
    Known,
    /// An earlier attempt may have been executed: look before creating.
    Uncertain,
}

/// Where a delivery stands (reliability.md §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// The sink holds the desired state.
    Clean,
    /// Its parent was never confirmed: not claimable yet.
    Parent,
    /// Waits for something of the source (a product's picture) until a time, then becomes ready.
    Held,
    /// The sink has no place for its kind: it waits until somebody makes one.
    Unplaced,
    /// May be claimed from its `due_at` on.
    Ready,
    /// Claimed; an attempt is open.
    Claimed,
    /// Given up until a person redrives it.
    Dead,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Clean,
        Self::Parent,
        Self::Held,
        Self::Unplaced,
        Self::Ready,
        Self::Claimed,
        Self::Dead,
    ];

    /// The word in tables and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Parent => "parent",
            Self::Held => "held",
            Self::Unplaced => "unplaced",
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::Dead => "dead",
        }
    }

    /// Reads [`DeliveryState::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Gives the digest of the fields that count: hub times left out, so that they cause no call by themselves
/// (architecture §3, Hub-owned values). `parent` is the number of the object it stands under.
#[must_use]
pub fn desired_digest(wish: Wish, parent: i64, counted: &[&Value]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(wish == Wish::Present)]);
    hasher.update(&parent.to_be_bytes());
    for value in counted {
        match value {
            Value::Int(number) => {
                hasher.update(b"i");
                hasher.update(&number.to_be_bytes());
            }
            Value::Text(text) => {
                hasher.update(b"t");
                hasher.update(&(text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}
