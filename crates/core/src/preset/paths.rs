//! What a field can be filled from: every path of a preset, resolved once to a function.
//!
//! A path is looked up when the preset is read and never again: rendering calls the function it found.

use crate::delivery::ObjectKind;
use crate::entity::{Image, Order, OrderRow, Product, Quote, QuoteRow, Variant};
use crate::golden::{GroupView, OrderView, QuoteRowView, QuoteView, Relation, RowView};
use crate::preset::Hub;
use crate::time::{Timestamp, Zone};

/// A value as the golden record has it, before any rule.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// Text; empty for none.
    Text(&'a str),
    /// Whole number; 0 for none.
    Number(i64),
    /// Yes or no.
    Truth(bool),
    /// Decimal literal; empty for none.
    Amount(&'a str),
    /// `YYYY-MM-DD`; empty for none.
    Date(&'a str),
    /// Moment.
    Time(Option<Timestamp>),
}

impl Raw<'_> {
    /// Names the kind of value for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "number",
            Self::Truth(_) => "yes/no",
            Self::Amount(_) => "amount",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
        }
    }
}

/// Reads one value of a person.
pub(crate) type RelationRead = for<'a> fn(&'a Relation) -> Raw<'a>;
/// Reads one value of an order.
pub(crate) type OrderRead = for<'a, 'b> fn(&'a OrderView<'b>) -> Raw<'a>;
/// Reads one value of an order row.
pub(crate) type RowRead = for<'a, 'b> fn(&'a RowView<'b>) -> Raw<'a>;
/// Reads one value of a cart.
pub(crate) type QuoteRead = for<'a, 'b> fn(&'a QuoteView<'b>) -> Raw<'a>;
/// Reads one value of a cart's row.
pub(crate) type QuoteRowRead = for<'a, 'b> fn(&'a QuoteRowView<'b>) -> Raw<'a>;
/// Reads one value of a group membership.
pub(crate) type GroupRead = for<'a> fn(&'a GroupView) -> Raw<'a>;
/// Reads one value of the hub itself.
pub(crate) type HubRead = for<'a> fn(&'a Hub) -> Raw<'a>;

/// A path that was found: where the value of a field comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The path as it stands in the preset.
    pub(crate) path: &'static str,
    /// How to read it.
    pub(crate) read: Read,
}

/// How to read a value, by what it is read from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    Hub(HubRead),
    Relation(RelationRead),
    Order(OrderRead),
    Row(RowRead),
    Quote(QuoteRead),
    QuoteRow(QuoteRowRead),
    Group(GroupRead),
}

/// The paths of the hub's own times: they cause no call by themselves (architecture §3, Hub-owned values).
pub(crate) const UNCOUNTED: [&str; 2] = ["hub.created_at", "hub.updated_at"];

static HUB: &[(&str, HubRead)] = &[
    ("hub.number", |hub| Raw::Number(hub.number)),
    ("hub.shop_id", |hub| Raw::Number(hub.shop_id)),
    ("hub.guid", |hub| Raw::Text(&hub.guid)),
    ("hub.is_historic", |hub| Raw::Truth(hub.is_historic)),
    (UNCOUNTED[0], |hub| Raw::Time(Some(hub.created_at))),
    (UNCOUNTED[1], |hub| Raw::Time(Some(hub.updated_at))),
];

static RELATION: &[(&str, RelationRead)] = &[
    ("person.email", |r| Raw::Text(&r.person.email)),
    ("person.gender", |r| Raw::Text(&r.person.gender)),
    ("person.firstname", |r| Raw::Text(&r.person.firstname)),
    ("person.middlename", |r| Raw::Text(&r.person.middlename)),
    ("person.lastname", |r| Raw::Text(&r.person.lastname)),
    ("person.phone", |r| Raw::Text(&r.person.phone)),
    ("person.mobile", |r| Raw::Text(&r.person.mobile)),
    ("person.birth_date", |r| Raw::Date(&r.person.birth_date)),
    ("person.is_company", |r| Raw::Truth(r.person.is_company)),
    ("person.company_name", |r| Raw::Text(&r.person.company_name)),
    ("person.company_coc_number", |r| {
        Raw::Text(&r.person.company_coc_number)
    }),
    ("person.company_vat_number", |r| {
        Raw::Text(&r.person.company_vat_number)
    }),
    ("person.billing.name", |r| Raw::Text(&r.person.billing.name)),
    ("person.billing.company", |r| Raw::Text(&r.person.billing.company)),
    ("person.billing.street", |r| Raw::Text(&r.person.billing.street)),
    ("person.billing.street2", |r| Raw::Text(&r.person.billing.street2)),
    ("person.billing.number", |r| Raw::Text(&r.person.billing.number)),
    ("person.billing.extension", |r| {
        Raw::Text(&r.person.billing.extension)
    }),
    ("person.billing.zipcode", |r| Raw::Text(&r.person.billing.zipcode)),
    ("person.billing.city", |r| Raw::Text(&r.person.billing.city)),
    ("person.billing.region", |r| Raw::Text(&r.person.billing.region)),
    ("person.billing.country_code", |r| {
        Raw::Text(&r.person.billing.country_code)
    }),
    ("person.billing.country_title", |r| {
        Raw::Text(&r.person.billing.country_title)
    }),
    ("person.shipping.name", |r| Raw::Text(&r.person.shipping.name)),
    ("person.shipping.company", |r| {
        Raw::Text(&r.person.shipping.company)
    }),
    ("person.shipping.street", |r| Raw::Text(&r.person.shipping.street)),
    ("person.shipping.street2", |r| {
        Raw::Text(&r.person.shipping.street2)
    }),
    ("person.shipping.number", |r| Raw::Text(&r.person.shipping.number)),
    ("person.shipping.extension", |r| {
        Raw::Text(&r.person.shipping.extension)
    }),
    ("person.shipping.zipcode", |r| {
        Raw::Text(&r.person.shipping.zipcode)
    }),
    ("person.shipping.city", |r| Raw::Text(&r.person.shipping.city)),
    ("person.shipping.region", |r| Raw::Text(&r.person.shipping.region)),
    ("person.shipping.country_code", |r| {
        Raw::Text(&r.person.shipping.country_code)
    }),
    ("person.shipping.country_title", |r| {
        Raw::Text(&r.person.shipping.country_title)
    }),
    ("person.language.code", |r| Raw::Text(&r.person.language.code)),
    ("person.language.title", |r| Raw::Text(&r.person.language.title)),
    ("relation.newsletter", |r| Raw::Truth(r.newsletter)),
    ("relation.customer_id", |r| Raw::Number(r.customer_id)),
    ("relation.subscriber_id", |r| Raw::Number(r.subscriber_id)),
    ("relation.customer_type", |r| Raw::Text(&r.customer_type)),
    ("relation.is_confirmed_customer", |r| {
        Raw::Truth(r.is_confirmed_customer)
    }),
    ("relation.is_confirmed_subscriber", |r| {
        Raw::Truth(r.is_confirmed_subscriber)
    }),
    ("relation.customer_created_at", |r| {
        Raw::Time(r.customer_created_at)
    }),
    ("relation.customer_updated_at", |r| {
        Raw::Time(r.customer_updated_at)
    }),
    ("relation.subscriber_created_at", |r| {
        Raw::Time(r.subscriber_created_at)
    }),
    ("relation.last_online_at", |r| Raw::Time(r.last_online_at)),
    ("relation.is_customer_deleted", |r| {
        Raw::Truth(r.is_customer_deleted)
    }),
];

static ORDER: &[(&str, OrderRead)] = &[
    ("order.id", |o| Raw::Number(o.id)),
    ("order.number", |o| Raw::Text(&o.order.number)),
    ("order.status", |o| Raw::Text(&o.order.status)),
    ("order.channel", |o| Raw::Text(&o.order.channel)),
    ("order.referral_id", |o| Raw::Text(&o.order.referral_id)),
    ("order.price_cost", |o| Raw::Amount(&o.order.price_cost.0)),
    ("order.price_excl", |o| Raw::Amount(&o.order.price_excl.0)),
    ("order.price_incl", |o| Raw::Amount(&o.order.price_incl.0)),
    ("order.is_discounted", |o| Raw::Truth(o.order.is_discounted)),
    ("order.discount_type", |o| Raw::Text(&o.order.discount_type)),
    ("order.discount_amount", |o| {
        Raw::Amount(&o.order.discount_amount.0)
    }),
    ("order.discount_percentage", |o| {
        Raw::Amount(&o.order.discount_percentage.0)
    }),
    ("order.discount_coupon_code", |o| {
        Raw::Text(&o.order.discount_coupon_code)
    }),
    ("order.weight", |o| Raw::Amount(&o.order.weight.0)),
    ("order.volume", |o| Raw::Amount(&o.order.volume.0)),
    ("order.colli", |o| Raw::Amount(&o.order.colli.0)),
    ("order.payment_method", |o| Raw::Text(&o.order.payment_method)),
    ("order.payment_id", |o| Raw::Text(&o.order.payment_id)),
    ("order.payment_title", |o| Raw::Text(&o.order.payment_title)),
    ("order.payment_status", |o| Raw::Text(&o.order.payment_status)),
    ("order.shipment_title", |o| Raw::Text(&o.order.shipment_title)),
    ("order.shipment_status", |o| Raw::Text(&o.order.shipment_status)),
    ("order.recovery_hash", |o| Raw::Text(o.recovery_hash)),
    ("order.shipment.notify_shipped", |o| {
        Raw::Truth(
            o.newest_shipment()
                .is_some_and(|shipment| shipment.notify_shipped),
        )
    }),
    ("order.shipment.notify_tracking_code", |o| {
        Raw::Truth(
            o.newest_shipment()
                .is_some_and(|shipment| shipment.notify_tracking_code),
        )
    }),
    ("order.shipment.tracking_code", |o| Raw::Text(o.tracking_code())),
    ("order.created_at", |o| Raw::Time(o.order.created_at)),
    ("order.updated_at", |o| Raw::Time(o.order.updated_at)),
    ("order.is_deleted", |o| Raw::Truth(o.is_deleted)),
];

static ROW: &[(&str, RowRead)] = &[
    ("row.id", |r| Raw::Number(r.row.id)),
    ("row.order_id", |r| Raw::Number(r.order_id)),
    ("row.order_number", |r| Raw::Number(r.order_number)),
    ("row.product_id", |r| Raw::Number(r.row.product_id)),
    ("row.product_title", |r| Raw::Text(&r.row.product_title)),
    ("row.product_url", |r| {
        Raw::Text(r.product.map_or("", |product| &product.url))
    }),
    ("row.thumbnail_url", |r| {
        Raw::Text(image(r.product, r.variant).map_or("", |image| &image.thumb))
    }),
    ("row.full_image_url", |r| {
        Raw::Text(image(r.product, r.variant).map_or("", |image| &image.src))
    }),
    ("row.variant_id", |r| Raw::Number(r.row.variant_id)),
    ("row.variant_title", |r| Raw::Text(&r.row.variant_title)),
    ("row.brand_title", |r| Raw::Text(&r.row.brand_title)),
    ("row.quantity_ordered", |r| Raw::Amount(&r.row.quantity_ordered.0)),
    ("row.quantity_invoiced", |r| {
        Raw::Amount(&r.row.quantity_invoiced.0)
    }),
    ("row.quantity_shipped", |r| Raw::Amount(&r.row.quantity_shipped.0)),
    ("row.quantity_returned", |r| {
        Raw::Amount(&r.row.quantity_returned.0)
    }),
    ("row.quantity_refunded", |r| {
        Raw::Amount(&r.row.quantity_refunded.0)
    }),
    ("row.article_code", |r| Raw::Text(&r.row.article_code)),
    ("row.sku", |r| Raw::Text(&r.row.sku)),
    ("row.ean", |r| Raw::Text(&r.row.ean)),
    ("row.weight", |r| Raw::Amount(&r.row.weight.0)),
    ("row.volume", |r| Raw::Amount(&r.row.volume.0)),
    ("row.colli", |r| Raw::Amount(&r.row.colli.0)),
    ("row.price_cost", |r| Raw::Amount(&r.row.price_cost.0)),
    ("row.base_price_excl", |r| Raw::Amount(&r.row.base_price_excl.0)),
    ("row.base_price_incl", |r| Raw::Amount(&r.row.base_price_incl.0)),
    ("row.price_excl", |r| Raw::Amount(&r.row.price_excl.0)),
    ("row.price_incl", |r| Raw::Amount(&r.row.price_incl.0)),
    ("row.custom_excl", |r| Raw::Amount(&r.row.custom_excl.0)),
    ("row.custom_incl", |r| Raw::Amount(&r.row.custom_incl.0)),
    ("row.discount_excl", |r| Raw::Amount(&r.row.discount_excl.0)),
    ("row.discount_incl", |r| Raw::Amount(&r.row.discount_incl.0)),
    ("row.is_deleted", |r| Raw::Truth(r.is_deleted)),
];

static QUOTE: &[(&str, QuoteRead)] = &[
    ("quote.id", |q| Raw::Number(q.id)),
    ("quote.recovery_hash", |q| Raw::Text(&q.quote.recovery_hash)),
    ("quote.created_at", |q| Raw::Time(q.quote.created_at)),
    ("quote.updated_at", |q| Raw::Time(q.quote.updated_at)),
    ("quote.is_gone", |q| Raw::Truth(q.is_gone)),
    ("quote.is_ordered", |q| Raw::Truth(q.is_ordered)),
    // No field of the set holds a cart's state, so an ordered cart counts as deleted (mission F10).
    ("quote.status", |q| Raw::Text(q.status())),
    ("quote.recovery_url", |q| Raw::Text(q.recovery_url)),
    ("quote.is_closed", |q| Raw::Truth(q.is_gone || q.is_ordered)),
];

static QUOTE_ROW: &[(&str, QuoteRowRead)] = &[
    ("row.id", |r| Raw::Number(r.row.id)),
    ("row.quote_id", |r| Raw::Number(r.quote_id)),
    ("row.product_id", |r| Raw::Number(r.row.product_id)),
    ("row.product_title", |r| {
        Raw::Text(r.product.map_or("", |product| &product.title))
    }),
    ("row.product_url", |r| {
        Raw::Text(r.product.map_or("", |product| &product.url))
    }),
    ("row.thumbnail_url", |r| {
        Raw::Text(image(r.product, r.variant).map_or("", |image| &image.thumb))
    }),
    ("row.full_image_url", |r| {
        Raw::Text(image(r.product, r.variant).map_or("", |image| &image.src))
    }),
    ("row.variant_id", |r| Raw::Number(r.row.variant_id)),
    ("row.variant_title", |r| {
        Raw::Text(r.variant.map_or("", |variant| &variant.title))
    }),
    ("row.quantity", |r| Raw::Amount(&r.row.quantity.0)),
    ("row.article_code", |r| {
        Raw::Text(r.variant.map_or("", |variant| &variant.article_code))
    }),
    ("row.sku", |r| {
        Raw::Text(r.variant.map_or("", |variant| &variant.sku))
    }),
    ("row.ean", |r| {
        Raw::Text(r.variant.map_or("", |variant| &variant.ean))
    }),
    ("row.price_excl", |r| Raw::Amount(&r.row.price_excl.0)),
    ("row.price_incl", |r| Raw::Amount(&r.row.price_incl.0)),
    ("row.discount_excl", |r| Raw::Amount(&r.row.discount_excl.0)),
    ("row.discount_incl", |r| Raw::Amount(&r.row.discount_incl.0)),
    ("row.is_deleted", |r| Raw::Truth(r.is_deleted)),
];

static GROUP: &[(&str, GroupRead)] = &[
    ("group.id", |g| Raw::Number(g.group_id)),
    ("group.is_gone", |g| Raw::Truth(g.is_gone)),
];

/// Gives the picture of a row: the product's, else the variant's, never half of each.
fn image<'a>(product: Option<&'a Product>, variant: Option<&'a Variant>) -> Option<&'a Image> {
    let product = product
        .map(|product| &product.image)
        .filter(|image| !image.is_empty());
    product.or_else(|| variant.map(|variant| &variant.image))
}

/// Finds what `path` reads in the table of `object`; `None` when there is no such path.
pub(crate) fn find(object: ObjectKind, path: &str) -> Option<Source> {
    fn look<R: Copy>(list: &[(&'static str, R)], path: &str, read: fn(R) -> Read) -> Option<Source> {
        let (path, found) = list.iter().find(|(known, _)| *known == path)?;
        Some(Source {
            path,
            read: read(*found),
        })
    }
    look(HUB, path, Read::Hub).or_else(|| match object {
        ObjectKind::Relation => look(RELATION, path, Read::Relation),
        ObjectKind::Order => look(ORDER, path, Read::Order),
        ObjectKind::OrderRow => look(ROW, path, Read::Row),
        ObjectKind::Quote => look(QUOTE, path, Read::Quote),
        ObjectKind::QuoteRow => look(QUOTE_ROW, path, Read::QuoteRow),
        ObjectKind::CustomerGroup => look(GROUP, path, Read::Group),
    })
}

/// Lists the paths that a table of `object` knows, for suggestions and pages.
pub(crate) fn known(object: ObjectKind) -> Vec<&'static str> {
    fn names<R>(list: &[(&'static str, R)]) -> Vec<&'static str> {
        list.iter().map(|(path, _)| *path).collect()
    }
    let mut paths = match object {
        ObjectKind::Relation => names(RELATION),
        ObjectKind::Order => names(ORDER),
        ObjectKind::OrderRow => names(ROW),
        ObjectKind::Quote => names(QUOTE),
        ObjectKind::QuoteRow => names(QUOTE_ROW),
        ObjectKind::CustomerGroup => names(GROUP),
    };
    paths.extend(names(HUB));
    paths
}

impl Source {
    /// Reads the value of an object that has nothing, and hands it to `use_it`: what kind of value a path gives
    /// does not depend on the object.
    pub(crate) fn sample<T>(&self, use_it: impl FnOnce(Raw<'_>) -> T) -> T {
        let (order, row, quote) = (Order::default(), OrderRow::default(), Quote::default());
        match self.read {
            Read::Hub(read) => use_it(read(&Hub {
                number: 0,
                shop_id: 0,
                guid: String::new(),
                is_historic: false,
                created_at: Timestamp::ZERO,
                updated_at: Timestamp::ZERO,
                zone: Zone::amsterdam(),
            })),
            Read::Relation(read) => use_it(read(&Relation::default())),
            Read::Order(read) => use_it(read(&OrderView {
                id: 0,
                order: &order,
                is_deleted: false,
                shipments: Vec::new(),
                recovery_hash: "",
            })),
            Read::Row(read) => use_it(read(&RowView {
                order_id: 0,
                order_number: 0,
                row: &row,
                is_deleted: false,
                product: None,
                variant: None,
            })),
            Read::Quote(read) => use_it(read(&QuoteView {
                id: 0,
                quote: &quote,
                is_gone: false,
                is_ordered: false,
                is_expired: false,
                recovery_url: "",
            })),
            Read::QuoteRow(read) => use_it(read(&QuoteRowView {
                quote_id: 0,
                row: &QuoteRow::default(),
                is_deleted: false,
                product: None,
                variant: None,
            })),
            Read::Group(read) => use_it(read(&GroupView {
                group_id: 0,
                is_gone: false,
            })),
        }
    }
}
