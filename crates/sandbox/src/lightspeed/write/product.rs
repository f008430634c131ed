//! Products and variants.

use super::For;
use crate::lightspeed::catalogue::{Product, without_tax_e4};
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
use crate::lightspeed::plain;
use crate::lightspeed::state::Shop;

/// First id of the brands; they have no resource of their own yet.
const BRAND_FIRST_ID: u64 = 5_120_011;
/// The tax records the variants point to: the high rate, then the low.
const TAX_IDS: [u64; 2] = [1_207_266, 1_207_267];

/// Returns the rate of a tax record, in hundredths of a percent; `None` for one that no variant can have.
pub(crate) fn tax_e4_of(id: u64) -> Option<u32> {
    let place = TAX_IDS.iter().position(|known| *known == id)?;
    Some([2_100, 900][place])
}

/// Returns the id of a brand, given its place among the brands.
pub(crate) fn brand_id(place: usize) -> u64 {
    BRAND_FIRST_ID + place as u64
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
    texts(out, record, id, language);
    match record.translated("content", language) {
        Some(content) => out.text("content", content),
        None => out.text("content", &format!("<p>{title}</p>")),
    }
    out.raw("set", "false");
    let brand = record.brand.map(brand_id);
    written_link(out, record, "brand", "brands", brand);
    out.link_filter("categories", "categories/products", "product", id);
    written_link(out, record, "deliverydate", "deliverydates", None);
    image(out, shop, record, &title);
    match target {
        For::Answer => out.link_sub("images", "products", id, "images"),
        For::Webhook => out.raw("images", "false"),
    }
    out.link_sub("relations", "products", id, "relations");
    out.link_sub("metafields", "products", id, "metafields");
    out.link_filter("reviews", "reviews", "product", id);
    written_link(out, record, "type", "types", None);
    out.link_sub("attributes", "products", id, "attributes");
    written_link(out, record, "supplier", "suppliers", None);
    out.link_filter("tags", "tags/products", "product", id);
    out.link_filter("variants", "variants", "product", id);
    out.link_filter("movements", "variants/movements", "product", id);
    out.raw("templateDataFields", "[]");
    out.close();
}

/// Writes a link that the API may have set; `known` is what it is otherwise.
fn written_link(out: &mut Out<'_>, record: &Product, key: &str, path: &str, known: Option<u64>) {
    let written = record
        .written(key)
        .map(|id| id.parse().ok().filter(|id| *id != 0));
    match written.unwrap_or(known) {
        Some(id) => out.link_one(key, path, id),
        None => out.raw(key, "false"),
    }
}

fn image(out: &mut Out<'_>, shop: &Shop, record: &Product, title: &str) {
    let Some(file) = record.image else {
        out.raw("image", "false");
        return;
    };
    let base = format!("https://cdn.webshopapp.com/shops/{}/files/{file}", shop.id);
    out.open_at("image");
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.created_s);
    out.text("extension", "jpg");
    out.int("size", 40_000 + file % 300_000);
    out.text("title", title);
    out.text("thumb", &format!("{base}/50x50x2/image.jpg"));
    out.text("src", &format!("{base}/image.jpg"));
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
fn texts(out: &mut Out<'_>, record: &Product, id: u64, language: Language) {
    let title = record.title(language);
    out.text("url", &record.slug(language, id));
    out.text("title", &title);
    out.text("fulltitle", &record.full_title(language));
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
    texts(out, record, id, language);
    match (record.brand, record.brand_title()) {
        (Some(brand), Some(title)) => {
            out.open_at("brand");
            out.int("id", brand_id(brand));
            out.text("title", title);
            out.close();
        }
        _ => out.raw("brand", "false"),
    }
    image(out, shop, record, &title);
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
    out.int("weight", record.weight);
    kept.write(out, "weightValue", &format!("\"{}.000\"", record.weight));
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
