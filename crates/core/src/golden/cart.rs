//! When a cart counts as ordered, and the address that gives it back (mission A18, F10; docs/spec/carts.md).

use std::fmt::Write as _;

use crate::time::Timestamp;

/// Tells whether a cart is closed: an order refers to it, or an order of the same person was placed when the cart had
/// been changed for the last time (or in that second).
///
/// `changed_at` is the cart's last change; `ordered_at` are the moments at which that person placed orders. The
/// source's times only: when anything arrived does not count, so late orders close a cart and no order of arrival
/// matters (I7). A cart that is changed after every order is open again, unless an order refers to it. One that tells
/// no time is older than any order.
#[must_use]
pub fn is_closed(
    is_referred: bool,
    changed_at: Option<Timestamp>,
    ordered_at: impl IntoIterator<Item = Timestamp>,
) -> bool {
    is_referred || ordered_at.into_iter().max() >= changed_at.or(Some(Timestamp::ZERO))
}

/// Puts the recovery hash into the address of the shop that gives a cart back; empty when either is missing. Characters
/// that have a meaning in addresses are written as `%XX`.
#[must_use]
pub fn recovery_url(template: &str, hash: &str) -> String {
    if template.is_empty() || hash.is_empty() {
        return String::new();
    }
    let mut safe = String::with_capacity(hash.len());
    for byte in hash.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            write!(safe, "%{byte:02X}").expect("writing to a text cannot fail");
        }
    }
    template.replace("{hash}", &safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    proptest! {
        #[test]
        fn of_two_carts_the_older_one_never_stays_open_longer(
            orders in proptest::collection::vec(0_i64..20, 0..5), cart in 1_i64..20, other in 1_i64..20,
        ) {
            let placed = || orders.iter().map(|second| at(*second));
            let closed = |cart| is_closed(false, Some(at(cart)), placed());
            prop_assert_eq!(closed(cart), orders.iter().any(|order| *order >= cart));
            prop_assert!(closed(cart.min(other)) || !closed(cart.max(other)));
            // One more order never opens a cart, a reference closes it for good.
            prop_assert!(!closed(cart) || is_closed(false, Some(at(cart)), placed().chain([at(other)])));
            prop_assert!(is_closed(true, Some(at(cart)), placed()));
        }
    }

    #[test]
    fn a_cart_without_a_time_is_older_than_any_order() {
        assert!(is_closed(false, None, [at(1)]));
        assert!(!is_closed(false, None, []));
    }

    #[test]
    fn the_hash_stands_in_the_address_and_breaks_out_of_nothing() {
        let template = "https://www.example.com/cart/recover/{hash}?utm=mail";
        let cases = [
            (
                "4ec74f67",
                "https://www.example.com/cart/recover/4ec74f67?utm=mail",
            ),
            (
                "a/b?c&{hash}",
                "https://www.example.com/cart/recover/a%2Fb%3Fc%26%7Bhash%7D?utm=mail",
            ),
            ("", ""),
        ];
        for (hash, expected) in cases {
            assert_eq!(recovery_url(template, hash), expected);
        }
        assert_eq!(recovery_url("", "4ec74f67"), "");
    }
}
