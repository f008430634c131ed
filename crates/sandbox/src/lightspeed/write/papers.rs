//! Invoices, credit invoices, shipments, what is on them, and movements of stock.

use super::{For, row_prices};
use crate::lightspeed::catalogue::without_tax_e4;
use crate::lightspeed::json::Out;
use crate::lightspeed::records::{Order, Row};
use crate::lightspeed::state::{Shop, Totals};

/// What the head of an invoice says.
struct InvoiceHead<'a> {
    id: u64,
    times: (i64, i64),
    number: String,
    status: &'a str,
    totals: Totals,
    /// The invoice a credit invoice belongs to.
    credits: Option<u64>,
    /// The newest credit invoice of an invoice.
    credited_by: Option<u64>,
}

/// Writes the invoice of the order at `at`.
pub(crate) fn invoice(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(order) = shop.orders.get(at) else { return };
    let newest = shop
        .credits
        .iter()
        .filter(|(_, credit)| credit.order as usize == at)
        .last();
    let head = InvoiceHead {
        id: shop.invoice_id(at),
        times: (order.created_s, order.invoice_updated_s),
        number: format!("INV{:05}", order.number),
        status: order.payment.word(),
        totals: shop.order_totals(order),
        credits: None,
        credited_by: newest.map(|(place, _)| shop.credits.id(place)),
    };
    write_invoice(out, shop, (at, order), &head);
}

/// Writes the credit invoice at `place`; its amounts are below zero.
pub(crate) fn credit(out: &mut Out<'_>, shop: &Shop, place: usize) {
    let Some(record) = shop.credits.get(place) else {
        return;
    };
    let at = record.order as usize;
    let Some(order) = shop.orders.get(at) else { return };
    let rows = shop.rows_of_pieces(at, &record.pieces);
    let percent = order.coupon.map_or(0, |coupon| coupon.percent);
    let totals = shop.totals(&rows, percent, record.has_shipping);
    let head = InvoiceHead {
        id: shop.credits.id(place),
        times: (record.created_s, record.updated_s),
        number: format!("CR{:05}", place + 1),
        status: record.status.word(),
        totals: Totals {
            excl: -totals.excl,
            incl: -totals.incl,
            ..totals
        },
        credits: Some(shop.invoice_id(at)),
        credited_by: None,
    };
    write_invoice(out, shop, (at, order), &head);
}

fn write_invoice(out: &mut Out<'_>, shop: &Shop, (at, order): (usize, &Order), head: &InvoiceHead<'_>) {
    out.open();
    out.int("id", head.id);
    out.time("createdAt", head.times.0);
    out.time("updatedAt", head.times.1);
    out.text("number", &head.number);
    out.text("status", head.status);
    out.raw("isVatShifted", "false");
    out.amount("priceExcl", head.totals.excl);
    out.amount("priceIncl", head.totals.incl);
    let kept = shop.written.of("invoices", head.id);
    kept.write(out, "doNotifyNew", "false");
    kept.write(out, "doNotifyPaid", "false");
    link_or_false(out, "invoice", "invoices", head.credits);
    out.bool("isCreditNote", head.credits.is_some());
    link_or_false(out, "creditNote", "invoices", head.credited_by);
    out.link_one("order", "orders", shop.orders.id(at));
    link_or_false(out, "customer", "customers", shop.customer_id(order.customer));
    out.link_sub("items", "invoices", head.id, "items");
    out.link_sub("metafields", "invoices", head.id, "metafields");
    out.link_filter("events", "orders/events", "invoice", head.id);
    out.close();
}

fn link_or_false(out: &mut Out<'_>, key: &str, path: &str, id: Option<u64>) {
    match id {
        Some(id) => out.link_one(key, path, id),
        None => out.raw(key, "false"),
    }
}

/// Writes a line of the invoice of the order at `at`: a row, or the costs of sending when there is none.
pub(crate) fn invoice_item(out: &mut Out<'_>, shop: &Shop, (at, order): (usize, &Order), row: Option<&Row>) {
    let totals = shop.order_totals(order);
    let (incl, excl) = match row {
        Some(row) => {
            let incl = i64::from(row.price_incl_e4);
            (incl, without_tax_e4(incl, shop.tax_e4(row)))
        }
        None => (totals.shipping_incl, totals.shipping_excl),
    };
    let variant = row.and_then(|row| shop.variant_ever(row));
    out.open();
    out.int("id", shop.invoice_item_id(at, row));
    out.text("type", if row.is_some() { "product" } else { "shipment" });
    match row {
        Some(row) => {
            out.text("title", &shop.row_title(row, order.language));
            out.text("variant", variant.map_or("Default", |variant| variant.title()));
            out.int("orderProductId", shop.order_row_id(at, row));
        }
        None => {
            out.text("title", "PostNL pakket");
            out.text("variant", "");
            out.raw("orderProductId", "null");
        }
    }
    out.text("articleCode", variant.map_or("", |variant| &variant.article_code));
    out.text("ean", variant.map_or("", |variant| &variant.ean));
    out.text("sku", variant.map_or("", |variant| &variant.sku));
    let is_low = row.is_some_and(|row| shop.tax_e4(row) == 900);
    out.raw("taxRate", if is_low { "0.09" } else { "0.21" });
    row_prices(out, excl, incl);
    out.int("quantity", row.map_or(1, |row| u64::from(row.quantity)));
    out.close();
}

/// Writes the first shipment of the order at `at`; sizes and weight are in answers only
/// (lightspeed-ecom.md §5.13).
pub(crate) fn shipment(out: &mut Out<'_>, shop: &Shop, at: usize, target: For) {
    let Some(order) = shop.orders.get(at) else { return };
    let head = ShipmentHead {
        id: shop.shipment_id(at),
        times: (order.created_s, order.shipment_updated_s),
        number: format!("SHIP{:05}", order.number),
        status: order.first_sending.word(),
        tracking_code: &order.tracking_code,
        weight: shop.order_totals(order).weight,
    };
    write_shipment(out, shop, (at, order), &head, target);
}

/// Writes the further shipment at `place`.
pub(crate) fn parcel(out: &mut Out<'_>, shop: &Shop, place: usize, target: For) {
    let Some(record) = shop.parcels.get(place) else {
        return;
    };
    let at = record.order as usize;
    let Some(order) = shop.orders.get(at) else { return };
    let rows = shop.rows_of_pieces(at, &record.pieces);
    let head = ShipmentHead {
        id: shop.parcels.id(place),
        times: (record.created_s, record.updated_s),
        number: format!("SHIP{:05}-{}", order.number, place + 2),
        status: record.sending.word(),
        tracking_code: &record.tracking_code,
        weight: shop.totals(&rows, 0, false).weight,
    };
    write_shipment(out, shop, (at, order), &head, target);
}

/// What the head of a shipment says.
struct ShipmentHead<'a> {
    id: u64,
    times: (i64, i64),
    number: String,
    status: &'a str,
    tracking_code: &'a str,
    weight: u64,
}

fn write_shipment(
    out: &mut Out<'_>,
    shop: &Shop,
    (at, order): (usize, &Order),
    head: &ShipmentHead<'_>,
    target: For,
) {
    out.open();
    out.int("id", head.id);
    out.time("createdAt", head.times.0);
    out.time("updatedAt", head.times.1);
    out.text("number", &head.number);
    out.text("status", head.status);
    out.text("trackingCode", head.tracking_code);
    let kept = shop.written.of("shipments", head.id);
    kept.write(out, "doNotifyShipped", "true");
    kept.write(out, "doNotifyReadyForPickup", "false");
    kept.write(out, "doNotifyTrackingCode", "true");
    if target == For::Answer {
        out.int("totalWeight", head.weight);
        for key in ["totalSizeX", "totalSizeY", "totalSizeZ"] {
            out.raw(key, "0");
        }
    }
    link_or_false(out, "customer", "customers", shop.customer_id(order.customer));
    out.link_one("order", "orders", shop.orders.id(at));
    out.link_sub("products", "shipments", head.id, "products");
    out.link_sub("metafields", "shipments", head.id, "metafields");
    out.link_filter("events", "orders/events", "shipment", head.id);
    out.close();
}

/// Writes a line of a shipment of the order at `at`; the row says how many pieces are in it.
pub(crate) fn shipment_item(out: &mut Out<'_>, shop: &Shop, (at, order): (usize, &Order), row: &Row) {
    let variant = shop.variant_ever(row);
    out.open();
    out.int("id", shop.shipment_item_id(at, row));
    out.int("quantity", u64::from(row.quantity));
    out.text("title", &shop.row_title(row, order.language));
    out.text("variant", variant.map_or("Default", |variant| variant.title()));
    out.text("articleCode", variant.map_or("", |variant| &variant.article_code));
    out.text("ean", variant.map_or("", |variant| &variant.ean));
    out.text("sku", variant.map_or("", |variant| &variant.sku));
    out.raw("customData", "[]");
    out.close();
}

/// Writes the movement of stock at `place`.
pub(crate) fn movement(out: &mut Out<'_>, shop: &Shop, place: usize) {
    let Some(record) = shop.movements.get(place) else {
        return;
    };
    let variant = record.variant as usize;
    out.open();
    out.int("id", shop.movements.id(place));
    out.time("createdAt", record.created_s);
    out.text("channel", if record.is_order { "order" } else { "api" });
    out.raw("stockLevelChange", &record.change.to_string());
    match shop.variants.get(variant) {
        Some(known) => out.link_one("product", "products", shop.products.id(known.product as usize)),
        None => out.raw("product", "false"),
    }
    out.link_one("variant", "variants", shop.variants.id(variant));
    out.close();
}
