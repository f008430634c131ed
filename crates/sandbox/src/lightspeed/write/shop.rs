//! The shop itself and the account of a key.

use crate::lightspeed::json::Out;
use crate::lightspeed::person::Country;
use crate::lightspeed::state::Shop;

/// When every simulated shop opened: 11 February 2019.
const OPENED_S: i64 = 1_549_876_361;

/// What `shop/limits` says (lightspeed-ecom.md §5.1).
pub(crate) const LIMITS: &str = r#"{"maxAttributes":200,"maxBrands":1000,"maxCategories":1500,"maxCurrencies":5,"maxDeliverydates":50,"maxDomainNames":10,"maxDomainForwards":10,"maxEmailAccounts":25,"maxEmailForwards":25,"maxFiles":10000,"maxFilesSize":10737418240,"maxFilters":50,"maxFiltersValues":1000,"maxGroups":50,"maxGroupsCustomers":100000,"maxLanguages":5,"maxProducts":50000,"maxProductsCategories":50,"maxProductsFiltersValues":100,"maxProductsImages":20,"maxProductsRelations":50,"maxProductsTags":50,"maxProductsVariants":100,"maxRedirects":10000,"maxReviews":100000,"maxSuppliers":250,"maxUserAccounts":25,"maxTags":1000,"maxTaxes":25,"maxTextpages":250,"maxTypes":50,"maxTypesAttributes":50,"maxWebhooks":100,"hasB2b":false,"hasCopyright":true,"hasFilters":true,"hasMultishop":false,"hasTemplateEditor":true,"hasTranslations":true}"#;
/// Registrations a shop may have, the `maxWebhooks` of [`LIMITS`].
pub(crate) const WEBHOOKS_MAX: usize = 100;
/// The one way a cart can be sent.
pub(crate) const SHIPPING_METHODS: &str = r#"{"id":85518,"type":"default","freeAbove":0,"title":"PostNL pakket","description":"","priceExcl":4.0909,"priceIncl":4.95,"tax":false}"#;
/// The one way a cart can be paid.
pub(crate) const PAYMENT_METHODS: &str = r#"{"id":64201,"title":"Payments","priceExcl":0,"priceIncl":0}"#;

/// Writes the shop.
pub(crate) fn shop(out: &mut Out<'_>, shop: &Shop) {
    let name = &shop.sub_domain;
    out.open();
    out.int("id", shop.id);
    out.time("createdAt", OPENED_S);
    out.text("status", "live");
    out.raw("isB2b", "false");
    out.raw("isRetail", "false");
    out.text("subDomain", name);
    out.text("mainDomain", &format!("www.{name}.example"));
    let own = |key: &str, known: &str| {
        shop.own
            .shop
            .get(key)
            .map_or_else(|| known.to_owned(), Clone::clone)
    };
    out.text("email", &own("email", &format!("info@{name}.example")));
    out.text("phone", &own("phone", "+31 24 000 0000"));
    out.text("fax", &own("fax", ""));
    address(out, &own);
    out.text("vatNumber", &own("vatNumber", "NL000000000B01"));
    out.text("cocNumber", &own("cocNumber", "00000000"));
    out.text("industry", "------------");
    out.open_at("currency");
    out.text("shortcode", "EUR");
    out.text("symbol", "\u{20ac}");
    out.text("title", "Euro");
    out.raw("isDefault", "true");
    out.text("currencyRate", "1.000000");
    out.close();
    for part in [
        "company",
        "limits",
        "javascript",
        "website",
        "scripts",
        "metafields",
    ] {
        out.link_path(part, &format!("shop/{part}"));
    }
    out.close();
}

/// Writes the company behind the shop.
pub(crate) fn company(out: &mut Out<'_>, shop: &Shop) {
    let name = &shop.sub_domain;
    out.open();
    out.text("name", name);
    out.raw("owner", "null");
    out.text("cocNumber", "00000000");
    out.raw("cocLocation", "null");
    out.text("vatNumber", "NL000000000B01");
    out.text("nationalId", "");
    out.text("phone", "+31 24 000 0000");
    out.text("email", &format!("info@{name}.example"));
    out.text("fax", "");
    address(out, &|_, known| known.to_owned());
    for key in [
        "bankName",
        "bankAccountHolder",
        "bankAccountNumber",
        "bankLocation",
        "bankCode",
        "bankIban",
        "bankSwift",
    ] {
        out.text(key, "");
    }
    out.close();
}

/// Writes name and description of the storefront.
pub(crate) fn website(out: &mut Out<'_>, shop: &Shop) {
    out.open();
    out.text("name", &shop.sub_domain);
    out.text("title", "Lantaarns en linten");
    out.text("description", "Voorbeeldwinkel");
    out.text("keywords", "");
    out.close();
}

/// Writes the account of a single-shop key: `appId` is `false` (lightspeed-ecom.md §1.2),
/// of an app it is a number.
pub(crate) fn account(out: &mut Out<'_>, shop: &Shop, api_key: &str, app: Option<usize>) {
    out.open();
    out.int("id", 92_160 + shop.id);
    match app {
        Some(place) => out.int("appId", 2_101 + place as u64),
        None => out.raw("appId", "false"),
    }
    out.text("apiKey", api_key);
    for part in ["signout", "permissions", "ratelimit", "metafields"] {
        out.link_path(part, &format!("account/{part}"));
    }
    out.close();
}

/// Writes an address; `own` gives the value of a key, or what stands there when nobody wrote one.
fn address(out: &mut Out<'_>, own: &dyn Fn(&str, &str) -> String) {
    for (key, known) in [
        ("street", "Voorbeeldkade 3"),
        ("street2", ""),
        ("zipcode", "6511 AA"),
        ("city", "Nijmegen"),
        ("region", "Gelderland"),
    ] {
        out.text(key, &own(key, known));
    }
    out.raw("country", Country::NL.json());
}
