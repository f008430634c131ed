//! Products and variants.

use super::For;
use crate::lightspeed::catalogue::{Product, without_tax_e4};
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
use crate::lightspeed::state::Shop;

/// First id of the brands; they have no resource of their own yet.
const BRAND_FIRST_ID: u64 = 5_120_011;
/// The tax records the variants point to: the high rate, then the low.
const TAX_IDS: [u64; 2] = [1_207_266, 1_207_267];

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
    out.int("id", id);
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.raw("isVisible", "true");
    out.text("visibility", "visible");
    out.bool("hasMatrix", record.variants.1 > 1);
    for key in ["data01", "data02", "data03"] {
        out.text(key, "");
    }
    out.text("url", &record.slug(language, id));
    out.text("title", &title);
    out.text("fulltitle", &record.full_title(language));
    out.text("description", &title);
    out.text("content", &format!("<p>{title}</p>"));
    out.raw("set", "false");
    match record.brand {
        Some(brand) => out.link_one("brand", "brands", brand_id(brand)),
        None => out.raw("brand", "false"),
    }
    out.link_filter("categories", "categories/products", "product", id);
    out.raw("deliverydate", "false");
    image(out, shop, record, &title);
    match target {
        For::Answer => out.link_sub("images", "products", id, "images"),
        For::Webhook => out.raw("images", "false"),
    }
    out.link_sub("relations", "products", id, "relations");
    out.link_sub("metafields", "products", id, "metafields");
    out.link_filter("reviews", "reviews", "product", id);
    out.raw("type", "false");
    out.link_sub("attributes", "products", id, "attributes");
    out.raw("supplier", "false");
    out.link_filter("tags", "tags/products", "product", id);
    out.link_filter("variants", "variants", "product", id);
    out.link_filter("movements", "variants/movements", "product", id);
    out.raw("templateDataFields", "[]");
    out.close();
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

/// Writes the variant at `at` as an object.
pub(crate) fn variant(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.variants.get(at) else {
        return;
    };
    let Some(product) = shop.products.get(record.product as usize) else {
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
    out.raw("hs", "null");
    out.raw("unitPrice", "0");
    out.text("unitUnit", "");
    out.amount("priceExcl", without_tax_e4(incl, record.tax_e4));
    out.amount("priceIncl", incl);
    out.amount("priceCost", i64::from(record.price_cost_e4));
    out.raw("oldPriceExcl", "0");
    out.raw("oldPriceIncl", "0");
    out.text(
        "stockTracking",
        if product.is_stock_tracked {
            "enabled"
        } else {
            "disabled"
        },
    );
    out.raw("stockLevel", &record.stock.to_string());
    out.raw("stockAlert", "10");
    out.raw("stockMinimum", "0");
    out.int("stockSold", record.sold);
    out.raw("stockBuyMininum", "1");
    out.raw("stockBuyMinimum", "1");
    out.raw("stockBuyMaximum", "10000");
    out.int("weight", record.weight);
    out.text("weightValue", &format!("{}.000", record.weight));
    out.text("weightUnit", "g");
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
