//! The whole state of one shop: its tables, and the arithmetic of totals.

use super::catalogue::{self, Plan, Product, Variant, without_tax_e4};
use super::options::Options;
use super::records::{
    Customer, EVENTS_MAX, Group, Membership, Order, Quote, ROWS_MAX, Row, Subscription, Table, Webhook,
};
use crate::door::Seed;

/// Costs of sending an order, with tax, in ten-thousandths.
const SHIPPING_INCL_E4: i64 = 49_500;
/// Tax on sending, in hundredths of a percent.
const SHIPPING_TAX_E4: u32 = 2_100;

/// The tables of a shop.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) id: u64,
    pub(crate) sub_domain: String,
    pub(crate) customers: Table<Customer>,
    pub(crate) subscriptions: Table<Subscription>,
    pub(crate) groups: Table<Group>,
    pub(crate) memberships: Table<Membership>,
    pub(crate) quotes: Table<Quote>,
    pub(crate) orders: Table<Order>,
    pub(crate) products: Table<Product>,
    pub(crate) variants: Table<Variant>,
    pub(crate) webhooks: Table<Webhook>,
    pub(crate) seed: Seed,
    /// Orders ever placed, the deleted ones included.
    pub(crate) orders_placed: u64,
    /// How far this shop's numbers lie from those of another on the same cluster.
    spread: u64,
    quote_row_first: u64,
}

/// What an order or a cart costs, in ten-thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) cost: i64,
    pub(crate) incl: i64,
    /// Rounded to cents, as order totals are.
    pub(crate) excl: i64,
    pub(crate) discount_incl: i64,
    pub(crate) shipping_incl: i64,
    pub(crate) shipping_excl: i64,
    pub(crate) weight: u64,
    pub(crate) pieces: u64,
    /// Tax of the low and the high rate.
    pub(crate) tax_low: i64,
    pub(crate) tax_high: i64,
}

impl Shop {
    /// Makes a shop with a catalogue, two groups and nobody in it.
    ///
    /// Ids are of the size seen live; those of cart rows pass 2³¹ (lightspeed-ecom.md §8 #3). Numbers are
    /// one sequence per cluster there, so two shops here lie apart.
    pub(crate) fn new(options: &Options, mut seed: Seed, now_s: i64) -> Self {
        let spread = (options.shop_id % 97) * 2_000_000;
        let mut products = Table::starting_at(163_090_611 + spread);
        let mut variants = Table::starting_at(322_926_101 + spread);
        let plan = Plan {
            products: options.products,
            without_image_percent: options.products_without_image_percent,
            with_stock_percent: options.products_with_stock_percent,
            now_s,
        };
        catalogue::fill(&plan, &mut seed, &mut products, &mut variants);
        let mut groups = Table::starting_at(69_094 + spread / 1_000);
        for title in ["Dealers", "Vaste klanten"] {
            groups.push(Group {
                created_s: now_s,
                updated_s: now_s,
                title: title.to_owned(),
            });
        }
        Self {
            id: options.shop_id,
            sub_domain: options.sub_domain.clone(),
            customers: Table::starting_at(226_983_501 + spread),
            subscriptions: Table::starting_at(30_918_822 + spread),
            groups,
            memberships: Table::starting_at(3_914_861 + spread),
            quotes: Table::starting_at(1_501_464_901 + spread),
            orders: Table::starting_at(315_968_407 + spread),
            products,
            variants,
            webhooks: Table::starting_at(4_745_101 + spread),
            seed,
            orders_placed: 0,
            spread,
            quote_row_first: 2_299_871_001 + spread * ROWS_MAX,
        }
    }

    /// Returns the id of the invoice of the order at `at`.
    pub(crate) fn invoice_id(&self, at: usize) -> u64 {
        332_615_399 + self.spread + at as u64
    }

    /// Returns the id of the shipment of the order at `at`.
    pub(crate) fn shipment_id(&self, at: usize) -> u64 {
        305_761_552 + self.spread + at as u64
    }

    /// Returns the id of a row of the order at `at`.
    pub(crate) fn order_row_id(&self, at: usize, row: &Row) -> u64 {
        601_223_401 + (self.spread + at as u64) * ROWS_MAX + u64::from(row.ordinal)
    }

    /// Returns the id of a row of the cart at `at`.
    pub(crate) fn quote_row_id(&self, at: usize, row: &Row) -> u64 {
        self.quote_row_first + at as u64 * ROWS_MAX + u64::from(row.ordinal)
    }

    /// Returns the id of the `nth` event of the order at `at`.
    pub(crate) fn event_id(&self, at: usize, nth: usize) -> u64 {
        912_330_101 + (self.spread + at as u64) * EVENTS_MAX + nth as u64 % EVENTS_MAX
    }

    /// Returns the id of a customer that still exists.
    pub(crate) fn customer_id(&self, at: Option<u32>) -> Option<u64> {
        let at = at? as usize;
        self.customers.get(at).map(|_| self.customers.id(at))
    }

    /// Returns the id of a cart that still exists.
    pub(crate) fn quote_id(&self, at: Option<u32>) -> Option<u64> {
        let at = at? as usize;
        self.quotes.get(at).map(|_| self.quotes.id(at))
    }

    /// Returns the variant of a row, unless the row has none or it is gone.
    pub(crate) fn variant_of(&self, row: &Row) -> Option<&Variant> {
        self.variants.get(row.variant? as usize)
    }

    /// Returns the tax rate of a row in hundredths of a percent.
    pub(crate) fn tax_e4(&self, row: &Row) -> u32 {
        self.variant_of(row).map_or(2_100, |variant| variant.tax_e4)
    }

    /// Adds up rows, a discount in percent, and sending when `is_shipped`.
    pub(crate) fn totals(&self, rows: &[Row], discount_percent: u8, is_shipped: bool) -> Totals {
        let mut totals = Totals::default();
        for row in rows {
            let quantity = i64::from(row.quantity);
            let tax_e4 = self.tax_e4(row);
            let gross = i64::from(row.price_incl_e4) * quantity;
            let discount = gross * i64::from(discount_percent) / 100;
            let excl = without_tax_e4(gross - discount, tax_e4);
            totals.discount_incl += discount;
            totals.incl += gross - discount;
            totals.excl += excl;
            let tax = gross - discount - excl;
            if tax_e4 == 900 {
                totals.tax_low += tax;
            } else {
                totals.tax_high += tax;
            }
            totals.pieces += u64::from(row.quantity);
            if let Some(variant) = self.variant_of(row) {
                totals.cost += i64::from(variant.price_cost_e4) * quantity;
                totals.weight += variant.weight * u64::from(row.quantity);
            }
        }
        if is_shipped {
            totals.shipping_incl = SHIPPING_INCL_E4;
            totals.shipping_excl = without_tax_e4(SHIPPING_INCL_E4, SHIPPING_TAX_E4);
            totals.incl += totals.shipping_incl;
            totals.excl += totals.shipping_excl;
            totals.tax_high += totals.shipping_incl - totals.shipping_excl;
        }
        totals.excl = (totals.excl + 50) / 100 * 100;
        totals
    }

    /// Returns the totals of an order.
    pub(crate) fn order_totals(&self, order: &Order) -> Totals {
        self.totals(&order.rows, order.coupon.map_or(0, |coupon| coupon.percent), true)
    }
}
