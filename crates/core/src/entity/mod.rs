//! The canonical nouns: what a source says, in the hub's words, whatever the source.
//!
//! Empty texts mean "not said". Texts are cleaned (no control characters, no surrounding blanks) but not cut:
//! cutting to a field's length belongs to the preset. Amounts and quantities keep the source's literal.

mod order;
mod person;
mod product;
mod quote;
mod rows;

pub use order::{Invoice, Order, OrderRow, Shipment};
pub use person::{Address, Customer, LanguageName, Memberships, Person, Subscription, fold_email};
pub use product::{Image, Product, Variant};
pub use quote::{Checkout, Quote, QuoteRow};
pub use rows::{GoneRow, Listed, Row, RowsSeen};

use serde::{Deserialize, Serialize};

/// A decimal number as the source wrote it: plain digits, point as separator, no exponent.
///
/// Empty means "not said". Text fields get the literal; sums use [`Amount::ten_thousandths`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(pub String);

impl Amount {
    /// Tells whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the value in 1/10,000 of the unit, further decimals cut off; `None` when it is no number or
    /// does not fit in 63 bits.
    #[must_use]
    pub fn ten_thousandths(&self) -> Option<i64> {
        let (digits, is_negative) = match self.0.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (self.0.as_str(), false),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number =
            !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if !is_number {
            return None;
        }
        let mut padded: String = fraction.chars().take(4).collect();
        while padded.len() < 4 {
            padded.push('0');
        }
        let value = whole
            .parse::<i64>()
            .ok()?
            .checked_mul(10_000)?
            .checked_add(padded.parse::<i64>().ok()?)?;
        Some(if is_negative { -value } else { value })
    }
}

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Tells whether a value may be left out when it is written. An address without a street is none to a reader, but it
/// must be read back as it was: what a record says may not depend on whether it has been stored meanwhile (I6).
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_become_ten_thousandths() {
        let cases = [
            ("74.3388", Some(743_388)),
            ("5", Some(50_000)),
            ("-0.5", Some(-5_000)),
            ("0.00009", Some(0)),
            ("1.000000", Some(10_000)),
            ("", None),
            ("1e5", None),
            ("-", None),
            ("99999999999999999999", None),
        ];
        for (literal, expected) in cases {
            assert_eq!(
                Amount(literal.to_owned()).ten_thousandths(),
                expected,
                "{literal}"
            );
        }
    }
}
