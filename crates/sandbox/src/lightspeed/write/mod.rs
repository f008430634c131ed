//! Writers: one function per resource, from the compact record to the platform's JSON.
//!
//! Keys stand in the order of the samples. A record in a webhook differs from the same record in an
//! answer by the scheme of its links and, for orders, by what is embedded (lightspeed-ecom.md §3.3).

mod customer;
mod order;
mod order_parts;
mod papers;
mod product;
mod quote;
mod shop;
mod small;

pub(crate) use customer::customer;
pub(crate) use order::order;
pub(crate) use order_parts::{event, order_row};
pub(crate) use papers::{credit, invoice, invoice_item, movement, parcel, shipment, shipment_item};
pub(crate) use product::{catalog, product, tax_e4_of, variant};
pub(crate) use quote::{quote, quote_row};
pub(crate) use shop::{
    LIMITS, PAYMENT_METHODS, SHIPPING_METHODS, WEBHOOKS_MAX, account, company, shop, website,
};
pub(crate) use small::{group, membership, subscription, webhook};

use super::json::{Out, push_amount};
use super::language::{LANGUAGE_COUNT, Language};
use super::options::Cluster;
use super::wall::Wall;

/// Where a record is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// The answer to a call: `https` links.
    Answer,
    /// A webhook: `http` links, relations of orders embedded.
    Webhook,
}

/// The scheme, host and language part of every link, escaped once.
#[derive(Debug)]
pub(crate) struct LinkBases {
    answer: [Vec<u8>; LANGUAGE_COUNT],
    webhook: [Vec<u8>; LANGUAGE_COUNT],
}

impl LinkBases {
    /// Prepares the links of a cluster.
    pub(crate) fn of(cluster: Cluster) -> Self {
        let base =
            |scheme: &str, code: &str| format!("{scheme}:\\/\\/{}\\/{code}\\/", cluster.host()).into_bytes();
        let codes = ["nl", "de", "en", "fr", "us"];
        Self {
            answer: codes.map(|code| base("https", code)),
            webhook: codes.map(|code| base("http", code)),
        }
    }

    /// Returns the part for a record in `language`.
    pub(crate) fn get(&self, target: For, language: Language) -> &[u8] {
        match target {
            For::Answer => &self.answer[language.place()],
            For::Webhook => &self.webhook[language.place()],
        }
    }
}

/// What every writer needs beside the record.
pub(crate) struct Style<'a> {
    pub(crate) bases: &'a LinkBases,
    pub(crate) wall: &'a Wall,
    pub(crate) target: For,
    pub(crate) language: Language,
}

impl<'a> Style<'a> {
    /// Starts a buffer of this style with another wall clock.
    pub(crate) fn out_utc(&self, capacity: usize, utc: &'a Wall) -> super::json::Out<'a> {
        super::json::Out::with_capacity(capacity, self.bases.get(self.target, self.language), utc)
    }

    /// Starts a buffer of this style.
    pub(crate) fn out(&self, capacity: usize) -> super::json::Out<'a> {
        super::json::Out::with_capacity(capacity, self.bases.get(self.target, self.language), self.wall)
    }
}

/// Writes a dotted IPv4 address, or `false` for none.
fn remote_ip(out: &mut super::json::Out<'_>, ip: u32) {
    if ip == 0 {
        out.raw("remoteIp", "false");
    } else {
        out.text("remoteIp", &std::net::Ipv4Addr::from(ip).to_string());
    }
}

/// Writes the prices of a row without a discount, in 1/10,000 of the currency's unit.
fn row_prices(out: &mut super::json::Out<'_>, excl: i64, incl: i64) {
    out.amount("basePriceExcl", excl);
    out.amount("basePriceIncl", incl);
    out.amount("priceExcl", excl);
    out.amount("priceIncl", incl);
    out.raw("discountExcl", "0");
    out.raw("discountIncl", "0");
}

/// The browser of everybody who has one.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36";

/// Writes one line of a list of taxes; the amount is in ten-thousandths.
pub(super) fn tax_line(out: &mut Out<'_>, rate: &str, amount_e4: i64) {
    out.open();
    out.text("name", "BTW");
    out.raw("rate", rate);
    out.key("amount");
    push_amount(&mut out.buf, amount_e4);
    out.close();
}
