//! Payloads in the shape of lightspeed-ecom.md §5, about obviously invented people.

use serde_json::{Value, json};

/// A moment of the story, in whole seconds after 2026-05-12T12:00:00+02:00.
pub fn at(second: u32) -> String {
    format!("2026-05-12T12:{:02}:{:02}+02:00", second / 60, second % 60)
}

fn language() -> Value {
    json!({"id": 1, "code": "nl", "locale": "nl_NL", "title": "Nederlands"})
}

fn link(kind: &str, id: i64) -> Value {
    json!({"resource": {"id": id, "url": format!("{kind}/{id}"), "link": format!("http://api.example.org/nl/{kind}/{id}.json")}})
}

/// A customer record; `kind` is `registered` or `guest`.
pub fn customer(id: i64, kind: &str, email: &str, updated: u32) -> Value {
    json!({
        "id": id, "createdAt": at(0), "updatedAt": at(updated), "isConfirmed": kind == "registered", "type": kind,
        "lastOnlineAt": null, "gender": false, "birthDate": false, "nationalId": "", "email": email,
        "firstname": format!("Voornaam{id}"), "middlename": "van", "lastname": format!("Achternaam{id}"),
        "phone": "010 0000000", "mobile": "", "isCompany": false, "companyName": "",
        "addressBillingName": "", "addressBillingStreet": "Voorbeeldstraat", "addressBillingNumber": "1",
        "addressBillingExtension": "a", "addressBillingZipcode": "1000 AA", "addressBillingCity": "Voorbeeldstad",
        "addressBillingRegion": "", "addressBillingCountry": {"id": 150, "code": "nl", "code3": "nld", "title": "Nederland"},
        "addressShippingCountry": false, "language": if kind == "registered" { language() } else { json!(false) },
    })
}

/// A newsletter subscription.
pub fn subscription(id: i64, email: &str, is_confirmed: bool, created: u32, updated: u32) -> Value {
    json!({"id": id, "createdAt": at(created), "updatedAt": at(updated), "isConfirmed": is_confirmed, "email": email,
        "firstname": "Voornaam", "lastname": "Achternaam", "language": language()})
}

/// A cart; `customer` 0 is an anonymous one.
pub fn quote(id: i64, customer: i64, updated: u32) -> Value {
    let customer = if customer == 0 {
        json!(false)
    } else {
        link("customers", customer)
    };
    json!({"id": id, "createdAt": at(1), "updatedAt": at(updated), "recoveryHash": format!("{id:032x}"), "customer": customer})
}

/// One row of an order; `product` 0 is a row without a product.
pub fn row(id: i64, product: i64) -> Value {
    let (product, variant) = if product == 0 {
        (json!(false), json!(false))
    } else {
        (link("products", product), link("variants", product + 1))
    };
    json!({"id": id, "productTitle": format!("Artikel {id}"), "variantTitle": "Default", "quantityOrdered": 1,
        "quantityInvoiced": 1, "quantityShipped": 0, "quantityRefunded": 0, "quantityReturned": 0, "articleCode": "A-1",
        "ean": "", "sku": "", "weight": null, "volume": 0, "colli": 0, "priceCost": 2.5, "customExcl": 0, "customIncl": 0,
        "basePriceExcl": 74.3388, "basePriceIncl": 89.95, "priceExcl": 74.3388, "priceIncl": 89.95, "discountExcl": 0,
        "discountIncl": 0, "customFields": false, "product": product, "variant": variant})
}

/// What an order is made of.
pub struct NewOrder {
    /// Id at the shop.
    pub id: i64,
    /// The embedded customer; `None` for an order without one.
    pub customer: Option<Value>,
    /// The address on the order itself.
    pub email: String,
    /// The rows.
    pub rows: Vec<Value>,
    /// The cart it came from.
    pub quote: Option<Value>,
    /// `updatedAt`.
    pub updated: u32,
    /// Status.
    pub status: String,
}

/// An order webhook's record, relations embedded.
pub fn order(new: &NewOrder) -> Value {
    let embed = |kind: &str, record: &Value| {
        let id = &record["id"];
        json!({"resource": {"id": id, "url": format!("{kind}/{id}"), "link": "", "embedded": record}})
    };
    let customer = new
        .customer
        .as_ref()
        .map_or(json!(false), |customer| embed("customers", customer));
    let quote = new
        .quote
        .as_ref()
        .map_or(json!(false), |quote| embed("quotes", quote));
    json!({
        "id": new.id, "createdAt": at(2), "updatedAt": at(new.updated), "number": format!("ORD{:05}", new.id % 100_000),
        "status": new.status, "channel": "main", "referralId": false, "priceCost": 45.5, "priceExcl": 111.45,
        "priceIncl": 134.85, "weight": 1900, "volume": 0, "colli": 0, "email": new.email, "firstname": "Gast",
        "middlename": "", "lastname": "Besteller", "isDiscounted": false, "discountType": "amount", "discountAmount": 0,
        "discountPercentage": 0, "discountCouponCode": "", "paymentId": "external", "paymentStatus": "not_paid",
        "paymentTitle": "Payments - iDEAL", "paymentData": {"method": "ideal"}, "shipmentTitle": "Pakket",
        "shipmentStatus": "not_shipped", "language": language(), "customer": customer, "quote": quote,
        "products": {"resource": {"id": false, "url": format!("orders/{}/products", new.id), "link": "", "embedded": new.rows}},
        "shipments": {"resource": {"id": false, "url": "", "link": "", "embedded": []}},
    })
}

/// A plain order of a registered customer with `rows` rows without products.
pub fn plain_order(id: i64, customer: &Value, rows: i64, updated: u32) -> Value {
    let email = customer["email"].as_str().unwrap_or_default().to_owned();
    let rows = (0..rows).map(|index| row(id * 10 + index, 0)).collect();
    let customer = Some(customer.clone());
    order(&NewOrder {
        id,
        customer,
        email,
        rows,
        quote: None,
        updated,
        status: "processing_awaiting_payment".to_owned(),
    })
}
