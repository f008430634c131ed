//! Checkouts, the platform's second generation of resources: no envelope, names with underscores
//! (lightspeed-ecom.md §5.14).

use serde_json::{Map, Value};

use super::catalogue::without_tax_e4;
use super::json::Out;
use super::person::{Country, Person, Text};
use super::records::{Checkout, Quote, Row};
use super::state::Shop;

/// Keys that can be written, beside the products.
const WRITABLE: [&str; 13] = [
    "mode",
    "customer",
    "billing_address",
    "shipping_address",
    "shipment_method",
    "payment_method",
    "comment",
    "newsletter",
    "terms",
    "notifications",
    "memo",
    "discount_code",
    "theme",
];
/// The keys of an address, in the order they are written.
const ADDRESS: [&str; 9] = [
    "name",
    "address1",
    "address2",
    "number",
    "extension",
    "zipcode",
    "city",
    "region",
    "country",
];
/// What an address needs before there can be an order.
const ADDRESS_NEEDS: [&str; 4] = ["name", "address1", "zipcode", "city"];

/// The one shipment method there is.
pub(crate) const SHIPMENT_METHODS: &str = r#"[{"id":"core|85518|424529","title":"PostNL pakket","tax_rate":0.21,"price_excl":4.0909,"price_incl":4.95,"base_price_excl":4.0909,"base_price_incl":4.95,"is_service_point":false,"discount":false,"data":{}}]"#;
/// The payment methods there are.
pub(crate) const PAYMENT_METHODS: &str = r#"[{"id":"seoshoppayments","method":"ideal","post_payment":false,"invoice_external":false,"title":"Payments - iDEAL","tax_rate":0,"price_excl":0,"price_incl":0,"data":null},{"id":"pickup","method":false,"post_payment":false,"invoice_external":false,"title":"Betalen bij afhalen","tax_rate":0,"price_excl":0,"price_incl":0,"data":null}]"#;

impl Checkout {
    /// Takes over what was sent; keys nobody knows are ignored.
    pub(crate) fn apply(&mut self, sent: &Map<String, Value>) {
        for key in WRITABLE {
            let Some(value) = sent.get(key) else { continue };
            match (self.members.get_mut(key), value) {
                (Some(Value::Object(known)), Value::Object(changes)) => {
                    known.extend(changes.clone());
                }
                _ => {
                    self.members.insert(key.to_owned(), value.clone());
                }
            }
        }
    }

    fn text(&self, part: &str, key: &str) -> &str {
        let part = self.members.get(part);
        part.and_then(|part| part.get(key))
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    /// Says whether a box is ticked: `true`, 1 or "1".
    pub(crate) fn has_ticked(&self, key: &str) -> bool {
        let sent = self.members.get(key);
        sent.is_some_and(|sent| sent == 1 || sent == true || sent == "1")
    }

    /// Returns what stands between this checkout and an order, as keys of the errors map.
    pub(crate) fn missing(&self, quote: Option<&Quote>) -> Vec<String> {
        let mut missing = Vec::new();
        for key in ["email", "firstname", "lastname"] {
            if self.text("customer", key).is_empty() {
                missing.push(format!("customer.{key}.required"));
            }
        }
        for part in ["billing_address", "shipping_address"] {
            for key in ADDRESS_NEEDS {
                if self.text(part, key).is_empty() {
                    missing.push(format!("{part}.{key}.required"));
                }
            }
        }
        if quote.is_none_or(|quote| quote.rows.is_empty()) {
            missing.push("products.required".to_owned());
        }
        for key in ["shipment_method", "payment_method"] {
            if self.members.get(key).is_none_or(Value::is_null) {
                missing.push(format!("{key}.required"));
            }
        }
        if !self.has_ticked("terms") {
            missing.push("terms.required".to_owned());
        }
        missing
    }

    /// Returns the buyer it describes.
    pub(crate) fn person(&self) -> Person {
        const BILLING: [Text; 8] = [
            Text::BillingName,
            Text::BillingStreet,
            Text::BillingStreet2,
            Text::BillingNumber,
            Text::BillingExtension,
            Text::BillingZipcode,
            Text::BillingCity,
            Text::BillingRegion,
        ];
        const SHIPPING: [Text; 8] = [
            Text::ShippingName,
            Text::ShippingStreet,
            Text::ShippingStreet2,
            Text::ShippingNumber,
            Text::ShippingExtension,
            Text::ShippingZipcode,
            Text::ShippingCity,
            Text::ShippingRegion,
        ];
        let mut texts = vec![
            (Text::Email, self.text("customer", "email")),
            (Text::Firstname, self.text("customer", "firstname")),
            (Text::Middlename, self.text("customer", "middlename")),
            (Text::Lastname, self.text("customer", "lastname")),
            (Text::Phone, self.text("customer", "phone")),
        ];
        for (at, key) in ADDRESS[..8].iter().enumerate() {
            texts.push((BILLING[at], self.text("billing_address", key)));
            texts.push((SHIPPING[at], self.text("shipping_address", key)));
        }
        let mut person = Person::of(&texts);
        let country = |part| Country::of(self.text(part, "country"));
        person.billing_country = country("billing_address").or(person.billing_country);
        person.shipping_country = country("shipping_address").or(person.shipping_country);
        person
    }
}

/// Writes the checkout at `at` as an object.
pub(crate) fn write(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.checkouts.get(at) else {
        return;
    };
    let quote = record.quote as usize;
    let any = |out: &mut Out<'_>, key: &str, empty: &str| match record.members.get(key) {
        Some(value) if !value.is_null() => out.value(key, value),
        _ => out.raw(key, empty),
    };
    out.open();
    out.int("id", shop.checkouts.id(at));
    out.time("created_at", record.created_s);
    out.time("updated_at", record.updated_s);
    match record.order {
        Some(order) => out.int("order_id", order),
        None => out.raw("order_id", "null"),
    }
    any(out, "theme", "null");
    out.text("step", step(record));
    any(out, "mode", "\"guest\"");
    out.raw("info", "{}");
    any(out, "customer", "null");
    for part in ["billing_address", "shipping_address"] {
        out.open_at(part);
        for key in ADDRESS {
            out.text(key, record.text(part, key));
        }
        out.close();
    }
    out.open_at("quote");
    out.int("id", shop.quotes.id(quote));
    out.close();
    out.raw("gift_cards", "[]");
    any(out, "shipment_method", "null");
    any(out, "payment_method", "null");
    out.raw("discount", "false");
    any(out, "comment", "\"\"");
    any(out, "newsletter", "false");
    for key in ["terms", "notifications", "memo"] {
        any(out, key, "null");
    }
    out.open_list("products");
    for row in shop
        .quotes
        .get(quote)
        .map(|quote| &*quote.rows)
        .unwrap_or_default()
    {
        write_row(out, shop, quote, row);
    }
    out.close_list();
    any(out, "discount_code", "null");
    out.close();
}

/// Says how far the buyer got.
fn step(record: &Checkout) -> &'static str {
    let has = |key: &str| record.members.get(key).is_some_and(|value| !value.is_null());
    match (record.order, has("shipment_method"), has("payment_method")) {
        (Some(_), ..) => "finish",
        (None, false, _) => "shipment",
        (None, true, false) => "payment",
        (None, true, true) => "review",
    }
}

/// Writes a row of the cart at `at` the way a checkout shows it.
pub(crate) fn write_row(out: &mut Out<'_>, shop: &Shop, at: usize, row: &Row) {
    let Some(quote) = shop.quotes.get(at) else { return };
    let variant = shop.variant_ever(row);
    let tax_e4 = shop.tax_e4(row);
    let pieces = i64::from(row.quantity);
    let incl = i64::from(row.price_incl_e4);
    let excl = without_tax_e4(incl, tax_e4);
    let cost = variant.map_or(0, |variant| i64::from(variant.price_cost_e4));
    out.open();
    out.int("id", shop.quote_row_id(at, row));
    out.int("cart_id", shop.quotes.id(at));
    out.time("created_at", quote.created_s);
    out.time("updated_at", quote.updated_s);
    out.int(
        "product_id",
        variant.map_or(0, |variant| shop.products.id(variant.product as usize)),
    );
    out.int(
        "variant_id",
        row.variant.map_or(0, |at| shop.variants.id(at as usize)),
    );
    out.raw("is_custom", "false");
    out.raw("custom_checksum", "null");
    out.raw("custom_data", "null");
    out.int("quantity", u64::from(row.quantity));
    out.raw("has_discount", "false");
    out.raw("discount_percentage", "0");
    out.raw("tax_rate", if tax_e4 == 900 { "0.09" } else { "0.21" });
    out.amount("base_price_excl", excl);
    out.amount("base_price_incl", incl);
    out.amount("base_price_cost", cost);
    out.amount("price_excl", excl * pieces);
    out.amount("price_incl", incl * pieces);
    out.amount("price_cost", cost * pieces);
    out.amount("price_tax", (incl - excl) * pieces);
    out.raw("discount_excl", "0");
    out.raw("discount_incl", "0");
    goods(out, shop, row, quote);
    out.close();
}

/// Writes what is bought in a row, as it is today.
fn goods(out: &mut Out<'_>, shop: &Shop, row: &Row, quote: &Quote) {
    let variant = shop.variant_ever(row);
    let product = variant.and_then(|variant| shop.products.ever(variant.product as usize));
    out.text(
        "title",
        &product.map_or_else(String::new, |product| product.title(quote.language)),
    );
    out.text("fulltitle", &shop.row_title(row, quote.language));
    out.text("variant", variant.map_or("Default", |variant| variant.title()));
    out.text(
        "brand_name",
        product.map_or("", |product| shop.brand_title(product)),
    );
    out.text(
        "article_code",
        variant.map_or("", |variant| &variant.article_code),
    );
    out.text("ean", variant.map_or("", |variant| &variant.ean));
    out.text("sku", variant.map_or("", |variant| &variant.sku));
    let picture = variant
        .zip(product)
        .and_then(|(variant, product)| shop.picture(shop.products.id(variant.product as usize), product));
    match picture {
        Some((file, picture)) => {
            out.int("image_id", file);
            out.text("image_thumb", picture.text("thumb"));
            out.text("image_src", picture.text("src"));
        }
        None => {
            for key in ["image_id", "image_thumb", "image_src"] {
                out.raw(key, "null");
            }
        }
    }
    let slug = variant.zip(product).map(|(variant, product)| {
        let id = shop.products.id(variant.product as usize);
        product.slug(quote.language, id)
    });
    out.text("url", &format!("{}.html", slug.unwrap_or_default()));
    let stock = variant.map_or(0, |variant| variant.stock);
    out.bool("stock_available", stock > 0);
    out.bool("stock_on_stock", stock > 0);
    out.raw("stock_level", &stock.to_string());
}
