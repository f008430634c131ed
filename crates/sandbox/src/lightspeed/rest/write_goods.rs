//! POST, PUT and DELETE of products and variants, and the bulk writes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::body::{self, Fields};
use super::read::position;
use super::write::named;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::catalogue::{Product, Variant, with_tax_e4};
use crate::lightspeed::plain::{self, TRANSLATED};
use crate::lightspeed::records::Movement;
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;
use crate::lightspeed::write::tax_e4_of;

/// Members of a product that are the same in every language.
const SHARED: [&str; 7] = [
    "visibility",
    "data01",
    "data02",
    "data03",
    "deliverydate",
    "type",
    "supplier",
];

impl Simulator {
    /// Creates a product with its first variant, or changes one in the language of the call.
    pub(super) fn save_product(&self, call: &Call<'_>, id: Option<&str>) -> Result<Reply, Refusal> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let of = named("products")?;
        let known = id.map(|id| position(&shop, of, id).ok_or(Refusal::NOT_FOUND));
        let known = known.transpose()?;
        let fields = Fields::of(call, "product")?;
        let prefix = known.map(|_| format!("{}/", call.language.code()));
        let changes = product_changes(&fields, prefix.as_deref().unwrap_or(""))?;
        let brand = sent_brand(&shop, &fields)?;
        let Some(at) = known else {
            if changes.get("title").is_none_or(String::is_empty) {
                return Err(Refusal::INVALID);
            }
            let at = add_product(&mut shop, changes, brand.flatten(), now_s);
            let variant = shop
                .products
                .get(at)
                .map_or(0, |product| product.variants.0 as usize);
            self.tell(&mut shop, Item::Product, "created", at);
            self.tell(&mut shop, Item::Variant, "created", variant);
            return Ok(Reply::created(self.written(call, &shop, of, at)));
        };
        if let Some(product) = shop.products.get_mut(at) {
            product.written.get_or_insert_default().extend(changes);
            product.brand = brand.unwrap_or(product.brand);
            product.updated_s = now_s;
        }
        self.tell(&mut shop, Item::Product, "updated", at);
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    /// Deletes a product with its variants.
    pub(crate) fn remove_product(&self, id: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.products.find(id) else {
            return false;
        };
        let variants: Vec<usize> = shop
            .variants
            .iter()
            .filter(|(_, variant)| variant.product as usize == at)
            .map(|(place, _)| place)
            .collect();
        for variant in variants {
            self.tell(&mut shop, Item::Variant, "deleted", variant);
            shop.variants.bury(variant);
        }
        self.tell(&mut shop, Item::Product, "deleted", at);
        shop.products.bury(at)
    }

    /// Creates a variant of a product.
    pub(super) fn post_variant(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let fields = Fields::of(call, "variant")?;
        let product = fields.members().get("product").and_then(body::id_of);
        let product = product
            .and_then(|id| shop.products.find(id))
            .ok_or(Refusal::INVALID)?;
        let mut variant = empty_variant(product, now_s);
        change_variant(&mut variant, &fields)?;
        variant.stock = fields.int("stockLevel")?.unwrap_or(0);
        let at = shop.variants.push(variant);
        let id = shop.variants.id(at);
        keep_variant(&mut shop, (id, product), &fields)?;
        if let Some(product) = shop.products.get_mut(product) {
            product.variants.1 += 1;
            product.updated_s = now_s;
        }
        self.tell(&mut shop, Item::Variant, "created", at);
        self.tell(&mut shop, Item::Product, "updated", product);
        Ok(Reply::created(self.written(call, &shop, named("variants")?, at)))
    }

    /// Changes stock, price or codes of a variant.
    pub(super) fn put_variant(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("variants")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        self.apply_variant(&mut shop, at, &Fields::of(call, "variant")?)?;
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    /// Changes many variants at once: a list of objects with their ids.
    pub(super) fn put_variants(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("variants")?;
        let mut changed = Vec::new();
        for one in list_of(call, &["variant", "variants"])? {
            let id = one.get("id").and_then(body::id_of).ok_or(Refusal::INVALID)?;
            let at = position(&shop, of, &id.to_string()).ok_or(Refusal::INVALID)?;
            self.apply_variant(&mut shop, at, &Fields::from(one))?;
            changed.push(at);
        }
        Ok(Reply::ok(self.written_list(call, &shop, of, &changed)))
    }

    fn apply_variant(&self, shop: &mut Shop, at: usize, fields: &Fields) -> Result<(), Refusal> {
        let now_s = self.now_s();
        let mut variant = shop.variants.get(at).cloned().ok_or(Refusal::NOT_FOUND)?;
        change_variant(&mut variant, fields)?;
        variant.updated_s = now_s;
        let id = shop.variants.id(at);
        keep_variant(shop, (id, variant.product as usize), fields)?;
        let change = fields.int("stockLevel")?.map_or(0, |level| level - variant.stock);
        if let Some(known) = shop.variants.get_mut(at) {
            *known = variant;
        }
        shop.move_stock(Movement {
            created_s: now_s,
            variant: u32::try_from(at).unwrap_or(u32::MAX),
            change,
            is_order: false,
        });
        self.tell(shop, Item::Variant, "updated", at);
        Ok(())
    }

    /// Deletes a variant; the rows that were ordered of it stay.
    pub(super) fn remove_variant(&self, id: u64) -> bool {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.variants.find(id) else {
            return false;
        };
        let product = shop
            .variants
            .get(at)
            .map_or(0, |variant| variant.product as usize);
        self.tell(&mut shop, Item::Variant, "deleted", at);
        shop.variants.bury(at);
        if let Some(product) = shop.products.get_mut(product) {
            product.variants.1 = product.variants.1.saturating_sub(1);
            product.updated_s = now_s;
        }
        true
    }

    /// Puts many products in categories at once.
    pub(super) fn post_category_products(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let of = plain::resource("categories/products").ok_or(Refusal::NOT_FOUND)?;
        let now_s = self.now_s();
        let mut shop = self.shop();
        let mut made = Vec::new();
        for one in list_of(call, &["categoriesProduct", "categoriesProducts"])? {
            let members = super::plain::members(&shop, of, &Fields::from(one), true)?;
            made.push(shop.plain.add(of, 0, members, now_s));
        }
        let mut out = self
            .style(crate::lightspeed::write::For::Answer, call.language)
            .out(2_048);
        out.open();
        out.open_list(of.plural);
        for id in made {
            if let Some(record) = shop.plain.get(of, 0, id) {
                of.write(&mut out, id, record);
            }
        }
        out.close_list();
        out.close();
        Ok(Reply::created(out.buf))
    }
}

/// Reads the members a product was sent, translated ones under `prefix`.
fn product_changes(fields: &Fields, prefix: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut changes = BTreeMap::new();
    for key in TRANSLATED {
        if let Some(text) = fields.text(key)? {
            changes.insert(format!("{prefix}{key}"), text);
        }
    }
    for key in SHARED {
        if let Some(text) = fields.text(key)? {
            changes.insert(key.to_owned(), text);
        }
    }
    let visibility = changes.get("visibility").map(String::as_str);
    if !matches!(visibility, None | Some("hidden" | "visible" | "auto")) {
        return Err(Refusal::INVALID);
    }
    Ok(changes)
}

/// Reads the brand a product was sent: absent, none, or one that exists.
fn sent_brand(shop: &Shop, fields: &Fields) -> Result<Option<Option<u64>>, Refusal> {
    let Some(sent) = fields.members().get("brand") else {
        return Ok(None);
    };
    if matches!(sent, Value::Null | Value::Bool(false)) || sent == "" || sent == 0 {
        return Ok(Some(None));
    }
    let id = body::id_of(sent).ok_or(Refusal::INVALID)?;
    let is_known = plain::resource("brands").is_some_and(|of| shop.plain.get(of, 0, id).is_some());
    is_known.then_some(Some(Some(id))).ok_or(Refusal::INVALID)
}

/// Adds a product and the variant every product begins with.
fn add_product(shop: &mut Shop, written: BTreeMap<String, String>, brand: Option<u64>, now_s: i64) -> usize {
    let first = u32::try_from(shop.variants.positions()).unwrap_or(u32::MAX);
    let at = shop.products.push(Product {
        created_s: now_s,
        updated_s: now_s,
        noun: 0,
        colour: 0,
        brand,
        variants: (first, 1),
        image: None,
        url: None,
        title: None,
        written: Some(written),
        is_stock_tracked: false,
    });
    shop.variants.push(empty_variant(at, now_s));
    at
}

fn empty_variant(product: usize, now_s: i64) -> Variant {
    Variant {
        created_s: now_s,
        updated_s: now_s,
        product: u32::try_from(product).unwrap_or(u32::MAX),
        size: 0,
        sort_order: 1,
        price_incl_e4: 0,
        price_cost_e4: 0,
        tax_e4: 2_100,
        stock: 0,
        sold: 0,
        weight: 0,
        article_code: String::new(),
        ean: String::new(),
        sku: String::new(),
        title: None,
    }
}

/// Keeps what comes back as it was sent, and follows whether the stock is tracked.
fn keep_variant(shop: &mut Shop, (id, product): (u64, usize), fields: &Fields) -> Result<(), Refusal> {
    let tracking = fields.text("stockTracking")?;
    let is_known = |word: &str| matches!(word, "enabled" | "disabled" | "indicator");
    if tracking.as_deref().is_some_and(|word| !is_known(word)) {
        return Err(Refusal::INVALID);
    }
    body::keep(shop, ("variants", id), fields)?;
    if let (Some(word), Some(product)) = (tracking, shop.products.get_mut(product)) {
        product.is_stock_tracked = word != "disabled";
    }
    Ok(())
}

/// Takes over what was sent, except the stock, which moves.
fn change_variant(variant: &mut Variant, fields: &Fields) -> Result<(), Refusal> {
    if let Some(tax) = fields.members().get("tax") {
        let tax = body::id_of(tax).and_then(tax_e4_of);
        variant.tax_e4 = tax.ok_or(Refusal::INVALID)?;
    }
    if let Some(excl_e4) = fields.amount_e4("priceExcl")? {
        variant.price_incl_e4 = with_tax_e4(excl_e4, variant.tax_e4);
    }
    if let Some(incl_e4) = fields.amount_e4("priceIncl")? {
        variant.price_incl_e4 = incl_e4;
    }
    if let Some(cost_e4) = fields.amount_e4("priceCost")? {
        variant.price_cost_e4 = cost_e4;
    }
    for (key, text) in [
        ("articleCode", &mut variant.article_code),
        ("ean", &mut variant.ean),
        ("sku", &mut variant.sku),
    ] {
        if let Some(sent) = fields.text(key)? {
            *text = sent;
        }
    }
    if let Some(title) = fields.text("title")? {
        variant.title = Some(title);
    }
    let whole = |key: &str| {
        let sent = fields.int(key)?;
        sent.map(|n| u64::try_from(n).map_err(|_| Refusal::INVALID))
            .transpose()
    };
    variant.weight = whole("weight")?.unwrap_or(variant.weight);
    variant.sort_order = whole("sortOrder")?.unwrap_or(variant.sort_order);
    Ok(())
}

/// Reads a list under one of these envelopes; a single object is a list of one.
fn list_of(call: &Call<'_>, envelopes: &[&str]) -> Result<Vec<Map<String, Value>>, Refusal> {
    let mut whole = body::bare(call)?;
    let list = envelopes.iter().find_map(|envelope| whole.remove(*envelope));
    let list = match list {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(Refusal::INVALID),
    };
    list.into_iter()
        .map(|one| match one {
            Value::Object(members) => Ok(members),
            _ => Err(Refusal::INVALID),
        })
        .collect()
}
