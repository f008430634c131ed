//! The parts of an order that are records of their own: rows, events, invoice, shipment.

use super::{row_prices, tax_line};
use crate::lightspeed::catalogue::without_tax_e4;
use crate::lightspeed::json::Out;
use crate::lightspeed::records::{EventKind, Order, Payment, Row};
use crate::lightspeed::state::Shop;

/// Writes a row of the order at `at`.
pub(crate) fn order_row(out: &mut Out<'_>, shop: &Shop, at: usize, order: &Order, row: &Row) {
    let variant = shop.variant_ever(row);
    let product = variant.and_then(|variant| shop.products.ever(variant.product as usize));
    let tax_e4 = shop.tax_e4(row);
    let incl = i64::from(row.price_incl_e4);
    let excl = without_tax_e4(incl, tax_e4);
    out.open();
    out.int("id", shop.order_row_id(at, row));
    out.text("supplierTitle", "");
    out.text(
        "brandTitle",
        product.map_or("", |product| shop.brand_title(product)),
    );
    out.text("productTitle", &shop.row_title(row, order.language));
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
    out.int("quantityRefunded", u64::from(row.refunded));
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
    row_prices(out, excl, incl);
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
        EventKind::InvoiceCredited => ("manual", "invoice", "credited"),
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
