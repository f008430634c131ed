//! The small records: subscriptions, groups, memberships, webhooks.

use crate::lightspeed::json::Out;
use crate::lightspeed::state::Shop;

/// Writes the subscription at `at` as an object.
pub(crate) fn subscription(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.subscriptions.get(at) else {
        return;
    };
    out.open();
    out.int("id", shop.subscriptions.id(at));
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.bool("isConfirmed", record.is_confirmed);
    out.text("email", &record.email);
    out.text("firstname", &record.firstname);
    out.text("lastname", &record.lastname);
    out.bool("doNotifyConfirmed", record.do_notify);
    out.raw(
        "language",
        record.language.map_or("false", |language| language.json()),
    );
    out.close();
}

/// Writes the group at `at` as an object.
pub(crate) fn group(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.groups.get(at) else { return };
    let id = shop.groups.id(at);
    out.open();
    out.int("id", id);
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.text("title", &record.title);
    out.link_filter("customers", "groups/customers", "group", id);
    out.close();
}

/// Writes the membership at `at` as an object; it has no times (lightspeed-ecom.md §8 #40).
pub(crate) fn membership(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.memberships.get(at) else {
        return;
    };
    out.open();
    out.int("id", shop.memberships.id(at));
    out.link_one("group", "groups", shop.groups.id(record.group));
    out.link_one("customer", "customers", shop.customers.id(record.customer));
    out.close();
}

/// Writes the webhook registration at `at` as an object.
pub(crate) fn webhook(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.webhooks.get(at) else {
        return;
    };
    out.open();
    out.int("id", shop.webhooks.id(at));
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.bool("isActive", record.is_active);
    out.text("itemGroup", record.group);
    out.text("itemAction", record.action);
    out.raw("language", record.language.json());
    out.text("format", record.format);
    out.text("address", &record.address);
    out.close();
}
