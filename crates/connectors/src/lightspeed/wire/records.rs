//! The records, each with the fields that the hub uses and no other (lightspeed-ecom.md §5).
//!
//! `nationalId`, `remoteIp` and `userAgent` are left out on purpose: what is not read can't leak.

use serde::de::MapAccess;

use super::carts::QuoteWire;
use super::stamps::Stamps;
use super::{Enveloped, GROUPS_KEY, Link, Many, Maybe, Plain, Raw, Wire};

/// A country, language or region: a code with a name.
#[derive(Debug, Clone, Default)]
pub struct Named<'a> {
    pub code: Raw<'a>,
    /// `title` of countries and languages, `name` of regions.
    pub title: Raw<'a>,
}

impl<'de> Wire<'de> for Named<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "code" => self.code = map.next_value()?,
            "title" | "name" => self.title = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields `addressBilling…` or `addressShipping…` without that start of their names.
#[derive(Debug, Clone, Default)]
pub struct AddressWire<'a> {
    pub name: Raw<'a>,
    pub company: Raw<'a>,
    pub street: Raw<'a>,
    pub street2: Raw<'a>,
    pub number: Raw<'a>,
    pub extension: Raw<'a>,
    pub zipcode: Raw<'a>,
    pub city: Raw<'a>,
    pub region: Raw<'a>,
    pub region_data: Maybe<Named<'a>>,
    pub country: Maybe<Named<'a>>,
}

impl<'de> Wire<'de> for AddressWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "Name" => self.name = map.next_value()?,
            "Company" => self.company = map.next_value()?,
            "Street" => self.street = map.next_value()?,
            "Street2" => self.street2 = map.next_value()?,
            "Number" => self.number = map.next_value()?,
            "Extension" => self.extension = map.next_value()?,
            "Zipcode" => self.zipcode = map.next_value()?,
            "City" => self.city = map.next_value()?,
            "Region" => self.region = map.next_value()?,
            "RegionData" => self.region_data = map.next_value()?,
            "Country" => self.country = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields of a person, which customers and orders have alike.
#[derive(Debug, Clone, Default)]
pub struct PersonWire<'a> {
    pub email: Raw<'a>,
    pub gender: Raw<'a>,
    pub firstname: Raw<'a>,
    pub middlename: Raw<'a>,
    pub lastname: Raw<'a>,
    pub phone: Raw<'a>,
    pub mobile: Raw<'a>,
    pub birth_date: Raw<'a>,
    pub is_company: Raw<'a>,
    pub company_name: Raw<'a>,
    pub company_coc_number: Raw<'a>,
    pub company_vat_number: Raw<'a>,
    pub language: Maybe<Named<'a>>,
    pub billing: AddressWire<'a>,
    pub shipping: AddressWire<'a>,
}

impl<'de> Wire<'de> for PersonWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if let Some(part) = key.strip_prefix("addressBilling") {
            return self.billing.read(part, map);
        }
        if let Some(part) = key.strip_prefix("addressShipping") {
            return self.shipping.read(part, map);
        }
        match key {
            "email" => self.email = map.next_value()?,
            "gender" => self.gender = map.next_value()?,
            "firstname" => self.firstname = map.next_value()?,
            "middlename" => self.middlename = map.next_value()?,
            "lastname" => self.lastname = map.next_value()?,
            "phone" => self.phone = map.next_value()?,
            "mobile" => self.mobile = map.next_value()?,
            "birthDate" => self.birth_date = map.next_value()?,
            "isCompany" => self.is_company = map.next_value()?,
            "companyName" => self.company_name = map.next_value()?,
            "companyCoCNumber" => self.company_coc_number = map.next_value()?,
            "companyVatNumber" => self.company_vat_number = map.next_value()?,
            "language" => self.language = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A customer (§5.4).
#[derive(Debug, Clone, Default)]
pub struct CustomerWire<'a> {
    pub stamps: Stamps<'a>,
    pub last_online_at: Raw<'a>,
    pub kind: Raw<'a>,
    pub is_confirmed: Raw<'a>,
    pub person: PersonWire<'a>,
}

impl Enveloped for CustomerWire<'_> {
    const KEY: &'static str = "customer";
}

impl<'de> Wire<'de> for CustomerWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "lastOnlineAt" => self.last_online_at = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "isConfirmed" => self.is_confirmed = map.next_value()?,
            _ => return Ok(self.stamps.read(key, map)? || self.person.read(key, map)?),
        }
        Ok(true)
    }
}

/// A newsletter subscription (§5.6).
#[derive(Debug, Clone, Default)]
pub struct SubscriptionWire<'a> {
    pub stamps: Stamps<'a>,
    pub is_confirmed: Raw<'a>,
    pub email: Raw<'a>,
    pub firstname: Raw<'a>,
    pub lastname: Raw<'a>,
    pub language: Maybe<Named<'a>>,
}

impl Enveloped for SubscriptionWire<'_> {
    const KEY: &'static str = "subscription";
}

impl<'de> Wire<'de> for SubscriptionWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "isConfirmed" => self.is_confirmed = map.next_value()?,
            "email" => self.email = map.next_value()?,
            "firstname" => self.firstname = map.next_value()?,
            "lastname" => self.lastname = map.next_value()?,
            "language" => self.language = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// An order (§5.7).
#[derive(Debug, Clone, Default)]
pub struct OrderWire<'a> {
    pub stamps: Stamps<'a>,
    pub number: Raw<'a>,
    pub status: Raw<'a>,
    pub channel: Raw<'a>,
    pub referral_id: Raw<'a>,
    pub price_cost: Raw<'a>,
    pub price_excl: Raw<'a>,
    pub price_incl: Raw<'a>,
    pub is_discounted: Raw<'a>,
    pub discount_type: Raw<'a>,
    pub discount_amount: Raw<'a>,
    pub discount_percentage: Raw<'a>,
    pub discount_coupon_code: Raw<'a>,
    pub weight: Raw<'a>,
    pub volume: Raw<'a>,
    pub colli: Raw<'a>,
    pub payment_id: Raw<'a>,
    pub payment_title: Raw<'a>,
    pub payment_status: Raw<'a>,
    pub payment_data: Raw<'a>,
    pub payment_price_incl: Raw<'a>,
    pub shipment_title: Raw<'a>,
    pub shipment_status: Raw<'a>,
    pub shipment_price_incl: Raw<'a>,
    pub gift_cards: Raw<'a>,
    pub newsletter_subscribed: Raw<'a>,
    pub person: PersonWire<'a>,
    pub customer: Maybe<Link<'a, Maybe<CustomerWire<'a>>>>,
    pub quote: Maybe<Link<'a, Maybe<QuoteWire<'a>>>>,
    pub shipments: Maybe<Link<'a, Many<ShipmentWire<'a>>>>,
    pub invoices: Maybe<Link<'a, Many<InvoiceWire<'a>>>>,
    pub products: Maybe<Link<'a, Many<RowWire<'a>>>>,
}

impl Enveloped for OrderWire<'_> {
    const KEY: &'static str = "order";
}

impl<'de> Wire<'de> for OrderWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "number" => self.number = map.next_value()?,
            "status" => self.status = map.next_value()?,
            "channel" => self.channel = map.next_value()?,
            "referralId" => self.referral_id = map.next_value()?,
            "priceCost" => self.price_cost = map.next_value()?,
            "priceExcl" => self.price_excl = map.next_value()?,
            "priceIncl" => self.price_incl = map.next_value()?,
            "isDiscounted" => self.is_discounted = map.next_value()?,
            "discountType" => self.discount_type = map.next_value()?,
            "discountAmount" => self.discount_amount = map.next_value()?,
            "discountPercentage" => self.discount_percentage = map.next_value()?,
            "discountCouponCode" => self.discount_coupon_code = map.next_value()?,
            "weight" => self.weight = map.next_value()?,
            "volume" => self.volume = map.next_value()?,
            "colli" => self.colli = map.next_value()?,
            "paymentId" => self.payment_id = map.next_value()?,
            "paymentTitle" => self.payment_title = map.next_value()?,
            "paymentStatus" => self.payment_status = map.next_value()?,
            "paymentData" => self.payment_data = map.next_value()?,
            "paymentPriceIncl" => self.payment_price_incl = map.next_value()?,
            "shipmentTitle" => self.shipment_title = map.next_value()?,
            "shipmentStatus" => self.shipment_status = map.next_value()?,
            "shipmentPriceIncl" => self.shipment_price_incl = map.next_value()?,
            "giftCardsPayment" => self.gift_cards = map.next_value()?,
            "newsletterSubscribed" => self.newsletter_subscribed = map.next_value()?,
            "customer" => self.customer = map.next_value()?,
            "quote" => self.quote = map.next_value()?,
            "shipments" => self.shipments = map.next_value()?,
            "invoices" => self.invoices = map.next_value()?,
            "products" => self.products = map.next_value()?,
            _ => return Ok(self.stamps.read(key, map)? || self.person.read(key, map)?),
        }
        Ok(true)
    }
}

/// A row of an order (§5.8).
#[derive(Debug, Clone, Default)]
pub struct RowWire<'a> {
    pub id: Raw<'a>,
    pub product: Maybe<Link<'a, Plain>>,
    pub variant: Maybe<Link<'a, Plain>>,
    pub product_title: Raw<'a>,
    pub variant_title: Raw<'a>,
    pub brand_title: Raw<'a>,
    pub article_code: Raw<'a>,
    pub sku: Raw<'a>,
    pub ean: Raw<'a>,
    pub quantity_ordered: Raw<'a>,
    pub quantity_invoiced: Raw<'a>,
    pub quantity_shipped: Raw<'a>,
    pub quantity_returned: Raw<'a>,
    pub quantity_refunded: Raw<'a>,
    pub weight: Raw<'a>,
    pub volume: Raw<'a>,
    pub colli: Raw<'a>,
    pub price_cost: Raw<'a>,
    pub base_price_excl: Raw<'a>,
    pub base_price_incl: Raw<'a>,
    pub price_excl: Raw<'a>,
    pub price_incl: Raw<'a>,
    pub custom_excl: Raw<'a>,
    pub custom_incl: Raw<'a>,
    pub discount_excl: Raw<'a>,
    pub discount_incl: Raw<'a>,
}

impl<'de> Wire<'de> for RowWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "product" => self.product = map.next_value()?,
            "variant" => self.variant = map.next_value()?,
            "productTitle" => self.product_title = map.next_value()?,
            "variantTitle" => self.variant_title = map.next_value()?,
            "brandTitle" => self.brand_title = map.next_value()?,
            "articleCode" => self.article_code = map.next_value()?,
            "sku" => self.sku = map.next_value()?,
            "ean" => self.ean = map.next_value()?,
            "quantityOrdered" => self.quantity_ordered = map.next_value()?,
            "quantityInvoiced" => self.quantity_invoiced = map.next_value()?,
            "quantityShipped" => self.quantity_shipped = map.next_value()?,
            "quantityReturned" => self.quantity_returned = map.next_value()?,
            "quantityRefunded" => self.quantity_refunded = map.next_value()?,
            "weight" => self.weight = map.next_value()?,
            "volume" => self.volume = map.next_value()?,
            "colli" => self.colli = map.next_value()?,
            "priceCost" => self.price_cost = map.next_value()?,
            "basePriceExcl" => self.base_price_excl = map.next_value()?,
            "basePriceIncl" => self.base_price_incl = map.next_value()?,
            "priceExcl" => self.price_excl = map.next_value()?,
            "priceIncl" => self.price_incl = map.next_value()?,
            "customExcl" => self.custom_excl = map.next_value()?,
            "customIncl" => self.custom_incl = map.next_value()?,
            "discountExcl" => self.discount_excl = map.next_value()?,
            "discountIncl" => self.discount_incl = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A shipment (§5.13).
#[derive(Debug, Clone, Default)]
pub struct ShipmentWire<'a> {
    pub stamps: Stamps<'a>,
    pub status: Raw<'a>,
    pub tracking_code: Raw<'a>,
    pub notify_shipped: Raw<'a>,
    pub notify_tracking_code: Raw<'a>,
    pub order: Maybe<Link<'a, Plain>>,
}

impl Enveloped for ShipmentWire<'_> {
    const KEY: &'static str = "shipment";
}

impl<'de> Wire<'de> for ShipmentWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "status" => self.status = map.next_value()?,
            "trackingCode" => self.tracking_code = map.next_value()?,
            "doNotifyShipped" => self.notify_shipped = map.next_value()?,
            "doNotifyTrackingCode" => self.notify_tracking_code = map.next_value()?,
            "order" => self.order = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// An invoice (§5.13).
#[derive(Debug, Clone, Default)]
pub struct InvoiceWire<'a> {
    pub stamps: Stamps<'a>,
    pub number: Raw<'a>,
    pub status: Raw<'a>,
    pub is_credit_note: Raw<'a>,
    pub order: Maybe<Link<'a, Plain>>,
}

impl Enveloped for InvoiceWire<'_> {
    const KEY: &'static str = "invoice";
}

impl<'de> Wire<'de> for InvoiceWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "number" => self.number = map.next_value()?,
            "status" => self.status = map.next_value()?,
            "isCreditNote" => self.is_credit_note = map.next_value()?,
            "order" => self.order = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// A picture, of a product or of a variant (§5.11).
#[derive(Debug, Clone, Default)]
pub struct ImageWire<'a> {
    pub thumb: Raw<'a>,
    pub src: Raw<'a>,
}

impl<'de> Wire<'de> for ImageWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "thumb" => self.thumb = map.next_value()?,
            "src" => self.src = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A product (§5.11).
#[derive(Debug, Clone, Default)]
pub struct ProductWire<'a> {
    pub stamps: Stamps<'a>,
    pub url: Raw<'a>,
    pub title: Raw<'a>,
    pub image: Maybe<ImageWire<'a>>,
}

impl Enveloped for ProductWire<'_> {
    const KEY: &'static str = "product";
}

impl<'de> Wire<'de> for ProductWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "url" => self.url = map.next_value()?,
            "title" => self.title = map.next_value()?,
            "image" => self.image = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// A variant (§5.12).
#[derive(Debug, Clone, Default)]
pub struct VariantWire<'a> {
    pub stamps: Stamps<'a>,
    pub title: Raw<'a>,
    pub article_code: Raw<'a>,
    pub sku: Raw<'a>,
    pub ean: Raw<'a>,
    pub image: Maybe<ImageWire<'a>>,
    pub product: Maybe<Link<'a, Plain>>,
}

impl Enveloped for VariantWire<'_> {
    const KEY: &'static str = "variant";
}

impl<'de> Wire<'de> for VariantWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "title" => self.title = map.next_value()?,
            "articleCode" => self.article_code = map.next_value()?,
            "sku" => self.sku = map.next_value()?,
            "ean" => self.ean = map.next_value()?,
            "image" => self.image = map.next_value()?,
            "product" => self.product = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// The list of a customer's memberships (§5.5).
#[derive(Debug, Clone, Default)]
pub struct GroupsWire<'a> {
    pub memberships: Many<MembershipWire<'a>>,
}

impl<'de> Wire<'de> for GroupsWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != GROUPS_KEY {
            return Ok(false);
        }
        self.memberships = map.next_value()?;
        Ok(true)
    }
}

/// One membership of a customer group; it has no times.
#[derive(Debug, Clone, Default)]
pub struct MembershipWire<'a> {
    pub id: Raw<'a>,
    pub group: Maybe<Link<'a, Plain>>,
    pub customer: Maybe<Link<'a, Plain>>,
}

impl<'de> Wire<'de> for MembershipWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "group" => self.group = map.next_value()?,
            "customer" => self.customer = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
