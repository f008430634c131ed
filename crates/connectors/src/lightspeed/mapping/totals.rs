//! Whether an order's total can be the sum of its parts.
//!
//! How the platform makes the total is not documented in every detail: whether a row's price is per unit, whether
//! it is before or after discount, and what the total includes are open (lightspeed-ecom.md §12 #18, #19). So no
//! formula is demanded. The smallest and the largest total that any reading allows are computed, and only a total
//! outside of both is noted. Returned goods, gift cards, negative parts and unreadable amounts end the judgement.

use schakel_core::entity::{Amount, Order, OrderRow};

use super::super::wire::{OrderWire, Raw, Scalar};
use super::decimal;

/// What rounding may cost: a cent for each row and five for the order, in 1/10,000.
const ROUNDING_ROW: i128 = 100;
const ROUNDING_ORDER: i128 = 500;

/// 1 in 1/10,000.
const ONE: i128 = 10_000;

/// Tells whether no reading of the parts gives the total with tax. `order` holds its rows.
pub(super) fn is_impossible(wire: &OrderWire<'_>, order: &Order) -> bool {
    let Some((low, high)) = bounds(wire, order) else {
        return false;
    };
    value(&order.price_incl).is_some_and(|total| total < low || total > high)
}

/// The smallest and the largest total that the parts allow; `None` when they say too little.
fn bounds(wire: &OrderWire<'_>, order: &Order) -> Option<(i128, i128)> {
    if wire.gift_cards.scalar() != Scalar::Empty || order.status == "cancelled" {
        return None;
    }
    let (mut low, mut high, mut discount) = (0, 0, 0);
    for row in &order.rows {
        let (row_low, row_high, row_discount) = row_bounds(row)?;
        low += row_low;
        high += row_high;
        discount += row_discount;
    }
    high += part(wire.shipment_price_incl)? + part(wire.payment_price_incl)?;
    discount += optional(&order.discount_amount)?;
    discount += high * optional(&order.discount_percentage)?.min(ONE) / ONE;
    let rounding = ROUNDING_ORDER + ROUNDING_ROW * i128::try_from(order.rows.len()).ok()?;
    Some((low - discount - rounding, high + rounding))
}

/// The smallest and the largest sum of a row and the discount that may yet go off it.
fn row_bounds(row: &OrderRow) -> Option<(i128, i128, i128)> {
    if optional(&row.quantity_refunded)? > 0 || optional(&row.quantity_returned)? > 0 {
        return None;
    }
    let (price, quantity) = (optional(&row.price_incl)?, optional(&row.quantity_ordered)?);
    let base = optional(&row.base_price_incl)?;
    let custom = optional(&row.custom_incl)?;
    let times = |amount: i128| amount * quantity.max(ONE) / ONE;
    let discount = times(optional(&row.discount_incl)?);
    let low = price.min(price * quantity / ONE);
    let high = times(price).max(times(base)) + times(custom) + discount;
    Some((low, high, discount))
}

fn part(raw: Raw<'_>) -> Option<i128> {
    match raw.scalar() {
        Scalar::Empty => Some(0),
        Scalar::Number(literal) => optional(&Amount(decimal::plain(literal)?.into_owned())),
        Scalar::Text(text) => optional(&Amount(decimal::plain(text.trim())?.into_owned())),
        Scalar::True | Scalar::Other => None,
    }
}

/// An amount that may be missing, but not negative.
fn optional(amount: &Amount) -> Option<i128> {
    if amount.is_empty() {
        return Some(0);
    }
    value(amount).filter(|value| *value >= 0)
}

fn value(amount: &Amount) -> Option<i128> {
    amount.ten_thousandths().map(i128::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(total: &str, rows: &[(&str, &str)]) -> Order {
        let amount = |text: &str| Amount(text.to_owned());
        Order {
            price_incl: amount(total),
            rows: rows
                .iter()
                .map(|(price, quantity)| OrderRow {
                    price_incl: amount(price),
                    quantity_ordered: amount(quantity),
                    ..OrderRow::default()
                })
                .collect(),
            ..Order::default()
        }
    }

    #[test]
    fn only_totals_that_no_reading_allows_are_noted() {
        let cases = [
            ("30.00", vec![("10", "3")], false, "price per unit"),
            ("10.00", vec![("10", "3")], false, "price of the row"),
            ("30.04", vec![("10", "3")], false, "rounding"),
            ("31.00", vec![("10", "3")], true, "too much"),
            ("9.00", vec![("10", "3")], true, "too little"),
            ("", vec![("10", "3")], false, "no total"),
            ("5", vec![("-10", "3")], false, "negative parts"),
            ("0", vec![], false, "no rows, no total"),
            ("7", vec![], true, "a total of nothing"),
        ];
        for (total, rows, expected, what) in cases {
            let is_impossible = is_impossible(&OrderWire::default(), &order(total, &rows));
            assert_eq!(is_impossible, expected, "{what}");
        }
    }

    #[test]
    fn discounts_widen_what_is_possible() {
        let mut order = order("6.00", &[("10", "1")]);
        assert!(is_impossible(&OrderWire::default(), &order));
        order.discount_percentage = Amount("0.40".to_owned());
        assert!(!is_impossible(&OrderWire::default(), &order));
    }
}
