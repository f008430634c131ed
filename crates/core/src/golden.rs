//! The golden record: what we believe of one person, order, row or cart, as a pure function of the records.
//!
//! No arrival order, no clock, no row id in it (architecture §3, Entity). The survivorship rules stand in
//! docs/spec/identity.md.

mod cart;
mod relation;
#[cfg(test)]
mod tests;

pub use cart::{is_closed, recovery_url};
pub use relation::{Relation, home, relation};

use crate::entity::{Order, OrderRow, Product, Quote, QuoteRow, Shipment, Variant};

/// An order with what belongs to it elsewhere: its shipments and its cart.
#[derive(Debug, Clone)]
pub struct OrderView<'a> {
    /// The order's id at the source.
    pub id: i64,
    /// The order itself.
    pub order: &'a Order,
    /// Whether the source says that it is gone.
    pub is_deleted: bool,
    /// Its shipments that are not gone, any order.
    pub shipments: Vec<&'a Shipment>,
    /// The recovery hash of its cart; empty when unknown.
    pub recovery_hash: &'a str,
}

impl OrderView<'_> {
    /// Gives the newest shipment; of one second the one with the larger content, so that the choice never
    /// depends on arrival.
    #[must_use]
    pub fn newest_shipment(&self) -> Option<&Shipment> {
        self.shipments
            .iter()
            .copied()
            .max_by(|a, b| shipment_rank(a).cmp(&shipment_rank(b)))
    }

    /// Gives the newest non-empty track & trace code, or an empty text.
    #[must_use]
    pub fn tracking_code(&self) -> &str {
        let coded = self
            .shipments
            .iter()
            .filter(|shipment| !shipment.tracking_code.is_empty());
        coded
            .max_by(|a, b| shipment_rank(a).cmp(&shipment_rank(b)))
            .map_or("", |shipment| shipment.tracking_code.as_str())
    }
}

type ShipmentRank<'a> = (Option<crate::time::Timestamp>, &'a str, &'a str, bool, bool);

fn shipment_rank(shipment: &Shipment) -> ShipmentRank<'_> {
    (
        shipment.updated_at,
        &shipment.tracking_code,
        &shipment.status,
        shipment.notify_shipped,
        shipment.notify_tracking_code,
    )
}

/// An order row with its product and variant, as far as known.
#[derive(Debug, Clone)]
pub struct RowView<'a> {
    /// The order's id at the source.
    pub order_id: i64,
    /// The hub's number of the order; 0 when no route asks for it.
    pub order_number: i64,
    /// The row.
    pub row: &'a OrderRow,
    /// Whether the newest listing of the order no longer has it, or the whole order is gone.
    pub is_deleted: bool,
    /// Its product, when the hub holds it.
    pub product: Option<&'a Product>,
    /// Its variant, when the hub holds it.
    pub variant: Option<&'a Variant>,
}

/// A cart.
#[derive(Debug, Clone)]
pub struct QuoteView<'a> {
    /// The cart's id at the source.
    pub id: i64,
    /// The cart itself.
    pub quote: &'a Quote,
    /// Whether the source says that it is gone.
    pub is_gone: bool,
    /// Whether an order of that person closed it (mission F10, see `cart`).
    pub is_ordered: bool,
    /// Whether it is too old to be taken up again.
    pub is_expired: bool,
    /// The address that gives a shopper the cart back; empty when unknown.
    pub recovery_url: &'a str,
}

impl QuoteView<'_> {
    /// Tells what became of it, in the words of the extra field `QuoteStatus`. A cart that the shop removed without an
    /// order can't be taken up again either.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match (self.is_ordered, self.is_expired || self.is_gone) {
            (true, _) => "Ordered",
            (false, true) => "Expired",
            (false, false) => "Open",
        }
    }
}

/// A row of a cart with its product and variant, as far as known.
#[derive(Debug, Clone)]
pub struct QuoteRowView<'a> {
    /// The cart's id at the source.
    pub quote_id: i64,
    /// The row.
    pub row: &'a QuoteRow,
    /// Whether the newest listing of the cart no longer has it, or the whole cart is gone.
    pub is_deleted: bool,
    /// Its product, when the hub holds it.
    pub product: Option<&'a Product>,
    /// Its variant, when the hub holds it.
    pub variant: Option<&'a Variant>,
}

/// A membership of a customer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupView {
    /// The group's id at the source.
    pub group_id: i64,
    /// Whether the customer is no longer in it.
    pub is_gone: bool,
}
