//! Carts with their rows, and checkouts that were begun.

use serde::{Deserialize, Serialize};

use super::rows::{GoneRow, Listed, Row, RowsSeen};
use super::{Amount, is_default, is_zero};
use crate::time::Timestamp;

/// One row of a cart. It names product and variant; their titles and codes stand in their own records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the fields are named as in lightspeed-ecom.md §5.9, quoteProduct"
)]
pub struct QuoteRow {
    pub id: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub product_id: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub variant_id: i64,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub quantity: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub price_incl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_excl: Amount,
    #[serde(skip_serializing_if = "Amount::is_empty")]
    pub discount_incl: Amount,
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
    /// The rows, as last listed; empty where nobody asked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<QuoteRow>,
    /// When they were last listed.
    #[serde(skip_serializing_if = "is_default")]
    pub rows_seen: RowsSeen,
    /// Rows that a later version no longer has; kept, so that they can be marked as deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone_rows: Vec<GoneRow<QuoteRow>>,
}

impl Row for QuoteRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Quote {
    /// Joins the rows of `other` into this cart ([`Listed::absorb`]); returns whether anything changed.
    pub fn absorb_rows(&mut self, other: &Self) -> bool {
        let mut own = Listed {
            rows: &mut self.rows,
            seen: &mut self.rows_seen,
            gone: &mut self.gone_rows,
        };
        own.absorb((&other.rows, other.rows_seen, &other.gone_rows))
    }
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
