//! Things of a source: their kinds, and how one of them is named.

use serde::{Deserialize, Serialize};

use crate::id::ConnectionId;

/// What kind of thing a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A customer account or a guest.
    Customer,
    /// A newsletter subscription.
    Subscription,
    /// An order with its rows.
    Order,
    /// A shopping cart.
    Quote,
    /// A shipment of an order.
    Shipment,
    /// An invoice of an order.
    Invoice,
    /// A product.
    Product,
    /// A variant of a product.
    Variant,
    /// The customer groups of one customer, under his number.
    Groups,
    /// An unfinished checkout.
    Checkout,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Customer,
        Self::Subscription,
        Self::Order,
        Self::Quote,
        Self::Shipment,
        Self::Invoice,
        Self::Product,
        Self::Variant,
        Self::Groups,
        Self::Checkout,
    ];

    /// The word in tables, pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::Order => "order",
            Self::Quote => "quote",
            Self::Shipment => "shipment",
            Self::Invoice => "invoice",
            Self::Product => "product",
            Self::Variant => "variant",
            Self::Groups => "groups",
            Self::Checkout => "checkout",
        }
    }

    /// Reads [`RecordKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Names one thing of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The source connection.
    pub connection: ConnectionId,
    /// The kind of thing.
    pub kind: RecordKind,
    /// The source's id of it.
    pub remote_id: i64,
}

impl RecordKey {
    /// Names the thing `remote_id` of `kind` at `connection`.
    #[must_use]
    pub const fn new(connection: ConnectionId, kind: RecordKind, remote_id: i64) -> Self {
        Self {
            connection,
            kind,
            remote_id,
        }
    }
}
