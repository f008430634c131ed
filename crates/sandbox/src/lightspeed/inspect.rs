//! Looking into a shop from outside its API: raw facts for tests and for the demonstration.

use std::collections::BTreeMap;

use super::dispatch::WebhookCounts;
use super::person::Person;
use super::write::{self, For};
use super::{Simulator, locked};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Kind {
    Customer,
    Subscription,
    Quote,
    Order,
    Product,
    Variant,
}

/// How many records live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShopCounts {
    /// Customers, guests included.
    pub customers: u64,
    /// Of these, guest records.
    pub guests: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Carts.
    pub quotes: u64,
    /// Orders that exist.
    pub orders: u64,
    /// Orders ever placed, the deleted ones included.
    pub orders_placed: u64,
    /// Rows of the orders that exist.
    pub order_rows: u64,
    /// Products.
    pub products: u64,
    /// Registered webhooks.
    pub webhooks: u64,
}

/// A row of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// Id of the row.
    pub id: u64,
    /// Id of its product, when it has one.
    pub product: Option<u64>,
    /// Id of its variant, when it has one.
    pub variant: Option<u64>,
    /// Pieces.
    pub quantity: u64,
    /// Price of one piece with tax, in ten-thousandths.
    pub price_incl_e4: i64,
}

/// An order as the shop holds it.
#[derive(Debug, Clone)]
pub struct OrderFacts {
    /// Id.
    pub id: u64,
    /// Number, such as `ORD00412`.
    pub number: String,
    /// Status word.
    pub status: &'static str,
    /// Payment word.
    pub payment_status: &'static str,
    /// Sending word.
    pub shipment_status: &'static str,
    /// Placed at, in seconds since 1970 (UTC).
    pub created_s: i64,
    /// Changed at, in seconds since 1970 (UTC).
    pub updated_s: i64,
    /// The buyer when he ordered.
    pub person: Person,
    /// Id of the customer, when he still exists.
    pub customer: Option<u64>,
    /// Id of the cart.
    pub quote: Option<u64>,
    /// Id of the invoice.
    pub invoice: u64,
    /// Id of the shipment.
    pub shipment: u64,
    /// The carrier's code, empty before.
    pub tracking_code: String,
    /// Total with tax, in ten-thousandths.
    pub price_incl_e4: i64,
    /// Rows.
    pub rows: Vec<RowFacts>,
}

/// A cart as the shop holds it.
#[derive(Debug, Clone)]
pub struct QuoteFacts {
    /// Id.
    pub id: u64,
    /// Id of the customer, when it is tied to one that still exists.
    pub customer: Option<u64>,
    /// The hash of its recovery link.
    pub recovery_hash: String,
    /// Number of rows.
    pub rows: usize,
    /// It became an order.
    pub is_ordered: bool,
}

impl Simulator {
    /// Counts the living records.
    #[must_use]
    pub fn counts(&self) -> ShopCounts {
        let shop = self.shop();
        ShopCounts {
            customers: shop.customers.live() as u64,
            guests: shop
                .customers
                .iter()
                .filter(|(_, record)| record.is_guest)
                .count() as u64,
            subscriptions: shop.subscriptions.live() as u64,
            quotes: shop.quotes.live() as u64,
            orders: shop.orders.live() as u64,
            orders_placed: shop.orders_placed,
            order_rows: shop.orders.iter().map(|(_, order)| order.rows.len() as u64).sum(),
            products: shop.products.live() as u64,
            webhooks: shop.webhooks.live() as u64,
        }
    }

    /// Says what became of the webhooks so far.
    #[must_use]
    pub fn webhook_counts(&self) -> WebhookCounts {
        self.inner.dispatcher.counts()
    }

    /// Returns how often each fault of the API hit, by its name on the control port.
    #[must_use]
    pub fn fault_hits(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.inner.faults).hits().clone()
    }

    /// Returns the calls served so far per resource, refused ones included.
    #[must_use]
    pub fn calls_by_resource(&self) -> BTreeMap<String, u64> {
        locked(&self.inner.calls).clone()
    }

    /// Returns the calls served so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        locked(&self.inner.calls).values().sum()
    }

    /// Returns the ids of the living records of a kind, ascending.
    #[must_use]
    pub fn ids(&self, kind: Kind) -> Vec<u64> {
        let shop = self.shop();
        match kind {
            Kind::Customer => shop
                .customers
                .iter()
                .map(|(at, _)| shop.customers.id(at))
                .collect(),
            Kind::Subscription => shop
                .subscriptions
                .iter()
                .map(|(at, _)| shop.subscriptions.id(at))
                .collect(),
            Kind::Quote => shop.quotes.iter().map(|(at, _)| shop.quotes.id(at)).collect(),
            Kind::Order => shop.orders.iter().map(|(at, _)| shop.orders.id(at)).collect(),
            Kind::Product => shop.products.iter().map(|(at, _)| shop.products.id(at)).collect(),
            Kind::Variant => shop.variants.iter().map(|(at, _)| shop.variants.id(at)).collect(),
        }
    }

    /// Returns a record as the API would answer it, without its envelope; `None` when it does not exist.
    #[must_use]
    pub fn record_json(&self, kind: Kind, id: u64) -> Option<String> {
        let shop = self.shop();
        let language = self.inner.default_language;
        let mut out = self.style(For::Answer, language).out(4_096);
        match kind {
            Kind::Customer => write::customer(&mut out, &shop, shop.customers.find(id)?),
            Kind::Subscription => write::subscription(&mut out, &shop, shop.subscriptions.find(id)?),
            Kind::Quote => write::quote(&mut out, &shop, shop.quotes.find(id)?),
            Kind::Order => write::order(&mut out, &shop, shop.orders.find(id)?, For::Answer),
            Kind::Product => {
                write::product(&mut out, &shop, shop.products.find(id)?, For::Answer, language);
            }
            Kind::Variant => write::variant(&mut out, &shop, shop.variants.find(id)?),
        }
        String::from_utf8(out.buf).ok()
    }

    /// Returns an order; `None` when it does not exist.
    #[must_use]
    pub fn order(&self, id: u64) -> Option<OrderFacts> {
        let shop = self.shop();
        let at = shop.orders.find(id)?;
        let record = shop.orders.get(at)?;
        let rows = record.rows.iter().map(|row| RowFacts {
            id: shop.order_row_id(at, row),
            product: shop
                .variant_of(row)
                .map(|variant| shop.products.id(variant.product as usize)),
            variant: row.variant.map(|at| shop.variants.id(at as usize)),
            quantity: u64::from(row.quantity),
            price_incl_e4: i64::from(row.price_incl_e4),
        });
        Some(OrderFacts {
            id,
            number: format!("ORD{:05}", record.number),
            status: record.status.word(),
            payment_status: record.payment.word(),
            shipment_status: record.sending.word(),
            created_s: record.created_s,
            updated_s: record.updated_s,
            person: (*record.person).clone(),
            customer: shop.customer_id(record.customer),
            quote: shop.quote_id(record.quote),
            invoice: shop.invoice_id(at),
            shipment: shop.shipment_id(at),
            tracking_code: record.tracking_code.to_string(),
            price_incl_e4: shop.order_totals(record).incl,
            rows: rows.collect(),
        })
    }

    /// Returns a cart; `None` when it does not exist.
    #[must_use]
    pub fn quote(&self, id: u64) -> Option<QuoteFacts> {
        let shop = self.shop();
        let record = shop.quotes.get(shop.quotes.find(id)?)?;
        Some(QuoteFacts {
            id,
            customer: shop.customer_id(record.customer),
            recovery_hash: hex::encode(record.recovery_hash),
            rows: record.rows.len(),
            is_ordered: record.is_ordered,
        })
    }

    /// Returns the personal data of a customer; `None` when he does not exist.
    #[must_use]
    pub fn person(&self, customer: u64) -> Option<Person> {
        let shop = self.shop();
        let record = shop.customers.get(shop.customers.find(customer)?)?;
        Some((*record.person).clone())
    }
}
