//! The collections: what a list, a count and a single GET need to know of each.

use super::query::Query;
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
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
                && query.text_fits("number", &format!("ORD{:05}", record.number))
        })
    },
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
    write: |out, shop, at, _| write::quote(out, shop, at),
};

static INVOICES: Collection = Collection {
    singular: "invoice",
    plural: "invoices",
    positions: |shop| shop.orders.positions(),
    id: |shop, at| shop.invoice_id(at),
    is_meant: |shop, at, query| {
        shop.orders.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.invoice_updated_s)
                && query.id_fits("order", Some(shop.orders.id(at)))
                && query.id_fits("customer", shop.customer_id(record.customer))
                && query.text_fits("number", &format!("INV{:05}", record.number))
        })
    },
    write: |out, shop, at, _| write::invoice(out, shop, at),
};

static SHIPMENTS: Collection = Collection {
    singular: "shipment",
    plural: "shipments",
    positions: |shop| shop.orders.positions(),
    id: |shop, at| shop.shipment_id(at),
    is_meant: |shop, at, query| {
        shop.orders.get(at).is_some_and(|record| {
            query.holds(record.created_s, record.shipment_updated_s)
                && query.id_fits("order", Some(shop.orders.id(at)))
                && query.id_fits("customer", shop.customer_id(record.customer))
                && query.text_fits("number", &format!("SHIP{:05}", record.number))
        })
    },
    write: |out, shop, at, _| write::shipment(out, shop, at, For::Answer),
};

static PRODUCTS: Collection = Collection {
    singular: "product",
    plural: "products",
    positions: |shop| shop.products.positions(),
    id: |shop, at| shop.products.id(at),
    is_meant: |shop, at, query| {
        shop.products.get(at).is_some_and(|record| {
            let brand = record.brand.map(write::brand_id);
            query.holds(record.created_s, record.updated_s) && query.id_fits("brand", brand)
        })
    },
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
        })
    },
    write: |out, shop, at, _| write::variant(out, shop, at),
};

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
    write: |out, shop, at, _| write::webhook(out, shop, at),
};
