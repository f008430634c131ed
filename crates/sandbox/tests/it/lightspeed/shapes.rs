//! The keys of each record and their order, and that the simulator writes just these.
//!
//! The lists are those of lightspeed-samples, the order webhook's from its captured delivery.

use schakel_sandbox::lightspeed::{Buyer, Cart, Goods, Kind};

use super::receiver::Receiver;
use super::{keys, open, person};

const ORDER: &str = "id createdAt updatedAt number status customStatusId channel remoteIp userAgent referralId priceCost \
    priceExcl priceIncl weight volume colli gender birthDate nationalId email firstname middlename \
    lastname phone mobile newsletterSubscribed isCompany companyName companyCoCNumber companyVatNumber \
    addressBillingName addressBillingStreet addressBillingStreet2 addressBillingNumber \
    addressBillingExtension addressBillingZipcode addressBillingCity addressBillingRegion \
    addressBillingCountry addressBillingRegionData addressShippingCompany addressShippingName \
    addressShippingStreet addressShippingStreet2 addressShippingNumber addressShippingExtension \
    addressShippingZipcode addressShippingCity addressShippingRegion addressShippingCountry \
    addressShippingRegionData paymentId paymentStatus paymentIsPost paymentIsInvoiceExternal \
    paymentTaxRate paymentTaxRates paymentBasePriceExcl paymentBasePriceIncl paymentPriceExcl \
    paymentPriceIncl paymentTitle paymentData shipmentId shipmentStatus shipmentIsCashOnDelivery \
    shipmentIsPickup shipmentTaxRate shipmentTaxRates shipmentBasePriceExcl shipmentBasePriceIncl \
    shipmentPriceExcl shipmentPriceIncl shipmentDiscountExcl shipmentDiscountIncl shipmentTitle \
    shipmentData shippingDate deliveryDate isDiscounted discountType discountAmount discountPercentage \
    discountCouponCode taxRates isNewCustomer comment memo allowNotifications doNotifyNew \
    doNotifyReminder doNotifyCancelled language customer invoices shipments products metafields quote \
    events giftCardsPayment";
const CUSTOMER: &str = "id createdAt updatedAt isConfirmed type lastOnlineAt remoteIp userAgent referralId gender birthDate \
    nationalId email firstname middlename lastname phone mobile isCompany companyName companyCoCNumber \
    companyVatNumber addressBillingName addressBillingStreet addressBillingStreet2 addressBillingNumber \
    addressBillingExtension addressBillingZipcode addressBillingCity addressBillingRegion \
    addressBillingCountry addressShippingCompany addressShippingName addressShippingStreet \
    addressShippingStreet2 addressShippingNumber addressShippingExtension addressShippingZipcode \
    addressShippingCity addressShippingRegion addressShippingCountry memo doNotifyRegistered \
    doNotifyConfirmed doNotifyPassword groups invoices language orders reviews shipments tickets \
    metafields login";
const INVOICE: &str = "id createdAt updatedAt number status isVatShifted priceExcl priceIncl doNotifyNew doNotifyPaid \
    invoice isCreditNote creditNote order customer items metafields events";
const SHIPMENT_IN_WEBHOOK: &str = "id createdAt updatedAt number status trackingCode doNotifyShipped doNotifyReadyForPickup \
    doNotifyTrackingCode customer order products metafields events";
const ROW: &str = "id supplierTitle brandTitle productTitle variantTitle taxRate taxRates quantityOrdered \
    quantityInvoiced quantityShipped quantityRefunded quantityReturned articleCode ean sku weight volume \
    colli sizeX sizeY sizeZ priceCost customExcl customIncl basePriceExcl basePriceIncl priceExcl \
    priceIncl discountExcl discountIncl customFields product variant";
const QUOTE: &str = "id createdAt updatedAt recalculatedAt isLocked channel recoveryHash remoteIp userAgent referralId \
    weight volume colli paymentCountry shipmentCountry shipmentZipcode shipmentSameAddress priceCost \
    priceExcl priceIncl discountExcl discountIncl productsCount productsQuantity shipmentIsSet \
    shipmentId shipmentIsVirtual shipmentIsCashOnDelivery shipmentDiscountPercentage \
    shipmentIsServicePoint shipmentIsPickup shipmentTaxRate shipmentBasePriceExcl shipmentBasePriceIncl \
    shipmentPriceTax shipmentPriceExcl shipmentPriceIncl shipmentDiscountExcl shipmentDiscountIncl \
    shipmentTitle shipmentData paymentIsSet paymentId paymentIsPost paymentIsInvoiceExternal paymentData \
    paymentTaxRate paymentBasePriceExcl paymentBasePriceIncl paymentPriceTax paymentPriceExcl \
    paymentPriceIncl additionalCostIncl additionalCostExcl paymentTitle discountIsSet discountId \
    discountType discountAmount discountPercentage discountShipment discountMinimumAmount \
    discountCouponCode comment allowNotifications customer language products shippingmethods \
    paymentmethods";
const EVENT: &str = "id createdAt channel type message comment order invoice shipment";
const PRODUCT: &str = "id createdAt updatedAt isVisible visibility hasMatrix data01 data02 data03 url title fulltitle \
    description content set brand categories deliverydate image images relations metafields reviews type \
    attributes supplier tags variants movements templateDataFields";
const VARIANT: &str = "id createdAt updatedAt isDefault sortOrder articleCode ean sku hs unitPrice unitUnit priceExcl \
    priceIncl priceCost oldPriceExcl oldPriceIncl stockTracking stockLevel stockAlert stockMinimum \
    stockSold stockBuyMininum stockBuyMinimum stockBuyMaximum weight weightValue weightUnit volume \
    volumeValue volumeUnit colli sizeX sizeY sizeZ sizeXValue sizeYValue sizeZValue sizeUnit matrix \
    title taxType image tax product movements metafields additionalcost options";
const QUOTE_PRODUCTS: &str = "id createdAt updatedAt isCustom customFields baseWeight baseVolume baseColli basePriceCost \
    basePriceExcl basePriceIncl weight volume colli quantity hasDiscount discountPercentage taxRate \
    priceCost priceTax priceExcl priceIncl discountExcl discountIncl additionalCostIncl \
    additionalCostExcl baseAdditionalCostIncl baseAdditionalCostExcl product variant";
const SHIPMENT: &str = "id createdAt updatedAt number status trackingCode doNotifyShipped doNotifyReadyForPickup \
    doNotifyTrackingCode totalWeight totalSizeX totalSizeY totalSizeZ customer order products metafields \
    events";
const SUBSCRIPTION: &str =
    "id createdAt updatedAt isConfirmed email firstname lastname doNotifyConfirmed language";
const GROUP: &str = "id createdAt updatedAt title customers";
const WEBHOOK: &str = "id createdAt updatedAt isActive itemGroup itemAction language format address";
const SHOP: &str = "id createdAt status isB2b isRetail subDomain mainDomain email phone fax street street2 zipcode city \
    region country vatNumber cocNumber industry currency company limits javascript website scripts \
    metafields";
const SHOP_COMPANY: &str = "name owner cocNumber cocLocation vatNumber nationalId phone email fax street street2 zipcode city \
    region country bankName bankAccountHolder bankAccountNumber bankLocation bankCode bankIban bankSwift";
const ACCOUNT: &str = "id appId apiKey signout permissions ratelimit metafields";

/// Says in which order the members of the object at `path` (keys and positions) were written.
fn written(text: &str, path: &[&str]) -> String {
    keys(text, path).join(" ")
}

/// An order is told with its relations one level deep.
///
/// Fidelity: lightspeed-ecom.md 76 — exact
#[tokio::test]
async fn l076_an_order_webhook_has_the_keys_of_the_capture_in_their_order() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("orders", "created", &receiver.address).await;
    let variant = world.shop.ids(Kind::Variant)[0];
    let goods = vec![Goods {
        variant: Some(variant),
        quantity: 1,
    }];
    let quote = world.shop.fill_cart(&Cart {
        customer: None,
        goods,
    });
    world.order_from(Buyer::Guest(person("volgorde@example.org")), Some(quote));
    world.shop.webhooks_idle().await;
    let got = receiver.got();
    let text = got[0].text();
    assert_eq!(written(text, &["order"]), ORDER);
    let embedded = |name| vec!["order", name, "resource", "embedded"];
    let first = |name| [embedded(name), vec!["0"]].concat();
    assert_eq!(written(text, &embedded("customer")), CUSTOMER);
    assert_eq!(written(text, &embedded("quote")), QUOTE);
    assert_eq!(written(text, &first("invoices")), INVOICE);
    assert_eq!(written(text, &first("shipments")), SHIPMENT_IN_WEBHOOK);
    assert_eq!(written(text, &first("products")), ROW);
    assert_eq!(written(text, &first("events")), EVENT);
    assert_eq!(
        keys(text, &["order", "customer", "resource"]),
        ["id", "url", "link", "embedded"]
    );
    assert_eq!(
        keys(
            text,
            &["order", "customer", "resource", "embedded", "groups", "resource"]
        ),
        ["id", "url", "link"]
    );
}

#[tokio::test]
async fn answers_have_the_keys_of_the_samples_and_links_only() {
    let world = open();
    let receiver = Receiver::open().await;
    let hook = world.hook("orders", "created", &receiver.address).await;
    let variant = world.shop.ids(Kind::Variant)[0];
    let product = world.shop.ids(Kind::Product)[0];
    let goods = vec![Goods {
        variant: Some(variant),
        quantity: 1,
    }];
    let quote = world.shop.fill_cart(&Cart {
        customer: None,
        goods,
    });
    let order = world.order_from(Buyer::Guest(person("links@example.org")), Some(quote));
    let facts = world.shop.order(order).unwrap();
    let subscription = world.shop.subscribe(super::subscription("links@example.org"));
    let group = world.get("/nl/groups.json").await.json()["groups"][0]["id"].to_string();
    let cases = [
        (format!("orders/{order}"), vec!["order"], ORDER),
        (
            format!("customers/{}", facts.customer.unwrap()),
            vec!["customer"],
            CUSTOMER,
        ),
        (format!("quotes/{quote}"), vec!["quote"], QUOTE),
        (format!("invoices/{}", facts.invoice), vec!["invoice"], INVOICE),
        (
            format!("shipments/{}", facts.shipment),
            vec!["shipment"],
            SHIPMENT,
        ),
        (
            format!("orders/{order}/products"),
            vec!["orderProducts", "0"],
            ROW,
        ),
        (
            format!("quotes/{quote}/products"),
            vec!["quoteProducts", "0"],
            QUOTE_PRODUCTS,
        ),
        ("orders/events".to_owned(), vec!["ordersEvents", "0"], EVENT),
        (format!("products/{product}"), vec!["product"], PRODUCT),
        (format!("variants/{variant}"), vec!["variant"], VARIANT),
        (
            format!("subscriptions/{subscription}"),
            vec!["subscription"],
            SUBSCRIPTION,
        ),
        (format!("groups/{group}"), vec!["group"], GROUP),
        (format!("webhooks/{hook}"), vec!["webhook"], WEBHOOK),
        ("shop".to_owned(), vec!["shop"], SHOP),
        ("shop/company".to_owned(), vec!["shopCompany"], SHOP_COMPANY),
        ("account".to_owned(), vec!["account"], ACCOUNT),
    ];
    for (path, place, expected) in cases {
        let answer = world.get(&format!("/nl/{path}.json")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(written(&answer.text, &place), expected, "{path}");
        assert!(
            !answer.text.contains("embedded") && !answer.text.contains(r"http:\/\/api"),
            "{path}"
        );
    }
}
