//! Orders from placing to deletion.

use std::sync::Arc;

use super::carts::rows_of;
use super::customers::visitor_ip;
use super::{Buyer, NewOrder, RowsChange};
use crate::lightspeed::Simulator;
use crate::lightspeed::person::Text;
use crate::lightspeed::records::{
    COUPON_CODE, Coupon, EVENTS_MAX, Event, EventKind, Movement, Order, Payment, Row, Sending, Status,
};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;

impl Simulator {
    /// Places an order with its invoice and shipment, and returns its id.
    ///
    /// `None` when the buyer is a customer the shop does not know.
    pub fn place_order(&self, new: NewOrder) -> Option<u64> {
        let mut shop = self.shop();
        let is_new_customer = matches!(new.buyer, Buyer::Guest(_));
        let customer = match new.buyer {
            Buyer::Customer(id) => shop.customers.find(id)?,
            Buyer::Guest(person) => self.create_guest(&mut shop, Arc::new(person)),
        };
        let quote = new.quote.and_then(|id| shop.quotes.find(id));
        self.close_cart(&mut shop, quote, customer);
        let rows = rows_of(&shop, &new.goods, 0);
        let order = self.fresh_order(&mut shop, customer, rows);
        let at = shop.orders.push(Order {
            quote: quote.and_then(|at| u32::try_from(at).ok()),
            coupon: (new.discount_percent > 0).then_some(Coupon {
                percent: new.discount_percent.min(100),
                code: COUPON_CODE,
            }),
            is_newsletter: new.is_newsletter,
            is_new_customer,
            ..order
        });
        if self.burst.order_touches_others && !is_new_customer {
            let now_s = self.now_s();
            if let Some(record) = shop.customers.get_mut(customer) {
                record.updated_s = now_s;
                record.last_online_s = Some(now_s);
            }
            self.tell(&mut shop, Item::Customer, "updated", customer);
        }
        self.tell(&mut shop, Item::Order, "created", at);
        self.tell(&mut shop, Item::Invoice, "created", at);
        if self.burst.order_tells_shipment {
            self.tell(&mut shop, Item::Shipment, "created", at);
        }
        self.take_from_stock(&mut shop, at);
        Some(shop.orders.id(at))
    }

    fn fresh_order(&self, shop: &mut Shop, customer: usize, rows: Box<[Row]>) -> Order {
        let now_s = self.now_s();
        let remote_ip = visitor_ip(shop);
        shop.orders_placed += 1;
        let number = u32::try_from(shop.orders_placed).unwrap_or(u32::MAX);
        let record = shop.customers.get(customer);
        let event = |kind| Event { at_s: now_s, kind };
        Order {
            created_s: now_s,
            updated_s: now_s,
            invoice_updated_s: now_s,
            shipment_updated_s: now_s,
            person: record.map_or_else(Arc::default, |record| Arc::clone(&record.person)),
            customer: u32::try_from(customer).ok(),
            quote: None,
            rows,
            events: vec![
                event(EventKind::OrderNew),
                event(EventKind::InvoiceNew),
                event(EventKind::ShipmentNew),
            ],
            tracking_code: Box::default(),
            memo: Box::default(),
            coupon: None,
            custom_status: None,
            number,
            remote_ip,
            status: Status::AWAITING_PAYMENT,
            payment: Payment::NotPaid,
            sending: Sending::NotShipped,
            first_sending: Sending::NotShipped,
            language: record
                .and_then(|record| record.language)
                .unwrap_or(self.inner.default_language),
            is_newsletter: false,
            is_new_customer: false,
        }
    }

    fn close_cart(&self, shop: &mut Shop, quote: Option<usize>, customer: usize) {
        let Some(at) = quote else { return };
        let now_s = self.now_s();
        let zipcode = shop
            .customers
            .get(customer)
            .map(|record| record.person.text(Text::BillingZipcode).into());
        if let Some(quote) = shop.quotes.get_mut(at) {
            quote.customer = u32::try_from(customer).ok();
            quote.zipcode = zipcode;
            quote.is_ordered = true;
            quote.updated_s = now_s;
        }
        if self.burst.order_touches_others {
            self.tell(shop, Item::Quote, "updated", at);
        }
    }

    fn take_from_stock(&self, shop: &mut Shop, order: usize) {
        let now_s = self.now_s();
        let rows = shop
            .orders
            .get(order)
            .map(|order| order.rows.clone())
            .unwrap_or_default();
        for row in &rows {
            let Some(at) = row.variant.map(|at| at as usize) else {
                continue;
            };
            let Some(product_at) = shop.variants.get(at).map(|variant| variant.product as usize) else {
                continue;
            };
            if !shop
                .products
                .get(product_at)
                .is_some_and(|product| product.is_stock_tracked)
            {
                continue;
            }
            shop.move_stock(Movement {
                created_s: now_s,
                variant: u32::try_from(at).unwrap_or(u32::MAX),
                change: -i64::from(row.quantity),
                is_order: true,
            });
            if let Some(variant) = shop.variants.get_mut(at) {
                variant.sold += u64::from(row.quantity);
            }
            if let Some(product) = shop.products.get_mut(product_at) {
                product.updated_s = now_s;
            }
            self.tell(shop, Item::Product, "updated", product_at);
            self.tell(shop, Item::Variant, "updated", at);
        }
    }

    /// Marks an order as paid, with its invoice; `false` when it is unknown or paid already.
    pub fn pay_order(&self, order: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.orders.find(order) else {
            return false;
        };
        self.pay(&mut shop, at)
    }

    /// Pays the order at `at`, unless it is paid.
    pub(crate) fn pay(&self, shop: &mut Shop, at: usize) -> bool {
        let now_s = self.now_s();
        let Some(record) = shop.orders.get_mut(at) else {
            return false;
        };
        if record.payment == Payment::Paid {
            return false;
        }
        record.payment = Payment::Paid;
        if record.status == Status::AWAITING_PAYMENT {
            record.status = Status::AWAITING_SHIPMENT;
        }
        record.updated_s = now_s;
        record.invoice_updated_s = now_s;
        note(record, now_s, &[EventKind::InvoicePaid, EventKind::OrderPaid]);
        if self.burst.paid_and_shipped_update {
            self.tell(shop, Item::Order, "updated", at);
        }
        self.tell(shop, Item::Order, "paid", at);
        self.tell(shop, Item::Invoice, "updated", at);
        true
    }

    /// Cancels an order; `false` when it is unknown or cancelled already.
    pub fn cancel_order(&self, order: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.orders.find(order) else {
            return false;
        };
        self.cancel(&mut shop, at)
    }

    /// Cancels the order at `at`, unless it is cancelled.
    pub(crate) fn cancel(&self, shop: &mut Shop, at: usize) -> bool {
        let now_s = self.now_s();
        let Some(record) = shop.orders.get_mut(at) else {
            return false;
        };
        if record.status == Status::CANCELLED {
            return false;
        }
        record.status = Status::CANCELLED;
        if record.payment != Payment::Paid {
            record.payment = Payment::Cancelled;
        }
        if record.sending != Sending::Shipped {
            record.sending = Sending::Cancelled;
            record.first_sending = Sending::Cancelled;
        }
        record.updated_s = now_s;
        record.invoice_updated_s = now_s;
        record.shipment_updated_s = now_s;
        note(record, now_s, &[EventKind::OrderCancelled]);
        self.tell(shop, Item::Order, "updated", at);
        self.tell(shop, Item::Invoice, "updated", at);
        self.tell(shop, Item::Shipment, "updated", at);
        true
    }

    /// Takes rows out of an order; `false` when there is no such order or row.
    ///
    /// Only the order's own `updatedAt` tells of it (lightspeed-ecom.md §5.8).
    pub fn edit_order_rows(&self, change: &RowsChange) -> bool {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.orders.find(change.order) else {
            return false;
        };
        let Some(record) = shop.orders.get(at) else {
            return false;
        };
        let is_kept = |row: &&Row| !change.removed.contains(&shop.order_row_id(at, row));
        let kept: Box<[Row]> = record.rows.iter().filter(is_kept).copied().collect();
        if kept.len() == record.rows.len() {
            return false;
        }
        if let Some(record) = shop.orders.get_mut(at) {
            record.rows = kept;
            record.updated_s = now_s;
            record.invoice_updated_s = now_s;
            note(record, now_s, &[EventKind::OrderUpdated]);
        }
        self.tell(&mut shop, Item::Order, "updated", at);
        self.tell(&mut shop, Item::Invoice, "updated", at);
        true
    }

    /// Deletes an order in the back office, with its rows, invoice and shipment.
    pub fn delete_order(&self, order: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.orders.find(order) else {
            return false;
        };
        self.tell(&mut shop, Item::Order, "deleted", at);
        self.tell(&mut shop, Item::Invoice, "deleted", at);
        self.tell(&mut shop, Item::Shipment, "deleted", at);
        self.remove_papers(&mut shop, at);
        shop.orders.remove(at);
        true
    }
}

pub(super) fn note(order: &mut Order, at_s: i64, kinds: &[EventKind]) {
    for kind in kinds {
        if (order.events.len() as u64) < EVENTS_MAX {
            order.events.push(Event { at_s, kind: *kind });
        }
    }
}
