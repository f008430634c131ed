//! The collections: what a list, a count and a single GET need to know of each.

use super::query::Query;
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
use crate::lightspeed::span::Span;
use crate::lightspeed::state::Shop;
use crate::lightspeed::write::{self, For};

/// A collection of records with ascending ids.
pub(crate) struct Collection {
    /// Envelope of one record.
    pub(crate) singular: &'static str,
    /// Envelope of a list.
    pub(crate) plural: &'static str,
    /// How many positions there are.
    pub(crate) positions: fn(&Shop) -> usize,
    /// The id at a position, whether alive or not.
    pub(crate) id: fn(&Shop, usize) -> u64,
    /// Whether the record lives and fits the filters, the times included.
    pub(crate) is_meant: fn(&Shop, usize, &Query) -> bool,
    /// What is known of all records from a position on, where a summarised block begins.
    pub(crate) span: fn(&Shop, usize) -> Option<Span>,
    /// Writes the record as an object.
    pub(crate) write: fn(&mut Out<'_>, &Shop, usize, Language),
}

/// Finds the collection at a path.
pub(crate) fn collection(path: &str) -> Option<&'static Collection> {
    Some(match path {
        "customers" => &CUSTOMERS,
        "groups" => &GROUPS,
        "groups/customers" => &MEMBERSHIPS,
        "subscriptions" => &SUBSCRIPTIONS,
        "orders" => &ORDERS,
        "quotes" => &QUOTES,
        "invoices" => &INVOICES,
        "shipments" => &SHIPMENTS,
        "products" => &PRODUCTS,
        "variants" => &VARIANTS,
        "variants/movements" => &MOVEMENTS,
        "catalog" => &CATALOG,
        "webhooks" => &WEBHOOKS,
        _ => return None,
    })
}

static CUSTOMERS: Collection = Collection {
    singular: "customer",
    plural: "customers",
    positions: |shop| shop.customers.positions(),
    id: |shop, at| shop.customers.id(at),
    is_meant: |shop, at, query| {
        shop.customers.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.updated_s)
                && query.text_fits_any_case("email", record.person.email())
        })
    },
    span: |shop, at| shop.customers.span(at),
    write: |out, shop, at, _| write::customer(out, shop, at),
};

static GROUPS: Collection = Collection {
    singular: "group",
    plural: "groups",
    positions: |shop| shop.groups.positions(),
    id: |shop, at| shop.groups.id(at),
    is_meant: |shop, at, query| {
        shop.groups
            .get(at)
            .is_some_and(|record| query.holds(record.created_s, record.updated_s))
    },
    span: |_, _| None,
    write: |out, shop, at, _| write::group(out, shop, at),
};

/// Memberships have no times, so no time filter applies (lightspeed-ecom.md §3.4).
static MEMBERSHIPS: Collection = Collection {
    singular: "groupsCustomer",
    plural: "groupsCustomers",
    positions: |shop| shop.memberships.positions(),
    id: |shop, at| shop.memberships.id(at),
    is_meant: |shop, at, query| {
        shop.memberships.get(at).is_some_and(|record| {
            query.id_fits("group", Some(shop.groups.id(record.group)))
                && query.id_fits("customer", Some(shop.customers.id(record.customer)))
        })
    },
    span: |_, _| None,
    write: |out, shop, at, _| write::membership(out, shop, at),
};

static SUBSCRIPTIONS: Collection = Collection {
    singular: "subscription",
    plural: "subscriptions",
    positions: |shop| shop.subscriptions.positions(),
    id: |shop, at| shop.subscriptions.id(at),
    is_meant: |shop, at, query| {
        shop.subscriptions
            .get(at)
            .is_some_and(|record| query.holds(record.created_s, record.updated_s))
    },
    span: |shop, at| shop.subscriptions.span(at),
    write: |out, shop, at, _| write::subscription(out, shop, at),
};

static ORDERS: Collection = Collection {
    singular: "order",
    plural: "orders",
    positions: |shop| shop.orders.positions(),
    id: |shop, at| shop.orders.id(at),
    is_meant: |shop, at, query| {
        shop.orders.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.updated_s)
                && query.id_fits("customer", shop.customer_id(record.customer))
                && query.text_fits("status", record.status.word())
                && query.made_text_fits("number", || format!("ORD{:05}", record.number))
        })
    },
    span: |shop, at| shop.orders.span(at),
    write: |out, shop, at, _| write::order(out, shop, at, For::Answer),
};

static QUOTES: Collection = Collection {
    singular: "quote",
    plural: "quotes",
    positions: |shop| shop.quotes.positions(),
    id: |shop, at| shop.quotes.id(at),
    is_meant: |shop, at, query| {
        shop.quotes
            .get(at)
            .is_some_and(|record| query.holds(record.created_s, record.updated_s))
    },
    span: |shop, at| shop.quotes.span(at),
    write: |out, shop, at, _| write::quote(out, shop, at),
};

/// The invoices of the orders, then the credit invoices.
static INVOICES: Collection = Collection {
    singular: "invoice",
    plural: "invoices",
    positions: |shop| shop.orders.positions() + shop.credits.positions(),
    id: |shop, at| match at.checked_sub(shop.orders.positions()) {
        None => shop.invoice_id(at),
        Some(place) => shop.credits.id(place),
    },
    is_meant: |shop, at, query| {
        let credit = at.checked_sub(shop.orders.positions());
        let (order, times, number) = match credit {
            None => match shop.orders.get(at) {
                Some(order) => (
                    at,
                    (order.created_s, order.invoice_updated_s),
                    ("INV", u64::from(order.number), None),
                ),
                None => return false,
            },
            Some(place) => match shop.credits.get(place) {
                Some(credit) => (
                    credit.order as usize,
                    (credit.created_s, credit.updated_s),
                    ("CR", place as u64 + 1, None),
                ),
                None => return false,
            },
        };
        is_paper_meant(shop, order, times, number, query)
    },
    span: |shop, at| shop.orders.span(at),
    write: |out, shop, at, _| match at.checked_sub(shop.orders.positions()) {
        None => write::invoice(out, shop, at),
        Some(place) => write::credit(out, shop, place),
    },
};

/// The first shipments of the orders, then the further ones.
static SHIPMENTS: Collection = Collection {
    singular: "shipment",
    plural: "shipments",
    positions: |shop| shop.orders.positions() + shop.parcels.positions(),
    id: |shop, at| match at.checked_sub(shop.orders.positions()) {
        None => shop.shipment_id(at),
        Some(place) => shop.parcels.id(place),
    },
    is_meant: |shop, at, query| {
        let (order, times, part) = match at.checked_sub(shop.orders.positions()) {
            None => match shop.orders.get(at) {
                Some(order) => (at, (order.created_s, order.shipment_updated_s), None),
                None => return false,
            },
            Some(place) => match shop.parcels.get(place) {
                Some(parcel) => (
                    parcel.order as usize,
                    (parcel.created_s, parcel.updated_s),
                    Some(place + 2),
                ),
                None => return false,
            },
        };
        let number = shop.orders.get(order).map_or(0, |order| u64::from(order.number));
        is_paper_meant(shop, order, times, ("SHIP", number, part), query)
    },
    span: |shop, at| shop.orders.span(at),
    write: |out, shop, at, _| match at.checked_sub(shop.orders.positions()) {
        None => write::shipment(out, shop, at, For::Answer),
        Some(place) => write::parcel(out, shop, place, For::Answer),
    },
};

/// Movements have no `updatedAt` (lightspeed-ecom.md §5.12).
static MOVEMENTS: Collection = Collection {
    singular: "variantsMovement",
    plural: "variantsMovements",
    positions: |shop| shop.movements.positions(),
    id: |shop, at| shop.movements.id(at),
    is_meant: |shop, at, query| {
        shop.movements.get(at).is_some_and(|record| {
            let variant = record.variant as usize;
            let product = shop
                .variants
                .ever(variant)
                .map(|variant| shop.products.id(variant.product as usize));
            query.holds(record.created_s, record.created_s)
                && query.id_fits("variant", Some(shop.variants.id(variant)))
                && query.id_fits("product", product)
        })
    },
    span: |_, _| None,
    write: |out, shop, at, _| write::movement(out, shop, at),
};

/// Products with what belongs to them, for feeds.
static CATALOG: Collection = Collection {
    singular: "product",
    plural: "products",
    write: |out, shop, at, language| write::catalog(out, shop, at, language),
    ..PRODUCTS
};

/// The number of a paper: what it begins with, the figure, and which part of several it is.
type PaperNumber = (&'static str, u64, Option<usize>);

/// Says whether a paper of the order at `order` fits the filters papers have.
fn is_paper_meant(
    shop: &Shop,
    order: usize,
    times: (i64, i64),
    (prefix, figure, part): PaperNumber,
    query: &Query,
) -> bool {
    let number = || match part {
        None => format!("{prefix}{figure:05}"),
        Some(part) => format!("{prefix}{figure:05}-{part}"),
    };
    shop.orders.get(order).is_some_and(|record| {
        query.holds(times.0, times.1)
            && query.id_fits("order", Some(shop.orders.id(order)))
            && query.id_fits("customer", shop.customer_id(record.customer))
            && query.made_text_fits("number", number)
    })
}

const PRODUCTS: Collection = Collection {
    singular: "product",
    plural: "products",
    positions: |shop| shop.products.positions(),
    id: |shop, at| shop.products.id(at),
    is_meant: |shop, at, query| {
        shop.products.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.updated_s) && query.id_fits("brand", record.brand)
        })
    },
    span: |_, _| None,
    write: |out, shop, at, language| write::product(out, shop, at, For::Answer, language),
};

static VARIANTS: Collection = Collection {
    singular: "variant",
    plural: "variants",
    positions: |shop| shop.variants.positions(),
    id: |shop, at| shop.variants.id(at),
    is_meant: |shop, at, query| {
        shop.variants.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.updated_s)
                && query.id_fits("product", Some(shop.products.id(record.product as usize)))
                && query.text_fits("sku", &record.sku)
                && query.text_fits("article_code", &record.article_code)
                && query.text_fits("ean", &record.ean)
                && query.text_fits("hs", &hs_of(shop, at))
        })
    },
    span: |_, _| None,
    write: |out, shop, at, _| write::variant(out, shop, at),
};

/// Returns the code of the Harmonised System that was written for the variant at `at`.
fn hs_of(shop: &Shop, at: usize) -> String {
    let kept = shop.written.of("variants", shop.variants.id(at));
    kept.text("hs").unwrap_or_default()
}

static WEBHOOKS: Collection = Collection {
    singular: "webhook",
    plural: "webhooks",
    positions: |shop| shop.webhooks.positions(),
    id: |shop, at| shop.webhooks.id(at),
    is_meant: |shop, at, query| {
        shop.webhooks
            .get(at)
            .is_some_and(|record| query.holds(record.created_s, record.updated_s))
    },
    span: |_, _| None,
    write: |out, shop, at, _| write::webhook(out, shop, at),
};
