//! Orders, with links in answers and with their relations embedded in webhooks.

use super::customer::{Regions, addresses, customer, person_company, person_head};
use super::order_parts::{event, order_row};
use super::papers::{credit, invoice, parcel, shipment};
use super::quote::quote;
use super::{For, USER_AGENT, tax_line};
use crate::lightspeed::json::Out;
use crate::lightspeed::records::{Order, Payment};
use crate::lightspeed::state::{Shop, Totals};
use crate::lightspeed::written::Kept;

/// Writes the order at `at` as an object.
pub(crate) fn order(out: &mut Out<'_>, shop: &Shop, at: usize, target: For) {
    let Some(record) = shop.orders.get(at) else { return };
    let totals = shop.order_totals(record);
    out.open();
    head(out, shop, at, record, &totals);
    person_head(out, &record.person);
    out.bool("newsletterSubscribed", record.is_newsletter);
    person_company(out, &record.person);
    addresses(out, &record.person, Regions::Written);
    let kept = shop.written.of("orders", shop.orders.id(at));
    payment(out, record, kept);
    sending(out, record, &totals, kept);
    tail(out, record, &totals, kept);
    match target {
        For::Answer => links(out, shop, at, record),
        For::Webhook => embedded(out, shop, at, record),
    }
    out.raw("giftCardsPayment", "[]");
    out.close();
}

fn head(out: &mut Out<'_>, shop: &Shop, at: usize, record: &Order, totals: &Totals) {
    out.int("id", shop.orders.id(at));
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.text("number", &format!("ORD{:05}", record.number));
    out.text("status", record.status.word());
    match record.custom_status {
        Some(id) => out.int("customStatusId", id),
        None => out.raw("customStatusId", "null"),
    }
    out.text("channel", "main");
    super::remote_ip(out, record.remote_ip);
    out.text("userAgent", USER_AGENT);
    let kept = shop.written.of("orders", shop.orders.id(at));
    kept.write(out, "referralId", "false");
    out.amount("priceCost", totals.cost);
    out.amount("priceExcl", totals.excl);
    out.amount("priceIncl", totals.incl);
    out.int("weight", totals.weight);
    out.raw("volume", "0");
    out.raw("colli", "0");
}

fn payment(out: &mut Out<'_>, record: &Order, kept: Kept<'_>) {
    kept.write(out, "paymentId", "\"seoshoppayments\"");
    out.text("paymentStatus", record.payment.word());
    out.raw("paymentIsPost", "false");
    out.raw("paymentIsInvoiceExternal", "false");
    out.raw("paymentTaxRate", "0");
    out.raw("paymentTaxRates", r#"[{"name":"BTW","rate":0,"amount":0}]"#);
    for key in [
        "paymentBasePriceExcl",
        "paymentBasePriceIncl",
        "paymentPriceExcl",
        "paymentPriceIncl",
    ] {
        out.raw(key, "0");
    }
    out.text("paymentTitle", "Payments - iDEAL");
    let is_known = record.payment != Payment::Cancelled;
    out.raw(
        "paymentData",
        if is_known { r#"{"method":"ideal"}"# } else { "[]" },
    );
}

fn sending(out: &mut Out<'_>, record: &Order, totals: &Totals, kept: Kept<'_>) {
    kept.write(out, "shipmentId", "\"core|85518|424529\"");
    out.text("shipmentStatus", record.sending.word());
    out.raw("shipmentIsCashOnDelivery", "false");
    out.raw("shipmentIsPickup", "false");
    out.raw("shipmentTaxRate", "0.21");
    out.open_list("shipmentTaxRates");
    tax_line(out, "0.21", totals.shipping_incl - totals.shipping_excl);
    out.close_list();
    out.amount("shipmentBasePriceExcl", totals.shipping_excl);
    out.amount("shipmentBasePriceIncl", totals.shipping_incl);
    out.amount("shipmentPriceExcl", totals.shipping_excl);
    out.amount("shipmentPriceIncl", totals.shipping_incl);
    out.raw("shipmentDiscountExcl", "0");
    out.raw("shipmentDiscountIncl", "0");
    out.text("shipmentTitle", "PostNL pakket");
    out.raw(
        "shipmentData",
        r#"{"method":"default","shipment_id":85518,"shipping_value_id":424529}"#,
    );
    out.raw("shippingDate", "null");
    out.raw("deliveryDate", "null");
}

fn tail(out: &mut Out<'_>, record: &Order, totals: &Totals, kept: Kept<'_>) {
    out.bool("isDiscounted", record.coupon.is_some());
    out.text(
        "discountType",
        if record.coupon.is_some() {
            "percentage"
        } else {
            "amount"
        },
    );
    out.amount("discountAmount", totals.discount_incl);
    out.amount(
        "discountPercentage",
        record.coupon.map_or(0, |coupon| i64::from(coupon.percent) * 100),
    );
    out.text(
        "discountCouponCode",
        record.coupon.map_or("", |coupon| coupon.code),
    );
    out.open_list("taxRates");
    if totals.tax_low > 0 {
        tax_line(out, "0.09", totals.tax_low);
    }
    tax_line(out, "0.21", totals.tax_high);
    out.close_list();
    out.bool("isNewCustomer", record.is_new_customer);
    out.text("comment", "");
    out.text("memo", &record.memo);
    kept.write(out, "allowNotifications", "false");
    kept.write(out, "doNotifyNew", "true");
    kept.write(out, "doNotifyReminder", "false");
    kept.write(out, "doNotifyCancelled", "false");
    out.raw("language", record.language.json());
}

fn links(out: &mut Out<'_>, shop: &Shop, at: usize, record: &Order) {
    let id = shop.orders.id(at);
    match shop.customer_id(record.customer) {
        Some(customer) => out.link_one("customer", "customers", customer),
        None => out.raw("customer", "false"),
    }
    out.link_filter("invoices", "invoices", "order", id);
    out.link_filter("shipments", "shipments", "order", id);
    out.link_sub("products", "orders", id, "products");
    out.link_sub("metafields", "orders", id, "metafields");
    match shop.quote_id(record.quote) {
        Some(quote) => out.link_one("quote", "quotes", quote),
        None => out.raw("quote", "false"),
    }
    out.link_filter("events", "orders/events", "order", id);
}

fn embedded(out: &mut Out<'_>, shop: &Shop, at: usize, record: &Order) {
    let id = shop.orders.id(at);
    match (shop.customer_id(record.customer), record.customer) {
        (Some(customer_id), Some(customer_at)) => {
            out.open_link_one("customer", "customers", customer_id);
            out.key("embedded");
            customer(out, shop, customer_at as usize);
            out.close_link();
        }
        _ => out.raw("customer", "false"),
    }
    out.open_link_filter("invoices", "invoices", "order", id);
    out.open_list("embedded");
    invoice(out, shop, at);
    for (place, _) in shop.credits.iter().filter(|(_, one)| one.order as usize == at) {
        credit(out, shop, place);
    }
    out.close_list();
    out.close_link();
    out.open_link_filter("shipments", "shipments", "order", id);
    out.open_list("embedded");
    shipment(out, shop, at, For::Webhook);
    for (place, _) in shop.parcels.iter().filter(|(_, one)| one.order as usize == at) {
        parcel(out, shop, place, For::Webhook);
    }
    out.close_list();
    out.close_link();
    out.open_link_sub("products", "orders", id, "products");
    out.open_list("embedded");
    for row in &record.rows {
        order_row(out, shop, at, record, row);
    }
    out.close_list();
    out.close_link();
    embedded_metafields(out, shop, id);
    match (shop.quote_id(record.quote), record.quote) {
        (Some(quote_id), Some(quote_at)) => {
            out.open_link_one("quote", "quotes", quote_id);
            out.key("embedded");
            quote(out, shop, quote_at as usize);
            out.close_link();
        }
        _ => out.raw("quote", "false"),
    }
    out.open_link_filter("events", "orders/events", "order", id);
    out.open_list("embedded");
    for nth in 0..record.events.len() {
        event(out, shop, at, nth);
    }
    out.close_list();
    out.close_link();
}

fn embedded_metafields(out: &mut Out<'_>, shop: &Shop, id: u64) {
    out.open_link_sub("metafields", "orders", id, "metafields");
    out.open_list("embedded");
    if let Some(of) = crate::lightspeed::plain::resource("orders/{}/metafields") {
        for (metafield, record) in shop.plain.below(of, id) {
            of.write(out, metafield, record);
        }
    }
    out.close_list();
    out.close_link();
}
