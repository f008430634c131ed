//! The shop itself and the account of a key.

use crate::lightspeed::json::Out;
use crate::lightspeed::person::Country;
use crate::lightspeed::state::Shop;

/// When every simulated shop opened: 11 February 2019.
const OPENED_S: i64 = 1_549_876_361;

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
    out.text("email", &format!("info@{name}.example"));
    out.text("phone", "+31 24 000 0000");
    out.text("fax", "");
    address(out);
    out.text("vatNumber", "NL000000000B01");
    out.text("cocNumber", "00000000");
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
    address(out);
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

/// Writes the account of a single-shop key: `appId` is `false` (lightspeed-ecom.md §1.2).
pub(crate) fn account(out: &mut Out<'_>, shop: &Shop, api_key: &str) {
    out.open();
    out.int("id", 92_160 + shop.id);
    out.raw("appId", "false");
    out.text("apiKey", api_key);
    for part in ["signout", "permissions", "ratelimit", "metafields"] {
        out.link_path(part, &format!("account/{part}"));
    }
    out.close();
}

fn address(out: &mut Out<'_>) {
    out.text("street", "Voorbeeldkade 3");
    out.text("street2", "");
    out.text("zipcode", "6511 AA");
    out.text("city", "Nijmegen");
    out.text("region", "Gelderland");
    out.raw("country", Country::NL.json());
}
