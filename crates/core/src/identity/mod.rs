//! Identity: which records are about one person, and which number that person has.
//!
//! Records that share a strong key form one connected component = one relation (architecture §3, Identity).
//! Everything here is a pure function of the records; only the numbers remember history, and convergence is
//! judged after renaming them (I9). docs/spec/identity.md explains the rules to a person.

mod resolve;
#[cfg(test)]
pub(crate) mod tests;

pub use resolve::{Component, Resolution, resolve};

use serde::{Deserialize, Serialize};

use crate::entity::{Customer, fold_email};
use crate::id::RelationId;
use crate::limits;
use crate::record::{Content, Held, RecordKey};
use crate::time::Timestamp;

/// How much a source record's word counts, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SourceClass {
    /// The snapshot in an order without a customer.
    Order,
    /// A newsletter subscription.
    Subscription,
    /// A guest.
    Guest,
    /// A registered account.
    Registered,
}

impl SourceClass {
    /// Gives the class of a customer record.
    #[must_use]
    pub fn of_customer(customer: &Customer) -> Self {
        if customer.is_registered() {
            Self::Registered
        } else {
            Self::Guest
        }
    }

    /// The number in tables.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        match self {
            Self::Order => 0,
            Self::Subscription => 1,
            Self::Guest => 2,
            Self::Registered => 3,
        }
    }

    /// Reads [`SourceClass::as_i16`] back; unknown numbers are the lowest class.
    #[must_use]
    pub const fn from_i16(number: i16) -> Self {
        match number {
            3 => Self::Registered,
            2 => Self::Guest,
            1 => Self::Subscription,
            _ => Self::Order,
        }
    }
}

/// A value by which records join, with its kind in front: `email:jan@example.org`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MatchKey(pub String);

impl MatchKey {
    /// Makes the key of an e-mail address; `None` for an empty one.
    #[must_use]
    pub fn email(email: &str) -> Option<Self> {
        let folded = fold_email(email);
        (!folded.is_empty()).then(|| Self(format!("email:{folded}")))
    }

    /// Gives 32 hexadecimal digits that stand for this key where it is looked up but no address belongs, such as in
    /// [`RecordKind::Checkout`](crate::record::RecordKind::Checkout)s of people whom the hub does not know. Without
    /// `hub_key` nobody can try addresses against them.
    #[must_use]
    pub fn digest(&self, hub_key: &[u8; 32]) -> String {
        let key = blake3::derive_key("schakel 2026 digest of a match key", hub_key);
        let digest = blake3::keyed_hash(&key, self.0.as_bytes());
        digest.to_hex()[..32].to_owned()
    }
}

/// Keys that join nothing although they look like keys.
#[derive(Debug, Clone, Default)]
pub struct BlockList {
    /// Folded addresses, such as the shop's own.
    pub emails: Vec<String>,
    /// Local parts of addresses that belong to nobody, such as `info`.
    pub local_parts: Vec<String>,
}

impl BlockList {
    /// Gives the list that every scope starts with (mission, Identity).
    #[must_use]
    pub fn standard() -> Self {
        let local_parts = ["info", "noreply", "no-reply", "donotreply"]
            .map(str::to_owned)
            .to_vec();
        Self {
            emails: Vec::new(),
            local_parts,
        }
    }

    /// Adds addresses of a shop itself, in any spelling: staff order with them for whoever has none.
    #[must_use]
    pub fn with_own(mut self, addresses: &[String]) -> Self {
        self.emails
            .extend(addresses.iter().map(|address| fold_email(address)));
        self
    }

    /// Tells whether `key` must not join anything.
    #[must_use]
    pub fn blocks(&self, key: &MatchKey) -> bool {
        let Some(email) = key.0.strip_prefix("email:") else {
            return false;
        };
        let local = email.split('@').next().unwrap_or_default();
        self.emails.iter().any(|blocked| blocked == email)
            || self.local_parts.iter().any(|part| part == local)
    }
}

/// One source record of a person, as identity sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Which record.
    pub key: RecordKey,
    /// How much its word counts.
    pub class: SourceClass,
    /// When the thing was made at the source; breaks ties within a class, the older first.
    pub created_at: Timestamp,
    /// By what it joins others (its own id joins nothing else, so it is not here).
    pub keys: Vec<MatchKey>,
    /// Whether the source says that it is gone.
    pub is_deleted: bool,
    /// Whether our own fetch is the newest word about it, and came while it stood together with the registered
    /// accounts that it stands with now; [`resolve`] takes it back of accounts that only just met.
    pub is_confirmed: bool,
    /// The relation number that is its own: given to it, or taken over from a lesser record.
    pub home: Option<RelationId>,
    /// The relation it belonged to after the last resolution.
    pub relation: Option<RelationId>,
}

impl Node {
    /// Makes the node of a record; `None` when the record says nothing about a person (yet).
    ///
    /// An order is a node only when it has no customer, or when `is_customer_unknown`: the shop no longer
    /// knows the customer. One without an e-mail address is about nobody then (mission, Where the seeds are silent).
    #[must_use]
    pub fn of(held: &Held, is_customer_unknown: bool) -> Option<Self> {
        let (version, _, content) = held.live.as_ref()?;
        let (class, created_at, email) = match content {
            Content::Customer(customer) => (
                SourceClass::of_customer(customer),
                customer.created_at,
                &customer.person.email,
            ),
            Content::Subscription(subscription) => (
                SourceClass::Subscription,
                subscription.created_at,
                &subscription.email,
            ),
            Content::Order(order)
                if (order.customer_id == 0 || is_customer_unknown)
                    && !fold_email(&order.person.email).is_empty() =>
            {
                (SourceClass::Order, order.created_at, &order.person.email)
            }
            _ => return None,
        };
        let is_last_fetch_true = held
            .fetched
            .as_ref()
            .is_some_and(|(_, digest)| *digest == content.match_digest());
        Some(Self {
            key: held.key,
            class,
            created_at: created_at.unwrap_or(version.at),
            keys: MatchKey::email(email).into_iter().collect(),
            is_deleted: held.is_deleted(),
            is_confirmed: version.ordinal > 0 && is_last_fetch_true,
            home: None,
            relation: None,
        })
    }

    /// Orders nodes by who is the best record of a person: class, then the older, then the lower id.
    #[must_use]
    pub fn rank(&self) -> (SourceClass, std::cmp::Reverse<(Timestamp, RecordKey)>) {
        (self.class, std::cmp::Reverse((self.created_at, self.key)))
    }
}

/// Tells whether a key that `holders` records have may join them.
#[must_use]
pub fn is_evidence(key: &MatchKey, holders: usize, blocked: &BlockList) -> bool {
    holders <= limits::SHARED_KEY_RECORDS && !blocked.blocks(key)
}
