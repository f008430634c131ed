//! Who is calling: the Basic pair against the keys of the shop, and what a key may touch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, header};

use super::options::{Access, Key, Options, Permissions};

/// A section of the shop (lightspeed-ecom.md §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Products,
    Customers,
    Orders,
    Settings,
    Content,
    Tracking,
    /// Of no section: the account of the key itself.
    Open,
}

/// The keys of a shop: the one of its plain options, the further ones, then those of the apps.
///
/// The password of an app is made when it is installed; until then it has none here.
pub(crate) fn keys(options: &Options) -> Vec<Key> {
    let first = Key {
        api_key: options.api_key.clone(),
        api_secret: options.api_secret.clone(),
        permissions: options.permissions,
    };
    let apps = options.apps.iter().map(|app| Key {
        api_key: app.key.clone(),
        api_secret: String::new(),
        permissions: app.permissions,
    });
    std::iter::once(first)
        .chain(options.more_keys.iter().cloned())
        .chain(apps)
        .collect()
}

/// Reads the Basic pair of a call.
pub(crate) fn pair(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Returns the section a path belongs to.
pub(crate) fn section(segments: &[&str]) -> Section {
    match segments {
        ["shop", "tracking" | "scripts", ..] => Section::Tracking,
        [first, ..] => match *first {
            "customers" | "groups" | "subscriptions" | "tickets" | "contacts" => Section::Customers,
            "orders" | "quotes" | "invoices" | "shipments" | "events" | "returns" | "checkouts"
            | "discounts" | "discountrules" => Section::Orders,
            "products" | "variants" | "brands" | "categories" | "catalog" | "tags" | "types"
            | "attributes" | "filters" | "sets" | "suppliers" | "deliverydates" | "reviews"
            | "additionalcosts" => Section::Products,
            "blogs" | "textpages" | "files" | "redirects" | "theme" => Section::Content,
            "account" | "time" => Section::Open,
            _ => Section::Settings,
        },
        [] => Section::Settings,
    }
}

/// Says whether `method` on `section` is granted.
pub(crate) fn may(permissions: &Permissions, section: Section, method: &Method) -> bool {
    let access = match section {
        Section::Products => permissions.products,
        Section::Customers => permissions.customers,
        Section::Orders => permissions.orders,
        Section::Settings => permissions.settings,
        Section::Content => permissions.content,
        Section::Tracking => permissions.tracking,
        Section::Open => Access::FULL,
    };
    if *method == Method::GET {
        access.read
    } else {
        access.write
    }
}
