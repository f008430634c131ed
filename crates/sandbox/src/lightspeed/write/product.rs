//! Products and variants.

use serde_json::Value;

use super::For;
use crate::lightspeed::catalogue::{Product, without_tax_e4};
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
use crate::lightspeed::plain;
use crate::lightspeed::state::Shop;
use crate::lightspeed::written::Kept;

/// The tax records the variants point to: the high rate, then the low.
const TAX_IDS: [u64; 2] = [1_207_266, 1_207_267];

/// Returns the rate of a tax record, in hundredths of a percent; `None` for one that no variant can have.
pub(crate) fn tax_e4_of(id: u64) -> Option<u32> {
    let place = TAX_IDS.iter().position(|known| *known == id)?;
    Some([2_100, 900][place])
}

/// Writes the product at `at` as an object, in `language`.
pub(crate) fn product(out: &mut Out<'_>, shop: &Shop, at: usize, target: For, language: Language) {
    let Some(record) = shop.products.get(at) else {
        return;
    };
    let id = shop.products.id(at);
    let title = record.title(language);
    out.open();
    head(out, record, id);
    out.bool("hasMatrix", record.variants.1 > 1);
    for key in ["data01", "data02", "data03"] {
        out.text(key, record.written(key).unwrap_or(""));
    }
    texts(out, shop, (id, record), language);
    match record.translated("content", language) {
        Some(content) => out.text("content", content),
        None => out.text("content", &format!("<p>{title}</p>")),
    }
    out.raw("set", "false");
    match record.brand {
        Some(brand) if !shop.brand_title(record).is_empty() => out.link_one("brand", "brands", brand),
        _ => out.raw("brand", "false"),
    }
    out.link_filter("categories", "categories/products", "product", id);
    written_link(out, record, "deliverydate", "deliverydates");
    image(out, shop, (id, record), &title);
    match target {
        For::Answer => out.link_sub("images", "products", id, "images"),
        For::Webhook => out.raw("images", "false"),
    }
    out.link_sub("relations", "products", id, "relations");
    out.link_sub("metafields", "products", id, "metafields");
    out.link_filter("reviews", "reviews", "product", id);
    written_link(out, record, "type", "types");
    out.link_sub("attributes", "products", id, "attributes");
    written_link(out, record, "supplier", "suppliers");
    out.link_filter("tags", "tags/products", "product", id);
    out.link_filter("variants", "variants", "product", id);
    out.link_filter("movements", "variants/movements", "product", id);
    out.raw("templateDataFields", "[]");
    out.close();
}

/// Writes a link that the API may have set.
fn written_link(out: &mut Out<'_>, record: &Product, key: &str, path: &str) {
    let written = record.written(key).and_then(|id| id.parse().ok());
    match written.filter(|id| *id != 0) {
        Some(id) => out.link_one(key, path, id),
        None => out.raw(key, "false"),
    }
}

/// Writes the picture that stands for a product: the first of its pictures.
fn image(out: &mut Out<'_>, shop: &Shop, (id, record): (u64, &Product), title: &str) {
    let Some((_, picture)) = shop.picture(id, record) else {
        out.raw("image", "false");
        return;
    };
    out.open_at("image");
    out.time("createdAt", picture.created_s);
    out.time("updatedAt", picture.updated_s);
    out.text("extension", picture.text("extension"));
    out.int(
        "size",
        picture.members.get("size").and_then(Value::as_u64).unwrap_or(0),
    );
    let own = picture.text("title");
    out.text("title", if own.is_empty() { title } else { own });
    out.text("thumb", picture.text("thumb"));
    out.text("src", picture.text("src"));
    out.close();
}

/// Writes what a product begins with everywhere.
fn head(out: &mut Out<'_>, record: &Product, id: u64) {
    out.int("id", id);
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    let visibility = record.written("visibility").unwrap_or("visible");
    out.bool("isVisible", visibility != "hidden");
    out.text("visibility", visibility);
}

/// Writes the texts that every answer about a product has.
fn texts(out: &mut Out<'_>, shop: &Shop, (id, record): (u64, &Product), language: Language) {
    let title = record.title(language);
    out.text("url", &record.slug(language, id));
    out.text("title", &title);
    out.text(
        "fulltitle",
        &record.full_title(language, shop.brand_title(record)),
    );
    out.text(
        "description",
        record.translated("description", language).unwrap_or(&title),
    );
}

/// Writes the product at `at` with what belongs to it; `variants` is an object by id
/// (lightspeed-ecom.md §5.0).
pub(crate) fn catalog(out: &mut Out<'_>, shop: &Shop, at: usize, language: Language) {
    let Some(record) = shop.products.get(at) else {
        return;
    };
    let id = shop.products.id(at);
    let title = record.title(language);
    out.open();
    head(out, record, id);
    texts(out, shop, (id, record), language);
    match (record.brand, shop.brand_title(record)) {
        (Some(brand), title) if !title.is_empty() => {
            out.open_at("brand");
            out.int("id", brand);
            out.text("title", title);
            out.close();
        }
        _ => out.raw("brand", "false"),
    }
    image(out, shop, (id, record), &title);
    out.open_list("images");
    if let Some(of) = plain::resource("products/{}/images") {
        for (image, picture) in shop.plain.below(of, id) {
            of.write(out, image, picture);
        }
    }
    out.close_list();
    out.open_list("categories");
    if let Some(of) = plain::resource("categories/products") {
        let is_here =
            |record: &plain::Record| record.members.get("product").and_then(|of| of.as_u64()) == Some(id);
        for (relation, record) in shop.plain.below(of, 0).filter(|(_, record)| is_here(record)) {
            of.write(out, relation, record);
        }
    }
    out.close_list();
    out.open_at("variants");
    let own = shop
        .variants
        .iter()
        .filter(|(_, variant)| variant.product as usize == at);
    for (place, _) in own {
        out.key(&shop.variants.id(place).to_string());
        variant(out, shop, place);
    }
    out.close();
    out.close();
}

/// Writes the variant at `at` as an object.
pub(crate) fn variant(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.variants.get(at) else {
        return;
    };
    let Some(product) = shop.products.ever(record.product as usize) else {
        return;
    };
    let id = shop.variants.id(at);
    let incl = i64::from(record.price_incl_e4);
    out.open();
    out.int("id", id);
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.bool("isDefault", at == product.variants.0 as usize);
    out.int("sortOrder", record.sort_order);
    out.text("articleCode", &record.article_code);
    out.text("ean", &record.ean);
    out.text("sku", &record.sku);
    let kept = shop.written.of("variants", id);
    kept.write(out, "hs", "null");
    out.raw("unitPrice", "0");
    kept.write(out, "unitUnit", "\"\"");
    out.amount("priceExcl", without_tax_e4(incl, record.tax_e4));
    out.amount("priceIncl", incl);
    out.amount("priceCost", i64::from(record.price_cost_e4));
    kept.write(out, "oldPriceExcl", "0");
    kept.write(out, "oldPriceIncl", "0");
    let tracking = if product.is_stock_tracked {
        "\"enabled\""
    } else {
        "\"disabled\""
    };
    kept.write(out, "stockTracking", tracking);
    out.raw("stockLevel", &record.stock.to_string());
    kept.write(out, "stockAlert", "10");
    out.raw("stockMinimum", "0");
    out.int("stockSold", record.sold);
    out.raw("stockBuyMininum", "1");
    out.raw("stockBuyMinimum", "1");
    out.raw("stockBuyMaximum", "10000");
    measures(out, record.weight, kept);
    out.raw("matrix", "false");
    out.text("title", record.title());
    out.raw("taxType", "null");
    out.raw("image", "false");
    out.link_one("tax", "taxes", TAX_IDS[usize::from(record.tax_e4 == 900)]);
    out.link_one("product", "products", shop.products.id(record.product as usize));
    out.link_filter("movements", "variants/movements", "variant", id);
    out.link_sub("metafields", "variants", id, "metafields");
    out.raw("additionalcost", "false");
    out.raw("options", "[]");
    out.close();
}

/// Writes weight, volume and size of a variant; only the weight, in grams, is ever known.
fn measures(out: &mut Out<'_>, weight: u64, kept: Kept<'_>) {
    out.int("weight", weight);
    kept.write(out, "weightValue", &format!("\"{weight}.000\""));
    kept.write(out, "weightUnit", "\"g\"");
    out.raw("volume", "0");
    out.raw("volumeValue", "0");
    out.text("volumeUnit", "ml");
    out.raw("colli", "0");
    for key in ["sizeX", "sizeY", "sizeZ"] {
        out.raw(key, "0");
    }
    for key in ["sizeXValue", "sizeYValue", "sizeZValue"] {
        out.text(key, "0.000");
    }
    out.text("sizeUnit", "cm");
}
