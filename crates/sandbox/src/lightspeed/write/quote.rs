//! Carts and their rows.

use super::USER_AGENT;
use super::order_parts::goods_links;
use crate::lightspeed::catalogue::without_tax_e4;
use crate::lightspeed::json::Out;
use crate::lightspeed::person::Country;
use crate::lightspeed::records::{Quote, Row};
use crate::lightspeed::state::{Shop, Totals};

/// Writes the cart at `at` as an object.
pub(crate) fn quote(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.quotes.get(at) else { return };
    let totals = shop.totals(&record.rows, 0, record.is_ordered);
    out.open();
    head(out, shop, at, record, &totals);
    sending(out, record, &totals);
    payment(out, record);
    out.raw("discountIsSet", "false");
    out.raw("discountId", "0");
    out.text("discountType", "amount");
    out.raw("discountAmount", "0");
    out.raw("discountPercentage", "0");
    out.text("discountShipment", "default");
    out.text("discountMinimumAmount", "0.00");
    let kept = shop.written.of("quotes", shop.quotes.id(at));
    kept.write(out, "discountCouponCode", "\"\"");
    match &record.comment {
        Some(comment) => out.text("comment", comment),
        None => out.raw("comment", if record.is_ordered { "\"\"" } else { "null" }),
    }
    out.raw("allowNotifications", "false");
    match shop.customer_id(record.customer) {
        Some(customer) => out.link_one("customer", "customers", customer),
        None => out.raw("customer", "false"),
    }
    out.raw("language", record.language.json());
    for list in ["products", "shippingmethods", "paymentmethods"] {
        out.link_sub(list, "quotes", shop.quotes.id(at), list);
    }
    out.close();
}

fn head(out: &mut Out<'_>, shop: &Shop, at: usize, record: &Quote, totals: &Totals) {
    out.int("id", shop.quotes.id(at));
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.time("recalculatedAt", record.updated_s);
    let kept = shop.written.of("quotes", shop.quotes.id(at));
    kept.write(out, "isLocked", "false");
    out.text("channel", "main");
    out.text("recoveryHash", &hex::encode(record.recovery_hash));
    super::remote_ip(out, record.remote_ip);
    out.text("userAgent", USER_AGENT);
    kept.write(out, "referralId", "false");
    out.int("weight", totals.weight);
    out.raw("volume", "0");
    out.raw("colli", "0");
    out.raw("paymentCountry", Country::NL.json());
    out.raw("shipmentCountry", Country::NL.json());
    match &record.zipcode {
        Some(zipcode) => out.text("shipmentZipcode", zipcode),
        None => out.raw("shipmentZipcode", "null"),
    }
    out.raw("shipmentSameAddress", "true");
    out.amount("priceCost", totals.cost);
    out.amount("priceExcl", totals.excl);
    out.amount("priceIncl", totals.incl);
    out.raw("discountExcl", "0");
    out.raw("discountIncl", "0");
    out.int("productsCount", record.rows.len() as u64);
    out.int("productsQuantity", totals.pieces);
}

fn sending(out: &mut Out<'_>, record: &Quote, totals: &Totals) {
    out.bool("shipmentIsSet", record.is_ordered);
    out.text_or_false(
        "shipmentId",
        if record.is_ordered {
            "core|85518|424529"
        } else {
            ""
        },
    );
    out.raw("shipmentIsVirtual", "false");
    out.raw("shipmentIsCashOnDelivery", "false");
    out.raw("shipmentDiscountPercentage", "0");
    out.raw("shipmentIsServicePoint", "false");
    out.raw("shipmentIsPickup", "false");
    out.raw("shipmentTaxRate", if record.is_ordered { "0.21" } else { "0" });
    out.amount("shipmentBasePriceExcl", totals.shipping_excl);
    out.amount("shipmentBasePriceIncl", totals.shipping_incl);
    out.amount("shipmentPriceTax", totals.shipping_incl - totals.shipping_excl);
    out.amount("shipmentPriceExcl", totals.shipping_excl);
    out.amount("shipmentPriceIncl", totals.shipping_incl);
    out.raw("shipmentDiscountExcl", "0");
    out.raw("shipmentDiscountIncl", "0");
    out.text(
        "shipmentTitle",
        if record.is_ordered { "PostNL pakket" } else { "" },
    );
    let chosen = r#"{"method":"default","shipment_id":85518,"shipping_value_id":424529}"#;
    out.raw("shipmentData", if record.is_ordered { chosen } else { "[]" });
}

/// The payment data of a cart is a text holding JSON (lightspeed-ecom.md §8 #22).
fn payment(out: &mut Out<'_>, record: &Quote) {
    out.bool("paymentIsSet", record.is_ordered);
    out.text_or_false(
        "paymentId",
        if record.is_ordered { "seoshoppayments" } else { "" },
    );
    out.raw("paymentIsPost", "false");
    out.raw("paymentIsInvoiceExternal", "false");
    out.text(
        "paymentData",
        if record.is_ordered {
            r#"{"method":"ideal"}"#
        } else {
            "[]"
        },
    );
    out.raw("paymentTaxRate", "0");
    for key in [
        "paymentBasePriceExcl",
        "paymentBasePriceIncl",
        "paymentPriceTax",
        "paymentPriceExcl",
        "paymentPriceIncl",
    ] {
        out.raw(key, "0");
    }
    out.text("additionalCostIncl", "0.0000");
    out.text("additionalCostExcl", "0.0000");
    out.text(
        "paymentTitle",
        if record.is_ordered { "Payments - iDEAL" } else { "" },
    );
}

/// Writes a row of the cart at `at`.
pub(crate) fn quote_row(out: &mut Out<'_>, shop: &Shop, at: usize, record: &Quote, row: &Row) {
    let variant = shop.variant_of(row);
    let tax_e4 = shop.tax_e4(row);
    let pieces = i64::from(row.quantity);
    let incl = i64::from(row.price_incl_e4);
    let excl = without_tax_e4(incl, tax_e4);
    let cost = variant.map_or(0, |variant| i64::from(variant.price_cost_e4));
    let weight = variant.map_or(0, |variant| variant.weight);
    out.open();
    out.int("id", shop.quote_row_id(at, row));
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.raw("isCustom", "false");
    out.raw("customFields", "false");
    out.int("baseWeight", weight);
    out.raw("baseVolume", "0");
    out.raw("baseColli", "0");
    out.amount("basePriceCost", cost);
    out.amount("basePriceExcl", excl);
    out.amount("basePriceIncl", incl);
    out.int("weight", weight * u64::from(row.quantity));
    out.raw("volume", "0");
    out.raw("colli", "0");
    out.int("quantity", u64::from(row.quantity));
    out.raw("hasDiscount", "false");
    out.raw("discountPercentage", "0");
    out.raw("taxRate", if tax_e4 == 900 { "0.09" } else { "0.21" });
    out.amount("priceCost", cost * pieces);
    out.amount("priceTax", (incl - excl) * pieces);
    out.amount("priceExcl", excl * pieces);
    out.amount("priceIncl", incl * pieces);
    for key in [
        "discountExcl",
        "discountIncl",
        "additionalCostIncl",
        "additionalCostExcl",
        "baseAdditionalCostIncl",
        "baseAdditionalCostExcl",
    ] {
        out.raw(key, "0");
    }
    goods_links(out, shop, row);
    out.close();
}
