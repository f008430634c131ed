//! What traffic is made of.

use crate::lightspeed::Burst;

/// Shares of what happens, in percent unless said otherwise.
#[derive(Debug, Clone)]
pub struct Mix {
    /// How much an act tells beyond its own event.
    pub burst: Burst,
    /// Orders of customers who register for it.
    pub new_registered_percent: u64,
    /// Orders of customers registered before.
    pub returning_percent: u64,
    /// Orders of guests whose address is that of a registered customer; the rest are new guests.
    pub guest_known_email_percent: u64,
    /// New people who subscribe to the newsletter.
    pub subscription_percent: u64,
    /// Orders that come from a cart.
    pub cart_percent: u64,
    /// Stories beside which a cart is left behind.
    pub abandoned_cart_percent: u64,
    /// Orders with a coupon.
    pub discount_percent: u64,
    /// Rows that are a free gift without a product.
    pub gift_row_percent: u64,
    /// Rows per order; one to five when `None`.
    pub rows_per_order: Option<u8>,
    /// Orders that are paid in the end.
    pub paid_percent: u64,
    /// Paid orders that are sent.
    pub shipped_percent: u64,
    /// Orders that are cancelled.
    pub cancelled_percent: u64,
    /// Unconfirmed subscriptions that are confirmed later.
    pub confirmed_percent: u64,
    /// Subscriptions that are ended later.
    pub unsubscribed_percent: u64,
    /// Stories after which some registered customer changes.
    pub customer_change_percent: u64,
    /// Stories after which a registered customer goes over to the address of a guest, or away from one again: persons that
    /// turn out to be one, and part.
    pub taken_over_percent: u64,
    /// Stories after which the merchant changes a product.
    pub product_change_percent: u64,
    /// Stories after which somebody's account or an order is deleted.
    pub deletion_percent: u64,
    /// New guests who use the mailbox of a registered customer under their own name.
    pub shared_mailbox_percent: u64,
    /// New people who mistype something.
    pub typo_percent: u64,
}

impl Mix {
    /// What the demonstration shows: the default, and persons that turn out to be one.
    #[must_use]
    pub fn demonstration() -> Self {
        Self {
            taken_over_percent: 2,
            ..Self::default()
        }
    }

    /// Everything that happens in a shop, the rare things too.
    #[must_use]
    pub fn lively() -> Self {
        Self {
            burst: Burst::FULL,
            rows_per_order: None,
            deletion_percent: 1,
            shared_mailbox_percent: 4,
            typo_percent: 4,
            ..Self::default()
        }
    }
}

impl Default for Mix {
    /// Some three webhooks per order when customers, subscriptions, orders, quotes and shipments are
    /// registered.
    fn default() -> Self {
        Self {
            burst: Burst::LEAN,
            new_registered_percent: 35,
            returning_percent: 30,
            guest_known_email_percent: 10,
            subscription_percent: 25,
            cart_percent: 60,
            abandoned_cart_percent: 8,
            discount_percent: 8,
            gift_row_percent: 3,
            rows_per_order: Some(3),
            paid_percent: 30,
            shipped_percent: 35,
            cancelled_percent: 3,
            confirmed_percent: 60,
            unsubscribed_percent: 4,
            customer_change_percent: 6,
            taken_over_percent: 0,
            product_change_percent: 1,
            deletion_percent: 0,
            shared_mailbox_percent: 0,
            typo_percent: 0,
        }
    }
}
