//! Customers, and the personal block that orders share with them.

use crate::lightspeed::json::Out;
use crate::lightspeed::person::{Country, Person, Text};
use crate::lightspeed::state::Shop;

/// Whether the address block carries the region objects that only orders have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Regions {
    Absent,
    Written,
}

/// Writes the customer at `at` as an object.
pub(crate) fn customer(out: &mut Out<'_>, shop: &Shop, at: usize) {
    let Some(record) = shop.customers.get(at) else {
        return;
    };
    let id = shop.customers.id(at);
    out.open();
    out.int("id", id);
    out.time("createdAt", record.created_s);
    out.time("updatedAt", record.updated_s);
    out.bool("isConfirmed", record.is_confirmed);
    out.text("type", if record.is_guest { "guest" } else { "registered" });
    match record.last_online_s {
        Some(at_s) => out.time("lastOnlineAt", at_s),
        None => out.raw("lastOnlineAt", "null"),
    }
    super::remote_ip(out, record.remote_ip);
    out.text_or_false(
        "userAgent",
        if record.remote_ip == 0 {
            ""
        } else {
            super::USER_AGENT
        },
    );
    shop.written.of("customers", id).write(out, "referralId", "false");
    person_head(out, &record.person);
    person_company(out, &record.person);
    addresses(out, &record.person, Regions::Absent);
    let memo = record.person.text(Text::Memo);
    if memo.is_empty() && record.is_guest {
        out.raw("memo", "null");
    } else {
        out.text("memo", memo);
    }
    let [registered, confirmed, password] = record.notify;
    out.bool("doNotifyRegistered", registered);
    out.bool("doNotifyConfirmed", confirmed);
    out.bool("doNotifyPassword", password);
    out.link_filter("groups", "groups/customers", "customer", id);
    out.link_filter("invoices", "invoices", "customer", id);
    out.raw(
        "language",
        record.language.map_or("false", |language| language.json()),
    );
    for list in ["orders", "reviews", "shipments", "tickets"] {
        out.link_filter(list, list, "customer", id);
    }
    out.link_sub("metafields", "customers", id, "metafields");
    out.link_sub("login", "customers", id, "login");
    out.close();
}

/// Writes gender to mobile.
pub(super) fn person_head(out: &mut Out<'_>, person: &Person) {
    out.text_or_false("gender", person.gender.map_or("", |gender| gender.word()));
    out.text_or_false("birthDate", person.text(Text::BirthDate));
    out.text("nationalId", person.text(Text::NationalId));
    out.text("email", person.text(Text::Email));
    out.text("firstname", person.text(Text::Firstname));
    out.text("middlename", person.text(Text::Middlename));
    out.text("lastname", person.text(Text::Lastname));
    out.text("phone", person.text(Text::Phone));
    out.text("mobile", person.text(Text::Mobile));
}

/// Writes isCompany to companyVatNumber.
pub(super) fn person_company(out: &mut Out<'_>, person: &Person) {
    out.bool("isCompany", person.is_company);
    out.text("companyName", person.text(Text::CompanyName));
    out.text("companyCoCNumber", person.text(Text::CompanyCocNumber));
    out.text("companyVatNumber", person.text(Text::CompanyVatNumber));
}

/// Writes both addresses.
pub(super) fn addresses(out: &mut Out<'_>, person: &Person, regions: Regions) {
    out.text("addressBillingName", person.text(Text::BillingName));
    out.text("addressBillingStreet", person.text(Text::BillingStreet));
    out.text("addressBillingStreet2", person.text(Text::BillingStreet2));
    out.text("addressBillingNumber", person.text(Text::BillingNumber));
    out.text("addressBillingExtension", person.text(Text::BillingExtension));
    out.text("addressBillingZipcode", person.text(Text::BillingZipcode));
    out.text("addressBillingCity", person.text(Text::BillingCity));
    out.text("addressBillingRegion", person.text(Text::BillingRegion));
    country(out, "addressBillingCountry", person.billing_country);
    if regions == Regions::Written {
        out.raw("addressBillingRegionData", "false");
    }
    out.text_or_false("addressShippingCompany", person.text(Text::ShippingCompany));
    out.text("addressShippingName", person.text(Text::ShippingName));
    out.text("addressShippingStreet", person.text(Text::ShippingStreet));
    out.text("addressShippingStreet2", person.text(Text::ShippingStreet2));
    out.text("addressShippingNumber", person.text(Text::ShippingNumber));
    out.text("addressShippingExtension", person.text(Text::ShippingExtension));
    out.text("addressShippingZipcode", person.text(Text::ShippingZipcode));
    out.text("addressShippingCity", person.text(Text::ShippingCity));
    out.text("addressShippingRegion", person.text(Text::ShippingRegion));
    country(out, "addressShippingCountry", person.shipping_country);
    if regions == Regions::Written {
        out.raw("addressShippingRegionData", "false");
    }
}

fn country(out: &mut Out<'_>, key: &str, country: Option<Country>) {
    out.raw(key, country.map_or("false", Country::json));
}
