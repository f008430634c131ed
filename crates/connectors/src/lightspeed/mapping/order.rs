//! Orders: the order with its rows, and what its payload embeds.

use schakel_core::entity::{Order, OrderRow, RowsSeen};
use schakel_core::event::Origin;
use schakel_core::problem::Code;
use schakel_core::record::{Content, Rank, RecordKind};

use super::super::wire::{Beside, Link, Many, Maybe, OrderWire, Raw, RowWire, Scalar, Stamps, method_of};
use super::read::{Place, Reader};
use super::{Job, Mapped, Moments, distinct, person, totals};

/// Where an order's rows stand.
const ROWS: &str = "order.products";

impl<'a> Mapped<'a> for OrderWire<'a> {
    const KIND: RecordKind = RecordKind::Order;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn put_beside(&mut self, beside: Beside<'a>) {
        if beside.rows.0.is_some() {
            self.products = Maybe(Some(Link {
                id: Raw::default(),
                embedded: beside.rows,
            }));
        }
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let mut order = order(&mut job.reader(place), self, moments);
        match &self.products {
            Maybe(Some(Link {
                embedded: Many(Some(wires)),
                ..
            })) => {
                order.rows = distinct(job, ROWS, wires, row);
                order.rows_seen = RowsSeen::Now;
                if !job.notes.is_quarantine() && totals::is_impossible(self, &order) {
                    job.notes.add(Code::TotalsDiffer, place, "priceIncl");
                }
            }
            // A fetch of ours brings the rows; asking again after one that did not would never end.
            _ if job.event.origin == Origin::Webhook => job.wanted.push((RecordKind::Order, id)),
            _ => {}
        }
        if order.customer_id == 0 && order.person.email.is_empty() {
            job.notes.add(Code::OrderWithoutPerson, place, "customer");
        }
        job.said(id, moments, rank, Content::Order(Box::new(order)))?;
        embedded(job, self, id);
        Some(())
    }
}

fn order(reader: &mut Reader<'_>, wire: &OrderWire<'_>, moments: Moments) -> Order {
    Order {
        number: reader.text("number", wire.number),
        status: reader.text("status", wire.status),
        channel: reader.text("channel", wire.channel),
        referral_id: reader.text("referralId", wire.referral_id),
        price_cost: reader.price("priceCost", wire.price_cost),
        price_excl: reader.price("priceExcl", wire.price_excl),
        price_incl: reader.price("priceIncl", wire.price_incl),
        is_discounted: Reader::flag(wire.is_discounted),
        discount_type: reader.text("discountType", wire.discount_type),
        discount_amount: reader.amount("discountAmount", wire.discount_amount),
        discount_percentage: reader.amount("discountPercentage", wire.discount_percentage),
        discount_coupon_code: reader.text("discountCouponCode", wire.discount_coupon_code),
        weight: reader.amount("weight", wire.weight),
        volume: reader.amount("volume", wire.volume),
        colli: reader.amount("colli", wire.colli),
        payment_method: payment_method(reader, wire.payment_data),
        payment_id: reader.text("paymentId", wire.payment_id),
        payment_title: reader.text("paymentTitle", wire.payment_title),
        payment_status: reader.text("paymentStatus", wire.payment_status),
        shipment_title: reader.text("shipmentTitle", wire.shipment_title),
        shipment_status: reader.text("shipmentStatus", wire.shipment_status),
        created_at: moments.created,
        updated_at: moments.updated,
        customer_id: linked_id(reader, "customer", &wire.customer, |customer| customer.stamps.id),
        quote_id: linked_id(reader, "quote", &wire.quote, |quote| quote.stamps.id),
        person: person::person(reader, &wire.person),
        newsletter_ticked: Reader::flag(wire.newsletter_subscribed),
        ..Order::default()
    }
}

/// The id of a relation: the link's own, else that of the record embedded in it.
fn linked_id<'a, T>(
    reader: &mut Reader<'_>,
    name: &str,
    link: &Maybe<Link<'a, Maybe<T>>>,
    own_id: impl Fn(&T) -> Raw<'a>,
) -> i64 {
    let Maybe(Some(link)) = link else { return 0 };
    match (reader.id(name, link.id), &link.embedded) {
        (0, Maybe(Some(embedded))) => reader.id(name, own_id(embedded)),
        (id, _) => id,
    }
}

/// The method in `paymentData`, which is an object, `[]`, or an object written as a text (§8 #22).
fn payment_method(reader: &mut Reader<'_>, data: Raw<'_>) -> String {
    match data.scalar() {
        Scalar::Other => reader.text("paymentData.method", method_of(data.json())),
        Scalar::Text(text) => reader.text("paymentData.method", method_of(&text)),
        Scalar::Empty | Scalar::True | Scalar::Number(_) => String::new(),
    }
}

fn row(reader: &mut Reader<'_>, wire: &RowWire<'_>) -> OrderRow {
    OrderRow {
        id: reader.id("id", wire.id),
        product_id: reader.id("product", wire.product.id()),
        variant_id: reader.id("variant", wire.variant.id()),
        product_title: reader.text("productTitle", wire.product_title),
        variant_title: reader.text("variantTitle", wire.variant_title),
        brand_title: reader.text("brandTitle", wire.brand_title),
        article_code: reader.text("articleCode", wire.article_code),
        sku: reader.text("sku", wire.sku),
        ean: reader.text("ean", wire.ean),
        quantity_ordered: reader.amount("quantityOrdered", wire.quantity_ordered),
        quantity_invoiced: reader.amount("quantityInvoiced", wire.quantity_invoiced),
        quantity_shipped: reader.amount("quantityShipped", wire.quantity_shipped),
        quantity_returned: reader.amount("quantityReturned", wire.quantity_returned),
        quantity_refunded: reader.amount("quantityRefunded", wire.quantity_refunded),
        weight: reader.amount("weight", wire.weight),
        volume: reader.amount("volume", wire.volume),
        colli: reader.amount("colli", wire.colli),
        price_cost: reader.price("priceCost", wire.price_cost),
        base_price_excl: reader.price("basePriceExcl", wire.base_price_excl),
        base_price_incl: reader.price("basePriceIncl", wire.base_price_incl),
        price_excl: reader.price("priceExcl", wire.price_excl),
        price_incl: reader.price("priceIncl", wire.price_incl),
        custom_excl: reader.amount("customExcl", wire.custom_excl),
        custom_incl: reader.amount("customIncl", wire.custom_incl),
        discount_excl: reader.amount("discountExcl", wire.discount_excl),
        discount_incl: reader.amount("discountIncl", wire.discount_incl),
    }
}

/// Puts down what the order's payload says about other things. One without id or version is left out: its own
/// webhook tells of it.
fn embedded(job: &mut Job<'_>, wire: &OrderWire<'_>, order_id: i64) {
    job.order_id = order_id;
    if let Maybe(Some(link)) = &wire.customer {
        one(
            job,
            Place::at("order.customer"),
            link.embedded.0.as_ref(),
            link.id,
        );
    }
    if let Maybe(Some(link)) = &wire.quote {
        one(job, Place::at("order.quote"), link.embedded.0.as_ref(), link.id);
    }
    if let Maybe(Some(link)) = &wire.shipments {
        for (index, shipment) in link.embedded.0.iter().flatten().enumerate() {
            let place = Place::item("order.shipments", index);
            one(job, place, Some(shipment), Raw::default());
        }
    }
    if let Maybe(Some(link)) = &wire.invoices {
        for (index, invoice) in link.embedded.0.iter().flatten().enumerate() {
            let place = Place::item("order.invoices", index);
            one(job, place, Some(invoice), Raw::default());
        }
    }
}

fn one<'a, R: Mapped<'a>>(job: &mut Job<'_>, place: Place, record: Option<&R>, link_id: Raw<'_>) {
    let Some(record) = record else { return };
    let mut reader = job.reader(place);
    let id = match reader.id("id", record.stamps().id) {
        0 => reader.id("id", link_id),
        id => id,
    };
    if id != 0 && record.map(job, place, id, Rank::Embedded).is_none() {
        job.notes.add(Code::BadTime, place, "updatedAt");
    }
}
