//! Orders with their rows, carts, shipments and invoices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Amount, Person, is_false, is_zero};
use crate::record::Version;
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

/// When the rows of an order were last listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsSeen {
    /// No answer listed them yet.
    #[default]
    Never,
    /// This answer lists them; its version is not known yet.
    Now,
    /// They were listed at this version.
    At(Version),
}

/// A row that a later version of its order no longer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneRow {
    /// The row as last listed.
    pub row: OrderRow,
    /// The version at which it was last listed.
    pub seen: Version,
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
    pub gone_rows: Vec<GoneRow>,
}

impl Order {
    /// Joins the rows of `other` into this order; returns whether anything changed.
    ///
    /// The rows are those of the newest listing of both; every other row ever listed is gone, with the
    /// content of its newest listing. Symmetric, so the order of arrival does not matter (I7).
    pub fn absorb_rows(&mut self, other: &Self) -> bool {
        let before = (self.rows_seen, self.gone_rows.len());
        let mut seen: BTreeMap<i64, GoneRow> = BTreeMap::new();
        for order in [&*self, other] {
            let listed = match order.rows_seen {
                RowsSeen::At(version) => order.rows.iter().map(|row| (row, version)).collect(),
                RowsSeen::Never | RowsSeen::Now => Vec::new(),
            };
            let gone = order.gone_rows.iter().map(|gone| (&gone.row, gone.seen));
            for (row, version) in listed.into_iter().chain(gone) {
                if seen.get(&row.id).is_none_or(|held| held.seen < version) {
                    seen.insert(
                        row.id,
                        GoneRow {
                            row: row.clone(),
                            seen: version,
                        },
                    );
                }
            }
        }
        if other.rows_seen > self.rows_seen {
            self.rows_seen = other.rows_seen;
            self.rows.clone_from(&other.rows);
        }
        for row in &self.rows {
            seen.remove(&row.id);
        }
        let is_changed = before != (self.rows_seen, seen.len())
            || self
                .gone_rows
                .iter()
                .any(|gone| seen.get(&gone.row.id) != Some(gone));
        self.gone_rows = seen.into_values().collect();
        is_changed
    }
}

/// A shopping cart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quote {
    /// The customer at the source; 0 for an anonymous cart.
    #[serde(skip_serializing_if = "is_zero")]
    pub customer_id: i64,
    /// The code with which the shop restores the cart. Opens somebody's cart: treat as a secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recovery_hash: String,
    /// When it was made at the source.
    pub created_at: Option<Timestamp>,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
}

/// A checkout that was begun (C6): it ties a cart to an address before the shop knows a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkout {
    /// The cart at the source; 0 when it names none.
    #[serde(skip_serializing_if = "is_zero")]
    pub quote_id: i64,
    /// The order that it became; 0 while it is unfinished.
    #[serde(skip_serializing_if = "is_zero")]
    pub order_id: i64,
    /// The customer at the source; 0 for a guest or nobody yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub customer_id: i64,
    /// The address that was entered; empty when none was yet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// How far it came, in the source's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// When it was made at the source.
    pub created_at: Option<Timestamp>,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
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
