//! Orders with their rows, shipments and invoices.

use serde::{Deserialize, Serialize};

use super::rows::{GoneRow, Listed, Row, RowsSeen};
use super::{Amount, Person, is_false, is_zero};
use crate::time::Timestamp;

/// One row of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the fields are named as in lightspeed-ecom.md §5.8, where each is explained"
)]
pub struct OrderRow {
    pub id: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub product_id: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub variant_id: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub product_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub brand_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article_code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sku: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ean: String,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity_ordered: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity_invoiced: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity_shipped: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity_returned: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity_refunded: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub weight: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub volume: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub colli: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_cost: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub base_price_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub base_price_incl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_incl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub custom_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub custom_incl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_incl: Amount,
}

/// An order with its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the fields are named as in lightspeed-ecom.md §5.7, where each is explained"
)]
pub struct Order {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub referral_id: String,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_cost: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_incl: Amount,
    #[serde(skip_serializing_if = "is_false")]
    pub is_discounted: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub discount_type: String,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_amount: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_percentage: Amount,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub discount_coupon_code: String,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub weight: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub volume: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub colli: Amount,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub payment_method: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub payment_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub payment_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub payment_status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shipment_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shipment_status: String,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    /// The customer at the source; 0 when the order has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub customer_id: i64,
    /// The cart that the order came from; 0 when unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub quote_id: i64,
    /// The person as the order knows it: a snapshot of the moment of ordering.
    pub person: Person,
    /// Whether the newsletter was ticked; noted in the consent ledger, no more.
    #[serde(skip_serializing_if = "is_false")]
    pub newsletter_ticked: bool,
    /// The rows, as last listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<OrderRow>,
    /// When they were last listed.
    pub rows_seen: RowsSeen,
    /// Rows that a later version no longer has; kept, so that they can be marked as deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone_rows: Vec<GoneRow<OrderRow>>,
}

impl Row for OrderRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Order {
    /// Joins the rows of `other` into this order ([`Listed::absorb`]); returns whether anything changed.
    pub fn absorb_rows(&mut self, other: &Self) -> bool {
        let mut own = Listed {
            rows: &mut self.rows,
            seen: &mut self.rows_seen,
            gone: &mut self.gone_rows,
        };
        own.absorb((&other.rows, other.rows_seen, &other.gone_rows))
    }
}

/// A shipment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Shipment {
    /// The order at the source; 0 when unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub order_id: i64,
    /// Status in the source's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Track & trace code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tracking_code: String,
    /// Whether the shopper is told that it was shipped.
    #[serde(skip_serializing_if = "is_false")]
    pub notify_shipped: bool,
    /// Whether the shopper is told the track & trace code.
    #[serde(skip_serializing_if = "is_false")]
    pub notify_tracking_code: bool,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
}

/// An invoice of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Invoice {
    /// The order at the source; 0 when unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub order_id: i64,
    /// Invoice number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Status in the source's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Whether it is a credit note.
    #[serde(skip_serializing_if = "is_false")]
    pub is_credit_note: bool,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
}
