//! Customers, subscriptions and the person in an order.

use schakel_core::entity::{Address, Customer, Person, Subscription};
use schakel_core::record::{Content, Rank, RecordKind};

use super::super::wire::{AddressWire, CustomerWire, Maybe, PersonWire, Stamps, SubscriptionWire};
use super::read::{Place, Reader};
use super::{Job, Mapped};

impl<'a> Mapped<'a> for CustomerWire<'a> {
    const KIND: RecordKind = RecordKind::Customer;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let mut reader = job.reader(place);
        let customer = Customer {
            person: person(&mut reader, &self.person),
            customer_type: reader.text("type", self.kind),
            is_confirmed: Reader::flag(self.is_confirmed),
            created_at: moments.created,
            updated_at: moments.updated,
            last_online_at: reader.time("lastOnlineAt", self.last_online_at),
        };
        job.said(id, moments, rank, Content::Customer(Box::new(customer)))
    }
}

impl<'a> Mapped<'a> for SubscriptionWire<'a> {
    const KIND: RecordKind = RecordKind::Subscription;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let mut reader = job.reader(place);
        let subscription = Subscription {
            email: reader.email("email", self.email),
            firstname: reader.text("firstname", self.firstname),
            lastname: reader.text("lastname", self.lastname),
            language: reader.language("language", &self.language),
            is_confirmed: Reader::flag(self.is_confirmed),
            created_at: moments.created,
            updated_at: moments.updated,
        };
        job.said(id, moments, rank, Content::Subscription(Box::new(subscription)))
    }
}

/// Maps the fields of a person, of a customer or as the snapshot in an order.
pub(super) fn person(reader: &mut Reader<'_>, wire: &PersonWire<'_>) -> Person {
    Person {
        email: reader.email("email", wire.email),
        gender: reader.gender("gender", wire.gender),
        firstname: reader.text("firstname", wire.firstname),
        middlename: reader.text("middlename", wire.middlename),
        lastname: reader.text("lastname", wire.lastname),
        phone: reader.text("phone", wire.phone),
        mobile: reader.text("mobile", wire.mobile),
        birth_date: reader.date("birthDate", wire.birth_date),
        is_company: Reader::flag(wire.is_company),
        company_name: reader.text("companyName", wire.company_name),
        company_coc_number: reader.text("companyCoCNumber", wire.company_coc_number),
        company_vat_number: reader.text("companyVatNumber", wire.company_vat_number),
        billing: address(reader, &BILLING, &wire.billing),
        shipping: address(reader, &SHIPPING, &wire.shipping),
        language: reader.language("language", &wire.language),
    }
}

/// The names of an address's fields, in the order of [`AddressWire`].
type Names = [&'static str; 10];

const BILLING: Names = [
    "addressBillingName",
    "addressBillingCompany",
    "addressBillingStreet",
    "addressBillingStreet2",
    "addressBillingNumber",
    "addressBillingExtension",
    "addressBillingZipcode",
    "addressBillingCity",
    "addressBillingRegion",
    "addressBillingCountry",
];

const SHIPPING: Names = [
    "addressShippingName",
    "addressShippingCompany",
    "addressShippingStreet",
    "addressShippingStreet2",
    "addressShippingNumber",
    "addressShippingExtension",
    "addressShippingZipcode",
    "addressShippingCity",
    "addressShippingRegion",
    "addressShippingCountry",
];

fn address(reader: &mut Reader<'_>, names: &Names, wire: &AddressWire<'_>) -> Address {
    let [
        name,
        company,
        street,
        street2,
        number,
        extension,
        zipcode,
        city,
        region,
        country,
    ] = *names;
    let (country_code, country_title) = reader.country(country, &wire.country);
    Address {
        name: reader.text(name, wire.name),
        company: reader.text(company, wire.company),
        street: reader.text(street, wire.street),
        street2: reader.text(street2, wire.street2),
        number: reader.text(number, wire.number),
        extension: reader.text(extension, wire.extension),
        zipcode: reader.text(zipcode, wire.zipcode),
        city: reader.text(city, wire.city),
        region: region_of(reader, region, wire),
        country_code,
        country_title,
    }
}

/// The region as a text, else by the name or the code of its data, which orders of some countries have.
fn region_of(reader: &mut Reader<'_>, name: &str, wire: &AddressWire<'_>) -> String {
    let region = reader.text(name, wire.region);
    let Maybe(Some(data)) = &wire.region_data else {
        return region;
    };
    [data.title, data.code].into_iter().fold(region, |region, other| {
        if region.is_empty() {
            reader.text(name, other)
        } else {
            region
        }
    })
}
