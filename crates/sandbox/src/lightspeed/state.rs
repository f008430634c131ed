//! The whole state of one shop: its tables, and the arithmetic of totals.

use super::catalogue::{self, Plan, Product, Variant, without_tax_e4};
use super::language::Language;
use super::options::Options;
use super::plain::{Plain, Record, resource};
use super::records::{
    Checkout, Credit, Customer, EVENTS_MAX, Group, Membership, Movement, Order, Parcel, Quote, ROWS_MAX, Row,
    Subscription, Table, Webhook,
};
use super::written::Written;
use crate::door::Seed;

/// Costs of sending an order, with tax, in ten-thousandths.
const SHIPPING_INCL_E4: i64 = 49_500;
/// Tax on sending, in hundredths of a percent.
const SHIPPING_TAX_E4: u32 = 2_100;

/// How far the ids of credit invoices and further shipments lie behind those of the first ones.
const LATER: u64 = 1_500_000;

/// Members of singletons that were written: of `shop`, and the script of `shop/javascript`.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ShopTexts {
    pub(crate) shop: std::collections::BTreeMap<String, String>,
    pub(crate) is_script_active: bool,
    pub(crate) script: String,
}

/// The tables of a shop.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
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
    pub(crate) credits: Table<Credit>,
    pub(crate) parcels: Table<Parcel>,
    pub(crate) movements: Table<Movement>,
    pub(crate) checkouts: Table<Checkout>,
    pub(crate) plain: Plain,
    /// What a write changed of the shop's own fields.
    pub(crate) own: ShopTexts,
    /// Members that come back as they were sent.
    #[serde(default)]
    pub(crate) written: Written,
    /// The token of each app that is installed, in the order of the options.
    pub(crate) installed: Vec<Option<String>>,
    pub(crate) seed: Seed,
    /// Moves with everything that changes.
    pub(crate) revision: u64,
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
        let mut plain = Plain::first(now_s);
        for (at, product) in products.iter() {
            if let Some(file) = product.image {
                plain.add_image(options.shop_id, products.id(at), file, product.created_s);
            }
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
            credits: Table::starting_at(332_615_399 + LATER + spread),
            parcels: Table::starting_at(305_761_552 + LATER + spread),
            movements: Table::starting_at(88_120_441 + spread),
            checkouts: Table::starting_at(3_628_777 + spread),
            plain,
            own: ShopTexts::default(),
            written: Written::default(),
            installed: vec![None; options.apps.len()],
            seed,
            revision: 0,
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

    /// Returns the position of the living order whose invoice has this id.
    pub(crate) fn order_of_invoice(&self, id: u64) -> Option<usize> {
        let at = usize::try_from(id.checked_sub(self.invoice_id(0))?).ok()?;
        self.orders.get(at).map(|_| at)
    }

    /// Returns the position of the living order whose first shipment has this id.
    pub(crate) fn order_of_shipment(&self, id: u64) -> Option<usize> {
        let at = usize::try_from(id.checked_sub(self.shipment_id(0))?).ok()?;
        self.orders.get(at).map(|_| at)
    }

    /// Returns the id of the invoice line of a row, or of the costs of sending when there is none.
    pub(crate) fn invoice_item_id(&self, at: usize, row: Option<&Row>) -> u64 {
        let nth = row.map_or(ROWS_MAX, |row| u64::from(row.ordinal));
        780_091_001 + (self.spread + at as u64) * (ROWS_MAX + 1) + nth
    }

    /// Returns the id of the shipment line of a row.
    pub(crate) fn shipment_item_id(&self, at: usize, row: &Row) -> u64 {
        455_120_081 + (self.spread + at as u64) * ROWS_MAX + u64::from(row.ordinal)
    }

    /// Changes the stock of a variant and notes the movement.
    pub(crate) fn move_stock(&mut self, movement: Movement) {
        let Some(variant) = self.variants.get_mut(movement.variant as usize) else {
            return;
        };
        variant.stock += movement.change;
        variant.updated_s = movement.created_s;
        if movement.change != 0 {
            self.movements.push(movement);
        }
    }

    /// Returns how many pieces of a row of the order at `at` its further shipments hold.
    pub(crate) fn pieces_in_parcels(&self, at: usize, ordinal: u8) -> u16 {
        let parcels = self
            .parcels
            .iter()
            .filter(|(_, parcel)| parcel.order as usize == at);
        let pieces = parcels.flat_map(|(_, parcel)| parcel.pieces.iter());
        pieces
            .filter(|(of, _)| *of == ordinal)
            .map(|(_, count)| *count)
            .sum()
    }

    /// Returns the rows of the order at `at` that a list of pieces names, in that quantity.
    pub(crate) fn rows_of_pieces(&self, at: usize, pieces: &[(u8, u16)]) -> Vec<Row> {
        let rows = self.orders.get(at).map(|order| &*order.rows).unwrap_or_default();
        let find = |ordinal: u8| rows.iter().find(|row| row.ordinal == ordinal);
        pieces
            .iter()
            .filter_map(|(ordinal, quantity)| {
                find(*ordinal).map(|row| Row {
                    quantity: *quantity,
                    ..*row
                })
            })
            .collect()
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

    /// Returns the variant of a row as it is or last was.
    pub(crate) fn variant_ever(&self, row: &Row) -> Option<&Variant> {
        self.variants.ever(row.variant? as usize)
    }

    /// Returns the title of a row: that of its product, also of one that is gone.
    pub(crate) fn row_title(&self, row: &Row, language: Language) -> String {
        let product = self
            .variant_ever(row)
            .and_then(|variant| self.products.ever(variant.product as usize));
        product.map_or_else(
            || "Gratis kleurstaal".to_owned(),
            |product| product.full_title(language, self.brand_title(product)),
        )
    }

    /// Returns the name of the brand of a product; empty when it has none, or one that is gone.
    pub(crate) fn brand_title(&self, product: &Product) -> &str {
        let brand = product
            .brand
            .and_then(|id| self.plain.get(resource("brands")?, 0, id));
        brand.map_or("", |brand| brand.text("title"))
    }

    /// Returns the picture that stands for the product with this id, and the number of its file.
    pub(crate) fn picture(&self, id: u64, product: &Product) -> Option<(u64, &Record)> {
        let file = product.image?;
        Some((file, self.plain.get(resource("products/{}/images")?, id, file)?))
    }

    /// Returns the tax rate of a row in hundredths of a percent.
    pub(crate) fn tax_e4(&self, row: &Row) -> u32 {
        self.variant_ever(row).map_or(2_100, |variant| variant.tax_e4)
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
            if let Some(variant) = self.variant_ever(row) {
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
