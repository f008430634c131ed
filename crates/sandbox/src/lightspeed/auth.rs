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
    /// Of no section: the account of the key itself.
    Open,
}

/// The keys of a shop, the first one from its plain options.
pub(crate) fn keys(options: &Options) -> Vec<Key> {
    let first = Key {
        api_key: options.api_key.clone(),
        api_secret: options.api_secret.clone(),
        permissions: options.permissions,
    };
    std::iter::once(first)
        .chain(options.more_keys.iter().cloned())
        .collect()
}

/// Finds the key whose pair the headers carry.
pub(crate) fn caller(headers: &HeaderMap, keys: &[Key]) -> Option<usize> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    keys.iter()
        .position(|key| key.api_key == user && key.api_secret == password)
}

/// Returns the section a path belongs to.
pub(crate) fn section(segments: &[&str]) -> Section {
    match segments.first().copied().unwrap_or("") {
        "customers" | "groups" | "subscriptions" => Section::Customers,
        "orders" | "quotes" | "invoices" | "shipments" | "events" | "returns" | "checkouts" => {
            Section::Orders
        }
        "products" | "variants" | "brands" | "categories" | "catalog" => Section::Products,
        "account" => Section::Open,
        _ => Section::Settings,
    }
}

/// Says whether `method` on `section` is granted.
pub(crate) fn may(permissions: &Permissions, section: Section, method: &Method) -> bool {
    let access = match section {
        Section::Products => permissions.products,
        Section::Customers => permissions.customers,
        Section::Orders => permissions.orders,
        Section::Settings => permissions.settings,
        Section::Open => Access::FULL,
    };
    if *method == Method::GET {
        access.read
    } else {
        access.write
    }
}
