//! The contract of lists: how history, the sweep and the reconciliation read a source page by page.
//!
//! One page costs one call, so a part that lists whole things costs one call for many of them; only the rows of orders
//! and carts have no list of their own and cost a call per thing (lightspeed-ecom.md §2.1, §5.7).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::record::RecordKind;
use crate::time::Timestamp;

/// A part of what a source holds, read as a whole. The order of the variants is the order in which history reads them:
/// what others refer to comes first, so that nothing is asked for one by one that a list brings anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Products, for the pictures and addresses of order rows.
    Products,
    /// Variants of products, for the rows of carts.
    Variants,
    /// Customer accounts and guests.
    Customers,
    /// Newsletter subscriptions.
    Subscriptions,
    /// Memberships of customer groups, as one list over all customers.
    Groups,
    /// Carts.
    Quotes,
    /// Unfinished checkouts.
    Checkouts,
    /// Orders without their rows.
    Orders,
    /// Shipments, for the tracking codes of orders.
    Shipments,
    /// The rows of orders: a call per order.
    OrderRows,
    /// The rows of carts: a call per cart.
    QuoteRows,
}

impl Part {
    /// Every part, in the order in which history reads them.
    pub const ALL: [Self; 11] = [
        Self::Products,
        Self::Variants,
        Self::Customers,
        Self::Subscriptions,
        Self::Groups,
        Self::Quotes,
        Self::Checkouts,
        Self::Orders,
        Self::Shipments,
        Self::OrderRows,
        Self::QuoteRows,
    ];

    /// The word in tables, commands and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Variants => "variants",
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::Groups => "groups",
            Self::Quotes => "quotes",
            Self::Checkouts => "checkouts",
            Self::Orders => "orders",
            Self::Shipments => "shipments",
            Self::OrderRows => "order_rows",
            Self::QuoteRows => "quote_rows",
        }
    }

    /// Reads [`Part::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == text)
    }

    /// Gives the kind of the records that it brings.
    #[must_use]
    pub const fn kind(self) -> RecordKind {
        match self {
            Self::Products => RecordKind::Product,
            Self::Variants => RecordKind::Variant,
            Self::Customers => RecordKind::Customer,
            Self::Subscriptions => RecordKind::Subscription,
            Self::Groups => RecordKind::Groups,
            Self::Quotes | Self::QuoteRows => RecordKind::Quote,
            Self::Checkouts => RecordKind::Checkout,
            Self::Orders | Self::OrderRows => RecordKind::Order,
            Self::Shipments => RecordKind::Shipment,
        }
    }

    /// Tells whether it costs a call per thing, since the source has no list of it.
    #[must_use]
    pub const fn is_per_thing(self) -> bool {
        matches!(self, Self::OrderRows | Self::QuoteRows)
    }

    /// Gives the list whose things it reads: of rows that of the things which have them.
    #[must_use]
    pub const fn list(self) -> Self {
        match self {
            Self::OrderRows => Self::Orders,
            Self::QuoteRows => Self::Quotes,
            list => list,
        }
    }
}

/// Which things of a part are meant; bounds are inclusive, `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Span {
    /// Created at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_from: Option<Timestamp>,
    /// Created at this time or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_to: Option<Timestamp>,
    /// Last changed at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_from: Option<Timestamp>,
}

/// A question for one page.
#[derive(Debug, Clone, Copy)]
pub struct PageAsk<'a> {
    /// What is listed; never a part that [`Part::is_per_thing`].
    pub part: Part,
    /// Which of it.
    pub span: Span,
    /// Where to go on: empty at the start, else [`Page::next`] of the page before. Only the connector reads it.
    pub cursor: &'a str,
    /// Whether only ids and times are wanted, no contents (the reconciliation).
    pub is_ids_only: bool,
}

/// One thing on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The source's id; 0 when it cannot be read. Of a membership ([`Part::Groups`]): that of the customer, so that
    /// several items may bear the same one, see `Source::join`.
    pub remote_id: i64,
    /// When the source last changed it; `None` when the list has no times.
    pub updated_at: Option<Timestamp>,
    /// The thing, word for word, in the envelope of an answer to a fetch of it; empty when only ids were asked for. A
    /// thing that cannot be read at all still has its body, so that it can be set aside.
    pub body: Bytes,
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What stands on it, each thing once, in the order of their ids where the source keeps one. Another page may hold
    /// some of it again.
    pub items: Vec<Item>,
    /// Where to go on; `None` at the end of the list.
    pub next: Option<String>,
    /// The source's clock.
    pub at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_word_of_its_own() {
        for part in Part::ALL {
            assert_eq!(Part::parse(part.as_str()), Some(part));
            assert_eq!(
                serde_json::to_string(&part).unwrap(),
                format!("\"{}\"", part.as_str())
            );
        }
        assert_eq!(Part::parse("rows"), None);
    }

    #[test]
    fn an_empty_span_is_an_empty_object() {
        assert_eq!(serde_json::to_string(&Span::default()).unwrap(), "{}");
        let span: Span = serde_json::from_str("{}").unwrap();
        assert_eq!(span, Span::default());
    }
}
