//! Shopping carts, which the platform calls quotes.

use super::customers::visitor_ip;
use super::{Cart, CartChange, Goods};
use crate::lightspeed::Simulator;
use crate::lightspeed::person::Text;
use crate::lightspeed::records::{Quote, ROWS_MAX, Row};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;

impl Simulator {
    /// Fills a new cart and returns its id.
    pub fn fill_cart(&self, cart: &Cart) -> u64 {
        let mut shop = self.shop();
        let customer = cart.customer.and_then(|id| shop.customers.find(id));
        let at = self.open_cart(&mut shop, customer, &cart.goods);
        shop.quotes.id(at)
    }

    /// Opens a cart of the customer at `customer`, and returns its position.
    pub(crate) fn open_cart(&self, shop: &mut Shop, customer: Option<usize>, goods: &[Goods]) -> usize {
        let now_s = self.now_s();
        let remote_ip = visitor_ip(shop);
        let rows = rows_of(shop, goods, 0);
        let mut recovery_hash = [0; 16];
        recovery_hash[..8].copy_from_slice(&shop.seed.next_u64().to_be_bytes());
        recovery_hash[8..].copy_from_slice(&shop.seed.next_u64().to_be_bytes());
        let quote = Quote {
            created_s: now_s,
            updated_s: now_s,
            customer: customer.and_then(|at| u32::try_from(at).ok()),
            zipcode: customer.and_then(|at| zipcode(shop, at)),
            next_ordinal: u8::try_from(rows.len()).unwrap_or(u8::MAX),
            rows,
            recovery_hash,
            remote_ip,
            language: self.inner.default_language,
            is_ordered: false,
            comment: None,
        };
        let at = shop.quotes.push(quote);
        self.tell(shop, Item::Quote, "created", at);
        at
    }

    /// Adds a row to the cart at `at`; `None` when there is no such cart or no room in it.
    pub(crate) fn add_to_cart(&self, shop: &mut Shop, at: usize, goods: Goods) -> Option<Row> {
        let now_s = self.now_s();
        let first = shop.quotes.get(at)?.next_ordinal;
        let row = *rows_of(shop, &[goods], first).first()?;
        let quote = shop.quotes.get_mut(at)?;
        quote.rows = quote.rows.iter().copied().chain([row]).collect();
        quote.next_ordinal = first.saturating_add(1);
        quote.updated_s = now_s;
        self.tell(shop, Item::Quote, "updated", at);
        Some(row)
    }

    /// Replaces the row of the same number in the cart at `at`.
    pub(crate) fn set_row(&self, shop: &mut Shop, at: usize, row: Row) {
        let now_s = self.now_s();
        if let Some(quote) = shop.quotes.get_mut(at) {
            for known in quote.rows.iter_mut().filter(|known| known.ordinal == row.ordinal) {
                *known = row;
            }
            quote.updated_s = now_s;
        }
        self.tell(shop, Item::Quote, "updated", at);
    }

    /// Takes a row out of the cart at `at`.
    pub(crate) fn take_from_cart(&self, shop: &mut Shop, at: usize, ordinal: u8) {
        let now_s = self.now_s();
        if let Some(quote) = shop.quotes.get_mut(at) {
            quote.rows = quote
                .rows
                .iter()
                .filter(|row| row.ordinal != ordinal)
                .copied()
                .collect();
            quote.updated_s = now_s;
        }
        self.tell(shop, Item::Quote, "updated", at);
    }

    /// Changes a cart, or ties it to a customer; `false` when there is no such cart.
    pub fn change_cart(&self, change: &CartChange) -> bool {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.quotes.find(change.quote) else {
            return false;
        };
        let first = shop.quotes.get(at).map_or(0, |quote| quote.next_ordinal);
        let rows = change.goods.as_ref().map(|goods| rows_of(&shop, goods, first));
        let customer = change.customer.and_then(|id| shop.customers.find(id));
        let zipcode = customer.and_then(|at| zipcode(&shop, at));
        if let Some(quote) = shop.quotes.get_mut(at) {
            quote.updated_s = now_s;
            if let Some(rows) = rows {
                quote.next_ordinal = first.saturating_add(u8::try_from(rows.len()).unwrap_or(u8::MAX));
                quote.rows = rows;
            }
            if let Some(customer) = customer {
                quote.customer = u32::try_from(customer).ok();
                quote.zipcode = zipcode;
            }
        }
        self.tell(&mut shop, Item::Quote, "updated", at);
        true
    }
}

/// Makes rows at today's prices, numbered from `first`; at most [`ROWS_MAX`] numbers exist.
pub(super) fn rows_of(shop: &Shop, goods: &[Goods], first: u8) -> Box<[Row]> {
    let rows = goods
        .iter()
        .zip(u64::from(first)..ROWS_MAX)
        .map(|(goods, ordinal)| {
            let variant = goods.variant.and_then(|id| shop.variants.find(id));
            Row {
                price_incl_e4: variant
                    .and_then(|at| shop.variants.get(at))
                    .map_or(0, |variant| variant.price_incl_e4),
                variant: variant.and_then(|at| u32::try_from(at).ok()),
                quantity: goods.quantity.max(1),
                shipped: 0,
                refunded: 0,
                ordinal: u8::try_from(ordinal).unwrap_or(u8::MAX),
            }
        });
    rows.collect()
}

fn zipcode(shop: &Shop, customer: usize) -> Option<Box<str>> {
    let person = &shop.customers.get(customer)?.person;
    let zipcode = person.text(Text::BillingZipcode);
    (!zipcode.is_empty()).then(|| zipcode.into())
}
