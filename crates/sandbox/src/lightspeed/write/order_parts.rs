//! The parts of an order that are records of their own: rows, events, invoice, shipment.

use super::For;
use super::order::tax_line;
use crate::lightspeed::catalogue::{BRANDS, without_tax_e4};
use crate::lightspeed::json::Out;
use crate::lightspeed::records::{EventKind, Order, Payment, Row};
use crate::lightspeed::state::Shop;

/// Writes a row of the order at `at`.
pub(crate) fn order_row(out: &mut Out<'_>, shop: &Shop, at: usize, order: &Order, row: &Row) {
    let variant = shop.variant_of(row);
    let product = variant.and_then(|variant| shop.products.get(variant.product as usize));
    let tax_e4 = shop.tax_e4(row);
    let incl = i64::from(row.price_incl_e4);
    let excl = without_tax_e4(incl, tax_e4);
    out.open();
    out.int("id", shop.order_row_id(at, row));
    out.text("supplierTitle", "");
    out.text(
        "brandTitle",
        product
            .and_then(|product| product.brand)
            .map_or("", |brand| BRANDS[brand]),
    );
    match product {
        Some(product) => out.text("productTitle", &product.full_title(order.language)),
        None => out.text("productTitle", "Gratis kleurstaal"),
    }
    out.text(
        "variantTitle",
        variant.map_or("Default", |variant| variant.title()),
    );
    let rate = if tax_e4 == 900 { "0.09" } else { "0.21" };
    out.raw("taxRate", rate);
    out.open_list("taxRates");
    tax_line(out, rate, (incl - excl) * i64::from(row.quantity));
    out.close_list();
    let is_invoiced = order.payment != Payment::Cancelled;
    out.int("quantityOrdered", u64::from(row.quantity));
    out.int(
        "quantityInvoiced",
        if is_invoiced { u64::from(row.quantity) } else { 0 },
    );
    out.int("quantityShipped", u64::from(row.shipped));
    out.raw("quantityRefunded", "0");
    out.raw("quantityReturned", "0");
    out.text("articleCode", variant.map_or("", |variant| &variant.article_code));
    out.text("ean", variant.map_or("", |variant| &variant.ean));
    out.text("sku", variant.map_or("", |variant| &variant.sku));
    match variant {
        Some(variant) => out.int("weight", variant.weight),
        None => out.raw("weight", "null"),
    }
    for key in ["volume", "colli", "sizeX", "sizeY", "sizeZ"] {
        out.raw(key, "0");
    }
    out.amount(
        "priceCost",
        variant.map_or(0, |variant| i64::from(variant.price_cost_e4)),
    );
    out.raw("customExcl", "0");
    out.raw("customIncl", "0");
    out.amount("basePriceExcl", excl);
    out.amount("basePriceIncl", incl);
    out.amount("priceExcl", excl);
    out.amount("priceIncl", incl);
    out.raw("discountExcl", "0");
    out.raw("discountIncl", "0");
    out.raw("customFields", "false");
    goods_links(out, shop, row);
    out.close();
}

/// Writes the links of a row to product and variant, `false` where there is none.
pub(super) fn goods_links(out: &mut Out<'_>, shop: &Shop, row: &Row) {
    match (shop.variant_of(row), row.variant) {
        (Some(variant), Some(at)) => {
            out.link_one("product", "products", shop.products.id(variant.product as usize));
            out.link_one("variant", "variants", shop.variants.id(at as usize));
        }
        _ => {
            out.raw("product", "false");
            out.raw("variant", "false");
        }
    }
}

/// Writes the `nth` event of the order at `at`.
pub(crate) fn event(out: &mut Out<'_>, shop: &Shop, at: usize, nth: usize) {
    let Some(record) = shop.orders.get(at).and_then(|order| order.events.get(nth)) else {
        return;
    };
    let (channel, kind, message) = match record.kind {
        EventKind::OrderNew => ("manual", "order", "new"),
        EventKind::InvoiceNew => ("auto", "invoice", "new"),
        EventKind::ShipmentNew => ("auto", "shipment", "new"),
        EventKind::InvoicePaid => ("auto", "invoice", "paid"),
        EventKind::OrderPaid => ("auto", "order", "paid"),
        EventKind::ShipmentShipped => ("manual", "shipment", "shipped"),
        EventKind::OrderShipped => ("auto", "order", "shipped"),
        EventKind::OrderCancelled => ("manual", "order", "cancelled"),
        EventKind::OrderUpdated => ("manual", "order", "updated"),
    };
    out.open();
    out.int("id", shop.event_id(at, nth));
    out.time("createdAt", record.at_s);
    out.text("channel", channel);
    out.text("type", kind);
    out.text("message", message);
    out.raw("comment", "null");
    out.link_one("order", "orders", shop.orders.id(at));
    match kind {
        "invoice" => out.link_one("invoice", "invoices", shop.invoice_id(at)),
        _ => out.raw("invoice", "false"),
    }
    match kind {
        "shipment" => out.link_one("shipment", "shipments", shop.shipment_id(at)),
        _ => out.raw("shipment", "false"),
    }
    out.close();
}

/// Writes the invoice of the order at `at`.
pub(crate) fn invoice(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(order) = shop.orders.get(at) else { return };
    let totals = shop.order_totals(order);
    let id = shop.invoice_id(at);
    out.open();
    out.int("id", id);
    out.time("createdAt", order.created_s);
    out.time("updatedAt", order.invoice_updated_s);
    out.text("number", &format!("INV{:05}", order.number));
    out.text("status", order.payment.word());
    out.raw("isVatShifted", "false");
    out.amount("priceExcl", totals.excl);
    out.amount("priceIncl", totals.incl);
    for key in [
        "doNotifyNew",
        "doNotifyPaid",
        "invoice",
        "isCreditNote",
        "creditNote",
    ] {
        out.raw(key, "false");
    }
    out.link_one("order", "orders", shop.orders.id(at));
    customer_link(out, shop, order);
    out.link_sub("items", "invoices", id, "items");
    out.link_sub("metafields", "invoices", id, "metafields");
    out.link_filter("events", "orders/events", "invoice", id);
    out.close();
}

/// Writes the shipment of the order at `at`; sizes and weight are in answers only
/// (lightspeed-ecom.md §5.13).
pub(crate) fn shipment(out: &mut Out<'_>, shop: &Shop, at: usize, target: For) {
    let Some(order) = shop.orders.get(at) else { return };
    let id = shop.shipment_id(at);
    out.open();
    out.int("id", id);
    out.time("createdAt", order.created_s);
    out.time("updatedAt", order.shipment_updated_s);
    out.text("number", &format!("SHIP{:05}", order.number));
    out.text("status", order.sending.word());
    out.text("trackingCode", &order.tracking_code);
    out.raw("doNotifyShipped", "true");
    out.raw("doNotifyReadyForPickup", "false");
    out.raw("doNotifyTrackingCode", "true");
    if target == For::Answer {
        out.int("totalWeight", shop.order_totals(order).weight);
        for key in ["totalSizeX", "totalSizeY", "totalSizeZ"] {
            out.raw(key, "0");
        }
    }
    customer_link(out, shop, order);
    out.link_one("order", "orders", shop.orders.id(at));
    out.link_sub("products", "shipments", id, "products");
    out.link_sub("metafields", "shipments", id, "metafields");
    out.link_filter("events", "orders/events", "shipment", id);
    out.close();
}

fn customer_link(out: &mut Out<'_>, shop: &Shop, order: &Order) {
    match shop.customer_id(order.customer) {
        Some(customer) => out.link_one("customer", "customers", customer),
        None => out.raw("customer", "false"),
    }
}
