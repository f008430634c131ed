//! The products of a simulated shop: invented goods with titles in each language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::language::Language;
use super::records::Table;
use crate::door::Seed;

/// A product.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) noun: usize,
    pub(crate) colour: usize,
    /// The id of its brand, which may be gone.
    pub(crate) brand: Option<u64>,
    /// Positions of its variants: first and number.
    pub(crate) variants: (u32, u32),
    /// The number of its picture file, when it has one.
    pub(crate) image: Option<u64>,
    /// A slug other than the one made from the title.
    pub(crate) url: Option<String>,
    /// A title other than the one made from noun and colour, the same in every language.
    pub(crate) title: Option<String>,
    /// What was written through the API: by key, and by `language/key` for texts with translations.
    pub(crate) written: Option<BTreeMap<String, String>>,
    pub(crate) is_stock_tracked: bool,
}

/// A variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    /// Position of its product.
    pub(crate) product: u32,
    pub(crate) size: usize,
    pub(crate) sort_order: u64,
    pub(crate) price_incl_e4: u32,
    pub(crate) price_cost_e4: u32,
    /// Tax in hundredths of a percent: 2,100 or 900.
    pub(crate) tax_e4: u32,
    pub(crate) stock: i64,
    pub(crate) sold: u64,
    pub(crate) weight: u64,
    pub(crate) article_code: String,
    pub(crate) ean: String,
    pub(crate) sku: String,
    /// A title other than that of its size.
    pub(crate) title: Option<String>,
}

/// Nouns in nl, de, en, fr, us and the typical price in whole euros.
const NOUNS: [([&str; 5], u32); 16] = [
    (["Lantaarn", "Laterne", "Lantern", "Lanterne", "Lantern"], 40),
    (["Lint", "Band", "Ribbon", "Ruban", "Ribbon"], 4),
    (
        ["Theekan", "Teekanne", "Teapot", "Th\u{e9}i\u{e8}re", "Teapot"],
        35,
    ),
    (
        [
            "Plantenbak",
            "Pflanzk\u{fc}bel",
            "Planter",
            "Jardini\u{e8}re",
            "Planter",
        ],
        28,
    ),
    (["Deken", "Decke", "Blanket", "Couverture", "Blanket"], 60),
    (
        ["Kookboek", "Kochbuch", "Cookbook", "Livre de cuisine", "Cookbook"],
        25,
    ),
    (
        [
            "Regenlaars",
            "Gummistiefel",
            "Rain boot",
            "Botte de pluie",
            "Rain boot",
        ],
        45,
    ),
    (
        ["Rugzak", "Rucksack", "Rucksack", "Sac \u{e0} dos", "Backpack"],
        80,
    ),
    (["Notitieboek", "Notizbuch", "Notebook", "Carnet", "Notebook"], 12),
    (["Drinkfles", "Trinkflasche", "Bottle", "Gourde", "Bottle"], 18),
    (
        ["Paraplu", "Regenschirm", "Umbrella", "Parapluie", "Umbrella"],
        22,
    ),
    (["Wandklok", "Wanduhr", "Wall clock", "Horloge", "Wall clock"], 55),
    (
        [
            "Broodplank",
            "Brotbrett",
            "Bread board",
            "Planche \u{e0} pain",
            "Bread board",
        ],
        19,
    ),
    (["Sjaal", "Schal", "Scarf", "\u{c9}charpe", "Scarf"], 30),
    (
        [
            "Kaarsenhouder",
            "Kerzenhalter",
            "Candle holder",
            "Bougeoir",
            "Candle holder",
        ],
        15,
    ),
    (
        [
            "Fietsbel",
            "Fahrradklingel",
            "Bicycle bell",
            "Sonnette",
            "Bicycle bell",
        ],
        9,
    ),
];

/// Colours in nl, de, en, fr, us.
const COLOURS: [[&str; 5]; 8] = [
    ["groen", "gr\u{fc}n", "green", "vert", "green"],
    ["rood", "rot", "red", "rouge", "red"],
    ["zeeblauw", "meerblau", "sea blue", "bleu mer", "sea blue"],
    ["cr\u{e8}me", "creme", "cream", "cr\u{e8}me", "cream"],
    ["zwart", "schwarz", "black", "noir", "black"],
    ["oker", "ocker", "ochre", "ocre", "ochre"],
    ["wit", "wei\u{df}", "white", "blanc", "white"],
    ["grijs", "grau", "grey", "gris", "gray"],
];

/// Titles of variants; the first stands alone on a product with one variant.
const SIZES: [&str; 4] = ["Default", "Maat: S", "Maat: M", "Maat: L"];

/// How many brands a shop opens with, and the id of the first of them; see the table of the plain resources.
const BRANDS: usize = 4;
const BRAND_FIRST_ID: u64 = 5_120_011;

impl Product {
    /// Returns a value that was written through the API.
    pub(crate) fn written(&self, key: &str) -> Option<&str> {
        Some(self.written.as_ref()?.get(key)?.as_str())
    }

    /// Returns a text that was written for this language.
    pub(crate) fn translated(&self, key: &str, language: Language) -> Option<&str> {
        self.written(&format!("{}/{key}", language.code()))
            .or_else(|| self.written(key))
    }

    /// Returns the short title in one language.
    pub(crate) fn title(&self, language: Language) -> String {
        if let Some(title) = self.translated("title", language) {
            return title.to_owned();
        }
        if let Some(title) = &self.title {
            return title.clone();
        }
        let place = language.place();
        format!("{} {}", NOUNS[self.noun].0[place], COLOURS[self.colour][place])
    }

    /// Returns the long title in one language; `brand` is the name of the brand, empty for none.
    pub(crate) fn full_title(&self, language: Language, brand: &str) -> String {
        if let Some(title) = self.translated("fulltitle", language) {
            return title.to_owned();
        }
        format!("{} {brand}", self.title(language)).trim_end().to_owned()
    }

    /// Returns the slug in one language.
    pub(crate) fn slug(&self, language: Language, id: u64) -> String {
        if let Some(url) = self.translated("url", language) {
            return url.to_owned();
        }
        if let Some(url) = &self.url {
            return url.clone();
        }
        let title = self.title(language).to_lowercase();
        let plain = title
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        format!("{}-{}", plain.collect::<String>(), id % 10_000)
    }
}

impl Variant {
    /// Returns the variant's title.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(SIZES[self.size])
    }
}

/// How to fill a catalogue.
pub(crate) struct Plan {
    pub(crate) products: u32,
    pub(crate) without_image_percent: u8,
    pub(crate) with_stock_percent: u8,
    pub(crate) now_s: i64,
}

/// Fills the tables with invented products of one to three variants.
pub(crate) fn fill(
    plan: &Plan,
    seed: &mut Seed,
    products: &mut Table<Product>,
    variants: &mut Table<Variant>,
) {
    for serial in 0..plan.products {
        let noun = pick(seed, NOUNS.len());
        let first = u32::try_from(variants.positions()).unwrap_or(u32::MAX);
        let count = 1 + u32::try_from(seed.below(3)).unwrap_or(0);
        let created_s = plan.now_s - 86_400 * i64::from(30 + serial % 300);
        let product = Product {
            created_s,
            updated_s: created_s + 3_600,
            noun,
            colour: pick(seed, COLOURS.len()),
            brand: seed
                .percent(70)
                .then(|| BRAND_FIRST_ID + pick(seed, BRANDS) as u64),
            variants: (first, count),
            image: (!seed.percent(u64::from(plan.without_image_percent)))
                .then(|| 471_100_000 + u64::from(serial)),
            url: None,
            title: None,
            written: None,
            is_stock_tracked: seed.percent(u64::from(plan.with_stock_percent)),
        };
        let at = u32::try_from(products.push(product)).unwrap_or(u32::MAX);
        for nth in 0..count {
            let size = if count == 1 { 0 } else { nth as usize + 1 };
            variants.push(variant(noun, at, size, created_s, seed));
        }
    }
}

fn variant(noun: usize, product: u32, size: usize, created_s: i64, seed: &mut Seed) -> Variant {
    let euros = NOUNS[noun].1 + u32::try_from(seed.below(20)).unwrap_or(0);
    let price_incl_e4 = euros * 10_000 + [9_500, 9_900, 5_000, 0][pick(seed, 4)];
    let code = format!("{}{product:04}-{size}", NOUNS[noun].0[2][..3].to_uppercase());
    Variant {
        created_s,
        updated_s: created_s + 3_600,
        product,
        size,
        sort_order: size.max(1) as u64,
        price_incl_e4,
        price_cost_e4: price_incl_e4 * 2 / 5 / 100 * 100,
        tax_e4: if noun == 5 { 900 } else { 2_100 },
        stock: 1_000 + i64::try_from(seed.below(9_000)).unwrap_or(0),
        sold: seed.below(500),
        weight: 50 * (1 + seed.below(60)),
        ean: format!("87{product:07}{size:03}0"),
        sku: code.replace('-', ""),
        article_code: code,
        title: None,
    }
}

fn pick(seed: &mut Seed, bound: usize) -> usize {
    usize::try_from(seed.below(bound as u64)).unwrap_or(0)
}

/// Returns an amount with its tax, both in ten-thousandths, rounded to the nearest.
pub(crate) fn with_tax_e4(excl_e4: u32, tax_e4: u32) -> u32 {
    let incl = (u64::from(excl_e4) * u64::from(10_000 + tax_e4) + 5_000) / 10_000;
    u32::try_from(incl).unwrap_or(u32::MAX)
}

/// Returns an amount without its tax, both in ten-thousandths, rounded to the nearest.
pub(crate) fn without_tax_e4(incl_e4: i64, tax_e4: u32) -> i64 {
    let divisor = 10_000 + i64::from(tax_e4);
    (incl_e4 * 10_000 + divisor / 2) / divisor
}
